//! The small service that the platform is tested with. It keeps notes: commands write them and tell of them as
//! `teams.team` events, and it listens to these events itself.

pub mod gate;
pub mod notes;
pub mod proxy;

use std::borrow::Cow;
use std::task::Poll;
use std::time::{Duration, Instant};

use kith_platform::db::Tx;
use kith_platform::error::{Common, Result};
use kith_platform::id::{TenantId, Uuid};
use kith_platform::inbox::{Outcome, Received, Subscriptions};
use kith_platform::testing::World;
use kith_platform::{Host, Service, actions, host, limited};
use kith_proto::matching::v1::{IntroductionMade, IntroductionSnapshot};
use kith_proto::teams::v1::teams_service_server::TeamsServiceServer;
use kith_proto::teams::v1::{TeamSnapshot, TeamStarted};
use sqlx::PgConnection;
use sqlx::migrate::Migrator;

pub use notes::Notes;

pub static SERVICE: Service = Service {
    name: "notes",
    migrations: &MIGRATIONS,
    policy: (POLICY, SCHEMA),
    subscriptions,
    routes,
    prepare: host::nothing_to_prepare,
    extra_roles: &[],
};

/// As the macro reads them; it takes the name of the migrations table from the platform's own `sqlx.toml`.
static SOURCE: Migrator = sqlx::migrate!("tests/migrations");
static MIGRATIONS: Migrator = Migrator {
    migrations: match SOURCE.migrations {
        Cow::Borrowed(migrations) => Cow::Borrowed(migrations),
        Cow::Owned(_) => panic!("the macro borrows"),
    },
    ignore_missing: false,
    locking: true,
    no_tx: false,
    table_name: Cow::Borrowed("_sqlx_migrations"),
    create_schemas: Cow::Borrowed(&[]),
};

const SCHEMA: &str = "entity Person; entity Record; action WriteNote, ReadNote, ChangeNote appliesTo \
    { principal: [Person], resource: [Record], context: { standing: Set<String> } };";
const POLICY: &str = r#"
    permit (principal, action in [Action::"WriteNote", Action::"ReadNote"], resource)
    when { context.standing.contains("anyone") };
    permit (principal, action == Action::"ChangeNote", resource) when { context.standing.contains("owner") };
"#;

actions! { WriteNote, ReadNote seen by ReadNote, ChangeNote seen by ReadNote }

fn routes(host: &Host) -> tonic::service::Routes {
    tonic::service::Routes::default().add_service(limited!(TeamsServiceServer::new(Notes::new(host.clone()))))
}

fn subscriptions() -> Subscriptions {
    Subscriptions::new().on("teams.team", |tx, event| Box::pin(team(tx, event)))
}

/// Applies an event to the note of the same id: the note lists the numbers of all events applied to it. What the event
/// says may ask for more: see [`Ask`].
async fn team(tx: &mut Tx, event: &Received) -> Result<Outcome> {
    let state: TeamSnapshot = event.state()?;
    match Ask::read(&state.circle_id) {
        Ask::Nothing => {}
        Ask::FailUnless(note) if exists(tx, note).await? => {}
        Ask::FailUnless(_) => {
            // What was written before the failure must go with it.
            apply(tx, event, "half").await?;
            return Err(kith_platform::error::Error::internal(anyhow::anyhow!("broken on purpose")));
        }
        Ask::Panic => panic!("broken on purpose"),
        Ask::Busy => return Err(Common::Unavailable.into()),
        Ask::Await(note) if exists(tx, note).await? => {}
        Ask::Await(note) => return Ok(Outcome::awaits("teams.team", note)),
        Ask::Tell(introduction) => {
            let state =
                IntroductionSnapshot { introduction_id: introduction.to_string(), ..Default::default() };
            tx.publish(introduction, &IntroductionMade { state: Some(state) });
        }
    }
    apply(tx, event, &state.circle_id).await?;
    Ok(Outcome::Done)
}

