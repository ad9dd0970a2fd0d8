//! Who acts for somebody in matters of property says who pays, reads invoices and looks at pay: on a confirmed basis,
//! within its days and its scope, and the audit keeps the basis.

use crate::stage::{Stage, amount};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::testing::reason;
use kith_proto::common::v1::{
    RepresentationBasis as Basis, RepresentationScope as Scope, RepresentationState as State,
    RepresentativeSnapshot,
};
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::documents_service_server::DocumentsService as _;
use kith_proto::finance::v1::funding_service_server::FundingService as _;
use kith_proto::identity::v1::{RepresentativeConfirmed, RepresentativeEnded};
use tonic::{Code, Status};

fn representing(person: PersonId, acting: PersonId, basis: Basis, scope: Scope) -> RepresentativeSnapshot {
    RepresentativeSnapshot {
        representative_id: acting.to_string(),
        person_id: person.to_string(),
        representative_person_id: acting.to_string(),
        basis: basis.into(),
        scopes: vec![scope.into()],
        valid_from: "2026-11-21".into(),
        valid_until: "2026-11-22".into(),
        state: State::Confirmed.into(),
    }
}

/// Tells a representation under the id of the one who acts.
async fn told(stage: &Stage, state: RepresentativeSnapshot) {
    let about: Uuid = state.representative_id.parse().expect("an id");
    if state.state() == State::Ended {
        stage.tell(about, &RepresentativeEnded { state: Some(state) }).await;
    } else {
        stage.tell(about, &RepresentativeConfirmed { state: Some(state) }).await;
    }
}

/// Everything that somebody may do for an Owner, in turn; the names of what was refused, each as if there was nothing.
async fn refused(stage: &Stage, person: PersonId, invoice: &str) -> Vec<&'static str> {
    let team_id = stage.team.to_string();
    let payer = pb::Payer {
        id: stage.id(),
        team_id: team_id.clone(),
        kind: pb::PayerKind::Private.into(),
        billing_name: "Own means".into(),
        billing_address: String::new(),
    };
    let shares = vec![pb::FundingShare { payer_id: payer.id.clone(), share_bp: 10_000 }];
    let funding =
        pb::Funding { id: stage.id(), team_id: team_id.clone(), valid_from: "2026-12-01".into(), shares };
    let add = pb::AddPayerRequest { request_id: stage.id(), payer: Some(payer) };
    let set = pb::SetFundingRequest { request_id: stage.id(), funding: Some(funding) };
    let unsettled = pb::ListUnsettledVisitsRequest { team_id: team_id.clone(), ..Default::default() };
    let list = pb::ListInvoicesRequest { team_id: team_id.clone(), ..Default::default() };
    let answers: [(&str, Option<Status>); 6] = [
        ("AddPayer", stage.funding.add_payer(stage.by(person, add)).await.err()),
        ("SetFunding", stage.funding.set_funding(stage.by(person, set)).await.err()),
        (
            "ListFunding",
            stage.funding.list_funding(stage.by(person, pb::ListFundingRequest { team_id })).await.err(),
        ),
        ("ListUnsettledVisits", stage.funding.list_unsettled_visits(stage.by(person, unsettled)).await.err()),
        (
            "GetInvoice",
            stage
                .documents
                .get_invoice(stage.by(person, pb::GetInvoiceRequest { id: invoice.into() }))
                .await
                .err(),
        ),
        ("ListInvoices", stage.documents.list_invoices(stage.by(person, list)).await.err()),
    ];
    let mut names = Vec::new();
    for (name, refusal) in answers {
        if let Some(refusal) = refusal {
            assert_eq!(reason(&refusal), (Code::NotFound, "NOT_FOUND".into()), "{name}");
            names.push(name);
        }
    }
    names
}

const ALL: [&str; 6] =
    ["AddPayer", "SetFunding", "ListFunding", "ListUnsettledVisits", "GetInvoice", "ListInvoices"];

