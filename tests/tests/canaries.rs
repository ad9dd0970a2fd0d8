//! Two tenants on one stack, each with a word of its own in every text that commands take: neither's is ever found with
//! the other, whatever comes out and wherever it is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use chrono::Days;
use kith_platform::broker::{Address, Message, Receiver};
use kith_platform::clock::Clock;
use kith_platform::id::{PersonId, TenantId, hex};
use kith_proto::common::v1::OrganisationRole::{Checks, PrivacyLead};
use kith_proto::governance::v1 as governance;
use kith_proto::teams::v1 as teams;
use kith_proto::{Access, EVENTS, METHODS, Method, finance::v1 as finance, identity::v1 as identity};
use kith_tests::filler::{Filler, Ids, ids_of_tenant};
use kith_tests::founding::{Founded, PASSWORD};
use kith_tests::people::{Someone, service_of};
use kith_tests::services;
use kith_tests::stack::Stack;
use prost::Message as _;
use serde_json::Value;
use sqlx::AssertSqlSafe;

/// As long as what the filler writes where any words will do, and nowhere else.
const MARKS: [&str; 2] = ["quoxa", "zibbo"];
const FILLED_IN: &[u8] = b"words";
/// What would end a place, or somebody's, before it was looked at.
const NOT_SWEPT: &[&str] = &[
    "/LeaveTenant",
    "/ClosePlace",
    "/AskErasure",
    "/OrderErasure",
    "/EndMembership",
    "/RevokeIntegrator",
    "/SetRoles",
    "/CloseOpportunity",
];

/// A tenant, and who is in it.
struct Place {
    founded: Founded,
    mark: &'static str,
    owner: PersonId,
    checks: PersonId,
    ids: Ids,
}

/// Where was looked, and where a foreign word was found.
#[derive(Debug, Default)]
struct Looked {
    places: usize,
    with_own: usize,
    foreign: Vec<String>,
}

impl Looked {
    /// Looks into something of a tenant for its own word and the other's.
    fn through(&mut self, what: impl FnOnce() -> String, bytes: &[u8], own: &str, foreign: &str) {
        self.places += 1;
        self.with_own += usize::from(holds(bytes, own));
        if holds(bytes, foreign) {
            self.foreign.push(what());
        }
    }

    fn say(&self, what: &str) {
        println!(
            "T5: {what}: looked through {}, with their own canary {}, foreign canaries {}",
            self.places,
            self.with_own,
            self.foreign.len()
        );
    }
}

