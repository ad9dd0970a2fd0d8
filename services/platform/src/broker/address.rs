//! Where the broker is, what this installation has on it, and as whom each service comes.

use std::time::Duration;

use lapin::message::Delivery;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};

use super::envelope::text;
use super::{Failure, marks, within};
use crate::error::Result;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The operator's declaring of all queues of a service, on a broker that may have started a moment ago.
const DECLARING: Duration = Duration::from_mins(1);
/// Crash loops of the small receiver are the only thing that can reach it: retries live in SQL, and a receiver whose
/// database is away keeps what it has.
const DELIVERY_LIMIT: i32 = 20;

/// Where the broker is, how this installation names things on it, and as whom a service comes.
#[derive(Clone, Debug)]
pub struct Address {
    /// `amqp://user:password@host:port/vhost`.
    pub url: String,
    /// Before every exchange, queue and user: `kith`, or a test's own.
    pub prefix: String,
    /// The service that speaks.
    pub service: &'static str,
    /// The user of the URL.
    pub user: String,
    /// Whether each service has a user of its own that may do no more than [`super::definitions`] says. Messages of
    /// others are checked then, and nothing is declared: that is left to who provisions.
    pub own_users: bool,
}

impl Address {
    pub(super) fn exchange(&self) -> String {
        events_exchange(&self.prefix)
    }

    pub(super) fn inbox_queue(&self) -> String {
        inbox_queue(&self.prefix, self.service)
    }

    fn dead_queue(&self) -> String {
        format!("{}.dead.{}", self.prefix, self.service)
    }

    /// Whether a message comes from the service that its routing key begins with. Not known where all share a user.
    pub(super) fn is_genuine(&self, delivery: &Delivery) -> bool {
        let speaker = delivery.routing_key.as_str().split('.').next().unwrap_or_default();
        let user = delivery.properties.user_id().as_ref();
        !self.own_users || user.is_some_and(|user| user.as_str() == user_of(&self.prefix, speaker))
    }

    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        let properties = ConnectionProperties::default()
            .with_connection_name(LongString::from(format!("{}.{}", self.prefix, self.service)));
        within(CONNECT_TIMEOUT, Connection::connect(&self.url, properties)).await
    }

    /// Declares exchanges and the queue for what nobody listens to. Harmless to repeat.
    pub(super) async fn declare_exchanges(&self, channel: &Channel) -> Result<(), Failure> {
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

    /// Declares this service's queue, the one for its dead letters, and the one for watermarks where it listens to what has
    /// any.
    pub(super) async fn declare_queues(&self, channel: &Channel, aggregates: &[&str]) -> Result<(), Failure> {
        let (queue, dead_exchange) = (self.inbox_queue(), format!("{}.dead", self.prefix));
        let dead_queue = self.dead_queue();
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
        marks::declare(self, channel, aggregates).await
    }

    /// Binds what this service listens to.
    pub(super) async fn bind_inbox(&self, channel: &Channel, aggregates: &[&str]) -> Result<(), Failure> {
        for key in binding_keys(self.service, aggregates) {
            bind(channel, &self.inbox_queue(), &self.exchange(), &key).await?;
        }
        marks::bind_queue(self, channel, aggregates).await
    }

    /// Declares everything that this service needs, so that no event published from now on can miss it. Where services
    /// have users of their own, this takes an administrator's address.
    pub async fn declare(&self, aggregates: &[&str]) -> Result<()> {
        Ok(within(DECLARING, self.try_declare(aggregates)).await?)
    }

    async fn try_declare(&self, aggregates: &[&str]) -> Result<(), Failure> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await?;
        self.declare_exchanges(&channel).await?;
        self.declare_queues(&channel, aggregates).await?;
        self.bind_inbox(&channel, aggregates).await?;
        connection.close(200, "done".into()).await?;
        Ok(())
    }

    /// Deletes this service's queues, for tests that clean up behind themselves.
    pub async fn delete_queues(&self) -> Result<()> {
        let connection = self.connect().await?;
        let channel = connection.create_channel().await.map_err(Failure::from)?;
        let marks = marks::queue(&self.prefix, self.service);
        for queue in [self.inbox_queue(), self.dead_queue(), marks, format!("{}.unrouted", self.prefix)] {
            channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await.map_err(Failure::from)?;
        }
        connection.close(200, "done".into()).await.map_err(Failure::from)?;
        Ok(())
    }
}

/// The broker's user of a service, where each has its own.
pub(crate) fn user_of(prefix: &str, service: &str) -> String {
    format!("{prefix}-{service}")
}

/// Where all messages go.
pub(super) fn events_exchange(prefix: &str) -> String {
    format!("{prefix}.events")
}

/// What a service receives from.
pub(super) fn inbox_queue(prefix: &str, service: &str) -> String {
    format!("{prefix}.in.{service}")
}

/// The keys that a service binds to its own queue: whole aggregates, how complete a copy of them is where that matters,
/// requests for its own, and what it asked for.
pub(super) fn binding_keys(service: &str, aggregates: &[&str]) -> Vec<String> {
    let of_events = aggregates.iter().map(|aggregate| format!("{aggregate}.#"));
    let asked_of_it = format!("*.resend.{service}.#");
    let answers = ["snapshot", "resent"].map(|what| format!("*.{what}.{service}"));
    let marked = marks::are_needed(aggregates).then(|| marks::key(service));
    of_events.chain(marked).chain([asked_of_it]).chain(answers).collect()
}

pub(super) async fn declare_quorum(
    channel: &Channel,
    queue: &str,
    mut arguments: FieldTable,
) -> Result<(), Failure> {
    arguments.insert("x-queue-type".into(), text("quorum"));
    let durable = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(queue.into(), durable, arguments).await?;
    Ok(())
}

pub(super) async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> Result<(), Failure> {
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default()).await?;
    Ok(())
}
