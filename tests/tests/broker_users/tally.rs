//! Trying things on the broker, and counting what it refuses.

use std::collections::BTreeMap;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ErrorKind};

pub const REFUSED: u16 = 403;
/// The broker's word for a user id that is not the connection's.
pub const NOT_ITS_USER: u16 = 406;

/// A service as the broker knows it.
pub struct Seat {
    pub name: &'static str,
    pub user: String,
    pub listens_to: Vec<&'static str>,
    pub connection: Connection,
}

/// What was tried and refused, by kind.
#[derive(Default)]
pub struct Tally {
    kinds: BTreeMap<&'static str, (usize, usize)>,
    wrong: Vec<String>,
}

impl Tally {
    /// Tries something on a channel of its own, since a refusal closes it.
    pub async fn refused(
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

    pub fn print(&self) {
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

pub fn code_of(error: &lapin::Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

pub async fn publish(channel: &Channel, exchange: &str, key: &str, user: &str) -> lapin::Result<()> {
    let properties = BasicProperties::default().with_user_id(user.into());
    send(channel, exchange, key, properties, b"forged").await
}

pub async fn send(
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

pub async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) -> lapin::Result<()> {
    let options = QueueBindOptions::default();
    channel.queue_bind(queue.into(), exchange.into(), key.into(), options, FieldTable::default()).await
}

pub async fn connect(url: &str) -> Connection {
    Connection::connect(url, ConnectionProperties::default()).await.expect("the broker lets us in")
}
