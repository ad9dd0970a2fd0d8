//! What the month came to, as the services answer it, in the shape of an `expected.json`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use kith_proto::appointments::v1::{Visit, VisitState};
use kith_proto::common::v1::TenantState;
use kith_proto::evaluation::v1::{GetContinuityRequest, GetRoundResultRequest};
use kith_proto::finance::v1::{
    GetCareCoinsRequest, GetInvoiceRequest, GetMonthResponse, GetTrialBalanceRequest, Invoice,
    ListUnsettledVisitsRequest, Statement,
};
use kith_proto::identity::v1::GetTenantRequest;
use serde::Serialize;

use super::appointments;
use super::evaluation;
use super::finance::{self, pence};
use super::scenario::GiverTerms;
use super::world::World;

/// Every figure of a month; those of zero are left out.
#[derive(Debug, Default, Serialize)]
pub struct Figures {
    pub month: String,
    pub visits_by_state: BTreeMap<String, i64>,
    pub invoice_lines: i64,
    /// By `team/payer`.
    pub payer_totals_pence: BTreeMap<String, i64>,
    /// By giver, like the two below.
    pub giver_pay_pence: BTreeMap<String, i64>,
    pub giver_paid_minutes: BTreeMap<String, i64>,
    pub commons_contribution_pence: i64,
    pub payers_total_pence: i64,
    pub care_coin_minutes: BTreeMap<String, i64>,
    pub gifted_minutes: BTreeMap<String, i64>,
    /// By team.
    pub continuity: BTreeMap<String, Continuity>,
    /// By `circle` or team.
    pub wellbeing_round: BTreeMap<String, Wellbeing>,
}

#[derive(Debug, Serialize)]
pub struct Continuity {
    pub weeks: i32,
    pub mean_distinct_givers_per_week: String,
}

#[derive(Debug, Serialize)]
pub struct Wellbeing {
    pub suppressed: bool,
    pub mean_metric: Option<String>,
}

/// The figures, with what a circle wants to read beside them.
#[derive(Debug, Default)]
pub struct Account {
    pub figures: Figures,
    /// Visits by team and state.
    pub visits: BTreeMap<String, BTreeMap<String, i64>>,
    /// What each `team/payer` was invoiced.
    pub invoiced: BTreeMap<String, Invoiced>,
    /// The notice that the wellbeing scale's licence asks for.
    pub wellbeing_notice: String,
    /// Whether more history can be brought in.
    pub is_preparing: bool,
    /// Answers of the services that do not agree with one another. None in a sound month.
    pub disagreements: Vec<String>,
}

/// A payer's invoices of the month.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Invoiced {
    pub numbers: Vec<i64>,
    pub lines: usize,
    pub total_pence: i64,
    pub contribution_pence: i64,
}

/// Asks the services for everything.
pub async fn gather(world: &World) -> Result<Account> {
    let mut account = Account::default();
    account.figures.month = world.scenario.month.to_string();
    let months_visits = visits(world, &mut account).await?;
    let sums = finance::months_sums(world).await?;
    let names = Names::new(world);
    take_sums(&sums, &names, &mut account.figures);
    invoices(world, &names, &mut account).await?;
    statements(&finance::statements(world).await?, &names, &mut account);
    care_coins(world, &months_visits, &mut account).await?;
    ledger(world, &mut account).await?;
    continuity(world, &mut account.figures).await?;
    wellbeing(world, &mut account).await?;
    let answer = world.people.administrator.call(GetTenantRequest {}).await?;
    account.is_preparing = answer.tenant.is_some_and(|tenant| tenant.state() == TenantState::Preparing);
    Ok(account)
}

/// The scenario's names of ids; an id that the scenario does not know stands for itself.
struct Names {
    givers: BTreeMap<String, String>,
    payers: BTreeMap<String, String>,
}

impl Names {
    fn new(world: &World) -> Self {
        let givers =
            world.scenario.givers.iter().map(|giver| (world.giver(&giver.id).id.clone(), giver.id.clone()));
        let mut payers = BTreeMap::new();
        for team in &world.scenario.teams {
            for payer in &team.payers {
                let id = finance::payer_id(world, team, &payer.id, payer.kind);
                payers.insert(id, format!("{}/{}", team.id, payer.id));
            }
        }
        Self { givers: givers.collect(), payers }
    }

