//! What two real services export to a real OTLP receiver, and what they never say to anybody.

use std::time::Duration;

use kith_platform::causality::{AFTER, CAUSED};
use kith_platform::clock::Clock;
use kith_platform::id::Ids;
use kith_proto::METHODS;
use kith_proto::common::v1::GetBacklogRequest;
use kith_proto::common::v1::operations_service_client::OperationsServiceClient;
use kith_proto::identity::v1::people_service_client::PeopleServiceClient;
use kith_proto::identity::v1::sign_in_service_client::SignInServiceClient;
use kith_proto::identity::v1::tenant_service_client::TenantServiceClient;
use kith_proto::identity::v1::{
    AcceptInvitationRequest, BootstrapHostRequest, CreateTenantRequest, GetPeopleRequest,
    InvitePersonRequest, SignInRequest,
};
use kith_tests::collector::Collector;
use kith_tests::stack::Stack;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use tonic::transport::Channel;
use tonic::{Code, Request};

/// Trace ids of three calls, and the span that each caller says it is in.
const CREATING: &str = "0af7651916cd43dd8448eb211c80319c";
const LAST: &str = "1bf7651916cd43dd8448eb211c80319d";
const CALLER: &str = "b7ad6b7169203331";

const CREATE_TENANT: &str = "/kith.identity.v1.TenantService/CreateTenant";
const GET_PEOPLE: &str = "/kith.identity.v1.PeopleService/GetPeople";

/// What was put in through the API and must not come out of it.
const CANARIES: &[&str] = &[
    "Canary Co-op of Nowhere",
    "Zebulon Quartermain",
    "canary.operator@example.org",
    "canary.person@example.org",
    "an operator's canary pass phrase",
    "a person's canary pass phrase",
    "a wrong canary pass phrase",
    "canary-token-that-is-none",
];

fn traced<M>(message: M, token: Option<&str>, trace: Option<&str>) -> Request<M> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().expect("a header"));
    }
    if let Some(trace) = trace {
        let header = format!("00-{trace}-{CALLER}-01").parse().expect("a header");
        request.metadata_mut().insert("traceparent", header);
    }
    request
}

/// The services' channels and what was said in secret on the way.
struct Journey {
    identity: Channel,
    teams: Channel,
    ids: Ids,
    secrets: Vec<String>,
}

impl Journey {
    fn id(&self) -> String {
        self.ids.uuid(Clock::System.now()).to_string()
    }

    async fn sign_in(&mut self, email: &str, password: &str, as_operator: bool) -> String {
        let request = SignInRequest {
            email: email.into(),
            password: password.into(),
            tenant: String::new(),
            as_operator,
        };
        let answer = SignInServiceClient::new(self.identity.clone()).sign_in(request).await;
        let tokens = answer.expect("signed in").into_inner().tokens.expect("tokens");
        self.secrets.extend([tokens.access_token.clone(), tokens.refresh_token]);
        tokens.access_token
    }

    /// Founds a tenant under the trace `CREATING`; answers its administrator's token and what was caused.
    async fn found(&mut self, host_code: String) -> (String, String) {
        let mut tenants = TenantServiceClient::new(self.identity.clone());
        let (email, password) = (CANARIES[2], CANARIES[4]);
        self.secrets.push(host_code.clone());
        let bootstrap = BootstrapHostRequest {
            request_id: self.id(),
            host_code,
            email: email.into(),
            password: password.into(),
        };
        tenants.bootstrap_host(bootstrap).await.expect("the first operator");
        let operator = self.sign_in(email, password, true).await;
        let create = CreateTenantRequest {
            request_id: self.id(),
            id: String::new(),
            slug: "nowhere".into(),
            display_name: CANARIES[0].into(),
            time_zone: "Europe/London".into(),
            ..Default::default()
        };
        let created = tenants.create_tenant(traced(create, Some(&operator), Some(CREATING))).await;
        let created = created.expect("the tenant");
        let caused = created.metadata().get(CAUSED).expect("an event").to_str().expect("text").to_owned();
        let invitation = created.into_inner().administrator_invitation;
        self.secrets.push(invitation.clone());
        let accept = AcceptInvitationRequest {
            request_id: self.id(),
            invitation,
            email: CANARIES[3].into(),
            password: CANARIES[5].into(),
        };
        PeopleServiceClient::new(self.identity.clone()).accept_invitation(accept).await.expect("accepted");
        (self.sign_in(CANARIES[3], CANARIES[5], false).await, caused)
    }

