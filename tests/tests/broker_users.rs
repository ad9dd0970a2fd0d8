//! Per-service users of the broker: what each may not do in another's name, tried for every pair of services on a running
//! stack, and what the receiver does where the broker lets a forgery through.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kith_platform::id::{Ids, Uuid};
use kith_proto::Event as _;
use kith_proto::teams::v1::TeamStarted;
use kith_tests::own_broker::OwnBroker;
use kith_tests::services;
use kith_tests::stack::Stack;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, ExchangeBindOptions,
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
    QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ErrorKind, ExchangeKind,
};
use sqlx::AssertSqlSafe;
use tokio::task::JoinSet;

const REFUSED: u16 = 403;
/// The broker's word for a user id that is not the connection's.
const NOT_ITS_USER: u16 = 406;
const PATIENCE: Duration = Duration::from_secs(20);

/// A service as the broker knows it.
struct Seat {
    name: &'static str,
    user: String,
    listens_to: Vec<&'static str>,
    connection: Connection,
}

/// What was tried and refused, by kind.
#[derive(Default)]
struct Tally {
    kinds: BTreeMap<&'static str, (usize, usize)>,
    wrong: Vec<String>,
}

impl Tally {
    /// Tries something on a channel of its own, since a refusal closes it.
    async fn refused(
        &mut self,
        kind: &'static str,
        code: u16,
        seat: &Seat,
        detail: &str,
        attempt: impl AsyncFnOnce(&Channel) -> lapin::Result<()>,
    ) {
        let channel = seat.connection.create_channel().await.expect("a channel");
        let (tried, refused) = self.kinds.entry(kind).or_default();
        *tried += 1;
        match attempt(&channel).await {
            Err(error) if code_of(&error) == Some(code) => *refused += 1,
            other => self.wrong.push(format!("{}: {kind} {detail}: {other:?}", seat.name)),
        }
        if channel.status().connected() {
            channel.close(200, "done".into()).await.ok();
        }
    }

    fn print(&self) {
        let (mut all_tried, mut all_refused) = (0, 0);
        for (kind, (tried, refused)) in &self.kinds {
            println!("{kind}: {tried} tried, {refused} refused");
            all_tried += tried;
            all_refused += refused;
        }
        println!("broker users: {all_tried} attempts, {all_refused} refused");
        assert!(self.wrong.is_empty(), "granted, or refused for another reason:\n{}", self.wrong.join("\n"));
    }
}

fn code_of(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

async fn publish(channel: &Channel, exchange: &str, key: &str, user: &str) -> lapin::Result<()> {
    let properties = BasicProperties::default().with_user_id(user.into());
    send(channel, exchange, key, properties, b"forged").await
}

async fn send(
    channel: &Channel,
    exchange: &str,
    key: &str,
    properties: BasicProperties,
    body: &[u8],
) -> lapin::Result<()> {
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let options = BasicPublishOptions::default();
    let confirm = channel.basic_publish(exchange.into(), key.into(), options, body, properties).await?;
    assert_eq!(confirm.await?, Confirmation::Ack(None));
    Ok(())
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> lapin::Result<()> {
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default()).await
}

/// The stack and everybody's place on the broker.
struct Scene {
    stack: Stack,
    prefix: String,
    seats: Vec<Seat>,
    admin: Connection,
}

impl Scene {
    async fn on(broker: &OwnBroker) -> Self {
        let stack = Stack::start_with_broker(broker).await;
        let mut seats = Vec::new();
        for service in services() {
            stack.wait_until_joined(service.name).await;
            let address = stack.config(service.name).broker_as(service.name).expect("an address");
            assert!(address.own_users, "each service has a user of its own");
            seats.push(Seat {
                name: service.name,
                user: address.user.clone(),
                listens_to: (service.subscriptions)().aggregates(),
                connection: connect(&address.url).await,
            });
        }
        let prefix = stack.config("teams").broker.prefix.clone();
        Self { stack, prefix, seats, admin: connect(&broker.url()).await }
    }

    fn name(&self, what: &str) -> String {
        format!("{}.{what}", self.prefix)
    }

    fn seat(&self, name: &str) -> &Seat {
        self.seats.iter().find(|seat| seat.name == name).expect("one of the seven")
    }

    /// The aggregates of a service that somebody listens to.
    fn told_by(&self, name: &str) -> Vec<&'static str> {
        let mut all: Vec<&'static str> =
            self.seats.iter().flat_map(|seat| seat.listens_to.iter().copied()).collect();
        all.retain(|aggregate| aggregate.split('.').next() == Some(name));
        all.sort_unstable();
        all.dedup();
        all
    }

    async fn depth(&self, queue: &str) -> u32 {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let channel = self.admin.create_channel().await.expect("a channel");
        let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await;
        let depth = queue.expect("the queue is there").message_count();
        channel.close(200, "done".into()).await.ok();
        depth
    }
}

async fn connect(url: &str) -> Connection {
    Connection::connect(url, ConnectionProperties::default()).await.expect("the broker lets us in")
}

