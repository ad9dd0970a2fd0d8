//! Forgeries that a broker might let through, and where they end.

use std::time::{Duration, Instant};

use kith_platform::clock::Clock;
use kith_platform::id::{Ids, Uuid};
use kith_proto::Event as _;
use kith_proto::teams::v1::TeamStarted;
use kith_tests::own_broker::OwnBroker;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use sqlx::AssertSqlSafe;

use super::Scene;
use super::tally::{Seat, send};

const PATIENCE: Duration = Duration::from_secs(20);

/// An event of teams, complete to the last header.
fn team_event(event: Uuid, user: Option<&str>, further_key: Option<&str>) -> BasicProperties {
    let ids = Ids::system();
    let now = Clock::System.now();
    let mut headers = FieldTable::default();
    for (name, value) in [
        ("specversion", "1.0".to_owned()),
        ("id", event.to_string()),
        ("source", "/kith/teams".to_owned()),
        ("type", TeamStarted::TYPE.to_owned()),
        ("subject", ids.uuid(now).to_string()),
        ("time", now.to_rfc3339()),
        ("tenant", ids.uuid(now).to_string()),
        ("aggregate", TeamStarted::AGGREGATE.to_owned()),
        ("eventno", "1".to_owned()),
    ] {
        headers.insert(format!("cloudEvents:{name}").into(), AMQPValue::LongString(value.into()));
    }
    if let Some(key) = further_key {
        let keys = vec![AMQPValue::LongString(key.into())];
        headers.insert("CC".into(), AMQPValue::FieldArray(keys.into()));
    }
    let properties = BasicProperties::default().with_headers(headers).with_delivery_mode(2);
    match user {
        Some(user) => properties.with_user_id(user.into()),
        None => properties,
    }
}

/// Whether an event is in a service's inbox.
async fn is_in_inbox(scene: &Scene, service: &str, event: Uuid) -> bool {
    let sql = format!("select exists (select from platform.inbox where event_id = '{event}')");
    sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(&mut scene.stack.admin(service).await)
        .await
        .expect("the inbox")
}

/// Lets evaluation write whatever it likes: somebody's mistake, or a broker that does not look.
fn widen(scene: &Scene, broker: &OwnBroker) {
    let definitions = serde_json::json!({ "topic_permissions": [{
        "user": scene.seat("evaluation").user,
        "vhost": "/",
        "exchange": scene.name("events"),
        "write": ".*",
        "read": ".*",
    }] });
    broker.import(&definitions.to_string());
}

/// Three forgeries that a broker might let through, and the genuine event beside them.
pub async fn forge(scene: &Scene, broker: &OwnBroker) {
    let (evaluation, events, ids) = (scene.seat("evaluation"), scene.name("events"), Ids::system());
    let listeners: Vec<&Seat> =
        scene.seats.iter().filter(|seat| seat.listens_to.contains(&TeamStarted::AGGREGATE)).collect();
    let body = prost::Message::encode_to_vec(&TeamStarted::default());
    let new_id = || ids.uuid(Clock::System.now());
    let mut forged = Vec::new();
    let channel = evaluation.connection.create_channel().await.expect("a channel");

    // A second key beside one's own: RabbitMQ before 4 looks at the first alone.
    let (id, own_key) = (new_id(), "evaluation.anything.happened.v1");
    let properties = team_event(id, Some(&evaluation.user), Some(TeamStarted::TYPE));
    let let_through = send(&channel, &events, own_key, properties, &body).await.is_ok();
    if let_through {
        forged.push(id);
    }
    println!(
        "a second key beside its own: {}",
        if let_through { "let through by the broker" } else { "refused" }
    );

    widen(scene, broker);
    let channel = evaluation.connection.create_channel().await.expect("a channel");
    for user in [Some(evaluation.user.as_str()), None] {
        let id = new_id();
        let properties = team_event(id, user, None);
        let sent = send(&channel, &events, TeamStarted::TYPE, properties, &body).await;
        sent.expect("the broker lets it through now");
        forged.push(id);
    }
    let teams = scene.seat("teams").connection.create_channel().await.expect("a channel");
    let genuine = new_id();
    let properties = team_event(genuine, Some(&scene.seat("teams").user), None);
    send(&teams, &events, TeamStarted::TYPE, properties, &body).await.expect("its own event");

    let (mut dead, mut kept) = (0, 0);
    for listener in &listeners {
        let end = Instant::now() + PATIENCE;
        // It came last, by the same queue: what was forged before it is decided by then.
        while !is_in_inbox(scene, listener.name, genuine).await {
            assert!(Instant::now() < end, "{}: the genuine event does not arrive", listener.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for id in &forged {
            kept += usize::from(is_in_inbox(scene, listener.name, *id).await);
        }
        let letters = scene.name(&format!("dead.{}", listener.name));
        let all = u32::try_from(forged.len()).expect("a few");
        while scene.depth(&letters).await < all {
            let (there, name) = (scene.depth(&letters).await, listener.name);
            assert!(Instant::now() < end, "{name}: {there} dead letters, {kept} forged events in the inbox");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        dead += scene.depth(&letters).await;
    }
    println!(
        "forged events that the broker let through: {} to {} services: {dead} dead letters, {kept} in inboxes",
        forged.len(),
        listeners.len()
    );
    assert_eq!((dead as usize, kept), (forged.len() * listeners.len(), 0));
    assert_eq!(listeners.len(), 5, "who listens to teams.team");
}
