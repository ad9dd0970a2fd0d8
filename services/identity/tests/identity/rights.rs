//! Access on behalf, retention, legal hold and erasure, as identity alone decides them.

use kith_identity::{Desk, LegalFactsFace, RightsFace, do_what_is_due};
use kith_platform::context::Actor;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::testing::reason;
use kith_proto::common::v1::OrganisationRole;
use kith_proto::common::v1::{ErasureReport, KeptClass};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::legal_facts_service_server::LegalFactsService as _;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use kith_proto::identity::v1::rights_service_server::RightsService as _;
use kith_proto::{appointments, evaluation, finance, governance, matching, teams};
use tonic::Code;

use crate::stage::{Place, Stage, by};

const NAME: &str = "Somebody Particular";
const EMAIL: &str = "somebody@particular.example";

struct Rights {
    stage: Stage,
    face: RightsFace,
    place: Place,
    tenant: TenantId,
    /// Who has rights, signed in.
    person: Actor,
    id: PersonId,
}

impl Rights {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let operator = stage.operator().await;
        let place = stage.place(operator, "place").await;
        let request = pb::InvitePersonRequest {
            request_id: stage.id(),
            display_name: NAME.into(),
            ..Default::default()
        };
        let invited = stage.people.invite_person(by(place.administrator, request)).await.expect("invited");
        let invited = invited.into_inner();
        stage.accept(&invited.invitation, EMAIL).await.expect("joined");
        let person = stage.actor(&stage.tokens(EMAIL, "").await);
        let Actor::Person { tenant, person: id, .. } = person else { panic!("a person") };
        let face = RightsFace::new(Desk::new(stage.host.clone()));
        Self { stage, face, place, tenant, person, id }
    }

    async fn ask(&self) -> String {
        let request = pb::AskErasureRequest { request_id: self.stage.id(), ..Default::default() };
        let answer = self.face.ask_erasure(by(self.person, request)).await.expect("asked").into_inner();
        answer.erasure.expect("an erasure").id
    }

    async fn order(&self, who: Actor, erasure_id: &str) -> Result<pb::Erasure, tonic::Status> {
        let request =
            pb::OrderErasureRequest { request_id: self.stage.id(), erasure_id: erasure_id.to_owned() };
        let answer = self.face.order_erasure(by(who, request)).await?.into_inner();
        Ok(answer.erasure.expect("an erasure"))
    }

    async fn get(&self, who: Actor, erasure_id: &str) -> Result<pb::Erasure, tonic::Status> {
        let request = pb::GetErasureRequest { erasure_id: erasure_id.to_owned() };
        let answer = self.face.get_erasure(by(who, request)).await?.into_inner();
        Ok(answer.erasure.expect("an erasure"))
    }

    /// Somebody else of the place, who shares a Circle with the person and so knows their name.
    async fn other(&self) -> Actor {
        let request = pb::InvitePersonRequest {
            request_id: self.stage.id(),
            display_name: "Another".into(),
            ..Default::default()
        };
        let invited = self.stage.people.invite_person(by(self.place.administrator, request)).await;
        let invited = invited.expect("invited").into_inner();
        let id: Uuid = invited.person.expect("a person").id.parse().expect("an id");
        let seat = |person_id: String| governance::v1::CircleMember {
            person_id,
            state: governance::v1::SeatState::Held.into(),
            valid_from: "2026-03-01".into(),
            ..Default::default()
        };
        let circle: Uuid = self.stage.id().parse().expect("an id");
        let members = vec![seat(id.to_string()), seat(self.id.to_string())];
        let circle_id = circle.to_string();
        let state = Some(governance::v1::CircleSnapshot { circle_id, members, hats: Vec::new() });
        let event = governance::v1::CircleMembersChanged { state };
        self.stage.world.deliver(&self.stage.host, self.tenant, circle, 1, &event).await;
        Actor::Person { tenant: self.tenant, person: PersonId(id), session: Uuid::nil() }
    }

    fn report(&self, service: &str, erasure_id: &str, kept: &[KeptClass]) -> ErasureReport {
        ErasureReport {
            erasure_id: erasure_id.to_owned(),
            person_id: self.id.to_string(),
            service: service.to_owned(),
            kept: kept.to_vec(),
            ..ErasureReport::default()
        }
    }

    /// The six answer, teams with what it must keep.
    async fn all_answer(&self, erasure_id: &str, no: i64, kept: &[KeptClass]) {
        let id: Uuid = erasure_id.parse().expect("an id");
        let (world, host, tenant) = (&self.stage.world, &self.stage.host, self.tenant);
        let state = |service: &str| Some(self.report(service, erasure_id, &[]));
        let of_teams = teams::v1::ErasureCarriedOut { state: Some(self.report("teams", erasure_id, kept)) };
        world.deliver(host, tenant, id, no, &of_teams).await;
        let event = matching::v1::ErasureCarriedOut { state: state("matching") };
        world.deliver(host, tenant, id, no, &event).await;
        let event = appointments::v1::ErasureCarriedOut { state: state("appointments") };
        world.deliver(host, tenant, id, no, &event).await;
        let event = finance::v1::ErasureCarriedOut { state: state("finance") };
        world.deliver(host, tenant, id, no, &event).await;
        let event = governance::v1::ErasureCarriedOut { state: state("governance") };
        world.deliver(host, tenant, id, no, &event).await;
        let before = self.get(self.place.administrator, erasure_id).await.expect("the erasure");
        assert_eq!(before.phase(), pb::ErasurePhase::Ordered, "one is missing");
        let event = evaluation::v1::ErasureCarriedOut { state: state("evaluation") };
        world.deliver(host, tenant, id, no, &event).await;
    }

    async fn name_seen_by(&self, who: Actor) -> Option<String> {
        let request = pb::GetPeopleRequest { ids: vec![self.id.to_string()] };
        let people = self.stage.people.get_people(by(who, request)).await.expect("an answer").into_inner();
        people.people.into_iter().next().map(|person| person.display_name)
    }
}

