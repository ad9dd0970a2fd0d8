//! Who acts for somebody, in all seven services: whose access log they read where, and what the copies of representatives
//! were made from.

use std::fmt::Write as _;

use chrono::Duration;
use kith_platform::access_log::AccessLog;
use kith_platform::authz::{Policy, Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::testing::{World, reason, request_of};
use kith_platform::{Host, Service, actions};
use kith_proto::common::v1::access_log_service_server::AccessLogService as _;
use kith_proto::common::v1::{
    AccessEntry, ListAccessesRequest, RepresentationBasis, RepresentationScope, RepresentationState,
    RepresentativeSnapshot,
};
use kith_proto::identity::v1::RepresentativeConfirmed;
use kith_tests::services;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tonic::{Code, Status};

// Something that every service lets a person do about themselves.
actions! { ListBreakGlass }

const WORDS: &[&str] = &["anyone", "self", "represents_health_and_welfare", "represents_property"];

/// The reviewed table: who reads somebody's access log in which service. A change here is a change of the rules that
/// protect people.
#[test]
fn who_reads_an_access_log_is_as_reviewed() {
    let mut table = String::new();
    for service in services() {
        let policy = Policy::new(service.policy.0, service.policy.1).expect("a policy");
        write!(table, "{} {}", service.name, policy.table(&["ListAccesses"], WORDS)).expect("a string");
    }
    assert_eq!(table, include_str!("access_log_table.txt"));
}

/// A service with a tenant in it, a person, and whoever acts for them.
struct Place {
    world: World,
    host: Host,
    tenant: TenantId,
    person: PersonId,
}

impl Place {
    async fn new(service: &'static Service) -> Self {
        let world = World::new();
        let host = world.host(service).await;
        let tenant = world.tenant(&host, false).await;
        Self { person: world.person(), world, host, tenant }
    }

    /// Somebody acts for the person, as a service hears it that listens.
    async fn represented_in(&self, scopes: &[RepresentationScope], state: RepresentationState) -> PersonId {
        let acting = self.world.person();
        let state = Some(RepresentativeSnapshot {
            representative_id: acting.to_string(),
            person_id: self.person.to_string(),
            representative_person_id: acting.to_string(),
            basis: RepresentationBasis::Deputyship.into(),
            scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
            valid_from: "2026-11-21".into(),
            valid_until: "2026-11-22".into(),
            state: state.into(),
        });
        let event = RepresentativeConfirmed { state };
        self.world.deliver(&self.host, self.tenant, acting, 1, &event).await;
        acting
    }

    /// Somebody sees something about the person.
    async fn seen_by(&self, by: PersonId) {
        let (person, note) = (self.person, self.world.ids.uuid(self.world.clock.now()));
        let look = async move |tx: &mut Tx| {
            let standing = Standing::new().with("self", true);
            tx.require(Action::ListBreakGlass, Subject::about("note", note, person), &standing)
        };
        let actor = Actor::Person { tenant: self.tenant, person: by, session: Uuid::nil() };
        self.host.within(self.tenant, actor, Mode::Read, look).await.expect("written down");
    }

    async fn log(&self, by: PersonId, person_id: String) -> Result<Vec<AccessEntry>, Status> {
        self.world.clock.advance(Duration::seconds(1));
        let request = ListAccessesRequest { person_id, ..Default::default() };
        let log = AccessLog::new(self.host.clone());
        Ok(log.list_accesses(request_of(self.tenant, by, request)).await?.into_inner().accesses)
    }
}

const HEALTH: &[RepresentationScope] = &[RepresentationScope::HealthAndWelfare];
const PROPERTY: &[RepresentationScope] = &[RepresentationScope::Property];
const BOTH: &[RepresentationScope] = &[RepresentationScope::HealthAndWelfare, RepresentationScope::Property];

/// Proves ID-15 for the access log: who acts for somebody reads their log in the services that the scope is about and
/// nowhere else, the person reads that they did, and nobody else can tell that there is a log.
#[tokio::test]
async fn a_representative_reads_the_log_where_the_scope_is_about_the_service_and_the_person_is_told() {
    let (mut read, mut refused) = (0, 0);
    for (service, reviewed) in services().into_iter().zip(include_str!("access_log_table.txt").lines()) {
        let place = Place::new(service).await;
        let (person, looker) = (place.person.to_string(), place.world.person());
        place.seen_by(looker).await;
        assert_eq!(place.log(place.person, String::new()).await.expect("their own").len(), 1);
        let (health, money) =
            (reviewed.contains("represents_health_and_welfare"), reviewed.contains("represents_property"));
        let mut looks = Vec::new();
        for (scopes, state, opens) in [
            (HEALTH, RepresentationState::Confirmed, health),
            (PROPERTY, RepresentationState::Confirmed, money),
            (BOTH, RepresentationState::Confirmed, health || money),
            (BOTH, RepresentationState::Recorded, false),
            (&[], RepresentationState::Confirmed, false),
        ] {
            let acting = place.represented_in(scopes, state).await;
            let answer = place.log(acting, person.clone()).await;
            looks.insert(0, (acting.to_string(), opens));
            if opens {
                let seen = answer.expect("read for the person");
                assert_eq!(seen.last().map(|entry| entry.actor_id.clone()), Some(looker.to_string()));
                assert_eq!(place.log(acting, String::new()).await.expect("their own"), Vec::new());
                read += 1;
            } else {
                let hidden = answer.expect_err(service.name);
                let nobody = place.world.person().to_string();
                let unknown = place.log(acting, nobody).await.expect_err("nobody");
                assert_eq!(reason(&hidden), (Code::NotFound, "NOT_FOUND".into()), "{}", service.name);
                assert_eq!((hidden.message(), hidden.details()), (unknown.message(), unknown.details()));
                refused += 1;
            }
        }
        let own = place.log(place.person, person.clone()).await.expect("their own by name");
        let told: Vec<_> = own
            .iter()
            .filter(|entry| entry.action == "ListAccesses")
            .map(|entry| (entry.actor_id.clone(), entry.allowed))
            .collect();
        assert_eq!(told, looks, "the person reads who asked, and nothing of their own looks");
        if let Some(entry) = own.iter().find(|entry| entry.action == "ListAccesses" && entry.allowed) {
            println!("{}: {} ({})", service.name, entry.sentence, entry.basis);
        }
        assert_eq!(place.log(looker, String::new()).await.expect("their own"), Vec::new());
        let tomorrow = looks.iter().filter(|(_, opens)| *opens);
        place.world.clock.advance(Duration::days(1));
        for (acting, _) in tomorrow {
            let acting = PersonId(acting.parse().expect("an id"));
            place.log(acting, person.clone()).await.expect_err("it holds no more");
        }
    }
    println!("access logs of others: read {read}, refused {refused}, of {} services", services().len());
    assert_eq!((read, refused), (12, 23));
}

/// Where each service kept representatives of its own before, what made that table, and what moves it.
const MOVED: [(&str, [&str; 2], &str); 2] = [
    (
        "teams",
        [
            include_str!("../../../migrations/teams/20261122000020_representatives.sql"),
            include_str!("../../../migrations/teams/20261122000060_declare_representatives.sql"),
        ],
        include_str!("../../../migrations/teams/20261122000075_move_representatives.sql"),
    ),
    (
        "appointments",
        [
            include_str!("../../../migrations/appointments/20261122000020_representatives.sql"),
            include_str!("../../../migrations/appointments/20261122000060_declare_representatives.sql"),
        ],
        include_str!("../../../migrations/appointments/20261122000075_move_representatives.sql"),
    ),
];

async fn run(conn: &mut PgConnection, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(conn).await.expect("it runs");
}

/// An instance that ran before keeps who acts for whom, of every tenant, and the old table goes with what was declared
/// about it.
#[tokio::test]
async fn what_services_kept_of_representatives_moves_over() {
    for (name, made, moves) in MOVED {
        let service = services().into_iter().find(|service| service.name == name).expect("a service");
        let world = World::new();
        let host = world.host(service).await;
        let mut admin = world.admin(&host).await;
        run(&mut admin, &format!("set role {name}_owner")).await;
        for sql in made {
            run(&mut admin, sql).await;
        }
        run(&mut admin, "reset role").await;
        for (basis, health, until) in [
            ("attorney_health_and_welfare", true, "null"),
            ("attorney_property", false, "'2027-01-01'"),
            ("deputyship", true, "null"),
        ] {
            let [tenant, id, person, acting] = std::array::from_fn(|_| world.person());
            run(
                &mut admin,
                &format!(
                    "insert into known_representative values ('{tenant}', '{id}', '{person}', '{acting}', '{basis}',
                         {health}, true, '2026-01-01', {until})"
                ),
            )
            .await;
        }
        let kept =
            "select tenant_id, id, person_id, representative_person_id, basis, health_and_welfare, confirmed,
            valid_from, valid_until from";
        let rows = async |admin: &mut PgConnection, table: &str| -> Vec<String> {
            let sql = format!("select r::text from ({kept} {table}) r order by 1");
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(admin).await.expect("the rows")
        };
        let before = rows(&mut admin, "known_representative").await;
        run(&mut admin, &format!("begin; set local role {name}_owner; {moves} commit;")).await;
        assert_eq!((before.len(), rows(&mut admin, "platform.representative").await), (3, before));
        let left: (bool, i64, i64) = sqlx::query_as(
            "select to_regclass('public.known_representative') is not null,
                 (select count(*) from platform.subject_column where table_name = 'public.known_representative'),
                 (select count(*) from platform.representative where property)",
        )
        .fetch_one(&mut admin)
        .await
        .expect("what is left");
        assert_eq!(left, (false, 0, 1));
        let forced: bool = sqlx::query_scalar(
            "select relforcerowsecurity from pg_class where oid = 'platform.representative'::regclass",
        )
        .fetch_one(&mut admin)
        .await
        .expect("the table");
        assert!(forced);
        admin.close().await.ok();
    }
}
