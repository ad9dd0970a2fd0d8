//! Commands of one statement: what they read is not locked, and one statement at the end enters the tenant, changes the
//! row, tells, writes down and saves the answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kith_platform::Host;
use kith_platform::authz::{Standing, Subject};
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::{Common, Error, Result};
use kith_platform::fields::Fields;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::testing::{World, reason, request_of};
use kith_proto::teams::v1::teams_service_server::TeamsService as _;
use kith_proto::teams::v1::{self as pb};
use tonic::{Code, Response, Status};

use crate::common::{Action, Ask, Notes, SERVICE, count, gate, id, told};

/// Counts a note up.
#[derive(Clone)]
struct Count {
    note: Uuid,
    /// Waited at between reading and changing, the first time.
    gate: String,
    /// How often it was tried: once where one statement did it.
    tries: Arc<AtomicU32>,
    refuse: bool,
}

async fn count_up(tx: &mut Tx, command: Count) -> Result<i64> {
    let tenant = tx.tenant();
    let select = if tx.locks() {
        sqlx::query_scalar("select version from note where tenant_id = $1 and id = $2 for update")
    } else {
        sqlx::query_scalar("select version from note where tenant_id = $1 and id = $2")
    };
    let version: Option<i64> = select.bind(tenant.0).bind(command.note).fetch_optional(tx.conn()).await?;
    let owner = Standing::new().with("owner", !command.refuse);
    tx.require(Action::ChangeNote, Subject::of("note", command.note), &owner)?;
    let version = version.ok_or(Error::NotFound("note"))?;
    if command.tries.fetch_add(1, Ordering::SeqCst) == 0 && !command.gate.is_empty() {
        gate::named(&command.gate).pass().await;
    }
    let change = sqlx::query(
        "update note set version = version + 1, body = $4 where tenant_id = $1 and id = $2 and version = $3",
    );
    let change = change.bind(tenant.0).bind(command.note).bind(version).bind(format!("{}", version + 1));
    tx.change_one(change).await?;
    tx.publish(command.note, &told(command.note, Ask::Nothing));
    Ok(version + 1)
}

#[derive(Clone)]
struct Stage {
    world: Arc<World>,
    host: Host,
    tenant: TenantId,
    person: PersonId,
    note: Uuid,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let tenant = world.tenant(&host, false).await;
        let (person, note) = (world.person(), id(&world));
        let request = pb::StartTeamRequest {
            request_id: id(&world).to_string(),
            id: note.to_string(),
            outward_code: "1".into(),
            ..Default::default()
        };
        let notes = Notes::new(host.clone());
        notes.start_team(request_of(tenant, person, request)).await.expect("a note");
        Self { world: Arc::new(world), host, tenant, person, note }
    }

    fn command(&self) -> Count {
        Count { note: self.note, gate: String::new(), tries: Arc::default(), refuse: false }
    }

    /// Counts up under a request id; answers the number in a field of the contract.
    async fn send(
        &self,
        request_id: Uuid,
        said: &str,
        command: &Count,
    ) -> Result<Response<pb::DropHatResponse>, Status> {
        let request = pb::DropHatRequest {
            request_id: request_id.to_string(),
            team_id: said.into(),
            ..Default::default()
        };
        let parse = |_: pb::DropHatRequest, _: &mut Fields| Some(command.clone());
        let hat = |number: i64| pb::DropHatResponse {
            holding: Some(pb::HatHolding { id: number.to_string(), ..Default::default() }),
        };
        self.host.command_in_one(request_of(self.tenant, self.person, request), parse, count_up, hat).await
    }

    async fn remember(&self, state: &'static str) {
        let remember = async |tx: &mut Tx| tx.remember_tenant(state, "Europe/London", 2).await;
        let actor = Actor::Service { tenant: self.tenant };
        self.host.within(self.tenant, actor, Mode::Apply, remember).await.expect("remembered");
    }

    /// The note's number, events about it, the greatest number of an event, saved answers and audit rows.
    async fn written(&self) -> [i64; 5] {
        let mut admin = self.world.admin(&self.host).await;
        [
            count(&mut admin, "select version from note").await,
            count(&mut admin, "select count(*) from platform.outbox").await,
            count(&mut admin, "select coalesce(max(event_no), 0) from platform.outbox").await,
            count(&mut admin, "select count(*) from platform.saved_answer").await,
            count(&mut admin, "select count(*) from platform.audit").await,
        ]
    }
}

fn number(answer: Result<Response<pb::DropHatResponse>, Status>) -> String {
    answer.expect("answered").into_inner().holding.expect("a number").id
}