#[tokio::test]
async fn an_erasure_needs_two_ends_the_sign_in_and_takes_the_name_once_all_have_answered() {
    let rights = Rights::new().await;
    let administrator = rights.place.administrator;
    let other = rights.other().await;
    let erasure = rights.ask().await;
    assert_eq!(rights.ask().await, erasure, "asking again answers what is under way");
    for who in [rights.person, other] {
        let code = rights.order(who, &erasure).await.expect_err("not theirs to order").code();
        let expected = if who == other { Code::NotFound } else { Code::PermissionDenied };
        assert_eq!(code, expected);
    }
    assert_eq!(rights.get(other, &erasure).await.expect_err("not theirs").code(), Code::NotFound);
    assert_eq!(rights.name_seen_by(other).await.as_deref(), Some(NAME));

    let ordered = rights.order(administrator, &erasure).await.expect("ordered");
    assert_eq!(ordered.phase(), pb::ErasurePhase::Ordered);
    assert_eq!(
        reason(&rights.stage.attempt(EMAIL, crate::stage::PASSWORD).await.expect_err("gone")).0,
        Code::Unauthenticated,
        "the sign-in has ended"
    );
    assert_eq!(rights.name_seen_by(other).await, None, "the name is hidden while it is under way");
    rights.order(administrator, &erasure).await.expect("a second order changes nothing");
    let orders = rights.stage.world.written(&rights.stage.host).await;
    let orders = orders.iter().filter(|event| event.event_type == "identity.erasure.ordered.v1").count();
    assert_eq!(orders, 1);

    rights.all_answer(&erasure, 1, &[]).await;
    let completed = rights.get(administrator, &erasure).await.expect("the erasure");
    assert_eq!(completed.phase(), pb::ErasurePhase::Completed);
    assert_eq!(completed.reports.len(), 7);
    assert_eq!(rights.name_seen_by(administrator).await.as_deref(), Some("(erased)"));
    assert_eq!(
        rights.name_seen_by(other).await,
        None,
        "who has gone is nobody's fellow, also where a seat goes on"
    );
    let mut admin = rights.stage.world.admin(&rights.stage.host).await;
    for query in [
        "select count(*) from person t where t::text like '%Particular%'",
        "select count(*) from platform.saved_answer t where encode(t.answer, 'escape') like '%Particular%'",
        "select count(*) from signin.account t where t::text like '%particular%'",
    ] {
        let left: i64 = sqlx::query_scalar(query).fetch_one(&mut admin).await.expect("a count");
        assert_eq!(left, 0, "{query}");
    }
}