    fn giver(&self, id: &str) -> String {
        self.givers.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }

    fn payer(&self, id: &str) -> String {
        self.payers.get(id).cloned().unwrap_or_else(|| id.to_owned())
    }
}

fn add(sums: &mut BTreeMap<String, i64>, key: String, amount: i64) {
    if amount != 0 {
        *sums.entry(key).or_default() += amount;
    }
}

/// Counts visits by state; returns the ids of all of them.
async fn visits(world: &World, account: &mut Account) -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for team in &world.scenario.teams {
        for visit in appointments::visits(world, team).await?.into_values() {
            let state = state_name(&visit);
            add(&mut account.figures.visits_by_state, state.clone(), 1);
            add(account.visits.entry(team.id.clone()).or_default(), state, 1);
            ids.insert(visit.id);
        }
    }
    Ok(ids)
}

/// The state as the scenario files write it: `VISIT_STATE_LATE_CANCELLED` is `late_cancelled`.
fn state_name(visit: &Visit) -> String {
    let name = VisitState::as_str_name(&visit.state());
    name.strip_prefix("VISIT_STATE_").unwrap_or(name).to_lowercase()
}

fn take_sums(sums: &GetMonthResponse, names: &Names, figures: &mut Figures) {
    figures.invoice_lines = sums.invoice_lines;
    figures.commons_contribution_pence = pence(sums.contribution.as_ref());
    figures.payers_total_pence = pence(sums.payers_total.as_ref());
    for payer in &sums.payers {
        add(&mut figures.payer_totals_pence, names.payer(&payer.payer_id), pence(payer.total.as_ref()));
    }
    for giver in &sums.givers {
        add(&mut figures.giver_pay_pence, names.giver(&giver.giver_person_id), pence(giver.total.as_ref()));
        add(&mut figures.giver_paid_minutes, names.giver(&giver.giver_person_id), giver.minutes);
    }
    for giver in &sums.unpaid {
        add(&mut figures.care_coin_minutes, names.giver(&giver.giver_person_id), giver.care_coin_minutes);
        add(&mut figures.gifted_minutes, names.giver(&giver.giver_person_id), giver.gifted_minutes);
    }
}

/// Reads every invoice with its lines, and holds them against the month's sums.
async fn invoices(world: &World, names: &Names, account: &mut Account) -> Result<()> {
    let mut visits = BTreeSet::new();
    for listed in finance::invoices(world).await? {
        let request = GetInvoiceRequest { id: listed.id.clone() };
        let answer = world.people.finance.session.call(request).await?;
        let invoice = answer.invoice.context("the invoice is missing in the answer")?;
        visits.extend(invoice.lines.iter().map(|line| line.visit_id.clone()));
        take_invoice(&invoice, names, account);
    }
    let invoiced = account.invoiced.iter().map(|(payer, invoiced)| (payer.clone(), invoiced.total_pence));
    let invoiced: BTreeMap<String, i64> = invoiced.filter(|(_, total)| *total != 0).collect();
    if invoiced != account.figures.payer_totals_pence {
        account.disagreements.push("the invoices come to other totals than the month's sums".to_owned());
    }
    let lines = i64::try_from(visits.len()).unwrap_or(i64::MAX);
    if lines != account.figures.invoice_lines {
        let settled = account.figures.invoice_lines;
        account
            .disagreements
            .push(format!("{settled} visits are settled with money, {lines} are on invoices"));
    }
    Ok(())
}

fn take_invoice(invoice: &Invoice, names: &Names, account: &mut Account) {
    let row = account.invoiced.entry(names.payer(&invoice.payer_id)).or_default();
    row.numbers.push(invoice.number);
    row.lines += invoice.lines.len();
    row.total_pence += pence(invoice.total.as_ref());
    row.contribution_pence += pence(invoice.contribution.as_ref());
    let parts: i64 = invoice.lines.iter().map(|line| pence(line.payer_amount.as_ref())).sum();
    if parts != pence(invoice.total.as_ref()) {
        account
            .disagreements
            .push(format!("the lines of invoice {} do not sum to its total", invoice.number));
    }
}

