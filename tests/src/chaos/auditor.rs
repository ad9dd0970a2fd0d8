//! The independent auditor: predicts every figure of a month from its scenario alone, by the rules of
//! `services/kith/data/first_month/README.md`. It calls nothing of finance and nothing of `kith month`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Value, json};

use super::calendar;

/// What a month comes to.
#[derive(Clone, Debug, Default)]
pub struct Prediction {
    /// In the form of an `expected.json`.
    pub figures: Value,
    /// What the ledger holds by kind of account: debits less credits, pence or minutes.
    pub balances: BTreeMap<String, i64>,
    /// How many visits there are.
    pub visits: usize,
}

/// Sums by a key; zeros are left out.
type Sums = BTreeMap<String, i64>;

#[derive(Default)]
struct Tally {
    states: Sums,
    lines: i64,
    payers: Sums,
    pay: Sums,
    paid_minutes: Sums,
    commons: i64,
    coins: Sums,
    gifts: Sums,
    /// By team and Monday of the week.
    givers: BTreeMap<String, BTreeMap<NaiveDate, BTreeSet<String>>>,
}

/// How a visit stood at the end.
struct Outcome {
    state: &'static str,
    giver: String,
    begins: DateTime<Utc>,
    ends: DateTime<Utc>,
}

/// Predicts a month.
pub fn predict(scenario: &Value) -> Prediction {
    let zone: Tz = text(scenario, "time_zone").parse().expect("a time zone");
    let month_text = text(scenario, "month");
    let month = NaiveDate::parse_from_str(&format!("{month_text}-01"), "%Y-%m-%d").expect("a month");
    let mut tally = Tally::default();
    let mut visits = 0;
    for series in list(scenario, "series") {
        let starts = local(text(series, "starts"));
        let rule = series["rrule"].as_str().unwrap_or_default();
        for occurrence in calendar::occurrences(starts, rule, month, zone) {
            visits += 1;
            let outcome = outcome(scenario, series, occurrence, zone);
            tally.add(scenario, text(series, "team"), &outcome, zone);
        }
    }
    let balances = tally.balances();
    Prediction { figures: tally.figures(month_text, scenario), balances, visits }
}

fn outcome(scenario: &Value, series: &Value, occurrence: NaiveDateTime, zone: Tz) -> Outcome {
    let wall_minutes = series["wall_minutes"].as_i64().expect("minutes");
    let (begins, ends) = calendar::visit(occurrence, wall_minutes, zone);
    let giver = text(series, "giver").to_owned();
    let change = scenario["changes"].as_array().into_iter().flatten().find(|change| {
        text(change, "series") == text(series, "id") && local(text(change, "occurrence")) == occurrence
    });
    let Some(change) = change else { return Outcome { state: "agreed", giver, begins, ends } };
    match text(change, "action") {
        "cancelled_by_owner" => {
            let in_time = begins - moment(text(change, "at")) >= Duration::hours(24);
            Outcome { state: if in_time { "cancelled" } else { "late_cancelled" }, giver, begins, ends }
        }
        "cancelled_by_giver" => match change["covered_by"].as_str() {
            Some(cover) => Outcome { state: "agreed", giver: cover.to_owned(), begins, ends },
            None => Outcome { state: "cancelled", giver, begins, ends },
        },
        "moved" => {
            let (begins, ends) = calendar::visit(local(text(change, "to")), wall_minutes, zone);
            Outcome { state: "agreed", giver, begins, ends }
        }
        "actual" => {
            let (begins, ends) = (moment(text(change, "began")), moment(text(change, "ended")));
            Outcome { state: "agreed", giver, begins, ends }
        }
        "missed" => Outcome { state: "missed", giver, begins, ends },
        other => panic!("the auditor does not know {other}"),
    }
}

