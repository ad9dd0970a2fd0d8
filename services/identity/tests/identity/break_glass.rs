//! Emergency looks at what identity itself keeps of somebody: who they are, how to reach and understand them, and which papers
//! there are about what may be done to them. No other service is there: such a look needs none.

use chrono::Duration;
use kith_identity::{
    BreakGlassFace, CommunicationFace, Desk, LeavingFace, LegalFactsFace, TenantLifeFace,
    queue_mail_about_looks,
};
use kith_platform::break_glass::BreakGlass;
use kith_platform::context::Actor;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::common::v1 as common;
use kith_proto::common::v1::OrganisationRole::{PrivacyLead, RegisteredManager};
use kith_proto::common::v1::break_glass_service_server::BreakGlassService as _;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::break_glass_review_service_server::BreakGlassReviewService as _;
use kith_proto::identity::v1::communication_service_server::CommunicationService as _;
use kith_proto::identity::v1::leaving_service_server::LeavingService as _;
use kith_proto::identity::v1::legal_facts_service_server::LegalFactsService as _;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use kith_proto::identity::v1::tenant_life_service_server::TenantLifeService as _;
use kith_proto::identity::v1::tenant_service_server::TenantService as _;
use tonic::{Code, Status};

use crate::mailed::{Mailed, sent};
use crate::stage::by;

const RED_FOLDER: &str = "In the red folder by the door";
const NEEDS: &str = "Large print, and time to answer";
const STATED: &str = "she lies on the floor and cannot speak";

struct Cast {
    mailed: Mailed,
    owner: Actor,
    contact: Actor,
    lead: Actor,
    /// Holds a role that opens nothing here but an emergency look.
    manager: Actor,
    fact: pb::LegalFact,
}

impl Cast {
    async fn new() -> Self {
        let mailed = Mailed::up().await;
        let (stage, place) = (&mailed.stage, &mailed.place);
        let owner = stage.joined(place, "owner@clapton.example", &[]).await;
        let contact = stage.joined(place, "contact@clapton.example", &[]).await;
        let lead = stage.joined(place, "lead@clapton.example", &[PrivacyLead]).await;
        let manager = stage.joined(place, "manager@clapton.example", &[RegisteredManager, PrivacyLead]).await;
        let content = pb::LegalFactContent {
            kind: pb::LegalFactKind::DoNotAttemptCpr.into(),
            original_place: RED_FOLDER.into(),
            ..Default::default()
        };
        let record = pb::RecordLegalFactRequest {
            request_id: stage.id(),
            content: Some(content),
            ..Default::default()
        };
        let facts = LegalFactsFace::new(stage.host.clone());
        let recorded = facts.record_legal_fact(by(owner, record)).await.expect("recorded").into_inner();
        let say = pb::SetCommunicationRequest {
            request_id: stage.id(),
            preferred_channel: pb::Channel::Phone.into(),
            needs: NEEDS.into(),
        };
        CommunicationFace::new(stage.host.clone()).set_communication(by(owner, say)).await.expect("said");
        let choose =
            pb::ChooseContactRequest { request_id: stage.id(), contact_person_id: contact.id().to_string() };
        let reviews = BreakGlassFace::new(mailed.desk.clone());
        reviews.choose_contact(by(owner, choose)).await.expect("chosen");
        stage.hear_itself().await;
        let fact = recorded.legal_fact.expect("a legal fact");
        Self { mailed, owner, contact, lead, manager, fact }
    }

    async fn open(&self, who: Actor, stated: &str, minutes: i32) -> Result<common::BreakGlass, Status> {
        let request = common::OpenBreakGlassRequest {
            request_id: self.mailed.stage.id(),
            person_id: self.owner.id().to_string(),
            reason: "risk_to_life".into(),
            stated_reason: stated.into(),
            minutes,
        };
        let glass = BreakGlass::new(self.mailed.stage.host.clone());
        let opened = glass.open_break_glass(by(who, request)).await?.into_inner();
        Ok(opened.break_glass.expect("a look"))
    }

    async fn facts(&self, who: Actor) -> Result<Vec<pb::LegalFact>, Status> {
        let person_id = self.owner.id().to_string();
        let request = pb::ListLegalFactsRequest { person_id, ..Default::default() };
        let face = LegalFactsFace::new(self.mailed.stage.host.clone());
        Ok(face.list_legal_facts(by(who, request)).await?.into_inner().legal_facts)
    }

    async fn communication(&self, who: Actor) -> Result<pb::Communication, Status> {
        let request = pb::GetCommunicationRequest { person_id: self.owner.id().to_string() };
        let face = CommunicationFace::new(self.mailed.stage.host.clone());
        Ok(face.get_communication(by(who, request)).await?.into_inner().communication.expect("an answer"))
    }

