//! Holds what the services hold against what was asked for and acknowledged, and the ledger against its invariants.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sqlx::Row as _;

use super::databases::{Databases, listeners};
use super::journal::Journal;
use crate::services;

/// Commands of identity that begin something outside any tenant keep no saved answer: their effects are theirs alone,
/// and a repeat finds them.
const WITHOUT_SAVED_ANSWER: [&str; 3] = ["BootstrapHost", "CreateTenant", "AcceptInvitation"];

/// What the ledger of each tenant must hold, by slug and kind of account.
pub type Predicted = BTreeMap<String, BTreeMap<String, i64>>;

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    pub attempted: usize,
    pub acknowledged: usize,
    pub applied: usize,
    pub lost: usize,
    pub duplicated: usize,
    pub unexpected: usize,
    pub recovered: usize,
    /// Broken invariants, each beginning with its name.
    pub problems: Vec<String>,
}

impl Findings {
    /// Whether nothing is wrong.
    pub fn is_well(&self) -> bool {
        self.lost + self.duplicated + self.unexpected == 0 && self.problems.is_empty()
    }

    fn problem(&mut self, invariant: &str, what: impl std::fmt::Display) {
        self.problems.push(format!("{invariant}: {what}"));
    }
}

/// What one service holds.
#[derive(Default)]
struct Held {
    saved: HashSet<String>,
    /// Event id to whether it is sent.
    outbox: HashMap<String, bool>,
    /// Event id to aggregate, its id and the event's number.
    written: HashMap<String, (String, String, i64)>,
    /// Event id to whether it is done.
    inbox: HashMap<String, bool>,
    inbox_types: HashMap<String, String>,
    /// By aggregate and its id, up to which number a snapshot stands for everything.
    snapshots: HashMap<(String, String), i64>,
}

/// Checks everything: `journal` is the phase's, `known` everything that was ever asked for.
pub async fn check(
    databases: &Databases,
    journal: &Journal,
    known: &BTreeSet<String>,
    predicted: &Predicted,
) -> Findings {
    let mut findings = Findings::default();
    let mut all = BTreeMap::new();
    for service in services() {
        all.insert(service.name, held(databases, service.name).await);
        protection(databases, service.name, &mut findings).await;
        queues(databases, service.name, &mut findings).await;
    }
    commands(journal, &all, &mut findings);
    events(&all, &mut findings);
    for (service, held) in &all {
        let strangers = held.saved.iter().filter(|request| !known.contains(*request)).count();
        if strangers > 0 {
            findings.unexpected += strangers;
            findings.problem("D1", format!("{service} saved {strangers} answers to what nobody asked"));
        }
    }
    ledger(databases, &mut findings).await;
    reconciliation(databases, predicted, &mut findings).await;
    findings
}

async fn held(databases: &Databases, service: &str) -> Held {
    let mut conn = databases.connect(service).await.expect("a connection as administrator");
    let mut held = Held::default();
    let saved = sqlx::query("select request_id::text from platform.saved_answer").fetch_all(&mut conn).await;
    held.saved = saved.expect("saved answers").iter().map(|row| row.get(0)).collect();
    let outbox =
        "select event_id::text, published_at is not null, aggregate_type, aggregate_id::text, event_no
        from platform.outbox";
    for row in sqlx::query(outbox).fetch_all(&mut conn).await.expect("the outbox") {
        held.outbox.insert(row.get(0), row.get(1));
        held.written.insert(row.get(0), (row.get(2), row.get(3), row.get(4)));
    }
    let inbox =
        "select event_id::text, state = 'done', aggregate_type, aggregate_id::text, event_no, snapshot
        from platform.inbox_state";
    for row in sqlx::query(inbox).fetch_all(&mut conn).await.expect("the inbox") {
        held.inbox.insert(row.get(0), row.get(1));
        held.inbox_types.insert(row.get(0), row.get(2));
        if row.get(5) && row.get(1) {
            let upto = held.snapshots.entry((row.get(2), row.get(3))).or_default();
            *upto = row.get::<i64, _>(4).max(*upto);
        }
    }
    held
}

/// Every acknowledged command has its saved answer, and what it caused is done by everyone who listens.
fn commands(journal: &Journal, all: &BTreeMap<&'static str, Held>, findings: &mut Findings) {
    findings.attempted = journal.commands.len();
    for (request, command) in &journal.commands {
        let Some((_, caused)) = &command.acknowledged else { continue };
        findings.acknowledged += 1;
        findings.recovered += usize::from(command.recovered_after().is_some());
        let method = command.method.rsplit('/').next().unwrap_or_default();
        let keeps_answer = !WITHOUT_SAVED_ANSWER.contains(&method);
        let is_saved = all.get(command.service()).is_some_and(|held| held.saved.contains(request));
        let is_done = caused.iter().all(|event| {
            let producer = event.aggregate_type.split('.').next().unwrap_or_default();
            all.get(producer).is_some_and(|held| held.outbox.get(&event.event_id) == Some(&true))
                && listeners(&event.aggregate_type)
                    .iter()
                    .all(|to| is_done(&all[producer], &all[to], &event.event_id))
        });
        if (is_saved || !keeps_answer) && is_done {
            findings.applied += 1;
        } else {
            findings.lost += 1;
            findings.problem(
                "D1",
                format!("{method} {request} was acknowledged: saved {is_saved}, effects done {is_done}"),
            );
        }
    }
}

