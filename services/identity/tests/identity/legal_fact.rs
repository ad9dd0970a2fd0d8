//! Legal facts: written by the person, who acts for them or who checks; seen by a second pair of eyes; read by few.

use chrono::Duration;
use kith_identity::{LeavingFace, LegalFactsFace, RepresentativesFace};
use kith_platform::context::Actor;
use kith_platform::id::Uuid;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::common::v1 as common;
use kith_proto::common::v1::OrganisationRole;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::consent_service_server::ConsentService as _;
use kith_proto::identity::v1::integrator_service_server::IntegratorService as _;
use kith_proto::identity::v1::leaving_service_server::LeavingService as _;
use kith_proto::identity::v1::legal_facts_service_server::LegalFactsService as _;
use kith_proto::identity::v1::representatives_service_server::RepresentativesService as _;
use pb::{LegalFactKind as Kind, LegalFactStep as Step, LegalFactWriter as Writer};
use tonic::{Code, Status};

use crate::stage::{Place, Stage, by};

const RED_FOLDER: &str = "In the red folder by the door";

struct Cast {
    stage: Stage,
    face: LegalFactsFace,
    place: Place,
    owner: Actor,
    sister: Actor,
    giver: Actor,
    checks: Actor,
    other_checks: Actor,
}

fn says(kind: Kind, valid_from: &str, valid_until: &str) -> pb::LegalFactContent {
    pb::LegalFactContent {
        kind: kind.into(),
        valid_from: valid_from.into(),
        valid_until: valid_until.into(),
        original_place: RED_FOLDER.into(),
        ..Default::default()
    }
}

fn not_found() -> (Code, String) {
    (Code::NotFound, "NOT_FOUND".into())
}

fn denied() -> (Code, String) {
    (Code::PermissionDenied, "PERMISSION_DENIED".into())
}

