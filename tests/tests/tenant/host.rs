//! The host at its command line, and the people of its tenants.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use kith_platform::clock::Clock;
use kith_platform::id::{Ids, Uuid};
use kith_platform::testing::reason;
use kith_proto::governance::v1 as governance;
use kith_proto::governance::v1::circles_service_client::CirclesServiceClient;
use kith_proto::identity::v1 as identity;
use kith_proto::identity::v1::people_service_client::PeopleServiceClient;
use kith_proto::identity::v1::sign_in_service_client::SignInServiceClient;
use kith_proto::identity::v1::tenant_profile_service_client::TenantProfileServiceClient;
use kith_proto::identity::v1::tenant_service_client::TenantServiceClient;
use kith_tests::services;
use kith_tests::stack::Stack;
use sqlx::{AssertSqlSafe, Row as _};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

const PASSWORD: &str = "correct horse battery";
/// How often it is looked whether something has happened.
pub const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long something that follows from an event may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who looked at what, and what is said about the freeze itself: neither is the tenant's.
const ASIDE: &[&str] = &[
    "platform.audit",
    "platform.audit_block",
    "platform.audit_open",
    "platform.tenant_fence",
    "public.tenant_fence_report",
];

/// The operator of a stack.
pub struct Host<'stack> {
    stack: &'stack Stack,
}

/// What `kith tenant create` says.
pub struct Created {
    pub tenant: String,
    pub circle: String,
    pub invitation: String,
}

impl<'stack> Host<'stack> {
    pub fn of(stack: &'stack Stack) -> Self {
        Self { stack }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut all = vec!["tenant"];
        all.extend(arguments);
        self.stack.kith(&all)
    }

    /// What the command prints; an error where it fails.
    pub fn says(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.command(arguments).output().expect("kith is built");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Ok(text) } else { Err(text + &String::from_utf8_lossy(&output.stderr)) }
    }

    /// The same beside tasks that go on.
    pub async fn while_others_run(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = self.command(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().expect("kith is built")).await;
        let output = output.expect("it ran");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Ok(text) } else { Err(text + &String::from_utf8_lossy(&output.stderr)) }
    }

    /// Creates a tenant with everything that makes it its own.
    pub fn create(&self, slug: &str) -> Created {
        let sender = format!("hello@{slug}.example");
        let name = if slug == "clapton" { "Clapton Care" } else { "Another" };
        let said = self
            .says(&[
                "create",
                slug,
                "--name",
                name,
                "--administrator",
                "Ada",
                "--mail-sender",
                &sender,
                "--word",
                "team=Nest/Nests",
            ])
            .expect("created");
        let line = |name: &str| {
            let found = said.lines().find_map(|line| line.strip_prefix(name));
            found.unwrap_or_else(|| panic!("no {name} in {said}")).trim().to_owned()
        };
        Created { tenant: line("id "), circle: line("first circle "), invitation: line("invitation ") }
    }

    /// A digest of every table's rows of that tenant, in all seven databases.
    pub async fn rows_of(&self, tenant: &str) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for service in services() {
            let mut admin = self.stack.admin(service.name).await;
            let tables: Vec<String> = sqlx::query_scalar(
                "select table_schema || '.' || table_name from information_schema.columns
                 where column_name = 'tenant_id' and table_schema in ('public', 'platform', 'signin') order by 1",
            )
            .fetch_all(&mut admin)
            .await
            .expect("the tables");
            for table in tables.iter().filter(|table| !ASIDE.contains(&table.as_str())) {
                let aside = match table.as_str() {
                    "platform.outbox"
                    | "platform.outbox_head"
                    | "platform.inbox"
                    | "platform.inbox_cursor"
                    | "platform.inbox_todo"
                    | "platform.inbox_state" => "and aggregate_type not like '%.tenant_fence'",
                    _ => "",
                };
                // The table comes from the catalogue.
                let sql = format!(
                    "select count(*) || ' rows, digest ' || coalesce(sum(hashtextextended(t::text, 0)), 0)
                     from {table} t where tenant_id = $1 {aside}"
                );
                let tenant: Uuid = tenant.parse().expect("a UUID");
                let digest: String = sqlx::query_scalar(AssertSqlSafe(sql))
                    .bind(tenant)
                    .fetch_one(&mut admin)
                    .await
                    .expect("a digest");
                all.insert(format!("{}.{table}", service.name), digest);
            }
        }
        all
    }

    /// How many of these ids are there, each once.
    pub async fn kept(&self, tenant: &str, ids: &[Uuid]) -> usize {
        let tenant: Uuid = tenant.parse().expect("a UUID");
        let mut kept = 0;
        for (service, table) in [("identity", "person"), ("governance", "circle"), ("teams", "team")] {
            let mut admin = self.stack.admin(service).await;
            let sql = format!("select count(*) as rows from {table} where tenant_id = $1 and id = any($2)");
            let row = sqlx::query(AssertSqlSafe(sql)).bind(tenant).bind(ids).fetch_one(&mut admin).await;
            let rows: i64 = row.expect("a count").get("rows");
            kept += usize::try_from(rows).expect("a count");
        }
        kept
    }
}

/// Somebody who is signed in.
#[derive(Clone)]
pub struct Member {
    pub person_id: String,
    token: String,
    pub identity: Channel,
    pub governance: Channel,
    pub teams: Channel,
}

