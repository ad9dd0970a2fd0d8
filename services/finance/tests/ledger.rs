//! The ledger's own guards: what the database refuses to the very role that the service works as, and to whoever has
//! more rights than that.

use crate::stage::Stage;
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::Error;
use kith_platform::id::{TenantId, Uuid};
use kith_platform::testing::reason;
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::ledger_service_server::LedgerService as _;
use sqlx::AssertSqlSafe;
use tonic::Code;

const ONLY_GROWS: [&str; 11] = [
    "transfer",
    "entry",
    "settlement",
    "settlement_share",
    "settlement_reversal",
    "invoice",
    "invoice_line",
    "pay_run",
    "statement",
    "statement_line",
    "coin_gift",
];

/// A transaction as the app role, within the stage's tenant.
async fn begin(stage: &Stage) -> Tx {
    let tenant = stage.tenant;
    stage.host.db().begin(tenant, Actor::Service { tenant }, Mode::Write).await.expect("a transaction")
}

async fn run(tx: &mut Tx, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(tx.conn()).await.map(|_| ())
}

fn code_of(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
    code.into_owned()
}

/// A transfer and rows of its entries in one statement.
fn together(tenant: TenantId, transfer: Uuid, rows: &[String]) -> String {
    let transfer = format!(
        "insert into transfer (tenant_id, id, input_hash, code, created_at)
         values ('{tenant}', '{transfer}', 'x', 'coins_given', '2026-01-01')"
    );
    if rows.is_empty() {
        return transfer;
    }
    format!(
        "with posted as ({transfer})
         insert into entry (tenant_id, transfer_id, leg, account_id, currency, amount) values {}",
        rows.join(", ")
    )
}

/// What the database says about a transfer with these entries, each an account's kind, currency and amount.
async fn posted(stage: &Stage, entries: &[(&str, &str, i64)]) -> Result<(), String> {
    let mut tx = begin(stage).await;
    let (tenant, transfer) = (stage.tenant, stage.uuid());
    let mut rows = Vec::new();
    for ((kind, currency, amount), leg) in entries.iter().zip(1..) {
        let account = stage.uuid();
        let add = format!(
            "insert into account (tenant_id, id, name, kind, currency, balance)
             values ('{tenant}', '{account}', '{kind}:{account}', '{kind}', '{currency}', 0)"
        );
        run(&mut tx, add).await.expect("the app role may add an account");
        rows.push(format!("('{tenant}', '{transfer}', {leg}, '{account}', '{currency}', {amount})"));
    }
    run(&mut tx, together(tenant, transfer, &rows)).await.map_err(|error| code_of(&error))?;
    match tx.commit().await {
        Ok(_) => Ok(()),
        Err(Error::Database(error)) => Err(code_of(&error)),
        Err(other) => panic!("another failure: {other}"),
    }
}

#[tokio::test]
async fn the_database_refuses_what_does_not_balance() {
    let stage = Stage::new().await;
    assert_eq!(posted(&stage, &[("payer", "GBP", 5), ("giver", "GBP", -5)]).await, Ok(()));
    assert_eq!(posted(&stage, &[]).await, Err("KF002".into()), "without entries");
    assert_eq!(posted(&stage, &[("payer", "GBP", 5)]).await, Err("KF002".into()), "one leg");
    let mixed = [("payer", "GBP", 5), ("coins", "XCC", -5)];
    assert_eq!(posted(&stage, &mixed).await, Err("KF003".into()), "pounds and Care Coins");
    let unbalanced = [("payer", "GBP", 5), ("giver", "GBP", -4)];
    assert_eq!(posted(&stage, &unbalanced).await, Err("KF004".into()), "unbalanced");
}

