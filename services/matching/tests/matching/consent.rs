//! What is shown by consent alone: field by field, from the Promise on, and no longer than the copy can be relied on.

use kith_platform::id::{PersonId, Uuid};
use kith_platform::testing::reason;
use kith_proto::common::v1::{ConsentSnapshot, Grantee};
use kith_proto::identity::v1::ConsentGiven;
use kith_proto::matching::v1::GiverStatus;
use kith_proto::teams::v1::{
    Hat, HatHolding, HatState, Membership, MembershipState, TeamHatsChanged, TeamMemberJoined,
    TeamMemberLeft, TeamSnapshot, TeamStarted,
};
use sqlx::Row as _;
use tonic::{Code, Status};

use crate::stage::{Stage, hat, of_team, one, paid_terms};

fn stale() -> (Code, String) {
    (Code::Unavailable, "CONSENT_STALE".into())
}

fn not_found() -> (Code, String) {
    (Code::NotFound, "NOT_FOUND".into())
}

async fn seen(stage: &Stage, by: PersonId, giver: PersonId) -> Result<usize, (Code, String)> {
    stage.get_giver(by, giver).await.map(|giver| giver.terms.len()).map_err(|status| reason(&status))
}

/// Proves ID-14. Of ID-09 what matching holds.
#[tokio::test]
async fn an_owner_sees_of_a_giver_whom_they_meet_what_the_giver_lets_them_see() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::Independent, "E5").await;
    stage.set_terms(giver, paid_terms("", "2026-03-01", 2000)).await.expect("terms");
    stage.mutual(giver).await;
    let owner = stage.owner;
    assert_eq!(seen(&stage, owner, giver).await, Err(not_found()));

    // Consents about something else, for something else, for somebody else or from somebody else open nothing.
    let other_team = stage.world.ids.uuid(stage.world.clock.now());
    stage.consents(giver, "profile.terms", one(owner)).await;
    stage.consents_for("evaluation", giver, "profile.giving", one(owner)).await;
    stage.consents(giver, "profile.giving", of_team(other_team)).await;
    stage.consents(giver, "profile.giving", one(stage.checker)).await;
    stage.consents(owner, "profile.giving", one(owner)).await;
    assert_eq!(seen(&stage, owner, giver).await, Err(not_found()));

    let to_team = stage.consents(giver, "profile.giving", of_team(stage.team)).await;
    assert_eq!(seen(&stage, owner, giver).await, Ok(1));
    stage.withdraws(to_team).await;
    assert_eq!(seen(&stage, owner, giver).await, Err(not_found()));
    let by_hat = stage.consents(giver, "profile.giving", hat("owner")).await;
    assert_eq!(seen(&stage, owner, giver).await, Ok(1));

    // Consent or not: who is not getting to know them sees nothing of them.
    let stranger = stage.world.person();
    stage.consents(giver, "profile.giving", one(stranger)).await;
    assert_eq!(seen(&stage, stranger, giver).await, Err(not_found()));

    // The day on which it ends is no day of it.
    stage.world.clock.advance(chrono::Duration::days(365));
    stage.world.know_copies(&stage.host).await;
    assert_eq!(seen(&stage, owner, giver).await, Err(not_found()));

    let mut admin = stage.world.admin(&stage.host).await;
    let rows = sqlx::query(
        "select basis, allowed from platform.audit where action = 'GetGiver' and actor_id = $1 order by id",
    )
    .bind(owner.0)
    .fetch_all(&mut admin)
    .await
    .expect("the audit");
    let by_consent: Vec<String> = rows
        .iter()
        .filter(|row| row.get::<bool, _>("allowed"))
        .map(|row| row.get::<String, _>("basis"))
        .collect();
    assert_eq!(by_consent.len(), 2);
    assert!(by_consent.iter().all(|basis| basis.starts_with("consented owner consent:")), "{by_consent:?}");
    let named = format!("consent:{}/1", by_hat.consent_id);
    assert!(by_consent.iter().any(|basis| basis.contains(&named)), "{by_consent:?}");
}

