//! A decision takes effect: the circle changes a contribution rule by consent, finance applies it to the visits planned
//! from its date, revoking it restores the earlier rule, and nothing that was posted ever changes.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Days;
use kith_platform::clock::Clock;
use kith_platform::fields::date_text;
use kith_platform::testing::reason;
use kith_proto::appointments::v1::{
    AgreeVisitRequest, AgreeVisitResponse, AnswerSeriesRequest, AnswerSeriesResponse, PlanVisitsRequest,
    PlanVisitsResponse, ProposeSeriesRequest, ProposeSeriesResponse, VisitKind,
};
use kith_proto::finance::v1::{
    GetInvoiceRequest, GetInvoiceResponse, GetMonthRequest, GetMonthResponse, GetTrialBalanceRequest,
    GetTrialBalanceResponse, IssueInvoicesRequest, IssueInvoicesResponse, Line, ListRulesRequest,
    ListRulesResponse, ListUnsettledVisitsRequest, ListUnsettledVisitsResponse, Rule, RuleOnRate,
    RunPayRequest, RunPayResponse, UnsettledReason, rule,
};
use kith_proto::governance::v1::contribution_rule_change::Mode;
use kith_proto::governance::v1::effect::Effect as Change;
use kith_proto::governance::v1::{
    AdvanceProposalRequest, AdvanceProposalResponse, AmendProposalRequest, AmendProposalResponse,
    AnswerProposalRequest, AnswerProposalResponse, ContributionRuleChange, Decision, DraftProposalRequest,
    DraftProposalResponse, Effect, GetCircleRequest, GetCircleResponse, GetDecisionRequest,
    GetDecisionResponse, ListCirclesRequest, ListCirclesResponse, OnRate, Proposal, ProposalState,
    ProposalVersion, RecordDecisionRequest, RecordDecisionResponse, Revocation, SeatState,
};
use kith_proto::teams::v1::{ListTeamsRequest, ListTeamsResponse};
use kith_tests::people::{People, Someone};
use kith_tests::stack::Stack;
use sqlx::AssertSqlSafe;
use tonic::{Code, Status};

const SCENARIO: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../services/kith/data/first_month/scenario.json");

/// The rule that Giver One's terms name, and what it adds and deducts.
const RULE: &str = "on rate +15.00 % -0.00 %";
const STEPS: [ProposalState; 4] = [
    ProposalState::Presented,
    ProposalState::Clarifying,
    ProposalState::Reactions,
    ProposalState::ConsentRound,
];
/// What is on the books, and on paper.
const BOOKS: &[&str] = &[
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

struct Journey {
    stack: Stack,
    people: People,
    circle: String,
    members: Vec<String>,
}

/// Decision, payers' total, giver's amount and contribution of a line.
type Figures<'a> = (&'a str, i64, i64, i64);

fn refusal<A: std::fmt::Debug>(answer: Result<A, Status>) -> (Code, String) {
    reason(&answer.expect_err("it is refused"))
}

fn version(text: &str, change: Change) -> ProposalVersion {
    let review_date = Clock::System.now().date_naive() + Days::new(180);
    ProposalVersion {
        text: text.to_owned(),
        effect: Some(Effect { effect: Some(change) }),
        term_months: 24,
        measure: "what the commons receives covers the hats".to_owned(),
        review_date: date_text(Some(review_date)),
        ..ProposalVersion::default()
    }
}

fn rule_from(effective_from: &str, added_bp: i32, deducted_bp: i32) -> Change {
    Change::ContributionRule(ContributionRuleChange {
        rule_name: RULE.to_owned(),
        effective_from: effective_from.to_owned(),
        mode: Some(Mode::OnRate(OnRate { added_bp, deducted_bp })),
    })
}