fn holds(bytes: &[u8], word: &str) -> bool {
    !word.is_empty() && bytes.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// Where a method is served: those of the common contracts everywhere.
fn servers(method: &'static Method) -> Vec<&'static str> {
    let all = services().into_iter().map(|service| service.name);
    all.filter(|name| method.path.starts_with("/kith.common.") || service_of(method) == *name).collect()
}

/// A request with the mark wherever any words will do.
fn marked(filler: &Filler, method: &Method, ids: &Ids, place: &Place) -> Vec<u8> {
    let request = filler.fill(method.input, ids, &mut || place.founded.people.uuid().to_string());
    let mut body = request.encode_to_vec();
    for at in 0..body.len().saturating_sub(FILLED_IN.len() - 1) {
        if &body[at..at + FILLED_IN.len()] == FILLED_IN {
            body[at..at + FILLED_IN.len()].copy_from_slice(place.mark.as_bytes());
        }
    }
    body
}

impl Place {
    async fn new(stack: &Stack, slug: &str, mark: &'static str) -> Self {
        let founded = Founded::new(stack, slug, mark).await;
        let (owner, checks) = (format!("{mark} owner"), format!("{mark} checks"));
        let owner = founded.invite(&owner, &format!("owner.{mark}@somewhere.example"), &[]).await;
        let email = format!("checks.{mark}@somewhere.example");
        let checks = founded.invite(&checks, &email, &[Checks, PrivacyLead]).await;
        let mut place = Self { founded, mark, owner, checks, ids: Ids::new() };
        place.speaks().await;
        place.founded.people.until_settled().await;
        place.ids = ids_of_tenant(stack, place.tenant()).await;
        place
    }

    fn tenant(&self) -> TenantId {
        self.founded.people.tenant
    }

    fn owner(&self) -> Someone<'_> {
        self.founded.people.with_id(&self.owner.to_string())
    }

    fn everybody(&self) -> [(&'static str, PersonId); 3] {
        [("administrator", self.founded.administrator), ("owner", self.owner), ("checks", self.checks)]
    }

    /// What depends on what was said before.
    async fn speaks(&self) {
        let (owner, mark) = (self.owner(), self.mark);
        owner.record_legal_fact(&format!("{mark} wish"), &format!("{mark} drawer")).await;
        let set = identity::SetCommunicationRequest {
            preferred_channel: identity::Channel::Chat.into(),
            needs: format!("{mark} needs"),
            ..Default::default()
        };
        let _: identity::SetCommunicationResponse = owner.ask(set).await.expect("said");
        let start = teams::StartTeamRequest {
            circle_id: self.founded.circle.clone(),
            outward_code: "E5".into(),
            ..Default::default()
        };
        let team: teams::StartTeamResponse = owner.ask(start).await.expect("a Team");
        let payer = finance::Payer {
            id: self.founded.people.uuid().to_string(),
            team_id: team.team.expect("a Team").id,
            kind: finance::PayerKind::Private.into(),
            billing_name: format!("{mark} and daughters"),
            billing_address: format!("{mark} lodge"),
        };
        let add = finance::AddPayerRequest { payer: Some(payer), ..Default::default() };
        let _: finance::AddPayerResponse = owner.ask(add).await.expect("a payer");
        self.proposes().await;
    }

    /// The first member of the Circle leads it, proposes something and has a concern about it.
    async fn proposes(&self) {
        let (first, mark, circle_id) = (self.founded.administrator(), self.mark, self.founded.circle.clone());
        let today = Clock::System.now().date_naive();
        let hat = governance::ProposeCircleHatRequest {
            circle_id: circle_id.clone(),
            hat: governance::CircleHat::Facilitator.into(),
            person_id: first.id.to_string(),
            valid_from: today.to_string(),
            valid_until: (today + Days::new(365)).to_string(),
            ..Default::default()
        };
        let asked: governance::ProposeCircleHatResponse = first.ask(hat).await.expect("asked");
        let holding = asked.circle.expect("the Circle").hats.into_iter().next().expect("a hat");
        let yes = governance::AnswerCircleHatRequest {
            circle_id: circle_id.clone(),
            holding_id: holding.id,
            consent: true,
            ..Default::default()
        };
        let _: governance::AnswerCircleHatResponse = first.ask(yes).await.expect("worn");
        let draft = governance::DraftProposalRequest {
            circle_id,
            title: format!("{mark} title"),
            version: Some(governance::ProposalVersion {
                text: format!("{mark} text"),
                term_months: 12,
                measure: format!("{mark} measure"),
                review_date: (today + Days::new(90)).to_string(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let drafted: governance::DraftProposalResponse = first.ask(draft).await.expect("drafted");
        let proposal_id = drafted.proposal.expect("the proposal").id;
        for step in [
            governance::ProposalState::Presented,
            governance::ProposalState::Clarifying,
            governance::ProposalState::Reactions,
            governance::ProposalState::ConsentRound,
        ] {
            let advance = governance::AdvanceProposalRequest {
                proposal_id: proposal_id.clone(),
                to: step.into(),
                ..Default::default()
            };
            let _: governance::AdvanceProposalResponse = first.ask(advance).await.expect("the next step");
        }
        let answer = governance::AnswerProposalRequest {
            proposal_id,
            version: 1,
            consent: false,
            argument: format!("{mark} argument"),
            ..Default::default()
        };
        let _: governance::AnswerProposalResponse = first.ask(answer).await.expect("objected");
    }

    /// Calls every command there is with the mark in it; answers how many were taken.
    async fn sweep(&self, filler: &Filler) -> (usize, usize) {
        let (mut tried, mut taken) = (0, 0);
        let commands = METHODS.iter().filter(|method| {
            method.changes_state
                && method.access == Access::Person
                && !NOT_SWEPT.iter().any(|end| method.path.ends_with(end))
        });
        for method in commands {
            for service in servers(method) {
                for (_, who) in self.everybody() {
                    let body = marked(filler, method, &self.ids, self);
                    let token = self.founded.people.token_of(self.tenant(), who);
                    let answer = self.founded.people.send((service, method), body, Some(&token), &[]).await;
                    tried += 1;
                    taken += usize::from(answer.is_ok());
                }
            }
        }
        (tried, taken)
    }

    /// Looks through all that everybody here is answered, about their own things and those of the others.
    async fn answers(&self, filler: &Filler, other: &Self, looked: &mut Looked) {
        let people = &self.founded.people;
        for method in METHODS.iter().filter(|method| !method.changes_state && method.access == Access::Person)
        {
            for service in servers(method) {
                for ((who, person), ids) in
                    self.everybody().into_iter().flat_map(|who| [(who, &self.ids), (who, &other.ids)])
                {
                    let body = marked(filler, method, ids, self);
                    let token = people.token_of(self.tenant(), person);
                    let answer = match people.send((service, method), body, Some(&token), &[]).await {
                        Ok(answer) => answer,
                        Err(status) => [status.message().as_bytes(), status.details()].concat(),
                    };
                    let what = || format!("{} at {service} to {}'s {who}", method.path, self.mark);
                    looked.through(what, &answer, self.mark, other.mark);
                }
            }
        }
    }

    /// Looks through the bundles of `kith subject-access`.
    fn bundles(&self, stack: &Stack, other: &Self, looked: &mut Looked) {
        let password = stack.folder().join("password");
        std::fs::write(&password, PASSWORD).expect("a file");
        std::fs::set_permissions(&password, Permissions::from_mode(0o600)).expect("a private file");
        for who in ["administrator", "owner", "checks"] {
            let (email, out) = (
                format!("{who}.{}@somewhere.example", self.mark),
                stack.folder().join(format!("{}.{who}.json", self.mark)),
            );
            let mut command =
                stack.kith(&["subject-access", "--tenant", &self.founded.slug, "--email", &email]);
            let done = command
                .arg("--password-file")
                .arg(&password)
                .arg("--out")
                .arg(&out)
                .output()
                .expect("it runs");
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
            let bundle = std::fs::read(&out).expect("the bundle");
            looked.through(|| format!("the bundle of {email}"), &bundle, self.mark, other.mark);
        }
    }

    /// Looks through every row of the tenant, in every table of every database. Answers the columns that hold its own word.
    async fn rows(&self, stack: &Stack, other: &Self, looked: &mut Looked) -> BTreeSet<String> {
        let mut columns = BTreeSet::new();
        for service in services() {
            let mut admin = stack.admin(service.name).await;
            let tables: Vec<String> = sqlx::query_scalar(
                "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
                     join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
                 where c.relkind in ('r', 'p') and n.nspname not in ('pg_catalog', 'information_schema') order by 1",
            )
            .fetch_all(&mut admin)
            .await
            .expect("the tables");
            for table in tables {
                // The table's name comes from the catalogue.
                let query =
                    AssertSqlSafe(format!("select to_jsonb(t)::text from {table} t where tenant_id = $1"));
                let rows: Vec<String> = sqlx::query_scalar(query)
                    .bind(self.tenant().0)
                    .fetch_all(&mut admin)
                    .await
                    .expect("rows");
                for row in rows {
                    let what = || format!("{} {table}: {row}", service.name);
                    // What is kept as bytes is written in hex.
                    let text = in_plain(&row);
                    looked.through(what, text.as_bytes(), self.mark, other.mark);
                    let value: BTreeMap<String, Value> = serde_json::from_str(&row).expect("JSON");
                    let own =
                        value.iter().filter(|(_, value)| in_plain(&value.to_string()).contains(self.mark));
                    columns.extend(own.map(|(column, _)| format!("{} {table}.{column}", service.name)));
                }
            }
        }
        columns
    }
}

/// A row with the marks legible where they are in bytes.
fn in_plain(row: &str) -> String {
    let mut text = row.to_lowercase();
    for mark in MARKS {
        text = text.replace(&hex(mark.as_bytes()), mark);
    }
    text
}

/// Every event that went over the broker since the tap was opened.
async fn events(tap: &mut Receiver) -> Vec<Message> {
    let mut events = Vec::new();
    while let Ok(batch) = tokio::time::timeout(std::time::Duration::from_secs(1), tap.next()).await {
        let batch = batch.expect("events");
        events.extend(batch.messages.clone());
        batch.ack().await.expect("acknowledged");
    }
    events
}

/// Looks through answers, bundles and rows of both.
async fn look(stack: &Stack, filler: &Filler, places: &[Place; 2], say: bool) -> Vec<String> {
    let mut foreign = Vec::new();
    let (mut answers, mut bundles, mut rows) = (Looked::default(), Looked::default(), Looked::default());
    for (one, other) in [(&places[0], &places[1]), (&places[1], &places[0])] {
        one.answers(filler, other, &mut answers).await;
        if say {
            one.bundles(stack, other, &mut bundles);
        }
        let columns = one.rows(stack, other, &mut rows).await;
        if say {
            println!("T5: {}'s canary is in {} columns: {columns:?}", one.mark, columns.len());
        }
    }
    for (what, looked) in [("answers of every RPC that reads", answers), ("bundles", bundles), ("rows", rows)]
    {
        if say {
            looked.say(what);
            assert!(looked.with_own > 0, "{what}: nothing was there to be found");
        }
        foreign.extend(looked.foreign);
    }
    foreign
}

/// Proves T5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_canary_of_a_tenant_is_found_with_another() {
    let stack = Stack::start().await;
    // A queue of the test's own that every event goes to: whatever was in any queue was in this one.
    let address = Address { service: "tap", ..stack.config("teams").broker_as("teams").expect("the broker") };
    let aggregates: BTreeSet<&str> = EVENTS.iter().map(|event| event.aggregate).collect();
    let aggregates: Vec<&str> = aggregates.into_iter().collect();
    let mut tap = Receiver::open(&address, &aggregates).await.expect("a queue");
    let filler = Filler::new();
    let mut places =
        [Place::new(&stack, "place-one", MARKS[0]).await, Place::new(&stack, "place-two", MARKS[1]).await];
    for place in &mut places {
        let (tried, taken) = place.sweep(&filler).await;
        place.founded.people.until_settled().await;
        println!("T5: {}: commands with its canary in every text {tried}, taken {taken}", place.mark);
        place.ids = ids_of_tenant(&stack, place.tenant()).await;
    }

    let mut foreign = look(&stack, &filler, &places, true).await;
    let mut messages = Looked::default();
    for message in events(&mut tap).await {
        for (own, other) in [(&places[0], &places[1]), (&places[1], &places[0])] {
            if message.tenant_id == own.tenant() {
                let what = || format!("{} {}", message.event_type, message.event_id);
                messages.through(what, &message.payload, own.mark, other.mark);
            }
        }
    }
    messages.say("messages over the broker");
    foreign.extend(messages.foreign);
    let mut logs = Looked::default();
    for service in services() {
        let log = std::fs::read(stack.log(service.name)).expect("a log");
        for line in log.split(|byte| *byte == b'\n') {
            // A log is the host's: neither's words belong into it.
            for mark in MARKS {
                logs.through(|| String::from_utf8_lossy(line).into_owned(), line, "", mark);
            }
        }
    }
    println!("T5: lines of logs: looked through {}, with a canary {}", logs.places / 2, logs.foreign.len());
    foreign.extend(logs.foreign);
    println!("T5: foreign canaries {}", foreign.len());
    assert!(foreign.is_empty(), "{foreign:#?}");

    // Shows that it can fail: one name of the first tenant is written into a row of the second.
    sqlx::query("update person set display_name = $1 where tenant_id = $2 and id = $3")
        .bind(format!("{} astray", MARKS[0]))
        .bind(places[1].tenant().0)
        .bind(places[1].owner.0)
        .execute(&mut stack.admin("identity").await)
        .await
        .expect("planted");
    let found = look(&stack, &filler, &places, false).await;
    let (rows, answers): (Vec<&String>, Vec<&String>) =
        found.iter().partition(|what| what.starts_with("identity "));
    println!("T5: one planted: found in {} answers and {} rows", answers.len(), rows.len());
    assert!(!rows.is_empty() && !answers.is_empty(), "{found:#?}");
}
