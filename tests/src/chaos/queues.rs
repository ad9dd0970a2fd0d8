//! A look at the broker's queues, and letters that no service would send. The only file of the harness that names lapin.

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};

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