/// Whether an event is applied: itself, or by a snapshot that stands for it.
fn is_done(producer: &Held, listener: &Held, event: &str) -> bool {
    if let Some(done) = listener.inbox.get(event) {
        return *done;
    }
    let Some((aggregate, id, number)) = producer.written.get(event) else { return false };
    listener.snapshots.get(&(aggregate.clone(), id.clone())).is_some_and(|upto| upto >= number)
}

/// Every event that was written is done by everyone who listens, and nothing was applied that nobody wrote.
fn events(all: &BTreeMap<&'static str, Held>, findings: &mut Findings) {
    for (producer, held) in all {
        let unsent = held.outbox.values().filter(|sent| !**sent).count();
        if unsent > 0 {
            findings.problem("D5", format!("{unsent} events of {producer} are not sent"));
        }
        let mut listening: HashMap<&str, Vec<&'static str>> = HashMap::new();
        let mut missing = 0;
        for (event, (aggregate, ..)) in &held.written {
            let who = listening.entry(aggregate).or_insert_with(|| listeners(aggregate));
            missing += who.iter().filter(|listener| !is_done(held, &all[*listener], event)).count();
        }
        if missing > 0 {
            findings.lost += missing;
            findings.problem("D2", format!("{missing} effects of events of {producer} are missing"));
        }
    }
    for (listener, held) in all {
        let is_ghost = |event: &str, aggregate: &str| {
            let producer = aggregate.split('.').next().unwrap_or_default();
            !all.get(producer).is_some_and(|producer| producer.outbox.contains_key(event))
        };
        let ghosts = held.inbox_types.iter().filter(|(event, aggregate)| is_ghost(event, aggregate)).count();
        if ghosts > 0 {
            findings.unexpected += ghosts;
            findings.problem("D1", format!("{listener} has {ghosts} events that nobody wrote"));
        }
    }
}

/// Nothing waits, nothing was given up on, effects came in order, no connection was left in a transaction.
async fn queues(databases: &Databases, service: &str, findings: &mut Findings) {
    for (invariant, what, sql) in [
        ("D11", "dead events", "select count(*) from platform.inbox_todo where state = 'dead'"),
        ("D4", "events that wait at the end", "select count(*) from platform.inbox_todo where state = 'ready'"),
        (
            "D4",
            "effects out of order",
            "select count(*) from (select place < lag(place) over (partition by tenant, aggregate_type, aggregate_id
                 order by event_no) as early from noted.done where not snapshot) as done where early",
        ),
        (
            "D4",
            "cursors that are not at the last number",
            "select count(*) from platform.inbox_cursor c where c.last_no <> (select max(i.event_no) from platform.inbox i
                 where i.tenant_id = c.tenant_id and i.aggregate_type = c.aggregate_type and i.aggregate_id = c.aggregate_id)",
        ),
        (
            "D13",
            "connections left in a transaction",
            "select count(*) from pg_stat_activity where datname = current_database()
                 and state like 'idle in transaction%' and state_change < now() - interval '3 seconds'",
        ),
    ] {
        let count = databases.number(service, sql).await;
        if count > 0 {
            findings.problem(invariant, format!("{service} has {count} {what}"));
        }
    }
}

/// Row security is forced wherever a tenant is named.
async fn protection(databases: &Databases, service: &str, findings: &mut Findings) {
    let open = databases
        .number(
            service,
            "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind in ('r', 'p') and n.nspname in ('public', 'platform')
                 and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')
                 and not (c.relrowsecurity and c.relforcerowsecurity)",
        )
        .await;
    if open > 0 {
        findings.problem("T1", format!("{open} tables of {service} are not under forced row security"));
    }
}

/// A transfer sums to zero and has two legs at least.
pub const UNBALANCED: &str = "select count(*) from (select t.id from transfer t left join entry e
     on e.tenant_id = t.tenant_id and e.transfer_id = t.id group by t.tenant_id, t.id
     having coalesce(sum(e.amount), 0) <> 0 or count(e.leg) < 2 or count(distinct e.currency) <> 1) as wrong";