fn channel(stack: &Stack, service: &str) -> Channel {
    Channel::from_shared(stack.address(service)).expect("an address").connect_lazy()
}

pub fn new_id() -> Uuid {
    Ids::system().uuid(Clock::System.now())
}

impl Member {
    /// Takes up an invitation and signs in.
    pub async fn joins(stack: &Stack, invitation: &str, email: &str, tenant: &str) -> Self {
        let request = identity::AcceptInvitationRequest {
            request_id: new_id().to_string(),
            invitation: invitation.to_owned(),
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
        };
        let mut people = PeopleServiceClient::new(channel(stack, "identity"));
        people.accept_invitation(request).await.expect("joined");
        Self::signs_in(stack, email, tenant).await
    }

    pub async fn signs_in(stack: &Stack, email: &str, tenant: &str) -> Self {
        let request = identity::SignInRequest {
            email: email.to_owned(),
            password: PASSWORD.to_owned(),
            tenant: tenant.to_owned(),
            as_operator: false,
        };
        let mut sign_in = SignInServiceClient::new(channel(stack, "identity"));
        let tokens = sign_in.sign_in(request).await.expect("signed in").into_inner().tokens.expect("tokens");
        Self {
            person_id: tokens.person_id,
            token: tokens.access_token,
            identity: channel(stack, "identity"),
            governance: channel(stack, "governance"),
            teams: channel(stack, "teams"),
        }
    }

    /// A request in their name.
    pub fn says<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        let bearer = format!("Bearer {}", self.token).parse().expect("a header");
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    /// A Circle, as soon as it is there.
    pub async fn circle(&self, id: &str) -> governance::Circle {
        let mut circles = CirclesServiceClient::new(self.governance.clone());
        let end = Instant::now() + PATIENCE;
        loop {
            let request = governance::GetCircleRequest { id: id.to_owned() };
            match circles.get_circle(self.says(request)).await {
                Ok(answer) => return answer.into_inner().circle.expect("a Circle"),
                Err(status) => {
                    let early =
                        matches!(status.code(), Code::NotFound | Code::Unavailable | Code::Unauthenticated);
                    assert!(early && Instant::now() < end, "{status:?}");
                }
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    pub async fn profile(&self) -> identity::TenantProfile {
        let mut profiles = TenantProfileServiceClient::new(self.identity.clone());
        let answer = profiles.get_tenant_profile(self.says(identity::GetTenantProfileRequest {})).await;
        answer.expect("the profile").into_inner().profile.expect("a profile")
    }

    pub async fn go_live(&self) {
        let mut tenants = TenantServiceClient::new(self.identity.clone());
        let request = identity::GoLiveRequest { request_id: new_id().to_string() };
        tenants.go_live(self.says(request)).await.expect("live");
    }

    /// Somebody who was asked into the tenant, and whom governance knows of.
    pub async fn newcomer(&self) -> String {
        let request = identity::InvitePersonRequest {
            request_id: new_id().to_string(),
            display_name: "Newcomer".to_owned(),
            ..identity::InvitePersonRequest::default()
        };
        let mut people = PeopleServiceClient::new(self.identity.clone());
        let invited = people.invite_person(self.says(request)).await.expect("invited");
        let caused = invited.metadata().get("kith-caused").expect("what it caused").clone();
        let mut seen = self.says(governance::ListCirclesRequest::default());
        seen.metadata_mut().insert("kith-after", caused);
        CirclesServiceClient::new(self.governance.clone())
            .list_circles(seen)
            .await
            .expect("governance has heard");
        invited.into_inner().person.expect("a person").id
    }

    /// Asks somebody into a Circle; again it changes nothing.
    pub async fn invite_to(&self, circle: &str, newcomer: &str) -> Result<governance::Circle, Status> {
        let request = governance::InviteCircleMemberRequest {
            request_id: new_id().to_string(),
            circle_id: circle.to_owned(),
            person_id: newcomer.to_owned(),
            ..governance::InviteCircleMemberRequest::default()
        };
        let mut circles = CirclesServiceClient::new(self.governance.clone());
        let answer = circles.invite_circle_member(self.says(request)).await?;
        Ok(answer.into_inner().circle.expect("a Circle"))
    }

    /// The refusal, as soon as governance has heard.
    pub async fn until_refused(&self, circle: &str, newcomer: &str) -> Status {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Err(status) = self.invite_to(circle, newcomer).await {
                return status;
            }
            assert!(Instant::now() < end, "it is accepted still");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// The refusal for that reason, as soon as governance has heard.
    pub async fn until_refused_as(&self, circle: &str, newcomer: &str, why: &str) -> Status {
        let end = Instant::now() + PATIENCE;
        loop {
            let status = self.invite_to(circle, newcomer).await.expect_err("refused one way or another");
            if reason(&status).1 == why {
                return status;
            }
            assert!(Instant::now() < end, "{status:?}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Accepted again, as soon as governance has heard.
    pub async fn until_accepted(&self, circle: &str, newcomer: &str) {
        let end = Instant::now() + PATIENCE;
        while let Err(status) = self.invite_to(circle, newcomer).await {
            assert!(Instant::now() < end, "{status:?}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}
