//! Teams over a real database: as the people themselves would, through the handlers, with row security on.

use kith_platform::Host;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::testing::{World, reason, request_of, wrong_fields};
use kith_proto::common::v1::{
    RepresentationBasis, RepresentationScope, RepresentationState, RepresentativeSnapshot,
};
use kith_proto::identity::v1::{RepresentativeConfirmed, RepresentativeEnded, RepresentativeRecorded};
use kith_proto::teams::v1::teams_service_server::TeamsService as _;
use kith_proto::teams::v1::{self as pb, MemberKind, MembershipState};
use kith_teams::{SERVICE, Teams};
use tonic::{Code, Status};

struct Stage {
    world: World,
    host: Host,
    teams: Teams,
    tenant: TenantId,
    owner: PersonId,
    giver: PersonId,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let tenant = world.tenant(&host, true).await;
        let (owner, giver) = (world.person(), world.person());
        Self { teams: Teams::new(host.clone()), world, host, tenant, owner, giver }
    }

    fn id(&self) -> String {
        self.world.ids.uuid(self.world.clock.now()).to_string()
    }

    fn start(&self) -> pb::StartTeamRequest {
        pb::StartTeamRequest {
            request_id: self.id(),
            circle_id: self.id(),
            outward_code: "E5".into(),
            ..Default::default()
        }
    }

    async fn team(&self) -> pb::Team {
        let answer =
            self.teams.start_team(request_of(self.tenant, self.owner, self.start())).await.expect("a team");
        answer.into_inner().team.expect("a team")
    }

    async fn invite(
        &self,
        by: PersonId,
        team: &pb::Team,
        person: PersonId,
    ) -> Result<pb::Membership, Status> {
        let request = pb::InviteMemberRequest {
            request_id: self.id(),
            team_id: team.id.clone(),
            person_id: person.to_string(),
            kind: MemberKind::Worker.into(),
            ..Default::default()
        };
        let answer = self.teams.invite_member(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().membership.expect("a membership"))
    }

    async fn answer(
        &self,
        by: PersonId,
        team: &pb::Team,
        asked: &pb::Membership,
    ) -> Result<pb::Membership, Status> {
        let request = pb::AnswerInvitationRequest {
            request_id: self.id(),
            team_id: team.id.clone(),
            membership_id: asked.id.clone(),
            accept: true,
            occurred_at: None,
        };
        let answer = self.teams.answer_invitation(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().membership.expect("a membership"))
    }

    async fn get(&self, by: PersonId, id: &str) -> Result<pb::Team, Status> {
        let request = pb::GetTeamRequest { id: id.to_owned() };
        let answer = self.teams.get_team(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().team.expect("a team"))
    }
}

/// Proves TEAM-02. Proves TEAM-05. Proves TEAM-80.
#[tokio::test]
async fn a_giver_joins_by_two_yeses_and_by_nothing_else() {
    let stage = Stage::new().await;
    let team = stage.team().await;
    let asked = stage.invite(stage.owner, &team, stage.giver).await.expect("asked");
    assert_eq!(asked.state(), MembershipState::Invited);

    let stranger = stage.world.person();
    let refused = stage.answer(stranger, &team, &asked).await.expect_err("a stranger cannot answer");
    assert_eq!(reason(&refused), (Code::NotFound, "NOT_FOUND".into()));
    let refused =
        stage.invite(stranger, &team, stranger).await.expect_err("a stranger cannot add themselves");
    assert_eq!(reason(&refused), (Code::NotFound, "NOT_FOUND".into()));
    let still = stage.answer(stage.owner, &team, &asked).await.expect("the Owner has said yes already");
    assert_eq!(still.state(), MembershipState::Invited, "the Owner cannot say it for the giver");

    let joined = stage.answer(stage.giver, &team, &asked).await.expect("the giver says yes");
    assert_eq!(joined.state(), MembershipState::Member);
    let seen = stage.get(stage.giver, &team.id).await.expect("a member sees the Team");
    assert_eq!(seen.members.len(), 1);
    let types: Vec<String> =
        stage.world.written(&stage.host).await.into_iter().map(|event| event.event_type).collect();
    assert_eq!(types, ["teams.team.started.v1", "teams.team.member_asked.v1", "teams.team.member_joined.v1"]);
}