impl Journey {
    async fn start() -> Self {
        let stack = Stack::start().await;
        let month = stack.kith(&["month", SCENARIO]).output().expect("kith is built");
        assert!(month.status.success(), "{}", String::from_utf8_lossy(&month.stderr));
        let people = People::of(&stack).await;
        let owner = people.named("Owner One");
        let circles: ListCirclesResponse = owner.ask(ListCirclesRequest::default()).await.expect("circles");
        let id = circles.circles[0].id.clone();
        let circle: GetCircleResponse = owner.ask(GetCircleRequest { id: id.clone() }).await.expect("one");
        let members = circle.circle.expect("the circle").members.into_iter();
        let members = members.filter(|member| member.state() == SeatState::Held).map(|m| m.person_id);
        let members = members.collect();
        Self { stack, people, circle: id, members }
    }

    fn facilitator(&self) -> Someone<'_> {
        self.people.named("Owner One")
    }

    fn finance(&self) -> Someone<'_> {
        self.people.named("Numbers Person")
    }

    async fn draft(&self, who: &str, title: &str, version: ProposalVersion) -> Proposal {
        let request = DraftProposalRequest {
            circle_id: self.circle.clone(),
            title: title.to_owned(),
            version: Some(version),
            ..DraftProposalRequest::default()
        };
        let answer: DraftProposalResponse = self.people.named(who).ask(request).await.expect("drafted");
        answer.proposal.expect("the proposal")
    }

    async fn advance(
        &self,
        who: Someone<'_>,
        proposal_id: &str,
        to: ProposalState,
    ) -> Result<AdvanceProposalResponse, Status> {
        let proposal_id = proposal_id.to_owned();
        who.ask(AdvanceProposalRequest { request_id: String::new(), proposal_id, to: to.into() }).await
    }

    /// Consents, or objects with an argument.
    async fn answer(
        &self,
        person: &str,
        proposal: &str,
        version: i32,
        argument: &str,
    ) -> Result<AnswerProposalResponse, Status> {
        let request = AnswerProposalRequest {
            request_id: String::new(),
            proposal_id: proposal.to_owned(),
            version,
            consent: argument.is_empty(),
            argument: argument.to_owned(),
        };
        self.people.with_id(person).ask(request).await
    }

    async fn record(&self, who: Someone<'_>, proposal: &str) -> Result<Decision, Status> {
        let request = RecordDecisionRequest { request_id: String::new(), proposal_id: proposal.to_owned() };
        let answer: RecordDecisionResponse = who.ask(request).await?;
        Ok(answer.decision.expect("the decision"))
    }

    /// Decides without further ado: everybody consents to the first version.
    async fn decide(&self, who: &str, title: &str, change: Change) -> Decision {
        let proposal = self.draft(who, title, version(title, change)).await;
        for step in STEPS {
            self.advance(self.facilitator(), &proposal.id, step).await.expect("the next step");
        }
        for member in &self.members {
            self.answer(member, &proposal.id, 1, "").await.expect("consent");
        }
        self.record(self.facilitator(), &proposal.id).await.expect("decided")
    }

    async fn agree(&self, visit: &str) {
        let request = AgreeVisitRequest { visit_id: visit.to_owned(), ..AgreeVisitRequest::default() };
        let answer: AgreeVisitResponse =
            self.people.named("Owner One").ask(request).await.expect("the visit is agreed");
        assert!(answer.visit.expect("the visit").agreed_end_time.is_some());
    }

    /// A series of five Wednesdays in April, proposed by the Owner and accepted by the giver; the visits by day.
    async fn april(&self) -> BTreeMap<String, String> {
        let (owner, giver) = (self.people.named("Owner One"), self.people.named("Giver One"));
        let teams: ListTeamsResponse = owner.ask(ListTeamsRequest::default()).await.expect("the teams");
        let own = teams.teams.into_iter().find(|team| team.owner_person_id == owner.id.to_string());
        let request = ProposeSeriesRequest {
            team_id: own.expect("Owner One's Team").id,
            giver_person_id: giver.id.to_string(),
            kind: VisitKind::Support.into(),
            starts_local: "2026-04-01T11:00:00".to_owned(),
            wall_minutes: 60,
            rrule: "FREQ=WEEKLY;BYDAY=WE".to_owned(),
            ..ProposeSeriesRequest::default()
        };
        let series: ProposeSeriesResponse = owner.ask(request).await.expect("proposed");
        let series_id = series.series.expect("the series").id;
        let request =
            AnswerSeriesRequest { series_id: series_id.clone(), accept: true, ..Default::default() };
        let _: AnswerSeriesResponse = giver.ask(request).await.expect("accepted");
        let request = PlanVisitsRequest {
            series_id,
            from_date: "2026-04-01".to_owned(),
            until_date: "2026-05-01".to_owned(),
            ..PlanVisitsRequest::default()
        };
        let planned: PlanVisitsResponse = owner.ask(request).await.expect("planned");
        let visits = planned.visits.into_iter();
        visits.map(|visit| (visit.occurrence_local[..10].to_owned(), visit.id)).collect()
    }

    async fn month(&self, month: &str) -> GetMonthResponse {
        let request = GetMonthRequest { circle_id: self.circle.clone(), month: month.to_owned() };
        self.finance().ask(request).await.expect("the month")
    }

    async fn rules(&self) -> Vec<Rule> {
        let request = ListRulesRequest { circle_id: self.circle.clone(), ..ListRulesRequest::default() };
        let answer: ListRulesResponse = self.people.named("Giver Eight").ask(request).await.expect("rules");
        answer.rules.into_iter().filter(|rule| rule.name == RULE).collect()
    }

    /// Invoices and pays April, and compares what stands on paper about each day.
    async fn assert_lines(&self, visits: &BTreeMap<String, String>, expected: &[(&str, Figures<'_>)]) {
        let (circle_id, month) = (self.circle.clone(), "2026-04".to_owned());
        let request =
            IssueInvoicesRequest { circle_id: circle_id.clone(), month: month.clone(), ..Default::default() };
        let issued: IssueInvoicesResponse = self.finance().ask(request).await.expect("invoices");
        let mut invoiced = Vec::new();
        for invoice in issued.invoices {
            let request = GetInvoiceRequest { id: invoice.id };
            let answer: GetInvoiceResponse = self.finance().ask(request).await.expect("the invoice");
            let lines = answer.invoice.expect("the invoice").lines;
            // The council pays all of it.
            assert!(lines.iter().all(|line| line.payer_amount == line.payers_total), "{lines:?}");
            invoiced.extend(lines);
        }
        let run = RunPayRequest { circle_id, month, ..RunPayRequest::default() };
        let paid: RunPayResponse = self.finance().ask(run).await.expect("pay statements");
        let paid: Vec<Line> = paid.statements.into_iter().flat_map(|statement| statement.lines).collect();
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
    async fn under_earlier_rule(&self) -> Vec<String> {
        let circle_id = self.circle.clone();
        let request = ListUnsettledVisitsRequest { circle_id, ..ListUnsettledVisitsRequest::default() };
        let answer: ListUnsettledVisitsResponse = self.finance().ask(request).await.expect("the list");
        let listed = answer.visits.into_iter();
        let listed = listed.filter(|visit| visit.reason() == UnsettledReason::EarlierRule);
        listed.map(|visit| visit.planned_date).collect()
    }

    /// Every row of the books, as the database holds it.
    async fn books(&self) -> BTreeSet<String> {
        let mut admin = self.stack.admin("finance").await;
        let mut rows = BTreeSet::new();
        for table in BOOKS {
            let sql = AssertSqlSafe(format!("select '{table} ' || to_jsonb(t)::text from {table} t"));
            let found: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut admin).await.expect("the rows");
            rows.extend(found);
        }
        rows
    }

    async fn assert_trial_balance(&self) {
        let request = GetTrialBalanceRequest::default();
        let balance: GetTrialBalanceResponse = self.finance().ask(request).await.expect("the trial balance");
        assert!(!balance.sums.is_empty() && !balance.accounts.is_empty());
        assert!(balance.sums.iter().all(|sum| sum.minor_units == 0), "{:?}", balance.sums);
    }
}

/// A rule change is drafted, objected to, amended and consented to by everybody; finance applies it to April's visits.
/// A second decision ends it from a date; a third one comes too late for what is posted.
///
/// Proves GOV-63.
/// Proves FIN-04.
#[tokio::test]
async fn a_decision_takes_effect_is_revoked_and_never_changes_what_is_posted() {
    let journey = Journey::start().await;
    let (facilitator, objector) = (journey.facilitator(), journey.people.named("Owner Three").id.to_string());
    assert_eq!(journey.members.len(), 14, "five Owners, eight givers and the finance hat");
    let march = journey.month("2026-03").await;
    let march_books = journey.books().await;

    // The protocol: no step is skipped, nobody decides alone, an objection is worked in.
    let first = version("Ten on top, five off.", rule_from("2026-04-01", 1000, 500));
    let proposal = journey.draft("Giver One", "A fairer contribution", first).await;
    let skipped = journey.advance(facilitator, &proposal.id, ProposalState::ConsentRound).await;
    assert_eq!(refusal(skipped), (Code::FailedPrecondition, "STEP_SKIPPED".into()));
    let proposer = journey.people.named("Giver One");
    let by_proposer = journey.advance(proposer, &proposal.id, ProposalState::Presented).await;
    assert_eq!(refusal(by_proposer), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    for step in STEPS {
        let early = refusal(journey.record(facilitator, &proposal.id).await);
        assert_eq!(early, (Code::FailedPrecondition, "ROUND_NOT_OPEN".into()), "before {step:?}");
        journey.advance(facilitator, &proposal.id, step).await.expect("the next step");
    }
    for member in journey.members.iter().filter(|member| **member != objector) {
        journey.answer(member, &proposal.id, 1, "").await.expect("consent");
    }
    let missing = refusal(journey.record(facilitator, &proposal.id).await);
    assert_eq!(missing, (Code::FailedPrecondition, "CONSENT_MISSING".into()));
    let unargued = AnswerProposalRequest {
        proposal_id: proposal.id.clone(),
        version: 1,
        ..AnswerProposalRequest::default()
    };
    let unargued = journey.people.with_id(&objector).ask::<AnswerProposalResponse>(unargued).await;
    assert_eq!(refusal(unargued), (Code::InvalidArgument, "ARGUMENT_MISSING".into()));
    journey.answer(&objector, &proposal.id, 1, "five off is too much").await.expect("an objection");
    let standing = refusal(journey.record(facilitator, &proposal.id).await);
    assert_eq!(standing, (Code::FailedPrecondition, "OBJECTION_STANDS".into()));

    let amended = AmendProposalRequest {
        proposal_id: proposal.id.clone(),
        version: Some(version("Twelve on top, three off.", rule_from("2026-04-01", 1200, 300))),
        ..AmendProposalRequest::default()
    };
    let amended: AmendProposalResponse = proposer.ask(amended).await.expect("a new version");
    let amended = amended.proposal.expect("the proposal");
    assert_eq!((amended.versions.len(), amended.state()), (2, ProposalState::ConsentRound));
    let stale = refusal(journey.answer(&objector, &proposal.id, 1, "").await);
    assert_eq!(stale, (Code::FailedPrecondition, "VERSION_NOT_IN_FORCE".into()));
    for (already, member) in journey.members.iter().enumerate() {
        let missing = refusal(journey.record(facilitator, &proposal.id).await);
        assert_eq!(missing, (Code::FailedPrecondition, "CONSENT_MISSING".into()), "{already} of 14");
        journey.answer(member, &proposal.id, 2, "").await.expect("consent");
    }
    let by_member = refusal(journey.record(proposer, &proposal.id).await);
    assert_eq!(by_member, (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    let decision = journey.record(facilitator, &proposal.id).await.expect("decided");
    assert_eq!(decision.consented_person_ids.len(), 14);
    let adopted = decision.version.expect("the version");
    assert_eq!((adopted.number, &adopted.content_hash), (2, &amended.versions[1].content_hash));
    let decision = decision.id;

    // Finance has the rule, stamped.
    let rules = journey.rules().await;
    let new = rules.iter().find(|rule| rule.decision_id == decision).expect("the decision's rule");
    assert_eq!((new.effective_from.as_str(), new.revoked_from.as_str()), ("2026-04-01", ""));
    let mode = RuleOnRate { added_bp: 1200, deducted_bp: 300 };
    assert_eq!(new.mode, Some(rule::Mode::OnRate(mode)));
    assert!(journey.under_earlier_rule().await.is_empty());

    // An hour at £20.70: 12 % on top is £2.48, 3 % off is £0.62; under the founding rule 15 % on top is £3.11.
    let visits = journey.april().await;
    let days: Vec<&str> = visits.keys().map(String::as_str).collect();
    assert_eq!(days, ["2026-04-01", "2026-04-08", "2026-04-15", "2026-04-22", "2026-04-29"]);
    let under_decision: Figures<'_> = (&decision, 2318, 2008, 310);
    let under_founding: Figures<'_> = ("", 2381, 2070, 311);
    journey.agree(&visits["2026-04-01"]).await;
    journey.agree(&visits["2026-04-22"]).await;
    let posted = [("2026-04-01", under_decision), ("2026-04-22", under_decision)];
    journey.assert_lines(&visits, &posted).await;
    assert_eq!(journey.month("2026-03").await, march, "March is as it was");
    journey.assert_trial_balance().await;
    let books = journey.books().await;
    assert!(books.is_superset(&march_books) && books.len() > march_books.len());

    // Revoked from the 15th: what is posted stays, and is shown where it would now be another rule's.
    let title = "Back to what we had";
    let end = Revocation { decision_id: decision.clone(), revoked_from: "2026-04-15".to_owned() };
    let revoking = journey.decide("Owner Two", title, Change::Revocation(end)).await;
    let request = GetDecisionRequest { id: decision.clone() };
    let read: GetDecisionResponse = proposer.ask(request).await.expect("the decision");
    assert_eq!(read.decision.expect("the decision").revoked_from, "2026-04-15");
    assert!(revoking.mandate_id.is_empty(), "it ends a mandate and issues none");
    let rules = journey.rules().await;
    let ended = rules.iter().find(|rule| rule.decision_id == decision).expect("the decision's rule");
    assert_eq!(ended.revoked_from, "2026-04-15");
    assert_eq!(journey.under_earlier_rule().await, ["2026-04-22"]);
    assert_eq!(journey.books().await, books, "revoking posts nothing and changes nothing");
    journey.agree(&visits["2026-04-08"]).await;
    journey.agree(&visits["2026-04-15"]).await;
    let posted = [posted[0], ("2026-04-08", under_decision), ("2026-04-15", under_founding), posted[1]];
    journey.assert_lines(&visits, &posted).await;
    let after_revocation = journey.books().await;
    assert!(after_revocation.is_superset(&books) && after_revocation.len() > books.len());

    // A mandate that comes after the postings it should have governed.
    let late = journey.decide("Owner Four", "Seven and seven", rule_from("2026-04-05", 700, 700)).await;
    assert_eq!(journey.under_earlier_rule().await, ["2026-04-08", "2026-04-15", "2026-04-22"]);
    assert_eq!(journey.books().await, after_revocation, "a late mandate posts nothing and changes nothing");
    journey.agree(&visits["2026-04-29"]).await;
    let under_late: Figures<'_> = (&late.id, 2215, 1925, 290);
    let posted = [posted[0], posted[1], posted[2], posted[3], ("2026-04-29", under_late)];
    journey.assert_lines(&visits, &posted).await;
    assert_eq!(journey.under_earlier_rule().await.len(), 3);

    assert!(journey.books().await.is_superset(&after_revocation));
    assert_eq!(journey.month("2026-03").await, march, "March is as it was");
    journey.assert_trial_balance().await;
    println!(
        "3 decisions by 14 members, 5 visits under 3 rules, {} rows on the books, {} before",
        journey.books().await.len(),
        march_books.len()
    );
}
