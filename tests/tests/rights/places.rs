//! Where else something of a person could be: events that were given up on, what waits in a queue of the broker, dead
//! letters and what nobody listens to. Each of these places is filled on purpose before it is looked into.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use kith_tests::services;
use kith_tests::stack::Stack;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use sqlx::AssertSqlSafe;

const PATIENCE: Duration = Duration::from_mins(1);
const DEAD: &str = "select count(*) from platform.inbox_todo where state = 'dead'";
/// The next attempt now: eight attempts with their back-off would take minutes.
const HURRY: &str =
    "update platform.inbox_todo set next_attempt_at = since where state = 'ready' and attempts > 0";

/// From now on appointments cannot apply what it hears of any giver; the failure itself cries these words out.
pub async fn poison(stack: &Stack, words: &str) {
    let sql = format!(
        "create function poison() returns trigger language plpgsql as $$
         begin raise exception '{words} of % cannot be kept', new; end $$;
         create trigger poison before insert or update on known_giver for each row execute function poison()"
    );
    run(stack, "appointments", &sql).await;
}

/// Waits until appointments has given up on one event.
pub async fn until_dead(stack: &Stack) {
    let end = Instant::now() + PATIENCE;
    while number(stack, "appointments", DEAD).await == 0 {
        assert!(Instant::now() < end, "nothing is given up on");
        run(stack, "appointments", HURRY).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What can be applied again, and an operator replays what was given up on.
pub async fn mend(stack: &Stack) {
    assert_eq!(number(stack, "appointments", DEAD).await, 1, "it is dead to the end");
    run(stack, "appointments", "drop trigger poison on known_giver; drop function poison()").await;
    let dead: String =
        sqlx::query_scalar("select event_id::text from platform.inbox_todo where state = 'dead'")
            .fetch_one(&mut stack.admin("appointments").await)
            .await
            .expect("a dead event");
    let replay = ["events", "appointments", "replay", &dead, "--reason", "mended"];
    let done = stack.operate("appointments", &replay).output().expect("kith is built");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The broker of a stack.
pub struct Queues {
    connection: Connection,
    prefix: String,
}

impl Queues {
    /// Connects to it.
    pub async fn of(stack: &Stack) -> Self {
        let config = stack.config("teams");
        let url = config.broker_as("teams").expect("the broker").url;
        let connection = Connection::connect(&url, ConnectionProperties::default()).await;
        Self { connection: connection.expect("the broker"), prefix: config.broker.prefix.clone() }
    }

    async fn channel(&self) -> Channel {
        self.connection.create_channel().await.expect("a channel")
    }

    /// Sends what matching told of somebody as a giver once more: without the envelope, so that it is a dead letter
    /// wherever it comes, and under a key that nobody listens to.
    pub async fn scatter(&self, stack: &Stack, person_id: &str) {
        let (event_type, payload): (String, Vec<u8>) = sqlx::query_as(
            "select event_type, payload from platform.outbox
             where aggregate_type = 'matching.giver' and aggregate_id = $1::uuid limit 1",
        )
        .bind(person_id)
        .fetch_one(&mut stack.admin("matching").await)
        .await
        .expect("what was told of the giver");
        let (channel, exchange) = (self.channel().await, format!("{}.events", self.prefix));
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        for key in [event_type.as_str(), "matching.nobody.listens.v1"] {
            let properties = BasicProperties::default().with_delivery_mode(2);
            let options = BasicPublishOptions::default();
            let sent =
                channel.basic_publish(exchange.as_str().into(), key.into(), options, &payload, properties);
            sent.await.expect("it is sent").await.expect("it is taken");
        }
    }

    /// Everything that waits in a queue, headers and bodies; it goes on waiting.
    pub async fn waiting(&self, queue: &str) -> Vec<Vec<u8>> {
        let (channel, queue) = (self.channel().await, format!("{}.{queue}", self.prefix));
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let declared = channel.queue_declare(queue.as_str().into(), passive, FieldTable::default()).await;
        let depth = declared.expect("the queue").message_count();
        let options = BasicConsumeOptions::default();
        let mut consumer = channel
            .basic_consume(queue.as_str().into(), "a look".into(), options, FieldTable::default())
            .await
            .expect("a consumer");
        let mut found = Vec::new();
        for _ in 0..depth {
            let Ok(Some(delivery)) = tokio::time::timeout(Duration::from_secs(5), consumer.next()).await
            else {
                break;
            };
            found.push(text_of(&delivery.expect("a delivery")));
        }
        // What was not acknowledged goes back to where it was.
        channel.close(200, "seen".into()).await.expect("closed");
        found
    }

    /// How much waits in the queues of this kind, `in` or `dead`, of all services; what of it holds any of these words is
    /// told.
    pub async fn look(&self, kind: &str, words: &[&String]) -> usize {
        let mut waiting = 0;
        for service in services() {
            let queue = format!("{kind}.{}", service.name);
            waiting += self.look_into(&queue, words).await;
        }
        waiting
    }

    /// How much waits in a queue, none of it with any of these words.
    pub async fn look_into(&self, queue: &str, words: &[&String]) -> usize {
        let waiting = self.waiting(queue).await;
        for word in words {
            assert!(!waiting.iter().any(|text| holds(text, word)), "{word} waits in {queue}");
        }
        waiting.len()
    }
}

/// Whether bytes hold a word.
pub fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

fn text_of(delivery: &Delivery) -> Vec<u8> {
    let mut text = delivery.routing_key.as_str().as_bytes().to_vec();
    let headers = delivery.properties.headers().as_ref();
    for (name, value) in headers.map(FieldTable::inner).into_iter().flatten() {
        text.extend(name.as_str().bytes());
        if let AMQPValue::LongString(value) = value {
            text.extend(value.as_bytes());
        }
    }
    text.extend(&delivery.data);
    text
}

async fn run(stack: &Stack, service: &str, sql: &str) {
    // This test's own words.
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut stack.admin(service).await).await.expect("it is done");
}

async fn number(stack: &Stack, service: &str, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(&mut stack.admin(service).await).await.expect("a number")
}
