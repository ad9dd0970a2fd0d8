//! A tenant with a Team, its Owner and somebody with the checks role, and the calls that people make.

use kith_matching::{Givers, Opportunities, SERVICE};
use kith_platform::Host;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::testing::{World, request_of};
use kith_proto::common::v1::{ConsentSnapshot, ConsentState, Grantee, GranteeKind, Money};
use kith_proto::common::v1::{OrganisationRole, RoleSnapshot};
use kith_proto::identity::v1::{ConsentGiven, ConsentWithdrawn, RoleSet};
use kith_proto::matching::v1::givers_service_server::GiversService as _;
use kith_proto::matching::v1::opportunities_service_server::OpportunitiesService as _;
use kith_proto::matching::v1::{self as pb, GiverStatus};
use kith_proto::teams::v1::{TeamSnapshot, TeamStarted};
use tonic::Status;

pub struct Stage {
    pub world: World,
    pub host: Host,
    pub givers: Givers,
    pub opportunities: Opportunities,
    pub tenant: TenantId,
    pub team: Uuid,
    pub owner: PersonId,
    pub checker: PersonId,
}

impl Stage {
    /// In a tenant that is being set up, or live.
    pub async fn new(preparing: bool) -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let tenant = world.tenant(&host, preparing).await;
        let (owner, checker) = (world.person(), world.person());
        let team = world.ids.uuid(world.clock.now());
        let givers = Givers::new(host.clone());
        let opportunities = Opportunities::new(host.clone());
        let stage = Self { world, host, givers, opportunities, tenant, team, owner, checker };
        stage.tell_owner(team, owner, 1).await;
        stage.tell_roles(checker, &[OrganisationRole::Checks], 1).await;
        stage.consents(owner, "profile.seeking", hat("giver")).await;
        stage
    }

    /// As identity tells that somebody lets others see a part of their record while they get to know one another.
    pub async fn consents(&self, person: PersonId, part: &str, grantee: Grantee) -> ConsentSnapshot {
        self.consents_for("introduction", person, part, grantee).await
    }

    /// The same for whatever purpose.
    pub async fn consents_for(
        &self,
        purpose: &str,
        person: PersonId,
        part: &str,
        grantee: Grantee,
    ) -> ConsentSnapshot {
        let state = self.told(purpose, person, part, grantee).await;
        self.world.know_copies(&self.host).await;
        state
    }

    /// The same while nobody but identity tells anything.
    pub async fn consents_alone(&self, person: PersonId, part: &str, grantee: Grantee) -> ConsentSnapshot {
        self.told("introduction", person, part, grantee).await
    }

    async fn told(&self, purpose: &str, person: PersonId, part: &str, grantee: Grantee) -> ConsentSnapshot {
        let state = ConsentSnapshot {
            consent_id: self.id(),
            person_id: person.to_string(),
            part: part.into(),
            purpose: purpose.into(),
            grantee: Some(grantee),
            valid_from: "2026-11-21".into(),
            valid_until: "2027-11-21".into(),
            version: 1,
            state: ConsentState::Given.into(),
        };
        let id: Uuid = state.consent_id.parse().expect("an id");
        let event = ConsentGiven { state: Some(state.clone()) };
        self.world.deliver(&self.host, self.tenant, id, 1, &event).await;
        state
    }

    /// As identity tells that a consent was withdrawn.
    pub async fn withdraws(&self, given: ConsentSnapshot) {
        let id: Uuid = given.consent_id.parse().expect("an id");
        let state =
            ConsentSnapshot { version: given.version + 1, state: ConsentState::Withdrawn.into(), ..given };
        let event = ConsentWithdrawn { state: Some(state) };
        self.world.deliver(&self.host, self.tenant, id, 2, &event).await;
    }

    pub fn id(&self) -> String {
        self.world.ids.uuid(self.world.clock.now()).to_string()
    }

    /// As teams tells whose Team it is.
    pub async fn tell_owner(&self, team: Uuid, owner: PersonId, event_no: i64) {
        let state = TeamSnapshot {
            team_id: team.to_string(),
            owner_person_id: owner.to_string(),
            circle_id: self.id(),
            promise_from: "2026-01-01".into(),
            ..Default::default()
        };
        let event = TeamStarted { state: Some(state) };
        self.world.deliver(&self.host, self.tenant, team, event_no, &event).await;
    }

    /// As identity tells of somebody's roles.
    pub async fn tell_roles(&self, person: PersonId, roles: &[OrganisationRole], event_no: i64) {
        let roles = roles.iter().map(|role| i32::from(*role)).collect();
        let event = RoleSet { state: Some(RoleSnapshot { person_id: person.to_string(), roles }) };
        self.world.deliver(&self.host, self.tenant, person, event_no, &event).await;
    }

    /// The types of all events written so far, shortened.
    pub async fn written(&self) -> Vec<String> {
        let shorten = |event_type: String| {
            event_type.trim_start_matches("matching.").trim_end_matches(".v1").to_owned()
        };
        self.world.written(&self.host).await.into_iter().map(|event| shorten(event.event_type)).collect()
    }

    pub async fn register(
        &self,
        person: PersonId,
        status: GiverStatus,
        code: &str,
    ) -> Result<pb::Giver, Status> {
        let request = pb::RegisterGiverRequest {
            request_id: self.id(),
            status: status.into(),
            outward_code: code.to_owned(),
            occurred_at: None,
        };
        let answer = self.givers.register_giver(request_of(self.tenant, person, request)).await?;
        Ok(answer.into_inner().giver.expect("a giver"))
    }

    /// A new person who is a giver, open to meeting Owners.
    pub async fn giver(&self, status: GiverStatus, code: &str) -> PersonId {
        let person = self.world.person();
        self.register(person, status, code).await.expect("a giver");
        self.consents(person, "profile.offering", hat("owner")).await;
        person
    }

    pub async fn get_giver(&self, by: PersonId, giver: PersonId) -> Result<pb::Giver, Status> {
        let request = pb::GetGiverRequest { person_id: giver.to_string() };
        let answer = self.givers.get_giver(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().giver.expect("a giver"))
    }

    pub async fn record(
        &self,
        by: PersonId,
        giver: PersonId,
        readiness: pb::Readiness,
    ) -> Result<pb::Giver, Status> {
        let request = pb::RecordReadinessRequest {
            request_id: self.id(),
            person_id: giver.to_string(),
            readiness: Some(readiness),
            occurred_at: None,
        };
        let answer = self.givers.record_readiness(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().giver.expect("a giver"))
    }

    pub async fn set_terms(&self, by: PersonId, terms: pb::Terms) -> Result<pb::Giver, Status> {
        let request = pb::SetTermsRequest { request_id: self.id(), terms: Some(terms), occurred_at: None };
        let answer = self.givers.set_terms(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().giver.expect("a giver"))
    }

    pub async fn open(
        &self,
        by: PersonId,
        request: pb::OpenOpportunityRequest,
    ) -> Result<pb::Opportunity, Status> {
        let answer = self.opportunities.open_opportunity(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().opportunity.expect("an opportunity"))
    }

    pub fn opening(&self, code: &str, radius_km: i32, paid: bool) -> pb::OpenOpportunityRequest {
        pb::OpenOpportunityRequest {
            request_id: self.id(),
            id: String::new(),
            team_id: self.team.to_string(),
            outward_code: code.to_owned(),
            radius_km,
            paid,
            occurred_at: None,
        }
    }

    /// An opportunity of the Team, as its Owner opens it.
    pub async fn opportunity(&self, code: &str, radius_km: i32, paid: bool) -> pb::Opportunity {
        self.open(self.owner, self.opening(code, radius_km, paid)).await.expect("an opportunity")
    }

    pub async fn close(&self, by: PersonId, id: &str) -> Result<pb::Opportunity, Status> {
        let request = pb::CloseOpportunityRequest { request_id: self.id(), id: id.to_owned() };
        let answer = self.opportunities.close_opportunity(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().opportunity.expect("an opportunity"))
    }

    pub async fn near(
        &self,
        by: PersonId,
        page_size: i32,
        page_token: &str,
    ) -> Result<pb::ListOpportunitiesResponse, Status> {
        let request = pb::ListOpportunitiesRequest { page_size, page_token: page_token.to_owned() };
        let answer = self.opportunities.list_opportunities(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner())
    }

    pub async fn suggest(
        &self,
        by: PersonId,
        opportunity: &str,
    ) -> Result<pb::SuggestGiversResponse, Status> {
        let request = pb::SuggestGiversRequest { opportunity_id: opportunity.to_owned(), page_size: 0 };
        let answer = self.opportunities.suggest_givers(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner())
    }

    /// As a giver where nobody is named, as the Owner about a giver otherwise.
    pub async fn interest(
        &self,
        by: PersonId,
        opportunity: &str,
        giver: Option<PersonId>,
    ) -> Result<pb::Introduction, Status> {
        let request = pb::ShowInterestRequest {
            request_id: self.id(),
            opportunity_id: opportunity.to_owned(),
            giver_person_id: giver.map(|giver| giver.to_string()).unwrap_or_default(),
            occurred_at: None,
        };
        let answer = self.opportunities.show_interest(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().introduction.expect("an introduction"))
    }

    pub async fn introduction(&self, by: PersonId, id: &str) -> Result<pb::Introduction, Status> {
        let request = pb::GetIntroductionRequest { id: id.to_owned() };
        let answer = self.opportunities.get_introduction(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().introduction.expect("an introduction"))
    }

    pub async fn introductions(
        &self,
        by: PersonId,
        page_size: i32,
        page_token: &str,
    ) -> pb::ListIntroductionsResponse {
        let request = pb::ListIntroductionsRequest { page_size, page_token: page_token.to_owned() };
        let answer = self.opportunities.list_introductions(request_of(self.tenant, by, request)).await;
        answer.expect("a list").into_inner()
    }

    pub async fn agree(&self, by: PersonId, id: &str, trial: pb::Trial) -> Result<pb::Introduction, Status> {
        let request = pb::AgreeTrialRequest {
            request_id: self.id(),
            introduction_id: id.to_owned(),
            trial: Some(trial),
            occurred_at: None,
        };
        let answer = self.opportunities.agree_trial(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().introduction.expect("an introduction"))
    }

    pub async fn conclude(&self, by: PersonId, id: &str, yes: bool) -> Result<pb::Introduction, Status> {
        let request = pb::ConcludeTrialRequest {
            request_id: self.id(),
            introduction_id: id.to_owned(),
            yes,
            occurred_at: None,
        };
        let answer = self.opportunities.conclude_trial(request_of(self.tenant, by, request)).await?;
        Ok(answer.into_inner().introduction.expect("an introduction"))
    }

    /// Lets time pass, the copy of consent staying complete.
    pub async fn advance(&self, by: chrono::Duration) {
        self.world.clock.advance(by);
        self.world.know_copies(&self.host).await;
    }

    /// Brings the Owner and a giver to mutual interest; answers the introduction's id.
    pub async fn mutual(&self, giver: PersonId) -> String {
        let opportunity = self.opportunity("E5", 10, false).await;
        self.interest(giver, &opportunity.id, None).await.expect("the giver's interest");
        self.interest(self.owner, &opportunity.id, Some(giver)).await.expect("the Owner's interest").id
    }

    /// Brings the Owner and a giver to an agreed trial; answers the introduction's id.
    pub async fn on_trial(&self, giver: PersonId) -> String {
        let id = self.mutual(giver).await;
        for side in [giver, self.owner] {
            self.agree(side, &id, trial(2)).await.expect("a trial");
        }
        id
    }
}

