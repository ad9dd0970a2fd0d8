//! What no service may do on the broker.

use lapin::Channel;
use lapin::ExchangeKind;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, ExchangeBindOptions, ExchangeDeclareOptions, ExchangeDeleteOptions,
    QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;

use super::Scene;
use super::tally::{NOT_ITS_USER, REFUSED, Seat, Tally, bind, publish};

/// What nobody may do whoever the other is.
pub async fn alone(tally: &mut Tally, scene: &Scene, seat: &Seat) {
    let (events, own) = (scene.name("events"), scene.name(&format!("in.{}", seat.name)));
    let unrouted = scene.name("unrouted");
    for exchange in ["events", "dead", "unrouted"] {
        let exchange = scene.name(exchange);
        tally
            .refused("delete an exchange", REFUSED, seat, &exchange, async |channel| {
                channel.exchange_delete(exchange.as_str().into(), ExchangeDeleteOptions::default()).await
            })
            .await;
    }
    let spy = scene.name("spy");
    tally
        .refused("declare an exchange", REFUSED, seat, &spy, async |channel| {
            let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
            let kind = ExchangeKind::Fanout;
            channel.exchange_declare(spy.as_str().into(), kind, options, FieldTable::default()).await
        })
        .await;
    for queue in [spy.as_str(), ""] {
        tally
            .refused("declare a queue to listen with", REFUSED, seat, queue, async |channel| {
                let options = QueueDeclareOptions::default();
                channel.queue_declare(queue.into(), options, FieldTable::default()).await.map(drop)
            })
            .await;
    }
    tally
        .refused("bind everything", REFUSED, seat, "#", async |channel| {
            bind(channel, &own, &events, "#").await
        })
        .await;
    tally
        .refused("listen to what nobody listens to", REFUSED, seat, &unrouted, async |channel| {
            get(channel, &unrouted).await
        })
        .await;
    tally
        .refused("lead events elsewhere", REFUSED, seat, &unrouted, async |channel| {
            let (to, from) = (unrouted.as_str().into(), events.as_str().into());
            let options = ExchangeBindOptions::default();
            channel.exchange_bind(to, from, "#".into(), options, FieldTable::default()).await
        })
        .await;
}

async fn get(channel: &Channel, queue: &str) -> lapin::Result<()> {
    channel.basic_get(queue.into(), BasicGetOptions::default()).await.map(drop)
}

/// In another's name.
pub async fn speak_as(tally: &mut Tally, scene: &Scene, seat: &Seat, other: &Seat) {
    let events = scene.name("events");
    let told = scene.told_by(other.name);
    let facts = told.iter().map(|aggregate| format!("{aggregate}.changed.v1"));
    for key in facts.chain([format!("{}.anything.happened.v1", other.name)]) {
        tally
            .refused("publish another's event", REFUSED, seat, &key, async |channel| {
                publish(channel, &events, &key, &seat.user).await
            })
            .await;
    }
    for asker in &scene.seats {
        let key = format!("{}.snapshot.{}", other.name, asker.name);
        tally
            .refused("send another's snapshot", REFUSED, seat, &key, async |channel| {
                publish(channel, &events, &key, &seat.user).await
            })
            .await;
    }
    for key in [
        format!("{}.resent.{}", other.name, seat.name),
        format!("{}.resend.{}.anything", other.name, seat.name),
    ] {
        tally
            .refused("ask or answer for another", REFUSED, seat, &key, async |channel| {
                publish(channel, &events, &key, &seat.user).await
            })
            .await;
    }
    let key = format!("{}.anything.happened.v1", seat.name);
    tally
        .refused("forge the user id", NOT_ITS_USER, seat, &other.user, async |channel| {
            publish(channel, &events, &key, &other.user).await
        })
        .await;
}

/// What it does not listen to, and what is another's.
pub async fn hear(tally: &mut Tally, scene: &Scene, seat: &Seat, other: &Seat) {
    let (events, own) = (scene.name("events"), scene.name(&format!("in.{}", seat.name)));
    let mut not_its = scene.told_by(other.name);
    not_its.retain(|aggregate| !seat.listens_to.contains(aggregate));
    let mut keys: Vec<String> = not_its.iter().map(|aggregate| format!("{aggregate}.#")).collect();
    keys.push(format!("{}.#", other.name));
    keys.push(format!("*.resend.{}.#", other.name));
    keys.extend(["snapshot", "resent"].map(|what| format!("*.{what}.{}", other.name)));
    keys.push(format!("{}.marked.{}", other.name, other.name));
    for key in keys {
        tally
            .refused("bind what it does not listen to", REFUSED, seat, &key, async |channel| {
                bind(channel, &own, &events, &key).await
            })
            .await;
    }
    let asks = not_its.iter().map(|aggregate| format!("{}.resend.{aggregate}", seat.name));
    for key in asks.chain([format!("{}.resend.{}.anything", seat.name, other.name)]) {
        tally
            .refused("ask for what it does not listen to", REFUSED, seat, &key, async |channel| {
                publish(channel, &events, &key, &seat.user).await
            })
            .await;
    }
}

/// Queues of another.
pub async fn reach_into(tally: &mut Tally, scene: &Scene, seat: &Seat, other: &Seat) {
    let inbox = scene.name(&format!("in.{}", other.name));
    let further = ["dead", "marks"].map(|kind| scene.name(&format!("{kind}.{}", other.name)));
    for queue in std::iter::once(inbox.clone()).chain(further) {
        tally
            .refused("consume from another's queue", REFUSED, seat, &queue, async |channel| {
                let (options, table) = (BasicConsumeOptions::default(), FieldTable::default());
                channel.basic_consume(queue.as_str().into(), "".into(), options, table).await.map(drop)
            })
            .await;
        tally
            .refused("get from another's queue", REFUSED, seat, &queue, async |channel| {
                get(channel, &queue).await
            })
            .await;
        tally
            .refused("purge another's queue", REFUSED, seat, &queue, async |channel| {
                channel.queue_purge(queue.as_str().into(), QueuePurgeOptions::default()).await.map(drop)
            })
            .await;
        tally
            .refused("delete another's queue", REFUSED, seat, &queue, async |channel| {
                channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.map(drop)
            })
            .await;
        tally
            .refused("declare another's queue", REFUSED, seat, &queue, async |channel| {
                let options = QueueDeclareOptions { durable: true, ..Default::default() };
                channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await.map(drop)
            })
            .await;
        tally
            .refused("bind another's queue", REFUSED, seat, &queue, async |channel| {
                let key = format!("*.resent.{}", seat.name);
                bind(channel, &queue, &scene.name("events"), &key).await
            })
            .await;
    }
    for exchange in [String::new(), scene.name("dead"), scene.name("unrouted")] {
        tally
            .refused("write to another's queue", REFUSED, seat, &exchange, async |channel| {
                publish(channel, &exchange, &inbox, &seat.user).await
            })
            .await;
    }
}
