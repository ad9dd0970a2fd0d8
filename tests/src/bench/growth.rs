//! How cost grows: the same call with ten times the rows, and with a thousand tenants beside one.

use std::sync::Arc;
use std::time::Instant;

use kith_platform::context::Actor;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_proto::appointments::v1::{AgreeVisitRequest, GetVisitRequest};
use prost::Message as _;

use super::caller::Caller;
use super::ledger;
use super::report::{Better, Row};
use super::scene::{Planned, Scene};
use super::slots::{Pace, work_off};

/// As many tenants as one instance may host.
const TENANTS: usize = 1_000;
const CLIENTS: usize = 8;

/// The tables that a tenant's calls of these rows need, service by service.
const NEEDED: [(&str, &[&str]); 2] = [
    ("appointments", &["platform.tenant", "known_team", "known_giver", "known_representative", "series"]),
    (
        "finance",
        &[
            "platform.tenant",
            "person",
            "team",
            "circle",
            "finance_hat",
            "giver_terms",
            "contribution_rule",
            "payer",
            "funding",
            "funding_share",
        ],
    ),
];

/// Many tenants with the same Teams and givers as the one.
#[derive(Debug)]
pub struct Tenants(Arc<Vec<TenantId>>);

impl Tenants {
    /// Makes them, in the two databases where these rows are measured.
    pub async fn make(scene: &Scene) -> Self {
        let tenants: Vec<Uuid> = (0..TENANTS).map(|_| scene.people.uuid()).collect();
        for (service, tables) in NEEDED {
            let mut conn = scene.stack.admin(service).await;
            sqlx::raw_sql("set session_replication_role = replica")
                .execute(&mut conn)
                .await
                .expect("no triggers");
            for table in tables {
                // Said in full: some names are types of PostgreSQL's own.
                let table = if table.contains('.') { (*table).to_owned() } else { format!("public.{table}") };
                let sql = format!(
                    "insert into {table} overriding system value select (jsonb_populate_record(null::{table},
                         to_jsonb(t) || jsonb_build_object('tenant_id', n.id))).*
                     from {table} t cross join unnest($2::uuid[]) as n (id) where t.tenant_id = $1"
                );
                sqlx::query(sqlx::AssertSqlSafe(sql))
                    .bind(scene.tenant.0)
                    .bind(&tenants)
                    .execute(&mut conn)
                    .await
                    .unwrap_or_else(|error| panic!("{table}: {error}"));
            }
            sqlx::raw_sql("analyze").execute(&mut conn).await.expect("it is counted");
        }
        Self(Arc::new(tenants.into_iter().map(TenantId).collect()))
    }

    /// Spreads visits that were planned for the one tenant over all of them.
    async fn spread(&self, scene: &Scene, visits: Vec<Planned>) -> Vec<(TenantId, Planned)> {
        let spread: Vec<(TenantId, Planned)> = visits
            .into_iter()
            .enumerate()
            .map(|(place, visit)| (self.0[place % self.0.len()], visit))
            .collect();
        let mut appointments = scene.stack.admin("appointments").await;
        let ids: Vec<Uuid> = spread.iter().map(|(_, visit)| visit.id).collect();
        let tenants: Vec<Uuid> = spread.iter().map(|(tenant, _)| tenant.0).collect();
        for sql in [
            "delete from booking where visit_id = any($1) and $2::uuid[] is not null",
            "update visit v set tenant_id = n.tenant from unnest($1::uuid[], $2::uuid[]) as n (id, tenant) where v.id = n.id",
        ] {
            let moved = sqlx::query(sql).bind(&ids).bind(&tenants).execute(&mut appointments).await;
            moved.expect("the visits are moved");
        }
        spread
    }
}

/// All of them.
pub async fn rows(scene: &mut Scene, pace: Pace) -> Vec<Row> {
    let tenants = Tenants::make(scene).await;
    let postings = postings(scene, &tenants, pace).await;
    let read = read(scene, &tenants, pace).await;
    vec![read, agree(scene, &tenants, pace).await, postings]
}

fn token(scene: &Scene, tenant: TenantId, person: PersonId) -> String {
    scene.people.token(Actor::Person { tenant, person, session: scene.people.uuid() })
}

