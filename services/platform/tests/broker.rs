//! Events on their way through a real RabbitMQ, and what happens when it cannot be reached.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use kith_platform::broker::{Address, Message, Publisher, Receiver, hand_on_marks};
use kith_platform::config::Config;
use kith_platform::id::Uuid;
use kith_platform::lifecycle::Life;
use kith_platform::testing::{World, request_of};
use kith_proto::common::v1::Watermark;
use kith_proto::teams::v1 as pb;
use kith_proto::teams::v1::teams_service_server::TeamsService as _;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
    QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use tokio_util::sync::CancellationToken;

use crate::common::proxy::Proxy;
use crate::common::{Ask, Notes, SERVICE, applied, count, id, message, until};

mod ends;
mod outage;

const LISTENS_TO: &[&str] = &["teams.team"];

/// A test's own names on the broker; everything is deleted at the end, come what may.
struct Stage {
    world: World,
    config: Config,
    address: Address,
    channel: Channel,
    _connection: Connection,
}

impl Stage {
    async fn run(test: impl AsyncFnOnce(&Self)) {
        let world = World::new();
        let config = world.config(&SERVICE).await;
        let address = config.broker_as("notes").expect("an address");
        address.declare(LISTENS_TO).await.expect("queues are declared");
        let connection = Connection::connect(&address.url, ConnectionProperties::default()).await;
        let connection = connection.expect("RabbitMQ answers");
        let channel = connection.create_channel().await.expect("a channel");
        let stage = Self { world, config, address, channel, _connection: connection };
        let outcome = AssertUnwindSafe(test(&stage)).catch_unwind().await;
        stage.clean_up().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }

    async fn delete_queue(&self, name: &str) {
        let (name, options) = (self.name(name), QueueDeleteOptions::default());
        self.channel.queue_delete(name.as_str().into(), options).await.expect("deleted");
    }

    async fn clean_up(&self) {
        self.address.delete_queues().await.expect("queues are deleted");
        self.delete_queue("spy").await;
        for exchange in ["events", "unrouted", "dead"] {
            let options = ExchangeDeleteOptions::default();
            self.channel
                .exchange_delete(self.name(exchange).as_str().into(), options)
                .await
                .expect("deleted");
        }
    }

    fn name(&self, what: &str) -> String {
        format!("{}.{what}", self.address.prefix)
    }

    /// How many messages wait in a queue.
    async fn depth(&self, queue: &str) -> u32 {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = self.channel.queue_declare(queue.into(), passive, FieldTable::default()).await;
        queue.expect("the queue is there").message_count()
    }

    fn messages(&self, how_many: i64) -> Vec<Message> {
        let tenant = id(&self.world).into();
        let note = id(&self.world);
        (1..=how_many).map(|number| message(&self.world, tenant, note, number, Ask::Nothing)).collect()
    }
}

/// Proves that every attribute of CloudEvents travels, that what is not acknowledged comes again, and that what is
/// acknowledged does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_travel_with_all_their_attributes() {
    Stage::run(async |stage: &Stage| {
        let (spy, events) = (stage.name("spy"), stage.name("events"));
        stage
            .channel
            .queue_declare(spy.as_str().into(), QueueDeclareOptions::default(), FieldTable::default())
            .await
            .expect("a queue");
        stage
            .channel
            .queue_bind(
                spy.as_str().into(),
                events.as_str().into(),
                "#".into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("bound");

        let mut messages = stage.messages(3);
        messages[1].traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
        let (confirmed, failure) = Publisher::new(stage.address.clone()).publish(&messages).await;
        assert!(failure.is_none(), "{failure:?}");
        let mut confirmed = confirmed;
        confirmed.sort_unstable();
        assert_eq!(confirmed, [0, 1, 2]);

        for message in &messages {
            let seen = stage.channel.basic_get(spy.as_str().into(), BasicGetOptions { no_ack: true }).await;
            let seen = seen.expect("an answer").expect("a message").delivery;
            assert_eq!(seen.routing_key.as_str(), message.event_type);
            assert_eq!(seen.data, message.payload);
            let properties = &seen.properties;
            let said = properties.user_id().as_ref().map(ToString::to_string);
            assert_eq!(said.as_deref(), Some(stage.address.user.as_str()));
            assert_eq!(properties.delivery_mode(), &Some(2), "persistent");
            assert_eq!(
                properties.content_type().as_ref().map(ToString::to_string).as_deref(),
                Some("application/protobuf")
            );
            assert_eq!(
                properties.message_id().as_ref().map(ToString::to_string),
                Some(message.event_id.to_string())
            );
            assert_eq!(headers(properties), attributes(message));
        }

        let mut receiver = Receiver::open(&stage.address, LISTENS_TO).await.expect("receiving");
        assert_eq!(receive(&mut receiver, 3).await.0, messages);
        // Gone without acknowledging: they come again.
        drop(receiver);
        let mut receiver = Receiver::open(&stage.address, LISTENS_TO).await.expect("receiving");
        let (again, last) = receive(&mut receiver, 3).await;
        assert_eq!(again, messages);
        for batch in last {
            batch.ack().await.expect("acknowledged");
        }
        drop(receiver);
        let queue = stage.name("in.notes");
        let mut receiver = Receiver::open(&stage.address, LISTENS_TO).await.expect("receiving");
        let more = tokio::time::timeout(Duration::from_millis(500), receiver.next()).await;
        assert!(more.is_err(), "nothing comes again");
        drop(receiver);
        assert_eq!(stage.depth(&queue).await, 0);
    })
    .await;
}

