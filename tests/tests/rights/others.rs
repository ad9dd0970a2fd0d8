//! What a bundle does not tell of others: consents that they gave and withdrew, an interest that is not mutual, who else
//! is in a Team.

use kith_platform::id::{PersonId, Uuid};
use kith_proto::common::v1::{ExportPersonRequest, Grantee, GranteeKind};
use kith_proto::identity::v1 as identity;
use kith_tests::services;
use serde_json::Value;

use super::journey::Journey;
use super::scan::Rows;

fn person(id: Uuid) -> PersonId {
    PersonId(id)
}

fn text(rows: &Rows) -> String {
    rows.values().flatten().map(ToString::to_string).collect()
}

/// The rows of a table that hold this id.
fn with_id<'a>(rows: &'a Rows, service: &str, table: &str, id: Uuid) -> Vec<&'a Value> {
    let found = rows.get(&(service.to_owned(), table.to_owned()));
    found.into_iter().flatten().filter(|row| row.to_string().contains(&id.to_string())).collect()
}

/// Proves the part of ID-58 that data rights could have undone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_tells_nothing_of_others_that_they_did_not_tell() {
    let journey = Journey::start().await;
    consents_stay_their_persons(&journey).await;
    an_interest_stays_its_sides(&journey).await;
    a_member_reads_themself(&journey).await;
}

async fn consents_stay_their_persons(journey: &Journey) {
    let (giver, grantee) = (journey.people.named("Owner One"), journey.canary("Grantee").await);
    let give = identity::GiveConsentRequest {
        part: "profile.team".into(),
        purpose: "introduction".into(),
        grantee: Some(Grantee {
            kind: GranteeKind::Person.into(),
            id: grantee.id.clone(),
            hat: String::new(),
        }),
        valid_until: "2099-01-01".into(),
        ..Default::default()
    };
    let given: identity::GiveConsentResponse = giver.ask(give).await.expect("given");
    let consent_id = given.consent.expect("a consent").id;
    let withdraw = identity::WithdrawConsentRequest { consent_id: consent_id.clone(), ..Default::default() };
    let _: identity::WithdrawConsentResponse = giver.ask(withdraw).await.expect("withdrawn");
    journey.people.until_settled().await;

    let own = text(&journey.exported(giver.id).await);
    assert!(own.contains(&consent_id), "their own consents are theirs to read");
    let mut grantees = journey.exported(person(grantee.id.parse().expect("an id"))).await;
    assert!(!text(&grantees).contains(&consent_id), "the grantee hears of it");
    // Whom they have seen themselves, in a Circle's list, is theirs to know.
    grantees.retain(|(_, table), _| table != "platform.audit");
    assert!(!text(&grantees).contains(&giver.id.to_string()), "the grantee hears of who gave it");
    let open = identity::OpenAccessRequestRequest { person_id: giver.id.to_string(), ..Default::default() };
    let _: identity::OpenAccessRequestResponse = journey.administrator().ask(open).await.expect("opened");
    journey.people.until_settled().await;
    for service in services() {
        let request =
            ExportPersonRequest { person_id: giver.id.to_string(), page_size: 500, ..Default::default() };
        let page =
            journey.export(service.name, journey.administrator, request).await.expect("by its handler");
        assert!(page.rows.iter().all(|row| !row.json.contains(&consent_id)), "{}", service.name);
        assert!(page.rows.iter().all(|row| !row.json.contains("WithdrawConsent")), "{}", service.name);
    }
}

async fn an_interest_stays_its_sides(journey: &Journey) {
    let mut admin = journey.stack.admin("matching").await;
    let (id, giver, owner): (Uuid, Uuid, Uuid) = sqlx::query_as(
        "select i.id, i.giver_person_id, t.owner_person_id from introduction i
         join team t on t.tenant_id = i.tenant_id and t.team_id = i.team_id order by i.id limit 1",
    )
    .fetch_one(&mut admin)
    .await
    .expect("an introduction of the first month");
    let exported = async |who: Uuid| journey.exported(person(who)).await;
    sqlx::query(
        "update introduction set team_interested_at = null, team_trial_sessions = null, team_trial_from = null,
             team_trial_until = null, team_answer = null, team_answered_at = null,
             giver_interested_at = coalesce(giver_interested_at, recorded_at), giver_trial_sessions = null,
             giver_trial_from = null, giver_trial_until = null, giver_answer = null, giver_answered_at = null,
             agreed_sessions = null, agreed_from = null, agreed_until = null, agreed_at = null
         where id = $1",
    )
    .bind(id)
    .execute(&mut admin)
    .await
    .expect("interested on one side");
    assert!(with_id(&exported(owner).await, "matching", "public.introduction", id).is_empty());
    let rows = exported(giver).await;
    let own = with_id(&rows, "matching", "public.introduction", id);
    assert!(own.len() == 1 && own[0].get("giver_interested_at").is_some(), "{own:#?}");
    assert!(own[0].get("version").is_none() && own[0].get("team_interested_at").is_none(), "{own:#?}");

    sqlx::query(
        "update introduction set team_interested_at = giver_interested_at, giver_trial_sessions = 3,
             giver_trial_from = '2026-01-01', giver_trial_until = '2026-02-01'
         where id = $1",
    )
    .bind(id)
    .execute(&mut admin)
    .await
    .expect("mutual, and one side proposes a trial");
    let rows = exported(owner).await;
    let others = with_id(&rows, "matching", "public.introduction", id);
    assert!(others.len() == 1 && others[0].get("giver_interested_at").is_some(), "{others:#?}");
    assert!(others[0].get("giver_trial_sessions").is_none(), "{others:#?}");
    let rows = exported(giver).await;
    let own = with_id(&rows, "matching", "public.introduction", id);
    assert_eq!(own[0]["giver_trial_sessions"], 3);
}

async fn a_member_reads_themself(journey: &Journey) {
    let mut admin = journey.stack.admin("appointments").await;
    let somebody = journey.people.uuid();
    let (team, owner, member): (Uuid, Uuid, String) = sqlx::query_as(
        "update known_team set members = members || jsonb_build_array(jsonb_set(members->0, '{person}', to_jsonb($1::text)))
         where team_id = (select k.team_id from known_team k where jsonb_array_length(k.members) > 0
             and k.members->0->>'person' <> k.owner_person_id::text order by k.team_id limit 1)
         returning team_id, owner_person_id, members->0->>'person'",
    )
    .bind(somebody.to_string())
    .fetch_one(&mut admin)
    .await
    .expect("a Team with another member");
    let of = |rows: &Rows| {
        with_id(rows, "appointments", "public.known_team", team).first().map(ToString::to_string)
    };
    let own = of(&journey.exported(person(member.parse().expect("an id"))).await).expect("their own entry");
    assert!(own.contains(&member) && !own.contains(&somebody.to_string()), "{own}");
    let owners = of(&journey.exported(person(owner)).await).expect("their Team");
    assert!(owners.contains(&somebody.to_string()), "{owners}");
}
