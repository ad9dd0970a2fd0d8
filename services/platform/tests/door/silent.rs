//! The database's connections go silent.

use kith_platform::causality::AFTER;
use sqlx::postgres::PgConnectOptions;

use super::*;
use crate::common::proxy::Proxy;

/// Much longer than a call's deadline here, and shorter than the wait for a connection.
const LONGEST: Duration = Duration::from_secs(4);

/// A server whose calls have a second, two at a time, and whose way to the database is the proxy.
async fn behind_a_proxy() -> (Proxy, Door) {
    let server = std::env::var("KITH_DATABASE_URL").expect("a server");
    let server: PgConnectOptions = server.parse().expect("a PostgreSQL URL");
    let proxy = Proxy::before(server.get_host(), server.get_port()).await;
    let port = proxy.port;
    let door = Door::open_with(|config| {
        config.database.host = "127.0.0.1".into();
        config.database.port = port;
        config.server.call_timeout_seconds = 1;
        config.server.max_concurrent_calls = 2;
    })
    .await;
    (proxy, door)
}

impl Door {
    /// Writes a note; the reason where that is refused.
    async fn try_note(&self, request: Request<pb::SignPromiseRequest>) -> Result<(), (Code, String)> {
        let mut teams = self.teams();
        let answer = tokio::time::timeout(LONGEST, teams.sign_promise(request)).await.expect("in time");
        answer.map(|_| ()).map_err(|refused| reason(&refused))
    }

    async fn try_two(&self) -> [Result<(), (Code, String)>; 2] {
        let (one, other) = (self.request(self.note("")), self.request(self.note("")));
        tokio::join!(self.try_note(one), self.try_note(other)).into()
    }
}

fn late() -> Result<(), (Code, String)> {
    Err((Code::Unavailable, "DEADLINE_EXCEEDED".to_owned()))
}

/// Every call hears in time that it cannot be served, and none holds its permit for ever: once new connections work, so does
/// the service, although nobody ever hears of the old ones. Red where work goes on as long as its connection is silent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_has_gone_silent_holds_nobody_for_ever() {
    let (proxy, door) = behind_a_proxy().await;
    assert_eq!(door.try_note(door.request(door.note(""))).await, Ok(()));
    proxy.stall();
    assert_eq!(door.try_two().await, [late(), late()]);
    proxy.lose();
    until("both permits are free again", Duration::from_secs(25), async || {
        door.try_two().await == [Ok(()), Ok(())]
    })
    .await;
    proxy.cut();
    door.close().await;
}

/// Red where waiting for events ends only when the database says something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_an_event_is_answered_in_time_by_a_silent_database_too() {
    let (proxy, door) = behind_a_proxy().await;
    proxy.stall();
    let mut waits = door.request(door.note(""));
    let seen = format!("teams.team.started.v1;{};{}", id(&door.world), door.world.ids.uuid(now()));
    waits.metadata_mut().insert(AFTER, seen.parse().expect("a header"));
    assert_eq!(door.try_note(waits).await, late());
    proxy.cut();
    proxy.open();
    door.close().await;
}