/// All entries of a transfer come together, or not at all: neither a later statement nor a later transaction adds to it, even
/// what balances by itself.
#[tokio::test]
async fn nobody_adds_entries_to_a_transfer_that_has_some() {
    let stage = Stage::new().await;
    let (tenant, transfer) = (stage.tenant, stage.uuid());
    let accounts = [stage.uuid(), stage.uuid()];
    let rows = |legs: &[(usize, i64)]| -> Vec<String> {
        let of = |(leg, amount): &(usize, i64)| {
            format!("('{tenant}', '{transfer}', {leg}, '{}', 'GBP', {amount})", accounts[leg % 2])
        };
        legs.iter().map(of).collect()
    };
    let entries = |legs: &[(usize, i64)]| {
        format!(
            "insert into entry (tenant_id, transfer_id, leg, account_id, currency, amount) values {};",
            rows(legs).join(", ")
        )
    };
    let account = |account| {
        format!(
            "insert into account (tenant_id, id, name, kind, currency, balance)
             values ('{tenant}', '{account}', 'payer:{account}', 'payer', 'GBP', 0);"
        )
    };
    let balanced = accounts.map(account).join("\n") + &together(tenant, transfer, &rows(&[(1, 5), (2, -5)]));

    let mut tx = begin(&stage).await;
    run(&mut tx, balanced.clone()).await.expect("it balances");
    let refused = run(&mut tx, entries(&[(3, 1), (4, -1)])).await.expect_err("two more");
    assert_eq!(code_of(&refused), "KF006");
    drop(tx);

    let mut tx = begin(&stage).await;
    run(&mut tx, balanced).await.expect("it balances");
    tx.commit().await.expect("it is posted");
    let mut tx = begin(&stage).await;
    let refused = run(&mut tx, entries(&[(3, 1), (4, -1)])).await.expect_err("two more, later");
    assert_eq!(code_of(&refused), "KF006");
    let refused = run(&mut begin(&stage).await, entries(&[(1, 1), (2, -1)])).await.expect_err("again");
    assert_eq!(code_of(&refused), "23505", "no entry comes twice");
}

/// Neither comes without the other: a transfer alone is refused as its statement ends, and so are entries of one that is to
/// come.
#[tokio::test]
async fn a_transfer_comes_with_its_entries() {
    let stage = Stage::new().await;
    let (tenant, transfer) = (stage.tenant, stage.uuid());
    let refused = run(&mut begin(&stage).await, together(tenant, transfer, &[])).await.expect_err("alone");
    assert_eq!(code_of(&refused), "KF002");
}

#[tokio::test]
async fn nothing_on_the_books_can_be_changed_or_removed() {
    let stage = Stage::funded().await;
    stage.tell_visit(&stage.visit("2026-03-10")).await;
    let mut admin = stage.world.admin(&stage.host).await;
    for table in ONLY_GROWS {
        let statements = [
            format!("update {table} set tenant_id = tenant_id"),
            format!("delete from {table}"),
            format!("truncate {table} cascade"),
        ];
        for statement in statements {
            let mut tx = begin(&stage).await;
            let refused = run(&mut tx, statement.clone()).await.expect_err("the app role may not");
            assert_eq!(code_of(&refused), "42501", "as the app role: {statement}");
            let refused = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut admin).await;
            let refused = refused.expect_err("the trigger refuses");
            assert_eq!(code_of(&refused), "KF005", "as administrator: {statement}");
        }
    }
    assert_eq!(stage.balances().await[&format!("giver:{}", stage.giver)], -2000);
}

