use kith_platform::id::Uuid;
use proptest::prelude::*;

use super::*;

fn day(number: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 3, number).expect("a day in March")
}

fn trial(sessions: i16) -> Trial {
    Trial::new(sessions, day(1), day(20)).expect("a trial")
}

fn begun(side: Side) -> Introduction {
    Introduction::begin(
        IntroductionId(Uuid::from_u128(1)),
        OpportunityId(Uuid::from_u128(2)),
        TeamId(Uuid::from_u128(3)),
        PersonId(Uuid::from_u128(4)),
        side,
    )
}

fn mutual() -> Introduction {
    let mut introduction = begun(Side::Team);
    introduction.show_interest(Side::Giver);
    introduction
}

fn on_trial() -> Introduction {
    let mut introduction = mutual();
    introduction.agree_trial(Side::Team, trial(2)).expect("the Team's trial");
    introduction.agree_trial(Side::Giver, trial(2)).expect("the giver's trial");
    introduction
}

fn state(introduction: &Introduction, side: Side) -> Option<State> {
    introduction.view_for(side).map(|view| view.state)
}

const SIDES: [(Side, Side); 2] = [(Side::Team, Side::Giver), (Side::Giver, Side::Team)];

/// What one side can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Interest,
    Agree(i16),
    Conclude(Answer),
}

const ACTS: [Act; 5] =
    [Act::Interest, Act::Agree(1), Act::Agree(2), Act::Conclude(Answer::Yes), Act::Conclude(Answer::No)];

fn act(introduction: &mut Introduction, side: Side, act: Act) -> Result<Change, Refused> {
    match act {
        Act::Interest => Ok(introduction.show_interest(side)),
        Act::Agree(sessions) => introduction.agree_trial(side, trial(sessions)),
        Act::Conclude(answer) => introduction.conclude(side, answer),
    }
}

/// Everything that can ever come to be, from either beginning.
fn everything_reachable() -> Vec<Introduction> {
    let mut reached = vec![begun(Side::Team), begun(Side::Giver)];
    let mut next = 0;
    while next < reached.len() {
        for (side, _) in SIDES {
            for what in ACTS {
                let mut introduction = reached[next];
                if act(&mut introduction, side, what).is_ok() && !reached.contains(&introduction) {
                    reached.push(introduction);
                }
            }
        }
        next += 1;
    }
    reached
}

/// All that a side can tell apart: what it sees now, and what it would see after, or be refused for, each further act.
type Notice = (Option<View>, Vec<(Result<Change, Refused>, Option<View>)>);

fn notice(introduction: &Introduction, side: Side, acts: &[Act]) -> Notice {
    let further = acts.iter().map(|what| {
        let mut after = *introduction;
        let result = act(&mut after, side, *what);
        (result, after.view_for(side))
    });
    (introduction.view_for(side), further.collect())
}

#[test]
fn a_trial_has_one_to_three_sessions_in_at_most_92_days() {
    assert_eq!([1, 2, 3].map(|sessions| Trial::sessions(sessions).ok()), [Some(1), Some(2), Some(3)]);
    for sessions in [0, 4, -1, i32::MAX] {
        assert_eq!(Trial::sessions(sessions).expect_err("wrong").field, "sessions");
    }
    let last = day(1) + chrono::Days::new(92);
    assert!(Trial::new(1, day(1), day(2)).is_ok());
    assert!(Trial::new(1, day(1), last).is_ok());
    for until in [day(1), last + chrono::Days::new(1)] {
        assert_eq!(Trial::new(1, day(1), until).expect_err("wrong").field, "valid_until");
    }
}

#[test]
fn the_way_from_interest_to_welcome() {
    for (first, second) in SIDES {
        let mut introduction = begun(first);
        assert_eq!(state(&introduction, first), Some(State::Interested));
        assert_eq!(state(&introduction, second), None);
        assert_eq!(introduction.told(), None);

        assert_eq!(introduction.show_interest(second), Change::Changed);
        assert_eq!(introduction.told().map(|told| told.state), Some(State::Mutual));
        assert_eq!(introduction.conclude(first, Answer::Yes), Err(Refused::TrialNotAgreed));

        assert_eq!(introduction.agree_trial(first, trial(1)), Ok(Change::Changed));
        assert_eq!(introduction.agree_trial(second, trial(2)), Ok(Change::Changed));
        assert_eq!(introduction.told().map(|told| told.state), Some(State::Mutual));
        assert_eq!(introduction.agree_trial(first, trial(2)), Ok(Change::Changed));
        let expected = View { state: State::TrialAgreed, trial: Some(trial(2)) };
        assert_eq!(introduction.told(), Some(expected));
        assert_eq!(introduction.agree_trial(first, trial(3)), Err(Refused::TrialSettled));

        assert_eq!(introduction.conclude(first, Answer::Yes), Ok(Change::Changed));
        assert_eq!(introduction.told().map(|told| told.state), Some(State::TrialAgreed));
        assert_eq!(introduction.conclude(second, Answer::Yes), Ok(Change::Changed));
        assert_eq!(introduction.told().map(|told| told.state), Some(State::Welcome));
        assert_eq!(introduction.conclude(first, Answer::No), Err(Refused::AlreadyWelcome));
    }
}