impl Tally {
    fn add(&mut self, scenario: &Value, team: &str, outcome: &Outcome, zone: Tz) {
        *self.states.entry(outcome.state.to_owned()).or_default() += 1;
        let giver = by_id(scenario, "givers", &outcome.giver);
        let minutes = (outcome.ends - outcome.begins).num_minutes();
        let is_agreed = outcome.state == "agreed";
        if let Some(rate) = giver["rate_pence"].as_i64() {
            if is_agreed || outcome.state == "late_cancelled" {
                self.charge(by_id(scenario, "teams", team), giver, rate, minutes);
            }
        } else if is_agreed {
            let unpaid =
                if text(giver, "unpaid_intent") == "save" { &mut self.coins } else { &mut self.gifts };
            *unpaid.entry(outcome.giver.clone()).or_default() += minutes;
        }
        if is_agreed {
            let day = outcome.begins.with_timezone(&zone).date_naive();
            let monday = day - Duration::days(i64::from(day.weekday().num_days_from_monday()));
            let weeks = self.givers.entry(team.to_owned()).or_default();
            weeks.entry(monday).or_default().insert(outcome.giver.clone());
        }
    }

    fn charge(&mut self, team: &Value, giver: &Value, rate: i64, minutes: i64) {
        let base = half_up(rate * minutes, 60);
        let contribution = &giver["contribution"];
        let part = |name: &str| half_up(base * contribution[name].as_i64().expect("basis points"), 10_000);
        let (owed, received) = match text(contribution, "mode") {
            "on_rate" => (base + part("added_bp"), base - part("deducted_bp")),
            "share_of_total" => (base, base - part("share_bp")),
            other => panic!("the auditor does not know {other}"),
        };
        self.lines += 1;
        self.commons += owed - received;
        let id = text(giver, "id").to_owned();
        *self.pay.entry(id.clone()).or_default() += received;
        *self.paid_minutes.entry(id).or_default() += minutes;
        let payers: Vec<&Value> = list(team, "payers").collect();
        let shares: Vec<i64> =
            payers.iter().map(|payer| payer["share_bp"].as_i64().expect("a share")).collect();
        for (payer, amount) in payers.iter().zip(shared(owed, &shares)) {
            let key = format!("{}/{}", text(team, "id"), text(payer, "payer"));
            *self.payers.entry(key).or_default() += amount;
        }
    }

    fn balances(&self) -> BTreeMap<String, i64> {
        let total = |sums: &Sums| sums.values().sum::<i64>();
        BTreeMap::from([
            ("payer".to_owned(), total(&self.payers)),
            ("giver".to_owned(), -total(&self.pay)),
            ("commons".to_owned(), -self.commons),
            ("coins".to_owned(), total(&self.coins)),
        ])
    }

    fn figures(self, month: &str, scenario: &Value) -> Value {
        let total: i64 = self.payers.values().sum();
        let without_zeros = |sums: Sums| -> Sums { sums.into_iter().filter(|(_, sum)| *sum != 0).collect() };
        let mut continuity = BTreeMap::new();
        for (team, weeks) in self.givers {
            let (sum, count) = (weeks.values().map(BTreeSet::len).sum::<usize>(), weeks.len());
            let sum = i64::try_from(sum).expect("few givers");
            let mean = half_up(sum * 100, i64::try_from(count).expect("few weeks"));
            let mean = format!("{}.{:02}", mean / 100, mean % 100);
            continuity.insert(team, json!({ "weeks": count, "mean_distinct_givers_per_week": mean }));
        }
        let rounds = scenario["wellbeing_round"].as_object();
        let wellbeing: BTreeMap<&String, Value> =
            rounds.into_iter().flatten().map(|(scope, responses)| (scope, wellbeing(responses))).collect();
        json!({
            "month": month,
            "visits_by_state": without_zeros(self.states),
            "invoice_lines": self.lines,
            "payer_totals_pence": without_zeros(self.payers),
            "giver_pay_pence": without_zeros(self.pay),
            "giver_paid_minutes": without_zeros(self.paid_minutes),
            "commons_contribution_pence": self.commons,
            "payers_total_pence": total,
            "care_coin_minutes": without_zeros(self.coins),
            "gifted_minutes": without_zeros(self.gifts),
            "continuity": continuity,
            "wellbeing_round": wellbeing,
        })
    }
}