/// What a row refers to must be there: one look a statement, in place of a declared key for each row.
#[tokio::test]
async fn what_a_row_refers_to_must_be_there() {
    let stage = Stage::funded().await;
    stage.tell_visit(&stage.visit("2026-03-10")).await;
    let (tenant, unknown, new) = (stage.tenant, stage.uuid(), stage.uuid());
    let rows = |transfer: Uuid, account: &str, currency: &str| {
        [(1, 5), (2, -5)].map(|(leg, amount)| {
            format!("('{tenant}', '{transfer}', {leg}, {account}, '{currency}', {amount})")
        })
    };
    let entries = |transfer: Uuid, account: &str, currency: &str| {
        let rows = rows(transfer, account, currency).join(", ");
        format!("insert into entry (tenant_id, transfer_id, leg, account_id, currency, amount) values {rows}")
    };
    // A row that is there, once more, but for what is said.
    let again = |table: &str, but: String| {
        format!("insert into {table} select (jsonb_populate_record(t, '{but}')).* from {table} t limit 1")
    };
    let there = "(select id from account where currency = 'GBP' limit 1)";
    let table = [
        ("entry_of_transfer", entries(unknown, there, "GBP")),
        ("entry_of_account", together(tenant, new, &rows(new, &format!("'{unknown}'"), "GBP"))),
        ("entry_of_account", together(tenant, new, &rows(new, there, "XCC"))),
        (
            "settlement_by_transfer",
            again("settlement", format!(r#"{{"visit_id": "{new}", "transfer_id": "{unknown}"}}"#)),
        ),
        (
            "settlement_by_rule",
            again(
                "settlement",
                format!(r#"{{"visit_id": "{new}", "transfer_id": null, "rule_id": "{unknown}"}}"#),
            ),
        ),
        (
            "settlement_share_of_settlement",
            again("settlement_share", format!(r#"{{"visit_id": "{unknown}"}}"#)),
        ),
        (
            "settlement_share_of_payer",
            again("settlement_share", format!(r#"{{"place": 50, "payer_id": "{unknown}"}}"#)),
        ),
    ];
    for (key, statement) in table {
        let refused = run(&mut begin(&stage).await, statement).await.expect_err(key);
        assert_eq!(code_of(&refused), "23503", "{key}: {refused}");
        let said = refused.as_database_error().and_then(sqlx::error::DatabaseError::constraint);
        assert_eq!(said, Some(key), "{refused}");
    }
    // The same with what is there is taken: the looks refuse nothing else.
    let with = format!(r#"{{"visit_id": "{new}", "transfer_id": null}}"#);
    let mut tx = begin(&stage).await;
    run(&mut tx, again("settlement", with)).await.expect("settled");
    let share = format!(
        "insert into settlement_share select (jsonb_populate_record(t, '{{\"visit_id\": \"{new}\"}}')).*
         from settlement_share t limit 1"
    );
    run(&mut tx, share).await.expect("shared");
}

/// That one look is enough because what others refer to stays, and keeps its key.
#[tokio::test]
async fn what_others_refer_to_stays() {
    let stage = Stage::funded().await;
    stage.tell_visit(&stage.visit("2026-03-10")).await;
    let mut admin = stage.world.admin(&stage.host).await;
    for table in ["account", "payer", "contribution_rule"] {
        for statement in
            [format!("delete from {table}"), format!("update {table} set id = gen_random_uuid()")]
        {
            let by_app = if statement.starts_with("delete") { "42501" } else { "KF005" };
            let refused =
                run(&mut begin(&stage).await, statement.clone()).await.expect_err("the app role may not");
            assert_eq!(code_of(&refused), by_app, "as the app role: {statement}");
            let refused = sqlx::raw_sql(AssertSqlSafe(statement.clone())).execute(&mut admin).await;
            assert_eq!(
                code_of(&refused.expect_err("the trigger refuses")),
                "KF005",
                "as administrator: {statement}"
            );
        }
    }
}

/// An erasure after the law's years is the one thing that may still happen to an invoice.
#[tokio::test]
async fn the_name_on_an_invoice_may_go_and_nothing_else_about_it() {
    let stage = Stage::funded().await;
    stage.tell_visit(&stage.visit("2026-03-10")).await;
    let issued = stage.issue("2026-03").await.len();
    for (statement, code) in [
        ("update invoice set billing_name = 'Somebody else', billing_address = ''", "KF005"),
        ("update invoice set billing_name = '(erased)'", "KF005"),
        ("update invoice set billing_name = '(erased)', billing_address = '', total = 0", "42501"),
    ] {
        let mut tx = begin(&stage).await;
        let refused = run(&mut tx, statement.to_owned()).await.expect_err("it may not");
        assert_eq!(code_of(&refused), code, "{statement}");
    }
    let mut tx = begin(&stage).await;
    let erased = "update invoice set billing_name = '(erased)', billing_address = ''";
    run(&mut tx, erased.to_owned()).await.expect("it may");
    let gone = sqlx::query_scalar::<_, i64>("select count(*) from invoice where billing_name = '(erased)'");
    let gone = gone.fetch_one(tx.conn()).await.expect("a count");
    assert_eq!(usize::try_from(gone), Ok(issued));
}

#[tokio::test]
async fn a_transfer_is_reversed_once_and_a_visit_settled_once_under_a_number() {
    let stage = Stage::funded().await;
    let visit = stage.visit("2026-03-10");
    stage.tell_visit(&visit).await;
    let mut corrected = visit.clone();
    corrected.settlement_no = 2;
    stage.tell_visit(&corrected).await;
    let constraint = |error: &sqlx::Error| {
        let database = error.as_database_error().expect("a refusal of the database");
        database.constraint().unwrap_or_default().to_owned()
    };

    let mut tx = begin(&stage).await;
    let again = run(
        &mut tx,
        format!(
            "insert into transfer (tenant_id, id, input_hash, code, visit_id, reverses, created_at)
             select tenant_id, '{}', input_hash, code, visit_id, reverses, created_at from transfer
             where reverses is not null",
            stage.uuid()
        ),
    )
    .await
    .expect_err("a second reversal");
    assert_eq!(constraint(&again), "transfer_reversed_once");

    let mut tx = begin(&stage).await;
    let again = run(
        &mut tx,
        "insert into settlement select tenant_id, visit_id, settlement_no, circle_id, team_id, giver_person_id,
             planned_date, kind, minutes, hourly_rate, rule_id, rule_circle_id, rule_name, decision_id, base,
             payers_total, giver_amount, contribution, null, created_at from settlement"
            .to_owned(),
    )
    .await
    .expect_err("a second settlement");
    assert_eq!(constraint(&again), "settlement_pk");
}

#[tokio::test]
async fn a_wallet_below_zero_is_refused_by_the_database_too() {
    let stage = Stage::new().await;
    posted(&stage, &[("coins", "XCC", 5), ("coins-issued", "XCC", -5)]).await.expect("coins");
    let mut tx = begin(&stage).await;
    let refused = run(&mut tx, "update account set balance = -1 where kind = 'coins'".to_owned()).await;
    let refused = refused.expect_err("a wallet below zero");
    let database = refused.as_database_error().expect("a refusal of the database");
    assert_eq!(database.constraint(), Some("account_wallet_not_below_zero"));
}

#[tokio::test]
async fn the_trial_balance_comes_in_pages_for_the_finance_hat_and_notices_a_drifted_balance() {
    let stage = Stage::funded().await;
    stage.tell_visit(&stage.visit("2026-03-10")).await;
    let ask = |person, page_size, page_token: String| {
        let request = pb::GetTrialBalanceRequest { page_size, page_token, prove: true };
        stage.ledger.get_trial_balance(stage.by(person, request))
    };
    let (mut accounts, mut token) = (Vec::new(), String::new());
    loop {
        let page = ask(stage.hat, 1, token).await.expect("a page").into_inner();
        assert_eq!(page.sums.len(), 1, "the sums are over all accounts");
        accounts.extend(page.accounts.into_iter().map(|account| account.account));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(accounts.len(), 3);
    assert!(accounts.is_sorted());
    let refused = ask(stage.owner, 0, String::new()).await.expect_err("without the hat");
    assert_eq!(reason(&refused), (Code::PermissionDenied, "PERMISSION_DENIED".into()));

    let mut admin = stage.world.admin(&stage.host).await;
    sqlx::raw_sql("update account set balance = balance + 1").execute(&mut admin).await.expect("tampering");
    let refused = ask(stage.hat, 0, String::new()).await.expect_err("the books are wrong");
    assert_eq!(refused.code(), Code::Internal);
}

#[tokio::test]
async fn a_finance_hat_counts_only_within_its_term() {
    let stage = Stage::new().await;
    let circle: Uuid = stage.uuid();
    // The test clock stands on 21 November 2026.
    for (from, until, wears) in [
        ("2026-11-21", "2026-11-22", true),
        ("2026-11-22", "2030-01-01", false),
        ("2020-01-01", "2026-11-21", false),
    ] {
        stage.circle_with_hat(circle, stage.owner, from, until).await;
        let request = pb::GetTrialBalanceRequest::default();
        let answer = stage.ledger.get_trial_balance(stage.by(stage.owner, request)).await;
        assert_eq!(answer.is_ok(), wears, "{from} to {until}");
    }
}
