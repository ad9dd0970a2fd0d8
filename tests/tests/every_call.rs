//! Every RPC of the contracts is called by those who must be refused: a new one cannot be forgotten, since the list is
//! the descriptor set itself.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use kith_platform::auth::TokenKey;
use kith_platform::clock::Clock;
use kith_platform::context::Actor;
use kith_platform::id::{Ids as Random, PersonId, TenantId, Uuid};
use kith_proto::common::v1::OrganisationRole::{Administrator, Checks, PrivacyLead};
use kith_proto::{Access, METHODS, Method};
use kith_tests::filler::{Filler, Ids};
use kith_tests::founding::Founded;
use kith_tests::people::{Raw, kid_of, service_of, signing_key};
use kith_tests::stack::Stack;
use prost::Message as _;
use sqlx::Row as _;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// The reviewed list: what anybody on the network may call. Each says why.
const PUBLIC: &[(&str, &str)] = &[
    ("/kith.identity.v1.TenantService/BootstrapHost", "spends the one-time host code"),
    ("/kith.identity.v1.SignInService/SignIn", "how one becomes somebody"),
    ("/kith.identity.v1.SignInService/Refresh", "spends a refresh token"),
    ("/kith.identity.v1.SignInService/GetKeys", "public keys"),
    ("/kith.identity.v1.PeopleService/AcceptInvitation", "spends a single-use invitation"),
    ("/kith.identity.v1.PeopleService/ConfirmInvitation", "spends a code from a mail; answers uniformly"),
    (
        "/kith.identity.v1.CredentialService/SignInWithRecoveryCode",
        "spends a recovery code; answers uniformly",
    ),
    ("/kith.identity.v1.CredentialService/ResetPassword", "spends a recovery code; answers uniformly"),
    ("/kith.identity.v1.PasskeyService/BeginPasskeySignIn", "a challenge that names nobody"),
    ("/kith.identity.v1.PasskeyService/FinishPasskeySignIn", "spends a challenge; answers uniformly"),
    ("/kith.identity.v1.IntegratorService/SignInIntegrator", "how another system becomes itself"),
    ("/kith.identity.v1.ProviderService/BeginProviderSignIn", "where to go; tells of the provider only"),
    ("/kith.identity.v1.ProviderService/FinishProviderSignIn", "spends a state; answers uniformly"),
    ("/kith.evaluation.v1.RoundsService/AnswerRound", "spends a single-use reply code"),
];

/// The reviewed list: what every person of a tenant may call, whatever their place in it.
const ANY_PERSON: &[&str] = &[
    "/kith.common.v1.OperationsService/GetBacklog",
    "/kith.common.v1.AccessLogService/ListAccesses",
    "/kith.identity.v1.BreakGlassReviewService/ChooseContact",
    "/kith.identity.v1.BreakGlassReviewService/ListBreakGlassNotices",
    "/kith.identity.v1.TenantService/GetTenant",
    "/kith.identity.v1.SignInService/SignOut",
    "/kith.identity.v1.PeopleService/GetPeople",
    "/kith.teams.v1.TeamsService/StartTeam",
    "/kith.teams.v1.TeamsService/ListTeams",
    "/kith.teams.v1.TeamsService/GetPromiseText",
    "/kith.matching.v1.GiversService/RegisterGiver",
    "/kith.matching.v1.OpportunitiesService/ListIntroductions",
    "/kith.appointments.v1.SeriesService/PreviewSeries",
    "/kith.finance.v1.RulesService/ListRules",
    "/kith.finance.v1.LedgerService/GetCareCoins",
    "/kith.finance.v1.LedgerService/GiveCareCoins",
    "/kith.governance.v1.CirclesService/GetCircle",
    "/kith.governance.v1.CirclesService/ListCircles",
    "/kith.governance.v1.ProposalsService/GetDecision",
    "/kith.governance.v1.ProposalsService/ListDecisions",
];