/// The scale's published metric scores, in hundredths, by raw sum from 7.
const METRIC: [i64; 29] = [
    700, 951, 1125, 1240, 1333, 1408, 1475, 1532, 1584, 1636, 1688, 1743, 1798, 1859, 1925, 1998, 2073, 2154,
    2235, 2321, 2411, 2503, 2602, 2703, 2813, 2931, 3070, 3255, 3500,
];

fn wellbeing(responses: &Value) -> Value {
    let mut scores = Vec::new();
    for response in responses.as_array().expect("responses") {
        let answers: Option<Vec<i64>> =
            response.as_array().expect("answers").iter().map(Value::as_i64).collect();
        if let Some(answers) = answers {
            let raw: i64 = answers.iter().sum();
            scores.push(METRIC[usize::try_from(raw - 7).expect("at least seven")]);
        }
    }
    if scores.len() < 5 {
        return json!({ "suppressed": true, "mean_metric": null });
    }
    let count = i64::try_from(scores.len()).expect("few");
    let tenths = half_up(scores.iter().sum::<i64>(), count * 10);
    json!({ "suppressed": false, "mean_metric": format!("{}.{}", tenths / 10, tenths % 10) })
}

/// The whole nearest to a fraction of natural numbers, the upper of two.
fn half_up(over: i64, under: i64) -> i64 {
    (2 * over + under) / (2 * under)
}

/// Shares whole pence by largest remainder; ties go to the earlier.
fn shared(amount: i64, shares_bp: &[i64]) -> Vec<i64> {
    let mut parts: Vec<i64> = shares_bp.iter().map(|share| amount * share / 10_000).collect();
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|place| -(amount * shares_bp[*place] % 10_000));
    let left = usize::try_from(amount - parts.iter().sum::<i64>()).expect("whole pence are left over");
    for place in order.into_iter().take(left) {
        parts[place] += 1;
    }
    parts
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn by_id<'a>(scenario: &'a Value, kind: &str, id: &str) -> &'a Value {
    list(scenario, kind).find(|one| text(one, "id") == id).unwrap_or_else(|| panic!("{kind} {id}"))
}

fn local(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").expect("a wall-clock time")
}

fn moment(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("an instant").to_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scenario: &str, expected: &str) {
        let predicted = predict(&serde_json::from_str(scenario).expect("JSON"));
        let expected: Value = serde_json::from_str(expected).expect("JSON");
        for (name, figure) in expected.as_object().expect("figures") {
            assert_eq!(&predicted.figures[name], figure, "{name}");
        }
        let balances = &predicted.balances;
        assert_eq!(balances["payer"] + balances["giver"] + balances["commons"], 0);
    }

    #[test]
    fn all_months_of_the_data_come_to_their_figures() {
        check(
            include_str!("../../../services/kith/data/first_month/scenario.json"),
            include_str!("../../../services/kith/data/first_month/expected.json"),
        );
        check(
            include_str!("../../../services/kith/data/second_month/scenario.json"),
            include_str!("../../../services/kith/data/second_month/expected.json"),
        );
        check(
            include_str!("../../../services/kith/data/third_month/scenario.json"),
            include_str!("../../../services/kith/data/third_month/expected.json"),
        );
    }

    #[test]
    fn pence_are_shared_by_largest_remainder() {
        assert_eq!(shared(100, &[3333, 3333, 3334]), [33, 33, 34]);
        assert_eq!(shared(101, &[5000, 5000]), [51, 50]);
        assert_eq!(shared(5, &[1, 9999]), [0, 5]);
    }
}
