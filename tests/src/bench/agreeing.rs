//! Agreeing a visit: policy, audit, outbox, saved answer and all, beside pgbench with the same rows in separate statements.

use kith_proto::appointments::v1::{
    AgreeVisitRequest, AgreeVisitResponse, AgreeVisitsRequest, VisitState, VisitToAgree,
};
use prost::Message as _;
use std::collections::BTreeMap;

use super::caller::Caller;
use super::pgbench::Pgbench;
use super::report::Row;
use super::scene::{Planned, Scene, VISIT_ID_OF_N};
use super::slots::{Pace, work_off};
use kith_platform::id::{PersonId, Uuid};

const PATH: &str = "/kith.appointments.v1.VisitsService/AgreeVisit";
const SEVERAL: &str = "/kith.appointments.v1.VisitsService/AgreeVisits";
/// Visits that pgbench agrees again and again.
const PEERS: usize = 20_000;

/// Owners who agree their visits, each with a token of their own.
#[derive(Clone, Debug)]
pub struct Owners {
    one: BTreeMap<PersonId, Caller>,
    several: BTreeMap<PersonId, Caller>,
}

impl Owners {
    /// All of them.
    pub async fn of(scene: &Scene) -> Self {
        let (mut one, mut several) = (BTreeMap::new(), BTreeMap::new());
        for owner in scene.owners() {
            one.insert(owner, scene.caller("appointments", PATH, owner).await);
            several.insert(owner, scene.caller("appointments", SEVERAL, owner).await);
        }
        Self { one, several }
    }

    /// Agrees several of one Owner's in one act.
    ///
    /// # Panics
    /// Where that is refused.
    pub async fn agree_several(&self, client: usize, request_id: Uuid, visits: Vec<Planned>) {
        let one =
            |visit: &Planned| VisitToAgree { visit_id: visit.id.to_string(), ..VisitToAgree::default() };
        let request = AgreeVisitsRequest {
            request_id: request_id.to_string(),
            visits: visits.iter().map(one).collect(),
        };
        let answer = self.several[&visits[0].owner].call(client, request.encode_to_vec()).await;
        answer.unwrap_or_else(|status| panic!("{} and others are not agreed: {status:?}", visits[0].id));
    }

    /// Agrees one.
    ///
    /// # Panics
    /// Where that is refused.
    pub async fn agree(&self, client: usize, request_id: Uuid, visit: Planned) -> Vec<u8> {
        let request = AgreeVisitRequest {
            request_id: request_id.to_string(),
            visit_id: visit.id.to_string(),
            ..AgreeVisitRequest::default()
        };
        let answer = self.one[&visit.owner].call(client, request.encode_to_vec()).await;
        answer.unwrap_or_else(|status| panic!("{} is not agreed: {status:?}", visit.id))
    }
}

/// So many clients at once.
pub async fn agree(scene: &mut Scene, pace: Pace, clients: usize) -> Row {
    let mut row = Row::rates(&format!("agree a visit, {clients} clients"), "calls/s", 0.6, 1.2);
    let owners = Owners::of(scene).await;
    let mut room = check(scene, &owners, clients).await;
    let (pgbench, script) = peer(scene).await;
    scene.until_calm().await;
    scene.signal_listeners("appointments.visit", "-STOP");
    for _ in 0..pace.rounds {
        let (visits, _) = scene.plan(room).await;
        let before = scene.databases.number("appointments", WRITTEN).await;
        let (all, ids) = (owners.clone(), scene.people.ids());
        let (ours, done) = work_off(clients, pace.slot, visits, move |client, visit| {
            let (owners, ids) = (all.clone(), ids.clone());
            async move {
                owners.agree(client, ids(), visit).await;
            }
        })
        .await;
        let written = scene.databases.number("appointments", WRITTEN).await - before;
        assert_eq!(usize::try_from(written), Ok(done * 4), "visit, event, audit row and answer of each");
        // As many as fit into the next slot, and some more.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is a small positive number"
        )]
        let fit = (ours * pace.slot.as_secs_f64() * 1.6) as usize;
        room = fit.max(100);
        let limit = pgbench.rate(&script, clients, pace.seconds()).await;
        row.round(ours, limit);
    }
    scene.signal_listeners("appointments.visit", "-CONT");
    scene.until_calm().await;
    row.note("the relay publishes meanwhile; who listens stands still (what they do is in the line's row);");
    row.note("limit: pgbench, the same rows (saved answer, visit, Team and giver read; visit, head, event, audit row and");
    row.note("answer written) in separate statements of one transaction, without row security; nothing is published");
    row
}

/// Whatever agreeing a visit writes: four for each.
const WRITTEN: &str = "select (select count(*) from visit where state = 'agreed' and id::text like '01900000-0000-7000-8000-%')
    + (select count(*) from platform.outbox where event_type = 'appointments.visit.agreed.v1'
        and aggregate_id::text like '01900000-0000-7000-8000-%')
    + (select count(distinct subject_id) from platform.audit where action = 'AgreeVisit' and subject_id::text like '01900000-0000-7000-8000-%')
    + (select count(*) from platform.saved_answer where caused like 'appointments.visit.agreed.v1;01900000-0000-7000-8000-%')";

