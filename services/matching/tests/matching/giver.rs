//! Becoming a giver, readiness, terms, and who sees a giver.

use kith_platform::context::Actor;
use kith_platform::id::Uuid;
use kith_platform::testing::{reason, request_of, wrong_fields};
use kith_proto::common::v1::Money;
use kith_proto::common::v1::OrganisationRole;
use kith_proto::matching::v1::givers_service_server::GiversService as _;
use kith_proto::matching::v1::{self as pb, GiverReadinessRecorded, GiverStatus, UnpaidIntent};
use prost::Message as _;
use tonic::Code;

use crate::stage::{Stage, of_team, paid_terms, ready};

#[tokio::test]
async fn somebody_becomes_a_giver_once_however_often_it_is_said() {
    let stage = Stage::new(true).await;
    let person = stage.world.person();
    let request = pb::RegisterGiverRequest {
        request_id: stage.id(),
        status: GiverStatus::Independent.into(),
        outward_code: "e5".into(),
        occurred_at: None,
    };
    let call = |request| stage.givers.register_giver(request_of(stage.tenant, person, request));
    let first = call(request.clone()).await.expect("a giver").into_inner().giver.expect("a giver");
    assert_eq!((first.outward_code.as_str(), &first.readiness, first.terms.len()), ("E5", &None, 0));

    let again = call(request.clone()).await.expect("the same answer");
    assert!(again.metadata().contains_key("kith-caused"));
    assert_eq!(again.into_inner().giver.as_ref(), Some(&first));
    let reused = pb::RegisterGiverRequest { outward_code: "N16".into(), ..request.clone() };
    let refused = call(reused.clone()).await.expect_err("other content");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "REQUEST_ID_REUSED".into()));

    let later = pb::RegisterGiverRequest { request_id: stage.id(), ..request };
    assert_eq!(call(later).await.expect("the same giver").into_inner().giver, Some(first));
    let refused =
        call(pb::RegisterGiverRequest { request_id: stage.id(), ..reused }).await.expect_err("other details");
    assert_eq!(reason(&refused), (Code::AlreadyExists, "GIVER_EXISTS".into()));
    assert_eq!(stage.written().await, ["giver.registered"]);
}

/// Proves ID-05, and of ID-04 the types: whoever gives support says how, self-employed or employed where they are paid, and
/// everybody else hears it so.
#[tokio::test]
async fn every_type_of_giver_is_known_as_what_they_are() {
    let stage = Stage::new(true).await;
    let types = [
        GiverStatus::Independent,
        GiverStatus::Employed,
        GiverStatus::Volunteer,
        GiverStatus::PeerSupporter,
        GiverStatus::FamilyOrFriend,
    ];
    for status in types {
        let giver = stage.giver(status, "E5").await;
        let request = pb::GetGiverRequest { person_id: giver.to_string() };
        let seen = stage.givers.get_giver(request_of(stage.tenant, giver, request)).await.expect("their own");
        assert_eq!(seen.into_inner().giver.expect("a giver").status(), status);
        let told = stage.world.written(&stage.host).await.pop().expect("an event");
        let told =
            pb::GiverRegistered::decode(told.payload.as_slice()).expect("the event").state.expect("a state");
        assert_eq!((told.person_id, told.status.try_into()), (giver.to_string(), Ok(status)));
    }
    let request = pb::RegisterGiverRequest {
        request_id: stage.id(),
        status: GiverStatus::Unspecified.into(),
        outward_code: "E5".into(),
        occurred_at: None,
    };
    let person = stage.world.person();
    let unsaid =
        stage.givers.register_giver(request_of(stage.tenant, person, request)).await.expect_err("unsaid");
    assert_eq!(wrong_fields(&unsaid), ["status"]);
}