#[tokio::test]
async fn a_repeated_request_is_answered_the_same_and_reused_ids_are_refused() {
    let stage = Stage::new().await;
    let request = stage.start();
    let call = |request: pb::StartTeamRequest| {
        stage.teams.start_team(request_of(stage.tenant, stage.owner, request))
    };
    let first = call(request.clone()).await.expect("a team").into_inner().team.expect("a team");
    let again = call(request.clone()).await.expect("the same team");
    assert!(again.metadata().contains_key("kith-caused"), "a repeat says what the first caused");
    assert_eq!(again.into_inner().team.expect("a team"), first);

    let other = pb::StartTeamRequest { outward_code: "N16".into(), ..request.clone() };
    assert_eq!(
        reason(&call(other).await.expect_err("other content")),
        (Code::AlreadyExists, "REQUEST_ID_REUSED".into())
    );

    let with_id = pb::StartTeamRequest { id: first.id.clone(), request_id: stage.id(), ..request };
    assert_eq!(
        call(with_id.clone()).await.expect("it exists").into_inner().team.expect("a team").id,
        first.id
    );
    let changed = pb::StartTeamRequest { outward_code: "N16".into(), request_id: stage.id(), ..with_id };
    assert_eq!(
        reason(&call(changed).await.expect_err("other content")),
        (Code::AlreadyExists, "ID_EXISTS".into())
    );
    assert_eq!(stage.world.written(&stage.host).await.len(), 1, "one Team was started");
}

#[tokio::test]
async fn every_wrong_field_is_named_and_nothing_is_stored() {
    let stage = Stage::new().await;
    let request = pb::StartTeamRequest {
        request_id: "x".into(),
        circle_id: String::new(),
        outward_code: "nowhere".into(),
        ..Default::default()
    };
    let refused =
        stage.teams.start_team(request_of(stage.tenant, stage.owner, request)).await.expect_err("refused");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(wrong_fields(&refused), ["request_id", "circle_id", "outward_code"]);
    assert!(stage.world.written(&stage.host).await.is_empty());
}

#[tokio::test]
async fn another_tenants_team_is_as_unknown_as_one_that_never_was() {
    let stage = Stage::new().await;
    let team = stage.team().await;
    let elsewhere = Stage { tenant: stage.world.tenant(&stage.host, true).await, ..stage };
    // The same person id in the other tenant: only the tenant differs.
    let foreign = elsewhere.get(elsewhere.owner, &team.id).await.expect_err("refused");
    let unknown = elsewhere.get(elsewhere.owner, &Uuid::from_u128(5).to_string()).await.expect_err("refused");
    assert_eq!((foreign.code(), foreign.message()), (unknown.code(), unknown.message()));
    assert_eq!(foreign.details(), unknown.details());
}

#[tokio::test]
async fn a_trial_that_both_liked_becomes_an_invitation() {
    use kith_proto::matching::v1 as matching;
    let stage = Stage::new().await;
    let team = stage.team().await;
    let introduction = stage.world.ids.uuid(stage.world.clock.now());
    let event = matching::IntroductionWelcomed {
        state: Some(matching::IntroductionSnapshot {
            introduction_id: introduction.to_string(),
            team_id: team.id.clone(),
            giver_person_id: stage.giver.to_string(),
            giver_status: matching::GiverStatus::Independent.into(),
            state: matching::IntroductionState::Welcome.into(),
            trial: None,
        }),
    };
    stage.world.deliver(&stage.host, stage.tenant, introduction, 1, &event).await;
    let seen = stage.get(stage.giver, &team.id).await.expect("somebody invited sees the Team");
    assert_eq!(seen.members[0].state(), MembershipState::Invited);
    let joined = stage.answer(stage.giver, &team, &seen.members[0]).await.expect("yes");
    assert_eq!(joined.state(), MembershipState::Member);
}