/// Changed, told, written down and saved at once; a repeat has the same answer, and an id is good for one content only.
#[tokio::test]
async fn a_command_of_one_statement_is_whole() {
    let stage = Stage::new().await;
    let (command, request_id) = (stage.command(), id(&stage.world));
    let first = stage.send(request_id, "a", &command).await.expect("counted up");
    let caused = first.metadata().get("kith-caused").expect("it says what it caused").clone();
    assert_eq!(first.into_inner().holding.expect("a number").id, "2");
    assert_eq!(command.tries.load(Ordering::SeqCst), 1, "one statement did it");
    assert_eq!(stage.written().await, [2, 2, 2, 2, 2]);

    let again = stage.send(request_id, "a", &command).await.expect("the saved answer");
    assert_eq!(again.metadata().get("kith-caused"), Some(&caused));
    assert_eq!(number(Ok(again)), "2");
    let refused = stage.send(request_id, "b", &command).await.expect_err("other content");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));
    assert_eq!(stage.written().await, [2, 2, 2, 2, 2], "nothing more");
}

/// A refusal is decided anew each time, and written down each time; what is not there is not found.
#[tokio::test]
async fn what_is_refused_is_refused_as_ever() {
    let stage = Stage::new().await;
    let (refused, request_id) = (Count { refuse: true, ..stage.command() }, id(&stage.world));
    for times in 1..=2 {
        let status = stage.send(request_id, "a", &refused).await.expect_err("refused");
        assert_eq!(reason(&status), (Code::NotFound, "NOT_FOUND".into()));
        assert_eq!(stage.written().await, [1, 1, 1, 1, 1 + times]);
    }
    let unknown = Count { note: id(&stage.world), ..stage.command() };
    let status = stage.send(request_id, "a", &unknown).await.expect_err("not there");
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(number(stage.send(request_id, "a", &stage.command()).await), "2", "the id was never used up");
}

/// Proves L3 for commands of one statement: the same request fifty times at once has one effect and one answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_fifty_times_at_once_has_one_effect() {
    let stage = Stage::new().await;
    let (command, request_id) = (stage.command(), id(&stage.world));
    let calls = (0..50).map(|_| {
        let (stage, command) = (stage.clone(), command.clone());
        tokio::spawn(async move { number(stage.send(request_id, "a", &command).await) })
    });
    for answer in futures_util::future::join_all(calls.collect::<Vec<_>>()).await {
        assert_eq!(answer.expect("the call ends"), "2");
    }
    assert_eq!(stage.written().await, [2, 2, 2, 2, 2], "one effect");
}

/// Fifty different requests at one row: each change is there, and its event has the next number. Whoever was not quick enough
/// is run again, under the row's lock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_changes_at_one_row_all_count() {
    let stage = Stage::new().await;
    let tries: Arc<AtomicU32> = Arc::default();
    let calls = (0..50).map(|_| {
        let (stage, tries) = (stage.clone(), tries.clone());
        tokio::spawn(async move {
            let command = Count { tries, ..stage.command() };
            number(stage.send(id(&stage.world), "a", &command).await)
        })
    });
    let mut numbers: Vec<u32> = Vec::new();
    for answer in futures_util::future::join_all(calls.collect::<Vec<_>>()).await {
        numbers.push(answer.expect("the call ends").parse().expect("a number"));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=51).collect::<Vec<u32>>(), "each has a number of its own");
    assert_eq!(stage.written().await, [51, 51, 51, 51, 51]);
    println!("50 commands of one statement at one row: {} tries", tries.load(Ordering::SeqCst));
}

/// Somebody else's change between reading and changing: the command runs again, and both count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_in_between_is_noticed() {
    let stage = Stage::new().await;
    let slow = Count { gate: "in one: between".into(), ..stage.command() };
    let sending = tokio::spawn({
        let (stage, slow) = (stage.clone(), slow.clone());
        async move { number(stage.send(id(&stage.world), "a", &slow).await) }
    });
    gate::named("in one: between").met(1).await;
    assert_eq!(number(stage.send(id(&stage.world), "b", &stage.command()).await), "2");
    gate::named("in one: between").let_through(1);
    assert_eq!(sending.await.expect("the call ends"), "3");
    assert_eq!(slow.tries.load(Ordering::SeqCst), 2, "once in vain");
    assert_eq!(stage.written().await, [3, 3, 3, 3, 3]);
}

