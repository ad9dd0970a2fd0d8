//! What a circle with a month behind it does with its rules, and what finance then has on paper.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Days;
use kith_platform::clock::Clock;
use kith_platform::fields::date_text;
use kith_platform::testing::reason;
use kith_proto::appointments::v1 as appointments;
use kith_proto::finance::v1 as finance;
use kith_proto::governance::v1 as governance;
use kith_proto::governance::v1::contribution_rule_change::Mode;
use kith_proto::governance::v1::effect::Effect as Change;
use kith_tests::people::{People, Someone};
use kith_tests::stack::Stack;
use sqlx::AssertSqlSafe;
use tonic::{Code, Status};

/// The rule that Giver One's terms name, and what it adds and deducts.
pub const RULE: &str = "on rate +15.00 % -0.00 %";
pub const STEPS: [governance::ProposalState; 4] = [
    governance::ProposalState::Presented,
    governance::ProposalState::Clarifying,
    governance::ProposalState::Reactions,
    governance::ProposalState::ConsentRound,
];
/// What is on the books, and on paper.
pub const BOOKS: &[&str] = &[
    "transfer",
    "entry",
    "settlement",
    "settlement_share",
    "settlement_reversal",
    "invoice",
    "invoice_line",
    "statement",
    "statement_line",
];

pub struct Journey {
    pub stack: Stack,
    pub people: People,
    pub circle: String,
    pub members: Vec<String>,
}

/// governance::Decision, payers' total, giver's amount and contribution of a line.
pub type Figures<'a> = (&'a str, i64, i64, i64);

pub fn refusal<A: std::fmt::Debug>(answer: Result<A, Status>) -> (Code, String) {
    reason(&answer.expect_err("it is refused"))
}

pub fn version(text: &str, change: Change) -> governance::ProposalVersion {
    let review_date = Clock::System.now().date_naive() + Days::new(180);
    governance::ProposalVersion {
        text: text.to_owned(),
        effect: Some(governance::Effect { effect: Some(change) }),
        term_months: 24,
        measure: "what the commons receives covers the hats".to_owned(),
        review_date: date_text(Some(review_date)),
        ..governance::ProposalVersion::default()
    }
}

pub fn rule_from(effective_from: &str, added_bp: i32, deducted_bp: i32) -> Change {
    Change::ContributionRule(governance::ContributionRuleChange {
        rule_name: RULE.to_owned(),
        effective_from: effective_from.to_owned(),
        mode: Some(Mode::OnRate(governance::OnRate { added_bp, deducted_bp })),
    })
}

impl Journey {
    pub async fn start() -> Self {
        let stack = Stack::start().await;
        let people = People::of_first_month(&stack).await;
        let somebody = people.named("Owner One");
        let id = somebody.circle().await;
        let request = governance::GetCircleRequest { id: id.clone() };
        let answer: governance::GetCircleResponse = somebody.ask(request).await.expect("the Circle");
        let members = answer.circle.expect("the Circle").members.into_iter();
        let members = members.filter(|member| member.state() == governance::SeatState::Held);
        let members = members.map(|member| member.person_id).collect();
        Self { stack, people, circle: id, members }
    }