/// Receives that many messages.
async fn receive(
    receiver: &mut Receiver,
    how_many: usize,
) -> (Vec<Message>, Vec<kith_platform::broker::Batch>) {
    let (mut messages, mut batches) = (Vec::new(), Vec::new());
    while messages.len() < how_many {
        let batch = tokio::time::timeout(Duration::from_secs(10), receiver.next()).await;
        let batch = batch.expect("in time").expect("a batch");
        messages.extend(batch.messages.iter().cloned());
        batches.push(batch);
    }
    (messages, batches)
}

fn headers(properties: &BasicProperties) -> BTreeMap<String, String> {
    let headers = properties.headers().as_ref().expect("headers");
    let text = |value: &AMQPValue| match value {
        AMQPValue::LongString(text) => text.to_string(),
        other => panic!("{other:?} is not text"),
    };
    headers.inner().iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// What CloudEvents 1.0 in AMQP binary mode asks for, and the extensions of the architecture.
fn attributes(message: &Message) -> BTreeMap<String, String> {
    let mut attributes = BTreeMap::from([
        ("cloudEvents:specversion", "1.0".to_owned()),
        ("cloudEvents:id", message.event_id.to_string()),
        ("cloudEvents:source", "/kith/teams".to_owned()),
        ("cloudEvents:type", message.event_type.clone()),
        ("cloudEvents:subject", message.aggregate_id.to_string()),
        ("cloudEvents:time", "2026-11-21T12:00:00.000000Z".to_owned()),
        ("cloudEvents:tenant", message.tenant_id.to_string()),
        ("cloudEvents:aggregate", "teams.team".to_owned()),
        ("cloudEvents:eventno", message.event_no.to_string()),
    ]);
    if let Some(traceparent) = &message.traceparent {
        attributes.insert("cloudEvents:traceparent", traceparent.clone());
    }
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Proves D12: an event that nobody listens to is kept in the queue for what is unrouted, and counts as confirmed so that
/// it does not hold up the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_listens_to_is_kept() {
    Stage::run(async |stage: &Stage| {
        let mut messages = stage.messages(4);
        for message in &mut messages[1..3] {
            message.aggregate_type = "matching.introduction".into();
            message.event_type = "matching.introduction.made.v1".into();
        }
        let (confirmed, failure) = Publisher::new(stage.address.clone()).publish(&messages).await;
        assert!(failure.is_none(), "{failure:?}");
        assert_eq!(confirmed.len(), 4);
        let (unrouted, inbox) = (stage.name("unrouted"), stage.name("in.notes"));
        until("all are in their queues", Duration::from_secs(5), async || {
            stage.depth(&unrouted).await == 2 && stage.depth(&inbox).await == 2
        })
        .await;
        println!("D12: sent 2 that nobody listens to, unrouted queue 2, lost 0");
    })
    .await;
}

/// A watermark as identity tells one each second.
fn mark(stage: &Stage, second: i64) -> Message {
    let time = stage.world.clock.now() + chrono::Duration::seconds(second);
    let complete_until = Some(kith_platform::fields::timestamp(time));
    let said = Watermark { aggregate: "identity.consent".into(), complete_until };
    Message {
        tenant_id: Uuid::nil().into(),
        event_id: id(&stage.world),
        aggregate_type: "identity.watermark".into(),
        aggregate_id: Uuid::nil(),
        event_no: 1,
        event_type: "identity.watermark.v1".into(),
        payload: prost::Message::encode_to_vec(&said),
        traceparent: None,
        time,
        snapshot_for: None,
    }
}

/// Proves that however long a service is down no more than one watermark waits for it, the newest, and that it comes
/// behind every event that was told before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_watermarks_the_newest_waits_alone_and_comes_behind_the_events() {
    const LISTENS_TO: &[&str] = &["teams.team", "identity.consent"];
    Stage::run(async |stage: &Stage| {
        stage.address.declare(LISTENS_TO).await.expect("queues are declared");
        let publisher = Publisher::new(stage.address.clone());
        let (events, minutes) = (stage.messages(10), 10);
        let mut newest = None;
        for minute in 0..minutes {
            let event = events[usize::try_from(minute).expect("a few")].clone();
            let marks = (0..60).map(|second| mark(stage, minute * 60 + second));
            let batch: Vec<Message> = std::iter::once(event).chain(marks).collect();
            let (confirmed, failure) = publisher.publish(&batch).await;
            assert!(failure.is_none() && confirmed.len() == batch.len(), "{failure:?}");
            newest = batch.last().cloned();
        }
        let (inbox, marks) = (stage.name("in.notes"), stage.name("marks.notes"));
        until("the newest waits alone", Duration::from_secs(5), async || {
            stage.depth(&inbox).await == 10 && stage.depth(&marks).await == 1
        })
        .await;
        assert_eq!(stage.depth(&stage.name("dead.notes")).await, 0, "the others are no dead letters");

        let (address, stop) = (stage.address.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let handing = tokio::spawn(async move { hand_on_marks(&address, LISTENS_TO, &stopped).await });
        let mut receiver = Receiver::open(&stage.address, LISTENS_TO).await.expect("a receiver");
        let (received, batches) = receive(&mut receiver, 11).await;
        assert_eq!(received[..10], events, "the events first");
        assert_eq!(received.last(), newest.as_ref(), "then the newest watermark");
        for batch in batches {
            batch.ack().await.expect("acknowledged");
        }
        let next = mark(stage, 3600);
        publisher.publish(std::slice::from_ref(&next)).await.1.map_or(Ok(()), Err).expect("published");
        let (received, _batches) = receive(&mut receiver, 1).await;
        assert_eq!(received, [next], "and so on");
        stop.cancel();
        handing.await.expect("it ends");
        println!("watermarks: told {} while down, waiting 1, behind 10 events", minutes * 60);
    })
    .await;
}

/// Proves that an envelope which cannot be read, or says another type than its routing key, goes to the dead letters and
/// holds up nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_read_goes_to_the_dead_letters() {
    Stage::run(async |stage: &Stage| {
        let good = stage.messages(1);
        let mut lying = stage.messages(1);
        lying[0].event_type = "teams.team.member_left.v1".into();
        let publisher = Publisher::new(stage.address.clone());
        let key = "teams.team.started.v1";
        let mut forged = FieldTable::default();
        for (name, value) in attributes(&lying[0]) {
            forged.insert(name.as_str().into(), AMQPValue::LongString(value.into()));
        }
        for headers in [FieldTable::default(), forged] {
            stage
                .channel
                .basic_publish(
                    stage.name("events").as_str().into(),
                    key.into(),
                    BasicPublishOptions::default(),
                    b"nonsense",
                    BasicProperties::default().with_headers(headers),
                )
                .await
                .expect("sent");
        }
        let inbox = stage.name("in.notes");
        until("both have arrived", Duration::from_secs(5), async || stage.depth(&inbox).await == 2).await;
        let (_, failure) = publisher.publish(&good).await;
        assert!(failure.is_none(), "{failure:?}");
        let mut receiver = Receiver::open(&stage.address, LISTENS_TO).await.expect("receiving");
        let (messages, batches) = receive(&mut receiver, 1).await;
        assert_eq!(messages, good);
        for batch in batches {
            batch.ack().await.expect("acknowledged");
        }
        let dead = stage.name("dead.notes");
        until("both are dead letters", Duration::from_secs(10), async || stage.depth(&dead).await == 2).await;
        drop(receiver);
    })
    .await;
}