#[tokio::test]
async fn terms_are_a_part_of_their_own() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::Independent, "E5").await;
    stage.set_terms(giver, paid_terms("", "2026-03-01", 2000)).await.expect("terms");
    stage.mutual(giver).await;
    stage.consents(giver, "profile.giving", of_team(stage.team)).await;
    assert_eq!(seen(&stage, stage.owner, giver).await, Ok(0), "no terms without consent to them");
    let terms = stage.consents(giver, "profile.terms", of_team(stage.team)).await;
    assert_eq!(seen(&stage, stage.owner, giver).await, Ok(1));
    stage.withdraws(terms).await;
    assert_eq!(seen(&stage, stage.owner, giver).await, Ok(0));
}

/// Of ID-13 what is there: nothing is shared before the Promise is signed and the Owner consents.
#[tokio::test]
async fn what_a_team_looks_for_is_shown_from_the_promise_on_and_by_consent() {
    let stage = Stage::new(true).await;
    let owner = stage.world.person();
    let team = stage.world.ids.uuid(stage.world.clock.now());
    let tell = async |promise_from: &str, no: i64| {
        let state = TeamSnapshot {
            team_id: team.to_string(),
            owner_person_id: owner.to_string(),
            circle_id: stage.id(),
            promise_from: promise_from.into(),
            ..Default::default()
        };
        stage.world.deliver(&stage.host, stage.tenant, team, no, &TeamStarted { state: Some(state) }).await;
    };
    tell("", 1).await;
    let mut opening = stage.opening("E5", 10, false);
    opening.team_id = team.to_string();
    let opportunity = stage.open(owner, opening).await.expect("an opportunity");
    let giver = stage.giver(GiverStatus::Volunteer, "E5").await;
    let other = stage.giver(GiverStatus::Volunteer, "E5").await;
    let shown = async |by| stage.near(by, 0, "").await.expect("a list").opportunities.len();
    let interest =
        async |by| stage.interest(by, &opportunity.id, None).await.map_err(|refused| refused.code());

    let given = stage.consents(owner, "profile.seeking", one(giver)).await;
    assert_eq!((shown(giver).await, interest(giver).await.err()), (0, Some(Code::NotFound)), "no Promise");
    tell("2026-11-22", 2).await;
    assert_eq!(shown(giver).await, 0, "from tomorrow on");
    tell("2026-11-21", 3).await;
    assert_eq!((shown(giver).await, shown(other).await), (1, 0));
    assert_eq!(interest(other).await.err(), Some(Code::NotFound));
    stage.withdraws(given).await;
    assert_eq!((shown(giver).await, interest(giver).await.err()), (0, Some(Code::NotFound)));
    stage.consents(owner, "profile.seeking", hat("giver")).await;
    assert_eq!((shown(giver).await, shown(other).await), (1, 1));
    interest(giver).await.expect("interest");
}

