//! Whoever is shown to somebody is written down before the answer leaves, in every service; and what is written down is
//! sealed.

mod kills;
pub(crate) mod scene;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;

use chrono::{DateTime, Utc};
use kith_platform::id::{PersonId, Uuid};
use kith_proto::{Access, METHODS, Method};
use kith_tests::filler::{Filler, Ids, ids_of};
use kith_tests::people::People;
use kith_tests::stack::Stack;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};
use sqlx::PgConnection;

/// Everybody whom an answer names: this test's own look at the contracts.
fn named(message: &DynamicMessage, found: &mut BTreeSet<Uuid>) {
    for (field, value) in message.fields() {
        let is_person = is_person(&field);
        let values = match value {
            Value::List(values) => values.as_slice(),
            single => std::slice::from_ref(single),
        };
        for value in values {
            match value {
                Value::Message(inner) => named(inner, found),
                Value::String(id) if is_person => found.extend(Uuid::try_parse(id).ok()),
                _ => {}
            }
        }
    }
}

/// Whether an answer of this kind can name anybody: this test's own look, too.
fn can_name(message: &MessageDescriptor, seen: &mut BTreeSet<String>) -> bool {
    seen.insert(message.full_name().to_owned())
        && message.fields().any(|field| {
            is_person(&field) || matches!(field.kind(), Kind::Message(inner) if can_name(&inner, seen))
        })
}

fn is_person(field: &FieldDescriptor) -> bool {
    let name = field.name();
    field.kind() == Kind::String
        && (name.ends_with("person_id")
            || name.ends_with("person_ids")
            || name == "id" && field.parent_message().name() == "Person")
}

#[derive(sqlx::FromRow)]
struct Row {
    action: String,
    person_id: Option<Uuid>,
    basis: String,
    allowed: bool,
    recorded_at: DateTime<Utc>,
}

async fn rows_since(admin: &mut PgConnection, actor: PersonId, since: DateTime<Utc>) -> Vec<Row> {
    sqlx::query_as(
        "select action, person_id, basis, allowed, recorded_at from platform.audit
         where actor_id = $1 and recorded_at > $2",
    )
    .bind(actor.0)
    .bind(since)
    .fetch_all(admin)
    .await
    .expect("the audit")
}

/// Reads of what lies beside one's own sign-in, with a token that identity has given.
const NEED_A_SESSION: &[&str] = &[
    "/kith.identity.v1.SessionService/ListSessions",
    "/kith.identity.v1.CredentialService/GetCredentials",
    "/kith.identity.v1.PlaceLinkService/ListPlaceLinks",
];
/// There is nobody to be named in this month; the services' own tests look at their rows.
const NAME_NOBODY_IN_THIS_MONTH: &[&str] = &[
    "/kith.finance.v1.FundingService/ListUnsettledVisits",
    "/kith.finance.v1.DocumentsService/ListInvoices",
    "/kith.finance.v1.LedgerService/GetCareCoins",
    "/kith.identity.v1.RepresentativesService/ListRepresentatives",
    "/kith.identity.v1.PlaceLinkService/ListPlaceLinks",
];

/// Answers about somebody without naming them: whom the request names, or else the caller.
const OF_WHO_IS_ASKED_ABOUT: &[&str] =
    &["/kith.common.v1.AccessLogService/ListAccesses", "/kith.common.v1.DataRightsService/ExportPerson"];

/// What people call, with each service that serves it.
fn calls(changes_state: bool) -> impl Iterator<Item = (&'static str, &'static Method)> {
    let of_people = METHODS
        .iter()
        .filter(move |method| method.access == Access::Person && method.changes_state == changes_state);
    of_people.flat_map(|method| {
        let is_common = method.path.starts_with("/kith.common.");
        let all = kith_tests::services().into_iter().map(|service| service.name);
        let servers = all.filter(move |name| is_common || kith_tests::people::service_of(method) == *name);
        servers.map(move |service| (service, method))
    })
}

#[derive(Default)]
struct Count {
    calls: usize,
    answered: usize,
    shown: usize,
    written: usize,
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.answered += other.answered;
        self.shown += other.shown;
        self.written += other.written;
    }
}

/// What is decided, and written down, for each of several under the word of one.
const DECIDED_AS: &[(&str, &str)] = &[("AgreeVisits", "AgreeVisit")];

/// Commands after which somebody is not there any more.
const LAST: &[&str] = &["/AskErasure", "/OrderErasure", "/ClosePlace", "/LeaveTenant"];

struct Look {
    filler: Filler,
    pool: DescriptorPool,
    people: People,
    admins: BTreeMap<&'static str, PgConnection>,
    since: DateTime<Utc>,
    faults: Vec<String>,
    /// Of one method.
    refusals: BTreeSet<String>,
}

