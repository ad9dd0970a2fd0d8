//! Messages → commands. All fields are read first, so that every wrong one is named.

use chrono::{DateTime, Utc};
use kith_platform::fields::Fields;
use kith_platform::id::Uuid;
use kith_platform::money::Currency;
use kith_platform::page::Page;
use kith_proto::finance::v1 as pb;

use crate::app;
use crate::domain::contribution::{BasisPoints, Mode};
use crate::domain::funding::PayerKind;
use crate::domain::month::Month;
use crate::domain::share::{Share, Shares};
use crate::domain::{CircleId, InvoiceId, Refused, TeamId};
use crate::store;

/// A trial balance has more rows than other lists.
const TRIAL_BALANCE_SIZE: i32 = 200;
const MAX_TRIAL_BALANCE_SIZE: i32 = 1000;

/// Turns a rule's no into a wrong field.
fn checked<T>(fields: &mut Fields, field: &str, value: Result<T, Refused>) -> Option<T> {
    match value {
        Ok(value) => Some(value),
        Err(refused) => fields.wrong(field, refused.to_string()),
    }
}

fn month(fields: &mut Fields, field: &str, value: &str) -> Option<Month> {
    fields.month(field, value).map(Month::of)
}

#[expect(clippy::option_option, reason = "wrong, left out and given are three different things")]
fn optional_month(fields: &mut Fields, field: &str, value: &str) -> Option<Option<Month>> {
    if value.is_empty() { Some(None) } else { month(fields, field, value).map(Some) }
}

pub fn add_founding_rule(
    message: pb::AddFoundingRuleRequest,
    fields: &mut Fields,
) -> Option<app::rule::AddFounding> {
    let Some(rule) = message.rule else { return fields.wrong("rule", "is missing") };
    let id = fields.optional_id("rule.id", &rule.id);
    let circle_id = fields.id("rule.circle_id", &rule.circle_id);
    let name = fields.text("rule.name", &rule.name, 1, 60);
    let effective_from = fields.date("rule.effective_from", &rule.effective_from);
    if !rule.revoked_from.is_empty() {
        fields.wrong::<()>("rule.revoked_from", "must be empty: a founding rule ends by a later rule");
    }
    if !rule.decision_id.is_empty() {
        fields.wrong::<()>("rule.decision_id", "must be empty: no decision is behind a founding rule");
    }
    let mode = match &rule.mode {
        None => fields.wrong("rule.mode", "is missing: one of on_rate and share_of_total"),
        Some(pb::rule::Mode::OnRate(on_rate)) => {
            let added = BasisPoints::new(on_rate.added_bp.into());
            let added = checked(fields, "rule.on_rate.added_bp", added);
            let deducted = BasisPoints::new(on_rate.deducted_bp.into());
            let deducted = checked(fields, "rule.on_rate.deducted_bp", deducted);
            added.zip(deducted).map(|(added, deducted)| Mode::OnRate { added, deducted })
        }
        Some(pb::rule::Mode::ShareOfTotal(total)) => {
            let share = BasisPoints::new(total.share_bp.into());
            checked(fields, "rule.share_of_total.share_bp", share).map(|share| Mode::ShareOfTotal { share })
        }
    };
    Some(app::rule::AddFounding {
        id: id?,
        circle_id: circle_id?,
        name: name?,
        effective_from: effective_from?,
        mode: mode?,
    })
}

pub fn list_rules(
    message: pb::ListRulesRequest,
    fields: &mut Fields,
) -> Option<(CircleId, Page<store::rule::Key>)> {
    let circle_id = fields.id("circle_id", &message.circle_id);
    let page = Page::parse(fields, message.page_size, &message.page_token, &("rules", &message.circle_id));
    Some((circle_id?, page?))
}

pub fn add_payer(message: pb::AddPayerRequest, fields: &mut Fields) -> Option<app::funding::AddPayer> {
    let Some(payer) = message.payer else { return fields.wrong("payer", "is missing") };
    let id = fields.optional_id("payer.id", &payer.id);
    let team_id = fields.id("payer.team_id", &payer.team_id);
    let kind = fields.choice("payer.kind", payer.kind, |kind| match kind {
        pb::PayerKind::Private => Some(PayerKind::Private),
        pb::PayerKind::LocalAuthority => Some(PayerKind::LocalAuthority),
        pb::PayerKind::NhsContinuingHealthcare => Some(PayerKind::NhsContinuingHealthcare),
        pb::PayerKind::DirectPayment => Some(PayerKind::DirectPayment),
        pb::PayerKind::FamilyTopUp => Some(PayerKind::FamilyTopUp),
        pb::PayerKind::PersonalHealthBudget => Some(PayerKind::PersonalHealthBudget),
        pb::PayerKind::Charity => Some(PayerKind::Charity),
        pb::PayerKind::Unspecified => None,
    });
    let billing_name = fields.text("payer.billing_name", &payer.billing_name, 1, 200);
    let billing_address = fields.text("payer.billing_address", &payer.billing_address, 0, 1000);
    Some(app::funding::AddPayer {
        id: id?,
        team_id: team_id?,
        kind: kind?,
        billing_name: billing_name?,
        billing_address: billing_address?,
    })
}