/// Whoever wears that hat.
pub fn hat(word: &str) -> Grantee {
    Grantee { kind: GranteeKind::Hat.into(), id: String::new(), hat: word.into() }
}

/// Whoever is of that Team.
pub fn of_team(team: Uuid) -> Grantee {
    Grantee { kind: GranteeKind::Team.into(), id: team.to_string(), hat: String::new() }
}

/// One person.
pub fn one(person: PersonId) -> Grantee {
    Grantee { kind: GranteeKind::Person.into(), id: person.to_string(), hat: String::new() }
}

pub fn trial(sessions: i32) -> pb::Trial {
    pb::Trial { sessions, valid_from: "2026-11-23".into(), valid_until: "2026-12-24".into() }
}

pub fn ready(from: &str) -> pb::Readiness {
    pb::Readiness { ready: true, valid_from: from.into(), valid_until: String::new() }
}

pub fn paid_terms(id: &str, from: &str, pence: i64) -> pb::Terms {
    pb::Terms {
        id: id.to_owned(),
        valid_from: from.into(),
        circle_id: Uuid::from_u128(7).to_string(),
        contribution_rule: "on top".into(),
        hourly_rate: Some(Money { minor_units: pence, currency: "GBP".into() }),
        unpaid_intent: 0,
    }
}
