//! Deliberate faults, one for each thing that is checked, each on a copy of what the run left behind: a check that
//! cannot fail proves nothing.

use std::time::Duration;

use super::books::{self, Findings};
use super::journal::Journal;
use super::report::Mutation;
use super::stage::Stage;

/// What an administrator does to one database. Triggers and foreign keys do not hold him up.
struct Spoil {
    invariant: &'static str,
    what: &'static str,
    service: &'static str,
    sql: &'static str,
}

const SPOILS: [Spoil; 21] = [
    Spoil {
        invariant: "D1",
        what: "a saved answer is gone",
        service: "appointments",
        sql: "delete from platform.saved_answer where request_id = (select request_id from platform.saved_answer
                  order by expires_at desc limit 1)",
    },
    Spoil {
        invariant: "D1",
        what: "a command was applied that nobody asked for",
        service: "appointments",
        sql: "insert into platform.saved_answer select tenant_id, actor_id, gen_random_uuid(), content_hash, answer, caused,
                  expires_at from platform.saved_answer limit 1",
    },
    Spoil {
        invariant: "D1",
        what: "an event was applied that nobody wrote",
        service: "finance",
        sql: "insert into platform.inbox (tenant_id, event_id, aggregate_type, aggregate_id, event_no, event_type, payload,
                  received_at)
              select tenant_id, gen_random_uuid(), aggregate_type, gen_random_uuid(), 1, event_type, payload, received_at
              from platform.inbox limit 1",
    },
    Spoil {
        invariant: "D1",
        what: "a command's events never reached the outbox",
        service: "appointments",
        sql: "delete from platform.outbox where seq = (select max(seq) from platform.outbox)",
    },
    Spoil {
        invariant: "D5",
        what: "the relay forgot an event",
        service: "teams",
        sql: "update platform.outbox set published_at = null where seq = (select max(seq) from platform.outbox)",
    },
    Spoil {
        invariant: "D2",
        what: "a consumer acknowledged before it stored",
        service: "finance",
        sql: "delete from platform.inbox where seq = (select max(seq) from platform.inbox where not snapshot)",
    },
    Spoil {
        invariant: "D4",
        what: "two events of an aggregate were applied in the wrong order",
        service: "finance",
        sql: "update noted.done set event_no = 3 - event_no from (select one.tenant, one.aggregate_id from noted.done one
                  join noted.done two using (tenant, aggregate_type, aggregate_id)
                  where one.event_no = 1 and two.event_no = 2 and not one.snapshot and not two.snapshot limit 1) as pair
              where done.tenant = pair.tenant and done.aggregate_id = pair.aggregate_id and event_no <= 2",
    },
    Spoil {
        invariant: "D4",
        what: "an event still waits",
        service: "matching",
        sql: "insert into platform.inbox_todo select tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot,
                  'ready', null, 0, now(), null, now() from platform.inbox order by seq desc limit 1",
    },
    Spoil {
        invariant: "D4",
        what: "a cursor ran ahead",
        service: "governance",
        sql: "update platform.inbox_cursor set last_no = last_no + 1 where aggregate_id = (select aggregate_id
                  from platform.inbox_cursor limit 1)",
    },
    Spoil {
        invariant: "D11",
        what: "an event was given up on",
        service: "evaluation",
        sql: "insert into platform.inbox_todo select tenant_id, seq, event_id, aggregate_type, aggregate_id, event_no, snapshot,
                  'dead', null, 8, now(), null, now() from platform.inbox order by seq desc limit 1",
    },
    Spoil {
        invariant: "T1",
        what: "FORCE row security dropped from one table",
        service: "finance",
        sql: "alter table settlement no force row level security",
    },
    Spoil {
        invariant: "T1",
        what: "row security switched off for one table",
        service: "teams",
        sql: "alter table platform.inbox disable row level security",
    },
    Spoil {
        invariant: "L1",
        what: "a trigger of the books dropped, a third leg posted",
        service: "finance",
        sql: "drop trigger entries_balance on entry;
              insert into entry select tenant_id, transfer_id, 99, account_id, currency, 1 from entry limit 1",
    },
    Spoil {
        invariant: "L2",
        what: "a balance is a penny off",
        service: "finance",
        sql: "update account set balance = balance + 1 where id = (select id from account where kind = 'payer' limit 1)",
    },
    Spoil {
        invariant: "L3",
        what: "dedupe skipped: a visit is settled twice",
        service: "finance",
        sql: "insert into settlement select tenant_id, visit_id, settlement_no + 1, circle_id, team_id, giver_person_id,
                  planned_date, kind, minutes, hourly_rate, rule_id, rule_circle_id, rule_name, decision_id, base,
                  payers_total, giver_amount, contribution, null, created_at
              from settlement s where not exists (select from settlement o where o.visit_id = s.visit_id
                  and o.settlement_no > s.settlement_no) limit 1",
    },
    Spoil {
        invariant: "L3",
        what: "dedupe skipped: a visit is posted twice",
        service: "finance",
        sql: "insert into transfer select tenant_id, gen_random_uuid(), input_hash, code, visit_id, null, created_at
              from transfer where code = 'visit' limit 1",
    },
    Spoil {
        invariant: "L4",
        what: "a penny moved from a giver to the commons, balanced",
        service: "finance",
        sql: "with penny as (select g.tenant_id, g.transfer_id, g.account_id as giver, c.account_id as commons
                  from entry g join account ga on ga.tenant_id = g.tenant_id and ga.id = g.account_id and ga.kind = 'giver'
                  join entry c on c.tenant_id = g.tenant_id and c.transfer_id = g.transfer_id
                  join account ca on ca.tenant_id = c.tenant_id and ca.id = c.account_id and ca.kind = 'commons' limit 1),
              moved as (update entry e set amount = e.amount + case when e.account_id = p.giver then 1 else -1 end
                  from penny p where e.tenant_id = p.tenant_id and e.transfer_id = p.transfer_id
                      and e.account_id in (p.giver, p.commons))
              update account a set balance = a.balance + case when a.id = p.giver then 1 else -1 end
              from penny p where a.tenant_id = p.tenant_id and a.id in (p.giver, p.commons)",
    },
    Spoil {
        invariant: "L5",
        what: "the wallet's bound dropped, more spent than there is",
        service: "finance",
        sql: "alter table account drop constraint account_wallet_not_below_zero;
              update account set balance = -1 where id = (select id from account where kind = 'coins' limit 1)",
    },
    Spoil {
        invariant: "L6",
        what: "entries may be changed: their trigger is off",
        service: "finance",
        sql: "alter table entry disable trigger entry_only_grows",
    },
    Spoil {
        invariant: "L7",
        what: "a line is missing on an invoice",
        service: "finance",
        sql: "delete from invoice_line where ctid = (select l.ctid from invoice_line l join settlement_share
                  using (tenant_id, visit_id, settlement_no, payer_id) where amount > 0 limit 1)",
    },
    Spoil {
        invariant: "L7",
        what: "a pay statement is a penny off",
        service: "finance",
        sql: "update statement set total = total + 1 where id = (select id from statement limit 1)",
    },
];

