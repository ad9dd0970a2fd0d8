//! Suggestions: which givers might be right for an opportunity, best first, each with its reasons in plain words that
//! contain only what the giver releases: how they give support, a rough distance, and whether they are ready.

use chrono::{DateTime, NaiveDate, Utc};

use super::PersonId;
use super::giver::{Readiness, Status};
use super::opportunity::{Opportunity, RadiusKm};
use super::place::{DistanceBand, OutwardCode};

/// What ranking needs to know of a giver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The person.
    pub person_id: PersonId,
    /// How they give support.
    pub status: Status,
    /// Where from.
    pub outward_code: OutwardCode,
    /// Since when.
    pub registered_at: DateTime<Utc>,
    /// Latest finding; absent before the first.
    pub readiness: Option<Readiness>,
}

/// A giver as an Owner sees them before consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The person.
    pub person_id: PersonId,
    /// How they give support.
    pub status: Status,
    /// Rough distance.
    pub distance_band: DistanceBand,
    /// Whether checks and training are in order on the day asked about.
    pub ready: bool,
    /// What fits, what does not, what is unknown.
    pub reasons: Vec<String>,
}

/// Suggestions, and how real the choice is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestions {
    /// Best first.
    pub best: Vec<Suggestion>,
    /// How many givers are within the radius and suit, suggested or not.
    pub options: usize,
    /// What to try where there is little to choose from; empty otherwise.
    pub advice: String,
}

/// From how many ready givers on a choice is called real.
const A_REAL_CHOICE: usize = 3;

/// Ranks: ready before not ready, then nearest, then longest here. Nothing else about a person enters.
pub fn suggest(
    opportunity: &Opportunity,
    candidates: &[Candidate],
    today: NaiveDate,
    limit: usize,
) -> Suggestions {
    let mut within: Vec<(bool, u32, &Candidate)> = Vec::new();
    for candidate in candidates {
        if let Some(metres) = opportunity.reach(candidate.status, candidate.outward_code) {
            let ready = candidate.readiness.is_some_and(|readiness| readiness.is_ready_on(today));
            within.push((ready, metres, candidate));
        }
    }
    within.sort_by_key(|(ready, metres, candidate)| {
        (!ready, *metres, candidate.registered_at, candidate.person_id)
    });
    let ready_options = within.iter().filter(|(ready, _, _)| *ready).count();
    let best = within.iter().take(limit).map(|(ready, metres, candidate)| {
        let distance_band = DistanceBand::of_metres(*metres);
        Suggestion {
            person_id: candidate.person_id,
            status: candidate.status,
            distance_band,
            ready: *ready,
            reasons: reasons(candidate.status, distance_band, *ready),
        }
    });
    Suggestions {
        best: best.collect(),
        options: within.len(),
        advice: advice(opportunity, within.len(), ready_options),
    }
}

fn reasons(status: Status, distance_band: DistanceBand, ready: bool) -> Vec<String> {
    let readiness = if ready {
        "fits: checks and training are in order"
    } else {
        "does not fit yet: checks or training are not in order, so no visits can be planned"
    };
    let kind = match status {
        Status::Independent => "fits: gives paid support, self-employed",
        Status::Employed => "fits: gives paid support, employed by the co-op",
        Status::Volunteer => "fits: gives support as a volunteer",
        Status::PeerSupporter => "fits: gives support as a peer supporter",
        Status::FamilyOrFriend => "fits: gives support as family, friend or neighbour",
    };
    vec![
        readiness.to_owned(),
        format!("fits: is {} away", distance_band.words()),
        kind.to_owned(),
        "unknown: when they are free, and whether you would like one another; meet to find out".to_owned(),
    ]
}

fn advice(opportunity: &Opportunity, options: usize, ready_options: usize) -> String {
    if ready_options >= A_REAL_CHOICE {
        return String::new();
    }
    let kilometres = opportunity.radius.kilometres();
    let mut sentences = vec![match (options, ready_options) {
        (0, _) => format!("There is no giver within {kilometres} km."),
        (1, 1) => format!("There is one giver within {kilometres} km: not much of a choice."),
        (_, 0) => format!("Of {options} within {kilometres} km nobody is ready yet."),
        (_, ready) => format!("Of {options} within {kilometres} km only {ready} can start now."),
    }];
    if options > ready_options {
        sentences.push("Ask the co-op when the checks of the others will be done.".to_owned());
    }
    if opportunity.radius != RadiusKm::MAX {
        sentences.push("Look further away.".to_owned());
    }
    sentences.push("Ask people whom you know already: the same checks are open to them.".to_owned());
    sentences.join(" ")
}

#[cfg(test)]
mod tests {
    use kith_platform::id::Uuid;
    use proptest::prelude::*;