/// Proves that a publish fails in time when the broker cannot be reached, whether it refuses, falls silent in between, or
/// falls silent at any step of connecting; and that the next one works as soon as it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_without_a_broker_fails_in_time() {
    Stage::run(async |stage: &Stage| {
        let own = &stage.config;
        let through = |proxy: &Proxy| {
            let mut config = own.clone();
            config.broker.host = "127.0.0.1".into();
            config.broker.port = proxy.port;
            Publisher::new(config.broker_as("notes").expect("an address"))
        };
        let proxy = Proxy::before(&own.broker.host, own.broker.port).await;
        let publisher = through(&proxy);
        let messages = stage.messages(3);
        proxy.refuse();
        let started = Instant::now();
        let (confirmed, failure) = publisher.publish(&messages).await;
        assert!(confirmed.is_empty() && failure.is_some(), "nothing is confirmed");
        assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
        proxy.open();
        let (confirmed, failure) = publisher.publish(&messages).await;
        assert_eq!(confirmed.len(), 3, "{failure:?}");

        proxy.stall();
        let started = Instant::now();
        let (confirmed, failure) = publisher.publish(&messages).await;
        assert!(confirmed.is_empty() && failure.is_some(), "nothing is confirmed");
        let silent = started.elapsed();
        assert!(silent < Duration::from_secs(13), "{silent:?}");
        proxy.cut();
        proxy.open();
        let (confirmed, failure) = publisher.publish(&messages).await;
        assert_eq!(confirmed.len(), 3, "{failure:?}");

        let steps = (0..10).map(|answers| {
            let (messages, through) = (&messages, &through);
            async move {
                let proxy = Proxy::before(&own.broker.host, own.broker.port).await;
                proxy.stall_after(answers);
                let publisher = through(&proxy);
                let started = Instant::now();
                let (_, failure) = publisher.publish(messages).await;
                (failure.is_some(), started.elapsed())
            }
        });
        let tried = futures_util::future::join_all(steps).await;
        let failed = tried.iter().filter(|(failed, _)| *failed).count();
        let longest = tried.iter().map(|(_, took)| *took).max().unwrap_or_default();
        println!("publishing: silent in between fails after {silent:?}; silent after 0 to 9 answers: {failed} failed, longest {longest:?}");
        assert!(failed >= 5, "the steps of connecting were met: {tried:?}");
        assert!(longest < Duration::from_secs(16), "{tried:?}");
    })
    .await;
}

