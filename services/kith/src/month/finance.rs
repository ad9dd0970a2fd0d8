//! Contribution rules, payers and funding before the month; invoices and pay statements after it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use kith_proto::finance::v1::rule::Mode;
use kith_proto::finance::v1::{
    AddFoundingRuleRequest, AddPayerRequest, Funding, FundingShare, GetMonthRequest, GetMonthResponse,
    Invoice, IssueInvoicesRequest, ListFundingRequest, ListInvoicesRequest, ListRulesRequest,
    ListStatementsRequest, Payer, PayerKind, Rule, RuleOnRate, RuleShareOfTotal, RunPayRequest,
    SetFundingRequest, Statement,
};

use super::plan::rule_name;
use super::progress::{Count, for_each, say};
use super::scenario::{Contribution, GiverTerms, Team};
use super::world::World;

/// The founding rules that the givers' terms name, each once.
pub async fn bring_in_rules(world: &World) -> Result<()> {
    let mut contributions = BTreeSet::new();
    for giver in &world.scenario.givers {
        if let GiverTerms::Paid { contribution, .. } = giver.terms {
            contributions.insert(contribution);
        }
    }
    let known = rules(world).await?;
    let count = Count::new("contribution rules", contributions.len());
    for contribution in contributions {
        count.add(add_rule(world, &known, contribution).await?);
    }
    count.end();
    Ok(())
}

async fn add_rule(world: &World, known: &[Rule], contribution: Contribution) -> Result<bool> {
    let name = rule_name(contribution);
    let first_day = world.scenario.month.first_day().to_string();
    // Days are written so that they compare as text. What the circle decided since stays the circle's affair.
    if known.iter().any(|rule| rule.name == name && rule.effective_from <= first_day) {
        return Ok(false);
    }
    let effective_from = world.plan.long_before().to_string();
    let mode = match contribution {
        Contribution::OnRate { added_bp, deducted_bp } => Mode::OnRate(RuleOnRate { added_bp, deducted_bp }),
        Contribution::ShareOfTotal { share_bp } => Mode::ShareOfTotal(RuleShareOfTotal { share_bp }),
    };
    let rule = Rule {
        id: world.plan.lasting_id("rule", &[&world.circle_id(), &name, &effective_from]),
        circle_id: world.circle_id(),
        name,
        effective_from,
        revoked_from: String::new(),
        mode: Some(mode),
        decision_id: String::new(),
    };
    let request = AddFoundingRuleRequest { request_id: String::new(), rule: Some(rule) };
    world.people.administrator.call(request).await?;
    Ok(true)
}

