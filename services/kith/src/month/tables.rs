//! The month as tables that a circle reads: names as in the scenario, pounds and hours in full.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::figures::Account;
use super::scenario::{Scenario, Team};

/// The visit states in the order of their life, with what they are called here.
const STATES: [(&str, &str); 5] = [
    ("planned", "planned"),
    ("agreed", "agreed"),
    ("cancelled", "cancelled"),
    ("late_cancelled", "cancelled late"),
    ("missed", "missed"),
];

/// All tables of a month.
pub fn render(scenario: &Scenario, account: &Account) -> String {
    let mut text = format!("{}, {}\n", scenario.circle, scenario.month);
    for (title, table) in [
        ("Visits", visits(scenario, account)),
        ("Invoices", invoices(scenario, account)),
        ("Pay", pay(scenario, account)),
        ("The commons", commons(account)),
        ("Care Coins", unpaid(scenario, &account.figures.care_coin_minutes, "saved")),
        ("Gifts", unpaid(scenario, &account.figures.gifted_minutes, "given")),
        ("Continuity", continuity(scenario, account)),
        ("Wellbeing", wellbeing(scenario, account)),
    ] {
        let _ = write!(text, "\n{title}\n{table}");
    }
    text
}

/// Rows under a head; all columns but the first are aligned to the right unless `left` says otherwise.
struct Table {
    rows: Vec<Vec<String>>,
    left: usize,
}

impl Table {
    /// The first `left` columns hold words, the others figures.
    fn new(head: &[&str], left: usize) -> Self {
        Self { rows: vec![head.iter().map(|title| (*title).to_owned()).collect()], left }
    }

    fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn render(&self) -> String {
        if self.rows.len() == 1 {
            return "  none\n".to_owned();
        }
        let columns = self.rows[0].len();
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let cell = if column < self.left {
                    format!("  {cell:<width$}")
                } else {
                    format!("  {cell:>width$}")
                };
                line.push_str(&cell);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn team_name(team: &Team) -> String {
    format!("{} ({})", team.owner, team.id)
}

fn giver_name(scenario: &Scenario, id: &str) -> String {
    let known = scenario.givers.iter().find(|giver| giver.id == id);
    known.map_or_else(|| id.to_owned(), |giver| format!("{} ({id})", giver.name))
}

fn visits(scenario: &Scenario, account: &Account) -> String {
    let mut head = vec!["team"];
    head.extend(STATES.iter().map(|(_, title)| *title));
    head.push("all");
    let mut table = Table::new(&head, 1);
    let mut row = |name: String, counts: &BTreeMap<String, i64>| {
        let mut cells = vec![name];
        cells.extend(STATES.iter().map(|(state, _)| or_dash(counts.get(*state).copied().unwrap_or(0))));
        cells.push(counts.values().sum::<i64>().to_string());
        table.row(cells);
    };
    let none = BTreeMap::new();
    for team in &scenario.teams {
        row(team_name(team), account.visits.get(&team.id).unwrap_or(&none));
    }
    row("all teams".to_owned(), &account.figures.visits_by_state);
    table.render()
}

fn invoices(scenario: &Scenario, account: &Account) -> String {
    let mut table = Table::new(&["team", "payer", "invoice", "lines", "to pay", "of which commons"], 3);
    let mut total = 0;
    for team in &scenario.teams {
        for payer in &team.payers {
            let Some(row) = account.invoiced.get(&format!("{}/{}", team.id, payer.id)) else { continue };
            let numbers: Vec<String> = row.numbers.iter().map(ToString::to_string).collect();
            table.row(vec![
                team_name(team),
                payer.id.clone(),
                numbers.join(", "),
                row.lines.to_string(),
                pounds(row.total_pence),
                pounds(row.contribution_pence),
            ]);
            total += row.total_pence;
        }
    }
    if !account.invoiced.is_empty() {
        // Each payer's part of a contribution is rounded by itself, so their sum would not be what the commons receive.
        let blank = String::new;
        table.row(vec!["all payers".to_owned(), blank(), blank(), blank(), pounds(total), blank()]);
    }
    table.render()
}

fn pay(scenario: &Scenario, account: &Account) -> String {
    let mut table = Table::new(&["giver", "paid time", "pay"], 1);
    for (giver, pay_pence) in &account.figures.giver_pay_pence {
        let minutes = account.figures.giver_paid_minutes.get(giver).copied().unwrap_or(0);
        table.row(vec![giver_name(scenario, giver), hours(minutes), pounds(*pay_pence)]);
    }
    if !account.figures.giver_pay_pence.is_empty() {
        let minutes = account.figures.giver_paid_minutes.values().sum();
        let all = account.figures.giver_pay_pence.values().sum();
        table.row(vec!["all givers".to_owned(), hours(minutes), pounds(all)]);
    }
    table.render()
}

fn commons(account: &Account) -> String {
    let figures = &account.figures;
    let received: i64 = figures.giver_pay_pence.values().sum();
    let mut table = Table::new(&["", ""], 1);
    table.row(vec![
        format!("payers pay for {} visits", figures.invoice_lines),
        pounds(figures.payers_total_pence),
    ]);
    table.row(vec!["givers' sides receive".to_owned(), pounds(received)]);
    table.row(vec!["Commons Contribution".to_owned(), pounds(figures.commons_contribution_pence)]);
    let rendered = table.render();
    rendered.trim_start_matches('\n').to_owned()
}

fn unpaid(scenario: &Scenario, minutes: &BTreeMap<String, i64>, verb: &str) -> String {
    let mut table = Table::new(&["giver", verb], 1);
    for (giver, minutes) in minutes {
        table.row(vec![giver_name(scenario, giver), hours(*minutes)]);
    }
    table.render()
}

fn continuity(scenario: &Scenario, account: &Account) -> String {
    let mut table = Table::new(&["team", "weeks", "different givers a week"], 1);
    for team in &scenario.teams {
        if let Some(figure) = account.figures.continuity.get(&team.id) {
            let mean = figure.mean_distinct_givers_per_week.clone();
            table.row(vec![team_name(team), figure.weeks.to_string(), mean]);
        }
    }
    table.render()
}

fn wellbeing(scenario: &Scenario, account: &Account) -> String {
    let mut table = Table::new(&["round", "mean score, 7 to 35"], 1);
    for (key, figure) in &account.figures.wellbeing_round {
        let team = scenario.teams.iter().find(|team| team.id == *key);
        let name = team.map_or_else(|| scenario.circle.clone(), team_name);
        let mean = figure.mean_metric.clone().unwrap_or_else(|| "too few answers to show".to_owned());
        table.row(vec![name, mean]);
    }
    let mut text = table.render();
    if !account.wellbeing_notice.is_empty() {
        let _ = writeln!(text, "  {}", account.wellbeing_notice);
    }
    text
}

fn or_dash(count: i64) -> String {
    if count == 0 { "-".to_owned() } else { count.to_string() }
}

/// Pence as `£1,234.56`.
fn pounds(pence: i64) -> String {
    let sign = if pence < 0 { "-" } else { "" };
    let amount = pence.unsigned_abs();
    let mut whole = (amount / 100).to_string();
    let mut place = whole.len();
    while place > 3 {
        place -= 3;
        whole.insert(place, ',');
    }
    format!("{sign}£{whole}.{:02}", amount % 100)
}

/// Minutes as `17 h 30 min`.
fn hours(minutes: i64) -> String {
    format!("{} h {:02} min", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::month::figures::{Continuity, Invoiced, Wellbeing};
    use crate::month::read;

    #[test]
    fn pounds_and_hours_are_written_in_full() {
        assert_eq!(pounds(0), "£0.00");
        assert_eq!(pounds(5), "£0.05");
        assert_eq!(pounds(99_999), "£999.99");
        assert_eq!(pounds(123_456), "£1,234.56");
        assert_eq!(pounds(12_345_678_900), "£123,456,789.00");
        assert_eq!(pounds(-100_000), "-£1,000.00");
        assert_eq!(hours(1050), "17 h 30 min");
        assert_eq!(hours(5), "0 h 05 min");
    }

    #[test]
    fn tables_are_aligned_and_speak_the_scenarios_names() {
        let scenario =
            read::scenario(include_str!("../../data/first_month/scenario.json")).expect("no mistakes");
        let mut account = Account::default();
        account.visits.insert("t1".to_owned(), BTreeMap::from([("agreed".to_owned(), 12)]));
        account.figures.visits_by_state.insert("agreed".to_owned(), 12);
        account.figures.giver_pay_pence.insert("g1".to_owned(), 123_456);
        account.figures.giver_paid_minutes.insert("g1".to_owned(), 1050);
        let row = Invoiced { numbers: vec![1, 9], lines: 3, total_pence: 5, contribution_pence: 1 };
        account.invoiced.insert("t1/council".to_owned(), row);
        let mean = "2.80".to_owned();
        let figure = Continuity { weeks: 5, mean_distinct_givers_per_week: mean };
        account.figures.continuity.insert("t1".to_owned(), figure);
        let figure = Wellbeing { suppressed: true, mean_metric: None };
        account.figures.wellbeing_round.insert("circle".to_owned(), figure);
        let text = render(&scenario, &account);
        for line in [
            "Clapton Care Circle, 2026-03",
            "  team              planned  agreed  cancelled  cancelled late  missed  all",
            "  Owner One (t1)          -      12          -               -       -   12",
            "  Giver One (g1)  17 h 30 min  £1,234.56",
            "  Owner One (t1)  council  1, 9         3   £0.05             £0.01",
            "  Owner One (t1)      5                     2.80",
            "  Clapton Care Circle  too few answers to show",
        ] {
            assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
        }
        assert!(text.contains("Gifts\n  none\n"));
        assert!(text.lines().all(|line| line == line.trim_end()));
    }
}
