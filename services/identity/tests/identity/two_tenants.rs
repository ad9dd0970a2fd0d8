//! One person in two tenants with one account, and neither tenant the wiser.

use kith_platform::id::Uuid;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use prost::Message as _;
use sqlx::PgConnection;

use crate::stage::{PASSWORD, Stage, by};

/// An account that takes up an invitation in a second tenant is somebody else there: what either tenant can read, hears
/// or keeps is the same as if the person had come with a new account.
///
/// Proves ID-53.
#[tokio::test]
async fn one_account_in_two_tenants_and_neither_learns_of_the_other() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    let (first, second) = (stage.place(operator, "clapton").await, stage.place(operator, "calder").await);
    let one = stage.joined(&first, "ada@example.org", &[]).await;

    // Mutual: the second place invites, and the person takes it up with the account that they have.
    let (ada, code) = stage.invite(second.administrator, stage.invitation(&[])).await;
    let linked = stage.accept(&code, "Ada@Example.org").await.expect("linked");
    let (new, code) = stage.invite(second.administrator, stage.invitation(&[])).await;
    let fresh = stage.accept(&code, "new@example.org").await.expect("a new account");
    assert_eq!((&linked.tenant, &fresh.tenant), (&"calder".to_owned(), &"calder".to_owned()));
    assert_eq!(linked.encode_to_vec().len(), fresh.encode_to_vec().len(), "the answers are of one form");
    let signed_in = stage.attempt("ada@example.org", PASSWORD).await.expect("the right password");
    assert_eq!(signed_in.tenants, ["calder", "clapton"], "only the person themself sees both");
    let there = stage.actor(&stage.tokens("ada@example.org", "calder").await);
    assert_ne!(one.id(), there.id(), "a person of their own in each");

    // What the second tenant reads of the linked person is what it reads of the new one.
    let ids = vec![ada.id.clone(), new.id.clone()];
    let read = stage.people.get_people(by(second.administrator, pb::GetPeopleRequest { ids })).await;
    let people = read.expect("read").into_inner().people;
    let blank = |person: &pb::Person| pb::Person { id: String::new(), ..person.clone() };
    assert_eq!(blank(&people[0]), blank(&people[1]));
    // Asking the other tenant for either id finds nobody.
    let ids = vec![ada.id.clone(), there.id().to_string()];
    let read = stage.people.get_people(by(first.administrator, pb::GetPeopleRequest { ids })).await;
    assert!(read.expect("read").into_inner().people.is_empty());

    // Nothing that a tenant keeps or says names the other tenant, the other person or the account.
    let mut admin = stage.world.admin(&stage.host).await;
    let account: Uuid =
        sqlx::query_scalar("select id from signin.account where email_lower = 'ada@example.org'")
            .fetch_one(&mut admin)
            .await
            .expect("the account");
    let pairs = [
        (&first.tenant.id, vec![second.tenant.id.clone(), there.id().to_string(), account.to_string()]),
        (&second.tenant.id, vec![first.tenant.id.clone(), one.id().to_string(), account.to_string()]),
    ];
    let (looked_at, named) = rows_that_name(&mut admin, &pairs).await;
    assert_eq!(named, Vec::<String>::new());
    println!("{looked_at} rows of two tenants, 0 foreign ids");
    assert!(looked_at > 20, "there was something to look at");
}

/// Looks through every table of the tenants for what a tenant's rows must not hold, as text and in bytes; answers how many
/// rows were looked at, and what was found.
pub async fn rows_that_name(
    admin: &mut PgConnection,
    foreign: &[(&String, Vec<String>)],
) -> (i64, Vec<String>) {
    let tables: Vec<String> = sqlx::query_scalar(
        "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'r' and c.relrowsecurity order by 1",
    )
    .fetch_all(&mut *admin)
    .await
    .expect("the tenants' tables");
    let (mut looked_at, mut found) = (0, Vec::new());
    for table in &tables {
        for (tenant, words) in foreign {
            let sql = format!(
                "select coalesce(string_agg(lower(t::text), ' '), ''), count(*) from {table} t where tenant_id = '{tenant}'"
            );
            let (rows, count): (String, i64) = sqlx::query_as(sqlx::AssertSqlSafe(sql))
                .fetch_one(&mut *admin)
                .await
                .expect("the tenant's rows");
            looked_at += count;
            for word in words {
                let as_bytes = kith_platform::id::hex(word.as_bytes());
                if rows.contains(word.as_str()) || rows.contains(&as_bytes) {
                    found.push(format!("{table} of {tenant} names {word}"));
                }
            }
        }
    }
    (looked_at, found)
}
