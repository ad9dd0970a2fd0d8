//! RabbitMQ: the only file that names lapin.
//!
//! Connections are rebuilt from scratch after any error: no automatic recovery, so that no old delivery tag can ever
//! acknowledge a new message. Every publish has a timeout of its own (a publish in flight when the broker dies gives
//! no error by itself), and only an acknowledgement without a returned message counts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, BasicRejectOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, ExchangeKind,
};
use tokio::sync::Mutex;

use crate::error::{Error, Result};
use crate::id::{TenantId, Uuid};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Connecting and declaring together.
const SETUP_TIMEOUT: Duration = Duration::from_secs(10);
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
const PREFETCH: u16 = 200;
/// Crash loops of the small receiver are the only thing that can reach it: retries live in SQL.
const DELIVERY_LIMIT: i32 = 20;

/// Where the broker is and how this installation names things on it.
#[derive(Clone, Debug)]
pub struct Address {
    /// `amqp://user:password@host:port/vhost`.
    pub url: String,
    /// Before every exchange and queue: `kith`, or a test's own.
    pub prefix: String,
    /// The service that speaks.
    pub service: &'static str,
}

/// An event on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Whose.
    pub tenant_id: TenantId,
    /// CloudEvents `id`.
    pub event_id: Uuid,
    /// `<service>.<aggregate>`.
    pub aggregate_type: String,
    /// CloudEvents `subject`.
    pub aggregate_id: Uuid,
    /// From 1, without gaps, per aggregate.
    pub event_no: i64,
    /// CloudEvents `type`, and the routing key.
    pub event_type: String,
    /// The event message.
    pub payload: Vec<u8>,
    /// W3C trace context of what caused it.
    pub traceparent: Option<String>,
    /// CloudEvents `time`.
    pub time: DateTime<Utc>,
}

/// A failure of the broker, told in its own words.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What lapin says.
    #[error("the broker failed")]
    Lapin(#[from] lapin::Error),
    /// No answer in time.
    #[error("the broker did not answer in time")]
    TimedOut,
    /// The broker took the message and had nowhere to put it.
    #[error("the broker could not route or keep an event")]
    NotKept,
    /// An acknowledgement could not be sent.
    #[error("a delivery could not be acknowledged")]
    NotAcknowledged,
    /// The stream of deliveries ended.
    #[error("the stream of deliveries ended")]
    Ended,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::internal(failure)
    }
}

impl Address {
    fn exchange(&self) -> String {
        format!("{}.events", self.prefix)
    }

    fn inbox_queue(&self) -> String {
        format!("{}.in.{}", self.prefix, self.service)
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let properties = ConnectionProperties::default()
            .with_connection_name(LongString::from(format!("{}.{}", self.prefix, self.service)));
        within(CONNECT_TIMEOUT, Connection::connect(&self.url, properties)).await
    }

    /// Declares exchanges and the queue for what nobody listens to. Harmless to repeat.
    async fn declare_exchanges(&self, channel: &Channel) -> Result<(), Failure> {
        let unrouted = format!("{}.unrouted", self.prefix);
        let dead = format!("{}.dead", self.prefix);
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let mut alternate = FieldTable::default();
        alternate.insert("alternate-exchange".into(), text(&unrouted));
        for (name, kind, arguments) in [
            (&unrouted, ExchangeKind::Fanout, FieldTable::default()),
            (&dead, ExchangeKind::Direct, FieldTable::default()),
            (&self.exchange(), ExchangeKind::Topic, alternate),
        ] {
            channel.exchange_declare(name.as_str().into(), kind, durable, arguments).await?;
        }
        declare_quorum(channel, &unrouted, FieldTable::default()).await?;
        bind(channel, &unrouted, &unrouted, "").await
    }

    /// Declares this service's queue and binds the aggregates that it listens to.
    async fn declare_inbox(&self, channel: &Channel, aggregates: &[&str]) -> Result<(), Failure> {
        let (queue, dead_exchange) = (self.inbox_queue(), format!("{}.dead", self.prefix));
        let dead_queue = format!("{}.dead.{}", self.prefix, self.service);
        declare_quorum(channel, &dead_queue, FieldTable::default()).await?;
        bind(channel, &dead_queue, &dead_exchange, &queue).await?;
        let mut arguments = FieldTable::default();
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
        arguments.insert("x-dead-letter-exchange".into(), text(&dead_exchange));
        arguments.insert("x-dead-letter-routing-key".into(), text(&queue));
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        arguments.insert("x-overflow".into(), text("reject-publish"));
        declare_quorum(channel, &queue, arguments).await?;
        for aggregate in aggregates {
            bind(channel, &queue, &self.exchange(), &format!("{aggregate}.#")).await?;
        }
        for key in crate::watermark::keys(aggregates) {
            bind(channel, &queue, &self.exchange(), &key).await?;
        }
        Ok(())
    }

