//! A Circle with an administrator, a finance hat, a Team with its Owner, and a giver: what the tests of finance start
//! from. What finance hears of the others comes as their events, as the broker would bring them.

use std::cell::RefCell;
use std::collections::HashMap;

use kith_finance::{Documents, Funding, Ledger, Rules, SERVICE};
use kith_platform::Host;
use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_platform::testing::{World, request_of};
use kith_proto::appointments::v1::{self as appointments, Settlement, VisitState};
use kith_proto::common::v1::Money;
use kith_proto::common::v1::{OrganisationRole, PersonSnapshot, RoleSnapshot};
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::documents_service_server::DocumentsService as _;
use kith_proto::finance::v1::funding_service_server::FundingService as _;
use kith_proto::finance::v1::ledger_service_server::LedgerService as _;
use kith_proto::finance::v1::rules_service_server::RulesService as _;
use kith_proto::{
    governance::v1 as governance, identity::v1 as identity, matching::v1 as matching, teams::v1 as teams,
};
use tonic::{Request, Response, Status};

/// The stage, and what happens on it.
pub struct Stage {
    pub world: World,
    pub host: Host,
    pub rules: Rules,
    pub funding: Funding,
    pub documents: Documents,
    pub ledger: Ledger,
    pub tenant: TenantId,
    pub circle: Uuid,
    pub team: Uuid,
    pub administrator: PersonId,
    pub hat: PersonId,
    pub owner: PersonId,
    pub giver: PersonId,
    pub numbers: RefCell<HashMap<Uuid, i64>>,
}

/// An amount in pence.
#[expect(clippy::unnecessary_wraps, reason = "amounts are optional fields of the contracts")]
pub fn pence(minor_units: i64) -> Option<Money> {
    Some(Money { minor_units, currency: "GBP".into() })
}

/// An amount of Care Coins.
#[expect(clippy::unnecessary_wraps, reason = "amounts are optional fields of the contracts")]
pub fn coins(minor_units: i64) -> Option<Money> {
    Some(Money { minor_units, currency: "XCC".into() })
}

/// The number in an amount.
pub fn amount(money: Option<&Money>) -> i64 {
    money.expect("an amount").minor_units
}

impl Stage {
    /// In a tenant that is being set up; everybody and everything is known, nobody has terms, rules or payers yet.
    pub async fn new() -> Self {
        let world = World::new();
        let host = world.host(&SERVICE).await;
        let tenant = world.tenant(&host, true).await;
        let mut stage = Self {
            rules: Rules::new(host.clone()),
            funding: Funding::new(host.clone()),
            documents: Documents::new(host.clone()),
            ledger: Ledger::new(host.clone()),
            tenant,
            circle: Uuid::nil(),
            team: Uuid::nil(),
            administrator: world.person(),
            hat: world.person(),
            owner: world.person(),
            giver: world.person(),
            numbers: RefCell::new(HashMap::new()),
            world,
            host,
        };
        stage.circle = stage.uuid();
        stage.team = stage.uuid();
        for person in [stage.administrator, stage.hat, stage.owner, stage.giver] {
            stage.know(person).await;
        }
        let roles = vec![OrganisationRole::Administrator.into()];
        let state = RoleSnapshot { person_id: stage.administrator.to_string(), roles };
        stage.tell(stage.administrator, &identity::RoleSet { state: Some(state) }).await;
        stage.circle_with_hat(stage.circle, stage.hat, "2020-01-01", "2030-01-01").await;
        stage.know_team(stage.team, stage.owner).await;
        stage
    }

    /// As `new`, with a giver at £20 an hour under a rule of 15 % on top, and one payer.
    pub async fn funded() -> Self {
        let stage = Self::new().await;
        stage.founding_rule("independent", "2026-01-01", 1500, 0).await.expect("a rule");
        stage.paid_terms(stage.giver, "independent", "2026-01-01", 2000).await;
        let payer = stage.payer("Council").await;
        stage.fund("2026-01-01", &[(&payer.id, 10_000)]).await.expect("funding");
        stage
    }

    pub fn uuid(&self) -> Uuid {
        self.world.ids.uuid(self.world.clock.now())
    }

    pub fn id(&self) -> String {
        self.uuid().to_string()
    }

    pub fn by<M>(&self, person: PersonId, message: M) -> Request<M> {
        request_of(self.tenant, person, message)
    }

    /// Delivers the next event of an aggregate.
    pub async fn tell<E: kith_proto::Event>(&self, aggregate: impl Into<Uuid>, event: &E) {
        let aggregate = aggregate.into();
        let number = {
            let mut numbers = self.numbers.borrow_mut();
            let number = numbers.entry(aggregate).or_insert(0);
            *number += 1;
            *number
        };
        self.world.deliver(&self.host, self.tenant, aggregate, number, event).await;
    }