/// Proves MATCH-11.
#[test]
fn either_side_may_say_no_at_any_time_from_mutual_interest_to_welcome() {
    for (side, other) in SIDES {
        for mut introduction in [mutual(), on_trial()] {
            let shown_to_the_other = introduction.view_for(other);
            assert_eq!(introduction.conclude(side, Answer::No), Ok(Change::Changed));
            assert_eq!(state(&introduction, side), Some(State::Ended));
            assert_eq!(introduction.view_for(other), shown_to_the_other);
            assert_eq!(introduction.conclude(side, Answer::Yes), Err(Refused::IntroductionEnded));
        }
        let mut changed_mind = on_trial();
        changed_mind.conclude(side, Answer::Yes).expect("a yes");
        assert_eq!(changed_mind.conclude(side, Answer::No), Ok(Change::Changed));
        assert_eq!(state(&changed_mind, side), Some(State::Ended));
        assert_eq!(state(&changed_mind, other), Some(State::TrialAgreed));
    }
}

#[test]
fn one_no_ends_it_for_the_other_only_once_that_side_has_answered() {
    for (side, other) in SIDES {
        for answer in [Answer::Yes, Answer::No] {
            let mut introduction = on_trial();
            introduction.conclude(side, Answer::No).expect("a no");
            assert_eq!(state(&introduction, other), Some(State::TrialAgreed));
            assert_eq!(introduction.told().map(|told| told.state), Some(State::TrialAgreed));
            introduction.conclude(other, answer).expect("an answer");
            assert_eq!(state(&introduction, other), Some(State::Ended));
            assert_eq!(introduction.told().map(|told| told.state), Some(State::Ended));
        }
    }
}

/// Proves MATCH-40: in everything that can ever come to be, a "no" of the other side and the lack of any answer from it
/// cannot be told apart by a side that has not answered itself, neither by what it sees nor by how any further act short
/// of answering is received; and others are told no more than that.
#[test]
fn a_no_is_exactly_like_no_answer_until_one_has_answered() {
    let before_answering = [Act::Interest, Act::Agree(1), Act::Agree(2)];
    let everything = everything_reachable();
    let mut compared = 0;
    for introduction in &everything {
        for (side, other) in SIDES {
            if introduction.other_says(side).answer != Some(Answer::No)
                || introduction.says(side).answer.is_some()
            {
                continue;
            }
            // The twin in which the other side never answered. It never agreed to what was proposed after its no either.
            let mut twin = *introduction;
            twin.says_mut(other).answer = None;
            twin.says_mut(other).trial = introduction.agreed;
            assert_eq!(notice(introduction, side, &before_answering), notice(&twin, side, &before_answering));
            assert_eq!(introduction.told(), twin.told());
            compared += 1;
        }
    }
    assert!(compared > 10, "only {compared} of {} compared", everything.len());
}

/// Before one's own interest nothing is seen; before the other's interest nothing is seen but one's own.
#[test]
fn a_missing_interest_looks_the_same_whatever_lies_behind_it() {
    for introduction in everything_reachable() {
        for (side, other) in SIDES {
            let own = introduction.says(side).interested;
            let others = introduction.says(other).interested;
            match (own, others) {
                (false, _) => assert_eq!(introduction.view_for(side), None),
                (true, false) => {
                    assert_eq!(
                        introduction.view_for(side),
                        Some(View { state: State::Interested, trial: None })
                    );
                }
                (true, true) => assert_ne!(state(&introduction, side), Some(State::Interested)),
            }
            assert_eq!(introduction.told().is_some(), own && others);
        }
    }
}

/// The two sides are treated alike: swapping who said what swaps what they see, and others are told the same.
#[test]
fn the_sides_are_symmetric_and_what_is_told_names_neither() {
    for introduction in everything_reachable() {
        let swapped = Introduction { team: introduction.giver, giver: introduction.team, ..introduction };
        assert_eq!(introduction.view_for(Side::Team), swapped.view_for(Side::Giver));
        assert_eq!(introduction.told(), swapped.told());
    }
}

/// What others are told only ever goes forward, and an end or a welcome is final for everybody.
#[test]
fn what_is_told_only_goes_forward() {
    let place = |view: Option<View>| view.map_or(0, |view| view.state.step());
    let is_final = |view: Option<View>| place(view) >= State::Welcome.step();
    for introduction in everything_reachable() {
        for (side, _) in SIDES {
            for what in ACTS {
                let mut after = introduction;
                let result = act(&mut after, side, what);
                assert!(place(after.told()) >= place(introduction.told()));
                if is_final(introduction.told()) {
                    assert_eq!(after.told(), introduction.told());
                }
                if result != Ok(Change::Changed) {
                    assert_eq!(
                        after, introduction,
                        "{what:?} by {side:?} was {result:?} and changed something"
                    );
                }
            }
        }
    }
}

proptest! {
    /// Repeating each act at once changes nothing, and one side's acts never change what the other is refused for.
    #[test]
    fn every_act_repeats(steps in prop::collection::vec((any::<bool>(), 0..ACTS.len()), 0..30), by_team in any::<bool>()) {
        let mut introduction = begun(if by_team { Side::Team } else { Side::Giver });
        for (team, number) in steps {
            let side = if team { Side::Team } else { Side::Giver };
            if act(&mut introduction, side, ACTS[number]).is_ok() {
                let after = introduction;
                prop_assert_eq!(act(&mut introduction, side, ACTS[number]), Ok(Change::Unchanged));
                prop_assert_eq!(introduction, after);
            }
        }
    }
}