    /// Waits until teams has applied what was caused: the door waits, and says when it waited in vain.
    async fn until_applied(&self, token: &str, caused: &str) {
        let mut operations = OperationsServiceClient::new(self.teams.clone());
        for _ in 0..15 {
            let mut request = traced(GetBacklogRequest {}, Some(token), None);
            request.metadata_mut().insert(AFTER, caused.parse().expect("a header"));
            match operations.get_backlog(request).await {
                Ok(_) => return,
                // Also while teams has not fetched the new key: it looks at once, and we ask again.
                Err(status) => {
                    assert!(matches!(status.code(), Code::Unavailable | Code::Unauthenticated), "{status:?}");
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("teams has not heard of the tenant");
    }

    /// Calls that are refused, each with something that must not be repeated anywhere.
    async fn be_refused(&mut self, administrator: &str) {
        let wrong = SignInRequest {
            email: CANARIES[3].into(),
            password: CANARIES[6].into(),
            tenant: String::new(),
            as_operator: false,
        };
        SignInServiceClient::new(self.identity.clone()).sign_in(wrong).await.expect_err("wrong");
        let mut people = PeopleServiceClient::new(self.identity.clone());
        let nonsense = GetPeopleRequest { ids: vec![CANARIES[1].into()] };
        people.get_people(traced(nonsense, Some(administrator), None)).await.expect_err("no id");
        let request = GetPeopleRequest { ids: vec![self.id()] };
        people.get_people(traced(request, Some(CANARIES[7]), None)).await.expect_err("no token");
    }

    /// Invites somebody, then asks for their name under the trace `LAST`.
    async fn invite_and_look(&mut self, administrator: &str) {
        let mut people = PeopleServiceClient::new(self.identity.clone());
        let invite = InvitePersonRequest {
            request_id: self.id(),
            id: String::new(),
            display_name: CANARIES[1].into(),
            roles: Vec::new(),
            email: String::new(),
        };
        let invited = people.invite_person(traced(invite, Some(administrator), None)).await;
        let invited = invited.expect("invited").into_inner();
        self.secrets.push(invited.invitation);
        let ids = vec![invited.person.expect("a person").id];
        let look = people.get_people(traced(GetPeopleRequest { ids }, Some(administrator), Some(LAST)));
        let seen = look.await.expect("the name").into_inner();
        assert_eq!(seen.people[0].display_name, CANARIES[1], "the canary is in the database");
    }
}

/// Spans, links and figures reach a collector, the last of them at a soft stop; nothing in them, and nothing in the
/// logs, is a name, an address, a password or a token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_exported_is_whole_and_says_nothing_of_anybody() {
    let collector = Collector::start().await;
    let endpoint = format!("http://{}", collector.address);
    let mut stack = Stack::start_some(&["identity", "teams"], None, |config| {
        config.telemetry.otlp.clone_from(&endpoint);
        config.telemetry.log = "info,kith=debug".into();
    })
    .await;
    let channel = |name: &str| Channel::from_shared(stack.address(name)).expect("an address").connect_lazy();
    let mut journey = Journey {
        identity: channel("identity"),
        teams: channel("teams"),
        ids: Ids::system(),
        secrets: Vec::new(),
    };
    let host_code = stack.config("identity").secret("host_code").expect("the code").reveal().to_owned();
    let (administrator, caused) = journey.found(host_code).await;
    journey.until_applied(&administrator, &caused).await;
    journey.be_refused(&administrator).await;
    journey.invite_and_look(&administrator).await;
    let before_the_stop = collector.spans().len();
    for name in ["identity", "teams"] {
        assert!(stack.stop(name), "{name} stops in good order");
    }

    let spans = collector.spans();
    let of_trace = |trace: &str| {
        let bytes = trace_id(trace);
        spans.iter().filter(|exported| exported.span.trace_id == bytes).cloned().collect::<Vec<_>>()
    };
    let [creating] = &of_trace(CREATING)[..] else { panic!("one span in the caller's trace: {spans:#?}") };
    assert_eq!(creating.service, "kith-identity");
    assert_eq!(creating.attribute("rpc.method").as_deref(), Some(CREATE_TENANT));
    assert_eq!(creating.attribute("rpc.grpc.status_code").as_deref(), Some("0"));
    assert_eq!(creating.span.kind, SpanKind::Server as i32);
    assert_eq!(creating.span.parent_span_id, trace_id(CALLER), "the caller's span is the parent");

    let applied: Vec<_> = spans
        .iter()
        .filter(|exported| exported.service == "kith-teams" && exported.span.name == "apply")
        .filter(|exported| exported.span.links.iter().any(|link| link.trace_id == creating.span.trace_id))
        .collect();
    assert!(!applied.is_empty(), "teams applied what the call caused, linked to it");
    for exported in &applied {
        assert_ne!(exported.span.trace_id, creating.span.trace_id, "linked, not part of the trace");
        let link = exported.span.links.iter().find(|link| link.trace_id == creating.span.trace_id);
        assert_eq!(link.map(|link| &link.span_id), Some(&creating.span.span_id), "to the call itself");
    }
    let types: Vec<_> = applied.iter().filter_map(|exported| exported.attribute("event.type")).collect();
    assert!(types.iter().any(|event| event == "identity.tenant.created.v1"), "{types:?}");

    let last = of_trace(LAST);
    assert_eq!(last.len(), 1, "the last call's span came with the soft stop");
    assert_eq!(last[0].attribute("rpc.method").as_deref(), Some(GET_PEOPLE));

    let durations: Vec<_> =
        collector.points().into_iter().filter(|point| point.metric == "rpc.server.duration").collect();
    for service in ["kith-identity", "kith-teams"] {
        assert!(durations.iter().any(|point| point.service == service), "{service} sends its figures");
    }
    let calls: u64 = durations.iter().map(|point| point.count).sum();
    for point in collector.points() {
        for (label, value) in &point.labels {
            let known = match label.as_str() {
                "rpc.method" => METHODS.iter().any(|method| method.path == value),
                "rpc.grpc.status_code" => value.parse::<u8>().is_ok_and(|code| code <= 16),
                _ => false,
            };
            assert!(known, "{}: the label {label}={value} could name somebody", point.metric);
        }
    }

    let exported = collector.bytes();
    let mut log = Vec::new();
    for name in ["identity", "teams"] {
        log.extend(std::fs::read(stack.log(name)).expect("a log"));
    }
    let canaries: Vec<&str> =
        CANARIES.iter().copied().chain(journey.secrets.iter().map(String::as_str)).collect();
    for canary in &canaries {
        assert!(canary.len() > 7, "a canary that cannot be there by chance");
        assert!(!holds(&exported, canary), "{canary} was exported");
        assert!(!holds(&log, canary), "{canary} was logged");
    }
    println!(
        "telemetry: spans {} ({before_the_stop} before the stop), links to the producer {}, calls measured {calls}, \
         bytes exported {}, bytes logged {}, canaries {} of {}",
        spans.len(),
        applied.len(),
        exported.len(),
        log.len(),
        0,
        canaries.len()
    );
}

fn trace_id(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn holds(bytes: &[u8], canary: &str) -> bool {
    bytes.windows(canary.len()).any(|window| window == canary.as_bytes())
}