    pub async fn know(&self, person: PersonId) {
        // A person and their roles are two aggregates with one id, so this one is numbered by hand.
        let person_id = person.to_string();
        let state = PersonSnapshot { person_id, joined: true, left: false, left_time: None };
        let event = identity::PersonJoined { state: Some(state) };
        self.world.deliver(&self.host, self.tenant, person, 1, &event).await;
    }

    pub async fn know_team(&self, team: Uuid, owner: PersonId) {
        let state = teams::TeamSnapshot {
            team_id: team.to_string(),
            owner_person_id: owner.to_string(),
            circle_id: self.circle.to_string(),
            ..Default::default()
        };
        self.tell(team, &teams::TeamStarted { state: Some(state) }).await;
    }

    pub async fn circle_with_hat(&self, circle: Uuid, person: PersonId, from: &str, until: &str) {
        let hat = governance::CircleHatHolding {
            id: self.id(),
            hat: governance::CircleHat::NumbersPerson.into(),
            person_id: person.to_string(),
            state: governance::SeatState::Held.into(),
            valid_from: from.into(),
            valid_until: until.into(),
        };
        let state =
            governance::CircleSnapshot { circle_id: circle.to_string(), members: vec![], hats: vec![hat] };
        self.tell(circle, &governance::CircleHatsChanged { state: Some(state) }).await;
    }

    pub fn rule(&self, name: &str, from: &str, added_bp: i32, deducted_bp: i32) -> pb::Rule {
        pb::Rule {
            id: self.id(),
            circle_id: self.circle.to_string(),
            name: name.into(),
            effective_from: from.into(),
            mode: Some(pb::rule::Mode::OnRate(pb::RuleOnRate { added_bp, deducted_bp })),
            ..Default::default()
        }
    }

    pub async fn founding_rule(
        &self,
        name: &str,
        from: &str,
        added_bp: i32,
        deducted_bp: i32,
    ) -> Result<pb::Rule, Status> {
        let rule = Some(self.rule(name, from, added_bp, deducted_bp));
        let request = pb::AddFoundingRuleRequest { request_id: self.id(), rule };
        let answer = self.rules.add_founding_rule(self.by(self.administrator, request)).await?;
        Ok(answer.into_inner().rule.expect("a rule"))
    }

    /// A decision of the Circle; told again with a date it is revoked.
    pub async fn mandate(
        &self,
        mandate: Uuid,
        decision: Uuid,
        name: &str,
        from: &str,
        added_bp: i32,
        revoked: &str,
    ) {
        let change = governance::ContributionRuleChange {
            rule_name: name.into(),
            effective_from: from.into(),
            mode: Some(governance::contribution_rule_change::Mode::OnRate(governance::OnRate {
                added_bp,
                deducted_bp: 0,
            })),
        };
        let state = Some(governance::MandateSnapshot {
            mandate_id: mandate.to_string(),
            decision_id: decision.to_string(),
            circle_id: self.circle.to_string(),
            contribution_rule: Some(change),
            revoked_from: revoked.into(),
        });
        if revoked.is_empty() {
            self.tell(mandate, &governance::MandateIssued { state }).await;
        } else {
            self.tell(mandate, &governance::MandateRevoked { state }).await;
        }
    }

    pub async fn paid_terms(&self, giver: PersonId, rule: &str, from: &str, rate: i64) {
        let terms = matching::Terms {
            id: self.id(),
            valid_from: from.into(),
            circle_id: self.circle.to_string(),
            contribution_rule: rule.into(),
            hourly_rate: pence(rate),
            ..Default::default()
        };
        self.terms(giver, vec![terms]).await;
    }

    pub async fn terms(&self, giver: PersonId, terms: Vec<matching::Terms>) {
        let state = matching::GiverSnapshot { person_id: giver.to_string(), terms, ..Default::default() };
        self.tell(Uuid::from(giver), &matching::GiverTermsSet { state: Some(state) }).await;
    }

    pub async fn payer(&self, name: &str) -> pb::Payer {
        let payer = pb::Payer {
            id: self.id(),
            team_id: self.team.to_string(),
            kind: pb::PayerKind::LocalAuthority.into(),
            billing_name: name.into(),
            billing_address: "1 The Street".into(),
        };
        let request = pb::AddPayerRequest { request_id: self.id(), payer: Some(payer) };
        let answer = self.funding.add_payer(self.by(self.owner, request)).await.expect("a payer");
        answer.into_inner().payer.expect("a payer")
    }

    pub async fn fund(&self, from: &str, shares: &[(&str, i32)]) -> Result<pb::Funding, Status> {
        let mut funding = pb::Funding {
            id: self.id(),
            team_id: self.team.to_string(),
            valid_from: from.into(),
            shares: Vec::new(),
        };
        for (payer_id, share_bp) in shares {
            funding.shares.push(pb::FundingShare { payer_id: (*payer_id).into(), share_bp: *share_bp });
        }
        let request = pb::SetFundingRequest { request_id: self.id(), funding: Some(funding) };
        let answer = self.funding.set_funding(self.by(self.owner, request)).await?;
        Ok(answer.into_inner().funding.expect("funding"))
    }

