//! A consumer that the broker ends, over a connection that goes on.

use std::time::Duration;

use kith_platform::broker::{Publisher, Receiver};

use super::{LISTENS_TO, Stage};

const LONG: Duration = Duration::from_secs(20);

/// The broker says once that it gives no more, behind what it has given: who passes over that among the deliveries of a batch
/// would wait for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_hears_that_its_queue_is_gone() {
    Stage::run(async |stage: &Stage| {
        let mut receiver = Receiver::open(&stage.address, LISTENS_TO).await.expect("receiving");
        let mut beside = Receiver::open(&stage.address, LISTENS_TO).await.expect("receiving");
        // Given to both in turn, and not looked at yet.
        let (_, failure) = Publisher::new(stage.address.clone()).publish(&stage.messages(8)).await;
        assert!(failure.is_none(), "{failure:?}");
        stage.delete_queue("in.notes").await;
        // Once one has heard of it, so has the other.
        until_the_end(&mut beside).await;
        until_the_end(&mut receiver).await;
    })
    .await;
}

async fn until_the_end(receiver: &mut Receiver) {
    while tokio::time::timeout(LONG, receiver.next()).await.expect("it hears of the end").is_ok() {}
}

/// Where nobody waits for a service, what comes while it gathers is received with what came first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_it_gathers_is_received_together() {
    Stage::run(async |stage: &Stage| {
        let publisher = Publisher::new(stage.address.clone());
        let receiver = Receiver::open(&stage.address, LISTENS_TO).await.expect("receiving");
        let mut receiver = receiver.gathering(Duration::from_secs(2));
        let receiving = receiver.next();
        let publishing = async {
            for message in stage.messages(3) {
                let (_, failure) = publisher.publish(std::slice::from_ref(&message)).await;
                assert!(failure.is_none(), "{failure:?}");
            }
        };
        let (batch, ()) = tokio::join!(receiving, publishing);
        assert_eq!(batch.expect("a batch").messages.len(), 3);
    })
    .await;
}
