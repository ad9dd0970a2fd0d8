//! What one consent opens, field by field: a reader with no other standing reads everything there is, and what is answered
//! beyond what they saw before is exactly what a reviewed table lists.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use kith_platform::causality::MOST;
use kith_platform::id::Uuid;
use kith_proto::common::v1::{Grantee, GranteeKind};
use kith_proto::{Access, METHODS, Method};
use kith_proto::{identity::v1 as identity, matching::v1 as matching};
use kith_tests::filler::{Filler, Ids, ids_of};
use kith_tests::people::{People, Someone, service_of};
use kith_tests::stack::Stack;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, ReflectMessage as _, Value};
use tonic::Code;

use self::table::{ALLOWED, SUMS, Whose};

/// Counts of events, which grow all the while; it names nobody.
const NOT_ASKED: &[&str] = &["/kith.common.v1.OperationsService/GetBacklog"];

/// What an answer says: where, and what, and how often.
type Said = BTreeMap<(String, String), usize>;

/// Somebody whose record it is, and somebody who has nothing to do with them.
struct Pair {
    whose: Whose,
    subject: &'static str,
    reader: &'static str,
    ids: Ids,
    /// Everything by which the reader can be meant.
    grantees: Vec<(&'static str, Grantee)>,
    /// What means somebody else.
    others: Vec<(&'static str, Grantee)>,
}

/// What is given at once: usually one part.
#[derive(Clone)]
struct Scope {
    parts: String,
    purpose: String,
    name: &'static str,
    to: Grantee,
    allowed: BTreeSet<String>,
}

/// Between parts that are given together.
const TOGETHER: &str = " and ";

struct Walk {
    people: People,
    filler: Filler,
    pool: DescriptorPool,
    reads: Vec<(&'static str, &'static Method)>,
    consent_id: String,
}

fn grantee(kind: GranteeKind, id: &str, hat: &str) -> Grantee {
    Grantee { kind: kind.into(), id: id.to_owned(), hat: hat.to_owned() }
}

fn reads() -> Vec<(&'static str, &'static Method)> {
    let mut all = Vec::new();
    for method in METHODS {
        if method.access != Access::Person || method.changes_state || NOT_ASKED.contains(&method.path) {
            continue;
        }
        let is_common = method.path.starts_with("/kith.common.");
        let services = kith_tests::services().into_iter().map(|service| service.name);
        let servers = services.filter(|name| is_common || service_of(method) == *name);
        all.extend(servers.map(|service| (service, method)));
    }
    all
}

/// Every field that says something.
fn leaves(message: &DynamicMessage, place: &str, said: &mut Said) {
    for (field, value) in message.fields() {
        let place = format!("{place}{}", field.name());
        let values = match value {
            Value::List(values) => values.as_slice(),
            single => std::slice::from_ref(single),
        };
        for value in values {
            match value {
                Value::Message(inner) if inner.descriptor().full_name() != "google.protobuf.Timestamp" => {
                    leaves(inner, &format!("{place}."), said);
                }
                other => {
                    *said.entry((place.clone(), format!("{other:?}"))).or_default() += 1;
                }
            }
        }
    }
}

/// The fields that say what was not said before, or say it once more.
fn more(seen: &Said, before: &Said) -> BTreeSet<String> {
    let added = seen.iter().filter(|(line, times)| before.get(*line).unwrap_or(&0) < *times);
    added.map(|((place, _), _)| place.clone()).collect()
}

impl Walk {
    /// Everything that the reader is answered now, by `<method>: <field>`.
    async fn look(&self, pair: &Pair) -> Said {
        let reader = self.people.named(pair.reader);
        let mut ids = pair.ids.clone();
        ids.insert("identity.consent".to_owned(), self.consent_id.clone());
        let token = self.people.token_of(self.people.tenant, reader.id);
        let looks = self.reads.iter().map(async |(service, method)| {
            let mut request = self.filler.fill(method.input, &ids, &mut || self.people.uuid().to_string());
            // All states, not one.
            request.clear_field_by_name("states");
            let after = self.people.after(service);
            let body = request.encode_to_vec();
            let mut said = Said::new();
            match self.people.send((service, method), body, Some(&token), &after).await {
                Ok(answer) => {
                    let output =
                        self.pool.get_message_by_name(method.output).expect("an answer of the contracts");
                    let answer = DynamicMessage::decode(output, answer.as_slice());
                    let name = method.path.rsplit('/').next().unwrap_or_default();
                    leaves(&answer.expect("the answer of the contract"), &format!("{name}: "), &mut said);
                }
                Err(status) => assert!(
                    !matches!(status.code(), Code::Unavailable | Code::Internal),
                    "{} at {service}: {status:?}",
                    method.path
                ),
            }
            said
        });
        let mut all = Said::new();
        for (line, times) in join_all(looks).await.into_iter().flatten() {
            *all.entry(line).or_default() += times;
        }
        all
    }

    async fn give(&mut self, pair: &Pair, scope: &Scope, consents: &mut Vec<String>) {
        for part in scope.parts.split(TOGETHER) {
            let request = identity::GiveConsentRequest {
                part: part.to_owned(),
                purpose: scope.purpose.clone(),
                grantee: Some(scope.to.clone()),
                valid_until: "2099-01-01".to_owned(),
                ..Default::default()
            };
            let given: identity::GiveConsentResponse =
                self.people.named(pair.subject).ask(request).await.expect("given");
            self.consent_id = given.consent.expect("a consent").id;
            consents.push(self.consent_id.clone());
        }
    }

    /// What these consents together add to what the reader sees.
    async fn opened(&mut self, pair: &Pair, before: &Said, scopes: &[Scope]) -> BTreeSet<String> {
        let mut consents = Vec::new();
        for scope in scopes {
            self.give(pair, scope, &mut consents).await;
        }
        if consents.len() > MOST {
            self.people.until_settled().await;
        }
        let seen = self.look(pair).await;
        for consent_id in consents {
            let withdraw = identity::WithdrawConsentRequest { consent_id, ..Default::default() };
            let _: identity::WithdrawConsentResponse =
                self.people.named(pair.subject).ask(withdraw).await.expect("withdrawn");
        }
        if scopes.len() > MOST {
            self.people.until_settled().await;
        }
        more(&seen, before)
    }
}

/// Everything that a consent could open is there, on both sides.
async fn set(stack: &Stack, people: &People) -> [Pair; 3] {
    let (owner, giver, met) =
        (people.named("Owner One"), people.named("Giver Four"), people.named("Giver Five"));
    let strangers = people.named("Owner Four").own_team().await;
    let (team, other_team) = (owner.own_team().await, people.named("Owner Three").own_team().await);
    let opening = matching::OpenOpportunityRequest {
        team_id: team.clone(),
        outward_code: "E5".into(),
        radius_km: 25,
        paid: true,
        ..Default::default()
    };
    let opened: matching::OpenOpportunityResponse = owner.ask(opening).await.expect("an opportunity");
    let opportunity = opened.opportunity.expect("an opportunity").id;
    for who in [owner, giver, met] {
        let set = identity::SetCommunicationRequest {
            needs: "speaks slowly, signs well".to_owned(),
            preferred_channel: identity::Channel::Phone.into(),
            ..Default::default()
        };
        let _: identity::SetCommunicationResponse = who.ask(set).await.expect("said");
        who.record_legal_fact("an advance statement", "in a drawer").await;
    }
    get_to_know(owner, met, &opportunity).await;
    people.until_settled().await;

    let mut ids = ids_of(stack, 0).await;
    ids.insert("opportunity".to_owned(), opportunity.clone());
    ids.insert("matching.opportunity".to_owned(), opportunity);
    let (mut of_owner, mut of_giver, mut of_met) = (ids.clone(), ids.clone(), ids);
    for (ids, who) in [(&mut of_owner, owner), (&mut of_giver, giver), (&mut of_met, met)] {
        ids.insert("person".to_owned(), who.id.to_string());
        for service in kith_tests::services() {
            ids.insert(format!("{}.person", service.name), who.id.to_string());
            ids.insert(format!("{}.giver", service.name), who.id.to_string());
        }
        let fact = "select id from legal_fact where person_id = $1";
        ids.insert("identity.legal_fact".to_owned(), one(stack, "identity", fact, who.id.0).await);
    }
    for (ids, team) in [(&mut of_owner, &team), (&mut of_giver, &other_team), (&mut of_met, &strangers)] {
        for service in kith_tests::services() {
            ids.insert(format!("{}.team", service.name), team.clone());
        }
        let team = team.parse().expect("a UUID");
        for (noun, sql) in [
            ("series", "select id from series where team_id = $1 order by id limit 1"),
            ("visit", "select id from visit where team_id = $1 order by id limit 1"),
        ] {
            ids.insert(format!("appointments.{noun}"), one(stack, "appointments", sql, team).await);
        }
    }
    let (owner_id, giver_id) = (owner.id.to_string(), giver.id.to_string());
    let somebody = people.named("Giver Eight").id.to_string();
    let others = |hat| {
        vec![
            ("somebody else", grantee(GranteeKind::Person, &somebody, "")),
            ("another Team", grantee(GranteeKind::Team, &strangers, "")),
            ("a hat in another Team", grantee(GranteeKind::Hat, &strangers, hat)),
            ("a hat that they do not wear", grantee(GranteeKind::Hat, "", "safeguarding_lead")),
        ]
    };
    let of_owner = Pair {
        whose: Whose::Owner,
        subject: "Owner One",
        reader: "Giver Four",
        ids: of_owner,
        grantees: vec![
            ("the person", grantee(GranteeKind::Person, &giver_id, "")),
            ("givers", grantee(GranteeKind::Hat, "", "giver")),
            ("a Team's Rota Holder", grantee(GranteeKind::Hat, &other_team, "rota_holder")),
            ("their Team", grantee(GranteeKind::Team, &other_team, "")),
        ],
        others: others("rota_holder"),
    };
    let to_owner = || {
        vec![
            ("the person", grantee(GranteeKind::Person, &owner_id, "")),
            ("Owners", grantee(GranteeKind::Hat, "", "owner")),
            ("a Team's Owner", grantee(GranteeKind::Hat, &team, "owner")),
            ("their Team", grantee(GranteeKind::Team, &team, "")),
        ]
    };
    let of_giver = Pair {
        whose: Whose::Giver,
        subject: "Giver Four",
        reader: "Owner One",
        ids: of_giver,
        grantees: to_owner(),
        others: others("owner"),
    };
    let of_met = Pair {
        whose: Whose::Met,
        subject: "Giver Five",
        reader: "Owner One",
        ids: of_met,
        grantees: to_owner(),
        others: others("owner"),
    };
    [of_owner, of_giver, of_met]
}

/// An Owner and a giver show interest in one another; what they let each other see for that is withdrawn again.
async fn get_to_know(owner: Someone<'_>, giver: Someone<'_>, opportunity_id: &str) {
    let mut consents = Vec::new();
    for (from, to, part) in [(owner, giver, "profile.seeking"), (giver, owner, "profile.offering")] {
        let request = identity::GiveConsentRequest {
            part: part.to_owned(),
            purpose: "introduction".to_owned(),
            grantee: Some(grantee(GranteeKind::Person, &to.id.to_string(), "")),
            valid_until: "2099-01-01".to_owned(),
            ..Default::default()
        };
        let given: identity::GiveConsentResponse = from.ask(request).await.expect("given");
        consents.push((from, given.consent.expect("a consent").id));
    }
    for (who, giver_person_id) in [(giver, String::new()), (owner, giver.id.to_string())] {
        let opportunity_id = opportunity_id.to_owned();
        let interest =
            matching::ShowInterestRequest { opportunity_id, giver_person_id, ..Default::default() };
        let _: matching::ShowInterestResponse = who.ask(interest).await.expect("interest");
    }
    for (who, consent_id) in consents {
        let withdraw = identity::WithdrawConsentRequest { consent_id, ..Default::default() };
        let _: identity::WithdrawConsentResponse = who.ask(withdraw).await.expect("withdrawn");
    }
}

async fn one(stack: &Stack, service: &str, sql: &'static str, of: Uuid) -> String {
    let mut admin = stack.admin(service).await;
    let id: Uuid = sqlx::query_scalar(sql).bind(of).fetch_one(&mut admin).await.expect("a row");
    id.to_string()
}

/// What the table lets them see who are meant, in whichever way.
fn allowed(whose: Whose, parts: &str, purpose: &str) -> BTreeSet<String> {
    let lines = ALLOWED.iter().filter(|line| {
        line.whose.contains(&whose) && line.parts == parts && line.purposes.contains(&purpose)
    });
    let fields = lines.flat_map(|line| line.fields.iter().map(|field| format!("{}: {field}", line.read)));
    fields.collect()
}

/// Proves A3: of every part, for every purpose, to whomever it can be given, exactly the reviewed fields.
#[tokio::test]
async fn one_consent_opens_the_fields_of_its_part_and_no_other() {
    let stack = Stack::start().await;
    let people = People::of_first_month(&stack).await;
    let pairs = set(&stack, &people).await;
    let words: identity::ListConsentWordsResponse =
        people.named("Owner One").ask(identity::ListConsentWordsRequest {}).await.expect("the words");
    let of_kind = |kind: identity::ConsentWordKind| -> Vec<String> {
        let words = words.words.iter().filter(|word| word.kind() == kind);
        words.map(|word| word.word.clone()).collect()
    };
    let (parts, purposes) =
        (of_kind(identity::ConsentWordKind::Part), of_kind(identity::ConsentWordKind::Purpose));
    let mut walk = Walk {
        people,
        filler: Filler::new(),
        pool: DescriptorPool::decode(kith_proto::DESCRIPTOR_SET).expect("our own descriptors"),
        reads: reads(),
        consent_id: Uuid::nil().to_string(),
    };
    let mut parts_and_sums = parts.clone();
    parts_and_sums.extend(SUMS.iter().map(ToString::to_string));
    let (mut scopes, mut looks, mut opening, mut wrong) = (0, 0, 0, Vec::new());
    for pair in &pairs {
        let before = walk.look(pair).await;
        let (mut open, mut closed) = (Vec::new(), Vec::new());
        for (parts, purpose) in
            parts_and_sums.iter().flat_map(|parts| purposes.iter().map(move |purpose| (parts, purpose)))
        {
            let scope = |(name, to): &(&'static str, Grantee), allowed| Scope {
                parts: parts.clone(),
                purpose: purpose.clone(),
                name,
                to: to.clone(),
                allowed,
            };
            for grantee in &pair.grantees {
                let allowed = allowed(pair.whose, parts, purpose);
                let to = if allowed.is_empty() { &mut closed } else { &mut open };
                to.push(scope(grantee, allowed));
            }
            let others = pair.others.iter().filter(|_| ALLOWED.iter().any(|line| line.parts == parts));
            closed.extend(others.map(|grantee| scope(grantee, BTreeSet::new())));
        }
        scopes += open.len() + closed.len();
        // What opens nothing opens nothing together either; where it does, it is asked which of them did.
        looks += 1;
        if !walk.opened(pair, &before, &closed).await.is_empty() {
            open.append(&mut closed);
        }
        for scope in open {
            let opened = walk.opened(pair, &before, std::slice::from_ref(&scope)).await;
            looks += 1;
            opening += usize::from(!opened.is_empty());
            let what = format!("{} of {} for {} to {}", scope.parts, pair.subject, scope.purpose, scope.name);
            wrong.extend(opened.difference(&scope.allowed).map(|field| format!("extra: {what}: {field}")));
            wrong.extend(scope.allowed.difference(&opened).map(|field| format!("missing: {what}: {field}")));
        }
        let after = more(&walk.look(pair).await, &before);
        wrong.extend(after.iter().map(|place| format!("extra: seen after all was withdrawn: {place}")));
    }
    println!(
        "A3: {} parts x {} purposes x grantees: {scopes} scopes, {looks} looks of {} reads each, {opening} scopes open \
         something; extra fields {}, missing {}",
        parts.len(),
        purposes.len(),
        walk.reads.len(),
        wrong.iter().filter(|line| !line.starts_with("missing")).count(),
        wrong.iter().filter(|line| line.starts_with("missing")).count()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