/// Agrees some and looks at what is answered; answers how many to plan for the first slot.
async fn check(scene: &mut Scene, owners: &Owners, clients: usize) -> usize {
    let (visits, _) = scene.plan(100).await;
    for visit in visits.iter().take(10) {
        let request_id = scene.people.uuid();
        let answer = owners.agree(0, request_id, *visit).await;
        let agreed = AgreeVisitResponse::decode(answer.as_slice()).expect("the answer of the contract").visit;
        let agreed = agreed.expect("a visit");
        assert_eq!((agreed.id.as_str(), agreed.state()), (visit.id.to_string().as_str(), VisitState::Agreed));
        assert_eq!(owners.agree(1, request_id, *visit).await, answer, "a repeat is answered the same");
    }
    if clients > 8 { 6_000 } else { 4_000 }
}

async fn peer(scene: &Scene) -> (Pgbench, std::path::PathBuf) {
    let (tenant, owner) = (scene.tenant, scene.owner());
    scene
        .databases
        .run(
            "appointments",
            &format!(
                "create schema if not exists bench;
                 drop table if exists bench.visit, bench.outbox_head, bench.outbox, bench.agreed_audit, bench.agreed_open,
                     bench.saved_answer;
                 create table bench.visit (like visit including all);
                 create table bench.outbox_head (like platform.outbox_head including all);
                 create table bench.outbox (like platform.outbox including all);
                 create table bench.agreed_audit (like platform.audit including all);
                 create table bench.agreed_open (like platform.audit_open including all);
                 create table bench.saved_answer (like platform.saved_answer including all);
                 insert into bench.visit (tenant_id, id, series_id, team_id, giver_person_id, kind, occurrence_local,
                     starts_local, time_zone, wall_minutes, plan_starts_at, plan_ends_at, state, actual_accepted,
                     settlement_no, cancellation_unconfirmed, brought_in, version)
                 select v.tenant_id, ('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, v.series_id, v.team_id,
                     v.giver_person_id, v.kind, v.occurrence_local + n * interval '1 hour', v.starts_local, v.time_zone,
                     v.wall_minutes, v.plan_starts_at, v.plan_ends_at, 'planned', false, 0, false, false, 1
                 from (select * from visit where tenant_id = '{tenant}' order by id limit 1) v,
                     generate_series(0, {PEERS} - 1) n;
                 analyze bench.visit"
            ),
        )
        .await;
    let pgbench = Pgbench::new(&scene.databases, "appointments", scene.stack.folder().to_owned());
    let key = format!("tenant_id = '{tenant}' and id = {VISIT_ID_OF_N}");
    let script = pgbench.script(
        "agree",
        &format!(
            "\\set n random(0, {last})
\\set no random(1, 1000000000000000)
begin;
select content_hash, answer, caused from bench.saved_answer
    where tenant_id = '{tenant}' and actor_id = '{owner}' and request_id = {VISIT_ID_OF_N};
select * from bench.visit where {key} for update;
select owner_person_id, circle_id, members, rota_holders, promise_from from known_team
    where tenant_id = '{tenant}' and owner_person_id = '{owner}';
select readiness, terms from known_giver where tenant_id = '{tenant}' limit 1;
update bench.visit set version = version + 1, state = 'agreed', settled_starts_at = plan_starts_at,
    settled_ends_at = plan_ends_at, settlement = 'money', settlement_no = settlement_no + 1 where {key};
insert into bench.outbox_head (tenant_id, aggregate_type, aggregate_id, last_no)
    values ('{tenant}', 'appointments.visit', {VISIT_ID_OF_N}, 1)
    on conflict (tenant_id, aggregate_type, aggregate_id) do update set last_no = outbox_head.last_no + 1;
insert into bench.outbox (tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type, payload, created_at)
    values ('{tenant}', gen_random_uuid(), 'appointments.visit', {VISIT_ID_OF_N}, :no, 'appointments.visit.agreed.v1',
        decode(repeat('61', 320), 'hex'), now());
insert into bench.agreed_audit (tenant_id, id, actor_id, action, subject_type, subject_id, person_id, basis, allowed,
        recorded_at)
    select '{tenant}', gen_random_uuid(), '{owner}', 'AgreeVisit', 'visit', {VISIT_ID_OF_N}, '{owner}', 'owner', true, now()
    from generate_series(1, 2);
insert into bench.agreed_open (tenant_id, id) select '{tenant}', gen_random_uuid() from generate_series(1, 2);
insert into bench.saved_answer (tenant_id, actor_id, request_id, content_hash, answer, caused, expires_at)
    values ('{tenant}', '{owner}', gen_random_uuid(), decode(repeat('61', 32), 'hex'), decode(repeat('61', 320), 'hex'),
        'appointments.visit.agreed.v1;{owner};{owner}', now());
commit;
",
            last = PEERS - 1
        ),
    );
    (pgbench, script)
}
