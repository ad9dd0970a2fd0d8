//! An emergency look over seven real processes: opened with all other services down, and followed up when they are back.

use std::time::{Duration, Instant};

use kith_proto::common::v1 as common;
use kith_proto::common::v1::OrganisationRole::{self, Checks, PrivacyLead};
use kith_proto::identity::v1 as identity;
use kith_proto::teams::v1::{GetTeamRequest, GetTeamResponse};
use kith_tests::people::{People, Someone, method_of, with_request_id};
use kith_tests::stack::Stack;
use prost::{Message, Name};
use tonic::{Code, Status};

/// Calls a method that every service serves, at the one that is named.
async fn at<A: Message + Default, R: Name>(
    people: &People,
    service: &str,
    who: Someone<'_>,
    request: R,
) -> Result<A, Status> {
    let method = method_of(&request);
    let body = with_request_id(method, &request, people.uuid());
    let token = people.token_of(people.tenant, who.id);
    let answer = people.send((service, method), body, Some(&token), &[]).await?;
    Ok(A::decode(answer.as_slice()).expect("the answer of the contract"))
}

async fn give_roles(by: Someone<'_>, who: Someone<'_>, roles: &[OrganisationRole]) {
    let request = identity::SetRolesRequest {
        person_id: who.id.to_string(),
        roles: roles.iter().map(|role| (*role).into()).collect(),
        ..Default::default()
    };
    let _: identity::SetRolesResponse = by.ask(request).await.expect("the roles are set");
}

/// Proves ID-52 and A6.
#[tokio::test]
async fn an_emergency_look_works_alone_and_is_told_and_reviewed() {
    let mut stack = Stack::start().await;
    let people = People::of_first_month(&stack).await;
    let administrator = people.administrator(&stack).await;
    let (owner, coach) = (people.named("Owner One"), people.named("Giver Eight"));
    let (lead, contact) = (people.named("Giver Seven"), people.named("Giver Six"));
    let team = owner.own_team().await;
    give_roles(administrator, coach, &[Checks, PrivacyLead]).await;
    give_roles(administrator, lead, &[PrivacyLead]).await;
    let chosen =
        identity::ChooseContactRequest { contact_person_id: contact.id.to_string(), ..Default::default() };
    let _: identity::ChooseContactResponse = owner.ask(chosen).await.expect("a contact");
    people.until_settled().await;

    for service in kith_tests::services().iter().filter(|service| service.name != "teams") {
        stack.kill(service.name);
    }
    let get = || GetTeamRequest { id: team.clone() };
    let refused = at::<GetTeamResponse, _>(&people, "teams", coach, get()).await.expect_err("not let in");
    assert_eq!(refused.code(), Code::NotFound);
    let open = common::OpenBreakGlassRequest {
        person_id: owner.id.to_string(),
        reason: "risk_to_life".into(),
        stated_reason: "nobody opens the door since yesterday".into(),
        ..Default::default()
    };
    let opened: common::OpenBreakGlassResponse = at(&people, "teams", coach, open).await.expect("opened");
    let look = opened.break_glass.expect("a look");
    let _: GetTeamResponse = at(&people, "teams", coach, get()).await.expect("seen");
    println!("A6: opened and seen with the six other services down");

    let back = Instant::now();
    for service in kith_tests::services().iter().filter(|service| service.name != "teams") {
        stack.restart(service.name);
    }
    for service in kith_tests::services() {
        stack.wait_until_serving(service.name);
    }
    people.until_settled().await;
    println!("A6: told {:.1} s after the others were started again", back.elapsed().as_secs_f64());

    let mut told = Vec::new();
    for (who, as_what) in [(owner, "person"), (contact, "contact"), (lead, "privacy_lead")] {
        let notices: identity::ListBreakGlassNoticesResponse =
            who.ask(identity::ListBreakGlassNoticesRequest::default()).await.expect("the notices");
        let own: Vec<&str> = notices.notices.iter().map(|notice| notice.told_as.as_str()).collect();
        assert_eq!(own, [as_what]);
        assert_eq!(notices.notices[0].break_glass_id, look.id);
        told.push(as_what);
    }
    let reviews: identity::ListBreakGlassReviewsResponse =
        lead.ask(identity::ListBreakGlassReviewsRequest::default()).await.expect("the reviews");
    assert_eq!(reviews.reviews.len(), 1);
    let close = || identity::CloseBreakGlassReviewRequest {
        break_glass_id: look.id.clone(),
        finding: identity::BreakGlassFinding::Justified.into(),
        ..Default::default()
    };
    let refused = coach.ask::<identity::CloseBreakGlassReviewResponse>(close()).await;
    assert_eq!(refused.expect_err("the reader is privacy lead too").code(), Code::PermissionDenied);
    let refused = administrator.ask::<identity::CloseBreakGlassReviewResponse>(close()).await;
    assert_eq!(refused.expect_err("no lead").code(), Code::NotFound);
    let closed: identity::CloseBreakGlassReviewResponse = lead.ask(close()).await.expect("closed");
    assert_eq!(closed.review.expect("a review").closed_by_person_id, lead.id.to_string());

    let log: common::ListAccessesResponse =
        at(&people, "teams", owner, common::ListAccessesRequest::default()).await.expect("the log");
    let under: Vec<&str> = log
        .accesses
        .iter()
        .filter(|entry| entry.basis == format!("break_glass:{}", look.id))
        .map(|entry| entry.sentence.as_str())
        .collect();
    assert_eq!(under, ["Somebody looked at your Team, as somebody who opened an emergency look."]);
    println!(
        "A6: reason required, told {told:?}, review opened, the reader cannot close it; the person reads: {under:?}"
    );
    assert!(back.elapsed() < Duration::from_mins(2));
}
