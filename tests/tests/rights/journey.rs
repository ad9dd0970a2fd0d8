//! Somebody's whole way: what they put in comes out in one bundle, stays while something obliges to keep it, and goes
//! everywhere once nothing does.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use kith_platform::broker::{Address, Message, Receiver};
use kith_platform::id::{PersonId, Uuid};
use kith_proto::EVENTS;
use kith_proto::common::v1::{ExportPersonRequest, ExportPersonResponse};
use kith_proto::identity::v1 as identity;
use kith_proto::matching::v1 as matching;
use kith_proto::teams::v1 as teams;
use kith_tests::people::{People, Someone, method_of};
use kith_tests::services;
use kith_tests::stack::Stack;
use prost::Message as _;
use serde_json::Value;
use tonic::{Code, Status};

use super::canary::Canary;
use super::places::{self, Queues, holds};
use super::scan::{Rows, UNBALANCED, count, missing, rows_with, sum_of, summary, tables, withheld_columns};

/// How often to look before a row counts as left out.
const LOOKS: usize = 3;
/// Columns for somebody's own words that this journey does not fill, or not with words of their own. Each says why.
const NOT_FILLED: &[(&str, &str)] = &[
    (".outward_code", "the first half of a postcode, which many share"),
    ("public.person.content_hash", "a hash"),
    ("public.invoice.billing_name", "written when a month is invoiced; blanked as the payer's is"),
    ("public.invoice.billing_address", "written when a month is invoiced; blanked as the payer's is"),
    ("platform.break_glass_aside.stated_reason", "while the tenant is frozen only"),
    ("platform.break_glass.stated_reason", "in the services that hold nothing such a look would open"),
];
/// A tenth of a second apart.
const LOOKS_AT_ERASURE: usize = 600;

pub struct Journey {
    pub stack: Stack,
    pub people: People,
    pub administrator: PersonId,
    tap: Receiver,
}

impl Journey {
    pub async fn start() -> Self {
        let stack = Stack::start().await;
        // A queue of the test's own that every event goes to: whatever was in any queue was in this one.
        let broker = stack.config("teams").broker_as("teams").expect("the broker");
        let address = Address { service: "tap", ..broker };
        let mut aggregates: Vec<&str> = EVENTS.iter().map(|event| event.aggregate).collect();
        aggregates.sort_unstable();
        aggregates.dedup();
        let tap = Receiver::open(&address, &aggregates).await.expect("a queue");
        let people = People::of_first_month(&stack).await;
        let mut admin = stack.admin("identity").await;
        let administrator = sqlx::query_scalar(
            "select r.person_id from person_role r where r.role = 'administrator' order by 1 limit 1",
        );
        let administrator = PersonId(administrator.fetch_one(&mut admin).await.expect("an administrator"));
        Self { stack, people, administrator, tap }
    }

