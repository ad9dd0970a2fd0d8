//! Every RPC of the contracts is called by those who must be refused: a new one cannot be forgotten, since the list is
//! the descriptor set itself.

use std::collections::BTreeSet;

use chrono::Duration;
use kith_platform::auth::TokenKey;
use kith_platform::clock::Clock;
use kith_platform::context::Actor;
use kith_platform::id::{Ids as Random, PersonId, TenantId, Uuid};
use kith_proto::{Access, METHODS, Method};
use kith_tests::filler::{Filler, Ids};
use kith_tests::people::{Raw, signing_key};
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

struct Caller {
    channels: Vec<(&'static str, Channel)>,
    filler: Filler,
    random: Random,
    key: TokenKey,
}

impl Caller {
    async fn call(&self, method: &Method, body: Vec<u8>, token: Option<&str>) -> Result<Vec<u8>, Status> {
        let service = method.path.split('.').nth(1).expect("a service");
        // OperationsService is served by all; one of them stands for all.
        let channel = self.channels.iter().find(|(name, _)| *name == service).unwrap_or(&self.channels[1]);
        let mut client = tonic::client::Grpc::new(channel.1.clone());
        client.ready().await.expect("the service is there");
        let mut request = tonic::Request::new(body);
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
        Actor::Person { tenant, person: PersonId(self.uuid()), session: self.uuid() }
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
    let (mut cells, mut leaks) = (0, Vec::new());

    // A second tenant that all seven know, with nothing in it.
    let elsewhere = TenantId(caller.uuid());
    for service in kith_tests::services() {
        let mut admin = stack.admin(service.name).await;
        sqlx::query("insert into platform.tenant (tenant_id, state, time_zone, epoch) values ($1, 'preparing', 'Europe/London', 1)")
            .bind(elsewhere.0)
            .execute(&mut admin)
            .await
            .expect("the tenant is known");
    }
    let operator = caller.token(Actor::Operator { account: caller.uuid(), session: caller.uuid() });
    let expired =
        caller.key.sign("kith", "kith", caller.person_of(tenant), Clock::System.now() - Duration::hours(1));
    let expired = expired.expect("a token");
    let other_audience =
        caller.key.sign("kith", "others", caller.person_of(tenant), Clock::System.now()).expect("a token");

    for method in METHODS.iter().filter(|method| method.access != Access::Public) {
        let body = caller.fill(method, &ids);
        // Somebody new for each call: an earlier one may have given the last one a place.
        let stranger = caller.token(caller.person_of(tenant));
        let foreigner = caller.token(caller.person_of(elsewhere));
        for (who, token) in [
            ("anonymous", None),
            ("an expired token", Some(expired.as_str())),
            ("another audience", Some(other_audience.as_str())),
            ("nonsense", Some("nonsense")),
        ] {
            cells += 1;
            let code = caller
                .call(method, body.clone(), token)
                .await
                .map_or_else(|status| status.code(), |_| Code::Ok);
            if code != Code::Unauthenticated {
                leaks.push(format!("{} by {who}: {code:?}", method.path));
            }
        }
        let wrong_kind = if method.access == Access::Operator { &stranger } else { &operator };
        cells += 1;
        let code = caller
            .call(method, body.clone(), Some(wrong_kind))
            .await
            .map_or_else(|status| status.code(), |_| Code::Ok);
        if code != Code::PermissionDenied {
            leaks.push(format!("{} by the wrong kind of actor: {code:?}", method.path));
        }
        if method.access == Access::Operator {
            continue;
        }

        // A person of the tenant with no role and no place anywhere.
        cells += 1;
        let answer = caller.call(method, body.clone(), Some(&stranger)).await;
        let open = ANY_PERSON.contains(&method.path);
        match &answer {
            Ok(_) if !open => leaks.push(format!("{} by a stranger: answered", method.path)),
            Err(status) if !matches!(status.code(), Code::NotFound | Code::PermissionDenied) && !open => {
                leaks.push(format!(
                    "{} by a stranger: {:?} {}",
                    method.path,
                    status.code(),
                    status.message()
                ));
            }
            _ => {}
        }

        // Another tenant's person: ids that exist elsewhere are as unknown as ids that never were.
        cells += 1;
        let request_id = caller.uuid().to_string();
        let mut same_request = || request_id.clone();
        let hit = caller.filler.fill(method.input, &ids, &mut same_request).encode_to_vec();
        let unknown: Ids = ids.keys().map(|name| (name.clone(), caller.uuid().to_string())).collect();
        let miss = substitute(&hit, &ids, &unknown);
        let hit = caller.call(method, hit, Some(&foreigner)).await;
        // The same request under another id, so that it is not a repeat.
        let miss = replace(miss, &request_id, &caller.uuid().to_string());
        let miss = caller.call(method, miss, Some(&foreigner)).await;
        match (hit, miss) {
            (Ok(hit), Ok(miss)) => {
                // What was made differs by the ids that were given; sizes and everything else do not.
                if hit.len() != miss.len() {
                    leaks.push(format!(
                        "{} answers differ by tenant: {} and {} bytes",
                        method.path,
                        hit.len(),
                        miss.len()
                    ));
                }
            }
            (Err(hit), Err(miss)) => {
                if (hit.code(), hit.message(), hit.details()) != (miss.code(), miss.message(), miss.details())
                {
                    leaks.push(format!("{}: {hit:?} against {miss:?}", method.path));
                }
            }
            (hit, miss) => leaks.push(format!("{}: {hit:?} against {miss:?}", method.path)),
        }
    }
    eprintln!("{} RPCs, {cells} cells tried, {} leaks", METHODS.len(), leaks.len());
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
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
