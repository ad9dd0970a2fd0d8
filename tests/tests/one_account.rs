//! One account, many hats: somebody who gets support and gives it, in Teams and in the Circle, with one sign-in.

use kith_proto::governance::v1 as governance;
use kith_proto::identity::v1 as identity;
use kith_proto::matching::v1 as matching;
use kith_proto::teams::v1 as teams;
use kith_tests::people::{People, method_of, service_of, with_request_id};
use kith_tests::stack::Stack;
use prost::{Message, Name};

const EMAIL: &str = "both.sides@clapton.example";
const PASSWORD: &str = "correct horse battery";

/// Somebody who has signed in with an address and a password.
struct SignedIn<'people> {
    people: &'people People,
    token: Option<String>,
}

impl SignedIn<'_> {
    async fn ask<A: Message + Name + Default>(&self, request: impl Name) -> A {
        let method = method_of(&request);
        assert_eq!(method.output, A::full_name(), "{} answers something else", method.path);
        let body = with_request_id(method, &request, self.people.uuid());
        let answer = self.people.send((service_of(method), method), body, self.token.as_deref(), &[]).await;
        A::decode(answer.expect(method.path).as_slice()).expect("the answer of the contract")
    }
}

/// Proves ID-02: one account with many hats; getting and giving support are both among them, and the same person does both.
#[tokio::test]
async fn one_account_gets_support_gives_it_and_governs() {
    let stack = Stack::start().await;
    let people = People::of_first_month(&stack).await;
    let administrator = people.administrator(&stack).await;
    let (owner, giver) = (people.named("Owner Two"), people.named("Giver One"));
    let circle_id = owner.circle().await;

    let invited: identity::InvitePersonResponse = administrator
        .ask(identity::InvitePersonRequest { display_name: "Both Sides".into(), ..Default::default() })
        .await
        .expect("invited");
    let person_id = invited.person.expect("a person").id;
    let door = SignedIn { people: &people, token: None };
    let _: identity::AcceptInvitationResponse = door
        .ask(identity::AcceptInvitationRequest {
            invitation: invited.invitation,
            email: EMAIL.into(),
            password: PASSWORD.into(),
            ..Default::default()
        })
        .await;
    let signed_in: identity::SignInResponse = door
        .ask(identity::SignInRequest { email: EMAIL.into(), password: PASSWORD.into(), ..Default::default() })
        .await;
    let tokens = signed_in.tokens.expect("one place");
    assert_eq!(tokens.person_id, person_id);
    let both = SignedIn { people: &people, token: Some(tokens.access_token) };

    // Gets support: a Team of their own, with somebody in it.
    let own: teams::StartTeamResponse = both
        .ask(teams::StartTeamRequest {
            circle_id: circle_id.clone(),
            outward_code: "E5".into(),
            ..Default::default()
        })
        .await;
    let own = own.team.expect("a Team").id;
    let asked: teams::InviteMemberResponse = both.ask(invitation(&own, &giver.id.to_string())).await;
    let yes = teams::AnswerInvitationRequest {
        team_id: own.clone(),
        membership_id: asked.membership.expect("asked").id,
        accept: true,
        ..Default::default()
    };
    let _: teams::AnswerInvitationResponse = giver.ask(yes).await.expect("joined");

    // Gives it: a giver, and a member with a hat in the Team of another.
    let registered: matching::RegisterGiverResponse = both
        .ask(matching::RegisterGiverRequest {
            status: matching::GiverStatus::Volunteer.into(),
            outward_code: "E5".into(),
            ..Default::default()
        })
        .await;
    assert_eq!(registered.giver.expect("a giver").person_id, person_id);
    let others = owner.own_team().await;
    let asked: teams::InviteMemberResponse = owner.ask(invitation(&others, &person_id)).await.expect("asked");
    let membership_id = asked.membership.expect("asked").id;
    let team_id = others.clone();
    let _: teams::AnswerInvitationResponse = both
        .ask(teams::AnswerInvitationRequest { team_id, membership_id, accept: true, ..Default::default() })
        .await;
    let hat = teams::ProposeHatRequest {
        team_id: others.clone(),
        hat: teams::Hat::ProfileHolder.into(),
        person_id: person_id.clone(),
        valid_from: "2026-03-01".into(),
        valid_until: "2027-03-01".into(),
        ..Default::default()
    };
    let proposed: teams::ProposeHatResponse = owner.ask(hat).await.expect("proposed");
    let holding_id = proposed.holding.expect("a hat").id;
    let team_id = others.clone();
    let _: teams::AnswerHatResponse =
        both.ask(teams::AnswerHatRequest { team_id, holding_id, consent: true, ..Default::default() }).await;

    // And governs: a seat in the Circle.
    let seat = governance::InviteCircleMemberRequest {
        circle_id: circle_id.clone(),
        person_id: person_id.clone(),
        valid_from: "2026-03-01".into(),
        ..Default::default()
    };
    let _: governance::InviteCircleMemberResponse = administrator.ask(seat).await.expect("asked");
    let _: governance::AnswerCircleInvitationResponse = both
        .ask(governance::AnswerCircleInvitationRequest {
            circle_id: circle_id.clone(),
            accept: true,
            ..Default::default()
        })
        .await;

    // All of it at once, by that one sign-in.
    let listed: teams::ListTeamsResponse = both.ask(teams::ListTeamsRequest::default()).await;
    let team = |id: &str| listed.teams.iter().find(|team| team.id == id).expect("one of theirs");
    assert_eq!(listed.teams.len(), 2);
    assert_eq!(team(&own).owner_person_id, person_id);
    let in_others = team(&others);
    assert_ne!(in_others.owner_person_id, person_id);
    let member = in_others.members.iter().find(|member| member.person_id == person_id).expect("a member");
    assert_eq!(member.state(), teams::MembershipState::Member);
    let held = in_others.hats.iter().filter(|holding| holding.person_id == person_id);
    let held: Vec<_> = held.map(|holding| (holding.hat(), holding.state())).collect();
    assert_eq!(held, [(teams::Hat::ProfileHolder, teams::HatState::Held)]);
    let known: matching::GetGiverResponse =
        both.ask(matching::GetGiverRequest { person_id: person_id.clone() }).await;
    assert_eq!(known.giver.expect("a giver").status(), matching::GiverStatus::Volunteer);
    let circle: governance::GetCircleResponse =
        both.ask(governance::GetCircleRequest { id: circle_id }).await;
    let members = circle.circle.expect("the Circle").members;
    assert!(
        members
            .iter()
            .any(|member| member.person_id == person_id && member.state() == governance::SeatState::Held)
    );

    let mut admin = stack.admin("identity").await;
    let accounts: i64 = sqlx::query_scalar("select count(*) from signin.account where email_lower = $1")
        .bind(EMAIL)
        .fetch_one(&mut admin)
        .await
        .expect("a count");
    println!(
        "ID-02: accounts {accounts}, Teams owned 1, Teams given to 1, hats 1, seats 1, giver 1, sign-ins 1"
    );
    assert_eq!(accounts, 1);
}

fn invitation(team_id: &str, person_id: &str) -> teams::InviteMemberRequest {
    teams::InviteMemberRequest {
        team_id: team_id.to_owned(),
        person_id: person_id.to_owned(),
        kind: teams::MemberKind::Volunteer.into(),
        valid_from: "2026-03-01".into(),
        ..Default::default()
    }
}
