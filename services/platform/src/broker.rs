//! RabbitMQ: the only file that names lapin.
//!
//! Connections are rebuilt from scratch after any error: no automatic recovery, so that no old delivery tag can ever
//! acknowledge a new message. Every publish has a timeout of its own (a publish in flight when the broker dies gives
//! no error by itself), and so has every acknowledgement; who waits for deliveries looks at the connection now and then. Only an
//! acknowledgement without a returned message counts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, BasicRejectOptions,
    ConfirmSelectOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, Consumer};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::error::{Error, Result};

mod address;
mod definitions;
mod envelope;
mod marks;

pub use address::Address;
pub(crate) use address::user_of;
pub use definitions::{Installation, User, definitions};
pub use envelope::{Ask, Message, Told};
use envelope::{Content, properties, read};
pub use marks::hand_on as hand_on_marks;

/// Connecting and declaring together.
const SETUP_TIMEOUT: Duration = Duration::from_secs(10);
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(10);
/// How often who waits for deliveries looks whether there is still a connection that could bring one.
const LOOK: Duration = Duration::from_secs(2);
const PREFETCH: u16 = 200;

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

/// What goes out, whatever it is.
struct Letter<'a> {
    key: String,
    properties: BasicProperties,
    body: &'a [u8],
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
        let letters: Vec<Letter<'_>> = messages
            .iter()
            .map(|message| Letter {
                key: message.routing_key(),
                properties: properties(message),
                body: &message.payload,
            })
            .collect();
        self.send(&letters).await
    }

    /// Asks for snapshots.
    pub async fn ask(&self, ask: &Ask) -> Result<()> {
        let key = format!("{}.resend.{}", self.address.service, ask.aggregate_type);
        self.say(key, ask).await
    }

    /// Tells the asker that its snapshots are sent.
    pub async fn tell(&self, asker: &str, told: &Told) -> Result<()> {
        self.say(format!("{}.resent.{asker}", self.address.service), told).await
    }

    async fn say(&self, key: String, what: &impl Serialize) -> Result<()> {
        let body = serde_json::to_vec(what).map_err(Error::internal)?;
        let properties =
            BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(2);
        let (_, failure) = self.send(&[Letter { key, properties, body: &body }]).await;
        failure.map_or(Ok(()), Err)
    }

    async fn send(&self, letters: &[Letter<'_>]) -> (Vec<usize>, Option<Error>) {
        let mut confirmed = Vec::with_capacity(letters.len());
        match self.try_send(letters, &mut confirmed).await {
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

    async fn try_send(&self, letters: &[Letter<'_>], confirmed: &mut Vec<usize>) -> Result<(), Failure> {
        let channel = within(SETUP_TIMEOUT, self.channel()).await?;
        let exchange = self.address.exchange();
        // The broker refuses any other than the user of the connection; the receivers look at it.
        let user = ShortString::from(self.address.user.as_str());
        let mut waiting = FuturesUnordered::new();
        for (index, letter) in letters.iter().enumerate() {
            let confirm = within(
                CONFIRM_TIMEOUT,
                channel.basic_publish(
                    exchange.as_str().into(),
                    letter.key.as_str().into(),
                    BasicPublishOptions { mandatory: true, immediate: false },
                    letter.body,
                    letter.properties.clone().with_user_id(user.clone()),
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
        if !self.address.own_users {
            self.address.declare_exchanges(&channel).await?;
        }
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        *open = Some((connection, channel.clone()));
        Ok(channel)
    }
}

/// A connection on which this service receives.
#[derive(Debug)]
pub struct Receiver {
    address: Address,
    deliveries: Deliveries,
    gather: Duration,
}

/// What a consumer is given, as long as its connection lasts.
#[derive(Debug)]
struct Deliveries {
    connection: Connection,
    channel: Channel,
    consumer: Consumer,
}

impl Deliveries {
    /// Waits for one. A connection that broke between two looks at the stream may never be told to it, so it is looked at.
    async fn next(&mut self) -> Result<Delivery, Failure> {
        loop {
            match tokio::time::timeout(LOOK, self.consumer.next()).await {
                Ok(delivery) => return Ok(delivery.ok_or(Failure::Ended)??),
                Err(_) if self.connection.status().connected() && self.channel.status().connected() => {}
                Err(_) => return Err(Failure::Ended),
            }
        }
    }

    /// One that is there already.
    fn there(&mut self) -> Result<Option<Delivery>, Failure> {
        match self.consumer.next().now_or_never() {
            // The end is said once: who passes over it waits for ever.
            Some(delivery) => Ok(Some(delivery.ok_or(Failure::Ended)??)),
            None => Ok(None),
        }
    }
}

/// A batch of deliveries, to be acknowledged once it is safe in the inbox.
#[derive(Debug)]
pub struct Batch {
    /// Events and snapshots, in order.
    pub messages: Vec<Message>,
    /// Others ask this service for snapshots.
    pub asked: Vec<Ask>,
    /// Snapshots that this service asked for are all here.
    pub told: Vec<Told>,
    last: Delivery,
}

impl Receiver {
    /// Binds this service's queue and begins to receive. With users of their own, services may declare nothing: the
    /// queue was made by `kith migrate`, and a binding that the user may not have fails here, loudly.
    pub async fn open(address: &Address, aggregates: &[&str]) -> Result<Self> {
        Ok(within(SETUP_TIMEOUT, Self::try_open(address, aggregates)).await?)
    }

    async fn try_open(address: &Address, aggregates: &[&str]) -> Result<Self, Failure> {
        let connection = address.connect().await?;
        let channel = connection.create_channel().await?;
        if !address.own_users {
            address.declare_exchanges(&channel).await?;
            address.declare_queues(&channel, aggregates).await?;
        }
        address.bind_inbox(&channel, aggregates).await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let consumer = channel
            .basic_consume(
                address.inbox_queue().into(),
                address.service.into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        let deliveries = Deliveries { connection, channel, consumer };
        Ok(Self { address: address.clone(), deliveries, gather: Duration::ZERO })
    }

    /// Lets what comes gather for so long, from the first delivery on.
    #[must_use]
    pub fn gathering(self, time: Duration) -> Self {
        Self { gather: time, ..self }
    }

    /// Waits for deliveries and takes all that are there, in order. Envelopes that cannot be read, and messages that come
    /// from another service than they say, go to the dead letters.
    pub async fn next(&mut self) -> Result<Batch> {
        Ok(self.try_next().await?)
    }

    async fn try_next(&mut self) -> Result<Batch, Failure> {
        loop {
            let mut deliveries = vec![self.deliveries.next().await?];
            if !self.gather.is_zero() {
                tokio::time::sleep(self.gather).await;
            }
            while deliveries.len() < usize::from(PREFETCH)
                && let Some(more) = self.deliveries.there()?
            {
                deliveries.push(more);
            }
            let (mut messages, mut asked, mut told) = (Vec::with_capacity(deliveries.len()), vec![], vec![]);
            let mut last = None;
            for delivery in deliveries {
                let genuine = self.address.is_genuine(&delivery);
                match read(&delivery).filter(|_| genuine) {
                    Some(Content::Event(message)) => messages.push(*message),
                    Some(Content::Ask(ask)) => asked.push(ask),
                    Some(Content::Told(end)) => told.push(end),
                    None => {
                        let problem =
                            if genuine { "an envelope cannot be read" } else { "a message is forged" };
                        tracing::error!(event.r#type = %delivery.routing_key, "{problem}: it is a dead letter");
                        let rejected = delivery.acker.reject(BasicRejectOptions { requeue: false });
                        acknowledged(within(CONFIRM_TIMEOUT, rejected).await?)?;
                        continue;
                    }
                }
                last = Some(delivery);
            }
            if let Some(last) = last {
                return Ok(Batch { messages, asked, told, last });
            }
        }
    }
}

impl Batch {
    /// Acknowledges the whole batch.
    pub async fn ack(self) -> Result<()> {
        let acked = self.last.acker.ack(BasicAckOptions { multiple: true });
        Ok(acknowledged(within(CONFIRM_TIMEOUT, acked).await?)?)
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
