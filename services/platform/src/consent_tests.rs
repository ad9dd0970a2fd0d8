//! When a consent is in force, whatever order its story arrives in.

use proptest::prelude::*;

use super::*;
use crate::error::Common;

fn day(number: u32) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(740_000 + i32::try_from(number).expect("a small number"))
        .expect("a day")
}

fn told(version: i64, withdrawn: bool, from: u32, days: u32) -> Known {
    Known {
        consent_id: Uuid::from_u128(1),
        person: Uuid::from_u128(2),
        part: "profile.giving".into(),
        purpose: "introduction".into(),
        grantee: Grantee::Person(Uuid::from_u128(3)),
        valid_from: day(from),
        valid_until: day(from + days),
        version,
        withdrawn,
    }
}

/// A story as identity would tell it: dates change, and it may end by a withdrawal.
fn story() -> impl Strategy<Value = Vec<Known>> {
    let dates = proptest::collection::vec((0_u32..30, 1_u32..30), 1..6);
    (dates, any::<bool>()).prop_map(|(dates, ends)| {
        let mut story = Vec::new();
        for (from, days) in dates {
            story.push(told(i64::try_from(story.len()).expect("few") + 1, false, from, days));
        }
        if ends && let Some(last) = story.last().cloned() {
            story.push(Known { version: last.version + 1, withdrawn: true, ..last });
        }
        story
    })
}

/// What a copy knows after hearing the story in some order, parts of it twice.
fn heard(story: &[Known], order: &[proptest::sample::Index]) -> Known {
    let mut left = story.to_vec();
    let mut known: Option<Known> = None;
    for index in order {
        let arriving = story[index.index(story.len())].clone();
        left.retain(|one| one.version != arriving.version);
        known = Some(known.map_or(arriving.clone(), |before| before.and(arriving)));
    }
    for arriving in left.into_iter().rev() {
        known = Some(known.map_or(arriving.clone(), |before| before.and(arriving)));
    }
    known.expect("every story has a beginning")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_the_order_the_last_word_counts(
        story in story(),
        order in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
        today in 0_u32..70,
    ) {
        let known = heard(&story, &order);
        let last = story.last().expect("a last word");
        prop_assert_eq!(&known, last);
        let expected = !last.withdrawn && last.valid_from <= day(today) && day(today) < last.valid_until;
        prop_assert_eq!(known.in_force(day(today)), expected);
    }

    #[test]
    fn it_holds_from_its_first_day_and_no_more_on_the_day_that_it_ends(from in 0_u32..30, days in 1_u32..30) {
        let known = told(1, false, from + 1, days);
        prop_assert!(!known.in_force(day(from)));
        prop_assert!(known.in_force(day(from + 1)) && known.in_force(day(from + days)));
        prop_assert!(!known.in_force(day(from + 1 + days)));
    }

    #[test]
    fn a_withdrawal_is_for_good_also_against_a_later_version(
        story in story(),
        order in proptest::collection::vec(any::<proptest::sample::Index>(), 1..12),
        version in 1_i64..20,
        today in 0_u32..70,
    ) {
        let withdrawn = told(version, true, 0, 60);
        let known = withdrawn.clone().and(heard(&story, &order));
        prop_assert!(!known.in_force(day(today)));
        prop_assert!(!heard(&story, &order).and(withdrawn).in_force(day(today)));
    }
}

#[test]
fn a_consent_reaches_whom_it_names_and_nobody_else() {
    let (person, team, other) = (Uuid::from_u128(3), Uuid::from_u128(4), Uuid::from_u128(5));
    let reader = Reader::new(PersonId(person)).of_team(team).wearing("rota_holder", Some(team));
    let basis = Basis { consent_id: Uuid::from_u128(6), version: 1 };
    let hat = |place| Grantee::Hat("rota_holder".into(), place);
    for meant in [Grantee::Person(person), Grantee::Team(team), hat(None), hat(Some(team))] {
        assert_eq!(reader.by(&meant, basis), Answer::Yes(basis), "{meant:?}");
    }
    let giver = Grantee::Hat("giver".into(), None);
    for not_meant in
        [Grantee::Person(other), Grantee::Team(other), hat(Some(other)), giver, Grantee::Team(person)]
    {
        assert_eq!(reader.by(&not_meant, basis), Answer::No, "{not_meant:?}");
    }

    // What was told long ago opens nothing, unless it is known otherwise too.
    let long_ago = reader.clone().being(Grantee::Team(other), true).being(hat(Some(other)), true);
    for meant in [Grantee::Team(other), hat(Some(other))] {
        assert_eq!(long_ago.by(&meant, basis), Answer::Stale, "{meant:?}");
    }
    for meant in [Grantee::Person(person), Grantee::Team(team), hat(None), hat(Some(team))] {
        assert_eq!(long_ago.by(&meant, basis), Answer::Yes(basis), "{meant:?}");
    }
}

/// Red where every error is taken for the copy's age.
#[test]
fn an_old_copy_is_the_reason_of_a_refusal_and_never_of_a_failure() {
    let said = |answer: Answer, error: Error| answer.instead_of(error).to_string();
    let (denied, stale) = (Common::PermissionDenied, Stale.to_string());
    assert_eq!(said(Answer::Stale, Error::NotFound("team")), stale);
    assert_eq!(said(Answer::Stale, denied.clone().into()), stale);
    assert_eq!(said(Answer::No, Error::NotFound("team")), "team not found");
    let away = || Error::Database(sqlx::Error::PoolTimedOut);
    for answer in [Answer::Stale, Answer::No] {
        assert_eq!(said(answer, away()), away().to_string());
        assert_eq!(said(answer, Common::Contended.into()), Common::Contended.to_string());
    }
}