#[tokio::test]
async fn readiness_is_recorded_by_others_with_the_checks_role_only() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::Employed, "E5").await;
    let own = stage.record(giver, giver, ready("2026-03-01")).await.expect_err("no role");
    assert_eq!(reason(&own), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    for stranger in [stage.world.person(), stage.owner] {
        let refused = stage.record(stranger, giver, ready("2026-03-01")).await.expect_err("no standing");
        assert_eq!(reason(&refused), (Code::NotFound, "NOT_FOUND".into()));
    }
    // Another system with that role has nobody behind it who saw anything.
    let request = pb::RecordReadinessRequest {
        request_id: stage.id(),
        person_id: giver.to_string(),
        readiness: Some(ready("2026-03-01")),
        occurred_at: None,
    };
    let mut by_robot = tonic::Request::new(request);
    let checker = stage.checker;
    by_robot.extensions_mut().insert(Actor::Person {
        tenant: stage.tenant,
        person: checker,
        session: checker.0,
    });
    let refused = stage.givers.record_readiness(by_robot).await.expect_err("no person");
    assert_eq!(reason(&refused), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    // With the role, everybody but oneself.
    stage.tell_roles(giver, &[OrganisationRole::Administrator, OrganisationRole::Checks], 1).await;
    let own = stage.record(giver, giver, ready("2026-03-01")).await.expect_err("their own");
    assert_eq!(reason(&own), (Code::PermissionDenied, "OWN_READINESS".into()));

    let recorded = stage.record(stage.checker, giver, ready("2026-03-01")).await.expect("recorded");
    assert_eq!(recorded.readiness, Some(ready("2026-03-01")));
    let again = stage.record(stage.checker, giver, ready("2026-03-01")).await.expect("recorded before");
    assert_eq!(again, recorded);
    let expired = pb::Readiness { ready: false, ..ready("2026-04-01") };
    let changed = stage.record(stage.checker, giver, expired.clone()).await.expect("recorded");
    assert_eq!(changed.readiness, Some(expired.clone()));

    assert_eq!(
        stage.written().await,
        ["giver.registered", "giver.readiness_recorded", "giver.readiness_recorded"]
    );
    let written = stage.world.written(&stage.host).await;
    let payload = written.last().expect("an event").payload.as_slice();
    let last = GiverReadinessRecorded::decode(payload).expect("readiness");
    assert_eq!(last.state.expect("a snapshot").readiness, Some(expired));

    // A role that was taken away counts no more.
    stage.tell_roles(stage.checker, &[OrganisationRole::Administrator], 2).await;
    let refused =
        stage.record(stage.checker, giver, ready("2026-03-01")).await.expect_err("no role any more");
    assert_eq!(refused.code(), Code::NotFound);
}

#[tokio::test]
async fn the_database_refuses_ones_own_readiness_too() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::Employed, "E5").await;
    let mut admin = stage.world.admin(&stage.host).await;
    let refused = sqlx::query(
        "insert into giver_readiness
             (tenant_id, id, person_id, ready, valid_from, recorded_by, occurred_at, recorded_at)
         values ($1, $2, $3, true, '2026-03-01', $3, '2026-03-01', '2026-03-01')",
    )
    .bind(stage.tenant.0)
    .bind(Uuid::from_u128(1))
    .bind(giver.0)
    .execute(&mut admin)
    .await
    .expect_err("a constraint");
    let constraint = refused.as_database_error().and_then(sqlx::error::DatabaseError::constraint);
    assert_eq!(constraint, Some("giver_readiness_never_ones_own"));
}

