//! Watermarks on their way. Only the newest is of use, so that they wait in a queue that holds one: however long a
//! service is down, none gather. From there they join the service's own queue, behind every event that was there before
//! them: what that queue gives out is as good as if it had come straight.

use std::time::Duration;

use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio_util::sync::CancellationToken;

use super::address::{Address, bind, declare_quorum};
use super::{Deliveries, Failure, SETUP_TIMEOUT, within};
use crate::watermark;

const PAUSE: Duration = Duration::from_secs(1);

/// The queue for the newest watermark.
pub(super) fn queue(prefix: &str, service: &str) -> String {
    format!("{prefix}.marks.{service}")
}

/// Under which a service hands a watermark on to itself.
pub(super) fn key(service: &str) -> String {
    format!("{service}.marked.{service}")
}

/// Whether a service that listens to these aggregates needs watermarks.
pub(super) fn are_needed(aggregates: &[&str]) -> bool {
    watermark::keys(aggregates).next().is_some()
}

/// Declares the queue where it is needed. What used to lead watermarks straight to the service's own is taken away.
pub(super) async fn declare(
    address: &Address,
    channel: &Channel,
    aggregates: &[&str],
) -> Result<(), Failure> {
    if !are_needed(aggregates) {
        return Ok(());
    }
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
    arguments.insert("x-overflow".into(), super::envelope::text("drop-head"));
    declare_quorum(channel, &queue(&address.prefix, address.service), arguments).await?;
    for key in watermark::keys(aggregates) {
        let (inbox, exchange) = (address.inbox_queue(), address.exchange());
        let table = FieldTable::default();
        channel.queue_unbind(inbox.into(), exchange.into(), key.into(), table).await?;
    }
    Ok(())
}

/// Binds the queue, where there is one.
pub(super) async fn bind_queue(
    address: &Address,
    channel: &Channel,
    aggregates: &[&str],
) -> Result<(), Failure> {
    for key in watermark::keys(aggregates) {
        bind(channel, &queue(&address.prefix, address.service), &address.exchange(), &key).await?;
    }
    Ok(())
}

/// Hands watermarks on until told to stop; the connection, its own, is rebuilt after any failure. What is lost on the
/// way is made good by the next one.
pub async fn hand_on(address: &Address, aggregates: &[&str], stop: &CancellationToken) {
    while are_needed(aggregates) && !stop.is_cancelled() {
        let worked = tokio::select! {
            () = stop.cancelled() => return,
            worked = on_one_connection(address, aggregates) => worked,
        };
        if let Err(error) = worked {
            tracing::warn!(error.kind = %error, "watermarks are not handed on and will be");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn on_one_connection(address: &Address, aggregates: &[&str]) -> Result<(), Failure> {
    let connection = address.connect().await?;
    let channel = within(SETUP_TIMEOUT, connection.create_channel()).await?;
    let consumer = within(SETUP_TIMEOUT, consume(address, &channel, aggregates)).await?;
    let (exchange, key) = (address.exchange(), key(address.service));
    let user = ShortString::from(address.user.as_str());
    let mut deliveries = Deliveries { connection, channel: channel.clone(), consumer };
    loop {
        let delivery = deliveries.next().await?;
        if !address.is_genuine(&delivery) {
            tracing::error!(event.r#type = %delivery.routing_key, "a watermark is forged: it is left out");
            continue;
        }
        let (options, properties) = (BasicPublishOptions::default(), delivery.properties.clone());
        let handed_on = channel.basic_publish(
            exchange.as_str().into(),
            key.as_str().into(),
            options,
            &delivery.data,
            properties.with_user_id(user.clone()),
        );
        within(SETUP_TIMEOUT, handed_on).await?;
    }
}

async fn consume(address: &Address, channel: &Channel, aggregates: &[&str]) -> Result<Consumer, Failure> {
    if !address.own_users {
        address.declare_exchanges(channel).await?;
        address.declare_queues(channel, aggregates).await?;
    }
    // Both queues: what is handed on must have where to go.
    address.bind_inbox(channel, aggregates).await?;
    let queue = queue(&address.prefix, address.service);
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    Ok(channel.basic_consume(queue.into(), "marks".into(), options, FieldTable::default()).await?)
}