/// What a service must be able to do, or the refusals would prove nothing.
async fn controls(scene: &Scene) -> usize {
    let mut granted = 0;
    for seat in &scene.seats {
        let channel = seat.connection.create_channel().await.expect("a channel");
        let (events, own) = (scene.name("events"), scene.name(&format!("in.{}", seat.name)));
        let key = format!("{}.anything.happened.v1", seat.name);
        publish(&channel, &events, &key, &seat.user).await.expect("its own event");
        let heard = seat.listens_to.iter().map(|aggregate| format!("{aggregate}.#"));
        let answers = ["snapshot", "resent"].map(|what| format!("*.{what}.{}", seat.name));
        for key in heard.chain([format!("*.resend.{}.#", seat.name)]).chain(answers) {
            bind(&channel, &own, &events, &key).await.expect("its own binding");
            granted += 1;
        }
        channel.close(200, "done".into()).await.expect("closed");
        granted += 1;
    }
    granted
}

/// What nobody may do whoever the other is.
async fn alone(tally: &mut Tally, scene: &Scene, seat: &Seat) {
    let (events, own) = (scene.name("events"), scene.name(&format!("in.{}", seat.name)));
    let unrouted = scene.name("unrouted");
    for exchange in ["events", "dead", "unrouted"] {
        let exchange = scene.name(exchange);
        tally
            .refused("delete an exchange", REFUSED, seat, &exchange, async |channel| {
                channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await
            })
            .await;
    }
    let spy = scene.name("spy");
    tally
        .refused("declare an exchange", REFUSED, seat, &spy, async |channel| {
            let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
            let kind = ExchangeKind::Fanout;
            channel.exchange_declare(spy.as_str().into(), kind, options, FieldTable::default()).await
        })
        .await;
    for queue in [spy.as_str(), ""] {
        tally
            .refused("declare a queue to listen with", REFUSED, seat, queue, async |channel| {
                let options = QueueDeclareOptions::default();
                channel.queue_declare(queue.into(), options, FieldTable::default()).await.map(drop)
            })
            .await;
    }
    tally
        .refused("bind everything", REFUSED, seat, "#", async |channel| {
            bind(channel, &own, &events, "#").await
        })
        .await;
    tally
        .refused("listen to what nobody listens to", REFUSED, seat, &unrouted, async |channel| {
            get(channel, &unrouted).await
        })
        .await;
    tally
        .refused("lead events elsewhere", REFUSED, seat, &unrouted, async |channel| {
            let (to, from) = (unrouted.as_str().into(), events.as_str().into());
            let options = ExchangeBindOptions::default();
            channel.exchange_bind(to, from, "#".into(), options, FieldTable::default()).await
        })
        .await;
}

async fn get(channel: &Channel, queue: &str) -> lapin::Result<()> {
    channel.basic_get(queue.into(), BasicGetOptions::default()).await.map(drop)
}

/// In another's name.
async fn speak_as(tally: &mut Tally, scene: &Scene, seat: &Seat, other: &Seat) {
    let events = scene.name("events");
    let told = scene.told_by(other.name);
    let facts = told.iter().map(|aggregate| format!("{aggregate}.changed.v1"));
    for key in facts.chain([format!("{}.anything.happened.v1", other.name)]) {
        tally
            .refused("publish another's event", REFUSED, seat, &key, async |channel| {
                publish(channel, &events, &key, &seat.user).await
            })
            .await;
    }
    for asker in &scene.seats {
        let key = format!("{}.snapshot.{}", other.name, asker.name);
        tally
            .refused("send another's snapshot", REFUSED, seat, &key, async |channel| {
                publish(channel, &events, &key, &seat.user).await
            })
            .await;
    }
    for key in [
        format!("{}.resent.{}", other.name, seat.name),
        format!("{}.resend.{}.anything", other.name, seat.name),
    ] {
        tally
            .refused("ask or answer for another", REFUSED, seat, &key, async |channel| {
                publish(channel, &events, &key, &seat.user).await
            })
            .await;
    }
    let key = format!("{}.anything.happened.v1", seat.name);
    tally
        .refused("forge the user id", NOT_ITS_USER, seat, &other.user, async |channel| {
            publish(channel, &events, &key, &other.user).await
        })
        .await;
}

/// What it does not listen to, and what is another's.
async fn hear(tally: &mut Tally, scene: &Scene, seat: &Seat, other: &Seat) {
    let (events, own) = (scene.name("events"), scene.name(&format!("in.{}", seat.name)));
    let mut not_its = scene.told_by(other.name);
    not_its.retain(|aggregate| !seat.listens_to.contains(aggregate));
    let mut keys: Vec<String> = not_its.iter().map(|aggregate| format!("{aggregate}.#")).collect();
    keys.push(format!("{}.#", other.name));
    keys.push(format!("*.resend.{}.#", other.name));
    keys.extend(["snapshot", "resent"].map(|what| format!("*.{what}.{}", other.name)));
    for key in keys {
        tally
            .refused("bind what it does not listen to", REFUSED, seat, &key, async |channel| {
                bind(channel, &own, &events, &key).await
            })
            .await;
    }
    let asks = not_its.iter().map(|aggregate| format!("{}.resend.{aggregate}", seat.name));
    for key in asks.chain([format!("{}.resend.{}.anything", seat.name, other.name)]) {
        tally
            .refused("ask for what it does not listen to", REFUSED, seat, &key, async |channel| {
                publish(channel, &events, &key, &seat.user).await
            })
            .await;
    }
}