    pub fn administrator(&self) -> Someone<'_> {
        self.people.with_id(&self.administrator.to_string())
    }

    /// Where a canary's words are, over all tables of all databases.
    async fn found(&self, canary: &Canary) -> Rows {
        let mut all = Rows::new();
        for word in &canary.words {
            all.extend(rows_with(&self.stack, word).await);
        }
        all
    }

    /// What a person is answered by the seven services about themself.
    pub async fn exported(&self, person: PersonId) -> Rows {
        let mut rows = Rows::new();
        for service in services() {
            let mut page_token = String::new();
            loop {
                let request = ExportPersonRequest { page_size: 20, page_token, ..Default::default() };
                let page = self.export(service.name, person, request).await.expect("their own data");
                for row in page.rows {
                    let value: Value = serde_json::from_str(&row.json).expect("JSON");
                    let of_table = rows.entry((service.name.to_owned(), row.table)).or_default();
                    let same = |known: &Value| known["id"] == value["id"] && value["action"].is_string();
                    assert!(!of_table.iter().any(|known| *known == value || same(known)), "repeated");
                    of_table.push(value);
                }
                page_token = page.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
        }
        rows
    }

    pub async fn export(
        &self,
        service: &str,
        by: PersonId,
        request: ExportPersonRequest,
    ) -> Result<ExportPersonResponse, Status> {
        let token = self.people.token_of(self.people.tenant, by);
        let call = (service, method_of(&request));
        let answer = self.people.send(call, request.encode_to_vec(), Some(&token), &[]).await?;
        Ok(ExportPersonResponse::decode(answer.as_slice()).expect("the answer of the contract"))
    }

    /// Every column that is declared to hold somebody's own words has some of theirs, but for those that are told.
    async fn columns_with(&self, canary: &Canary) {
        let (mut filled, mut empty) = (0, Vec::new());
        for service in services() {
            let mut admin = self.stack.admin(service.name).await;
            let declared: Vec<(String, String)> = sqlx::query_as(
                "select table_name, column_name from platform.text_column where personal order by 1, 2",
            )
            .fetch_all(&mut admin)
            .await
            .expect("the columns");
            for (table, column) in declared {
                // The names come from the catalogue.
                let query = sqlx::AssertSqlSafe(format!(
                    "select exists (select from {table} where {column}::text = any($1))"
                ));
                let there: bool = sqlx::query_scalar(query)
                    .bind(&canary.words)
                    .fetch_one(&mut admin)
                    .await
                    .expect("a look");
                filled += usize::from(there);
                let looked_into =
                    table == "platform.break_glass" && kith_tests::looked_into().contains(&service.name);
                let name = format!("{table}.{column}");
                if !there && (looked_into || !NOT_FILLED.iter().any(|(end, _)| name.ends_with(end))) {
                    empty.push(format!("{} {name}", service.name));
                }
            }
        }
        println!("G2: columns for people's own words with the canary's {filled}, forgotten {}", empty.len());
        assert!(empty.is_empty(), "{empty:#?}");
    }

    async fn ask_erasure(&self, canary: &Canary) -> String {
        let asked: identity::AskErasureResponse =
            self.people.with_id(&canary.id).ask(identity::AskErasureRequest::default()).await.expect("asked");
        asked.erasure.expect("an erasure").id
    }

    async fn order(&self, erasure_id: &str) -> Result<identity::OrderErasureResponse, Status> {
        let order = identity::OrderErasureRequest { erasure_id: erasure_id.into(), ..Default::default() };
        self.administrator().ask(order).await
    }

    /// How an erasure stands once every service has answered.
    async fn ended(&self, erasure_id: &str) -> identity::Erasure {
        for _ in 0..LOOKS_AT_ERASURE {
            let get = identity::GetErasureRequest { erasure_id: erasure_id.into() };
            let answer: identity::GetErasureResponse =
                self.administrator().ask(get).await.expect("the erasure");
            let erasure = answer.erasure.expect("an erasure");
            if erasure.phase() != identity::ErasurePhase::Ordered {
                return erasure;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the erasure does not end");
    }

    /// From today on nothing obliges this tenant to keep the records of these classes.
    async fn keep_no_longer(&self, classes: &[&str]) {
        let today = kith_platform::clock::Clock::System.now().date_naive();
        for class in classes {
            let class = identity::RetentionClass {
                class: (*class).into(),
                valid_from: (today - chrono::Duration::days(1)).to_string(),
                months: Some(0),
                counts_from: "the day itself".into(),
                basis: "none".into(),
                source: "this test".into(),
            };
            let set =
                identity::SetRetentionClassRequest { retention_class: Some(class), ..Default::default() };
            let _: identity::SetRetentionClassResponse = self.administrator().ask(set).await.expect("set");
        }
    }

    /// What was blanked can still be read by the services that hold it.
    async fn still_answers(&self, canary: &Canary) {
        let person = self.people.with_id(&canary.id);
        let teams: teams::ListTeamsResponse =
            person.ask(teams::ListTeamsRequest::default()).await.expect("the Teams");
        assert!(teams.teams.iter().any(|team| team.outward_code == "ZZ99"), "{teams:#?}");
        let get = matching::GetGiverRequest { person_id: canary.id.clone() };
        let giver: matching::GetGiverResponse = person.ask(get).await.expect("the giver");
        assert_eq!(giver.giver.expect("a giver").outward_code, "ZZ99");
    }

    /// Every event that went over the broker since the start.
    async fn events(&mut self) -> Vec<Message> {
        let mut events = Vec::new();
        while let Ok(batch) = tokio::time::timeout(Duration::from_secs(1), self.tap.next()).await {
            let batch = batch.expect("events");
            events.extend(batch.messages.clone());
            batch.ack().await.expect("acknowledged");
        }
        events
    }
}

/// Proves ID-54's first half and G1: whatever row of whatever table names a person is in what they are answered, and
/// the bundle names every table that can. Nobody else gets it, but who handles their request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bundle_holds_every_row_that_names_a_person() {
    let journey = Journey::start().await;
    journey.people.until_settled().await;
    let mut missed = Vec::new();
    let (owner, giver) = (journey.people.named("Owner One").id, journey.people.named("Giver One").id);
    for (who, person) in [("owner", owner), ("giver", giver), ("administrator", journey.administrator)] {
        let mut looks = 0;
        let columns = withheld_columns(&journey.stack).await;
        let left_out = loop {
            let scanned = rows_with(&journey.stack, &person.to_string()).await;
            let exported = journey.exported(person).await;
            let (left_out, withheld) = missing(&scanned, &exported, &columns, person);
            println!(
                "G1: {who}: rows that name them {} in {} tables, rows exported {}, copies about others withheld \
                 {withheld}, missing {}",
                count(&scanned),
                scanned.len(),
                count(&exported),
                left_out.len()
            );
            // A row that was being sealed or sent just then reads otherwise: what is not there is not there next time either.
            looks += 1;
            if left_out.is_empty() || looks == LOOKS {
                break left_out;
            }
            tokio::time::sleep(Duration::from_secs(2)).await;
        };
        missed.extend(left_out.into_iter().map(|line| format!("{who}: {line}")));
    }
    assert!(missed.is_empty(), "{missed:#?}");

    // Somebody else's data is as unknown as nobody's, until a request is opened; and then for its handler alone.
    let of_giver = ExportPersonRequest { person_id: giver.to_string(), ..Default::default() };
    let of_nobody =
        ExportPersonRequest { person_id: journey.people.uuid().to_string(), ..Default::default() };
    for service in services() {
        for by in [owner, journey.administrator] {
            let hit = journey.export(service.name, by, of_giver.clone()).await.expect_err("not theirs");
            let miss = journey.export(service.name, by, of_nobody.clone()).await.expect_err("nobody");
            assert_eq!(
                (hit.code(), hit.message(), hit.details()),
                (miss.code(), miss.message(), miss.details())
            );
            assert_eq!(hit.code(), Code::NotFound);
        }
    }
    let open = identity::OpenAccessRequestRequest { person_id: giver.to_string(), ..Default::default() };
    let _: identity::OpenAccessRequestResponse = journey.administrator().ask(open).await.expect("opened");
    journey.people.until_settled().await;
    for service in services() {
        let handled = journey.export(service.name, journey.administrator, of_giver.clone()).await;
        assert!(!handled.expect("by its handler").columns.is_empty());
        journey.export(service.name, owner, of_giver.clone()).await.expect_err("by nobody else");
    }

    // The operator's command puts one file together.
    let mut canary = journey.canary("Bundle").await;
    journey.is_talked_about(&mut canary).await;
    let (password, out) =
        (journey.stack.folder().join("password"), journey.stack.folder().join("bundle.json"));
    std::fs::write(&password, &canary.password).expect("a file");
    std::fs::set_permissions(&password, Permissions::from_mode(0o600)).expect("a private file");
    let slug: String = sqlx::query_scalar("select slug from tenant")
        .fetch_one(&mut journey.stack.admin("identity").await)
        .await
        .expect("the slug");
    let started = std::time::Instant::now();
    let mut command = journey.stack.kith(&["subject-access", "--tenant", &slug, "--email", &canary.email]);
    let done =
        command.arg("--password-file").arg(&password).arg("--out").arg(&out).output().expect("it runs");
    let took = started.elapsed();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let bundle: Value = serde_json::from_slice(&std::fs::read(&out).expect("the bundle")).expect("JSON");
    assert_eq!(bundle["person_id"], Value::String(canary.id.clone()));
    let manifest = bundle["manifest"].as_array().expect("a manifest");
    let mut declared = 0;
    for service in services() {
        let tables: Vec<String> =
            sqlx::query_scalar("select distinct table_name from platform.subject_column")
                .fetch_all(&mut journey.stack.admin(service.name).await)
                .await
                .expect("the tables");
        for table in &tables {
            let part =
                manifest.iter().find(|part| part["service"] == service.name && part["table"] == **table);
            let part = part.unwrap_or_else(|| panic!("{} {table} is not in the manifest", service.name));
            let rows = bundle["data"][service.name][table].as_array().map_or(0, Vec::len);
            assert_eq!(part["rows"], rows, "{} {table}", service.name);
        }
        declared += tables.len();
    }
    assert_eq!(manifest.len(), declared);
    let text = std::fs::read_to_string(&out).expect("the bundle");
    let own: Vec<&String> = canary.words.iter().filter(|word| **word != canary.password).collect();
    for word in &own {
        assert!(text.contains(word.as_str()), "{word} is theirs");
    }
    assert!(!text.contains("argon2"), "no secret is in it");
    println!(
        "G1: bundle of kith subject-access: services 7, tables with a subject column {declared}, covered {}, rows {}, \
         bytes {}, own words found {} of {}, took {} ms",
        manifest.len(),
        manifest.iter().map(|part| part["rows"].as_u64().unwrap_or_default()).sum::<u64>(),
        text.len(),
        own.len(),
        own.len(),
        took.as_millis()
    );
}

/// Proves ID-54 and G2: a hold refuses, a retention class keeps and lists, and what nothing obliges to keep is found
/// nowhere: tables, outbox, inbox, dead events, queues, logs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_go_goes_everywhere_and_what_must_stay_is_listed() {
    let mut journey = Journey::start().await;

    let audited = sum_of(&journey.stack, "select count(*) from platform.audit").await;

    // Held: refused, and nothing has changed.
    let mut held = journey.canary("Held").await;
    journey.is_talked_about(&mut held).await;
    journey.people.until_settled().await;
    let before = journey.found(&held).await;
    assert!(before.len() >= 3, "the canary is there: {:?}", summary(&before));
    let set = identity::SetLegalHoldRequest {
        person_id: held.id.clone(),
        basis: identity::HoldBasis::Inquiry.into(),
        ..Default::default()
    };
    let hold: identity::SetLegalHoldResponse = journey.administrator().ask(set).await.expect("a hold");
    let erasure = journey.ask_erasure(&held).await;
    let refused = journey.order(&erasure).await.expect_err("a hold stands");
    assert_eq!(kith_platform::testing::reason(&refused), (Code::FailedPrecondition, "LEGAL_HOLD".into()));
    journey.people.until_settled().await;
    assert_eq!(journey.found(&held).await, before, "nothing has gone");
    println!("G2: held: refused LEGAL_HOLD, rows with its words {} before and after", count(&before));

    // In retention: kept and listed, the name seen by administrators only, the way to sign in gone.
    let lift = identity::LiftLegalHoldRequest {
        legal_hold_id: hold.legal_hold.expect("a hold").id,
        ..Default::default()
    };
    let _: identity::LiftLegalHoldResponse = journey.administrator().ask(lift).await.expect("lifted");
    journey.order(&erasure).await.expect("ordered");
    let restricted = journey.ended(&erasure).await;
    assert_eq!(restricted.phase(), identity::ErasurePhase::Restricted, "{restricted:#?}");
    assert_eq!(
        restricted.reports.len(),
        7,
        "everybody has answered, and identity keeps some itself: {restricted:#?}"
    );
    let kept: Vec<String> = restricted
        .reports
        .iter()
        .flat_map(|report| {
            report.kept.iter().map(move |kept| {
                format!("{} {} {} rows until {}", report.service, kept.class, kept.rows, kept.until)
            })
        })
        .collect();
    for must in ["identity care_record", "teams care_record", "finance financial", "matching staff_record"] {
        assert!(kept.iter().any(|line| line.starts_with(must)), "{must}: {kept:#?}");
    }
    assert!(!restricted.restricted_until.is_empty());
    let owner = journey.people.named("Owner One");
    let look = || identity::GetPeopleRequest { ids: vec![held.id.clone()] };
    let seen: identity::GetPeopleResponse = owner.ask(look()).await.expect("an answer");
    assert!(seen.people.is_empty(), "the name is restricted");
    let seen: identity::GetPeopleResponse = journey.administrator().ask(look()).await.expect("an answer");
    assert_eq!(seen.people.len(), 1, "and kept");
    let left = journey.found(&held).await;
    assert!(!summary(&left).iter().any(|line| line.contains(" signin.")), "{:?}", summary(&left));
    println!(
        "G2: in retention: restricted until {}, kept {kept:?}, rows with its words {} -> {}",
        restricted.restricted_until,
        count(&before),
        count(&left)
    );

    // Expired: gone everywhere, those that had to wait included. Evaluation is down, so that what it is told of the canary
    // waits in its queue; appointments gives up on what it is told of them.
    journey.people.until_settled().await;
    journey.stack.kill("evaluation");
    places::poison(&journey.stack, "Zebulon Gone Quartermain").await;
    let mut gone = journey.begin_canary("Gone").await;
    journey.is_talked_about(&mut gone).await;
    places::until_dead(&journey.stack).await;
    let queues = Queues::of(&journey.stack).await;
    queues.scatter(&journey.stack, &gone.id).await;
    let words: Vec<&String> = held.words.iter().chain(&gone.words).collect();
    let told = queues.waiting("in.evaluation").await;
    let about_them = told.iter().filter(|text| holds(text, &gone.id)).count();
    let in_queue = told.len();
    let with_words = told.iter().filter(|text| words.iter().any(|word| holds(text, word))).count();
    println!(
        "G2: queue of a service that is down: waiting {in_queue}, about the canary {about_them}, with its words {with_words}"
    );
    assert!(about_them > 0 && with_words == 0);
    journey.stack.restart("evaluation");
    journey.stack.wait_until_serving("evaluation");
    let there = journey.found(&gone).await;
    journey.columns_with(&gone).await;
    journey
        .keep_no_longer(&["care_record", "financial", "staff_record", "duty_roster", "society_record"])
        .await;
    let second = journey.ask_erasure(&gone).await;
    for (canary, erasure, there) in [(&gone, &second, &there), (&held, &erasure, &left)] {
        journey.order(erasure).await.expect("ordered");
        let completed = journey.ended(erasure).await;
        assert_eq!(completed.phase(), identity::ErasurePhase::Completed, "{completed:#?}");
        assert_eq!(completed.reports.len(), 7, "identity too: {completed:#?}");
        let found = journey.found(canary).await;
        assert!(found.is_empty(), "{:#?}", summary(&found));
        journey.still_answers(canary).await;
        let sum = |of: fn(&kith_proto::common::v1::ErasureReport) -> i64| -> i64 {
            completed.reports.iter().map(of).sum()
        };
        println!(
            "G2: expired: rows with its words {} -> 0 in {} tables of 7 databases; deleted {}, blanked {}, \
             left with ids only {}",
            count(there),
            tables(&journey.stack).await,
            sum(|report| report.deleted_rows),
            sum(|report| report.blanked_rows),
            sum(|report| report.id_only_rows),
        );
    }

    // Nothing of it in what was given up on, in the outboxes and inboxes, or on the broker.
    let dead = sum_of(&journey.stack, "select count(*) from platform.inbox_todo where state = 'dead'").await;
    let sent = sum_of(&journey.stack, "select count(*) from platform.outbox").await;
    let received = sum_of(&journey.stack, "select count(*) from platform.inbox").await;
    let (dead_letters, unrouted) =
        (queues.look("dead", &words).await, queues.look_into("unrouted", &words).await);
    let waiting = queues.look("in", &words).await;
    println!(
        "G2: found nowhere: tables {}, outbox rows {sent}, inbox rows {received}, dead events {dead}, waiting in queues {in_queue} \
         before and {waiting} after, dead letters {dead_letters}, unrouted {unrouted}: with any of {} words 0 each",
        tables(&journey.stack).await,
        words.len()
    );
    assert!(dead == 1 && dead_letters >= 2 && unrouted >= 1, "{dead}, {dead_letters}, {unrouted}");
    places::mend(&journey.stack).await;
    journey.people.until_settled().await;
    for canary in [&gone, &held] {
        let found = journey.found(canary).await;
        assert!(found.is_empty(), "after the replay: {:#?}", summary(&found));
    }

    // What keeps ids only still stands: the books balance, and nothing was taken out of the audit.
    assert_eq!(sum_of(&journey.stack, UNBALANCED).await, 0, "the books balance");
    let audited_after = sum_of(&journey.stack, "select count(*) from platform.audit").await;
    assert!(audited_after > audited, "the audit only grows: {audited} to {audited_after}");

    // Nor was it ever in a queue or a log.
    let events = journey.events().await;
    // A watermark is no event and stands in no outbox.
    let is_event = |event: &&Message| !event.aggregate_type.ends_with(".watermark");
    let heard: BTreeSet<Uuid> = events.iter().filter(is_event).map(|event| event.event_id).collect();
    let written = sum_of(&journey.stack, "select count(*) from platform.outbox").await;
    assert_eq!(i64::try_from(heard.len()), Ok(written), "the tap heard every event there was");
    let mut bytes_logged = 0;
    for word in &words {
        assert!(!events.iter().any(|event| holds(&event.payload, word)), "{word} was in a queue");
        for service in services() {
            let log = std::fs::read(journey.stack.log(service.name)).expect("a log");
            bytes_logged += log.len();
            assert!(!holds(&log, word), "{word} was logged by {}", service.name);
        }
    }
    println!(
        "G2: transfers and accounts out of balance 0, audit rows {audited} -> {audited_after}, words {}, events over the broker {} with 0 of them, logs {} bytes with 0 of them",
        words.len(),
        events.len(),
        bytes_logged / words.len()
    );
}