/// What identity itself must keep counts as what the others keep: legal facts stay as long as a care record does, with the
/// name, and go by themselves afterwards with everything that they ever said.
#[tokio::test]
async fn legal_facts_stay_as_long_as_a_care_record() {
    let rights = Rights::new().await;
    let administrator = rights.place.administrator;
    let legal_facts = LegalFactsFace::new(rights.stage.host.clone());
    let content = pb::LegalFactContent {
        kind: pb::LegalFactKind::Other.into(),
        name: "A particular statement".into(),
        original_place: "A particular drawer".into(),
        ..Default::default()
    };
    let content = Some(content);
    let request = pb::RecordLegalFactRequest { request_id: rights.stage.id(), content, ..Default::default() };
    legal_facts.record_legal_fact(by(rights.person, request)).await.expect("recorded");
    let mut admin = rights.stage.world.admin(&rights.stage.host).await;
    let rows_with = "select (select count(*) from legal_fact t where t::text like '%particular drawer%')
        + (select count(*) from legal_fact_version t where t::text like '%particular drawer%')
        + (select count(*) from platform.saved_answer t where encode(t.answer, 'escape') like '%particular drawer%')";
    let left: i64 = sqlx::query_scalar(rows_with).fetch_one(&mut admin).await.expect("a count");
    assert_eq!(left, 3);

    let erasure = rights.ask().await;
    rights.order(administrator, &erasure).await.expect("ordered");
    rights.all_answer(&erasure, 1, &[]).await;
    let restricted = rights.get(administrator, &erasure).await.expect("the erasure");
    assert_eq!(restricted.phase(), pb::ErasurePhase::Restricted);
    assert_eq!(restricted.restricted_until, "2034-11-21");
    let own = restricted.reports.iter().find(|report| report.service == "identity").expect("its own report");
    let kept = KeptClass { class: "care_record".into(), rows: 2, until: "2034-11-21".into() };
    assert_eq!(own.kept, [kept]);
    assert_eq!(rights.name_seen_by(administrator).await.as_deref(), Some(NAME));

    rights.stage.world.clock.advance(chrono::Duration::days(8 * 366));
    let done = do_what_is_due(&rights.stage.desk).await.expect("done");
    assert_eq!(done.erasures, 1, "it goes on by itself");
    rights.all_answer(&erasure, 2, &[]).await;
    let completed = rights.get(administrator, &erasure).await.expect("the erasure");
    assert_eq!(completed.phase(), pb::ErasurePhase::Completed);
    assert_eq!(rights.name_seen_by(administrator).await.as_deref(), Some("(erased)"));
    let left: i64 = sqlx::query_scalar(rows_with).fetch_one(&mut admin).await.expect("a count");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn what_is_kept_keeps_the_name_with_it_until_it_may_go() {
    let rights = Rights::new().await;
    let administrator = rights.place.administrator;
    let other = rights.other().await;
    let erasure = rights.ask().await;
    rights.order(administrator, &erasure).await.expect("ordered");
    let kept = KeptClass { class: "care_record".into(), rows: 2, until: "2034-11-21".into() };
    rights.all_answer(&erasure, 1, &[kept]).await;
    let restricted = rights.get(administrator, &erasure).await.expect("the erasure");
    assert_eq!(restricted.phase(), pb::ErasurePhase::Restricted);
    assert_eq!(restricted.restricted_until, "2034-11-21");
    assert_eq!(rights.name_seen_by(other).await, None);
    assert_eq!(rights.name_seen_by(administrator).await.as_deref(), Some(NAME));

    // Years later it is ordered again, and everybody is asked anew.
    let again = rights.order(administrator, &erasure).await.expect("ordered again");
    assert_eq!((again.phase(), again.reports.len()), (pb::ErasurePhase::Ordered, 0));
    rights.all_answer(&erasure, 2, &[]).await;
    let completed = rights.get(administrator, &erasure).await.expect("the erasure");
    assert_eq!(completed.phase(), pb::ErasurePhase::Completed);
    assert_eq!(rights.name_seen_by(administrator).await.as_deref(), Some("(erased)"));
}

#[tokio::test]
async fn a_hold_refuses_until_it_is_lifted_and_nobody_orders_their_own_erasure() {
    let rights = Rights::new().await;
    let administrator = rights.place.administrator;
    let erasure = rights.ask().await;
    let request = pb::SetLegalHoldRequest {
        request_id: rights.stage.id(),
        person_id: rights.id.to_string(),
        basis: pb::HoldBasis::Litigation.into(),
    };
    let denied =
        rights.face.set_legal_hold(by(rights.person, request.clone())).await.expect_err("not theirs");
    assert_eq!(denied.code(), Code::NotFound, "who may not list people learns nothing");
    let hold = rights.face.set_legal_hold(by(administrator, request)).await.expect("set").into_inner();
    let refused = rights.order(administrator, &erasure).await.expect_err("held");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "LEGAL_HOLD".into()));
    rights.stage.attempt(EMAIL, crate::stage::PASSWORD).await.expect("the sign-in has not ended");
    let lift = pb::LiftLegalHoldRequest {
        request_id: rights.stage.id(),
        legal_hold_id: hold.legal_hold.expect("a hold").id,
    };
    rights.face.lift_legal_hold(by(administrator, lift)).await.expect("lifted");
    rights.order(administrator, &erasure).await.expect("ordered");

    let request = pb::AskErasureRequest { request_id: rights.stage.id(), ..Default::default() };
    let own = rights.face.ask_erasure(by(administrator, request)).await.expect("asked").into_inner();
    let own = own.erasure.expect("an erasure").id;
    let refused = rights.order(administrator, &own).await.expect_err("their own");
    assert_eq!(refused.code(), Code::PermissionDenied, "two must have looked at it");
}