/// Proves D1, D2 and D5 in small: five hundred events through a connection that is cut three times arrive exactly once,
/// and nobody has to help.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_survive_a_connection_that_is_cut() {
    Stage::run(async |stage: &Stage| {
        let mut config = stage.config.clone();
        let proxy = Proxy::before(&config.broker.host, config.broker.port).await;
        config.broker.host = "127.0.0.1".into();
        config.broker.port = proxy.port;
        let writer = stage.world.host_with(&SERVICE, config.clone()).await;
        let notes = Notes::new(writer.clone());
        let tenant = stage.world.tenant(&writer, false).await;
        let mut admin = stage.world.admin(&writer).await;
        let life = Life::new();
        let service = tokio::spawn(kith_platform::run(&SERVICE, config, life.clone()));

        let (mut written, mut last) = (0, Uuid::nil());
        let mut outages = Vec::new();
        for outage in 0..=3 {
            for _ in 0..125 {
                last = id(&stage.world);
                let request = pb::StartTeamRequest {
                    request_id: id(&stage.world).to_string(),
                    id: last.to_string(),
                    outward_code: "a note".into(),
                    ..Default::default()
                };
                notes
                    .start_team(request_of(tenant, stage.world.person(), request))
                    .await
                    .expect("writing needs no broker");
                written += 1;
                // In the midst of a batch, while deliveries and confirms are under way.
                if written % 125 == 60 {
                    match outage {
                        1 | 3 => proxy.cut(),
                        2 => proxy.refuse(),
                        _ => {}
                    }
                }
            }
            if outage == 2 {
                let arrived = count(&mut admin, "select count(*) from platform.inbox").await;
                assert!(arrived < written, "while the broker is away, the outbox holds what is written");
                proxy.open();
            }
            let back = Instant::now();
            until("what was written last has arrived", Duration::from_secs(30), async || {
                applied(&mut admin, tenant, last).await.as_deref() == Some("1")
            })
            .await;
            outages.push(back.elapsed());
        }
        until("all events are applied", Duration::from_mins(1), async || {
            count(&mut admin, "select count(*) from platform.inbox_state where state = 'done'").await == 500
        })
        .await;
        let wrong = count(&mut admin, "select count(*) from note where applied <> '1'").await;
        let once = count(&mut admin, "select count(*) from note where applied = '1'").await;
        until("the outbox is empty", Duration::from_secs(30), async || {
            count(&mut admin, "select count(*) from platform.outbox where published_at is null").await == 0
        })
        .await;
        println!(
            "D5 in small: written {written}, cuts 3, applied once {once}, lost or doubled {wrong}, resumed after {outages:?}"
        );
        assert_eq!((once, wrong), (500, 0));
        assert!(!life.failed() && !service.is_finished(), "the service went on by itself");
        life.soft.cancel();
        service.await.expect("the service ends").expect("without failure");
    })
    .await;
}

/// Proves that the lock file holds a lapin whose acknowledgements fail on an old channel
/// (<https://github.com/amqp-rs/lapin/blob/main/CHANGELOG.md>, 4.12.3).
#[test]
fn lapin_is_new_enough() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock"))
        .expect("the lock file");
    let versions: Vec<Vec<u32>> = lock
        .split("[[package]]")
        .filter(|package| package.lines().any(|line| line == "name = \"lapin\""))
        .filter_map(|package| package.lines().find_map(|line| line.strip_prefix("version = ")))
        .map(|version| {
            version.trim_matches('"').split('.').map(|part| part.parse().expect("a number")).collect()
        })
        .collect();
    assert_eq!(versions.len(), 1, "one lapin");
    assert!(versions[0] >= vec![4, 12, 3], "{versions:?}");
}
