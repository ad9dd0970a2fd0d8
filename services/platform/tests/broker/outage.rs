//! What was received while the database is away.

use super::*;

/// An outage of the database gives nothing back to the broker, which would count it and in the end make dead letters of
/// good events: what was received is kept on its connection until it can be stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_kept_while_they_cannot_be_stored() {
    Stage::run(async |stage: &Stage| {
        let mut config = stage.config.clone();
        let proxy = Proxy::before(&config.broker.host, config.broker.port).await;
        config.broker.host = "127.0.0.1".into();
        config.broker.port = proxy.port;
        let host = stage.world.host_with(&SERVICE, config.clone()).await;
        let mut admin = stage.world.admin(&host).await;
        let life = Life::new();
        let service = tokio::spawn(kith_platform::run(&SERVICE, config, life.clone()));
        let inbox = stage.name("in.notes");
        let arrive = async |messages: &[Message]| {
            let (_, failure) = Publisher::new(stage.address.clone()).publish(messages).await;
            assert!(failure.is_none(), "{failure:?}");
        };
        let stored = "select count(*) from platform.inbox";
        arrive(&stage.messages(1)).await;
        until("the service receives", Duration::from_secs(30), async || count(&mut admin, stored).await == 1)
            .await;

        let opened = proxy.opened();
        sqlx::query("revoke insert on platform.inbox from kith_relay")
            .execute(&mut admin)
            .await
            .expect("refused from now on");
        arrive(&stage.messages(3)).await;
        until("they are delivered", Duration::from_secs(10), async || stage.depth(&inbox).await == 0).await;
        // Long enough for several attempts; nothing happens that could be waited for.
        tokio::time::sleep(Duration::from_secs(2)).await;
        sqlx::query("grant insert on platform.inbox to kith_relay").execute(&mut admin).await.expect("back");
        until("they are stored", Duration::from_secs(30), async || count(&mut admin, stored).await == 4)
            .await;
        // The sender's own connection may have come meanwhile; a receiver that gives back comes anew for each attempt.
        assert!(proxy.opened() <= opened + 1, "they were never given back");
        life.soft.cancel();
        service.await.expect("the service ends").expect("without failure");
    })
    .await;
}

/// What is stored but not known to be on the disk is not acknowledged: should the machine fail now, it comes again. The event waits
/// for one before it, so no commit of the applier takes it along. Red where nobody waits for the disk: storing itself does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_safe_yet_is_not_acknowledged() {
    Stage::run(async |stage: &Stage| {
        let host = stage.world.host_with(&SERVICE, stage.config.clone()).await;
        let mut admin = stage.world.admin(&host).await;
        let life = Life::new();
        let service = tokio::spawn(kith_platform::run(&SERVICE, stage.config.clone(), life.clone()));
        let inbox = stage.name("in.notes");
        let messages = stage.messages(3);
        let arrive = async |message: &Message| {
            let (_, failure) =
                Publisher::new(stage.address.clone()).publish(std::slice::from_ref(message)).await;
            assert!(failure.is_none(), "{failure:?}");
        };
        let done = "select count(*) from platform.inbox_state where state = 'done'";
        arrive(&messages[0]).await;
        until("the service applies", Duration::from_secs(30), async || count(&mut admin, done).await == 1)
            .await;
        let (revoke, emit) = ("revoke execute on function", "pg_logical_emit_message(boolean, text, text)");
        let no_waiting = format!("{revoke} {emit} from public");
        sqlx::query(sqlx::AssertSqlSafe(no_waiting)).execute(&mut admin).await.expect("not from now on");
        arrive(&messages[2]).await;
        let stored = "select count(*) from platform.inbox";
        until("it is stored", Duration::from_secs(30), async || count(&mut admin, stored).await == 2).await;
        life.soft.cancel();
        service.await.expect("the service ends").expect("without failure");
        until("it is given back", Duration::from_secs(10), async || stage.depth(&inbox).await == 1).await;
    })
    .await;
}