fn hat(stage: &Stage, team: &pb::Team, person: PersonId, until: &str) -> pb::ProposeHatRequest {
    pb::ProposeHatRequest {
        request_id: stage.id(),
        team_id: team.id.clone(),
        hat: pb::Hat::RotaHolder.into(),
        person_id: person.to_string(),
        valid_from: "2026-11-21".into(),
        valid_until: until.into(),
        ..Default::default()
    }
}

/// Proves TEAM-35. Proves TEAM-58.
#[tokio::test]
async fn a_hat_is_worn_by_two_consents_and_passed_on_before_its_wearer_leaves() {
    let stage = Stage::new().await;
    let team = stage.team().await;
    let asked = stage.invite(stage.owner, &team, stage.giver).await.expect("asked");
    stage.answer(stage.giver, &team, &asked).await.expect("yes");

    let too_long = hat(&stage, &team, stage.giver, "2028-11-22");
    let refused =
        stage.teams.propose_hat(request_of(stage.tenant, stage.owner, too_long)).await.expect_err("too long");
    assert_eq!(reason(&refused), (Code::InvalidArgument, "DATES_DO_NOT_FIT".into()));
    let stranger = stage.world.person();
    let for_a_stranger = hat(&stage, &team, stranger, "2027-11-21");
    let refused =
        stage.teams.propose_hat(request_of(stage.tenant, stage.owner, for_a_stranger)).await.expect_err("no");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "NOT_A_MEMBER".into()));

    let fine = hat(&stage, &team, stage.giver, "2027-11-21");
    let proposed =
        stage.teams.propose_hat(request_of(stage.tenant, stage.owner, fine)).await.expect("proposed");
    let holding = proposed.into_inner().holding.expect("a holding");
    assert_eq!(holding.state(), pb::HatState::Proposed);
    let consent = |by| {
        let request = pb::AnswerHatRequest {
            request_id: stage.id(),
            team_id: team.id.clone(),
            holding_id: holding.id.clone(),
            consent: true,
            occurred_at: None,
        };
        stage.teams.answer_hat(request_of(stage.tenant, by, request))
    };
    let refused = consent(stranger).await.expect_err("a stranger consents for nobody");
    assert_eq!(refused.code(), Code::NotFound);
    let held = consent(stage.giver).await.expect("consents").into_inner().holding.expect("a holding");
    assert_eq!(held.state(), pb::HatState::Held);

    let leave = || pb::EndMembershipRequest {
        request_id: stage.id(),
        team_id: team.id.clone(),
        membership_id: asked.id.clone(),
        valid_until: "2026-12-01".into(),
        occurred_at: None,
    };
    let refused = stage
        .teams
        .end_membership(request_of(stage.tenant, stage.giver, leave()))
        .await
        .expect_err("hats first");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "HATS_FIRST".into()));
    let drop_it = pb::DropHatRequest {
        request_id: stage.id(),
        team_id: team.id.clone(),
        holding_id: holding.id.clone(),
        occurred_at: None,
    };
    stage.teams.drop_hat(request_of(stage.tenant, stage.giver, drop_it)).await.expect("taken off");
    let left =
        stage.teams.end_membership(request_of(stage.tenant, stage.giver, leave())).await.expect("left");
    assert_eq!(left.into_inner().membership.expect("a membership").state(), MembershipState::Left);
}

/// Proves TEAM-27.
#[tokio::test]
async fn the_owner_signs_the_promise_in_force_and_the_others_learn_from_when_it_holds() {
    use prost::Message as _;
    let stage = Stage::new().await;
    let team = stage.team().await;
    let ask = pb::GetPromiseTextRequest { date: String::new() };
    let text = stage
        .teams
        .get_promise_text(request_of(stage.tenant, stage.giver, ask))
        .await
        .expect("a text")
        .into_inner();
    assert!(!text.text.is_empty());
    let sign = |version: &str| pb::SignPromiseRequest {
        request_id: stage.id(),
        team_id: team.id.clone(),
        text_version: version.to_owned(),
        occurred_at: Some(prost_types::Timestamp { seconds: 1_772_442_000, nanos: 0 }),
    };
    let refused = stage
        .teams
        .sign_promise(request_of(stage.tenant, stage.owner, sign("1999-1")))
        .await
        .expect_err("old");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "PROMISE_NOT_IN_FORCE".into()));
    let refused =
        stage.teams.sign_promise(request_of(stage.tenant, stage.giver, sign(&text.text_version))).await;
    assert_eq!(refused.expect_err("only the Owner signs").code(), Code::NotFound);
    stage
        .teams
        .sign_promise(request_of(stage.tenant, stage.owner, sign(&text.text_version)))
        .await
        .expect("signed");
    let told = stage.world.written(&stage.host).await.pop().expect("an event");
    let event = pb::TeamPromiseSigned::decode(told.payload.as_slice()).expect("the event");
    assert_eq!(event.state.expect("a state").promise_from, "2026-03-02");
}