#[tokio::test]
async fn terms_are_ones_own_and_dated() {
    let stage = Stage::new(true).await;
    let paid = stage.giver(GiverStatus::Independent, "E5").await;
    let unpaid = stage.giver(GiverStatus::Volunteer, "E5").await;
    let gift = |from: &str| pb::Terms {
        valid_from: from.into(),
        unpaid_intent: UnpaidIntent::Gift.into(),
        ..Default::default()
    };
    let first = paid_terms(&stage.id(), "2026-03-01", 2070);
    let earlier = paid_terms(&stage.id(), "2026-02-01", 2000);
    stage.set_terms(paid, first.clone()).await.expect("terms");
    let both = stage.set_terms(paid, earlier.clone()).await.expect("earlier terms");
    assert_eq!(both.terms, [earlier.clone(), first.clone()], "oldest first");
    assert_eq!(stage.set_terms(paid, first.clone()).await.expect("the same"), both);
    let made = stage.set_terms(unpaid, gift("2026-03-01")).await.expect("terms");
    assert!(!made.terms[0].id.is_empty(), "an id is made where none is given");
    let told = stage.written().await;
    assert_eq!(told.iter().filter(|event| *event == "giver.terms_set").count(), 3);

    let refusals = [
        (paid, paid_terms(&first.id, "2026-03-01", 2071), Code::AlreadyExists, "ID_EXISTS"),
        (paid, paid_terms("", "2026-03-01", 2071), Code::FailedPrecondition, "TERMS_FROM_THAT_DAY"),
        (unpaid, pb::Terms { id: first.id.clone(), ..gift("2026-05-01") }, Code::AlreadyExists, "ID_EXISTS"),
        (stage.owner, gift("2026-05-01"), Code::NotFound, "NOT_FOUND"),
    ];
    for (by, terms, code, expected) in refusals {
        let refused = stage.set_terms(by, terms).await.expect_err(expected);
        assert_eq!(reason(&refused), (code, expected.to_owned()));
    }
    assert_eq!(stage.written().await, told, "a refusal leaves nothing behind");
}

#[tokio::test]
async fn every_wrong_field_is_named() {
    let stage = Stage::new(true).await;
    let registering = pb::RegisterGiverRequest {
        request_id: "x".into(),
        status: 99,
        outward_code: "E5 8AB".into(),
        occurred_at: None,
    };
    let call = stage.givers.register_giver(request_of(stage.tenant, stage.owner, registering)).await;
    assert_eq!(wrong_fields(&call.expect_err("wrong")), ["request_id", "status", "outward_code"]);

    let readiness = pb::Readiness { valid_until: "2026-03-01".into(), ..ready("2026-03-01") };
    let refused = stage.record(stage.checker, stage.owner, readiness).await.expect_err("wrong");
    assert_eq!(wrong_fields(&refused), ["readiness.valid_until"]);
    let refused = stage.record(stage.checker, stage.owner, ready("2026-02-30")).await.expect_err("wrong");
    assert_eq!(wrong_fields(&refused), ["readiness.valid_from"]);

    let terms = pb::Terms {
        id: "y".into(),
        valid_from: String::new(),
        circle_id: "z".into(),
        contribution_rule: String::new(),
        hourly_rate: Some(Money { minor_units: -5, currency: "GBP".into() }),
        unpaid_intent: UnpaidIntent::Save.into(),
    };
    let refused = stage.set_terms(stage.owner, terms).await.expect_err("wrong");
    let expected = [
        "terms.id",
        "terms.valid_from",
        "terms.circle_id",
        "terms.unpaid_intent",
        "terms.contribution_rule",
        "terms.hourly_rate.minor_units",
    ];
    assert_eq!(wrong_fields(&refused), expected);
    let foreign = pb::Terms {
        hourly_rate: Some(Money { minor_units: 5, currency: "EUR".into() }),
        ..paid_terms("", "2026-03-01", 1)
    };
    let refused = stage.set_terms(stage.owner, foreign).await.expect_err("wrong");
    assert_eq!(wrong_fields(&refused), ["terms.hourly_rate.currency"]);
    let empty = pb::SetTermsRequest { request_id: stage.id(), terms: None, occurred_at: None };
    let call = stage.givers.set_terms(request_of(stage.tenant, stage.owner, empty)).await;
    assert_eq!(wrong_fields(&call.expect_err("wrong")), ["terms"]);
    assert!(stage.written().await.is_empty());
}

