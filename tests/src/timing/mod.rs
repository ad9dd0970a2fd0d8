//! Whether the time that an answer takes tells what the answer does not: that something exists in another tenant, or that
//! an address has an account.
//!
//! Hit and miss are asked in random order, one at a time, and compared by rank. With samples enough every difference is
//! significant, so a row fails only where the medians differ by a share that is worth something, too.

pub mod rank;
pub mod rows;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use kith_platform::id::PersonId;
use kith_proto::Method;
use sqlx::PgConnection;
use tonic::{Code, Status};

use crate::chaos::random::Random;
use crate::people::People;

/// Below this a p is taken for a difference, once corrected for the number of rows.
pub const SIGNIFICANT: f64 = 0.05;
/// By how much of the miss's median the medians must differ, too.
pub const WORTH: f64 = 0.02;
/// Calls before those that count.
const WARMING: usize = 40;
/// What a busy machine says to anybody.
/// Unknown is no service's answer: a connection that ended while a call was on its way, as each does after a time.
const BUSY: [Code; 4] = [Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled, Code::Unknown];

/// Makes the request for a hit or a miss.
pub type Body<'a> = dyn Fn(bool, &mut Random) -> Vec<u8> + 'a;

/// What is asked.
pub struct Question<'a> {
    /// What it is about.
    pub name: &'static str,
    /// The service and its method.
    pub at: (&'static str, &'static Method),
    /// As whom; as nobody where it is none.
    pub caller: Option<PersonId>,
    /// The request for a hit or a miss.
    pub body: Box<Body<'a>>,
    /// Whether attempts are counted, which would end it.
    pub counted: bool,
    /// Whether answers and times must differ: to show that a difference is found.
    pub control: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Row {
    /// What was asked.
    pub name: &'static str,
    /// Nanoseconds.
    pub hits: Vec<u64>,
    /// Nanoseconds.
    pub misses: Vec<u64>,
    /// Every different answer or refusal, and how often hits and misses had it: one is right.
    pub answers: BTreeMap<String, [usize; 2]>,
    /// Calls that a busy machine did not answer in time, left out.
    pub disturbed: usize,
    /// See [`Question::control`].
    pub control: bool,
    /// Not corrected.
    pub p: f64,
}

impl Row {
    /// By how much the medians differ, as a share of the miss's.
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one call")]
    pub fn difference(&self) -> f64 {
        let (hit, miss) = (rank::median(&self.hits) as f64, rank::median(&self.misses) as f64);
        (hit - miss) / miss
    }

    /// Whether the time tells, given the corrected p.
    pub fn tells(&self, corrected: f64) -> bool {
        corrected < SIGNIFICANT && self.difference().abs() > WORTH
    }
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |sample: &[u64]| rank::median(sample) / 1000;
        write!(
            out,
            "{:46} {:6} {:6} {:9} {:9} {:+7.2} % {:8.4} {:7} {:9}",
            self.name,
            self.hits.len(),
            self.misses.len(),
            micros(&self.hits),
            micros(&self.misses),
            self.difference() * 100.0,
            self.p,
            self.answers.len(),
            self.disturbed,
        )
    }
}

/// Everything of an answer that a caller sees, but for the moment.
fn seen(answer: &Result<Vec<u8>, Status>) -> String {
    match answer {
        Ok(answer) => format!("answered {answer:?}"),
        Err(status) => {
            let mut headers = status.metadata().clone();
            headers.remove("date");
            format!("{:?} {} {:?} {headers:?}", status.code(), status.message(), status.details())
        }
    }
}

/// Asks so many times for each, in random order.
///
/// # Panics
/// Where identity's database does not answer.
pub async fn ask(
    people: &People,
    identity: &mut PgConnection,
    question: &Question<'_>,
    calls: usize,
    random: &mut Random,
) -> Row {
    let mut order: Vec<bool> = (0..2 * calls).map(|place| place % 2 == 0).collect();
    random.shuffle(&mut order);
    let warming = (0..WARMING).map(|place| place % 2 == 0);
    let (mut hits, mut misses, mut answers) = (Vec::new(), Vec::new(), BTreeMap::<String, [usize; 2]>::new());
    let mut disturbed = 0;
    for (place, hit) in warming.chain(order).enumerate() {
        if question.counted {
            sqlx::query("delete from signin.sign_in_attempt")
                .execute(&mut *identity)
                .await
                .expect("forgotten");
        }
        let body = (question.body)(hit, random);
        let token = question.caller.map(|caller| people.token_of(people.tenant, caller));
        let begin = Instant::now();
        let answer = people.send(question.at, body, token.as_deref(), &[]).await;
        let took = u64::try_from(begin.elapsed().as_nanos()).expect("not that long");
        if place < WARMING {
            continue;
        }
        if answer.as_ref().is_err_and(|status| BUSY.contains(&status.code())) {
            disturbed += 1;
            continue;
        }
        answers.entry(seen(&answer)).or_default()[usize::from(hit)] += 1;
        if hit { hits.push(took) } else { misses.push(took) }
    }
    let p = rank::p_value(&hits, &misses);
    Row { name: question.name, hits, misses, answers, disturbed, control: question.control, p }
}