    /// The names of the owner and of their contact, as far as somebody may know them.
    async fn names(&self, who: Actor) -> Vec<String> {
        let ids = vec![self.owner.id().to_string(), self.contact.id().to_string()];
        let answer = self.mailed.stage.people.get_people(by(who, pb::GetPeopleRequest { ids })).await;
        answer.expect("an answer").into_inner().people.into_iter().map(|person| person.id).collect()
    }

    /// Whether nothing of the owner is there for somebody.
    async fn is_hidden_from(&self, who: Actor) -> bool {
        let not_found = (Code::NotFound, "NOT_FOUND".to_owned());
        let facts = reason(&self.facts(who).await.expect_err("no legal facts"));
        let communication = reason(&self.communication(who).await.expect_err("no preferences"));
        facts == not_found && communication == not_found
    }

    async fn told(&self, who: Actor) -> Vec<(String, String)> {
        let face = BreakGlassFace::new(self.mailed.desk.clone());
        let listed =
            face.list_break_glass_notices(by(who, pb::ListBreakGlassNoticesRequest::default())).await;
        let notices = listed.expect("the notices").into_inner().notices;
        notices.into_iter().map(|notice| (notice.service, notice.told_as)).collect()
    }

    async fn close_review(&self, who: Actor, look: &str) -> Result<(), Status> {
        let request = pb::CloseBreakGlassReviewRequest {
            request_id: self.mailed.stage.id(),
            break_glass_id: look.to_owned(),
            finding: pb::BreakGlassFinding::Justified.into(),
        };
        let face = BreakGlassFace::new(self.mailed.desk.clone());
        face.close_break_glass_review(by(who, request)).await.map(|_| ())
    }
}

/// Proves ID-52 in identity: stated, an hour at most, what an emergency needs and nothing else, changing nothing; the
/// person, their contact and the privacy lead are told and written to; a review opens that the reader cannot close.
#[tokio::test]
async fn an_emergency_look_shows_name_papers_and_how_to_reach_somebody_and_is_told_and_reviewed() {
    let cast = Cast::new().await;
    let (owner, manager, lead) = (cast.owner, cast.manager, cast.lead);
    assert!(cast.is_hidden_from(manager).await && cast.is_hidden_from(lead).await);
    let refused = cast.open(cast.contact, STATED, 0).await.expect_err("no role");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let refused = cast.open(manager, "need it", 61).await.expect_err("no reason is stated");
    assert_eq!(wrong_fields(&refused), ["stated_reason"]);
    let refused = cast.open(manager, STATED, 61).await.expect_err("too long");
    assert_eq!(wrong_fields(&refused), ["minutes"]);

    let look = cast.open(manager, STATED, 0).await.expect("opened");
    let (opened, ends) = (look.open_time.expect("a time"), look.end_time.expect("a time"));
    assert_eq!(ends.seconds - opened.seconds, 60 * 60);
    let seen = cast.facts(manager).await.expect("the papers");
    let content = seen[0].content.clone().expect("what it says");
    assert_eq!(
        (content.kind(), content.original_place.as_str()),
        (pb::LegalFactKind::DoNotAttemptCpr, RED_FOLDER)
    );
    let said = cast.communication(manager).await.expect("how to reach them");
    assert_eq!((said.preferred_channel(), said.needs.as_str()), (pb::Channel::Phone, NEEDS));
    assert!(cast.is_hidden_from(lead).await, "another's look is nobody else's");

    // What it ever said is not needed, and who only looks changes nothing.
    let facts = LegalFactsFace::new(cast.mailed.stage.host.clone());
    let legal_fact_id = cast.fact.id.clone();
    let ever =
        pb::ListLegalFactVersionsRequest { legal_fact_id: legal_fact_id.clone(), ..Default::default() };
    let refused = facts.list_legal_fact_versions(by(manager, ever)).await.expect_err("not its history");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let end =
        pb::EndLegalFactRequest { request_id: cast.mailed.stage.id(), legal_fact_id, etag: String::new() };
    let refused = facts.end_legal_fact(by(manager, end)).await.expect_err("a look only");
    assert_eq!(refused.code(), Code::PermissionDenied);

    // Told, reviewed, written to.
    cast.mailed.stage.hear_itself().await;
    let as_what = |word: &str| vec![("identity".to_owned(), word.to_owned())];
    assert_eq!(cast.told(owner).await, as_what("person"));
    assert_eq!(cast.told(cast.contact).await, as_what("contact"));
    assert_eq!(cast.told(lead).await, as_what("privacy_lead"));
    assert_eq!(cast.told(manager).await, []);
    assert_eq!(queue_mail_about_looks(&cast.mailed.desk).await.expect("looked"), 3);
    assert_eq!(cast.mailed.deliver().await, sent(3));
    for mail in cast.mailed.server.take() {
        for secret in [STATED, RED_FOLDER, NEEDS, &look.id] {
            assert!(!mail.text.contains(secret), "{secret}: {}", mail.text);
        }
    }
    let refused = cast.close_review(manager, &look.id).await.expect_err("the reader leads on privacy too");
    assert_eq!(refused.code(), Code::PermissionDenied);
    cast.close_review(lead, &look.id).await.expect("closed by another");

    cast.mailed.later(Duration::minutes(60));
    assert!(cast.is_hidden_from(manager).await, "it has ended");
    let mut admin = cast.mailed.stage.world.admin(&cast.mailed.stage.host).await;
    let under: Vec<String> = sqlx::query_scalar(
        "select distinct action from platform.audit where actor_id = $1 and person_id = $2 and allowed
             and basis = $3 order by 1",
    )
    .bind(manager.id())
    .bind(owner.id())
    .bind(format!("break_glass:{}", look.id))
    .fetch_all(&mut admin)
    .await
    .expect("the audit");
    assert_eq!(under, ["GetCommunication", "ListLegalFacts"]);
    let elsewhere: i64 = sqlx::query_scalar(
        "select (select count(*) from platform.audit a where a::text like '%' || $1 || '%')
              + (select count(*) from platform.outbox o where position($1::bytea in o.payload) > 0)",
    )
    .bind("lies on the floor")
    .fetch_one(&mut admin)
    .await
    .expect("a number");
    assert_eq!(elsewhere, 0, "the reason stands in no audit and no event");
}

