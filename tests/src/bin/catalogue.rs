//! Prints the catalogue of events: publisher, type, fields of the state, consumers. Part of `make proto`.

use prost_reflect::{DescriptorPool, Kind};

fn main() {
    let pool = DescriptorPool::decode(kith_proto::DESCRIPTOR_SET).expect("our own descriptors");
    let subscriptions: Vec<(&str, Vec<&str>)> = kith_tests::services()
        .iter()
        .map(|service| (service.name, (service.subscriptions)().aggregates()))
        .collect();
    let mut aggregates: Vec<&str> = kith_proto::EVENTS.iter().map(|event| event.aggregate).collect();
    aggregates.sort_unstable();
    aggregates.dedup();
    for aggregate in aggregates {
        let consumers: Vec<&str> = subscriptions
            .iter()
            .filter(|(_, heard)| heard.contains(&aggregate))
            .map(|(name, _)| *name)
            .collect();
        let consumers = if consumers.is_empty() { "nobody yet".to_owned() } else { consumers.join(", ") };
        println!("{aggregate}\n  heard by: {consumers}");
        for event in kith_proto::EVENTS.iter().filter(|event| event.aggregate == aggregate) {
            println!("  {}", event.event_type);
        }
        let event = kith_proto::EVENTS.iter().find(|event| event.aggregate == aggregate);
        let state = event
            .and_then(|event| pool.get_message_by_name(event.message))
            .and_then(|message| message.get_field(1))
            .map(|field| field.kind());
        if let Some(Kind::Message(state)) = state {
            let fields: Vec<String> = state.fields().map(|field| field.name().to_owned()).collect();
            println!("  state: {}\n", fields.join(", "));
        }
    }
}