/// Hats are known from teams, each with its days.
#[tokio::test]
async fn a_consent_to_a_hat_reaches_who_wears_it_while_they_do() {
    let stage = Stage::new(true).await;
    let owner = stage.world.person();
    let seeking = stage.world.ids.uuid(stage.world.clock.now());
    stage.tell_owner(seeking, owner, 1).await;
    let mut opening = stage.opening("E5", 10, false);
    opening.team_id = seeking.to_string();
    stage.open(owner, opening).await.expect("an opportunity");
    let holder = stage.giver(GiverStatus::Volunteer, "E5").await;
    let other = stage.giver(GiverStatus::Volunteer, "E5").await;
    let team = stage.world.ids.uuid(stage.world.clock.now());
    let tell = async |valid_until: &str, no: i64| {
        let hat = HatHolding {
            id: stage.id(),
            hat: Hat::RotaHolder.into(),
            person_id: holder.to_string(),
            state: HatState::Held.into(),
            valid_from: "2026-11-01".into(),
            valid_until: valid_until.into(),
        };
        let state = Some(TeamSnapshot {
            team_id: team.to_string(),
            owner_person_id: stage.id(),
            circle_id: stage.id(),
            hats: vec![hat],
            ..Default::default()
        });
        stage.world.deliver(&stage.host, stage.tenant, team, no, &TeamHatsChanged { state }).await;
    };
    let shown = async |by| stage.near(by, 0, "").await.expect("a list").opportunities.len();
    let in_that_team = Grantee { id: team.to_string(), ..hat("rota_holder") };
    for (no, grantee) in [(1, hat("rota_holder")), (3, in_that_team)] {
        let given = stage.consents(owner, "profile.seeking", grantee).await;
        assert_eq!((shown(holder).await, shown(other).await), (0, 0), "wears none");
        tell("2027-11-01", no).await;
        assert_eq!((shown(holder).await, shown(other).await), (1, 0));
        tell("2026-11-21", no + 1).await;
        assert_eq!(shown(holder).await, 0, "has taken it off");
        stage.withdraws(given).await;
    }
    tell("2027-11-01", 5).await;
    assert_eq!(shown(holder).await, 0, "withdrawn");
    stage.consents(owner, "profile.seeking", Grantee { id: seeking.to_string(), ..hat("rota_holder") }).await;
    assert_eq!(shown(holder).await, 0, "in another Team");
}

/// Proves ID-23.
#[tokio::test]
async fn only_givers_who_are_open_to_it_are_suggested_or_can_be_named() {
    let stage = Stage::new(true).await;
    let closed = stage.world.person();
    stage.register(closed, GiverStatus::Volunteer, "E5").await.expect("a giver");
    let opportunity = stage.opportunity("E5", 10, false).await;
    let suggested = async || stage.suggest(stage.owner, &opportunity.id).await.expect("suggestions").options;
    let name = async |giver| stage.interest(stage.owner, &opportunity.id, Some(giver)).await;
    let same = |one: &Status, other: &Status| {
        assert_eq!((one.code(), one.message()), (other.code(), other.message()));
        assert_eq!(one.details(), other.details());
    };
    assert_eq!(suggested().await, 0);
    let nobody = name(stage.world.person()).await.expect_err("no giver");
    same(&name(closed).await.expect_err("not open to it"), &nobody);
    // What they said about this very Team is not to be found out either.
    stage.interest(closed, &opportunity.id, None).await.expect("interest");
    same(&name(closed).await.expect_err("not open to it"), &nobody);

    let given = stage.consents(closed, "profile.offering", hat("owner")).await;
    assert_eq!(suggested().await, 1);
    name(closed).await.expect("mutual");
    stage.withdraws(given).await;
    assert_eq!(suggested().await, 0);
    name(closed).await.expect("what one has said oneself can be said again");
}

