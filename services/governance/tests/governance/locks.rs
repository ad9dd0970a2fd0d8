//! People leave while their Circles change: what locks both has one order, and PostgreSQL never has to break a ring.

use std::time::{Duration, Instant};

use kith_platform::broker::Message;
use kith_platform::fields::timestamp;
use kith_platform::id::PersonId;
use kith_platform::testing::reason;
use kith_proto::Event as _;
use kith_proto::common::v1::PersonSnapshot;
use kith_proto::governance::v1::{CircleHat, SeatState};
use kith_proto::identity::v1::PersonLeft;
use prost::Message as _;
use sqlx::Connection as _;
use tonic::Status;

use crate::stage::Stage;

/// How often two people leave while they answer in two Circles and are asked to wear a hat.
const ROUNDS: usize = 100;

/// What identity would tell of somebody who has left.
fn left(stage: &Stage, person: PersonId) -> Message {
    let state = PersonSnapshot {
        person_id: person.to_string(),
        joined: true,
        left: true,
        left_time: Some(timestamp(stage.world.clock.now())),
    };
    Message {
        tenant_id: stage.tenant,
        event_id: stage.world.ids.uuid(stage.world.clock.now()),
        aggregate_type: PersonLeft::AGGREGATE.to_owned(),
        aggregate_id: person.0,
        event_no: 2,
        event_type: PersonLeft::TYPE.to_owned(),
        payload: PersonLeft { state: Some(state) }.encode_to_vec(),
        traceparent: None,
        time: stage.world.clock.now(),
        snapshot_for: None,
    }
}

/// By what reason it was refused where no rule did: they left first.
fn undecided<T>(answer: Result<T, Status>) -> Option<String> {
    let (_, reason) = reason(&answer.err()?);
    let by_rule =
        matches!(reason.as_str(), "HAS_LEFT" | "NOT_A_MEMBER" | "PERMISSION_DENIED" | "NOT_INVITED");
    (!by_rule).then_some(reason)
}

/// Counted by the server itself. A connection tells what it counted when it ends at the latest.
async fn deadlocks(stage: &Stage) -> i64 {
    stage.host.db().close().await;
    let mut admin = stage.world.admin(&stage.host).await;
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        let others: i64 = sqlx::query_scalar(
            "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
        )
        .fetch_one(&mut admin)
        .await
        .expect("a number");
        if others == 0 {
            break;
        }
        assert!(Instant::now() < end, "{others} connections are still open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let counted =
        sqlx::query_scalar("select deadlocks from pg_stat_database where datname = current_database()");
    let counted = counted.fetch_one(&mut admin).await.expect("a number");
    admin.close().await.ok();
    counted
}

/// Two at a time leave, in one delivery, while both answer in two Circles in opposite order and the Facilitator asks them to
/// wear hats. Nobody waits in a ring, whoever left holds no place, and whoever was refused was refused by a rule. Red where a
/// command asks about the person after it has locked the Circle, and where several departures share a transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_and_what_circles_do_never_wait_for_one_another_in_a_ring() {
    let (stage, here, people) = Stage::with_circle(1).await;
    let facilitator = people[0];
    let there = stage.create("Stamford Hill Care Circle").await.expect("a Circle").id;
    let (mut gone, mut failed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (one, other) = (stage.world.person(), stage.world.person());
        for person in [one, other] {
            for circle in [&here, &there] {
                stage.invite(stage.administrator, circle, person, "").await.expect("asked");
            }
        }
        // What they wear has to end too.
        stage.join(one, &here, true).await.expect("in");
        let newcomer = stage.world.person();
        stage.introduce(newcomer).await;
        let departures = [left(&stage, one), left(&stage, other)];
        let hat = |person| stage.propose_hat(facilitator, &here, person, CircleHat::Secretary, "2026-12-01");
        let ((), (), one_answers, other_answers, asked, invited) = tokio::join!(
            stage.world.receive(&stage.host, &departures),
            // As a replica would.
            stage.world.receive(&stage.host, &[]),
            stage.join(one, &there, true),
            async {
                let there = stage.join(other, &there, true).await;
                let here = stage.join(other, &here, true).await;
                (there, here)
            },
            hat(one),
            stage.invite(stage.administrator, &here, newcomer, ""),
        );
        for answer in [one_answers, other_answers.0, other_answers.1, asked, invited] {
            failed.extend(undecided(answer));
        }
        gone.extend([one.to_string(), other.to_string()]);
    }
    let mut held = 0;
    for circle in [&here, &there] {
        let circle = stage.circle(stage.administrator, circle).await.expect("the Circle");
        let of_the_gone = |person: &String| gone.contains(person);
        held += circle
            .members
            .iter()
            .filter(|seat| of_the_gone(&seat.person_id))
            .filter(|seat| holds(seat.state()))
            .count();
        held += circle
            .hats
            .iter()
            .filter(|hat| of_the_gone(&hat.person_id))
            .filter(|hat| holds(hat.state()))
            .count();
    }
    let deadlocks = deadlocks(&stage).await;
    println!(
        "{ROUNDS} rounds: deadlocks {deadlocks}, refused without a rule {failed:?}, held by who has left {held}"
    );
    assert_eq!((deadlocks, failed, held), (0, Vec::new(), 0));
}

fn holds(state: SeatState) -> bool {
    matches!(state, SeatState::Held | SeatState::Proposed)
}