    /// Declares everything that this service needs, so that no event published from now on can miss it.
    pub async fn declare(&self, aggregates: &[&str]) -> Result<()> {
        Ok(within(SETUP_TIMEOUT, self.try_declare(aggregates)).await?)
    }

    async fn try_declare(&self, aggregates: &[&str]) -> Result<(), Failure> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        self.declare_exchanges(&channel).await?;
        if !aggregates.is_empty() {
            self.declare_inbox(&channel, aggregates).await?;
        }
        connection.close(200, "done".into()).await?;
        Ok(())
    }

    /// Deletes this service's queues, for tests that clean up behind themselves.
    pub async fn delete_queues(&self) -> Result<()> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await.map_err(Failure::from)?;
        let dead_queue = format!("{}.dead.{}", self.prefix, self.service);
        for queue in [self.inbox_queue(), dead_queue, format!("{}.unrouted", self.prefix)] {
            channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.map_err(Failure::from)?;
        }
        connection.close(200, "done".into()).await.map_err(Failure::from)?;
        Ok(())
    }
}

/// Publishes with confirms. Cheap to clone; connects when it is first used and again after a failure.
#[derive(Clone, Debug)]
pub struct Publisher {
    address: Address,
    open: Arc<Mutex<Option<(Connection, Channel)>>>,
}

impl Publisher {
    /// A publisher that is not yet connected.
    pub fn new(address: Address) -> Self {
        Self { address, open: Arc::default() }
    }