/// The one-service half of ID-51: where a consent is the only basis a copy that is too old opens nothing; what the
/// service knows by itself is shown all the same, and strangers learn nothing of either.
#[tokio::test]
async fn an_old_copy_opens_nothing_and_facts_of_ones_own_never_grow_old() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::Volunteer, "E5").await;
    stage.mutual(giver).await;
    stage.consents(giver, "profile.giving", of_team(stage.team)).await;
    let advance = |seconds| stage.world.clock.advance(chrono::Duration::seconds(seconds));
    advance(60);
    assert_eq!(seen(&stage, stage.owner, giver).await, Ok(0), "as old as it may be");
    advance(1);
    assert_eq!(seen(&stage, stage.owner, giver).await, Err(stale()));
    assert_eq!(reason(&stage.near(giver, 0, "").await.expect_err("too old")), stale());
    assert_eq!(seen(&stage, stage.world.person(), giver).await, Err(not_found()));
    assert!(
        stage.get_giver(giver, giver).await.is_ok() && stage.get_giver(stage.checker, giver).await.is_ok()
    );

    // A present member is no stranger to the Owner.
    let tell = async |state: MembershipState, until: &str, no: i64| {
        let membership = Membership {
            id: stage.id(),
            person_id: giver.to_string(),
            state: state.into(),
            valid_from: "2026-11-01".into(),
            valid_until: until.into(),
            ..Default::default()
        };
        let state = Some(TeamSnapshot {
            team_id: stage.team.to_string(),
            owner_person_id: stage.owner.to_string(),
            circle_id: stage.id(),
            members: vec![membership],
            promise_from: "2026-01-01".into(),
            ..Default::default()
        });
        if until.is_empty() {
            stage.world.deliver(&stage.host, stage.tenant, stage.team, no, &TeamMemberJoined { state }).await;
        } else {
            stage.world.deliver(&stage.host, stage.tenant, stage.team, no, &TeamMemberLeft { state }).await;
        }
    };
    tell(MembershipState::Member, "", 2).await;
    assert!(stage.get_giver(stage.owner, giver).await.is_ok());
    tell(MembershipState::Left, "2026-11-21", 3).await;
    assert_eq!(seen(&stage, stage.owner, giver).await, Err(stale()), "no member any more");

    stage.world.know_copies(&stage.host).await;
    assert_eq!(seen(&stage, stage.owner, giver).await, Ok(0), "complete again");

    // What has arrived and cannot be applied holds the copy back, whatever the watermark says.
    let unreadable = ConsentGiven { state: Some(ConsentSnapshot::default()) };
    let id: Uuid = stage.id().parse().expect("an id");
    stage.world.deliver(&stage.host, stage.tenant, id, 1, &unreadable).await;
    advance(61);
    stage.world.know_copies(&stage.host).await;
    assert_eq!(seen(&stage, stage.owner, giver).await, Err(stale()));
}

/// A hat, and being of a Team, are told by teams: where it is long ago that teams told anything, they open nothing, however
/// young the copy of consents is. What is given to somebody by name is not asked about hats.
#[tokio::test]
async fn what_was_worn_long_ago_opens_nothing() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::Volunteer, "E5").await;
    stage.mutual(giver).await;
    let seen = async || seen(&stage, stage.owner, giver).await;
    let pass = async |seconds| {
        stage.world.clock.advance(chrono::Duration::seconds(seconds));
        stage.world.know_copy(&stage.host, "identity.consent").await;
    };
    for grantee in [of_team(stage.team), hat("owner")] {
        let given = stage.consents(giver, "profile.giving", grantee).await;
        pass(60).await;
        assert_eq!(seen().await, Ok(0), "as old as it may be");
        pass(1).await;
        assert_eq!(seen().await, Err(stale()));
        assert_eq!(self::seen(&stage, stage.world.person(), giver).await, Err(not_found()));
        let by_name = stage.consents_alone(giver, "profile.giving", one(stage.owner)).await;
        assert_eq!(seen().await, Ok(0), "by name");
        stage.withdraws(by_name).await;
        assert_eq!(seen().await, Err(stale()));
        stage.world.know_copy(&stage.host, "teams.team").await;
        assert_eq!(seen().await, Ok(0), "complete again");
        stage.withdraws(given).await;
    }

    // What teams told and cannot be applied holds its copy back, and not that of consents.
    stage.consents(giver, "profile.giving", of_team(stage.team)).await;
    let unreadable: Uuid = stage.id().parse().expect("an id");
    stage.world.deliver(&stage.host, stage.tenant, unreadable, 1, &TeamStarted::default()).await;
    stage.world.clock.advance(chrono::Duration::seconds(61));
    stage.world.know_copies(&stage.host).await;
    assert_eq!(seen().await, Err(stale()));
    stage.consents(giver, "profile.giving", one(stage.owner)).await;
    assert_eq!(seen().await, Ok(0));
}