impl Cast {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let place = stage.place(stage.operator().await, "clapton").await;
        let owner = stage.joined(&place, "owner@clapton.example", &[]).await;
        let sister = stage.joined(&place, "sister@clapton.example", &[]).await;
        let giver = stage.joined(&place, "giver@clapton.example", &[]).await;
        let checks = stage.joined(&place, "checks@clapton.example", &[OrganisationRole::Checks]).await;
        let other_checks = stage.joined(&place, "other@clapton.example", &[OrganisationRole::Checks]).await;
        let face = LegalFactsFace::new(stage.host.clone());
        Self { stage, face, place, owner, sister, giver, checks, other_checks }
    }

    async fn record(&self, who: Actor, content: pb::LegalFactContent) -> Result<pb::LegalFact, Status> {
        self.record_as(who, String::new(), content).await
    }

    async fn record_as(
        &self,
        who: Actor,
        id: String,
        content: pb::LegalFactContent,
    ) -> Result<pb::LegalFact, Status> {
        let request = pb::RecordLegalFactRequest {
            request_id: self.stage.id(),
            id,
            person_id: self.owner.id().to_string(),
            content: Some(content),
        };
        let answer = self.face.record_legal_fact(by(who, request)).await?.into_inner();
        Ok(answer.legal_fact.expect("a legal fact"))
    }

    async fn correct(
        &self,
        who: Actor,
        fact: &pb::LegalFact,
        content: pb::LegalFactContent,
    ) -> Result<pb::LegalFact, Status> {
        let request = pb::CorrectLegalFactRequest {
            request_id: self.stage.id(),
            legal_fact_id: fact.id.clone(),
            content: Some(content),
            etag: fact.etag.clone(),
        };
        let answer = self.face.correct_legal_fact(by(who, request)).await?.into_inner();
        Ok(answer.legal_fact.expect("a legal fact"))
    }

    async fn confirm(&self, who: Actor, fact: &pb::LegalFact) -> Result<pb::LegalFact, Status> {
        let request = pb::ConfirmOriginalRequest {
            request_id: self.stage.id(),
            legal_fact_id: fact.id.clone(),
            etag: fact.etag.clone(),
        };
        let answer = self.face.confirm_original(by(who, request)).await?.into_inner();
        Ok(answer.legal_fact.expect("a legal fact"))
    }

    async fn end(&self, who: Actor, fact: &pb::LegalFact) -> Result<pb::LegalFact, Status> {
        let request = pb::EndLegalFactRequest {
            request_id: self.stage.id(),
            legal_fact_id: fact.id.clone(),
            etag: String::new(),
        };
        let answer = self.face.end_legal_fact(by(who, request)).await?.into_inner();
        Ok(answer.legal_fact.expect("a legal fact"))
    }

    async fn list(&self, who: Actor) -> Result<Vec<pb::LegalFact>, Status> {
        let person_id = self.owner.id().to_string();
        let request = pb::ListLegalFactsRequest { person_id, ..Default::default() };
        Ok(self.face.list_legal_facts(by(who, request)).await?.into_inner().legal_facts)
    }

    async fn versions(&self, who: Actor, id: &str) -> Result<Vec<pb::LegalFactVersion>, Status> {
        let request = pb::ListLegalFactVersionsRequest { legal_fact_id: id.into() };
        Ok(self.face.list_legal_fact_versions(by(who, request)).await?.into_inner().versions)
    }

    /// The sister acts for the owner on that basis, which somebody has seen.
    /// Writes down that somebody acts for the owner; answers the record's id. Nobody has seen yet on what it rests.
    async fn said_to_act(&self, who: Actor, scope: common::RepresentationScope) -> String {
        let request = pb::RecordRepresentativeRequest {
            request_id: self.stage.id(),
            person_id: self.owner.id().to_string(),
            representative_person_id: who.id().to_string(),
            basis: common::RepresentationBasis::Deputyship.into(),
            scopes: vec![scope.into()],
            ..Default::default()
        };
        let face = RepresentativesFace::new(self.stage.host.clone());
        let recorded = face.record_representative(by(self.checks, request)).await.expect("recorded");
        recorded.into_inner().representative.expect("a representative").id
    }

    async fn sister_acts(&self, scope: common::RepresentationScope) {
        let face = RepresentativesFace::new(self.stage.host.clone());
        let representative_id = self.said_to_act(self.sister, scope).await;
        let request = pb::ConfirmRepresentativeRequest {
            request_id: self.stage.id(),
            representative_id,
            ..Default::default()
        };
        face.confirm_representative(by(self.other_checks, request)).await.expect("confirmed");
    }

    /// The owner lets somebody see their legal facts; answers the consent's id.
    async fn let_see(&self, kind: common::GranteeKind, id: String) -> String {
        let request = pb::GiveConsentRequest {
            request_id: self.stage.id(),
            part: "document.legal".into(),
            purpose: "support".into(),
            grantee: Some(common::Grantee { kind: kind.into(), id, hat: String::new() }),
            valid_until: "2027-11-21".into(),
            ..Default::default()
        };
        let given = self.stage.consents.give_consent(by(self.owner, request)).await.expect("given");
        given.into_inner().consent.expect("a consent").id
    }

    async fn withdraw(&self, consent_id: String) {
        let request = pb::WithdrawConsentRequest { request_id: self.stage.id(), consent_id };
        self.stage.consents.withdraw_consent(by(self.owner, request)).await.expect("withdrawn");
    }

    /// On which bases somebody did something that was written down.
    async fn bases(&self, who: Actor, action: &str) -> Vec<String> {
        let mut admin = self.stage.world.admin(&self.stage.host).await;
        sqlx::query_scalar(
            "select basis from platform.audit
             where action = $1 and actor_id = $2 and person_id = $3 and allowed",
        )
        .bind(action)
        .bind(who.id())
        .bind(self.owner.id())
        .fetch_all(&mut admin)
        .await
        .expect("the audit")
    }
}

/// An attorney who also checks is no second pair of eyes: not for what their own power rests on, whatever it is about, even
/// while nobody has confirmed it.
#[tokio::test]
async fn nobody_who_is_to_act_for_somebody_confirms_an_original_of_theirs() {
    let cast = Cast::new().await;
    let power = says(Kind::AttorneyProperty, "2020-01-01", "");
    let fact = cast.record(cast.checks, power).await.expect("recorded");
    cast.said_to_act(cast.other_checks, common::RepresentationScope::Property).await;
    let refused = cast.confirm(cast.other_checks, &fact).await.expect_err("it may be their own");
    assert_eq!(reason(&refused), denied());
}

