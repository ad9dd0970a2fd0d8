//! A stack with a month in it, and a few things of which more can be asked than is right.

use chrono::Duration;
use kith_platform::clock::Clock;
use kith_platform::id::TenantId;
use kith_proto::appointments::v1::{
    AnswerSeriesRequest, AnswerSeriesResponse, PlanVisitsRequest, PlanVisitsResponse, ProposeSeriesRequest,
    ProposeSeriesResponse, Visit, VisitKind,
};
use kith_proto::finance::v1::{ListFundingRequest, ListFundingResponse, Payer};
use kith_proto::governance::v1::{DraftProposalRequest, DraftProposalResponse, ProposalVersion};
use kith_tests::people::{People, Someone};
use kith_tests::stack::Stack;

/// A stack with a month in it, and a few things of which more can be asked than is right.
pub struct Stage {
    pub stack: Stack,
    pub people: People,
    /// Known to all seven, with nobody in it.
    pub elsewhere: TenantId,
    pub circle: String,
    pub team: String,
    /// A planned visit of Giver One at Owner One's.
    pub visit: Visit,
    /// An agreed series of the same two that never ends.
    pub endless: String,
    /// Agreed series that clash with the visit: by their Owner, and by their giver.
    pub clashes: [String; 2],
    /// What the visit's series was proposed with.
    pub proposed: ProposeSeriesRequest,
    pub proposal: String,
    pub payer: Payer,
}

pub fn edit<R: Clone>(request: &R, change: impl FnOnce(&mut R)) -> R {
    let mut request = request.clone();
    change(&mut request);
    request
}

async fn agreed(people: &People, owner: &str, giver: &str, request: &ProposeSeriesRequest) -> String {
    let (owner, giver) = (people.named(owner), people.named(giver));
    let team_id = owner.own_team().await;
    let request = edit(request, |series| {
        series.team_id = team_id;
        series.giver_person_id = giver.id.to_string();
    });
    let answer: ProposeSeriesResponse = owner.ask(request).await.expect("proposed");
    let series_id = answer.series.expect("the series").id;
    let yes = AnswerSeriesRequest { series_id: series_id.clone(), accept: true, ..Default::default() };
    let _: AnswerSeriesResponse = giver.ask(yes).await.expect("accepted");
    series_id
}

impl Stage {
    pub async fn start() -> Self {
        let stack = Stack::start().await;
        let people = People::of_first_month(&stack).await;
        let owner = people.named("Owner One");
        let (team, circle) = (owner.own_team().await, owner.circle().await);
        let proposed = ProposeSeriesRequest {
            request_id: people.uuid().to_string(),
            id: people.uuid().to_string(),
            team_id: team.clone(),
            giver_person_id: people.named("Giver One").id.to_string(),
            kind: VisitKind::Support.into(),
            starts_local: "2026-04-02T10:00:00".to_owned(),
            wall_minutes: 60,
            ..ProposeSeriesRequest::default()
        };
        let planned = agreed(&people, "Owner One", "Giver One", &proposed).await;
        let plan = PlanVisitsRequest { series_id: planned, ..PlanVisitsRequest::default() };
        let visits: PlanVisitsResponse = owner.ask(plan).await.expect("planned");
        let another = |starts_local: &str, rrule: &str| {
            edit(&proposed, |series| {
                (series.request_id, series.id) = (String::new(), String::new());
                (series.starts_local, series.rrule) = (starts_local.to_owned(), rrule.to_owned());
            })
        };
        let daily = another("2026-04-02T20:00:00", "FREQ=DAILY");
        let endless = agreed(&people, "Owner One", "Giver One", &daily).await;
        let of_owner = agreed(&people, "Owner One", "Giver Two", &another("2026-04-02T10:59:00", "")).await;
        let of_giver = agreed(&people, "Owner Two", "Giver One", &another("2026-04-02T09:30:00", "")).await;

        let draft = DraftProposalRequest {
            circle_id: circle.clone(),
            title: "Tea at meetings".to_owned(),
            version: Some(ProposalVersion {
                text: "There is tea.".to_owned(),
                term_months: 12,
                measure: "it is drunk".to_owned(),
                review_date: (Clock::System.now() + Duration::days(90)).date_naive().to_string(),
                ..ProposalVersion::default()
            }),
            ..DraftProposalRequest::default()
        };
        let drafted: DraftProposalResponse = owner.ask(draft).await.expect("drafted");
        let funding: ListFundingResponse =
            owner.ask(ListFundingRequest { team_id: team.clone() }).await.expect("the payers");
        let elsewhere = TenantId(people.uuid());
        for service in kith_tests::services() {
            let mut admin = stack.admin(service.name).await;
            sqlx::query("insert into platform.tenant (tenant_id, state, time_zone, epoch) values ($1, 'preparing', 'Europe/London', 1)")
                .bind(elsewhere.0)
                .execute(&mut admin)
                .await
                .expect("the tenant is known");
        }
        people.until_settled().await;
        Self {
            elsewhere,
            circle,
            team,
            visit: visits.visits.into_iter().next().expect("one visit"),
            endless,
            clashes: [of_owner, of_giver],
            proposed,
            proposal: drafted.proposal.expect("the proposal").id,
            payer: funding.payers.into_iter().next().expect("a payer"),
            stack,
            people,
        }
    }

    pub fn owner(&self) -> Someone<'_> {
        self.people.named("Owner One")
    }

    pub fn unknown(&self) -> String {
        self.people.uuid().to_string()
    }
}
