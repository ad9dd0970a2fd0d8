//! What is at rest: nobody, not even with the whole database in hand, can join an answer to an account.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _};

use crate::stage::{FIVE_ANSWERS, Stage};

/// Every row of every table as text, one string a table; binary columns appear as hexadecimal.
async fn everything(admin: &mut PgConnection) -> Vec<(String, String)> {
    let tables = sqlx::query(
        "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('public', 'platform')",
    )
    .fetch_all(&mut *admin)
    .await
    .expect("the tables");
    let mut all = Vec::new();
    for table in tables {
        let name: String = table.get("name");
        let sql = AssertSqlSafe(format!("select coalesce(string_agg(t::text, E'\\n'), '') from {name} t"));
        let text: String = sqlx::query_scalar(sql).fetch_one(&mut *admin).await.expect("its rows");
        all.push((name, text));
    }
    all
}

fn hex(text: &str) -> String {
    use std::fmt::Write as _;
    let mut hex = String::new();
    for byte in text.bytes() {
        write!(hex, "{byte:02x}").expect("a String takes all");
    }
    hex
}

#[tokio::test]
async fn no_code_is_at_rest_in_any_form_before_or_after_it_is_used() {
    let stage = Stage::new().await;
    let (_, codes) = stage.open(stage.owner, stage.team_round(5)).await.expect("a round");
    stage.answer(&codes[0], &FIVE_ANSWERS[0]).await.expect("answered");
    let mut admin = stage.world.admin(&stage.host).await;
    let all = everything(&mut admin).await;
    assert!(
        all.iter().any(|(name, rows)| name == "platform.saved_answer" && !rows.is_empty()),
        "an answer is saved"
    );
    for code in &codes {
        for form in [code.clone(), code.replace('-', ""), code.to_lowercase()] {
            for (name, rows) in &all {
                assert!(!rows.contains(&form) && !rows.contains(&hex(&form)), "a code is in {name}");
            }
        }
    }
    let left: i64 =
        sqlx::query_scalar("select count(*) from reply_code").fetch_one(&mut admin).await.expect("a count");
    assert_eq!(left, 4, "a spent code is gone");
}

#[tokio::test]
async fn an_answer_holds_no_person_no_code_and_no_time() {
    let stage = Stage::new().await;
    let (round, codes) = stage.open(stage.owner, stage.team_round(5)).await.expect("a round");
    let mut admin = stage.world.admin(&stage.host).await;
    let before = everything(&mut admin).await;
    stage.answer(&codes[0], &FIVE_ANSWERS[0]).await.expect("answered");
    let after = everything(&mut admin).await;
    let changed: Vec<&str> = before
        .iter()
        .zip(&after)
        .filter(|(before, after)| before != after)
        .map(|((name, _), _)| name.as_str())
        .collect();
    assert_eq!(changed.len(), 2, "only the code went and the answer came: {changed:?}");
    assert!(changed.contains(&"public.answer") && changed.contains(&"public.reply_code"));

    let columns: Vec<String> = sqlx::query_scalar(
        "select column_name::text from information_schema.columns where table_name = 'answer' order by ordinal_position",
    )
    .fetch_all(&mut admin)
    .await
    .expect("the columns");
    assert_eq!(columns, ["tenant_id", "round_id", "answer_id", "items"]);
    // An id made of the clock would be a time: this one does not share the clock's first bytes.
    let answer_id: String =
        sqlx::query_scalar("select answer_id::text from answer").fetch_one(&mut admin).await.expect("an id");
    assert_ne!(answer_id[..8], round.id[..8]);
}

#[tokio::test]
async fn closing_puts_unused_codes_out_of_use() {
    let stage = Stage::new().await;
    let (round, codes) = stage.open(stage.owner, stage.team_round(9)).await.expect("a round");
    let (_, others) = stage.open(stage.owner, stage.team_round(1)).await.expect("another round");
    stage.close(stage.owner, &round).await.expect("closed");
    let mut admin = stage.world.admin(&stage.host).await;
    let left: i64 =
        sqlx::query_scalar("select count(*) from reply_code").fetch_one(&mut admin).await.expect("a count");
    assert_eq!(left, 1, "that of the other round");
    stage.answer(&codes[3], &FIVE_ANSWERS[0]).await.expect_err("of no use any more");
    stage.answer(&others[0], &FIVE_ANSWERS[0]).await.expect("the other round is still open");
}

#[tokio::test]
async fn the_app_role_sees_its_own_tenant_only() {
    use kith_platform::context::Actor;
    use kith_platform::db::{Mode, Tx};
    let stage = Stage::new().await;
    stage.closed_round(&FIVE_ANSWERS).await;
    let elsewhere = stage.world.tenant(&stage.host, false).await;
    let count = async |tx: &mut Tx| {
        let answers: i64 = sqlx::query_scalar("select count(*) from answer").fetch_one(tx.conn()).await?;
        Ok(answers)
    };
    let here = stage.host.within(stage.tenant, Actor::Nobody, Mode::Read, count).await.expect("a count").0;
    let there = stage.host.within(elsewhere, Actor::Nobody, Mode::Read, count).await.expect("a count").0;
    assert_eq!((here, there), (5, 0));
}