/// Proves ID-26: advance decisions and DNACPR, powers of attorney and deprivations of liberty are kept with their days and
/// where the original lies; written by the person, by who acts for them in health and welfare or by the checks role, each with
/// the basis; the original is confirmed by another; and what was corrected or ended stays in its history.
#[tokio::test]
async fn they_are_written_by_few_seen_by_another_and_never_deleted() {
    let cast = Cast::new().await;
    let will = says(Kind::AdvanceDecision, "2024-05-01", "");
    let request = pb::RecordLegalFactRequest {
        request_id: cast.stage.id(),
        content: Some(will.clone()),
        ..Default::default()
    };
    let own = cast.face.record_legal_fact(by(cast.owner, request)).await.expect("about oneself").into_inner();
    let own = own.legal_fact.expect("a legal fact");
    let written = own.written.clone().expect("who wrote it");
    assert_eq!((&own.person_id, written.writer()), (&cast.owner.id().to_string(), Writer::Self_));
    assert_eq!((own.content.as_ref(), own.seen_by_person_id.as_str()), (Some(&will), ""));

    cast.stage.world.clock.advance(Duration::minutes(1));
    // Who acts in matters of money alone writes nothing, and finds nothing.
    cast.sister_acts(common::RepresentationScope::Property).await;
    let cpr = says(Kind::DoNotAttemptCpr, "2026-10-01", "");
    let refused = cast.record(cast.sister, cpr.clone()).await.expect_err("not in these matters");
    assert_eq!(reason(&refused), not_found());
    cast.sister_acts(common::RepresentationScope::HealthAndWelfare).await;
    let acted = cast.record(cast.sister, cpr).await.expect("acts for them");
    let written = acted.written.clone().expect("who wrote it");
    assert_eq!(written.writer(), Writer::Representative);
    assert_eq!(written.representation_basis(), common::RepresentationBasis::Deputyship);
    let power = says(Kind::AttorneyProperty, "2020-01-01", "");
    let checked = cast.record(cast.checks, power.clone()).await.expect("who checks");
    assert_eq!(checked.written.as_ref().map(pb::LegalFactWritten::writer), Some(Writer::Checks));
    for nobody in [cast.giver, cast.place.administrator] {
        assert_eq!(reason(&cast.record(nobody, will.clone()).await.expect_err("not theirs")), not_found());
    }

    // The original is seen by who checks, but not by who wrote it, not by the person, not by who acts for them.
    for (who, why) in [
        (cast.checks, denied()),
        (cast.owner, denied()),
        (cast.sister, denied()),
        (cast.giver, not_found()),
        (cast.place.administrator, not_found()),
    ] {
        assert_eq!(reason(&cast.confirm(who, &checked).await.expect_err("not theirs")), why);
    }
    let seen = cast.confirm(cast.other_checks, &checked).await.expect("seen");
    assert_eq!(seen.seen_by_person_id, cast.other_checks.id().to_string());
    assert_eq!(
        reason(&cast.confirm(cast.other_checks, &checked).await.expect_err("stale")).1,
        "STALE_ETAG",
        "what was compared has to be what is written"
    );

    // A correction has to be seen anew, and by nobody who wrote any of it.
    let moved = pb::LegalFactContent { original_place: "With the solicitor".into(), ..power.clone() };
    let corrected = cast.correct(cast.other_checks, &seen, moved.clone()).await.expect("corrected");
    assert_eq!((corrected.content.as_ref(), corrected.seen_by_person_id.as_str()), (Some(&moved), ""));
    for who in [cast.checks, cast.other_checks] {
        assert_eq!(reason(&cast.confirm(who, &corrected).await.expect_err("wrote some of it")), denied());
    }
    cast.stage.world.clock.advance(Duration::days(30));
    let ended = cast.end(cast.owner, &corrected).await.expect("ended");
    assert_eq!(ended.content.as_ref().map(|said| said.valid_until.as_str()), Some("2026-12-21"));
    let again = cast.correct(cast.owner, &ended, power.clone()).await.expect_err("it has ended");
    assert_eq!(reason(&again), (Code::FailedPrecondition, "LEGAL_FACT_ENDED".into()));
    assert_eq!(cast.end(cast.owner, &ended).await.expect("again it changes nothing"), ended);

    let history = cast.versions(cast.owner, &checked.id).await.expect("their own");
    let steps: Vec<(i64, Step, String)> = history
        .iter()
        .map(|each| (each.version, each.step(), each.written.clone().expect("who").person_id))
        .collect();
    let (checks, other) = (cast.checks.id().to_string(), cast.other_checks.id().to_string());
    assert_eq!(
        steps,
        [
            (1, Step::Recorded, checks),
            (2, Step::OriginalSeen, other.clone()),
            (3, Step::Corrected, other),
            (4, Step::Ended, cast.owner.id().to_string()),
        ]
    );
    assert_eq!(history[0].content.as_ref(), Some(&power), "what it said at first is still there");
    let standing: Vec<String> =
        cast.list(cast.owner).await.expect("their own").into_iter().map(|fact| fact.id).collect();
    assert_eq!(standing, [acted.id, own.id], "what was ended is not among what stands");
    let told = cast.stage.written().await;
    assert!(!told.iter().any(|kind| kind.contains("legal_fact")), "no event carries any of it: {told:?}");
}

