//! Signing keys rotate under seven real processes while months are taken in: nobody who holds a living token is refused.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kith_platform::clock::Clock;
use kith_proto::common::v1::GetBacklogRequest;
use kith_proto::identity::v1 as pb;
use kith_tests::chaos::journal::Journal;
use kith_tests::people::{People, kid_of, method_of};
use kith_tests::services;
use kith_tests::stack::Stack;
use prost::{Message, Name};
use tonic::Code;

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../services/kith/data");
/// Seconds between two keys; `KITH_ROTATION_SECONDS=30` takes eleven minutes.
const PERIOD: u64 = 3;
/// Rotations after the last of the keys that the first start published at once has signed.
const ROTATIONS: u64 = 6;
const EMAIL: &str = "rotating@somewhere.example";
const PASSWORD: &str = "long enough to be right";
/// However slow the machine.
const LIMIT: Duration = Duration::from_mins(25);

/// How keys and tokens of this run live, in seconds: the defaults' proportions, at another pace.
#[derive(Clone, Copy, Debug)]
struct Pace {
    period: u64,
    refresh: u64,
    lead: u64,
    token: u64,
}

impl Pace {
    fn of_this_run() -> Self {
        let asked = std::env::var("KITH_ROTATION_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
        let period: u64 = asked.unwrap_or(PERIOD);
        Self { period, refresh: period, lead: period * 4, token: (period * 10).max(30) }
    }

    /// So long that keys are published, sign, and are forgotten while the months are taken in.
    fn enough(self) -> Duration {
        Duration::from_secs(self.lead + self.token + ROTATIONS * self.period)
    }
}

/// A token that identity gave, until it ends.
struct Token {
    access: String,
    ends_at: i64,
}

#[derive(Debug, Default)]
struct Count {
    tokens: usize,
    calls: usize,
    answered: BTreeMap<&'static str, usize>,
    refused: Vec<String>,
    others: BTreeMap<String, usize>,
    /// Keys that signed.
    signed: BTreeSet<String>,
    /// The most that were published at once.
    most: usize,
    /// Keys that signed and are published no more.
    forgotten: BTreeSet<String>,
}

/// Somebody who renews their token again and again and keeps the old ones.
struct Holder {
    people: People,
    refresh: String,
    alive: VecDeque<Token>,
    count: Count,
}

impl Holder {
    async fn join(stack: &Stack) -> Self {
        let people = People::of(stack).await;
        let invite = pb::InvitePersonRequest { display_name: "Rotating".into(), ..Default::default() };
        let invited: pb::InvitePersonResponse =
            people.administrator(stack).await.ask(invite).await.expect("invited");
        let accept = pb::AcceptInvitationRequest {
            invitation: invited.invitation,
            email: EMAIL.into(),
            password: PASSWORD.into(),
            request_id: people.uuid().to_string(),
        };
        let _: pb::AcceptInvitationResponse = public(&people, &accept).await;
        let sign_in = pb::SignInRequest {
            email: EMAIL.into(),
            password: PASSWORD.into(),
            tenant: "clapton".into(),
            as_operator: false,
        };
        let signed_in: pb::SignInResponse = public(&people, &sign_in).await;
        let mut holder =
            Self { people, refresh: String::new(), alive: VecDeque::new(), count: Count::default() };
        holder.take(signed_in.tokens.expect("tokens"));
        holder
    }

    fn take(&mut self, tokens: pb::Tokens) {
        self.count.tokens += 1;
        self.count.signed.insert(kid_of(&tokens.access_token));
        self.refresh = tokens.refresh_token;
        let ends_at = tokens.access_expire_time.expect("its end").seconds;
        self.alive.push_back(Token { access: tokens.access_token, ends_at });
        let now = Clock::System.now().timestamp();
        while self.alive.front().is_some_and(|token| token.ends_at <= now) {
            self.alive.pop_front();
        }
    }

    async fn renew(&mut self) {
        let request = pb::RefreshRequest { refresh_token: self.refresh.clone() };
        let answer: pb::RefreshResponse = public(&self.people, &request).await;
        self.take(answer.tokens.expect("tokens"));
    }

    /// Shows the oldest, the newest and one between to all seven.
    async fn show(&mut self) {
        let method = method_of(&GetBacklogRequest {});
        let shown = [Some(0), self.alive.len().checked_div(2), self.alive.len().checked_sub(1)];
        let tokens: Vec<&Token> = shown.into_iter().flatten().filter_map(|at| self.alive.get(at)).collect();
        let people = &self.people;
        let calls = tokens.iter().flat_map(|token| {
            services().map(|service| async move {
                let answer = people.send((service.name, method), Vec::new(), Some(&token.access), &[]).await;
                (service.name, *token, answer.err(), Clock::System.now().timestamp())
            })
        });
        for (service, token, error, at) in join_all(calls).await {
            self.count.calls += 1;
            match error {
                None => *self.count.answered.entry(service).or_default() += 1,
                // On its way it may have come to its own end.
                Some(error) if error.code() == Code::Unauthenticated && at < token.ends_at => {
                    self.count.refused.push(format!("{service} refused {}", kid_of(&token.access)));
                }
                Some(error) => *self.count.others.entry(format!("{:?}", error.code())).or_default() += 1,
            }
        }
    }