#[tokio::test]
async fn a_live_tenant_takes_in_forty_five_days_and_nobody_the_future() {
    let stage = Stage::new().await;
    stage.world.know_tenant(&stage.host, stage.tenant, false).await;
    let start = |days: i64| {
        let moment = stage.world.clock.now() - chrono::Duration::days(days);
        let occurred_at = Some(kith_platform::fields::timestamp(moment));
        stage.teams.start_team(request_of(
            stage.tenant,
            stage.owner,
            pb::StartTeamRequest { occurred_at, ..stage.start() },
        ))
    };
    assert!(start(44).await.is_ok());
    let refused = start(46).await.expect_err("too far back");
    assert_eq!(reason(&refused), (Code::InvalidArgument, "TOO_FAR_BACK".into()));
    let refused = start(-1).await.expect_err("the future");
    assert_eq!(reason(&refused), (Code::InvalidArgument, "IN_THE_FUTURE".into()));
}

#[tokio::test]
async fn lists_go_on_where_the_page_ended_and_show_only_ones_own() {
    let stage = Stage::new().await;
    for _ in 0..3 {
        stage.team().await;
        stage.world.clock.advance(chrono::Duration::seconds(1));
    }
    let page = |person, token: String| {
        let request = pb::ListTeamsRequest { page_size: 2, page_token: token, ..Default::default() };
        stage.teams.list_teams(request_of(stage.tenant, person, request))
    };
    let first = page(stage.owner, String::new()).await.expect("a page").into_inner();
    let second = page(stage.owner, first.next_page_token.clone()).await.expect("a page").into_inner();
    assert_eq!((first.teams.len(), second.teams.len(), second.next_page_token.as_str()), (2, 1, ""));
    assert!(page(stage.giver, String::new()).await.expect("a page").into_inner().teams.is_empty());
}

/// The reviewed table: who may do what. A change here is a change of the rules that protect people.
#[test]
fn the_policy_is_the_reviewed_one() {
    use kith_platform::authz::{Action as _, Policy};
    let policy = Policy::new(SERVICE.policy.0, SERVICE.policy.1).expect("a policy");
    let actions: Vec<&str> = kith_teams::Action::ALL.iter().map(|action| action.name()).collect();
    let table = policy.table(&actions, kith_teams::Action::STANDING);
    assert_eq!(table, include_str!("policy_table.txt"));
}

