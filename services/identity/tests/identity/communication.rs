//! How somebody likes to be reached: their own, shared by consent.

use chrono::Duration;
use kith_identity::{CommunicationFace, RepresentativesFace};
use kith_platform::context::Actor;
use kith_platform::id::Uuid;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::common::v1 as common;
use kith_proto::common::v1::OrganisationRole;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::communication_service_server::CommunicationService as _;
use kith_proto::identity::v1::consent_service_server::ConsentService as _;
use kith_proto::identity::v1::representatives_service_server::RepresentativesService as _;
use tonic::{Code, Status};

use crate::stage::{Stage, by};

const NEEDS: &str = "Large print, and time to answer";

async fn get(face: &CommunicationFace, reader: Actor, person: Actor) -> Result<pb::Communication, Status> {
    let request = pb::GetCommunicationRequest { person_id: person.id().to_string() };
    let answer = face.get_communication(by(reader, request)).await?.into_inner();
    Ok(answer.communication.expect("an answer"))
}

/// Proves ID-27: needs and preferred channel are said by the person, and read by themselves, by whom they let see them and
/// by who acts for them; no role opens them, and a withdrawn consent, or leaving the Team that it was given to, closes them
/// at once.
#[tokio::test]
async fn needs_and_channel_are_the_persons_own_and_shared_by_consent() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let face = CommunicationFace::new(stage.host.clone());
    let owner = stage.joined(&place, "owner@clapton.example", &[]).await;
    let giver = stage.joined(&place, "giver@clapton.example", &[]).await;
    let acting = stage.joined(&place, "acting@clapton.example", &[]).await;
    let all_roles = [
        OrganisationRole::Administrator,
        OrganisationRole::Checks,
        OrganisationRole::PrivacyLead,
        OrganisationRole::RegisteredManager,
        OrganisationRole::Coach,
        OrganisationRole::SafeguardingLead,
        OrganisationRole::HrSupport,
        OrganisationRole::PlatformSupport,
        OrganisationRole::AdminTeam,
    ];
    let every_role = stage.joined(&place, "roles@clapton.example", &all_roles).await;

    let unsaid = get(&face, owner, owner).await.expect("their own");
    assert_eq!((unsaid.preferred_channel(), unsaid.update_time), (pb::Channel::Unspecified, None));
    let say = async |needs: &str, channel: i32| {
        let (request_id, needs) = (stage.id(), needs.to_owned());
        let request = pb::SetCommunicationRequest { request_id, preferred_channel: channel, needs };
        face.set_communication(by(owner, request)).await.map(|_| ())
    };
    say(NEEDS, pb::Channel::Phone.into()).await.expect("said");
    let wrong = say(&"x".repeat(2001), 99).await.expect_err("too long, and no such channel");
    assert_eq!(wrong_fields(&wrong), ["preferred_channel", "needs"]);
    let said = get(&face, owner, owner).await.expect("their own");
    assert_eq!((said.preferred_channel(), said.needs.as_str()), (pb::Channel::Phone, NEEDS));

    let not_found = (Code::NotFound, "NOT_FOUND".to_owned());
    for nobody in [giver, acting, every_role] {
        assert_eq!(reason(&get(&face, nobody, owner).await.expect_err("not let see it")), not_found);
    }
    let let_see_wearing = async |purpose: &str, kind: common::GranteeKind, id: String, hat: &str| {
        let request = pb::GiveConsentRequest {
            request_id: stage.id(),
            part: "contact.preference".into(),
            purpose: purpose.into(),
            grantee: Some(common::Grantee { kind: kind.into(), id, hat: hat.into() }),
            valid_until: "2027-11-21".into(),
            ..Default::default()
        };
        let given = stage.consents.give_consent(by(owner, request)).await.expect("given").into_inner();
        given.consent.expect("a consent").id
    };
    let let_see = async |purpose: &str, kind, id: String| let_see_wearing(purpose, kind, id, "").await;
    let withdraw = async |consent_id: String| {
        let request = pb::WithdrawConsentRequest { request_id: stage.id(), consent_id };
        stage.consents.withdraw_consent(by(owner, request)).await.expect("withdrawn");
    };
    let_see("evaluation", common::GranteeKind::Person, giver.id().to_string()).await;
    assert_eq!(reason(&get(&face, giver, owner).await.expect_err("not what it was given for")), not_found);
    let consent_id = let_see("introduction", common::GranteeKind::Person, giver.id().to_string()).await;
    assert_eq!(get(&face, giver, owner).await.expect("let see it").needs, NEEDS);
    let mut admin = stage.world.admin(&stage.host).await;
    let basis: Vec<String> = sqlx::query_scalar(
        "select basis from platform.audit where action = 'GetCommunication' and actor_id = $1 and allowed",
    )
    .bind(giver.id())
    .fetch_all(&mut admin)
    .await
    .expect("the audit");
    assert!(basis.len() == 1 && basis[0].contains(&consent_id), "{basis:?}");
    withdraw(consent_id).await;
    assert_eq!(reason(&get(&face, giver, owner).await.expect_err("withdrawn")), not_found);

    // A Team, for as long as somebody belongs to it.
    let team: Uuid = stage.id().parse().expect("an id");
    let tell = async |no: i64, valid_until: &str| {
        stage.tell_team(team, no, owner, giver, valid_until).await;
    };
    tell(1, "").await;
    assert_eq!(reason(&get(&face, giver, owner).await.expect_err("their Team is not enough")), not_found);
    let consent_id = let_see("support", common::GranteeKind::Team, team.to_string()).await;
    assert_eq!(get(&face, giver, owner).await.expect("of the Team").needs, NEEDS);
    assert_eq!(reason(&get(&face, acting, owner).await.expect_err("not of the Team")), not_found);
    tell(2, "2026-11-21").await;
    assert_eq!(reason(&get(&face, giver, owner).await.expect_err("no longer of the Team")), not_found);
    tell(3, "").await;
    withdraw(consent_id).await;
    assert_eq!(reason(&get(&face, giver, owner).await.expect_err("withdrawn")), not_found);

    // Whoever wears a hat, in one Team or in any, while they wear it.
    let hat = common::GranteeKind::Hat;
    let_see_wearing("support", hat, team.to_string(), "mar_holder").await;
    let_see_wearing("support", hat, stage.id(), "rota_holder").await;
    assert_eq!(reason(&get(&face, giver, owner).await.expect_err("another hat, or Team")), not_found);
    for (no, place) in [(4, team.to_string()), (6, String::new())] {
        let consent_id = let_see_wearing("support", hat, place, "rota_holder").await;
        assert_eq!(get(&face, giver, owner).await.expect("keeps the rota").needs, NEEDS);
        assert_eq!(reason(&get(&face, acting, owner).await.expect_err("wears none")), not_found);
        tell(no, "2026-11-21").await;
        assert_eq!(reason(&get(&face, giver, owner).await.expect_err("has taken it off")), not_found);
        tell(no + 1, "").await;
        withdraw(consent_id).await;
        assert_eq!(reason(&get(&face, giver, owner).await.expect_err("withdrawn")), not_found);
    }
    let consent_id = let_see_wearing("support", hat, String::new(), "giver").await;
    assert_eq!(reason(&get(&face, giver, owner).await.expect_err("gives no support yet")), not_found);
    stage.tell_giver(giver).await;
    assert_eq!(get(&face, giver, owner).await.expect("gives support").needs, NEEDS);
    // Matching tells nothing any more: who gave support long ago may give none now.
    stage.world.clock.advance(Duration::seconds(61));
    let stale = (Code::Unavailable, "CONSENT_STALE".to_owned());
    assert_eq!(reason(&get(&face, giver, owner).await.expect_err("told too long ago")), stale);
    assert_eq!(reason(&get(&face, acting, owner).await.expect_err("gives no support")), not_found);
    stage.world.know_copies(&stage.host).await;
    withdraw(consent_id).await;
    let consent_id = let_see_wearing("support", hat, team.to_string(), "owner").await;
    assert_eq!(reason(&get(&face, giver, owner).await.expect_err("not whose Team it is")), not_found);
    withdraw(consent_id).await;

    // Who acts for the person, once the basis was seen.
    let representatives = RepresentativesFace::new(stage.host.clone());
    let request = pb::RecordRepresentativeRequest {
        request_id: stage.id(),
        person_id: owner.id().to_string(),
        representative_person_id: acting.id().to_string(),
        basis: common::RepresentationBasis::Nomination.into(),
        scopes: vec![common::RepresentationScope::HealthAndWelfare.into()],
        ..Default::default()
    };
    let recorded =
        representatives.record_representative(by(owner, request)).await.expect("recorded").into_inner();
    assert_eq!(reason(&get(&face, acting, owner).await.expect_err("nobody saw the basis")), not_found);
    let request = pb::ConfirmRepresentativeRequest {
        request_id: stage.id(),
        representative_id: recorded.representative.expect("a representative").id,
        ..Default::default()
    };
    representatives.confirm_representative(by(every_role, request)).await.expect("confirmed");
    stage.world.clock.advance(Duration::minutes(1));
    assert_eq!(get(&face, acting, owner).await.expect("acts for them").needs, NEEDS);
}