impl Look {
    /// Calls a method as somebody and compares whom the answer names with what was written down.
    async fn at(
        &mut self,
        service: &'static str,
        method: &'static Method,
        who: PersonId,
        ids: &Ids,
    ) -> Count {
        let mut request = self.filler.fill(method.input, ids, &mut || self.people.uuid().to_string());
        // All states, not one.
        request.clear_field_by_name("states");
        let body = request.encode_to_vec();
        let token = self.people.token_of(self.people.tenant, who);
        let answer = self.people.send((service, method), body, Some(&token), &[]).await;
        let admin = self.admins.get_mut(service).expect("a service");
        let rows = rows_since(admin, who, self.since).await;
        self.since = rows.iter().map(|row| row.recorded_at).max().unwrap_or(self.since);
        let mut count = Count { calls: 1, ..Count::default() };
        let name = method.path.rsplit('/').next().unwrap_or_default();
        let action = DECIDED_AS.iter().find(|(several, _)| *several == name).map_or(name, |(_, one)| *one);
        let answer = match answer {
            Ok(answer) => answer,
            Err(refused) => {
                self.refusals.insert(format!("{:?} {}", refused.code(), refused.message()));
                return count;
            }
        };
        count.answered = 1;
        let output = self.pool.get_message_by_name(method.output).expect("an answer of the contracts");
        let message = DynamicMessage::decode(output, answer.as_slice()).expect("the answer of the contract");
        let mut shown = BTreeSet::new();
        named(&message, &mut shown);
        if OF_WHO_IS_ASKED_ABOUT.contains(&method.path) {
            let person = request.get_field_by_name("person_id");
            let person = person.and_then(|id| id.as_str().and_then(|id| Uuid::try_parse(id).ok()));
            shown.insert(person.unwrap_or(who.0));
        }
        count.shown = shown.len();
        for person in shown {
            let about = rows.iter().filter(|row| row.allowed && row.person_id == Some(person));
            let fitting = about.clone().filter(|row| row.action == action && !row.basis.is_empty()).count();
            count.written += fitting;
            if about.count() != 1 || fitting != 1 {
                self.faults.push(format!("{} showed {person} to {who}: {fitting} rows", method.path));
            }
        }
        count
    }
}

/// Proves A5 and ID-50's half in the services: reads counted at the RPC layer are the rows of the audit.
#[tokio::test]
async fn whoever_is_shown_is_written_down_and_sealed() {
    let stack = Stack::start().await;
    let people = People::of_first_month(&stack).await;
    scene::set(&stack, &people).await;
    let mut admins = BTreeMap::new();
    for service in kith_tests::services() {
        admins.insert(service.name, stack.admin(service.name).await);
    }
    let everybody: Vec<Uuid> = sqlx::query_scalar("select id from person order by id")
        .fetch_all(admins.get_mut("identity").expect("identity"))
        .await
        .expect("the people");
    let mut look = Look {
        filler: Filler::new(),
        pool: DescriptorPool::decode(kith_proto::DESCRIPTOR_SET).expect("our own descriptors"),
        people,
        admins,
        since: DateTime::<Utc>::MIN_UTC,
        faults: Vec::new(),
        refusals: BTreeSet::new(),
    };
    let reads = calls(false);
    let mut variants = [ids_of(&stack, 0).await, ids_of(&stack, 1).await, ids_of(&stack, 3).await];
    // Of whom there is most to be seen: an Owner at whom somebody looked in an emergency, a giver with visits and pay.
    for (variant, who) in variants[1..].iter_mut().zip(["Owner One", "Giver One"]) {
        let person = look.people.named(who).id.to_string();
        for (name, id) in variant {
            if name == "person" || name.ends_with(".person") {
                id.clone_from(&person);
            }
        }
    }
    let mut total = Count::default();
    let (mut silent, mut unproven) = (Vec::new(), Vec::new());
    for (service, method) in reads {
        let mut of_method = Count::default();
        look.refusals.clear();
        for person in &everybody {
            for ids in &variants {
                look.since = newest(&mut look.admins, service).await;
                of_method.add(&look.at(service, method, PersonId(*person), ids).await);
            }
        }
        println!(
            "{} at {service}: calls {}, answered {}, people shown {}, written down {}",
            method.path, of_method.calls, of_method.answered, of_method.shown, of_method.written
        );
        let answer = look.pool.get_message_by_name(method.output).expect("an answer of the contracts");
        let names_people = can_name(&answer, &mut BTreeSet::new());
        if of_method.answered == 0 && !NEED_A_SESSION.contains(&method.path) {
            silent.push(format!("{} at {service}: {:?}", method.path, look.refusals));
        } else if of_method.shown == 0 && names_people {
            unproven.push((method.path, service));
        }
        total.add(&of_method);
    }
    println!(
        "A5: reads {}, answered {}, people shown {}, audit rows {}, difference {}; never answered: {silent:?}; can name people and named none: {unproven:?}",
        total.calls,
        total.answered,
        total.shown,
        total.written,
        total.shown.abs_diff(total.written) + look.faults.len(),
    );
    assert!(look.faults.is_empty(), "{:#?}", look.faults);
    assert!(total.shown > 500, "the month shows people");
    assert!(silent.is_empty(), "reads that were never answered prove nothing: {silent:#?}");
    unproven.retain(|(path, service)| {
        let no_record = path.ends_with("/ListBreakGlass") && !scene::WITH_RECORDS.contains(service);
        !no_record && !NAME_NOBODY_IN_THIS_MONTH.contains(path)
    });
    assert!(unproven.is_empty(), "reads that can name people and named nobody prove nothing: {unproven:#?}");
    assert_eq!(total.shown, total.written);

    commands(&mut look, &everybody, &variants).await;
    sealed(&stack, &mut look.admins).await;
}