/// A representative acts in the Owner's name once the basis was confirmed, within its dates and where it is about health
/// and welfare; the audit keeps the basis, and nobody lets themselves in.
///
/// Proves ID-15.
#[tokio::test]
async fn a_representative_acts_for_the_owner_on_a_confirmed_basis_and_never_for_themselves() {
    let stage = Stage::new().await;
    let (team, sister) = (stage.team().await, stage.world.person());
    let told = |state: RepresentationState, scope: RepresentationScope, valid_until: &str| {
        Some(RepresentativeSnapshot {
            representative_id: Uuid::from_u128(5).to_string(),
            person_id: stage.owner.to_string(),
            representative_person_id: sister.to_string(),
            basis: RepresentationBasis::AttorneyHealthAndWelfare.into(),
            scopes: vec![scope.into()],
            valid_from: "2026-11-01".into(),
            valid_until: valid_until.into(),
            state: state.into(),
        })
    };
    let (health, about) = (RepresentationScope::HealthAndWelfare, Uuid::from_u128(5));
    let state = told(RepresentationState::Recorded, health, "");
    stage.world.deliver(&stage.host, stage.tenant, about, 1, &RepresentativeRecorded { state }).await;
    stage.invite(sister, &team, stage.giver).await.expect_err("nobody has seen the basis yet");
    let state = told(RepresentationState::Confirmed, health, "");
    stage.world.deliver(&stage.host, stage.tenant, about, 2, &RepresentativeConfirmed { state }).await;

    let asked = stage.invite(sister, &team, stage.giver).await.expect("asked in the Owner's name");
    assert_eq!(asked.state(), MembershipState::Invited);
    let still = stage.answer(sister, &team, &asked).await.expect("the Owner's side has said yes already");
    assert_eq!(still.state(), MembershipState::Invited, "nobody says it for the giver");
    let own = stage.invite(sister, &team, sister).await.expect("they may suggest themselves");
    assert_eq!(own.state(), MembershipState::Suggested, "and the Owner answers");
    stage.answer(sister, &team, &own).await.expect_err("not they themselves");
    assert_eq!(stage.get(sister, &team.id).await.expect("seen whole").members.len(), 2);

    let mut admin = stage.world.admin(&stage.host).await;
    let basis: String = sqlx::query_scalar(
        "select basis from platform.audit where action = 'InviteMember' and allowed and actor_id = $1 limit 1",
    )
    .bind(sister.0)
    .fetch_one(&mut admin)
    .await
    .expect("written down");
    assert_eq!(basis, "attorney_health_and_welfare representative");

    let state = told(RepresentationState::Ended, health, "2026-11-21");
    stage.world.deliver(&stage.host, stage.tenant, about, 3, &RepresentativeEnded { state }).await;
    let other = stage.world.person();
    let refused = stage.invite(sister, &team, other).await.expect_err("it ended today");
    assert_eq!(
        reason(&refused),
        (Code::NotFound, "NOT_FOUND".into()),
        "the Team is not theirs to see any more"
    );
}

#[tokio::test]
async fn a_representative_finds_the_teams_that_the_person_owns_and_no_others() {
    let stage = Stage::new().await;
    let (own, sister) = (stage.team().await, stage.world.person());
    let start = pb::StartTeamRequest { request_id: stage.id(), ..stage.start() };
    let theirs = stage.teams.start_team(request_of(stage.tenant, stage.giver, start)).await.expect("a team");
    let theirs = theirs.into_inner().team.expect("a team");
    let asked = stage.invite(stage.giver, &theirs, stage.owner).await.expect("asked");
    stage.answer(stage.owner, &theirs, &asked).await.expect("the Owner supports somebody else");
    let find = async |by: PersonId| {
        let request = pb::ListTeamsRequest { person_id: stage.owner.to_string(), ..Default::default() };
        let answer = stage.teams.list_teams(request_of(stage.tenant, by, request)).await?;
        Ok::<Vec<String>, Status>(answer.into_inner().teams.into_iter().map(|team| team.id).collect())
    };
    for (number, scope) in [(1, RepresentationScope::Property), (2, RepresentationScope::HealthAndWelfare)] {
        let refused = find(sister).await.expect_err("not theirs to see, nor where it is about money");
        assert_eq!(reason(&refused), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
        let state = Some(RepresentativeSnapshot {
            representative_id: Uuid::from_u128(number).to_string(),
            person_id: stage.owner.to_string(),
            representative_person_id: sister.to_string(),
            basis: RepresentationBasis::Nomination.into(),
            scopes: vec![scope.into()],
            valid_from: "2026-11-01".into(),
            valid_until: String::new(),
            state: RepresentationState::Confirmed.into(),
        });
        let event = RepresentativeConfirmed { state };
        stage.world.deliver(&stage.host, stage.tenant, Uuid::from_u128(number), 1, &event).await;
    }
    assert_eq!(find(stage.owner).await.expect("their own").len(), 2);
    assert_eq!(find(sister).await.expect("found for them"), [own.id]);
}
