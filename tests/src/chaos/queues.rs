//! A look at the broker's queues, and letters that no service would send. The only file of the harness that names lapin.

use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};

async fn channel(url: &str) -> (Connection, Channel) {
    let connection = Connection::connect(url, ConnectionProperties::default()).await.expect("the broker");
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}

/// How many messages wait in a queue.
pub async fn depth(url: &str, queue: &str) -> u32 {
    let (connection, channel) = channel(url).await;
    let passive = QueueDeclareOptions { passive: true, ..Default::default() };
    let declared =
        channel.queue_declare(queue.into(), passive, FieldTable::default()).await.expect("the queue");
    let depth = declared.message_count();
    connection.close(200, "done".into()).await.ok();
    depth
}

/// Publishes something that is no event, under an event's routing key.
pub async fn publish_nonsense(url: &str, exchange: &str, key: &str, count: usize) {
    let (connection, channel) = channel(url).await;
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    for _ in 0..count {
        let properties = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let confirm = channel
            .basic_publish(exchange.into(), key.into(), options, b"\xff\xff nonsense", properties)
            .await;
        confirm.expect("it is sent").await.expect("it is taken");
    }
    connection.close(200, "done".into()).await.ok();
}

/// What a bare publisher can do: persistent messages to a quorum queue of its own, so many confirms in flight, for so long.
/// Answers confirmed messages a second.
pub async fn publish_in_a_window(
    url: &str,
    queue: &str,
    bytes: usize,
    window: usize,
    length: Duration,
) -> f64 {
    let (connection, channel) = channel(url).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(queue.into(), durable, arguments).await.expect("the queue");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    let body = vec![b'a'; bytes];
    let (begin, mut waiting, mut confirmed) = (Instant::now(), FuturesUnordered::new(), 0_u32);
    while begin.elapsed() < length {
        while waiting.len() < window {
            let options = BasicPublishOptions { mandatory: true, ..Default::default() };
            let properties = BasicProperties::default().with_delivery_mode(2);
            let sent = channel.basic_publish("".into(), queue.into(), options, &body, properties).await;
            waiting.push(sent.expect("it is sent"));
        }
        let confirmation = waiting.next().await.expect("some are in flight").expect("it is answered");
        assert!(matches!(confirmation, Confirmation::Ack(None)), "it is taken");
        confirmed += 1;
    }
    let took = begin.elapsed();
    while waiting.next().await.is_some() {}
    channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.expect("it goes again");
    connection.close(200, "done".into()).await.ok();
    f64::from(confirmed) / took.as_secs_f64()
}