async fn rules(world: &World) -> Result<Vec<Rule>> {
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListRulesRequest { circle_id: world.circle_id(), page_size: 200, page_token };
        let page = world.people.administrator.call(request).await?;
        found.extend(page.rules);
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

/// Payers and how they share, by each Owner.
pub async fn bring_in_funding(world: &World) -> Result<()> {
    let teams: Vec<&Team> = world.scenario.teams.iter().filter(|team| !team.payers.is_empty()).collect();
    let payers = Count::new("payers", teams.iter().map(|team| team.payers.len()).sum());
    let funding = Count::new("teams with funding", teams.len());
    for_each(teams, async |team| fund(world, team, &payers, &funding).await).await?;
    payers.end();
    funding.end();
    Ok(())
}

async fn fund(world: &World, team: &Team, payers: &Count, funding: &Count) -> Result<()> {
    let owner = &world.owner(&team.id).session;
    let team_id = world.team_id(&team.id);
    let known = owner.call(ListFundingRequest { team_id: team_id.clone() }).await?;
    for payer in &team.payers {
        let id = payer_id(world, team, &payer.id, payer.kind);
        let is_known = known.payers.iter().any(|known| known.id == id);
        if !is_known {
            let is_the_person = payer.kind == PayerKind::Private;
            let billing_name =
                if is_the_person { team.owner.clone() } else { format!("{} for {}", payer.id, team.owner) };
            let payer = Payer {
                id,
                team_id: team_id.clone(),
                kind: payer.kind.into(),
                billing_name,
                billing_address: String::new(),
            };
            owner.call(AddPayerRequest { request_id: String::new(), payer: Some(payer) }).await?;
        }
        payers.add(!is_known);
    }
    let id = world.plan.months_id("funding", &[&world.team_id(&team.id)]);
    let is_known = known.funding.iter().any(|known| known.id == id);
    if !is_known {
        let shares = team.payers.iter().map(|payer| FundingShare {
            payer_id: payer_id(world, team, &payer.id, payer.kind),
            share_bp: payer.share_bp,
        });
        let valid_from = world.scenario.month.first_day().to_string();
        let new = Funding { id, team_id, valid_from, shares: shares.collect() };
        owner.call(SetFundingRequest { request_id: String::new(), funding: Some(new) }).await?;
    }
    funding.add(!is_known);
    Ok(())
}

/// The id of a payer; one that changes its kind is another payer.
pub fn payer_id(world: &World, team: &Team, payer: &str, kind: PayerKind) -> String {
    world.plan.lasting_id("payer", &[&world.team_id(&team.id), payer, kind.as_str_name()])
}

/// Issues what is not on an invoice and pays what is not on a statement, by the finance hat.
pub async fn issue_documents(world: &World) -> Result<()> {
    let finance = &world.people.finance.session;
    let (circle_id, month) = (world.circle_id(), world.scenario.month.to_string());
    let sums = months_sums(world).await?;
    if is_invoiced(&sums, &invoices(world).await?) {
        say("invoices are issued");
    } else {
        let request = IssueInvoicesRequest {
            request_id: String::new(),
            circle_id: circle_id.clone(),
            month: month.clone(),
        };
        // The same request asks for other invoices once more visits are settled, so its id is of this run alone.
        let answer = finance.call_anew(request).await?;
        say(&format!("{} invoices issued", answer.invoices.len()));
    }
    if is_paid(&sums, &statements(world).await?) {
        say("pay statements are made");
    } else {
        let answer = finance.call_anew(RunPayRequest { request_id: String::new(), circle_id, month }).await?;
        say(&format!("{} pay statements made", answer.statements.len()));
    }
    Ok(())
}

/// What each payer owes, by id.
type Totals = BTreeMap<String, i64>;

fn is_invoiced(sums: &GetMonthResponse, invoices: &[Invoice]) -> bool {
    let mut owed = Totals::new();
    for payer in &sums.payers {
        *owed.entry(payer.payer_id.clone()).or_default() += pence(payer.total.as_ref());
    }
    let mut invoiced = Totals::new();
    for invoice in invoices {
        *invoiced.entry(invoice.payer_id.clone()).or_default() += pence(invoice.total.as_ref());
    }
    owed == invoiced
}

fn is_paid(sums: &GetMonthResponse, statements: &[Statement]) -> bool {
    let mut due: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for giver in &sums.givers {
        let (minutes, total) = due.entry(giver.giver_person_id.clone()).or_default();
        *minutes += giver.minutes;
        *total += pence(giver.total.as_ref());
    }
    let mut stated: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for statement in statements {
        let (minutes, total) = stated.entry(statement.giver_person_id.clone()).or_default();
        *minutes += statement.minutes;
        *total += pence(statement.total.as_ref());
    }
    due == stated
}

/// What finance says that the month came to.
pub async fn months_sums(world: &World) -> Result<GetMonthResponse> {
    let request = GetMonthRequest { circle_id: world.circle_id(), month: world.scenario.month.to_string() };
    world.people.finance.session.call(request).await.context("the month's sums")
}

/// The month's invoices, without their lines.
pub async fn invoices(world: &World) -> Result<Vec<Invoice>> {
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListInvoicesRequest {
            team_id: String::new(),
            circle_id: world.circle_id(),
            month: world.scenario.month.to_string(),
            page_size: 200,
            page_token,
        };
        let page = world.people.finance.session.call(request).await?;
        found.extend(page.invoices);
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

/// The month's pay statements.
pub async fn statements(world: &World) -> Result<Vec<Statement>> {
    let mut found = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListStatementsRequest {
            circle_id: world.circle_id(),
            month: world.scenario.month.to_string(),
            page_size: 200,
            page_token,
            ..Default::default()
        };
        let page = world.people.finance.session.call(request).await?;
        found.extend(page.statements);
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

/// An amount that may be absent, in pence.
pub fn pence(money: Option<&kith_proto::common::v1::Money>) -> i64 {
    money.map_or(0, |money| money.minor_units)
}

#[cfg(test)]
mod tests {
    use kith_proto::common::v1::Money;
    use kith_proto::finance::v1::{GiverTotal, PayerTotal};

    use super::*;

    fn gbp(minor_units: i64) -> Money {
        Money { minor_units, currency: "GBP".to_owned() }
    }

    #[test]
    fn documents_are_made_until_they_hold_everything() {
        let sums = GetMonthResponse {
            payers: vec![PayerTotal { payer_id: "p".to_owned(), total: Some(gbp(300)) }],
            givers: vec![GiverTotal { giver_person_id: "g".to_owned(), total: Some(gbp(250)), minutes: 60 }],
            ..GetMonthResponse::default()
        };
        let invoice =
            |total| Invoice { payer_id: "p".to_owned(), total: Some(gbp(total)), ..Invoice::default() };
        assert!(!is_invoiced(&sums, &[]));
        assert!(!is_invoiced(&sums, &[invoice(200)]));
        assert!(is_invoiced(&sums, &[invoice(200), invoice(100)]));
        let statement = |total| Statement {
            giver_person_id: "g".to_owned(),
            minutes: 60,
            total: Some(gbp(total)),
            ..Statement::default()
        };
        assert!(!is_paid(&sums, &[]));
        assert!(!is_paid(&sums, &[statement(240)]), "the same minutes for another amount");
        assert!(is_paid(&sums, &[statement(250)]));
        assert!(is_invoiced(&GetMonthResponse::default(), &[]), "nothing is owed, nothing to issue");
    }
}