/// Queues of another.
async fn reach_into(tally: &mut Tally, scene: &Scene, seat: &Seat, other: &Seat) {
    let inbox = scene.name(&format!("in.{}", other.name));
    for queue in [inbox.clone(), scene.name(&format!("dead.{}", other.name))] {
        tally
            .refused("consume from another's queue", REFUSED, seat, &queue, async |channel| {
                let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
                channel.basic_consume(queue.as_str().into(), "".into(), options, table).await.map(drop)
            })
            .await;
        tally
            .refused("get from another's queue", REFUSED, seat, &queue, async |channel| {
                get(channel, &queue).await
            })
            .await;
        tally
            .refused("purge another's queue", REFUSED, seat, &queue, async |channel| {
                channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default()).await.map(drop)
            })
            .await;
        tally
            .refused("delete another's queue", REFUSED, seat, &queue, async |channel| {
                channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.map(drop)
            })
            .await;
        tally
            .refused("declare another's queue", REFUSED, seat, &queue, async |channel| {
                let options = QueueDeclareOptions { durable: true, ..Default::default() };
                channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await.map(drop)
            })
            .await;
        tally
            .refused("bind another's queue", REFUSED, seat, &queue, async |channel| {
                let key = format!("*.resent.{}", seat.name);
                bind(channel, &queue, &scene.name("events"), &key).await
            })
            .await;
    }
    for exchange in [String::new(), scene.name("dead"), scene.name("unrouted")] {
        tally
            .refused("write to another's queue", REFUSED, seat, &exchange, async |channel| {
                publish(channel, &exchange, &inbox, &seat.user).await
            })
            .await;
    }
}

/// Nobody comes in as another with its own password.
async fn come_as_another(scene: &Scene) -> (usize, usize) {
    let mut tries = JoinSet::new();
    for seat in &scene.seats {
        let own = scene.stack.config(seat.name).broker_as(seat.name).expect("an address").url;
        for other in scene.seats.iter().filter(|other| other.name != seat.name) {
            let url = own.replacen(&seat.user, &other.user, 1);
            tries.spawn(async move {
                let came = Connection::connect(&url, ConnectionProperties::default()).await;
                came.err().as_ref().and_then(code_of) == Some(REFUSED)
            });
        }
    }
    let tried = tries.len();
    (tried, tries.join_all().await.into_iter().filter(|refused| *refused).count())
}

/// An event of teams, complete to the last header.
fn team_event(event: Uuid, user: Option<&str>, further_key: Option<&str>) -> BasicProperties {
    let ids = Ids::system();
    let now = chrono::Utc::now();
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

/// Proves that a service's user of the broker can publish nothing in another's name and hear nothing that it does not
/// listen to; and that a forgery which the broker lets through comes no further than the dead letters of the receiver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_can_do_nothing_in_anothers_name() {
    let broker = OwnBroker::start();
    let scene = Scene::on(&broker).await;
    let granted = controls(&scene).await;

    let mut tally = Tally::default();
    for seat in &scene.seats {
        alone(&mut tally, &scene, seat).await;
        for other in scene.seats.iter().filter(|other| other.name != seat.name) {
            speak_as(&mut tally, &scene, seat, other).await;
            hear(&mut tally, &scene, seat, other).await;
            reach_into(&mut tally, &scene, seat, other).await;
        }
    }
    tally.print();
    let (tried, refused) = come_as_another(&scene).await;
    println!(
        "come as another: {tried} tried, {refused} refused; what is its own: {granted} tried, {granted} granted"
    );
    assert_eq!((tried, refused), (42, 42));

    forge(&scene, &broker).await;
}

/// Three forgeries that a broker might let through, and the genuine event beside them.
async fn forge(scene: &Scene, broker: &OwnBroker) {
    let (evaluation, events, ids) = (scene.seat("evaluation"), scene.name("events"), Ids::system());
    let listeners: Vec<&Seat> =
        scene.seats.iter().filter(|seat| seat.listens_to.contains(&TeamStarted::AGGREGATE)).collect();
    let body = prost::Message::encode_to_vec(&TeamStarted::default());
    let new_id = || ids.uuid(chrono::Utc::now());
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
            assert!(Instant::now() < end, "{}: {} dead letters", listener.name, scene.depth(&letters).await);
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
    assert_eq!(listeners.len(), 4, "who listens to teams.team");
}
