//! Consents: given, changed, withdrawn, and nobody else's business.

use kith_platform::context::Actor;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::common::v1::OrganisationRole::Administrator;
use kith_proto::common::v1::{ConsentSnapshot, ConsentState, Grantee, GranteeKind};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::consent_service_server::ConsentService as _;
use prost::Message as _;
use tonic::{Code, Status};

use crate::stage::{Place, Stage, by};

async fn clapton() -> (Stage, Place, Actor) {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let person = stage.joined(&place, "somebody@example.org", &[]).await;
    (stage, place, person)
}

fn to_giver() -> Grantee {
    Grantee { kind: GranteeKind::Hat.into(), id: String::new(), hat: "giver".into() }
}

impl Stage {
    fn giving(&self, until: &str) -> pb::GiveConsentRequest {
        pb::GiveConsentRequest {
            request_id: self.id(),
            part: "profile.seeking".into(),
            purpose: "introduction".into(),
            grantee: Some(to_giver()),
            valid_until: until.into(),
            ..Default::default()
        }
    }

    async fn give(&self, actor: Actor, request: pb::GiveConsentRequest) -> Result<pb::Consent, Status> {
        let answer = self.consents.give_consent(by(actor, request)).await?.into_inner();
        Ok(answer.consent.expect("a consent"))
    }

    async fn withdraw(&self, actor: Actor, id: &str) -> Result<pb::Consent, Status> {
        let request = pb::WithdrawConsentRequest { request_id: self.id(), consent_id: id.to_owned() };
        let answer = self.consents.withdraw_consent(by(actor, request)).await?.into_inner();
        Ok(answer.consent.expect("a consent"))
    }

    async fn consent(&self, actor: Actor, id: &str) -> Result<pb::GetConsentResponse, Status> {
        let request = pb::GetConsentRequest { id: id.to_owned() };
        Ok(self.consents.get_consent(by(actor, request)).await?.into_inner())
    }

    async fn listed(&self, actor: Actor, with_withdrawn: bool) -> Vec<String> {
        let request = pb::ListConsentsRequest { with_withdrawn, ..Default::default() };
        let answer = self.consents.list_consents(by(actor, request)).await.expect("a list").into_inner();
        answer.consents.into_iter().map(|consent| consent.id).collect()
    }

    /// What others were told of consents, in order.
    async fn told(&self) -> Vec<(String, ConsentSnapshot)> {
        let written = self.world.written(&self.host).await;
        let about = written.into_iter().filter(|event| event.aggregate_type == "identity.consent");
        let state = |payload: &[u8]| pb::ConsentGiven::decode(payload).expect("an event").state;
        about.map(|event| (event.event_type, state(&event.payload).expect("its state"))).collect()
    }
}

/// Withdrawing takes one call with nothing but the consent's id: the contract has no place for a reason.
#[tokio::test]
async fn somebody_gives_changes_and_withdraws_and_each_is_a_version() {
    let (stage, _, person) = clapton().await;
    let given = stage.give(person, stage.giving("2027-03-01")).await.expect("given");
    assert_eq!(
        (given.version, given.state(), given.valid_from.as_str()),
        (1, ConsentState::Given, "2026-11-21")
    );
    assert_eq!(stage.give(person, stage.giving("2027-03-01")).await.expect("given before"), given);
    let longer = stage.give(person, stage.giving("2027-06-01")).await.expect("given for longer");
    assert_eq!((&longer.id, longer.version, longer.valid_until.as_str()), (&given.id, 2, "2027-06-01"));

    stage.world.clock.advance(chrono::Duration::days(3));
    let withdrawn = stage.withdraw(person, &given.id).await.expect("withdrawn");
    assert_eq!((withdrawn.version, withdrawn.state()), (3, ConsentState::Withdrawn));
    assert_eq!(stage.withdraw(person, &given.id).await.expect("withdrawn before"), withdrawn);
    let another = stage.give(person, stage.giving("2027-03-01")).await.expect("given anew");
    assert_ne!(another.id, given.id, "what was withdrawn stays so");

    let read = stage.consent(person, &given.id).await.expect("their own");
    let history: Vec<(i64, ConsentState, &str)> =
        read.history.iter().map(|one| (one.version, one.state(), one.valid_until.as_str())).collect();
    let expected = [
        (1, ConsentState::Given, "2027-03-01"),
        (2, ConsentState::Given, "2027-06-01"),
        (3, ConsentState::Withdrawn, "2027-06-01"),
    ];
    assert_eq!(history, expected);
    assert_eq!(stage.listed(person, false).await, [another.id.as_str()]);
    assert_eq!(stage.listed(person, true).await, [another.id, given.id.clone()]);

    let told = stage.told().await;
    let types: Vec<&str> = told.iter().map(|(event_type, _)| event_type.as_str()).collect();
    let (given_event, withdrawn_event) = ("identity.consent.given.v1", "identity.consent.withdrawn.v1");
    assert_eq!(types, [given_event, given_event, withdrawn_event, given_event]);
    let (_, state) = &told[2];
    assert_eq!((&state.consent_id, state.version, state.state()), (&given.id, 3, ConsentState::Withdrawn));
    assert_eq!(state.grantee, Some(to_giver()));
}