    pub fn facilitator(&self) -> Someone<'_> {
        self.people.named("Owner One")
    }

    pub fn finance(&self) -> Someone<'_> {
        self.people.named("Numbers Person")
    }

    pub async fn draft(
        &self,
        who: &str,
        title: &str,
        version: governance::ProposalVersion,
    ) -> governance::Proposal {
        let request = governance::DraftProposalRequest {
            circle_id: self.circle.clone(),
            title: title.to_owned(),
            version: Some(version),
            ..governance::DraftProposalRequest::default()
        };
        let answer: governance::DraftProposalResponse =
            self.people.named(who).ask(request).await.expect("drafted");
        answer.proposal.expect("the proposal")
    }

    pub async fn advance(
        &self,
        who: Someone<'_>,
        proposal_id: &str,
        to: governance::ProposalState,
    ) -> Result<governance::AdvanceProposalResponse, Status> {
        let proposal_id = proposal_id.to_owned();
        who.ask(governance::AdvanceProposalRequest { request_id: String::new(), proposal_id, to: to.into() })
            .await
    }

    /// Consents, or objects with an argument.
    pub async fn answer(
        &self,
        person: &str,
        proposal: &str,
        version: i32,
        argument: &str,
    ) -> Result<governance::AnswerProposalResponse, Status> {
        let request = governance::AnswerProposalRequest {
            request_id: String::new(),
            proposal_id: proposal.to_owned(),
            version,
            consent: argument.is_empty(),
            argument: argument.to_owned(),
        };
        self.people.with_id(person).ask(request).await
    }

    pub async fn record(&self, who: Someone<'_>, proposal: &str) -> Result<governance::Decision, Status> {
        let request =
            governance::RecordDecisionRequest { request_id: String::new(), proposal_id: proposal.to_owned() };
        let answer: governance::RecordDecisionResponse = who.ask(request).await?;
        Ok(answer.decision.expect("the decision"))
    }

    /// Decides without further ado: everybody consents to the first version.
    pub async fn decide(&self, who: &str, title: &str, change: Change) -> governance::Decision {
        let proposal = self.draft(who, title, version(title, change)).await;
        for step in STEPS {
            self.advance(self.facilitator(), &proposal.id, step).await.expect("the next step");
        }
        for member in &self.members {
            self.answer(member, &proposal.id, 1, "").await.expect("consent");
        }
        self.record(self.facilitator(), &proposal.id).await.expect("decided")
    }

    pub async fn agree(&self, visit: &str) {
        let request = appointments::AgreeVisitRequest {
            visit_id: visit.to_owned(),
            ..appointments::AgreeVisitRequest::default()
        };
        let answer: appointments::AgreeVisitResponse =
            self.people.named("Owner One").ask(request).await.expect("the visit is agreed");
        assert!(answer.visit.expect("the visit").agreed_end_time.is_some());
    }

    /// The Owner has a visit settled again that finance lists.
    pub async fn settle_again(&self, visit: &str) {
        let request = appointments::SettleAgainRequest { visit_id: visit.to_owned(), ..Default::default() };
        let _: appointments::SettleAgainResponse =
            self.people.named("Owner One").ask(request).await.expect("settled again");
    }

    /// A series of five Wednesdays in April, proposed by the Owner and accepted by the giver; the visits by day.
    pub async fn april(&self) -> BTreeMap<String, String> {
        let (owner, giver) = (self.people.named("Owner One"), self.people.named("Giver One"));
        let request = appointments::ProposeSeriesRequest {
            team_id: owner.own_team().await,
            giver_person_id: giver.id.to_string(),
            kind: appointments::VisitKind::Support.into(),
            starts_local: "2026-04-01T11:00:00".to_owned(),
            wall_minutes: 60,
            rrule: "FREQ=WEEKLY;BYDAY=WE".to_owned(),
            ..appointments::ProposeSeriesRequest::default()
        };
        let series: appointments::ProposeSeriesResponse = owner.ask(request).await.expect("proposed");
        let series_id = series.series.expect("the series").id;
        let request = appointments::AnswerSeriesRequest {
            series_id: series_id.clone(),
            accept: true,
            ..Default::default()
        };
        let _: appointments::AnswerSeriesResponse = giver.ask(request).await.expect("accepted");
        let request = appointments::PlanVisitsRequest {
            series_id,
            from_date: "2026-04-01".to_owned(),
            until_date: "2026-05-01".to_owned(),
            ..appointments::PlanVisitsRequest::default()
        };
        let planned: appointments::PlanVisitsResponse = owner.ask(request).await.expect("planned");
        let visits = planned.visits.into_iter();
        visits.map(|visit| (visit.occurrence_local[..10].to_owned(), visit.id)).collect()
    }

    pub async fn month(&self, month: &str) -> finance::GetMonthResponse {
        let request = finance::GetMonthRequest { circle_id: self.circle.clone(), month: month.to_owned() };
        self.finance().ask(request).await.expect("the month")
    }

    pub async fn rules(&self) -> Vec<finance::Rule> {
        let request = finance::ListRulesRequest {
            circle_id: self.circle.clone(),
            ..finance::ListRulesRequest::default()
        };
        let answer: finance::ListRulesResponse =
            self.people.named("Giver Eight").ask(request).await.expect("rules");
        answer.rules.into_iter().filter(|rule| rule.name == RULE).collect()
    }

    /// Invoices and pays April, and compares what stands on paper about each day.
    pub async fn assert_lines(&self, visits: &BTreeMap<String, String>, expected: &[(&str, Figures<'_>)]) {
        let (circle_id, month) = (self.circle.clone(), "2026-04".to_owned());
        let request = finance::IssueInvoicesRequest {
            circle_id: circle_id.clone(),
            month: month.clone(),
            ..Default::default()
        };
        let issued: finance::IssueInvoicesResponse = self.finance().ask(request).await.expect("invoices");
        let mut invoiced = Vec::new();
        for invoice in issued.invoices {
            let request = finance::GetInvoiceRequest { id: invoice.id };
            let answer: finance::GetInvoiceResponse = self.finance().ask(request).await.expect("the invoice");
            let lines = answer.invoice.expect("the invoice").lines;
            // The council pays all of it.
            assert!(lines.iter().all(|line| line.payer_amount == line.payers_total), "{lines:?}");
            invoiced.extend(lines);
        }
        let run = finance::RunPayRequest { circle_id, month, ..finance::RunPayRequest::default() };
        let paid: finance::RunPayResponse = self.finance().ask(run).await.expect("pay statements");
        let paid: Vec<finance::Line> =
            paid.statements.into_iter().flat_map(|statement| statement.lines).collect();
        for (paper, lines) in [("invoices", invoiced), ("statements", paid)] {
            let found: BTreeMap<(&str, &str), Figures<'_>> = lines
                .iter()
                .map(|line| {
                    let pence = |money: &Option<kith_proto::common::v1::Money>| {
                        money.as_ref().expect("an amount").minor_units
                    };
                    let figures = (
                        line.decision_id.as_str(),
                        pence(&line.payers_total),
                        pence(&line.giver_amount),
                        pence(&line.contribution),
                    );
                    ((line.planned_date.as_str(), line.visit_id.as_str()), figures)
                })
                .collect();
            let wanted: BTreeMap<(&str, &str), Figures<'_>> =
                expected.iter().map(|(day, figures)| ((*day, visits[*day].as_str()), *figures)).collect();
            assert_eq!(found, wanted, "what stands on the {paper}");
            assert_eq!(lines.len(), expected.len(), "each visit stands on the {paper} once");
        }
    }

    /// The days of visits that were settled under an earlier rule than now governs.
    pub async fn under_earlier_rule(&self) -> Vec<String> {
        let circle_id = self.circle.clone();
        let request = finance::ListUnsettledVisitsRequest {
            circle_id,
            ..finance::ListUnsettledVisitsRequest::default()
        };
        let answer: finance::ListUnsettledVisitsResponse =
            self.finance().ask(request).await.expect("the list");
        let listed = answer.visits.into_iter();
        let listed = listed.filter(|visit| visit.reason() == finance::UnsettledReason::EarlierRule);
        listed.map(|visit| visit.planned_date).collect()
    }

    /// Every row of the books, as the database holds it.
    pub async fn books(&self) -> BTreeSet<String> {
        let mut admin = self.stack.admin("finance").await;
        let mut rows = BTreeSet::new();
        for table in BOOKS {
            let sql = AssertSqlSafe(format!("select '{table} ' || to_jsonb(t)::text from {table} t"));
            let found: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut admin).await.expect("the rows");
            rows.extend(found);
        }
        rows
    }

    pub async fn assert_trial_balance(&self) {
        let request = finance::GetTrialBalanceRequest { prove: true, ..Default::default() };
        let balance: finance::GetTrialBalanceResponse =
            self.finance().ask(request).await.expect("the trial balance");
        assert!(!balance.sums.is_empty() && !balance.accounts.is_empty());
        assert!(balance.sums.iter().all(|sum| sum.minor_units == 0), "{:?}", balance.sums);
    }
}