/// What a confused gateway, or somebody who hopes for one, might say of a caller beside the token: all of it is nobody's.
const FORGED_TENANT: &[&str] = &[
    "tenant",
    "tenant-id",
    "tenant_id",
    "x-tenant",
    "x-tenant-id",
    "kith-tenant",
    "kith-tenant-id",
    "x-kith-tenant",
    "x-forwarded-tenant",
    "x-forwarded-host",
    "x-scope-orgid",
];
const FORGED_PERSON: &[&str] = &[
    "person-id",
    "x-person-id",
    "kith-person",
    "kith-actor",
    "x-kith-person",
    "x-user-id",
    "x-auth-request-user",
    "x-forwarded-user",
    "x-authenticated-userid",
    "remote-user",
];
const FORGED_TOKEN: &[&str] = &[
    "x-authorization",
    "proxy-authorization",
    "x-original-authorization",
    "x-forwarded-access-token",
    "x-access-token",
    "token",
    "cookie",
];
/// How often hit and miss are compared before they count as different: lists grow meanwhile.
const LOOKS: usize = 3;
/// What ends a place for good comes last, so that everything before is asked by somebody of the place.
const LAST: &[&str] = &["/LeaveTenant"];

type Headers = Vec<(&'static str, String)>;

struct Caller {
    channels: Vec<(&'static str, Channel)>,
    filler: Filler,
    random: Random,
    key: TokenKey,
}

/// Somebody of another tenant, with what they send.
struct Foreigner {
    who: &'static str,
    token: String,
    headers: Headers,
}

/// What was tried, and what should not have been possible.
#[derive(Default)]
struct Tally {
    cells: usize,
    compared: usize,
    leaks: Vec<String>,
}

/// Where a method is served: those of the common contracts everywhere.
fn servers(method: &'static Method) -> Vec<&'static str> {
    let all = kith_tests::services().into_iter().map(|service| service.name);
    all.filter(|name| is_common(method) || service_of(method) == *name).collect()
}

fn is_common(method: &Method) -> bool {
    method.path.starts_with("/kith.common.")
}

fn forged(tenant: TenantId, person: PersonId, token: &str) -> Headers {
    let mut headers = Headers::new();
    headers.extend(FORGED_TENANT.iter().map(|name| (*name, tenant.to_string())));
    headers.extend(FORGED_PERSON.iter().map(|name| (*name, person.to_string())));
    headers.extend(FORGED_TOKEN.iter().map(|name| (*name, format!("Bearer {token}"))));
    headers.extend([("x-roles", "administrator".to_owned()), ("x-forwarded-proto", "https".to_owned())]);
    headers
}

/// What a token says, without the signature that would make it so.
fn unsigned(token: &str) -> [(&'static str, String); 4] {
    let parts: Vec<&str> = token.split('.').collect();
    let (claims, signature, kid) = (parts[1], parts[2], kid_of(token));
    let header = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let (bare, capital) = (header(r#"{"typ":"JWT","alg":"none"}"#), header(r#"{"typ":"JWT","alg":"None"}"#));
    let with_kid = header(&format!(r#"{{"typ":"JWT","alg":"none","kid":"{kid}"}}"#));
    let symmetric = header(&format!(r#"{{"typ":"JWT","alg":"HS256","kid":"{kid}"}}"#));
    [
        ("alg none", format!("{bare}.{claims}.")),
        ("alg None", format!("{capital}.{claims}.")),
        ("alg none with a signature", format!("{with_kid}.{claims}.{signature}")),
        ("alg HS256", format!("{symmetric}.{claims}.{signature}")),
    ]
}

impl Caller {
    async fn call(
        &self,
        (service, method): (&str, &Method),
        body: Vec<u8>,
        token: Option<&str>,
        headers: &[(&'static str, String)],
    ) -> Result<Vec<u8>, Status> {
        let channel = self.channels.iter().find(|(name, _)| *name == service).expect("one of the seven");
        let mut client = tonic::client::Grpc::new(channel.1.clone());
        client.ready().await.expect("the service is there");
        let mut request = tonic::Request::new(body);
        for (name, value) in headers {
            request.metadata_mut().insert(*name, value.parse().expect("a header"));
        }
        if let Some(token) = token {
            request
                .metadata_mut()
                .insert("authorization", format!("Bearer {token}").parse().expect("a header"));
        }
        let path = http::uri::PathAndQuery::from_static(method.path);
        client.unary(request, path, Raw).await.map(tonic::Response::into_inner)
    }

    fn fill(&self, method: &Method, ids: &Ids) -> Vec<u8> {
        self.filler.fill(method.input, ids, &mut || self.uuid().to_string()).encode_to_vec()
    }

    fn uuid(&self) -> Uuid {
        self.random.uuid(Clock::System.now())
    }

    fn token(&self, actor: Actor) -> String {
        self.key.sign("kith", "kith", actor, Clock::System.now()).expect("a token")
    }

    fn person_of(&self, tenant: TenantId) -> Actor {
        self.as_person(tenant, PersonId(self.uuid()))
    }

    fn as_person(&self, tenant: TenantId, person: PersonId) -> Actor {
        Actor::Person { tenant, person, session: self.uuid() }
    }

    /// Ids that exist elsewhere are as unknown as ids that never were: says how the answers differ, where they do.
    async fn hit_and_miss(&self, at: (&str, &Method), ids: &Ids, foreigner: &Foreigner) -> Option<String> {
        let mut difference = String::new();
        for _ in 0..LOOKS {
            let request_id = self.uuid().to_string();
            let hit = self.filler.fill(at.1.input, ids, &mut || request_id.clone()).encode_to_vec();
            let miss = || {
                let unknown = ids.keys().map(|name| (name.clone(), self.uuid().to_string())).collect();
                // The same request under another id, so that it is not a repeat.
                replace(substitute(&hit, ids, &unknown), &request_id, &self.uuid().to_string())
            };
            let token = Some(foreigner.token.as_str());
            // What can be done once only is done now.
            let (first, second) = (miss(), miss());
            let _: Result<_, _> = self.call(at, first, token, &foreigner.headers).await;
            let hit = self.call(at, hit.clone(), token, &foreigner.headers).await;
            let miss = self.call(at, second, token, &[]).await;
            let (hit, miss) = (self.said(at.1, hit), self.said(at.1, miss));
            if hit == miss {
                return None;
            }
            difference = format!("{} at {} by {}: {hit} against {miss}", at.1.path, at.0, foreigner.who);
        }
        Some(difference)
    }

    /// Everything of an answer or a refusal that does not differ each time; headers and trailers of a refusal, too.
    fn said(&self, method: &Method, answer: Result<Vec<u8>, Status>) -> String {
        match answer {
            Ok(answer) => format!("answered {}", self.filler.shape(method.output, &answer)),
            Err(status) => {
                let mut headers = status.metadata().clone();
                headers.remove("date");
                format!("{:?} {} {:?} {headers:?}", status.code(), status.message(), status.details())
            }
        }
    }
}

/// Runs the month, so that every kind of thing exists, and looks up one id of each.
async fn stage() -> (Stack, Caller, TenantId, Ids) {
    let stack = Stack::start().await;
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/../services/kith/data/first_month/scenario.json");
    let month = stack.kith(&["month", scenario]).output().expect("kith is built");
    assert!(month.status.success(), "{}", String::from_utf8_lossy(&month.stderr));

    let mut ids = Ids::new();
    let mut channels = Vec::new();
    for service in kith_tests::services() {
        let mut admin = stack.admin(service.name).await;
        let tables: Vec<String> = sqlx::query_scalar(
            "select c.table_name::text from information_schema.columns c
             where c.table_schema = 'public' and c.column_name = 'id' and c.data_type = 'uuid'
                 and exists (select from information_schema.columns t where t.table_schema = 'public'
                     and t.table_name = c.table_name and t.column_name = 'tenant_id')",
        )
        .fetch_all(&mut admin)
        .await
        .expect("the tables");
        for table in tables {
            let sql = sqlx::AssertSqlSafe(format!("select id from \"{table}\" order by id limit 1"));
            if let Some(row) = sqlx::query(sql).fetch_optional(&mut admin).await.expect("a row") {
                let id: Uuid = row.get(0);
                ids.insert(format!("{}.{table}", service.name), id.to_string());
                ids.entry(table).or_insert_with(|| id.to_string());
            }
        }
        let channel = Channel::from_shared(stack.address(service.name)).expect("an address").connect_lazy();
        channels.push((service.name, channel));
    }
    let mut admin = stack.admin("identity").await;
    let key = signing_key(&stack).await;
    let tenant: Uuid =
        sqlx::query_scalar("select tenant_id from tenant").fetch_one(&mut admin).await.expect("the tenant");
    let caller = Caller { channels, filler: Filler::new(), random: Random::system(), key };
    (stack, caller, TenantId(tenant), ids)
}

/// Invariants A1 and T2 over every RPC there is.
#[tokio::test]
async fn every_call_is_refused_to_those_who_may_not() {
    let said: BTreeSet<&str> =
        METHODS.iter().filter(|method| method.access == Access::Public).map(|m| m.path).collect();
    let reviewed: BTreeSet<&str> = PUBLIC.iter().map(|(path, _)| *path).collect();
    assert_eq!(said, reviewed, "the public RPCs are those of the reviewed list");

    let (stack, caller, tenant, ids) = stage().await;
    let mut tally = Tally::default();

    // A second tenant that all seven know, with nothing in it; and a live one with people who may do most.
    let elsewhere = TenantId(caller.uuid());
    for service in kith_tests::services() {
        let mut admin = stack.admin(service.name).await;
        sqlx::query("insert into platform.tenant (tenant_id, state, time_zone, epoch) values ($1, 'preparing', 'Europe/London', 1)")
            .bind(elsewhere.0)
            .execute(&mut admin)
            .await
            .expect("the tenant is known");
    }
    let neighbours = Founded::new(&stack, "neighbours", "neighbour").await;
    let (checks, email) = ("Checks and privacy", "checks@neighbours.example");
    let checks = neighbours.invite(checks, email, &[Checks, PrivacyLead]).await;
    let email = "second@neighbours.example";
    let second = neighbours.invite("Second administrator", email, &[Administrator]).await;
    neighbours.people.until_settled().await;
    let theirs = |who, person| {
        let token = caller.token(caller.as_person(neighbours.people.tenant, person));
        Foreigner { who, token, headers: Headers::new() }
    };

    let own_administrator: Uuid = sqlx::query_scalar(
        "select person_id from person_role where role = 'administrator' and tenant_id = $1",
    )
    .bind(tenant.0)
    .fetch_one(&mut stack.admin("identity").await)
    .await
    .expect("an administrator");
    let own_administrator = PersonId(own_administrator);
    let expired =
        caller.key.sign("kith", "kith", caller.person_of(tenant), Clock::System.now() - Duration::hours(1));
    let expired = expired.expect("a token");
    let other_audience =
        caller.key.sign("kith", "others", caller.person_of(tenant), Clock::System.now()).expect("a token");

    let not_public = METHODS.iter().filter(|method| method.access != Access::Public);
    let mut methods: Vec<&'static Method> = not_public.collect();
    methods.sort_by_key(|method| LAST.iter().any(|last| method.path.ends_with(last)));
    let at_each = |method: &&'static Method| {
        let method = *method;
        servers(method).into_iter().map(move |service| (method, service))
    };
    for (method, service) in methods.iter().flat_map(at_each) {
        let at = (service, method);
        let body = caller.fill(method, &ids);
        // Somebody new for each call: an earlier one may have given the last one a place.
        let stranger = caller.token(caller.person_of(tenant));
        let real = caller.token(caller.as_person(tenant, own_administrator));
        let headers = forged(tenant, own_administrator, &real);
        let none = Headers::new();
        let mut nobodies = vec![
            ("anonymous", None, &none),
            ("an expired token", Some(expired.clone()), &none),
            ("another audience", Some(other_audience.clone()), &none),
            ("nonsense", Some("nonsense".to_owned()), &none),
            ("forged headers", None, &headers),
            ("forged headers and an expired token", Some(expired.clone()), &headers),
        ];
        nobodies.extend(unsigned(&real).map(|(who, token)| (who, Some(token), &none)));
        for (who, token, headers) in nobodies {
            let answer = caller.call(at, body.clone(), token.as_deref(), headers).await;
            tally.expect(at, who, answer, Code::Unauthenticated);
        }
        let operator = caller.token(Actor::Operator { account: caller.uuid(), session: caller.uuid() });
        let wrong_kind = if method.access == Access::Operator { &stranger } else { &operator };
        let answer = caller.call(at, body.clone(), Some(wrong_kind), &none).await;
        tally.expect(at, "the wrong kind of actor", answer, Code::PermissionDenied);
        if method.access == Access::Operator {
            continue;
        }

        // A person of the tenant with no role and no place anywhere.
        tally.cells += 1;
        let answer = caller.call(at, body.clone(), Some(&stranger), &none).await;
        let open = ANY_PERSON.contains(&method.path);
        match &answer {
            Ok(_) if !open => {
                tally.leaks.push(format!("{} at {service} by a stranger: answered", method.path));
            }
            Err(status)
                if !matches!(status.code(), Code::NotFound | Code::PermissionDenied)
                    && !open
                    && !is_not_served(method, status) =>
            {
                tally.leaks.push(format!(
                    "{} at {service} by a stranger: {:?} {}",
                    method.path,
                    status.code(),
                    status.message()
                ));
            }
            _ => {}
        }

        // People of other tenants: nobody in particular; and those whose role would let them, were it their tenant.
        let forging =
            Foreigner { headers, ..theirs("an administrator who forges headers", neighbours.administrator) };
        for foreigner in [
            Foreigner {
                who: "nobody in particular",
                token: caller.token(caller.person_of(elsewhere)),
                headers: Headers::new(),
            },
            theirs("an administrator", neighbours.administrator),
            theirs("checks and privacy lead", checks),
            forging,
        ] {
            tally.cells += 1;
            tally.compared += 1;
            tally.leaks.extend(caller.hit_and_miss(at, &ids, &foreigner).await);
        }
    }
    println!(
        "T2, A1: {} RPCs, {} with each service that serves them, {} cells tried, {} of them hit against miss of a \
         foreign id, {} leaks",
        METHODS.len(),
        methods.iter().map(|method| servers(method).len()).sum::<usize>(),
        tally.cells,
        tally.compared,
        tally.leaks.len()
    );
    assert!(tally.leaks.is_empty(), "{}", tally.leaks.join("\n"));

    // Shows that it can fail: what an administrator asks of a person of the first tenant, once that person's row is theirs
    // too, as if the look-up had forgotten the tenant.
    let planted = sqlx::query(
        "insert into person select (jsonb_populate_record(p, jsonb_build_object('tenant_id', $1::uuid))).*
         from person p where p.id = $2::uuid",
    );
    let person: Uuid = ids["identity.person"].parse().expect("a UUID");
    let planted = planted.bind(neighbours.people.tenant.0).bind(person);
    planted.execute(&mut stack.admin("identity").await).await.expect("planted");
    let administrator = theirs("another administrator", second);
    let mut found = Vec::new();
    for method in methods
        .iter()
        .filter(|method| ["/GetPeople", "/SetRoles"].iter().any(|name| method.path.ends_with(name)))
    {
        found.extend(caller.hit_and_miss(("identity", method), &ids, &administrator).await);
    }
    println!("T2: mutations caught {} of 2", found.len());
    assert_eq!(found.len(), 2, "{found:#?}");
}

/// A common service that this one has no use for.
fn is_not_served(method: &Method, status: &Status) -> bool {
    status.code() == Code::Unimplemented && is_common(method)
}

impl Tally {
    fn expect(
        &mut self,
        (service, method): (&str, &Method),
        who: &str,
        answer: Result<Vec<u8>, Status>,
        code: Code,
    ) {
        self.cells += 1;
        match answer {
            Err(status) if status.code() == code || is_not_served(method, &status) => {}
            Err(status) => self.leaks.push(format!("{} at {service} by {who}: {status:?}", method.path)),
            Ok(_) => self.leaks.push(format!("{} at {service} by {who}: answered", method.path)),
        }
    }
}

/// Replaces every known id by an unknown one of the same length.
fn substitute(body: &[u8], from: &Ids, to: &Ids) -> Vec<u8> {
    let mut body = body.to_vec();
    for (name, id) in from {
        body = replace(body, id, &to[name]);
    }
    body
}

fn replace(mut body: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    let mut start = 0;
    while let Some(at) = body[start..].windows(from.len()).position(|window| window == from.as_bytes()) {
        body[start + at..start + at + to.len()].copy_from_slice(to.as_bytes());
        start += at + to.len();
    }
    body
}