async fn apply(tx: &mut Tx, event: &Received, body: &str) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "insert into note (tenant_id, id, body, version, applied) values ($1, $2, $3, 1, $4)
         on conflict on constraint note_pk do update
         set body = $3, version = note.version + 1, applied = ltrim(note.applied || ' ' || $4)",
    )
    .bind(tenant.0)
    .bind(event.aggregate_id)
    .bind(body)
    .bind(event.event_no.to_string())
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn exists(tx: &mut Tx, note: Uuid) -> Result<bool> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar("select exists (select from note where tenant_id = $1 and id = $2)")
        .bind(tenant.0)
        .bind(note)
        .fetch_one(tx.conn())
        .await?)
}

/// What an event asks of the handler, in its `circle_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// To be applied.
    Nothing,
    /// To fail as long as that note is not there.
    FailUnless(Uuid),
    /// To panic.
    Panic,
    /// To fail as something does that will pass.
    Busy,
    /// To wait for that note.
    Await(Uuid),
    /// To tell of an introduction.
    Tell(Uuid),
}

impl Ask {
    fn words(self) -> String {
        match self {
            Self::Nothing => "nothing".into(),
            Self::FailUnless(note) => format!("fail-unless {note}"),
            Self::Panic => "panic".into(),
            Self::Busy => "busy".into(),
            Self::Await(note) => format!("await {note}"),
            Self::Tell(introduction) => format!("tell {introduction}"),
        }
    }

    fn read(words: &str) -> Self {
        let (word, id) = words.split_once(' ').unwrap_or((words, ""));
        let id = id.parse().unwrap_or_default();
        match word {
            "fail-unless" => Self::FailUnless(id),
            "panic" => Self::Panic,
            "busy" => Self::Busy,
            "await" => Self::Await(id),
            "tell" => Self::Tell(id),
            _ => Self::Nothing,
        }
    }
}

/// An event about a note.
pub fn told(note: Uuid, ask: Ask) -> TeamStarted {
    let state = TeamSnapshot { team_id: note.to_string(), circle_id: ask.words(), ..Default::default() };
    TeamStarted { state: Some(state) }
}

/// The same as it comes from the broker.
pub fn message(
    world: &World,
    tenant: TenantId,
    note: Uuid,
    event_no: i64,
    ask: Ask,
) -> kith_platform::broker::Message {
    kith_platform::broker::Message {
        tenant_id: tenant,
        event_id: world.ids.uuid(world.clock.now()),
        aggregate_type: "teams.team".into(),
        aggregate_id: note,
        event_no,
        event_type: "teams.team.started.v1".into(),
        payload: prost::Message::encode_to_vec(&told(note, ask)),
        traceparent: None,
        time: world.clock.now(),
        snapshot_for: None,
    }
}

/// As if the service had joined before: nothing is asked for, and it need not wait.
pub async fn joined(conn: &mut PgConnection) {
    sqlx::query("insert into platform.subscription values ('teams.team', $1, '2026-11-21', '2026-11-21')")
        .bind(Uuid::nil())
        .execute(conn)
        .await
        .expect("joined");
}

/// A new id of this world.
pub fn id(world: &World) -> Uuid {
    world.ids.uuid(world.clock.now())
}

/// One number from the database.
pub async fn count(conn: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(conn).await.expect("a number")
}

/// The numbers of the events that were applied to a note, in order; `None` where there is no such note.
pub async fn applied(conn: &mut PgConnection, tenant: TenantId, note: Uuid) -> Option<String> {
    sqlx::query_scalar("select applied from note where tenant_id = $1 and id = $2")
        .bind(tenant.0)
        .bind(note)
        .fetch_optional(conn)
        .await
        .expect("the note")
}

/// Looks again and again until it is so, at most that long.
pub async fn until(what: &str, longest: Duration, mut so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + longest;
    while !so().await {
        assert!(Instant::now() < end, "not within {longest:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Polls a call so many times and drops it then, wherever it is: the same moments on a quick and on a slow machine.
/// `None` where it was dropped.
pub async fn dropped_after<T>(polls: u64, call: impl Future<Output = T>) -> Option<T> {
    let mut call = Box::pin(call);
    let mut polled = 0;
    std::future::poll_fn(move |context| {
        polled += 1;
        match call.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if polled >= polls => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