pub fn set_funding(message: pb::SetFundingRequest, fields: &mut Fields) -> Option<app::funding::Set> {
    let Some(funding) = message.funding else { return fields.wrong("funding", "is missing") };
    let id = fields.optional_id("funding.id", &funding.id);
    let team_id = fields.id("funding.team_id", &funding.team_id);
    let valid_from = fields.date("funding.valid_from", &funding.valid_from);
    let mut parsed = Vec::with_capacity(funding.shares.len());
    for (place, share) in funding.shares.iter().enumerate() {
        let payer = fields.id(&format!("funding.shares[{place}].payer_id"), &share.payer_id);
        let share_bp = fields.number(&format!("funding.shares[{place}].share_bp"), share.share_bp, 1, 10_000);
        parsed.push(payer.zip(share_bp).map(|(payer, share_bp)| Share { payer, share_bp: share_bp.into() }));
    }
    // What is wrong with the whole is said only where each share is right in itself.
    let each: Option<Vec<Share>> = parsed.into_iter().collect();
    let shares = each.and_then(|shares| checked(fields, "funding.shares", Shares::new(shares)));
    Some(app::funding::Set { id: id?, team_id: team_id?, valid_from: valid_from?, shares: shares? })
}

pub fn list_funding(message: pb::ListFundingRequest, fields: &mut Fields) -> Option<TeamId> {
    fields.id("team_id", &message.team_id)
}

/// A Team or a Circle: one of the two must be named.
fn team_or_circle(
    fields: &mut Fields,
    team_id: &str,
    circle_id: &str,
) -> Option<(Option<TeamId>, Option<CircleId>)> {
    let team = fields.optional_id("team_id", team_id);
    let circle = fields.optional_id("circle_id", circle_id);
    match (team?, circle?) {
        (None, None) => fields.wrong("circle_id", "is needed where no team is named"),
        named => Some(named),
    }
}

pub fn list_unsettled_visits(
    message: pb::ListUnsettledVisitsRequest,
    fields: &mut Fields,
) -> Option<app::unsettled::List> {
    let named = team_or_circle(fields, &message.team_id, &message.circle_id);
    let filters = ("unsettled", &message.team_id, &message.circle_id);
    let page = Page::parse(fields, message.page_size, &message.page_token, &filters);
    let (team_id, circle_id) = named?;
    Some(app::unsettled::List { team_id, circle_id, page: page? })
}

fn circle_and_month(fields: &mut Fields, circle_id: &str, text: &str) -> Option<(CircleId, Month)> {
    let circle_id = fields.id("circle_id", circle_id);
    let month = month(fields, "month", text);
    Some((circle_id?, month?))
}

pub fn issue_invoices(message: pb::IssueInvoicesRequest, fields: &mut Fields) -> Option<(CircleId, Month)> {
    circle_and_month(fields, &message.circle_id, &message.month)
}

pub fn get_invoice(message: pb::GetInvoiceRequest, fields: &mut Fields) -> Option<InvoiceId> {
    fields.id("id", &message.id)
}

pub fn list_invoices(
    message: pb::ListInvoicesRequest,
    fields: &mut Fields,
) -> Option<(store::invoice::Filter, Page<i64>)> {
    let named = team_or_circle(fields, &message.team_id, &message.circle_id);
    let month = optional_month(fields, "month", &message.month);
    let filters = ("invoices", &message.team_id, &message.circle_id, &message.month);
    let page = Page::parse(fields, message.page_size, &message.page_token, &filters);
    let (team_id, circle_id) = named?;
    Some((store::invoice::Filter { circle_id, team_id, month: month? }, page?))
}

pub fn run_pay(message: pb::RunPayRequest, fields: &mut Fields) -> Option<(CircleId, Month)> {
    circle_and_month(fields, &message.circle_id, &message.month)
}

pub fn list_statements(
    message: pb::ListStatementsRequest,
    fields: &mut Fields,
) -> Option<app::statement::List> {
    let circle_id = fields.optional_id("circle_id", &message.circle_id);
    let giver = fields.optional_id("giver_person_id", &message.giver_person_id);
    let month = optional_month(fields, "month", &message.month);
    let filters = ("statements", &message.circle_id, &message.giver_person_id, &message.month);
    let page = Page::parse(fields, message.page_size, &message.page_token, &filters);
    Some(app::statement::List { circle_id: circle_id?, giver: giver?, month: month?, page: page? })
}

pub fn get_month(message: pb::GetMonthRequest, fields: &mut Fields) -> Option<(CircleId, Month)> {
    circle_and_month(fields, &message.circle_id, &message.month)
}

pub fn get_trial_balance(
    message: pb::GetTrialBalanceRequest,
    fields: &mut Fields,
) -> Option<(Page<String>, bool)> {
    let (size, max) = (TRIAL_BALANCE_SIZE, MAX_TRIAL_BALANCE_SIZE);
    let page =
        Page::parse_sized(fields, message.page_size, &message.page_token, &"trial balance", size, max)?;
    Some((page, message.prove))
}

pub fn get_care_coins(
    message: pb::GetCareCoinsRequest,
    fields: &mut Fields,
) -> Option<Page<(DateTime<Utc>, Uuid)>> {
    Page::parse(fields, message.page_size, &message.page_token, &"care coins")
}

pub fn give_care_coins(message: pb::GiveCareCoinsRequest, fields: &mut Fields) -> Option<app::coins::Give> {
    let id = fields.optional_id("id", &message.id);
    let to = fields.id("to_person_id", &message.to_person_id);
    let amount = fields.money("amount", message.amount.as_ref(), Currency::XCC);
    Some(app::coins::Give { id: id?, to: to?, minutes: amount?.minor_units })
}