/// Nobody is met, suggested or shown by the word of somebody who has left.
#[tokio::test]
async fn every_consent_is_withdrawn_with_its_persons_place() {
    use kith_identity::{Desk, LeavingFace};
    use kith_proto::identity::v1::leaving_service_server::LeavingService as _;
    let (stage, place, person) = clapton().await;
    let first = stage.give(person, stage.giving("2027-03-01")).await.expect("given");
    let rota = pb::GiveConsentRequest { part: "profile.rota".into(), ..stage.giving("2027-03-01") };
    let second = stage.give(person, rota).await.expect("given");
    let others = stage.give(place.administrator, stage.giving("2027-03-01")).await.expect("given");
    let close = pb::ClosePlaceRequest {
        request_id: stage.id(),
        person_id: person.id().to_string(),
        asked_on: "2026-11-20".into(),
    };
    let leaving = LeavingFace::new(Desk::new(stage.host.clone()));
    leaving.close_place(by(place.administrator, close)).await.expect("closed");
    let told = stage.told().await;
    let mut withdrawn: Vec<&String> = told
        .iter()
        .filter(|(event_type, _)| event_type == "identity.consent.withdrawn.v1")
        .map(|(_, state)| &state.consent_id)
        .collect();
    withdrawn.sort();
    let mut expected = [&first.id, &second.id];
    expected.sort();
    assert_eq!(withdrawn, expected);
    assert_eq!(stage.listed(place.administrator, false).await, [others.id], "nobody else's");
}

/// An import that is repeated gives nothing anew that was withdrawn in between.
#[tokio::test]
async fn the_same_id_answers_what_became_of_it() {
    let (stage, place, person) = clapton().await;
    let request = pb::GiveConsentRequest { id: stage.id(), ..stage.giving("2027-03-01") };
    let given = stage.give(person, request.clone()).await.expect("given");
    assert_eq!(given.id, request.id);
    let withdrawn = stage.withdraw(person, &given.id).await.expect("withdrawn");
    let again = pb::GiveConsentRequest { request_id: stage.id(), ..request.clone() };
    assert_eq!(stage.give(person, again).await.expect("what exists"), withdrawn);

    let other =
        pb::GiveConsentRequest { request_id: stage.id(), part: "profile.rota".into(), ..request.clone() };
    let refused = stage.give(person, other).await.expect_err("other content");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "ID_EXISTS".into()));
    let somebody_elses = pb::GiveConsentRequest { request_id: stage.id(), ..request };
    let refused = stage.give(place.administrator, somebody_elses).await.expect_err("not theirs");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "ID_EXISTS".into()));
    assert_eq!(stage.told().await.len(), 2);
}

/// Proves ID-58.
#[tokio::test]
async fn a_consent_is_nobody_elses_whatever_their_role() {
    let (stage, place, person) = clapton().await;
    let grantee = stage.joined(&place, "grantee@example.org", &[]).await;
    let administrator = stage.joined(&place, "other@example.org", &[Administrator]).await;
    let to_them =
        Grantee { kind: GranteeKind::Person.into(), id: grantee.id().to_string(), hat: String::new() };
    let request = pb::GiveConsentRequest { grantee: Some(to_them), ..stage.giving("2027-03-01") };
    let given = stage.give(person, request).await.expect("given");

    let unknown = stage.consent(grantee, &stage.id()).await.expect_err("there is none");
    let alike = |refused: Status| {
        assert_eq!((refused.code(), refused.message()), (unknown.code(), unknown.message()));
        assert_eq!(refused.details(), unknown.details());
    };
    for withdrawn in [false, true] {
        for other in [grantee, administrator, place.administrator] {
            alike(stage.consent(other, &given.id).await.expect_err("not theirs"));
            alike(stage.withdraw(other, &given.id).await.expect_err("not theirs"));
            assert!(stage.listed(other, true).await.is_empty());
        }
        if !withdrawn {
            stage.withdraw(person, &given.id).await.expect("withdrawn");
        }
    }
    assert_eq!(stage.consent(person, &given.id).await.expect("their own").history.len(), 2);
    // Others are told ids, words and dates of it, and none of them of who stopped trusting whom and why.
    let fields: Vec<String> = stage.told().await.into_iter().map(|(event_type, _)| event_type).collect();
    assert_eq!(fields, ["identity.consent.given.v1", "identity.consent.withdrawn.v1"]);
}