/// Who leads on privacy answers requests; an administrator does where nobody else leads, and never beside them.
#[tokio::test]
async fn the_privacy_lead_answers_requests_and_an_administrator_only_where_nobody_else_leads() {
    let rights = Rights::new().await;
    let (stage, administrator) = (&rights.stage, rights.place.administrator);
    let lead = stage.joined(&rights.place, "lead@place.example", &[OrganisationRole::PrivacyLead]).await;
    let other = rights.other().await;
    let access = async |who: Actor, person_id: String| {
        let request = pb::OpenAccessRequestRequest { request_id: stage.id(), person_id };
        rights.face.open_access_request(by(who, request)).await.map(|_| ())
    };
    let list = async |who: Actor| {
        let listed = rights.face.list_erasures(by(who, pb::ListErasuresRequest::default())).await?;
        Ok::<_, tonic::Status>(listed.into_inner().erasures.len())
    };
    let hold = async |who: Actor, person_id: String| {
        let basis = pb::HoldBasis::Safeguarding.into();
        let request = pb::SetLegalHoldRequest { request_id: stage.id(), person_id, basis };
        let set = rights.face.set_legal_hold(by(who, request)).await?.into_inner();
        Ok::<_, tonic::Status>(set.legal_hold.expect("a hold").id)
    };
    let lift = async |who: Actor, legal_hold_id: &str| {
        let (request_id, legal_hold_id) = (stage.id(), legal_hold_id.to_owned());
        let request = pb::LiftLegalHoldRequest { request_id, legal_hold_id };
        rights.face.lift_legal_hold(by(who, request)).await.map(|_| ())
    };

    let (asked, person) = (rights.ask().await, rights.id.to_string());
    access(lead, person.clone()).await.expect("theirs to answer");
    assert_eq!(list(lead).await.expect("theirs to see"), 1);
    let denied = access(administrator, person.clone()).await.expect_err("somebody leads");
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert_eq!(rights.get(administrator, &asked).await.expect_err("not theirs").code(), Code::NotFound);
    assert_eq!(list(administrator).await.expect_err("not theirs").code(), Code::PermissionDenied);
    assert_eq!(access(other, person.clone()).await.expect_err("nobody").code(), Code::NotFound);

    // A hold only keeps: either sets one, and who leads lifts it, unless it is about themselves.
    let held = hold(administrator, person.clone()).await.expect("an administrator sets it");
    assert_eq!(lift(administrator, &held).await.expect_err("not theirs").code(), Code::PermissionDenied);
    let refused = rights.order(lead, &asked).await.expect_err("held");
    assert_eq!(reason(&refused), (Code::FailedPrecondition, "LEGAL_HOLD".into()));
    lift(lead, &held).await.expect("lifted");
    let own = hold(lead, lead.id().to_string()).await.expect("set");
    assert_eq!(lift(lead, &own).await.expect_err("about themselves").code(), Code::PermissionDenied);
    lift(administrator, &own).await.expect("an administrator, since nobody else leads");
    rights.order(lead, &asked).await.expect("ordered");
    assert_eq!(rights.name_seen_by(lead).await.as_deref(), Some(NAME));

    // Their own request: an administrator stands in.
    let request = pb::AskErasureRequest { request_id: stage.id(), ..Default::default() };
    let of_lead = rights.face.ask_erasure(by(lead, request)).await.expect("asked").into_inner();
    let of_lead = of_lead.erasure.expect("an erasure").id;
    assert_eq!(rights.order(lead, &of_lead).await.expect_err("their own").code(), Code::PermissionDenied);
    access(administrator, lead.id().to_string()).await.expect("stands in");
    rights.order(administrator, &of_lead).await.expect("ordered");
}

