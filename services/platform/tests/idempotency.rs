//! Commands that are sent more than once, and commands that meet at the same row.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kith_platform::Host;
use kith_platform::db::Tx;
use kith_platform::error::{Common, Result};
use kith_platform::fields::Fields;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::testing::{World, reason, request_of};
use kith_proto::teams::v1::teams_service_server::TeamsService as _;
use kith_proto::teams::v1::{self as pb};
use tokio::sync::Barrier;
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use crate::common::{Notes, SERVICE, count, id};

struct Stage {
    world: World,
    host: Host,
    notes: Notes,
    tenant: TenantId,
    person: PersonId,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let tenant = world.tenant(&host, false).await;
        Self { notes: Notes::new(host.clone()), tenant, person: world.person(), world, host }
    }

    fn request(&self, body: &str) -> pb::StartTeamRequest {
        pb::StartTeamRequest {
            request_id: id(&self.world).to_string(),
            id: id(&self.world).to_string(),
            outward_code: body.into(),
            ..Default::default()
        }
    }

    async fn send(&self, request: pb::StartTeamRequest) -> Result<Response<pb::StartTeamResponse>, Status> {
        self.notes.start_team(request_of(self.tenant, self.person, request)).await
    }

    /// Notes, events, saved answers and audit rows that were written.
    async fn written(&self) -> (i64, i64, i64, i64) {
        let mut admin = self.world.admin(&self.host).await;
        (
            count(&mut admin, "select count(*) from note").await,
            count(&mut admin, "select count(*) from platform.outbox").await,
            count(&mut admin, "select count(*) from platform.saved_answer").await,
            count(&mut admin, "select count(*) from platform.audit").await,
        )
    }
}

fn caused<T>(answer: &Response<T>) -> String {
    let value = answer.metadata().get("kith-caused").expect("it says what it caused");
    value.to_str().expect("text").to_owned()
}