#[tokio::test]
async fn a_giver_is_seen_by_themselves_by_checks_and_by_owners_getting_to_know_them() {
    let stage = Stage::new(true).await;
    let giver = stage.giver(GiverStatus::Volunteer, "E5").await;
    assert!(stage.get_giver(giver, giver).await.is_ok());
    assert!(stage.get_giver(stage.checker, giver).await.is_ok());

    let opportunity = stage.opportunity("E5", 10, false).await;
    let hidden = async |by| stage.get_giver(by, giver).await.expect_err("hidden").code();
    assert_eq!(hidden(stage.owner).await, Code::NotFound);
    stage.interest(stage.owner, &opportunity.id, Some(giver)).await.expect("interest");
    assert_eq!(hidden(stage.owner).await, Code::NotFound, "the Owner's own interest opens nothing");
    let introduction = stage.interest(giver, &opportunity.id, None).await.expect("interest");
    assert_eq!(hidden(stage.owner).await, Code::NotFound, "nor does the giver's, without their consent");
    stage.consents(giver, "profile.giving", of_team(stage.team)).await;
    assert!(stage.get_giver(stage.owner, giver).await.is_ok());
    stage.conclude(giver, &introduction.id, false).await.expect("a silent no");
    assert!(stage.get_giver(stage.owner, giver).await.is_ok(), "a silent no shows nowhere");
    stage.conclude(stage.owner, &introduction.id, false).await.expect("the Owner's own no");
    assert_eq!(hidden(stage.owner).await, Code::NotFound);

    let stranger = stage.world.person();
    let unseen = stage.get_giver(stranger, giver).await.expect_err("hidden");
    let unknown = stage.get_giver(stranger, stranger).await.expect_err("unknown");
    assert_eq!(
        (unseen.code(), unseen.message(), unseen.details()),
        (unknown.code(), unknown.message(), unknown.details())
    );
    // The very same people in another tenant: only the tenant differs.
    let elsewhere = Stage { tenant: stage.world.tenant(&stage.host, true).await, ..stage };
    elsewhere.tell_roles(elsewhere.checker, &[OrganisationRole::Checks], 1).await;
    for by in [giver, elsewhere.checker] {
        let foreign = elsewhere.get_giver(by, giver).await.expect_err("foreign");
        assert_eq!((foreign.message(), foreign.details()), (unknown.message(), unknown.details()));
    }
}

#[tokio::test]
async fn the_list_of_givers_is_for_checks_and_goes_by_pages() {
    let stage = Stage::new(true).await;
    let mut registered = Vec::new();
    for code in ["E5", "N16", "E8"] {
        registered.push(stage.giver(GiverStatus::Volunteer, code).await.to_string());
        stage.advance(chrono::Duration::minutes(1)).await;
    }
    let list = |by, page_token: String| {
        let request = pb::ListGiversRequest { page_size: 2, page_token };
        stage.givers.list_givers(request_of(stage.tenant, by, request))
    };
    let refused = list(stage.owner, String::new()).await.expect_err("no role");
    assert_eq!(reason(&refused), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    let first = list(stage.checker, String::new()).await.expect("a page").into_inner();
    let second = list(stage.checker, first.next_page_token.clone()).await.expect("a page").into_inner();
    assert!(second.next_page_token.is_empty());
    let listed: Vec<String> =
        first.givers.into_iter().chain(second.givers).map(|giver| giver.person_id).collect();
    assert_eq!(listed, registered);
}

#[tokio::test]
async fn a_live_tenant_accepts_what_happened_lately_and_repeats_of_what_is_there() {
    let stage = Stage::new(false).await;
    let giver = stage.world.person();
    let ago = |days: i64| {
        let moment = stage.world.clock.now() - chrono::Duration::days(days);
        Some(kith_platform::fields::timestamp(moment))
    };
    let call = async |days| {
        let request = pb::RegisterGiverRequest {
            request_id: stage.id(),
            status: GiverStatus::Volunteer.into(),
            outward_code: "E5".into(),
            occurred_at: ago(days),
        };
        stage.givers.register_giver(request_of(stage.tenant, giver, request)).await
    };
    assert_eq!(reason(&call(46).await.expect_err("too long ago")).1, "TOO_FAR_BACK");
    assert_eq!(reason(&call(-1).await.expect_err("tomorrow")).1, "IN_THE_FUTURE");
    call(44).await.expect("lately");
    call(400).await.expect("already so: repeating an import is fine for ever");
    assert_eq!(stage.written().await, ["giver.registered"]);
}
