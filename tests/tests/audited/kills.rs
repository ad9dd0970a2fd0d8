//! Reads while services are killed.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::{join, join_all};
use kith_platform::id::{PersonId, Uuid};
use kith_proto::{METHODS, Method};
use kith_tests::filler::{Filler, Ids};
use kith_tests::people::People;
use kith_tests::stack::Stack;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};

use super::named;

/// Kills of each service.
const KILLS: usize = 5;
const READERS: usize = 4;

/// Proves A5 across kills: reads go on without a pause while the service is killed as a power cut would, at a random
/// moment; whoever was named in an answer that arrived was written down.
#[tokio::test]
async fn whoever_is_shown_is_written_down_though_the_service_is_killed() {
    let mut stack = Stack::start().await;
    let people = People::of_first_month(&stack).await;
    let pool = DescriptorPool::decode(kith_proto::DESCRIPTOR_SET).expect("our own descriptors");
    let reader = people.named("Owner One").id;
    let (mut all_answered, mut all_missing) = (0, 0);
    let team = people.named("Owner One").own_team().await;
    let ids = Ids::from([("person".to_owned(), reader.to_string()), ("team".to_owned(), team)]);
    for (service, name) in
        [("identity", "/GetPeople"), ("teams", "/GetTeam"), ("appointments", "/ListSeries")]
    {
        let method = METHODS.iter().find(|method| method.path.ends_with(name)).expect("a method");
        let body = Filler::new().fill(method.input, &ids, &mut || reader.to_string()).encode_to_vec();
        let before = written_about(&stack, service, method, reader).await;
        let (mut named_how_often, mut answered) = (BTreeMap::new(), 0);
        for _ in 0..KILLS {
            let (killed, arrived) = (Cell::new(false), Cell::new(0));
            let reads = (0..READERS).map(async |_| {
                let mut answers = Vec::new();
                while !killed.get() {
                    let token = people.token_of(people.tenant, reader);
                    match people.send((service, method), body.clone(), Some(&token), &[]).await {
                        Ok(answer) => {
                            answers.push(answer);
                            arrived.set(arrived.get() + 1);
                        }
                        // It was started a moment ago and has no keys yet, or it is gone.
                        Err(_) => tokio::task::yield_now().await,
                    }
                }
                answers
            });
            let moment = u64::from(people.uuid().as_bytes()[15]);
            let kill = async {
                while arrived.get() < READERS {
                    tokio::task::yield_now().await;
                }
                tokio::time::sleep(Duration::from_millis(20 + moment)).await;
                stack.kill(service);
                killed.set(true);
            };
            let (answers, ()) = join(join_all(reads), kill).await;
            for answer in answers.into_iter().flatten() {
                let output = pool.get_message_by_name(method.output).expect("of the contracts");
                let message = DynamicMessage::decode(output, answer.as_slice()).expect("of the contract");
                let mut shown = BTreeSet::new();
                named(&message, &mut shown);
                answered += 1;
                for person in shown {
                    *named_how_often.entry(person).or_insert(0) += 1;
                }
            }
            stack.restart(service);
            stack.wait_until_serving(service);
        }
        let after = written_about(&stack, service, method, reader).await;
        let rows = |person| after.get(person).unwrap_or(&0) - before.get(person).unwrap_or(&0);
        let missing: i64 = named_how_often.iter().map(|(person, times)| (times - rows(person)).max(0)).sum();
        println!(
            "A5 across {KILLS} kills of {service}: {answered} answers arrived, {} people named, {} times in all; shown \
             without a row {missing}",
            named_how_often.len(),
            named_how_often.values().sum::<i64>(),
        );
        assert!(!named_how_often.is_empty(), "{service} showed nobody");
        all_answered += answered;
        all_missing += missing;
    }
    println!("A5 across kills: answers {all_answered}, shown without a row {all_missing}");
    assert_eq!(all_missing, 0);
}

/// How often each person was written down as shown by a method to a reader.
async fn written_about(
    stack: &Stack,
    service: &str,
    method: &Method,
    reader: PersonId,
) -> BTreeMap<Uuid, i64> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "select person_id, count(*) from platform.audit
         where actor_id = $1 and action = $2 and allowed and person_id is not null group by person_id",
    )
    .bind(reader.0)
    .bind(method.path.rsplit('/').next())
    .fetch_all(&mut stack.admin(service).await)
    .await
    .expect("the audit");
    rows.into_iter().collect()
}