    /// A visit of an hour on that day, agreed and paid, with its first settlement.
    pub fn visit(&self, day: &str) -> appointments::VisitSnapshot {
        let start = 1_780_000_000;
        appointments::VisitSnapshot {
            visit_id: self.id(),
            series_id: self.id(),
            team_id: self.team.to_string(),
            circle_id: self.circle.to_string(),
            giver_person_id: self.giver.to_string(),
            kind: appointments::VisitKind::Support.into(),
            occurrence_local: format!("{day}T09:00:00"),
            time_zone: "Europe/London".into(),
            state: VisitState::Agreed.into(),
            agreed_start_time: Some(timestamp(start)),
            agreed_end_time: Some(timestamp(start + 3600)),
            settlement: Settlement::Money.into(),
            settlement_no: 1,
            ..Default::default()
        }
    }

    /// Tells what a visit now is, as the event that fits its state.
    pub async fn tell_visit(&self, visit: &appointments::VisitSnapshot) {
        let (aggregate, state) = (visit.visit_id.parse::<Uuid>().expect("an id"), Some(visit.clone()));
        match visit.state() {
            VisitState::Agreed => self.tell(aggregate, &appointments::VisitAgreed { state }).await,
            VisitState::Missed => self.tell(aggregate, &appointments::VisitMissed { state }).await,
            VisitState::Planned => self.tell(aggregate, &appointments::VisitPlanned { state }).await,
            _ => self.tell(aggregate, &appointments::VisitCancelled { state }).await,
        }
    }

    pub async fn unsettled(&self) -> Vec<(String, pb::UnsettledReason)> {
        let request = pb::ListUnsettledVisitsRequest { team_id: self.team.to_string(), ..Default::default() };
        let answer = self.funding.list_unsettled_visits(self.by(self.owner, request)).await.expect("a list");
        answer.into_inner().visits.into_iter().map(|visit| (visit.visit_id.clone(), visit.reason())).collect()
    }

    pub async fn issue(&self, month: &str) -> Vec<pb::Invoice> {
        let request = pb::IssueInvoicesRequest {
            request_id: self.id(),
            circle_id: self.circle.to_string(),
            month: month.into(),
        };
        let answer = self.documents.issue_invoices(self.by(self.hat, request)).await.expect("invoices");
        answer.into_inner().invoices
    }

    pub async fn invoice(&self, id: &str) -> pb::Invoice {
        let request = pb::GetInvoiceRequest { id: id.into() };
        let answer = self.documents.get_invoice(self.by(self.hat, request)).await.expect("an invoice");
        answer.into_inner().invoice.expect("an invoice")
    }

    pub async fn run_pay(&self, month: &str) -> Vec<pb::Statement> {
        let request = pb::RunPayRequest {
            request_id: self.id(),
            circle_id: self.circle.to_string(),
            month: month.into(),
        };
        let answer = self.documents.run_pay(self.by(self.hat, request)).await.expect("statements");
        answer.into_inner().statements
    }

    pub async fn month(&self, month: &str) -> pb::GetMonthResponse {
        let request = pb::GetMonthRequest { circle_id: self.circle.to_string(), month: month.into() };
        self.documents.get_month(self.by(self.hat, request)).await.expect("a month").into_inner()
    }

    /// Balances by account; that they sum to zero is asserted on the way.
    pub async fn balances(&self) -> HashMap<String, i64> {
        let request = pb::GetTrialBalanceRequest { prove: true, ..pb::GetTrialBalanceRequest::default() };
        let answer =
            self.ledger.get_trial_balance(self.by(self.hat, request)).await.expect("a trial balance");
        let answer = answer.into_inner();
        assert!(
            answer.sums.iter().all(|sum| sum.minor_units == 0),
            "the ledger does not balance: {:?}",
            answer.sums
        );
        answer
            .accounts
            .into_iter()
            .map(|account| (account.account, amount(account.balance.as_ref())))
            .collect()
    }

    pub async fn give(&self, from: PersonId, to: PersonId, minutes: i64) -> Result<i64, Status> {
        let request = pb::GiveCareCoinsRequest {
            request_id: self.id(),
            to_person_id: to.to_string(),
            amount: coins(minutes),
            ..Default::default()
        };
        let answer: Response<pb::GiveCareCoinsResponse> =
            self.ledger.give_care_coins(self.by(from, request)).await?;
        Ok(amount(answer.into_inner().balance.as_ref()))
    }
}

fn timestamp(seconds: i64) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds, nanos: 0 }
}
