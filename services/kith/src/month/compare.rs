//! Holds the figures of a month against those it must come to.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// Two figures that are not the same, or one that is missing.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// Such as `giver_pay_pence.g1`.
    pub path: String,
    pub expected: String,
    pub got: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: expected {}, got {}", self.path, self.expected, self.got)
    }
}

/// What a comparison found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// How many figures are the same.
    pub equal: usize,
    pub differences: Vec<Difference>,
}

/// Compares figure by figure. A figure of zero and one that is left out are the same.
pub fn compare(expected: &Value, got: &Value) -> Comparison {
    let mut comparison = Comparison::default();
    walk("", Some(expected), Some(got), &mut comparison);
    comparison
}

fn walk(path: &str, expected: Option<&Value>, got: Option<&Value>, comparison: &mut Comparison) {
    let members = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
    let holds_members = |value: Option<&Value>| value.is_none_or(Value::is_object);
    if holds_members(expected) && holds_members(got) {
        let (expected, got) = (members(expected), members(got));
        let names: BTreeSet<&String> = expected.keys().chain(got.keys()).collect();
        for name in names {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            walk(&path, expected.get(name), got.get(name), comparison);
        }
        return;
    }
    let is_same = expected == got || (is_nothing(expected) && is_nothing(got));
    if is_same {
        comparison.equal += 1;
        return;
    }
    let show = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    comparison.differences.push(Difference {
        path: path.to_owned(),
        expected: show(expected),
        got: show(got),
    });
}

/// Whether this is a figure of zero, or none at all.
fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::String(text)) => text.parse::<f64>().is_ok_and(|number| number == 0.0),
        Some(Value::Object(members)) => members.values().all(|member| is_nothing(Some(member))),
        Some(Value::Bool(_) | Value::Array(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EXPECTED: &str = include_str!("../../data/first_month/expected.json");

    fn lines(expected: &Value, got: &Value) -> Vec<String> {
        compare(expected, got).differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn equal_figures_are_counted() {
        let expected: Value = serde_json::from_str(EXPECTED).expect("JSON");
        let comparison = compare(&expected, &expected);
        assert_eq!(comparison.differences, []);
        assert_eq!(comparison.equal, 47);
    }

    #[test]
    fn every_difference_is_told_with_its_path() {
        let expected: Value = serde_json::from_str(EXPECTED).expect("JSON");
        let mut got = expected.clone();
        got["visits_by_state"]["agreed"] = json!(107);
        got["payer_totals_pence"]["t2/owner"] = json!(18584);
        got["wellbeing_round"]["t1"] = json!({ "suppressed": false, "mean_metric": "21.0" });
        got["gifted_minutes"].as_object_mut().expect("members").remove("g8");
        got["giver_pay_pence"]["g9"] = json!(1);
        assert_eq!(
            lines(&expected, &got),
            [
                "gifted_minutes.g8: expected 930, got nothing",
                "giver_pay_pence.g9: expected nothing, got 1",
                "payer_totals_pence.t2/owner: expected 18585, got 18584",
                "visits_by_state.agreed: expected 108, got 107",
                "wellbeing_round.t1.mean_metric: expected null, got \"21.0\"",
                "wellbeing_round.t1.suppressed: expected true, got false",
            ]
        );
    }

    #[test]
    fn zero_and_left_out_are_the_same() {
        let expected = json!({ "a": 0, "b": {}, "c": { "weeks": 0, "mean": "0.00" }, "d": null });
        assert!(lines(&expected, &json!({})).is_empty());
        assert!(lines(&json!({}), &expected).is_empty());
        assert_eq!(lines(&json!({ "a": 1 }), &json!({})), ["a: expected 1, got nothing"]);
        assert_eq!(
            lines(&json!({ "a": "1.0" }), &json!({ "a": "1.00" })).len(),
            1,
            "decimals are part of a mean"
        );
        assert_eq!(lines(&json!({ "a": 3 }), &json!({ "a": { "b": 3 } })).len(), 1);
    }
}