/// Proves ID-26: whoever is not the person, does not act for them, does not check and was not let see it finds nothing; consent
/// to a person or to a Team opens it and closes it, and each reading is written down with its basis.
#[tokio::test]
async fn they_are_read_by_whom_the_person_lets_see_them_and_every_reading_is_written_down() {
    let cast = Cast::new().await;
    let fact = cast.record(cast.owner, says(Kind::DoNotAttemptCpr, "", "")).await.expect("recorded");
    let others = [
        OrganisationRole::PrivacyLead,
        OrganisationRole::RegisteredManager,
        OrganisationRole::Coach,
        OrganisationRole::SafeguardingLead,
        OrganisationRole::HrSupport,
        OrganisationRole::PlatformSupport,
        OrganisationRole::AdminTeam,
    ];
    let every_other_role = cast.stage.joined(&cast.place, "roles@clapton.example", &others).await;
    for nobody in [cast.giver, cast.sister, every_other_role, cast.place.administrator] {
        assert_eq!(reason(&cast.list(nobody).await.expect_err("not theirs")), not_found());
        assert_eq!(reason(&cast.versions(nobody, &fact.id).await.expect_err("not theirs")), not_found());
        let unknown = pb::LegalFact { id: cast.stage.id(), ..fact.clone() };
        let (there, not_there) = (cast.end(nobody, &fact).await, cast.end(nobody, &unknown).await);
        let (there, not_there) = (there.expect_err("not theirs"), not_there.expect_err("none"));
        assert_eq!((reason(&there), there.message()), (reason(&not_there), not_there.message()));
    }
    let request = pb::AddIntegratorRequest {
        request_id: cast.stage.id(),
        display_name: "A checks office".into(),
        role: OrganisationRole::Checks.into(),
    };
    let added = cast.stage.integrators.add_integrator(by(cast.place.administrator, request)).await;
    let machine = added.expect("added").into_inner().integrator.expect("an integrator").id;
    let machine = Actor::Person {
        tenant: cast.owner.tenant().expect("a tenant"),
        person: machine.parse::<Uuid>().expect("an id").into(),
        session: Uuid::nil(),
    };
    assert_eq!(reason(&cast.list(machine).await.expect_err("another system")), not_found());

    for reader in [cast.owner, cast.checks] {
        assert_eq!(cast.list(reader).await.expect("read"), std::slice::from_ref(&fact));
    }
    assert_eq!(cast.bases(cast.checks, "ListLegalFacts").await, ["anyone checks"]);

    let consent = cast.let_see(common::GranteeKind::Person, cast.giver.id().to_string()).await;
    assert_eq!(cast.list(cast.giver).await.expect("let see it"), std::slice::from_ref(&fact));
    let bases = cast.bases(cast.giver, "ListLegalFacts").await;
    assert!(bases.len() == 1 && bases[0].contains(&consent), "{bases:?}");
    // What it ever said, and writing it, is not for whom it is shown to; they may know that it is there.
    assert_eq!(reason(&cast.versions(cast.giver, &fact.id).await.expect_err("not theirs")), denied());
    assert_eq!(reason(&cast.end(cast.giver, &fact).await.expect_err("not theirs")), denied());
    cast.withdraw(consent).await;
    assert_eq!(reason(&cast.list(cast.giver).await.expect_err("withdrawn")), not_found());

    // A Team, for as long as somebody belongs to it.
    let team: Uuid = cast.stage.id().parse().expect("an id");
    let tell = async |no: i64, valid_until: &str| {
        cast.stage.tell_team(team, no, cast.owner, cast.giver, valid_until).await;
    };
    tell(1, "").await;
    assert_eq!(reason(&cast.list(cast.giver).await.expect_err("their Team is not enough")), not_found());
    let consent = cast.let_see(common::GranteeKind::Team, team.to_string()).await;
    assert_eq!(cast.list(cast.giver).await.expect("of the Team"), std::slice::from_ref(&fact));
    assert_eq!(reason(&cast.list(cast.sister).await.expect_err("not of the Team")), not_found());
    tell(2, "2026-11-21").await;
    assert_eq!(reason(&cast.list(cast.giver).await.expect_err("no longer of the Team")), not_found());
    tell(3, "").await;
    cast.withdraw(consent).await;
    assert_eq!(reason(&cast.list(cast.giver).await.expect_err("withdrawn")), not_found());
    assert_eq!(cast.bases(cast.giver, "ListLegalFacts").await.len(), 2, "each reading once");

    // Of who has left nobody reads them any more; what is kept of them is reached by their rights over their data alone.
    let request = pb::LeaveTenantRequest { request_id: cast.stage.id() };
    let leaving = LeavingFace::new(cast.stage.desk.clone());
    leaving.leave_tenant(by(cast.owner, request)).await.expect("left");
    for nobody in [cast.owner, cast.checks] {
        assert_eq!(reason(&cast.list(nobody).await.expect_err("they have left")), not_found());
    }
}

