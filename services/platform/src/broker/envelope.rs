//! What travels: events and snapshots as CloudEvents 1.0 in AMQP binary mode, and requests for snapshots.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use serde::{Deserialize, Serialize};

use crate::id::{TenantId, Uuid};

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
    /// Sent again to this service alone, which asked for it; it stands for everything before it.
    pub snapshot_for: Option<String>,
}

impl Message {
    /// Events go to all who listen, snapshots to who asked. Each key begins with the service that speaks.
    pub(super) fn routing_key(&self) -> String {
        match &self.snapshot_for {
            Some(asker) => format!("{}.snapshot.{asker}", producer_of(&self.aggregate_type)),
            None => self.event_type.clone(),
        }
    }
}

/// `teams` of `teams.team`.
fn producer_of(aggregate_type: &str) -> &str {
    aggregate_type.split('.').next().unwrap_or_default()
}

/// Asks a producer to send the newest event of its aggregates again, to the asker alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Told again in [`Told`]; the same request is worked off once.
    pub request_id: Uuid,
    /// The service that asks.
    pub asker: String,
    /// `<service>.<aggregate>`.
    pub aggregate_type: String,
    /// Of this tenant; of all where none is said.
    pub tenant_id: Option<TenantId>,
    /// This one; all where none is said.
    pub aggregate_id: Option<Uuid>,
}

/// Tells who asked that everything asked for has been sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Of the [`Ask`].
    pub request_id: Uuid,
}

/// A long string in an AMQP table.
pub(super) fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

/// CloudEvents 1.0 in AMQP binary mode: attributes in headers, the event as the body.
pub(super) fn properties(message: &Message) -> BasicProperties {
    let mut headers: BTreeMap<&str, String> = BTreeMap::from([
        ("cloudEvents:specversion", "1.0".to_owned()),
        ("cloudEvents:id", message.event_id.to_string()),
        ("cloudEvents:source", format!("/kith/{}", producer_of(&message.aggregate_type))),
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
    if let Some(asker) = &message.snapshot_for {
        headers.insert("cloudEvents:snapshotfor", asker.clone());
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

/// What a delivery holds.
pub(super) enum Content {
    Event(Box<Message>),
    Ask(Ask),
    Told(Told),
}

pub(super) fn read(delivery: &Delivery) -> Option<Content> {
    let key = delivery.routing_key.as_str();
    let parts: Vec<&str> = key.split('.').collect();
    match parts.as_slice() {
        // The broker lets a service ask for what it may listen to: both are in the key.
        [asker, "resend", producer, aggregate] => {
            let ask: Ask = serde_json::from_slice(&delivery.data).ok()?;
            let asked = ask.aggregate_type == format!("{producer}.{aggregate}");
            (ask.asker == *asker && asked).then_some(Content::Ask(ask))
        }
        // A watermark that the service has handed on to itself.
        [speaker, "marked", service] if speaker == service => {
            read_event(delivery).filter(crate::watermark::is_one).map(Box::new).map(Content::Event)
        }
        [_, "resent", _] => serde_json::from_slice(&delivery.data).ok().map(Content::Told),
        _ => {
            read_event(delivery).filter(|event| event.routing_key() == key).map(Box::new).map(Content::Event)
        }
    }
}

fn read_event(delivery: &Delivery) -> Option<Message> {
    let headers = delivery.properties.headers().as_ref()?.inner();
    let header = |name: &str| match headers.get(name) {
        Some(AMQPValue::LongString(value)) => std::str::from_utf8(value.as_bytes()).ok().map(str::to_owned),
        _ => None,
    };
    let event_type = header("cloudEvents:type")?;
    Some(Message {
        tenant_id: TenantId(header("cloudEvents:tenant")?.parse().ok()?),
        event_id: header("cloudEvents:id")?.parse().ok()?,
        aggregate_type: header("cloudEvents:aggregate").filter(|aggregate| {
            event_type.strip_prefix(aggregate.as_str()).is_some_and(|rest| rest.starts_with('.'))
        })?,
        aggregate_id: header("cloudEvents:subject")?.parse().ok()?,
        event_no: header("cloudEvents:eventno")?.parse().ok().filter(|number| *number > 0)?,
        event_type,
        payload: delivery.data.clone(),
        traceparent: header("cloudEvents:traceparent"),
        time: header("cloudEvents:time")?.parse().ok()?,
        snapshot_for: header("cloudEvents:snapshotfor"),
    })
}