/// A freeze between reading and changing is seen, and so is any other step in the tenant's life: nothing is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_accepts_no_changes_any_more_is_noticed() {
    let stage = Stage::new().await;
    for (state, expected) in [
        ("frozen", (Code::Unavailable, "TENANT_FROZEN")),
        ("suspended", (Code::FailedPrecondition, "TENANT_SUSPENDED")),
        ("released", (Code::FailedPrecondition, "TENANT_RELEASED")),
    ] {
        stage.remember("live").await;
        let before = stage.written().await;
        let slow = Count { gate: format!("in one: {state}"), ..stage.command() };
        let sending = tokio::spawn({
            let (stage, slow) = (stage.clone(), slow.clone());
            async move { stage.send(id(&stage.world), "a", &slow).await }
        });
        gate::named(&slow.gate).met(1).await;
        stage.remember(state).await;
        gate::named(&slow.gate).let_through(1);
        let refused = sending.await.expect("the call ends").expect_err("it accepts no changes");
        assert_eq!(reason(&refused), (expected.0, expected.1.to_owned()));
        assert_eq!(stage.written().await, before, "{state}");
    }
    stage.remember("live").await;
    assert_eq!(number(stage.send(id(&stage.world), "a", &stage.command()).await), "2");
}

/// A freeze waits for a statement under way, and a statement that comes meanwhile waits for the freeze and then sees it: its
/// parameters, which enter the tenant, are read before it looks at any row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_waits_for_a_freeze_under_way() {
    let stage = Stage::new().await;
    let mut admin = stage.world.admin(&stage.host).await;
    sqlx::raw_sql("begin").execute(&mut admin).await.expect("begun");
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(stage.tenant.to_string())
        .execute(&mut admin)
        .await
        .expect("the lock that a freeze takes");
    let command = stage.command();
    let sending = tokio::spawn({
        let (stage, command) = (stage.clone(), command.clone());
        async move { stage.send(id(&stage.world), "a", &command).await }
    });
    let mut looking = stage.world.admin(&stage.host).await;
    let waits =
        "select count(*) from pg_stat_activity where wait_event = 'advisory' and datname = current_database()
                     and query like 'with changed as%'";
    while count(&mut looking, waits).await == 0 {
        assert!(!sending.is_finished(), "it did not wait");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    sqlx::query("update platform.tenant set state = 'frozen' where tenant_id = $1")
        .bind(stage.tenant.0)
        .execute(&mut admin)
        .await
        .expect("frozen");
    sqlx::raw_sql("commit").execute(&mut admin).await.expect("committed");
    let refused = sending.await.expect("the call ends").expect_err("it is frozen");
    assert_eq!(reason(&refused), (Code::Unavailable, "TENANT_FROZEN".into()));
    assert_eq!(
        command.tries.load(Ordering::SeqCst),
        1,
        "once in vain; the second time it is refused before it is tried"
    );
    assert_eq!(stage.written().await, [1, 1, 1, 1, 1]);
}

/// A command that changes nothing, changes two rows or writes at once is no command of one statement: it runs as others do.
#[tokio::test]
async fn what_is_not_one_statement_runs_as_others_do() {
    let stage = Stage::new().await;
    let other = async |tx: &mut Tx, kind: &'static str| -> Result<()> {
        let tenant = tx.tenant();
        let note = stage.note;
        let up = || {
            sqlx::query("update note set version = version + 1 where tenant_id = $1 and id = $2")
                .bind(tenant.0)
                .bind(note)
        };
        match kind {
            "two" => {
                tx.change_one(up()).await?;
                tx.change_one(up()).await?;
            }
            "at once" => {
                up().execute(tx.conn()).await?;
            }
            "no event" => tx.change_one(up()).await?,
            "none there" => {
                let none =
                    sqlx::query("update note set version = 9 where tenant_id = $1 and false").bind(tenant.0);
                tx.change_one(none).await?;
            }
            _ => {}
        }
        if kind != "no event" {
            tx.publish(note, &told(note, Ask::Nothing));
        }
        Ok(())
    };
    let mut version = 1;
    for (kind, more) in [("two", 2), ("at once", 1), ("no event", 1), ("nothing", 0)] {
        let request = pb::DropHatRequest { request_id: id(&stage.world).to_string(), ..Default::default() };
        let parse = |_: pb::DropHatRequest, _: &mut Fields| Some(kind);
        let answer = |()| pb::DropHatResponse::default();
        let request = request_of(stage.tenant, stage.person, request);
        stage.host.command_in_one(request, parse, other, answer).await.expect(kind);
        version += more;
        assert_eq!(stage.written().await[0], version, "{kind}");
    }
    let request = pb::DropHatRequest { request_id: id(&stage.world).to_string(), ..Default::default() };
    let parse = |_: pb::DropHatRequest, _: &mut Fields| Some("none there");
    let before = stage.written().await;
    let refused = stage
        .host
        .command_in_one(request_of(stage.tenant, stage.person, request), parse, other, |()| {
            pb::DropHatResponse::default()
        })
        .await
        .expect_err("no row is changed");
    assert_eq!(reason(&refused), reason(&Status::from(Error::from(Common::Contended))));
    assert_eq!(stage.written().await, before);
}