/// Holds the pay statements against the month's sums.
fn statements(statements: &[Statement], names: &Names, account: &mut Account) {
    let (mut pay, mut minutes) = (BTreeMap::new(), BTreeMap::new());
    for statement in statements {
        let giver = names.giver(&statement.giver_person_id);
        add(&mut pay, giver.clone(), pence(statement.total.as_ref()));
        add(&mut minutes, giver, statement.minutes);
    }
    if pay != account.figures.giver_pay_pence || minutes != account.figures.giver_paid_minutes {
        account
            .disagreements
            .push("the pay statements come to other totals than the month's sums".to_owned());
    }
}

/// Holds what each giver sees in their own Care Coins against the month's sums.
async fn care_coins(world: &World, months_visits: &BTreeSet<String>, account: &mut Account) -> Result<()> {
    for giver in world.scenario.givers.iter().filter(|giver| matches!(giver.terms, GiverTerms::Unpaid(_))) {
        let mut earned = 0;
        let mut page_token = String::new();
        loop {
            let request = GetCareCoinsRequest { page_size: 200, page_token };
            let page = world.giver(&giver.id).session.call(request).await?;
            let of_month = page.entries.iter().filter(|entry| months_visits.contains(&entry.visit_id));
            earned += of_month.map(|entry| pence(entry.amount.as_ref())).sum::<i64>();
            if page.next_page_token.is_empty() {
                break;
            }
            page_token = page.next_page_token;
        }
        let summed = account.figures.care_coin_minutes.get(&giver.id).copied().unwrap_or(0);
        if earned != summed {
            account
                .disagreements
                .push(format!("{} sees {earned} Care Coin minutes, the month's sums say {summed}", giver.id));
        }
    }
    Ok(())
}

/// The ledger sums to zero, and nothing waits to be settled.
async fn ledger(world: &World, account: &mut Account) -> Result<()> {
    let finance = &world.people.finance.session;
    let proved = GetTrialBalanceRequest { page_size: 1, page_token: String::new(), prove: true };
    let balance = finance.call(proved).await?;
    for sum in balance.sums.iter().filter(|sum| sum.minor_units != 0) {
        account.disagreements.push(format!("the ledger is out by {} {}", sum.minor_units, sum.currency));
    }
    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListUnsettledVisitsRequest {
            team_id: String::new(),
            circle_id: world.circle_id(),
            page_size: 200,
            page_token,
        };
        let page = finance.call(request).await?;
        listed.extend(page.visits);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    for visit in listed {
        let reason = visit.reason().as_str_name().trim_start_matches("UNSETTLED_REASON_").to_lowercase();
        let is_of_month = visit.planned_date.starts_with(&world.scenario.month.to_string());
        if is_of_month {
            account.disagreements.push(format!(
                "visit {} of {} is not settled: {}",
                visit.visit_id,
                visit.planned_date,
                reason.replace('_', " ")
            ));
        }
    }
    Ok(())
}

async fn continuity(world: &World, figures: &mut Figures) -> Result<()> {
    for team in &world.scenario.teams {
        let request = GetContinuityRequest {
            team_id: world.team_id(&team.id),
            month: world.scenario.month.to_string(),
        };
        let answer = world.owner(&team.id).session.call(request).await?;
        if answer.weeks != 0 {
            let figure = Continuity {
                weeks: answer.weeks,
                mean_distinct_givers_per_week: answer.mean_distinct_givers_per_week,
            };
            figures.continuity.insert(team.id.clone(), figure);
        }
    }
    Ok(())
}