/// What commands answer names people too. As far as a month lets them be answered to anybody: the rest go the same way,
/// through `Host::command`.
async fn commands(look: &mut Look, everybody: &[Uuid], variants: &[Ids]) {
    let mut commands: Vec<_> = calls(true).collect();
    commands.sort_by_key(|(_, method)| LAST.iter().any(|last| method.path.ends_with(last)));
    let (mut total, mut answered, mut silent) = (Count::default(), 0, 0);
    for (service, method) in commands {
        let output = look.pool.get_message_by_name(method.output).expect("an answer of the contracts");
        if !can_name(&output, &mut BTreeSet::new()) {
            continue;
        }
        let mut of_method = Count::default();
        look.refusals.clear();
        for person in everybody {
            for ids in variants {
                look.since = newest(&mut look.admins, service).await;
                of_method.add(&look.at(service, method, PersonId(*person), ids).await);
            }
        }
        println!(
            "{} at {service}: calls {}, answered {}, people shown {}, written down {}",
            method.path, of_method.calls, of_method.answered, of_method.shown, of_method.written
        );
        if of_method.shown == 0 {
            silent += 1;
        } else {
            answered += 1;
        }
        total.add(&of_method);
    }
    println!(
        "A5: commands whose answers can name people {}, of which named somebody here {answered}; calls {}, answered {}, \
         people shown {}, audit rows {}, difference {}",
        answered + silent,
        total.calls,
        total.answered,
        total.shown,
        total.written,
        total.shown.abs_diff(total.written) + look.faults.len(),
    );
    assert!(look.faults.is_empty(), "{:#?}", look.faults);
    assert_eq!(total.shown, total.written);
    assert!(answered >= 25, "too few commands were answered to say anything");
}

async fn newest(admins: &mut BTreeMap<&'static str, PgConnection>, service: &str) -> DateTime<Utc> {
    let admin = admins.get_mut(service).expect("a service");
    let newest: Option<DateTime<Utc>> = sqlx::query_scalar("select max(recorded_at) from platform.audit")
        .fetch_one(admin)
        .await
        .expect("a time");
    newest.unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// What the seven wrote down is sealed by themselves, verifies with `kith audit verify`, and a change is found by it.
async fn sealed(stack: &Stack, admins: &mut BTreeMap<&'static str, PgConnection>) {
    let verify = |service: &str, more: &[&str]| -> Output {
        let mut arguments = vec!["audit", "verify", "--service", service];
        arguments.extend(more);
        stack.operate(service, &arguments).output().expect("kith is built")
    };
    for (service, admin) in admins.iter_mut() {
        for _ in 0..300 {
            let open: i64 = sqlx::query_scalar("select count(*) from platform.audit_open")
                .fetch_one(&mut *admin)
                .await
                .expect("a number");
            if open == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let output = verify(service, &["--checkpoint", stack.log(service).to_str().expect("a path")]);
        let said = String::from_utf8_lossy(&output.stdout);
        print!("kith audit verify --service {service}: {said}");
        assert!(output.status.success(), "{service}: {said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(" 0 faults"));
    }
    let teams = admins.get_mut("teams").expect("teams");
    sqlx::query(
        "update platform.audit set basis = 'owner member' where id = (
             select row_ids[1] from platform.audit_block where number = 1 limit 1)",
    )
    .execute(teams)
    .await
    .expect("tampered with");
    let output = verify("teams", &[]);
    let said = String::from_utf8_lossy(&output.stdout);
    print!("after a change: {said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is not what was sealed there"), "{said}");
}
