//! Domain → messages.

use kith_platform::fields::{date_text, timestamp};
use kith_platform::money::Money;
use kith_proto::finance::v1 as pb;

use crate::app::coins::Wallet;
use crate::app::ledger::TrialBalance;
use crate::app::month::Sums;
use crate::domain::contribution::Mode;
use crate::domain::funding::{Funding, Payer, PayerKind};
use crate::domain::invoice::{Invoice, InvoiceLine};
use crate::domain::line::Line;
use crate::domain::rule::Rule;
use crate::domain::settlement::{Listed, Unsettled};
use crate::domain::statement::Statement;
use crate::store::coins::Change;
use crate::store::ledger::Balance;

type PbMoney = kith_proto::common::v1::Money;

#[expect(clippy::unnecessary_wraps, reason = "amounts are optional fields of the contracts")]
fn pence(amount: i64) -> Option<PbMoney> {
    Some(Money::pence(amount).into())
}

#[expect(clippy::unnecessary_wraps, reason = "amounts are optional fields of the contracts")]
fn coins(minutes: i64) -> Option<PbMoney> {
    Some(Money::coins(minutes).into())
}

/// A basis-point figure: the domain holds it within 0 to 10,000.
fn basis_points(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn text_of<T: ToString>(id: Option<T>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

impl From<Rule> for pb::Rule {
    fn from(rule: Rule) -> Self {
        let mode = match rule.mode {
            Mode::OnRate { added, deducted } => pb::rule::Mode::OnRate(pb::RuleOnRate {
                added_bp: basis_points(added.get()),
                deducted_bp: basis_points(deducted.get()),
            }),
            Mode::ShareOfTotal { share } => {
                pb::rule::Mode::ShareOfTotal(pb::RuleShareOfTotal { share_bp: basis_points(share.get()) })
            }
        };
        Self {
            id: rule.id.to_string(),
            circle_id: rule.circle_id.to_string(),
            name: rule.name,
            effective_from: date_text(Some(rule.effective_from)),
            revoked_from: date_text(rule.revoked_from),
            mode: Some(mode),
            decision_id: text_of(rule.decision_id),
        }
    }
}

impl From<Payer> for pb::Payer {
    fn from(payer: Payer) -> Self {
        let kind = match payer.kind {
            PayerKind::Private => pb::PayerKind::Private,
            PayerKind::LocalAuthority => pb::PayerKind::LocalAuthority,
            PayerKind::NhsContinuingHealthcare => pb::PayerKind::NhsContinuingHealthcare,
            PayerKind::DirectPayment => pb::PayerKind::DirectPayment,
            PayerKind::FamilyTopUp => pb::PayerKind::FamilyTopUp,
            PayerKind::PersonalHealthBudget => pb::PayerKind::PersonalHealthBudget,
            PayerKind::Charity => pb::PayerKind::Charity,
        };
        Self {
            id: payer.id.to_string(),
            team_id: payer.team_id.to_string(),
            kind: kind.into(),
            billing_name: payer.billing_name,
            billing_address: payer.billing_address,
        }
    }
}

impl From<Funding> for pb::Funding {
    fn from(funding: Funding) -> Self {
        let mut shares = Vec::new();
        for share in funding.shares.as_slice() {
            shares.push(pb::FundingShare {
                payer_id: share.payer.to_string(),
                share_bp: basis_points(share.share_bp),
            });
        }
        Self {
            id: funding.id.to_string(),
            team_id: funding.team_id.to_string(),
            valid_from: date_text(Some(funding.valid_from)),
            shares,
        }
    }
}

impl From<Listed> for pb::UnsettledVisit {
    fn from(listed: Listed) -> Self {
        let reason = match listed.reason {
            Unsettled::NoFunding => pb::UnsettledReason::NoFunding,
            Unsettled::NoTerms => pb::UnsettledReason::NoTerms,
            Unsettled::NoRule => pb::UnsettledReason::NoRule,
            Unsettled::EarlierRule => pb::UnsettledReason::EarlierRule,
            Unsettled::EarlierTerms => pb::UnsettledReason::EarlierTerms,
            Unsettled::EarlierFunding => pb::UnsettledReason::EarlierFunding,
        };
        Self {
            visit_id: listed.visit_id.to_string(),
            team_id: listed.team_id.to_string(),
            giver_person_id: listed.giver.to_string(),
            planned_date: date_text(Some(listed.planned_date)),
            reason: reason.into(),
        }
    }
}

impl From<Line> for pb::Line {
    fn from(line: Line) -> Self {
        Self {
            visit_id: line.visit_id.to_string(),
            giver_person_id: line.giver.to_string(),
            planned_date: date_text(Some(line.planned_date)),
            minutes: line.minutes,
            hourly_rate: pence(line.hourly_rate),
            rule_name: line.rule_name,
            decision_id: text_of(line.decision_id),
            payers_total: pence(line.payers_total),
            giver_amount: pence(line.giver_amount),
            contribution: pence(line.contribution),
            payer_amount: None,
        }
    }
}

impl From<InvoiceLine> for pb::Line {
    fn from(line: InvoiceLine) -> Self {
        Self { payer_amount: pence(line.payer_amount), ..line.line.into() }
    }
}

impl From<Invoice> for pb::Invoice {
    fn from(invoice: Invoice) -> Self {
        Self {
            id: invoice.id.to_string(),
            number: invoice.number,
            team_id: invoice.team_id.to_string(),
            payer_id: invoice.payer_id.to_string(),
            billing_name: invoice.billing_name,
            billing_address: invoice.billing_address,
            month: invoice.month.to_string(),
            total: pence(invoice.total),
            contribution: pence(invoice.contribution),
            lines: Vec::new(),
            issue_time: Some(timestamp(invoice.created_at)),
        }
    }
}

/// An invoice with its lines.
pub fn whole_invoice((invoice, lines): (Invoice, Vec<InvoiceLine>)) -> pb::Invoice {
    pb::Invoice { lines: lines.into_iter().map(Into::into).collect(), ..invoice.into() }
}

impl From<Statement> for pb::Statement {
    fn from(statement: Statement) -> Self {
        Self {
            id: statement.id.to_string(),
            giver_person_id: statement.giver.to_string(),
            month: statement.month.to_string(),
            total: pence(statement.total),
            minutes: statement.minutes,
            lines: statement.lines.into_iter().map(Into::into).collect(),
            create_time: Some(timestamp(statement.created_at)),
        }
    }
}

/// A month's sums; what is zero is left out.
pub fn month(sums: Sums) -> pb::GetMonthResponse {
    let mut answer = pb::GetMonthResponse::default();
    let (mut contribution, mut payers_total) = (0, 0);
    for giver in sums.givers {
        answer.invoice_lines += giver.visits;
        contribution += giver.contribution;
        payers_total += giver.payers_total;
        if giver.visits > 0 {
            answer.givers.push(pb::GiverTotal {
                giver_person_id: giver.person.to_string(),
                total: pence(giver.amount),
                minutes: giver.paid_minutes,
            });
        }
        if giver.coin_minutes > 0 || giver.gifted_minutes > 0 {
            answer.unpaid.push(pb::UnpaidTotal {
                giver_person_id: giver.person.to_string(),
                care_coin_minutes: giver.coin_minutes,
                gifted_minutes: giver.gifted_minutes,
            });
        }
    }
    for (payer, total) in sums.payers {
        answer.payers.push(pb::PayerTotal { payer_id: payer.to_string(), total: pence(total) });
    }
    answer.contribution = pence(contribution);
    answer.payers_total = pence(payers_total);
    answer
}

impl From<Balance> for pb::AccountBalance {
    fn from(balance: Balance) -> Self {
        Self { account: balance.account, balance: Some(balance.balance.into()) }
    }
}

impl From<TrialBalance> for pb::GetTrialBalanceResponse {
    fn from(balance: TrialBalance) -> Self {
        Self {
            accounts: balance.accounts.into_iter().map(Into::into).collect(),
            sums: balance.sums.into_iter().map(Into::into).collect(),
            next_page_token: balance.next,
        }
    }
}

impl From<Change> for pb::CoinEntry {
    fn from(change: Change) -> Self {
        Self {
            create_time: Some(timestamp(change.created_at)),
            amount: coins(change.amount),
            visit_id: text_of(change.visit_id),
            other_person_id: text_of(change.other),
        }
    }
}

impl From<Wallet> for pb::GetCareCoinsResponse {
    fn from(wallet: Wallet) -> Self {
        Self {
            balance: coins(wallet.minutes),
            entries: wallet.changes.into_iter().map(Into::into).collect(),
            next_page_token: wallet.next,
        }
    }
}

/// What is left after a gift.
pub fn given(minutes: i64) -> pb::GiveCareCoinsResponse {
    pb::GiveCareCoinsResponse { balance: coins(minutes) }
}