/// Tries every mutation. The seven services are not running any more.
pub async fn all(stage: &Stage) -> Vec<Mutation> {
    let before = books::check(&stage.databases, &stage.journal, &stage.known, &stage.predicted).await;
    let mut mutations =
        vec![acknowledged_early(stage, &before).await, left_in_a_transaction(stage, &before).await];
    for spoil in &SPOILS {
        let copy = stage.databases.with_copy_of(spoil.service).await;
        copy.run(spoil.service, &format!("set session_replication_role = replica; {}", spoil.sql)).await;
        let findings = books::check(&copy, &stage.journal, &stage.known, &stage.predicted).await;
        mutations.push(verdict(spoil.invariant, spoil.what, &before, &findings));
    }
    mutations
}

/// A client was told that something is done, and it never was.
async fn acknowledged_early(stage: &Stage, before: &Findings) -> Mutation {
    let mut journal: Journal = stage.journal.clone();
    journal.pretend("11111111-1111-8111-8111-111111111111", "/kith.appointments.v1.VisitsService/AgreeVisit");
    let findings = books::check(&stage.databases, &journal, &stage.known, &stage.predicted).await;
    verdict("D1", "acknowledged before it was saved", before, &findings)
}

/// A connection that was given back with its transaction open.
async fn left_in_a_transaction(stage: &Stage, before: &Findings) -> Mutation {
    let mut left = stage.databases.connect("teams").await.expect("a connection as administrator");
    sqlx::raw_sql("begin; select 1").execute(&mut left).await.expect("a transaction");
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    let findings = books::check(&stage.databases, &stage.journal, &stage.known, &stage.predicted).await;
    drop(left);
    verdict("D13", "a connection is left in a transaction", before, &findings)
}

/// Caught where the invariant's own check speaks up that was silent before.
fn verdict(invariant: &'static str, what: &'static str, before: &Findings, after: &Findings) -> Mutation {
    let names = format!("{invariant}:");
    let said =
        |findings: &Findings| findings.problems.iter().find(|problem| problem.starts_with(&names)).cloned();
    match (said(before), said(after)) {
        (Some(problem), _) => {
            Mutation { invariant, what, caught: false, by: format!("was wrong before: {problem}") }
        }
        (None, Some(problem)) => Mutation { invariant, what, caught: true, by: problem },
        (None, None) => {
            let others: String = after.problems.iter().take(1).cloned().collect();
            Mutation { invariant, what, caught: false, by: format!("not noticed {others}") }
        }
    }
}