async fn wellbeing(world: &World, account: &mut Account) -> Result<()> {
    for round in &world.scenario.rounds {
        let Some(round_id) = evaluation::round_id(world, &round.scope).await? else { continue };
        let opener = evaluation::opener(world, &round.scope);
        let result = opener.call(GetRoundResultRequest { round_id }).await?;
        let mean_metric = (!result.suppressed).then_some(result.mean_metric);
        let figure = Wellbeing { suppressed: result.suppressed, mean_metric };
        account.figures.wellbeing_round.insert(round.scope.key().to_owned(), figure);
        account.wellbeing_notice = result.copyright_notice;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use kith_proto::common::v1::Money;
    use kith_proto::finance::v1::{GiverTotal, PayerTotal, UnpaidTotal};
    use serde_json::json;

    use super::*;

    fn gbp(minor_units: i64) -> Money {
        Money { minor_units, currency: "GBP".to_owned() }
    }

    fn names() -> Names {
        let pair = |id: &str, name: &str| BTreeMap::from([(id.to_owned(), name.to_owned())]);
        Names { givers: pair("G", "g1"), payers: pair("P", "t1/council") }
    }

    #[test]
    fn figures_have_the_shape_of_expected_json_without_zeros() {
        let sums = GetMonthResponse {
            invoice_lines: 2,
            payers: vec![PayerTotal { payer_id: "P".to_owned(), total: Some(gbp(300)) }],
            givers: vec![GiverTotal { giver_person_id: "G".to_owned(), total: Some(gbp(250)), minutes: 60 }],
            contribution: Some(gbp(50)),
            payers_total: Some(gbp(300)),
            unpaid: vec![UnpaidTotal {
                giver_person_id: "X".to_owned(),
                care_coin_minutes: 0,
                gifted_minutes: 30,
            }],
        };
        let mut figures = Figures { month: "2026-03".to_owned(), ..Figures::default() };
        take_sums(&sums, &names(), &mut figures);
        let mean = "2.80".to_owned();
        figures
            .continuity
            .insert("t1".to_owned(), Continuity { weeks: 5, mean_distinct_givers_per_week: mean });
        figures.wellbeing_round.insert("t1".to_owned(), Wellbeing { suppressed: true, mean_metric: None });
        let expected = json!({
            "month": "2026-03",
            "visits_by_state": {},
            "invoice_lines": 2,
            "payer_totals_pence": { "t1/council": 300 },
            "giver_pay_pence": { "g1": 250 },
            "giver_paid_minutes": { "g1": 60 },
            "commons_contribution_pence": 50,
            "payers_total_pence": 300,
            "care_coin_minutes": {},
            "gifted_minutes": { "X": 30 },
            "continuity": { "t1": { "weeks": 5, "mean_distinct_givers_per_week": "2.80" } },
            "wellbeing_round": { "t1": { "suppressed": true, "mean_metric": null } },
        });
        assert_eq!(serde_json::to_value(&figures).expect("JSON"), expected);
    }

    #[test]
    fn states_are_named_as_in_scenario_files() {
        let visit = |state: VisitState| Visit { state: state.into(), ..Visit::default() };
        assert_eq!(state_name(&visit(VisitState::LateCancelled)), "late_cancelled");
        assert_eq!(state_name(&visit(VisitState::Agreed)), "agreed");
    }

    #[test]
    fn statements_and_invoices_that_say_something_else_are_told() {
        let mut account = Account::default();
        account.figures.giver_pay_pence.insert("g1".to_owned(), 250);
        account.figures.giver_paid_minutes.insert("g1".to_owned(), 60);
        let statement = Statement {
            giver_person_id: "G".to_owned(),
            total: Some(gbp(250)),
            minutes: 60,
            ..Statement::default()
        };
        statements(std::slice::from_ref(&statement), &names(), &mut account);
        assert!(account.disagreements.is_empty());
        statements(&[statement.clone(), statement], &names(), &mut account);
        assert_eq!(account.disagreements.len(), 1);

        let invoice =
            Invoice { payer_id: "P".to_owned(), number: 3, total: Some(gbp(5)), ..Invoice::default() };
        take_invoice(&invoice, &names(), &mut account);
        assert_eq!(account.disagreements[1], "the lines of invoice 3 do not sum to its total");
        assert_eq!(account.invoiced["t1/council"].numbers, [3]);
    }
}