/// The name is that of the person alone, and an emergency is somebody's who is here: of who has left a look opens nothing.
#[tokio::test]
async fn an_emergency_look_names_the_person_alone_and_nobody_who_has_left() {
    let cast = Cast::new().await;
    let (stage, place) = (&cast.mailed.stage, &cast.mailed.place);
    let other = stage.joined(place, "other@clapton.example", &[RegisteredManager]).await;
    stage.hear_itself().await;
    assert!(cast.names(other).await.is_empty(), "a role alone names nobody");
    cast.open(other, STATED, 0).await.expect("opened");
    assert_eq!(cast.names(other).await, [cast.owner.id().to_string()]);
    let leave = pb::LeaveTenantRequest { request_id: stage.id() };
    LeavingFace::new(stage.desk.clone()).leave_tenant(by(cast.owner, leave)).await.expect("left");
    assert!(cast.names(other).await.is_empty());
    assert!(cast.is_hidden_from(other).await);
}

/// Somebody may be in danger whatever state their co-op is in. Suspended: told as ever; frozen: told with the thaw.
#[tokio::test]
async fn an_emergency_look_is_possible_in_a_suspended_and_in_a_frozen_tenant() {
    let cast = Cast::new().await;
    let (stage, place) = (&cast.mailed.stage, &cast.mailed.place);
    let life = TenantLifeFace::new(Desk::new(stage.host.clone()));
    let tenant_id = || place.tenant.id.clone();
    let live = pb::GoLiveRequest { request_id: stage.id() };
    stage.tenants.go_live(by(place.administrator, live)).await.expect("live");
    let operator = cast.mailed.operator;

    let suspend = pb::SuspendTenantRequest { request_id: stage.id(), tenant_id: tenant_id() };
    life.suspend_tenant(by(operator, suspend)).await.expect("suspended");
    cast.open(cast.manager, STATED, 5).await.expect("opened");
    assert_eq!(cast.facts(cast.manager).await.expect("seen").len(), 1);
    stage.hear_itself().await;
    assert_eq!(cast.told(cast.owner).await.len(), 1, "told at once");
    let resume = pb::ResumeTenantRequest { request_id: stage.id(), tenant_id: tenant_id() };
    life.resume_tenant(by(operator, resume)).await.expect("live again");

    let freeze = pb::FreezeTenantRequest { request_id: stage.id(), tenant_id: tenant_id() };
    life.freeze_tenant(by(operator, freeze)).await.expect("frozen");
    let rows = async || {
        let mut admin = stage.world.admin(&stage.host).await;
        let sql =
            "select (select count(*) from platform.outbox), (select count(*) from platform.break_glass)";
        let rows: (i64, i64) = sqlx::query_as(sql).fetch_one(&mut admin).await.expect("counts");
        rows
    };
    let before = rows().await;
    cast.open(cast.lead, STATED, 0).await.expect("opened");
    assert_eq!(cast.communication(cast.lead).await.expect("seen").needs, NEEDS);
    assert_eq!(rows().await, before, "nothing that moves has changed");
    let thaw = pb::ThawTenantRequest { request_id: stage.id(), tenant_id: tenant_id() };
    life.thaw_tenant(by(operator, thaw)).await.expect("thawed");
    stage.hear_itself().await;
    assert_eq!(cast.told(cast.owner).await.len(), 2, "told with the thaw");
    println!("identity: emergency looks opened and seen while suspended 1, while frozen 1, told 2");
}