/// Proves L3's platform half (D2 for commands): the same request fifty times at once has one effect and one answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_fifty_times_at_once_has_one_effect() {
    let stage = Arc::new(Stage::new().await);
    let request = stage.request("once");
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let (stage, request) = (stage.clone(), request.clone());
            tokio::spawn(async move { stage.send(request).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        let answer = call.await.expect("the call ends").expect("answered");
        answers.push((caused(&answer), answer.into_inner()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "all answers are equal");
    let written = stage.written().await;
    println!(
        "idempotency: sent 50, equal answers {}, notes, events, answers, audit rows {written:?}",
        answers.len()
    );
    assert_eq!(written, (1, 1, 1, 1), "one effect");
}

/// Proves that a request id is good for one content only, and for one person and tenant only.
#[tokio::test]
async fn a_request_id_used_for_something_else_is_refused() {
    let stage = Stage::new().await;
    let request = stage.request("first");
    let first = stage.send(request.clone()).await.expect("a note").into_inner();
    let other = pb::StartTeamRequest { outward_code: "second".into(), ..request.clone() };
    let refused = stage.send(other).await.expect_err("other content");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
    // Another method under the same id is other content too.
    let elsewhere = pb::SignPromiseRequest {
        request_id: request.request_id.clone(),
        team_id: id(&stage.world).to_string(),
        ..Default::default()
    };
    let refused = stage.notes.sign_promise(request_of(stage.tenant, stage.person, elsewhere)).await;
    assert_eq!(
        reason(&refused.expect_err("another method")),
        (Code::AlreadyExists, "REQUEST_ID_REUSED".into())
    );
    assert_eq!(stage.send(request.clone()).await.expect("the saved answer").into_inner(), first);
    assert_eq!(stage.written().await, (1, 1, 1, 1));

    // Somebody else's same request id is another request: it has nothing to do with the first.
    let theirs = pb::StartTeamRequest { id: id(&stage.world).to_string(), ..request };
    let answer = stage.notes.start_team(request_of(stage.tenant, stage.world.person(), theirs)).await;
    answer.expect("another person's request");
    assert_eq!(stage.written().await, (2, 2, 2, 2));
}

/// Proves that a refusal is decided anew each time, and is written down each time.
#[tokio::test]
async fn a_refusal_is_not_saved() {
    let stage = Stage::new().await;
    let request = pb::DropHatRequest {
        request_id: id(&stage.world).to_string(),
        team_id: id(&stage.world).to_string(),
        ..Default::default()
    };
    for times in 1..=2 {
        let refused = stage.notes.drop_hat(request_of(stage.tenant, stage.person, request.clone())).await;
        assert_eq!(
            reason(&refused.expect_err("refused")),
            (Code::PermissionDenied, "PERMISSION_DENIED".into())
        );
        assert_eq!(stage.written().await, (0, 0, 0, times), "nothing but the refusal in the audit");
    }
    // The same id, now for something that is allowed: it was never used up.
    let allowed = pb::StartTeamRequest { request_id: request.request_id, ..stage.request("allowed") };
    stage.send(allowed).await.expect("the request id is still free");
}

/// A change of one or two notes that meets another at the same moment.
#[derive(Clone)]
struct Meet {
    first: Uuid,
    second: Option<Uuid>,
    barrier: Arc<Barrier>,
    tries: Arc<AtomicU32>,
}

/// Changes a note that it read without locking it: whoever comes second finds it changed.
async fn change(tx: &mut Tx, meet: Meet) -> Result<()> {
    let tenant = tx.tenant();
    let version: i64 = sqlx::query_scalar("select version from note where tenant_id = $1 and id = $2")
        .bind(tenant.0)
        .bind(meet.first)
        .fetch_one(tx.conn())
        .await?;
    if meet.tries.fetch_add(1, Ordering::SeqCst) == 0 {
        meet.barrier.wait().await;
    }
    let changed = sqlx::query(
        "update note set version = version + 1 where tenant_id = $1 and id = $2 and version = $3",
    )
    .bind(tenant.0)
    .bind(meet.first)
    .bind(version)
    .execute(tx.conn())
    .await?;
    if changed.rows_affected() == 0 { Err(Common::Contended.into()) } else { Ok(()) }
}

/// Changes two notes in its own order: with another in the other order, PostgreSQL finds a deadlock.
async fn change_both(tx: &mut Tx, meet: Meet) -> Result<()> {
    let tenant = tx.tenant();
    for note in [Some(meet.first), meet.second].into_iter().flatten() {
        sqlx::query("update note set version = version + 1 where tenant_id = $1 and id = $2")
            .bind(tenant.0)
            .bind(note)
            .execute(tx.conn())
            .await?;
        if note == meet.first && meet.tries.fetch_add(1, Ordering::SeqCst) == 0 {
            meet.barrier.wait().await;
        }
    }
    Ok(())
}

async fn always_contended(_: &mut Tx, meet: Meet) -> Result<()> {
    meet.tries.fetch_add(1, Ordering::SeqCst);
    Err(Common::Contended.into())
}

impl Stage {
    fn hat(&self) -> tonic::Request<pb::DropHatRequest> {
        let request = pb::DropHatRequest { request_id: id(&self.world).to_string(), ..Default::default() };
        request_of(self.tenant, self.person, request)
    }

    async fn note(&self) -> Uuid {
        let request = self.request("a note");
        let note = request.id.parse().expect("an id");
        self.send(request).await.expect("a note");
        note
    }

    async fn versions(&self) -> Vec<i64> {
        let mut admin = self.world.admin(&self.host).await;
        sqlx::query_scalar("select version from note order by id")
            .fetch_all(&mut admin)
            .await
            .expect("versions")
    }
}

fn done((): ()) -> pb::DropHatResponse {
    pb::DropHatResponse::default()
}

/// Proves that two commands which meet at one row both succeed: the second is done again by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_commands_at_one_row_both_succeed() {
    let stage = Stage::new().await;
    let note = stage.note().await;
    let barrier = Arc::new(Barrier::new(2));
    let meet = || Meet { first: note, second: None, barrier: barrier.clone(), tries: Arc::default() };
    let (one, two) = (meet(), meet());
    let parse = |meet: &Meet| {
        let meet = meet.clone();
        move |_: pb::DropHatRequest, _: &mut Fields| Some(meet.clone())
    };
    let (first, second) = tokio::join!(
        stage.host.command(stage.hat(), parse(&one), change, done),
        stage.host.command(stage.hat(), parse(&two), change, done)
    );
    first.expect("one");
    second.expect("and the other");
    let tries = one.tries.load(Ordering::SeqCst) + two.tries.load(Ordering::SeqCst);
    println!("contention at one row: 2 commands, {tries} tries, 2 succeeded");
    assert_eq!(tries, 3, "one of the two was done twice");
    assert_eq!(stage.versions().await, [3], "both changed it, one after the other");
}

/// Proves that a deadlock between two commands is resolved by doing one of them again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_done_again() {
    let stage = Stage::new().await;
    let (a, b) = (stage.note().await, stage.note().await);
    let barrier = Arc::new(Barrier::new(2));
    let meet =
        |first, second| Meet { first, second: Some(second), barrier: barrier.clone(), tries: Arc::default() };
    let (one, two) = (meet(a, b), meet(b, a));
    let parse = |meet: &Meet| {
        let meet = meet.clone();
        move |_: pb::DropHatRequest, _: &mut Fields| Some(meet.clone())
    };
    let (first, second) = tokio::join!(
        stage.host.command(stage.hat(), parse(&one), change_both, done),
        stage.host.command(stage.hat(), parse(&two), change_both, done)
    );
    first.expect("one");
    second.expect("and the other");
    let tries = one.tries.load(Ordering::SeqCst) + two.tries.load(Ordering::SeqCst);
    assert!(tries > 2, "a command was done again; on a busy machine the two may meet twice: {tries}");
    assert_eq!(stage.versions().await, [3, 3]);
}

/// Proves that doing again has an end, and that the caller is told to come back.
#[tokio::test]
async fn what_stays_contended_is_given_back_to_the_caller() {
    let stage = Stage::new().await;
    let meet =
        Meet { first: Uuid::nil(), second: None, barrier: Arc::new(Barrier::new(1)), tries: Arc::default() };
    let tries = meet.tries.clone();
    let parse = move |_: pb::DropHatRequest, _: &mut Fields| Some(meet.clone());
    let refused =
        stage.host.command(stage.hat(), parse, always_contended, done).await.expect_err("contended");
    assert_eq!(reason(&refused), (Code::Aborted, "CONTENDED".into()));
    assert!(refused.get_error_details().retry_info().is_some());
    assert_eq!(tries.load(Ordering::SeqCst), 4);
}