async fn ledger(databases: &Databases, findings: &mut Findings) {
    for (invariant, what, sql) in [
        ("L1", "transfers that do not balance", UNBALANCED),
        (
            "L2",
            "balances that are not the sum of their entries",
            "select count(*) from account a where a.balance <> (select coalesce(sum(e.amount), 0) from entry e
                 where e.tenant_id = a.tenant_id and e.account_id = a.id)",
        ),
        ("L5", "wallets below zero", "select count(*) from account where kind = 'coins' and balance < 0"),
        (
            "L6",
            "tables on the books that could be changed",
            "select 11 - count(*) from pg_trigger where tgname like '%\\_only\\_grows' and tgenabled = 'O'",
        ),
    ] {
        let count = databases.number("finance", sql).await;
        if count > 0 {
            findings.problem(invariant, format!("{count} {what}"));
        }
    }
    let twice = "select count(*) from (select s.visit_id from settlement s where not exists (
             select from settlement_reversal r where r.tenant_id = s.tenant_id and r.visit_id = s.visit_id
                 and r.settlement_no = s.settlement_no)
         group by s.tenant_id, s.visit_id having count(*) > 1) as twice";
    let posted_twice = "select count(*) from (select t.visit_id from transfer t where t.visit_id is not null
             group by t.tenant_id, t.visit_id
             having count(*) filter (where t.reverses is null) - count(*) filter (where t.reverses is not null) > 1) as twice";
    for sql in [twice, posted_twice] {
        let count = databases.number("finance", sql).await;
        if count > 0 {
            findings.duplicated += usize::try_from(count).unwrap_or_default();
            findings.problem("L3", format!("{count} visits are settled twice"));
        }
    }
}

/// The ledger against the auditor, and invoices, visits, pay and journal against one another.
async fn reconciliation(databases: &Databases, predicted: &Predicted, findings: &mut Findings) {
    let mut identity = databases.connect("identity").await.expect("a connection as administrator");
    let mut finance = databases.connect("finance").await.expect("a connection as administrator");
    for (slug, expected) in predicted {
        let tenant: Option<String> =
            sqlx::query_scalar("select tenant_id::text from signin.tenant_registry where slug = $1")
                .bind(slug)
                .fetch_optional(&mut identity)
                .await
                .expect("the tenant");
        let Some(tenant) = tenant else {
            findings.problem("L4", format!("there is no tenant {slug}"));
            continue;
        };
        let row = sqlx::query(SUMS).bind(&tenant).fetch_one(&mut finance).await.expect("the sums");
        let sum = |name: &str| row.get::<i64, _>(name);
        for kind in ["payer", "giver", "commons", "coins", "minutes"] {
            let (wanted, got) = (expected.get(kind).copied().unwrap_or_default(), sum(kind));
            if wanted != got {
                findings
                    .problem("L4", format!("{slug}: the auditor says {wanted} of {kind}, the ledger {got}"));
            }
        }
        let ways = [sum("payer"), sum("settled"), sum("shared"), sum("invoiced"), sum("lines")];
        let paid = [-sum("giver"), sum("settled_pay"), sum("stated"), sum("stated_lines")];
        if ways.iter().any(|way| *way != ways[0]) || paid.iter().any(|way| *way != paid[0]) {
            findings
                .problem("L7", format!("{slug}: journal, visits, shares, invoices {ways:?}; pay {paid:?}"));
        }
    }
}

/// All sums of one tenant. What was taken back counts against what was charged.
const SUMS: &str = "
    with live as (
        select s.* from settlement s where s.tenant_id = $1::uuid and not exists (
            select from settlement_reversal r where r.tenant_id = s.tenant_id and r.visit_id = s.visit_id
                and r.settlement_no = s.settlement_no)
    ), held as (select kind, sum(balance) as balance from account where tenant_id = $1::uuid group by kind)
    select
        coalesce((select balance from held where kind = 'payer'), 0)::bigint as payer,
        coalesce((select balance from held where kind = 'giver'), 0)::bigint as giver,
        coalesce((select balance from held where kind = 'commons'), 0)::bigint as commons,
        coalesce((select balance from held where kind = 'coins'), 0)::bigint as coins,
        coalesce((select sum(minutes) from live), 0)::bigint as minutes,
        coalesce((select sum(payers_total) from live), 0)::bigint as settled,
        coalesce((select sum(giver_amount) from live), 0)::bigint as settled_pay,
        coalesce((select sum(h.amount) from settlement_share h join live using (tenant_id, visit_id, settlement_no)), 0)::bigint
            as shared,
        coalesce((select sum(total) from invoice where tenant_id = $1::uuid), 0)::bigint as invoiced,
        coalesce((select sum(case when l.takes_back then -h.amount else h.amount end) from invoice_line l
            join settlement_share h using (tenant_id, visit_id, settlement_no, payer_id) where l.tenant_id = $1::uuid), 0)::bigint
            as lines,
        coalesce((select sum(total) from statement where tenant_id = $1::uuid), 0)::bigint as stated,
        coalesce((select sum(case when l.takes_back then -s.giver_amount else s.giver_amount end) from statement_line l
            join settlement s using (tenant_id, visit_id, settlement_no) where l.tenant_id = $1::uuid), 0)::bigint as stated_lines";