/// Agreeing visits of a thousand tenants ÷ agreeing those of one.
async fn agree(scene: &mut Scene, tenants: &Tenants, pace: Pace) -> Row {
    let mut row = Row::information("agree a visit, 1,000 tenants ÷ one", "calls/s", Better::Higher);
    let path = "/kith.appointments.v1.VisitsService/AgreeVisit";
    let caller = Caller::connect(&scene.stack.address("appointments"), path, None).await;
    let mut room = 2_000;
    for _ in 0..pace.rounds {
        let mut rates = Vec::new();
        for many in [true, false] {
            let (visits, _) = scene.plan(room).await;
            let tenant = scene.tenant;
            let spread = if many {
                tenants.spread(scene, visits).await
            } else {
                visits.into_iter().map(|visit| (tenant, visit)).collect()
            };
            let calls = spread
                .into_iter()
                .map(|(tenant, visit)| {
                    let request = AgreeVisitRequest {
                        request_id: scene.people.uuid().to_string(),
                        visit_id: visit.id.to_string(),
                        ..AgreeVisitRequest::default()
                    };
                    (caller.with_token(&token(scene, tenant, visit.owner)), request.encode_to_vec())
                })
                .collect();
            rates.push(calls_a_second(pace, calls).await);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is a small positive number"
        )]
        let fit = (rates[0].max(rates[1]) * pace.slot.as_secs_f64() * 1.5) as usize;
        room = fit.max(100);
        row.round(rates[0], rates[1]);
    }
    row
}

/// Reading visits of a thousand tenants ÷ reading those of one.
async fn read(scene: &mut Scene, tenants: &Tenants, pace: Pace) -> Row {
    let mut row = Row::information("audited read, 1,000 tenants ÷ one", "calls/s", Better::Higher);
    let path = "/kith.appointments.v1.VisitsService/GetVisit";
    let caller = Caller::connect(&scene.stack.address("appointments"), path, None).await;
    let (visits, _) = scene.plan(2 * TENANTS).await;
    let (ours, theirs) = visits.split_at(TENANTS);
    let theirs = tenants.spread(scene, theirs.to_vec()).await;
    let tenant = scene.tenant;
    let ours: Vec<(TenantId, Planned)> = ours.iter().map(|visit| (tenant, *visit)).collect();
    for _ in 0..pace.rounds {
        let mut rates = Vec::new();
        for visits in [&theirs, &ours] {
            let mut calls = Vec::new();
            for (tenant, visit) in visits {
                let request = GetVisitRequest { id: visit.id.to_string() };
                calls.push((caller.with_token(&token(scene, *tenant, visit.owner)), request.encode_to_vec()));
            }
            let calls = calls.iter().cycle().take(TENANTS * 20).cloned().collect();
            rates.push(calls_a_second(pace, calls).await);
        }
        row.round(rates[0], rates[1]);
    }
    row
}

async fn calls_a_second(pace: Pace, calls: Vec<(Caller, Vec<u8>)>) -> f64 {
    let (rate, _) = work_off(CLIENTS, pace.slot, calls, |client, (caller, body)| async move {
        caller.call(client, body).await.expect("an answer");
    })
    .await;
    rate
}

/// Posting visits of a thousand tenants ÷ posting those of one.
async fn postings(scene: &Scene, tenants: &Tenants, pace: Pace) -> Row {
    let mut row = Row::information("postings, 1,000 tenants ÷ one", "visits/s", Better::Higher);
    let count = 4_000;
    for _ in 0..pace.rounds {
        let mut rates = Vec::new();
        for many in [true, false] {
            let of = if many { tenants.0.as_slice() } else { std::slice::from_ref(&scene.tenant) };
            let posted = scene.databases.number("finance", "select count(*) from transfer").await;
            let begin = Instant::now();
            ledger::arrive(scene, of, count).await;
            let wanted = posted + count;
            scene.until("finance", "select count(*) from transfer", wanted, ledger::LIMIT).await;
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let rate = count as f64 / begin.elapsed().as_secs_f64();
            rates.push(rate);
        }
        row.round(rates[0], rates[1]);
    }
    row.note(format!(
        "{count} visits that arrive at once; each tenant's are applied in a transaction of its own"
    ));
    row
}
