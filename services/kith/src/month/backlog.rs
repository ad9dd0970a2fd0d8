//! Waits until nothing is under way: every event that was written has reached and been applied by everyone who listens.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use kith_proto::common::v1::GetBacklogResponse;

use super::progress::say;
use crate::client::{Service, Session};

const SHORTEST: Duration = Duration::from_millis(15);
const LONGEST: Duration = Duration::from_millis(500);
/// How long the counts may stand still before that is an error.
const STUCK_AFTER: Duration = Duration::from_mins(2);

/// What the seven services have under way for one tenant.
#[derive(Debug, PartialEq, Eq)]
struct Picture {
    /// Events written per aggregate, and those not yet sent.
    written: BTreeMap<String, (i64, i64)>,
    /// Per listening service and aggregate: received, done, parked, dead.
    received: BTreeMap<(String, String), [i64; 4]>,
}

impl Picture {
    fn new(answers: &[GetBacklogResponse]) -> Self {
        let mut picture = Self { written: BTreeMap::new(), received: BTreeMap::new() };
        for answer in answers {
            for count in &answer.published {
                picture.written.insert(count.aggregate.clone(), (count.written, count.unpublished));
            }
            for count in &answer.received {
                let counts = [count.received, count.done, count.parked, count.dead];
                picture.received.insert((answer.service.clone(), count.aggregate.clone()), counts);
            }
        }
        picture
    }

    /// Events that were given up on, in words.
    fn dead(&self) -> Vec<String> {
        let dead = self.received.iter().filter(|(_, counts)| counts[3] > 0);
        dead.map(|((service, aggregate), counts)| {
            format!("{service} gave up on {} of {aggregate}", counts[3])
        })
        .collect()
    }

    /// What is under way, in words; empty where nothing is.
    fn under_way(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (aggregate, (_, unpublished)) in &self.written {
            if *unpublished != 0 {
                lines.push(format!("{unpublished} of {aggregate} are not sent"));
            }
        }
        for ((service, aggregate), [received, done, parked, _]) in &self.received {
            let written = self.written.get(aggregate).map_or(0, |(written, _)| *written);
            if *received != written {
                lines.push(format!("{service} received {received} of {written} of {aggregate}"));
            } else if *done != *received || *parked != 0 {
                lines.push(format!(
                    "{service} has done {done} of {received} of {aggregate}, {parked} wait for others"
                ));
            }
        }
        lines
    }
}

/// Waits for an empty backlog, seen twice with equal counts. Dead events end it with an error.
pub async fn wait_until_empty(session: &Session) -> Result<()> {
    let mut last: Option<Picture> = None;
    let mut moved_at = Instant::now();
    let mut pause = SHORTEST;
    let mut said = false;
    loop {
        let mut answers = Vec::with_capacity(Service::ALL.len());
        for service in Service::ALL {
            answers.push(session.backlog(service).await?);
        }
        let picture = Picture::new(&answers);
        let dead = picture.dead();
        if !dead.is_empty() {
            bail!("events were given up on, an operator must replay or skip them:\n{}", dead.join("\n"));
        }
        let under_way = picture.under_way();
        if last.as_ref() == Some(&picture) {
            if under_way.is_empty() {
                return Ok(());
            }
            if moved_at.elapsed() >= STUCK_AFTER {
                let waited = STUCK_AFTER.as_secs();
                bail!("nothing has moved for {waited} s, and this is under way:\n{}", under_way.join("\n"));
            }
        } else {
            moved_at = Instant::now();
            pause = SHORTEST;
            said = false;
        }
        if pause == LONGEST && !said {
            say(&format!("waiting: {}", under_way.join("; ")));
            said = true;
        }
        last = Some(picture);
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use kith_proto::common::v1::{PublishedCount, ReceivedCount};

    use super::*;

    const TEAM: &str = "teams.team";

    fn teams(written: i64, unpublished: i64) -> GetBacklogResponse {
        let published = vec![PublishedCount { aggregate: TEAM.to_owned(), written, unpublished }];
        GetBacklogResponse { service: "teams".to_owned(), published, received: Vec::new() }
    }

    fn finance(received: i64, done: i64, parked: i64, dead: i64) -> GetBacklogResponse {
        let aggregate = TEAM.to_owned();
        let received = vec![ReceivedCount { aggregate, received, done, parked, dead }];
        GetBacklogResponse { service: "finance".to_owned(), published: Vec::new(), received }
    }

    fn under_way(answers: &[GetBacklogResponse]) -> Vec<String> {
        Picture::new(answers).under_way()
    }

    #[test]
    fn empty_means_sent_received_and_done_by_everyone_who_listens() {
        assert!(under_way(&[teams(7, 0), finance(7, 7, 0, 0)]).is_empty());
        assert_eq!(under_way(&[teams(7, 2), finance(7, 7, 0, 0)]), ["2 of teams.team are not sent"]);
        assert_eq!(under_way(&[teams(7, 0), finance(6, 6, 0, 0)]), ["finance received 6 of 7 of teams.team"]);
        assert_eq!(
            under_way(&[teams(0, 0), finance(1, 1, 0, 0)]).len(),
            1,
            "more than was written is no match"
        );
        let waiting = under_way(&[teams(7, 0), finance(7, 6, 1, 0)]);
        assert_eq!(waiting, ["finance has done 6 of 7 of teams.team, 1 wait for others"]);
    }

    #[test]
    fn a_subscription_to_what_nobody_has_written_yet_is_empty() {
        assert!(under_way(&[finance(0, 0, 0, 0)]).is_empty());
        assert_eq!(under_way(&[finance(1, 1, 0, 0)]).len(), 1);
    }

    #[test]
    fn dead_events_are_named() {
        assert_eq!(Picture::new(&[finance(7, 6, 0, 1)]).dead(), ["finance gave up on 1 of teams.team"]);
        assert!(Picture::new(&[finance(7, 7, 0, 0)]).dead().is_empty());
    }
}