#[tokio::test]
async fn every_wrong_field_is_named_and_a_deprivation_of_liberty_ends_within_its_time() {
    let cast = Cast::new().await;
    let wrong = pb::LegalFactContent {
        kind: 99,
        name: "x".repeat(101),
        valid_from: "2026-02-30".into(),
        valid_until: "soon".into(),
        review_on: "2026".into(),
        original_place: "x".repeat(201),
    };
    let request = pb::RecordLegalFactRequest {
        request_id: cast.stage.id(),
        id: "x".into(),
        person_id: "y".into(),
        content: Some(wrong),
    };
    let refused = cast.face.record_legal_fact(by(cast.owner, request)).await.expect_err("all wrong");
    let fields = ["kind", "name", "valid_from", "valid_until", "review_on", "original_place"];
    let named: Vec<String> = fields.iter().map(|field| format!("content.{field}")).collect();
    let expected: Vec<&str> =
        ["id", "person_id"].into_iter().chain(named.iter().map(String::as_str)).collect();
    assert_eq!(wrong_fields(&refused), expected);

    let liberty = |from: &str, until: &str| says(Kind::DeprivationOfLiberty, from, until);
    let named = says(Kind::AdvanceDecision, "2026-01-02", "");
    let named = pb::LegalFactContent { name: "mine".into(), review_on: "2026-01-01".into(), ..named };
    for (content, fields) in [
        (liberty("", ""), vec!["content.valid_from", "content.valid_until"]),
        (liberty("2026-11-01", "2027-11-02"), vec!["content.valid_until"]),
        (liberty("2026-11-01", "2026-11-01"), vec!["content.valid_until"]),
        (says(Kind::Other, "", ""), vec!["content.name"]),
        (named, vec!["content.name", "content.review_on"]),
    ] {
        let refused = cast.record(cast.owner, content.clone()).await.expect_err("wrong");
        assert_eq!(wrong_fields(&refused), fields, "{content:?}");
    }
    let request = pb::ConfirmOriginalRequest { request_id: cast.stage.id(), ..Default::default() };
    let refused = cast.face.confirm_original(by(cast.checks, request)).await.expect_err("wrong");
    assert_eq!(wrong_fields(&refused), ["legal_fact_id", "etag"]);

    let id = cast.stage.id();
    let first = liberty("2026-11-01", "2027-11-01");
    let twelve_months =
        cast.record_as(cast.checks, id.clone(), first.clone()).await.expect("just long enough");
    let longer = cast.correct(cast.checks, &twelve_months, liberty("2026-11-01", "2027-11-02")).await;
    assert_eq!(wrong_fields(&longer.expect_err("too long")), ["content.valid_until"]);
    let shorter = liberty("2026-11-01", "2027-10-01");
    let shorter = cast.correct(cast.checks, &twelve_months, shorter).await.expect("shorter");
    // An import that is repeated answers what became of it; other content under the same id is refused.
    assert_eq!(cast.record_as(cast.checks, id.clone(), first).await.expect("the same"), shorter);
    let other = cast.record_as(cast.checks, id, liberty("2026-11-02", "2027-10-01")).await;
    assert_eq!(reason(&other.expect_err("other content")), (Code::AlreadyExists, "ID_EXISTS".into()));

    // Once its last day has come it is past, and nobody has to end it.
    cast.stage.world.clock.advance(Duration::days(400));
    assert_eq!(cast.list(cast.owner).await.expect("read"), []);
    let person_id = cast.owner.id().to_string();
    let request = pb::ListLegalFactsRequest { person_id, with_past: true, ..Default::default() };
    let all = cast.face.list_legal_facts(by(cast.owner, request)).await.expect("read").into_inner();
    assert_eq!(all.legal_facts, [shorter]);
}