    async fn look_at_keys(&mut self) {
        let keys: pb::GetKeysResponse = public(&self.people, &pb::GetKeysRequest {}).await;
        let set: serde_json::Value = serde_json::from_str(&keys.jwks).expect("JSON");
        let published: BTreeSet<String> = set["keys"]
            .as_array()
            .expect("keys")
            .iter()
            .map(|key| key["kid"].as_str().expect("a kid").to_owned())
            .collect();
        self.count.most = self.count.most.max(published.len());
        self.count.forgotten.extend(self.count.signed.difference(&published).cloned());
    }
}

async fn public<A: Message + Name + Default>(people: &People, request: &impl Name) -> A {
    let method = method_of(request);
    let answer = people.send(("identity", method), request.encode_to_vec(), None, &[]).await;
    A::decode(answer.expect("an answer of identity").as_slice()).expect("the answer of the contract")
}

/// Months, one after the other, each with everybody signing in for themselves.
struct Months {
    begun: usize,
    ended: usize,
    child: Child,
}

impl Months {
    fn next(stack: &Stack, begun: usize) -> Child {
        let which = ["first_month", "second_month", "third_month"][begun % 3];
        let file = |name: &str| format!("{DATA}/{which}/{name}.json");
        let journal = stack.folder().join(format!("{begun}.journal"));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log_of(stack)).expect("a log");
        let mut command: Command = stack.kith(&["month", &file("scenario"), "--expect", &file("expected")]);
        command.arg("--journal").arg(journal).stdout(log.try_clone().expect("a log")).stderr(log);
        command.spawn().expect("kith is built")
    }

    /// Begins another month where one has ended.
    fn go_on(&mut self, stack: &Stack) {
        if let Some(status) = self.child.try_wait().expect("its state") {
            assert!(status.success(), "a month failed:\n{}", said(stack));
            self.ended += 1;
            self.begun += 1;
            self.child = Self::next(stack, self.begun);
        }
    }
}

impl Drop for Months {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn log_of(stack: &Stack) -> std::path::PathBuf {
    stack.folder().join("months.log")
}

fn said(stack: &Stack) -> String {
    std::fs::read_to_string(log_of(stack)).unwrap_or_default()
}

/// Proves ID-55. N3: keys rotate in quick succession under seven real processes, while months are taken in by the real
/// client and somebody shows tokens, new and as old as they get, to every service. Nobody is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_during_the_month_and_no_token_is_refused() {
    let pace = Pace::of_this_run();
    let stack = Stack::start_some(&services().map(|service| service.name), None, |config| {
        config.auth.key_rotation_seconds = pace.period;
        config.auth.key_refresh_seconds = pace.refresh;
        config.auth.key_lead_seconds = pace.lead;
        config.auth.token_lifetime_seconds = pace.token;
    })
    .await;
    let begin = Instant::now();
    let mut months = Months { begun: 0, ended: 0, child: Months::next(&stack, 0) };
    while months.ended == 0 {
        months.go_on(&stack);
        assert!(begin.elapsed() < LIMIT, "the first month does not end:\n{}", said(&stack));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut holder = Holder::join(&stack).await;
    let began = Instant::now();
    while began.elapsed() < pace.enough() || months.ended < 2 {
        assert!(begin.elapsed() < LIMIT, "the months do not end:\n{}", said(&stack));
        months.go_on(&stack);
        holder.renew().await;
        holder.show().await;
        holder.look_at_keys().await;
        tokio::time::sleep(Duration::from_millis(pace.period * 50)).await;
    }
    let took = begin.elapsed();
    let ended = months.ended;
    drop(months);

    let mut journal = Journal::default();
    for month in 0..=ended {
        journal.read(&stack.folder().join(format!("{month}.journal")));
    }
    let count = &holder.count;
    let of_months = said(&stack).matches("did not accept the token").count();
    println!(
        "N3: a key every {} s, published {} s ahead, tokens of {} s, key set fetched every {} s, for {:.0} s: keys that signed {}, \
         forgotten {}, most published at once {}; months {ended}, their commands {}; tokens {}, calls with them {} at 7 services, \
         answered {}, other answers {:?}; false refusals {} of these calls, {of_months} of the months'",
        pace.period,
        pace.lead,
        pace.token,
        pace.refresh,
        took.as_secs_f64(),
        count.signed.len(),
        count.forgotten.len(),
        count.most,
        journal.commands.len(),
        count.tokens,
        count.calls,
        count.answered.values().sum::<usize>(),
        count.others,
        count.refused.len(),
    );
    assert!(count.refused.is_empty(), "{:#?}", count.refused);
    assert_eq!(of_months, 0, "{}", said(&stack));
    assert!(count.answered.len() == 7 && count.answered.values().all(|answered| *answered > 50), "{count:?}");
    assert!(journal.commands.len() > 300, "the months really ran");
    let rotations = usize::try_from(ROTATIONS).expect("a few");
    assert!(count.signed.len() > rotations, "the keys really rotated: {}", count.signed.len());
    assert!(count.forgotten.len() > 2, "old keys are forgotten: {}", count.forgotten.len());
}