    /// The service that publishes.
    pub(crate) fn service(&self) -> &'static str {
        self.address.service
    }

    /// Publishes in order, all in flight at once, and waits for every confirm. Answers the indices that the broker
    /// confirmed, whatever happened to the others, and the failure if there was one.
    pub async fn publish(&self, messages: &[Message]) -> (Vec<usize>, Option<Error>) {
        let mut confirmed = Vec::with_capacity(messages.len());
        match self.try_publish(messages, &mut confirmed).await {
            Ok(()) => (confirmed, None),
            Err(failure) => {
                // Whatever state the connection is in, the next attempt begins with a new one.
                if let Some((connection, _)) = self.open.lock().await.take() {
                    let closing = connection.close(200, "starting anew".into());
                    tokio::time::timeout(Duration::from_millis(200), closing).await.ok();
                }
                (confirmed, Some(failure.into()))
            }
        }
    }

    async fn try_publish(&self, messages: &[Message], confirmed: &mut Vec<usize>) -> Result<(), Failure> {
        let channel = within(SETUP_TIMEOUT, self.channel()).await?;
        let exchange = self.address.exchange();
        let mut waiting = FuturesUnordered::new();
        for (index, message) in messages.iter().enumerate() {
            let confirm = within(
                CONFIRM_TIMEOUT,
                channel.basic_publish(
                    exchange.as_str().into(),
                    message.event_type.as_str().into(),
                    BasicPublishOptions { mandatory: true, immediate: false },
                    &message.payload,
                    properties(message),
                ),
            )
            .await?;
            waiting.push(async move { (index, within(CONFIRM_TIMEOUT, confirm).await) });
        }
        crate::crash::point("K3");
        let mut failure = None;
        while let Some((index, confirmation)) = waiting.next().await {
            match confirmation {
                Ok(Confirmation::Ack(None)) => confirmed.push(index),
                Ok(_) => failure = Some(Failure::NotKept),
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn channel(&self) -> Result<Channel, Failure> {
        let mut open = self.open.lock().await;
        if let Some((connection, channel)) = open.as_ref()
            && connection.status().connected()
            && channel.status().connected()
        {
            return Ok(channel.clone());
        }
        let connection = self.address.connect().await?;
        let channel = connection.create_channel().await?;
        self.address.declare_exchanges(&channel).await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        *open = Some((connection, channel.clone()));
        Ok(channel)
    }
}

/// A connection on which this service receives.
#[derive(Debug)]
pub struct Receiver {
    _connection: Connection,
    consumer: Consumer,
}

/// A batch of deliveries, to be acknowledged once it is safe in the inbox.
#[derive(Debug)]
pub struct Batch {
    /// What could be read.
    pub messages: Vec<Message>,
    last: Delivery,
}

impl Receiver {
    /// Declares this service's queue and begins to receive.
    pub async fn open(address: &Address, aggregates: &[&str]) -> Result<Self> {
        Ok(within(SETUP_TIMEOUT, Self::try_open(address, aggregates)).await?)
    }

    async fn try_open(address: &Address, aggregates: &[&str]) -> Result<Self, Failure> {
        let connection = address.connect().await?;
        let channel = connection.create_channel().await?;
        address.declare_exchanges(&channel).await?;
        address.declare_inbox(&channel, aggregates).await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let consumer = channel
            .basic_consume(
                address.inbox_queue().into(),
                address.service.into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(Self { _connection: connection, consumer })
    }

    /// Waits for deliveries and takes all that are there, in order. Envelopes that cannot be read go to the dead
    /// letters.
    pub async fn next(&mut self) -> Result<Batch> {
        Ok(self.try_next().await?)
    }

    async fn try_next(&mut self) -> Result<Batch, Failure> {
        loop {
            let first = self.consumer.next().await.ok_or(Failure::Ended)??;
            let mut deliveries = vec![first];
            while deliveries.len() < usize::from(PREFETCH)
                && let Ok(Some(more)) = tokio::time::timeout(Duration::ZERO, self.consumer.next()).await
            {
                deliveries.push(more?);
            }
            let mut messages = Vec::with_capacity(deliveries.len());
            let mut last = None;
            for delivery in deliveries {
                if let Some(message) = read(&delivery) {
                    messages.push(message);
                    last = Some(delivery);
                } else {
                    tracing::error!(event.r#type = %delivery.routing_key, "an envelope cannot be read");
                    acknowledged(delivery.acker.reject(BasicRejectOptions { requeue: false }).await?)?;
                }
            }
            if let Some(last) = last {
                return Ok(Batch { messages, last });
            }
        }
    }
}

impl Batch {
    /// Acknowledges the whole batch.
    pub async fn ack(self) -> Result<()> {
        let sent = self.last.acker.ack(BasicAckOptions { multiple: true }).await.map_err(Failure::from)?;
        Ok(acknowledged(sent)?)
    }
}

fn acknowledged(sent: bool) -> Result<(), Failure> {
    if sent { Ok(()) } else { Err(Failure::NotAcknowledged) }
}

async fn within<T, E>(limit: Duration, work: impl Future<Output = Result<T, E>>) -> Result<T, Failure>
where
    Failure: From<E>,
{
    match tokio::time::timeout(limit, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(Failure::TimedOut),
    }
}

async fn declare_quorum(channel: &Channel, queue: &str, mut arguments: FieldTable) -> Result<(), Failure> {
    arguments.insert("x-queue-type".into(), text("quorum"));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(queue.into(), durable, arguments).await?;
    Ok(())
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<(), Failure> {
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default()).await?;
    Ok(())
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// CloudEvents 1.0 in AMQP binary mode: attributes in headers, the event as the body.
fn properties(message: &Message) -> BasicProperties {
    let mut headers: BTreeMap<&str, String> = BTreeMap::from([
        ("cloudEvents:specversion", "1.0".to_owned()),
        ("cloudEvents:id", message.event_id.to_string()),
        (
            "cloudEvents:source",
            format!("/kith/{}", message.aggregate_type.split('.').next().unwrap_or_default()),
        ),
        ("cloudEvents:type", message.event_type.clone()),
        ("cloudEvents:subject", message.aggregate_id.to_string()),
        ("cloudEvents:time", message.time.to_rfc3339_opts(SecondsFormat::Micros, true)),
        ("cloudEvents:tenant", message.tenant_id.to_string()),
        ("cloudEvents:aggregate", message.aggregate_type.clone()),
        ("cloudEvents:eventno", message.event_no.to_string()),
    ]);
    if let Some(traceparent) = &message.traceparent {
        headers.insert("cloudEvents:traceparent", traceparent.clone());
    }
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert(name.into(), text(&value));
    }
    BasicProperties::default()
        .with_headers(table)
        .with_message_id(message.event_id.to_string().into())
        .with_content_type("application/protobuf".into())
        .with_delivery_mode(2)
}

fn read(delivery: &Delivery) -> Option<Message> {
    let headers = delivery.properties.headers().as_ref()?.inner();
    let header = |name: &str| match headers.get(name) {
        Some(AMQPValue::LongString(value)) => std::str::from_utf8(value.as_bytes()).ok().map(str::to_owned),
        _ => None,
    };
    let event_type = header("cloudEvents:type")?;
    if event_type != delivery.routing_key.as_str() {
        return None;
    }
    Some(Message {
        tenant_id: TenantId(header("cloudEvents:tenant")?.parse().ok()?),
        event_id: header("cloudEvents:id")?.parse().ok()?,
        aggregate_type: header("cloudEvents:aggregate")
            .filter(|aggregate| event_type.starts_with(aggregate.as_str()))?,
        aggregate_id: header("cloudEvents:subject")?.parse().ok()?,
        event_no: header("cloudEvents:eventno")?.parse().ok().filter(|number| *number > 0)?,
        event_type,
        payload: delivery.data.clone(),
        traceparent: header("cloudEvents:traceparent"),
        time: header("cloudEvents:time")?.parse().ok()?,
    })
}