/// What had to stay goes by itself once its time is over: not a day before, not under a legal hold, and once however many
/// look for it at the same moment.
#[tokio::test]
async fn an_erasure_goes_on_by_itself_when_what_had_to_stay_may_go() {
    let rights = Rights::new().await;
    let (stage, administrator) = (&rights.stage, rights.place.administrator);
    let erasure = rights.ask().await;
    rights.order(administrator, &erasure).await.expect("ordered");
    let kept = |class: &str, until: &str| KeptClass { class: class.into(), rows: 2, until: until.into() };
    rights
        .all_answer(&erasure, 1, &[kept("care_record", "2034-11-21"), kept("duty_roster", "2032-11-21")])
        .await;
    let desk = &stage.desk;
    let orders = async || {
        let written = stage.world.written(&stage.host).await;
        written.iter().filter(|event| event.event_type == "identity.erasure.ordered.v1").count()
    };
    let advance_to = |day: &str| {
        let noon =
            day.parse::<chrono::NaiveDate>().expect("a day").and_hms_opt(12, 0, 0).expect("noon").and_utc();
        stage.world.clock.advance(noon - stage.world.clock.now());
    };
    assert_eq!(do_what_is_due(desk).await.expect("looked").erasures, 0, "today");
    advance_to("2032-11-20");
    assert_eq!(do_what_is_due(desk).await.expect("looked").erasures, 0, "the day before");

    advance_to("2032-11-21");
    let request = pb::SetLegalHoldRequest {
        request_id: stage.id(),
        person_id: rights.id.to_string(),
        basis: pb::HoldBasis::Inquiry.into(),
    };
    let hold = rights.face.set_legal_hold(by(administrator, request)).await.expect("set").into_inner();
    assert_eq!(do_what_is_due(desk).await.expect("looked").erasures, 0, "held");
    let legal_hold_id = hold.legal_hold.expect("a hold").id;
    let lift = pb::LiftLegalHoldRequest { request_id: stage.id(), legal_hold_id };
    rights.face.lift_legal_hold(by(administrator, lift)).await.expect("lifted");

    // Two replicas at the same moment: one order.
    let (one, two) = tokio::join!(do_what_is_due(desk), do_what_is_due(desk));
    assert_eq!(one.expect("looked").erasures + two.expect("looked").erasures, 1);
    assert_eq!(orders().await, 2);
    let under_way = rights.get(administrator, &erasure).await.expect("the erasure");
    assert_eq!(
        (under_way.phase(), under_way.reports.len()),
        (pb::ErasurePhase::Ordered, 0),
        "all are asked anew"
    );
    assert_eq!(rights.name_seen_by(administrator).await.as_deref(), Some(NAME), "the care record needs it");

    // What is said to be due already rests for a day, so that nobody is asked over and over.
    rights.all_answer(&erasure, 2, &[kept("care_record", "2032-11-21")]).await;
    assert_eq!(do_what_is_due(desk).await.expect("looked").erasures, 0, "asked a moment ago");
    advance_to("2032-11-22");
    stage.world.clock.advance(chrono::Duration::minutes(1));
    assert_eq!(do_what_is_due(desk).await.expect("looked").erasures, 1);
    rights.all_answer(&erasure, 3, &[]).await;
    let completed = rights.get(administrator, &erasure).await.expect("the erasure");
    assert_eq!(completed.phase(), pb::ErasurePhase::Completed);
    assert_eq!(rights.name_seen_by(administrator).await.as_deref(), Some("(erased)"));
    advance_to("2040-01-01");
    assert_eq!(do_what_is_due(desk).await.expect("looked").erasures, 0, "nothing is left");
    assert_eq!(orders().await, 3);
    println!(
        "erasures carried on by themselves: 2 of 2 due, 0 early, 0 under hold, 1 by two replicas at once"
    );
}

