//! Shares that are no whole, and amounts that are negative or do not fit.

use kith_proto::common::v1::Money;
use kith_proto::finance::v1::{
    AddFoundingRuleRequest, Funding, FundingShare, GetMonthRequest, GiveCareCoinsRequest, Rule, RuleOnRate,
    SetFundingRequest, rule,
};
use kith_proto::matching::v1::{SetTermsRequest, Terms};
use kith_tests::refusals::Cases;
use tonic::Code;

use super::stage::{Stage, edit};

const NOT_FOUND: (Code, &str) = (Code::NotFound, "NOT_FOUND");
const DENIED: (Code, &str) = (Code::PermissionDenied, "PERMISSION_DENIED");

pub fn shares(stage: &Stage, basis_points: &[i32]) -> Funding {
    let of = |share_bp: &i32| FundingShare { payer_id: stage.payer.id.clone(), share_bp: *share_bp };
    Funding {
        team_id: stage.team.clone(),
        valid_from: "2026-04-01".to_owned(),
        shares: basis_points.iter().map(of).collect(),
        ..Funding::default()
    }
}

/// Shares that are no whole, and amounts that are negative or do not fit.
pub fn money(cases: &mut Cases<'_>, stage: &Stage) {
    let owner = stage.owner();
    for (basis_points, wrong) in [
        (&[9_999][..], &["funding.shares"][..]),
        (&[6_000, 3_999], &["funding.shares"]),
        (&[6_000, 4_000], &["funding.shares"]), // one payer twice
        (&[], &["funding.shares"]),
        (&[-1, 10_001, 5], &["funding.shares[0].share_bp", "funding.shares[1].share_bp"]),
        (&[i32::MAX, i32::MIN], &["funding.shares[0].share_bp", "funding.shares[1].share_bp"]),
    ] {
        let funding = SetFundingRequest { funding: Some(shares(stage, basis_points)), ..Default::default() };
        cases.wrong(&format!("shares {basis_points:?}"), owner, funding, wrong);
    }
    let xcc = |minor_units| Money { minor_units, currency: "XCC".to_owned() };
    let give = GiveCareCoinsRequest {
        to_person_id: owner.id.to_string(),
        amount: Some(xcc(1)),
        ..GiveCareCoinsRequest::default()
    };
    let with = |amount: Money| edit(&give, |give| give.amount = Some(amount));
    let saver = stage.people.named("Giver Six");
    for amount in [-1, i64::MIN] {
        cases.wrong("negative", saver, with(xcc(amount)), &["amount.minor_units"]);
    }
    let pounds = Money { minor_units: 1, currency: "GBP".to_owned() };
    cases.wrong("pounds", saver, with(pounds.clone()), &["amount.currency"]);
    cases.wrong("no amount", saver, edit(&give, |give| give.amount = None), &["amount"]);
    cases.refused("nothing", saver, with(xcc(0)), (Code::InvalidArgument, "NO_COINS"));
    let too_few = (Code::FailedPrecondition, "TOO_FEW_COINS");
    cases.refused("more than there are", saver, with(xcc(i64::MAX)), too_few);
    let to_self = edit(&give, |give| give.to_person_id = saver.id.to_string());
    cases.refused("to oneself", saver, to_self, (Code::InvalidArgument, "COINS_TO_SELF"));
    let to_nobody = edit(&give, |give| give.to_person_id = stage.unknown());
    cases.refused("to nobody", saver, to_nobody, NOT_FOUND);
    let terms = Terms {
        valid_from: "2026-05-01".to_owned(),
        circle_id: stage.circle.clone(),
        contribution_rule: "on rate +15.00 % -0.00 %".to_owned(),
        ..Terms::default()
    };
    for minor_units in [i64::MAX, 1_000_001, 0, -2070, i64::MIN] {
        let rate = Some(Money { minor_units, ..pounds.clone() });
        let terms = SetTermsRequest {
            terms: Some(Terms { hourly_rate: rate, ..terms.clone() }),
            ..Default::default()
        };
        let what = format!("{minor_units} pence an hour");
        cases.wrong(&what, stage.people.named("Giver One"), terms, &["terms.hourly_rate.minor_units"]);
    }
    let mode = rule::Mode::OnRate(RuleOnRate { added_bp: 10_001, deducted_bp: -1 });
    let rule = Rule {
        circle_id: stage.circle.clone(),
        name: "too much".to_owned(),
        effective_from: "2026-02-30".to_owned(),
        mode: Some(mode),
        ..Rule::default()
    };
    let rule = AddFoundingRuleRequest { rule: Some(rule), ..AddFoundingRuleRequest::default() };
    let named = ["rule.effective_from", "rule.on_rate.added_bp", "rule.on_rate.deducted_bp"];
    cases.wrong("no such day, too much, too little", owner, rule, &named);
    let month = GetMonthRequest { circle_id: stage.circle.clone(), month: "2026-03".to_owned() };
    cases.refused("no finance hat", owner, month, DENIED);
}
