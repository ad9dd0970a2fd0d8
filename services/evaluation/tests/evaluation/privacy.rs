//! What is at rest: nobody, not even with the whole database in hand, can join an answer to an account.

use std::collections::BTreeSet;

use kith_platform::testing::reason;
use sha2::{Digest as _, Sha256};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row as _};
use tonic::Code;

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

/// The tables that are not what they were.
fn changed<'a>(before: &'a [(String, String)], after: &[(String, String)]) -> Vec<&'a str> {
    let different = before.iter().zip(after).filter(|(before, after)| before != after);
    let mut names: Vec<&str> = different.map(|((name, _), _)| name.as_str()).collect();
    names.sort_unstable();
    names
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
    let (_, codes) = stage.opened().await;
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
    assert_eq!(left, 11, "a spent code is gone");
}

#[tokio::test]
async fn an_answer_holds_no_person_no_code_and_no_time() {
    let stage = Stage::new().await;
    let (round, codes) = stage.opened().await;
    let mut admin = stage.world.admin(&stage.host).await;
    let before = everything(&mut admin).await;
    stage.answer(&codes[0], &FIVE_ANSWERS[0]).await.expect("answered");
    let after = everything(&mut admin).await;
    let changed = changed(&before, &after);
    assert_eq!(changed, ["public.answer", "public.reply_code"], "only the code went and the answer came");

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
    let (round, codes) = stage.opened().await;
    let (_, others) = stage.opened().await;
    stage.close(stage.owner, &round).await.expect("closed");
    let mut admin = stage.world.admin(&stage.host).await;
    let left: i64 =
        sqlx::query_scalar("select count(*) from reply_code").fetch_one(&mut admin).await.expect("a count");
    assert_eq!(left, 12, "those of the other round");
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

/// Everybody gets their own code and nobody another's, each once; what is at rest does not tell who fetched or answered.
#[tokio::test]
async fn everybody_fetches_their_own_code_and_nothing_at_rest_says_whose_is_whose() {
    let stage = Stage::new().await;
    let round = stage.open(stage.owner, stage.team_round()).await.expect("a round");
    let mut admin = stage.world.admin(&stage.host).await;
    let before = everything(&mut admin).await;
    let mut codes = Vec::new();
    for person in [stage.owner, stage.member].iter().chain(&stage.others) {
        codes.push(stage.code(*person, &round).await.expect("their code"));
        assert_eq!(stage.code(*person, &round).await.expect("the same again"), codes[codes.len() - 1]);
    }
    let different: BTreeSet<&String> = codes.iter().collect();
    assert_eq!(different.len(), 12);
    let after = everything(&mut admin).await;
    assert_eq!(changed(&before, &after), Vec::<String>::new(), "nobody reads who fetched theirs, or when");

    // The digests came in at once, in the order of the digests' codes and not of the people: told by the transaction
    // and the place of each row, the only two things that a row says beside its columns.
    let written: Vec<(String, Vec<u8>)> =
        sqlx::query_as("select xmin::text, code_digest from reply_code order by ctid")
            .fetch_all(&mut admin)
            .await
            .expect("the digests");
    assert!(written.iter().all(|(transaction, _)| *transaction == written[0].0));
    let digest = |code: &String| Sha256::digest(code.replace('-', "")).to_vec();
    let mut in_order = codes.clone();
    in_order.sort();
    let in_order: Vec<Vec<u8>> = in_order.iter().map(digest).collect();
    assert_eq!(written.into_iter().map(|(_, digest)| digest).collect::<Vec<_>>(), in_order);

    // Answered by one and by another: the same two tables, and neither names them.
    for code in &codes[1..3] {
        let before = everything(&mut admin).await;
        stage.answer(code, &FIVE_ANSWERS[0]).await.expect("answered");
        let after = everything(&mut admin).await;
        assert_eq!(changed(&before, &after), ["public.answer", "public.reply_code"]);
        stage.answer(code, &FIVE_ANSWERS[0]).await.expect_err("once");
    }
    assert_eq!(
        stage.code(stage.member, &round).await.expect("the same"),
        codes[1],
        "it does not tell that it is spent"
    );
}

/// Who joins later is asked in the next round; who has left is not asked any more; a closed round has no codes.
#[tokio::test]
async fn those_who_belonged_on_the_day_of_its_opening_are_asked() {
    let stage = Stage::new().await;
    let round = stage.open(stage.owner, stage.team_round()).await.expect("a round");
    let late = stage.world.person();
    let not_found = stage.code(late, &round).await.expect_err("not of the Team");
    assert_eq!(reason(&not_found), (Code::NotFound, "NOT_FOUND".into()));
    assert_eq!(stage.code(stage.left, &round).await.expect_err("left").code(), Code::NotFound);
    stage.tell_members(2, &[late]).await;
    assert_eq!(stage.code(late, &round).await.expect_err("not asked").code(), Code::PermissionDenied);
    let next = stage.open(stage.owner, stage.team_round()).await.expect("the next round");
    let code = stage.code(late, &next).await.expect("asked in this one");
    assert_ne!(
        stage.code(stage.member, &next).await.expect("theirs"),
        stage.code(stage.member, &round).await.expect("theirs")
    );
    stage.answer(&code, &FIVE_ANSWERS[0]).await.expect("answered");
    // Somebody who was asked and has left since.
    let leaver = stage.others[0];
    let gone = Stage { others: stage.others[1..].to_vec(), ..stage };
    gone.tell_members(3, &[]).await;
    assert_eq!(gone.code(leaver, &round).await.expect_err("left").code(), Code::NotFound);
    gone.close(gone.owner, &round).await.expect("closed");
    let refused = gone.code(gone.member, &round).await.expect_err("closed");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "ROUND_CLOSED".into()));
}

/// While a round is open its rows lie in the order in which they came; closing writes them anew, all at once.
#[tokio::test]
async fn a_closed_round_has_forgotten_in_which_order_it_was_answered() {
    let stage = Stage::new().await;
    stage.closed_round(&FIVE_ANSWERS).await;
    let mut admin = stage.world.admin(&stage.host).await;
    let rows: Vec<(String, kith_platform::id::Uuid)> =
        sqlx::query_as("select xmin::text, answer_id from answer order by ctid")
            .fetch_all(&mut admin)
            .await
            .expect("the answers");
    assert_eq!(rows.len(), 5);
    assert!(rows.iter().all(|(transaction, _)| *transaction == rows[0].0), "written by one transaction");
    assert!(rows.is_sorted_by_key(|(_, answer)| *answer), "in an order that means nothing");
}