    use super::super::{OpportunityId, TeamId};
    use super::*;

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, 10).expect("a day")
    }

    fn opportunity(paid: bool, radius_km: i32) -> Opportunity {
        Opportunity {
            id: OpportunityId(Uuid::from_u128(1)),
            team_id: TeamId(Uuid::from_u128(2)),
            outward_code: OutwardCode::parse("E5").expect("a known code"),
            radius: RadiusKm::parse(radius_km).expect("a radius"),
            paid,
            opened_at: DateTime::UNIX_EPOCH,
            open: true,
        }
    }

    fn candidate(number: u128, code: &str, ready: bool, since_seconds: i64) -> Candidate {
        Candidate {
            person_id: PersonId(Uuid::from_u128(number)),
            status: Status::Independent,
            outward_code: OutwardCode::parse(code).expect("a known code"),
            registered_at: DateTime::from_timestamp(since_seconds, 0).expect("a moment"),
            readiness: Some(Readiness { ready, valid_from: today(), valid_until: None }),
        }
    }

    fn order(suggestions: &Suggestions) -> Vec<u128> {
        suggestions.best.iter().map(|suggestion| suggestion.person_id.0.as_u128()).collect()
    }

    #[test]
    fn ready_comes_before_near_and_near_before_long_here() {
        let candidates = [
            candidate(1, "E5", false, 1),
            candidate(2, "N16", true, 9),
            candidate(3, "N16", true, 5),
            candidate(4, "E8", true, 1),
            candidate(5, "E5", true, 99),
            Candidate { readiness: None, ..candidate(6, "E5", true, 0) },
        ];
        assert_eq!(order(&suggest(&opportunity(true, 10), &candidates, today(), 20)), [5, 3, 2, 4, 6, 1]);
        // Readiness is that of the day asked about.
        let yesterday = today() - chrono::Days::new(1);
        assert_eq!(order(&suggest(&opportunity(true, 10), &candidates, yesterday, 20)), [6, 1, 5, 3, 2, 4]);
    }

    /// Proves MATCH-27: the number of options is that of real people, whatever the length of the list.
    #[test]
    fn options_count_those_who_suit_and_advice_says_when_there_is_little_choice() {
        let volunteer = Candidate { status: Status::Volunteer, ..candidate(9, "E5", true, 1) };
        let mut candidates = vec![candidate(1, "E5", true, 1), candidate(2, "BD1", true, 1), volunteer];
        let few = suggest(&opportunity(true, 100), &candidates, today(), 20);
        assert_eq!((order(&few), few.options), (vec![1], 1));
        assert!(few.advice.contains("one giver") && !few.advice.contains("further"), "{}", few.advice);

        let none = suggest(&opportunity(true, 10), &candidates[1..], today(), 20);
        assert_eq!((none.best.len(), none.options), (0, 0));
        assert!(none.advice.contains("no giver within 10 km") && none.advice.contains("further"));

        let unready = [candidate(7, "E5", false, 1), candidate(8, "E5", false, 1)];
        let later = suggest(&opportunity(true, 10), &unready, today(), 20);
        assert!(
            later.advice.contains("Of 2") && later.advice.contains("nobody is ready"),
            "{}",
            later.advice
        );

        candidates.extend([candidate(3, "E5", true, 1), candidate(4, "N16", true, 1)]);
        let enough = suggest(&opportunity(true, 10), &candidates, today(), 1);
        assert_eq!((enough.best.len(), enough.options, enough.advice.as_str()), (1, 3, ""));
    }

    /// Proves MATCH-41: what fits, what does not and what is unknown, in words made of the giver's status, the band of
    /// the distance and readiness only: two givers alike in these get the same words.
    #[test]
    fn every_suggestion_explains_itself_with_released_facts_only() {
        let one = candidate(1, "E5", false, 1);
        let neighbour =
            Candidate { person_id: PersonId(Uuid::from_u128(2)), ..candidate(2, "N16", false, 77) };
        let both = suggest(&opportunity(true, 10), &[one, neighbour], today(), 20);
        assert_eq!(both.best[0].reasons, both.best[1].reasons);
        for beginning in ["fits: ", "does not fit yet: ", "unknown: "] {
            assert!(both.best[0].reasons.iter().any(|reason| reason.starts_with(beginning)), "{beginning}");
        }
        let words = both.best[1].reasons.join(" ");
        assert!(words.contains("under 2 km") && !words.contains("N16"), "{words}");
    }

    proptest! {
        #[test]
        fn the_list_is_the_best_of_all_in_any_order_of_arrival(
            drawn in prop::collection::vec((any::<bool>(), 0_usize..4, 0_i64..3), 0..12),
            limit in 1_usize..15,
        ) {
            let codes = ["E5", "N16", "E8", "BD1"];
            let mut candidates: Vec<Candidate> = drawn
                .iter()
                .enumerate()
                .map(|(number, (ready, code, since))| candidate(number as u128, codes[*code], *ready, *since))
                .collect();
            let first = suggest(&opportunity(true, 10), &candidates, today(), limit);
            candidates.reverse();
            prop_assert_eq!(&first, &suggest(&opportunity(true, 10), &candidates, today(), limit));
            let near = drawn.iter().filter(|(_, code, _)| *code != 3).count();
            prop_assert_eq!(first.options, near);
            prop_assert_eq!(first.best.len(), near.min(limit));
            prop_assert!(first.best.is_sorted_by_key(|suggestion| (!suggestion.ready, suggestion.distance_band)));
        }
    }
}