#[tokio::test]
async fn every_wrong_field_is_named_and_every_word_is_on_the_list() {
    let (stage, _, person) = clapton().await;
    let wrong = pb::GiveConsentRequest { request_id: "x".into(), id: "y".into(), ..Default::default() };
    let refused = stage.give(person, wrong).await.expect_err("wrong");
    assert_eq!(wrong_fields(&refused), ["request_id", "id", "part", "purpose", "grantee", "valid_until"]);
    let grantee = |kind: GranteeKind, id: &str, hat: &str| {
        let grantee = Grantee { kind: kind.into(), id: id.into(), hat: hat.into() };
        pb::GiveConsentRequest { grantee: Some(grantee), ..stage.giving("2027-03-01") }
    };
    let id = stage.id();
    for (request, field) in [
        (grantee(GranteeKind::Unspecified, &id, ""), "grantee.kind"),
        (grantee(GranteeKind::Person, "", ""), "grantee.id"),
        (grantee(GranteeKind::Team, &id, "giver"), "grantee.hat"),
        (grantee(GranteeKind::Hat, "", ""), "grantee.hat"),
        (grantee(GranteeKind::Hat, "", "boss"), "grantee.hat"),
        (pb::GiveConsentRequest { part: "everything".into(), ..stage.giving("2027-03-01") }, "part"),
        (pb::GiveConsentRequest { purpose: "marketing".into(), ..stage.giving("2027-03-01") }, "purpose"),
    ] {
        let refused = stage.give(person, request).await.expect_err(field);
        assert_eq!(wrong_fields(&refused), [field]);
    }
    for until in ["2026-11-21", "2020-01-01"] {
        let refused = stage.give(person, stage.giving(until)).await.expect_err("over");
        assert_eq!(reason(&refused), (Code::InvalidArgument, "CONSENT_OVER".into()));
    }
    assert!(stage.told().await.is_empty());

    let words = stage.consents.list_consent_words(by(person, pb::ListConsentWordsRequest {})).await;
    let words = words.expect("the words").into_inner().words;
    for kind in [pb::ConsentWordKind::Part, pb::ConsentWordKind::Purpose, pb::ConsentWordKind::Hat] {
        let of_kind: Vec<_> = words.iter().filter(|word| word.kind() == kind).collect();
        assert!(of_kind.len() > 3 && of_kind.iter().all(|word| !word.meaning.is_empty()), "{kind:?}");
    }
}

#[tokio::test]
async fn somebody_who_is_not_of_the_place_gives_nothing() {
    let (stage, _, person) = clapton().await;
    let Actor::Person { tenant, session, .. } = person else {
        panic!("a person");
    };
    let stranger = Actor::Person { tenant, person: stage.world.person(), session };
    let refused = stage.give(stranger, stage.giving("2027-03-01")).await.expect_err("nobody here");
    assert_eq!(reason(&refused), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
}

/// No copy is called complete past a consent that has not left yet.
#[tokio::test]
async fn the_watermark_waits_for_consents_that_are_not_published() {
    let (stage, _, person) = clapton().await;
    let watermark = async || stage.world.complete_until(&stage.host, "identity.consent").await;
    let advance = || stage.world.clock.advance(chrono::Duration::seconds(10));
    advance();
    assert_eq!(watermark().await, stage.world.clock.now(), "people and tenants do not hold it back");
    let given_at = stage.world.clock.now();
    let given = stage.give(person, stage.giving("2027-03-01")).await.expect("given");
    advance();
    stage.withdraw(person, &given.id).await.expect("withdrawn");
    advance();
    assert_eq!(watermark().await, given_at);
    let mut admin = stage.world.admin(&stage.host).await;
    let publish = "update platform.outbox set published_at = created_at where event_type like $1";
    for (event_type, expected) in [
        ("identity.consent.given%", given_at + chrono::Duration::seconds(10)),
        ("identity.consent.withdrawn%", stage.world.clock.now()),
    ] {
        sqlx::query(publish).bind(event_type).execute(&mut admin).await.expect("published");
        assert_eq!(watermark().await, expected);
    }
}
