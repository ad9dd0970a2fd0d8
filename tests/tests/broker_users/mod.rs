//! Per-service users of the broker: what each may not do in another's name, tried for every pair of services on a running
//! stack, and what the receiver does where the broker lets a forgery through.

mod attempts;
mod forgeries;
mod tally;

use kith_tests::own_broker::OwnBroker;
use kith_tests::services;
use kith_tests::stack::Stack;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use tokio::task::JoinSet;

use self::tally::{REFUSED, Seat, Tally, bind, code_of, connect, publish};

/// The stack and everybody's place on the broker.
struct Scene {
    stack: Stack,
    prefix: String,
    seats: Vec<Seat>,
    admin: Connection,
}

impl Scene {
    async fn on(broker: &OwnBroker) -> Self {
        let stack = Stack::start_with_broker(broker).await;
        let mut seats = Vec::new();
        for service in services() {
            stack.wait_until_joined(service.name).await;
            let address = stack.config(service.name).broker_as(service.name).expect("an address");
            assert!(address.own_users, "each service has a user of its own");
            seats.push(Seat {
                name: service.name,
                user: address.user.clone(),
                listens_to: (service.subscriptions)().aggregates(),
                connection: connect(&address.url).await,
            });
        }
        let prefix = stack.config("teams").broker.prefix.clone();
        Self { stack, prefix, seats, admin: connect(&broker.url()).await }
    }

    fn name(&self, what: &str) -> String {
        format!("{}.{what}", self.prefix)
    }

    fn seat(&self, name: &str) -> &Seat {
        self.seats.iter().find(|seat| seat.name == name).expect("one of the seven")
    }

    /// The aggregates of a service that somebody listens to.
    fn told_by(&self, name: &str) -> Vec<&'static str> {
        let mut all: Vec<&'static str> =
            self.seats.iter().flat_map(|seat| seat.listens_to.iter().copied()).collect();
        all.retain(|aggregate| aggregate.split('.').next() == Some(name));
        all.sort_unstable();
        all.dedup();
        all
    }

    async fn depth(&self, queue: &str) -> u32 {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let channel = self.admin.create_channel().await.expect("a channel");
        let queue = channel.queue_declare(queue.into(), passive, FieldTable::default()).await;
        let depth = queue.expect("the queue is there").message_count();
        channel.close(200, "done".into()).await.ok();
        depth
    }
}

/// What a service must be able to do, or the refusals would prove nothing.
async fn controls(scene: &Scene) -> usize {
    let mut granted = 0;
    for seat in &scene.seats {
        let channel = seat.connection.create_channel().await.expect("a channel");
        let (events, own) = (scene.name("events"), scene.name(&format!("in.{}", seat.name)));
        let key = format!("{}.anything.happened.v1", seat.name);
        publish(&channel, &events, &key, &seat.user).await.expect("its own event");
        let heard = seat.listens_to.iter().map(|aggregate| format!("{aggregate}.#"));
        let answers = ["snapshot", "resent"].map(|what| format!("*.{what}.{}", seat.name));
        for key in heard.chain([format!("*.resend.{}.#", seat.name)]).chain(answers) {
            bind(&channel, &own, &events, &key).await.expect("its own binding");
            granted += 1;
        }
        if seat.listens_to.contains(&"identity.consent") {
            let marks = scene.name(&format!("marks.{}", seat.name));
            bind(&channel, &marks, &events, "identity.watermark.v1").await.expect("its watermarks");
            granted += 1;
        }
        channel.close(200, "done".into()).await.expect("closed");
        granted += 1;
    }
    granted
}

/// Nobody comes in as another with its own password.
async fn come_as_another(scene: &Scene) -> (usize, usize) {
    let mut tries = JoinSet::new();
    for seat in &scene.seats {
        let own = scene.stack.config(seat.name).broker_as(seat.name).expect("an address").url;
        for other in scene.seats.iter().filter(|other| other.name != seat.name) {
            let url = own.replacen(&seat.user, &other.user, 1);
            tries.spawn(async move {
                let came = Connection::connect(&url, ConnectionProperties::default()).await;
                came.err().as_ref().and_then(code_of) == Some(REFUSED)
            });
        }
    }
    let tried = tries.len();
    (tried, tries.join_all().await.into_iter().filter(|refused| *refused).count())
}

/// Proves that a service's user of the broker can publish nothing in another's name and hear nothing that it does not
/// listen to; and that a forgery which the broker lets through comes no further than the dead letters of the receiver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_can_do_nothing_in_anothers_name() {
    let broker = OwnBroker::start();
    let scene = Scene::on(&broker).await;
    let granted = controls(&scene).await;

    let mut tally = Tally::default();
    for seat in &scene.seats {
        attempts::alone(&mut tally, &scene, seat).await;
        for other in scene.seats.iter().filter(|other| other.name != seat.name) {
            attempts::speak_as(&mut tally, &scene, seat, other).await;
            attempts::hear(&mut tally, &scene, seat, other).await;
            attempts::reach_into(&mut tally, &scene, seat, other).await;
        }
    }
    tally.print();
    let (tried, refused) = come_as_another(&scene).await;
    println!(
        "come as another: {tried} tried, {refused} refused; what is its own: {granted} tried, {granted} granted"
    );
    assert_eq!((tried, refused), (42, 42));

    forgeries::forge(&scene, &broker).await;
}