/// Proves ID-15 for the Owner's money.
#[tokio::test]
async fn whoever_acts_in_matters_of_property_does_what_the_owner_does_and_nobody_else() {
    let stage = Stage::funded().await;
    stage.tell_visit(&stage.visit("2026-03-10")).await;
    let invoice = stage.issue("2026-03").await.remove(0).id;
    let [deputy, nurse, unseen, early, late, somebodys] = std::array::from_fn(|_| stage.world.person());
    let owner = stage.owner;
    told(&stage, representing(owner, deputy, Basis::Deputyship, Scope::Property)).await;
    let health = representing(owner, nurse, Basis::AttorneyHealthAndWelfare, Scope::HealthAndWelfare);
    told(&stage, health).await;
    let property = |acting| representing(owner, acting, Basis::AttorneyProperty, Scope::Property);
    told(&stage, RepresentativeSnapshot { state: State::Recorded.into(), ..property(unseen) }).await;
    let tomorrow = ("2026-11-22".to_owned(), "2026-11-23".to_owned());
    let (valid_from, valid_until) = tomorrow;
    told(&stage, RepresentativeSnapshot { valid_from, valid_until, ..property(early) }).await;
    let (valid_from, valid_until) = ("2026-11-20".to_owned(), "2026-11-21".to_owned());
    told(&stage, RepresentativeSnapshot { valid_from, valid_until, ..property(late) }).await;
    told(&stage, representing(stage.giver, somebodys, Basis::AttorneyProperty, Scope::Property)).await;

    assert_eq!(refused(&stage, owner, &invoice).await, Vec::<&str>::new());
    assert_eq!(refused(&stage, deputy, &invoice).await, Vec::<&str>::new());
    for other in [nurse, unseen, early, late, somebodys] {
        assert_eq!(refused(&stage, other, &invoice).await, ALL);
    }
    let hidden = stage.documents.get_invoice(stage.by(nurse, pb::GetInvoiceRequest { id: invoice.clone() }));
    let unknown = stage.documents.get_invoice(stage.by(nurse, pb::GetInvoiceRequest { id: stage.id() }));
    let (hidden, unknown) = (hidden.await.expect_err("hidden"), unknown.await.expect_err("unknown"));
    assert_eq!((hidden.message(), hidden.details()), (unknown.message(), unknown.details()));

    let issue = pb::IssueInvoicesRequest {
        request_id: stage.id(),
        circle_id: stage.circle.to_string(),
        month: "2026-03".into(),
    };
    let not_theirs = stage.documents.issue_invoices(stage.by(deputy, issue)).await.expect_err("the hat's");
    assert_eq!(not_theirs.code(), Code::PermissionDenied, "money documents are for the finance hat");

    let mut admin = stage.world.admin(&stage.host).await;
    let written: Vec<(String, String)> = sqlx::query_as(
        "select distinct action, basis from platform.audit where actor_id = $1 and person_id = $2 and allowed
         order by action",
    )
    .bind(deputy.0)
    .bind(owner.0)
    .fetch_all(&mut admin)
    .await
    .expect("written down");
    let mut actions: Vec<&str> = written.iter().map(|(action, _)| action.as_str()).collect();
    actions.sort_by_key(|action| ALL.iter().position(|known| known == action));
    assert_eq!(actions, ALL);
    assert!(written.iter().all(|(_, basis)| basis == "deputyship representative"), "{written:?}");

    let ended = representing(owner, deputy, Basis::Deputyship, Scope::Property);
    let (state, valid_until) = (State::Ended.into(), "2026-11-21".into());
    told(&stage, RepresentativeSnapshot { state, valid_until, ..ended }).await;
    assert_eq!(refused(&stage, deputy, &invoice).await, ALL, "it ended today");
}

/// Proves ID-15 for a giver's pay.
#[tokio::test]
async fn a_givers_pay_is_read_for_them_by_who_acts_in_matters_of_property() {
    let stage = Stage::funded().await;
    stage.tell_visit(&stage.visit("2026-03-10")).await;
    stage.run_pay("2026-03").await;
    let [attorney, nurse, owners] = std::array::from_fn(|_| stage.world.person());
    told(&stage, representing(stage.giver, attorney, Basis::AttorneyProperty, Scope::Property)).await;
    told(&stage, representing(stage.giver, nurse, Basis::Guardian, Scope::HealthAndWelfare)).await;
    told(&stage, representing(stage.owner, owners, Basis::AttorneyProperty, Scope::Property)).await;

    let ask = async |person: PersonId, giver: String, circle_id: String| {
        let request = pb::ListStatementsRequest { giver_person_id: giver, circle_id, ..Default::default() };
        let answer = stage.documents.list_statements(stage.by(person, request)).await?;
        Ok::<_, Status>(answer.into_inner().statements)
    };
    let (giver, circle) = (stage.giver.to_string(), stage.circle.to_string());
    let own = ask(stage.giver, String::new(), String::new()).await.expect("their own");
    assert_eq!((own.len(), amount(own[0].total.as_ref())), (1, 2000));
    assert_eq!(ask(stage.giver, giver.clone(), String::new()).await.expect("the same by name"), own);
    assert_eq!(ask(attorney, giver.clone(), String::new()).await.expect("for the giver"), own);
    assert!(ask(attorney, String::new(), String::new()).await.expect("their own").is_empty());
    for other in [nurse, owners, stage.owner, stage.hat] {
        let refused = ask(other, giver.clone(), String::new()).await.expect_err("not theirs to see");
        let unknown = ask(other, stage.id(), String::new()).await.expect_err("nobody");
        assert_eq!(reason(&refused), (Code::NotFound, "NOT_FOUND".into()));
        assert_eq!((refused.message(), refused.details()), (unknown.message(), unknown.details()));
    }
    let refused = ask(attorney, giver.clone(), circle.clone()).await.expect_err("the whole Circle's");
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(ask(stage.hat, giver, circle.clone()).await.expect("one giver of the Circle"), own);
    let owners_pay = ask(stage.hat, stage.owner.to_string(), circle).await.expect("of the Circle");
    assert!(owners_pay.is_empty(), "the Owner gives no support");
}