#[tokio::test]
async fn retention_classes_come_with_their_sources_and_the_tenants_own_word_counts() {
    let rights = Rights::new().await;
    let administrator = rights.place.administrator;
    let list = async || {
        let answer =
            rights.face.list_retention_classes(by(rights.person, pb::ListRetentionClassesRequest {}));
        answer.await.expect("listed").into_inner().retention_classes
    };
    let defaults = list().await;
    assert_eq!(defaults.len(), 9);
    assert!(defaults.iter().all(|class| !class.source.is_empty()));
    let care = |classes: &[pb::RetentionClass]| {
        classes.iter().find(|class| class.class == "care_record").expect("care records").months
    };
    assert_eq!(care(&defaults), Some(96));
    for (valid_from, months, expected) in
        [("2026-11-22", 120, 96), ("2026-11-21", 108, 108), ("2026-11-01", 100, 108)]
    {
        let class = pb::RetentionClass {
            class: "care_record".into(),
            valid_from: valid_from.into(),
            months: Some(months),
            counts_from: "end of care".into(),
            basis: "contract".into(),
            source: "council's schedule".into(),
        };
        let request =
            pb::SetRetentionClassRequest { request_id: rights.stage.id(), retention_class: Some(class) };
        rights.face.set_retention_class(by(administrator, request)).await.expect("set");
        assert_eq!(care(&list().await), Some(expected), "from {valid_from}");
    }
    let unknown = pb::RetentionClass {
        class: "gossip".into(),
        valid_from: "2026-11-21".into(),
        counts_from: "never".into(),
        basis: "none".into(),
        source: "none".into(),
        months: None,
    };
    let request =
        pb::SetRetentionClassRequest { request_id: rights.stage.id(), retention_class: Some(unknown) };
    let refused = rights.face.set_retention_class(by(administrator, request)).await.expect_err("unknown");
    assert_eq!(refused.code(), Code::NotFound);
}

#[tokio::test]
async fn sign_in_answers_what_it_keeps_and_no_secret() {
    let rights = Rights::new().await;
    let rows = rights.face.export_sign_in(by(rights.person, pb::ExportSignInRequest {})).await;
    let rows = rows.expect("their own").into_inner().rows;
    let tables: Vec<&str> = rows.iter().map(|row| row.table.as_str()).collect();
    for table in ["signin.account", "signin.invitation", "signin.refresh_family", "signin.sign_in_place"] {
        assert!(tables.contains(&table), "{tables:?}");
    }
    let text: String = rows.iter().map(|row| row.json.as_str()).collect();
    assert!(text.contains(EMAIL));
    assert!(!text.contains("argon2") && !text.contains("hash"), "{text}");
}
