//! Integrators before all seven services: another system is refused every call outside its one role, whatever it asks for.

use std::collections::BTreeSet;

use kith_proto::common::v1::OrganisationRole::{self, Checks, Coach};
use kith_proto::identity::v1::{
    AddIntegratorRequest, AddIntegratorResponse, SignInIntegratorRequest, SignInIntegratorResponse,
};
use kith_proto::{Access, METHODS, Method};
use kith_tests::filler::{Filler, ids_of};
use kith_tests::people::{People, service_of};
use kith_tests::stack::Stack;
use prost::Message as _;
use tonic::Code;

/// What a role that says what somebody does, and opens nothing, is answered: what is everybody's of the place to read.
const OPEN: &[&str] = &[
    "/kith.common.v1.OperationsService/GetBacklog",
    "/kith.identity.v1.TenantService/GetTenant",
    "/kith.identity.v1.TenantProfileService/GetTenantProfile",
    "/kith.identity.v1.PeopleService/ListRoleTerms",
    "/kith.identity.v1.ProviderService/ListProviders",
    "/kith.identity.v1.RightsService/ListRetentionClasses",
    "/kith.identity.v1.ConsentService/ListConsentWords",
    "/kith.teams.v1.TeamsService/GetPromiseText",
    "/kith.appointments.v1.SeriesService/PreviewSeries",
    "/kith.finance.v1.RulesService/ListRules",
    "/kith.governance.v1.CirclesService/GetCircle",
    "/kith.governance.v1.CirclesService/ListCircles",
    "/kith.governance.v1.ProposalsService/ListDecisions",
    // Of itself, of which there is nothing: no names, no consents, no notices, no sign-in of an account.
    "/kith.identity.v1.PeopleService/GetPeople",
    "/kith.identity.v1.ConsentService/ListConsents",
    "/kith.identity.v1.BreakGlassReviewService/ListBreakGlassNotices",
    "/kith.identity.v1.RightsService/ExportSignIn",
    "/kith.identity.v1.SignInService/SignOut",
    "/kith.matching.v1.OpportunitiesService/ListIntroductions",
];

/// What the checks role opens beside that.
const OF_CHECKS: &[&str] = &[
    "/kith.identity.v1.RepresentativesService/ListRepresentatives",
    "/kith.matching.v1.GiversService/GetGiver",
    "/kith.matching.v1.GiversService/ListGivers",
];

fn method(name: &str) -> &'static Method {
    METHODS.iter().find(|method| method.path.ends_with(name)).expect("a method")
}

/// Where a method is served: those of the common contracts everywhere.
fn servers(method: &'static Method) -> Vec<&'static str> {
    let all = kith_tests::services().into_iter().map(|service| service.name);
    all.filter(|name| method.path.starts_with("/kith.common.") || service_of(method) == *name).collect()
}

/// Adds an integrator with that role and signs it in, as it would itself.
async fn token(stack: &Stack, people: &People, role: OrganisationRole) -> String {
    let request = AddIntegratorRequest {
        display_name: "Another system".into(),
        role: role.into(),
        ..Default::default()
    };
    let administrator = people.administrator(stack).await;
    let added: AddIntegratorResponse = administrator.ask(request).await.expect("added");
    let request = SignInIntegratorRequest {
        client_id: added.integrator.expect("an integrator").id,
        client_secret: added.client_secret,
    };
    let door = ("identity", method("/SignInIntegrator"));
    let answer = people.send(door, request.encode_to_vec(), None, &[]).await.expect("signed in");
    people.until_settled().await;
    SignInIntegratorResponse::decode(answer.as_slice()).expect("the answer of the contract").access_token
}

#[tokio::test]
async fn an_integrator_is_refused_every_call_outside_its_one_role() {
    let stack = Stack::start().await;
    let people = People::of_first_month(&stack).await;
    let (filler, mut ids) = (Filler::new(), ids_of(&stack, 0).await);
    // Somebody of whom there is most to be seen: a giver with visits and pay.
    for (name, id) in &mut ids {
        if name == "person" || name.ends_with(".person") {
            *id = people.named("Giver One").id.to_string();
        }
    }
    let (mut cells, mut wrong) = (0, Vec::new());
    for (role, own) in [(Coach, &[][..]), (Checks, OF_CHECKS)] {
        let token = token(&stack, &people, role).await;
        let mut answered = BTreeSet::new();
        for method in METHODS.iter().filter(|method| method.access != Access::Public) {
            for service in servers(method) {
                cells += 1;
                let body = filler.fill(method.input, &ids, &mut || people.uuid().to_string()).encode_to_vec();
                match people.send((service, method), body, Some(&token), &[]).await {
                    Ok(_) => {
                        answered.insert(method.path);
                    }
                    Err(status) if matches!(status.code(), Code::NotFound | Code::PermissionDenied) => {}
                    // A common service that this one has no use for.
                    Err(status)
                        if status.code() == Code::Unimplemented && method.path.contains(".common.") => {}
                    Err(status) => wrong.push(format!(
                        "{} by {role:?}: {:?} {}",
                        method.path,
                        status.code(),
                        status.message()
                    )),
                }
            }
        }
        let reviewed: BTreeSet<&str> = OPEN.iter().chain(own).copied().collect();
        for path in answered.difference(&reviewed) {
            wrong.push(format!("{path} by {role:?}: answered, and not on the list"));
        }
        for path in reviewed.difference(&answered) {
            wrong.push(format!("{path} by {role:?}: on the list, and refused"));
        }
    }
    println!("calls by integrators: {cells} tried, {} outside their role", wrong.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
