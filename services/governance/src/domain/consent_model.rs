//! Tests of the consent process as a whole: a simple model, written apart from the rules, predicts for random
//! sequences of actions by random people what is accepted and when a decision may exist; then the rules one by one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, TimeZone as _, Utc};
use kith_platform::id::{PersonId, Uuid};
use proptest::prelude::*;

use super::circle::Circle;
use super::content::{Content, Effect, Mode, RuleChange};
use super::decision::{self, Decision, Stamp};
use super::proposal::{Answer, Proposal, State, Step};
use super::{CircleId, DecisionId, MandateId, Outcome, ProposalId, Reach, Refused};

const PEOPLE: u8 = 5;

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

fn person(number: u8) -> PersonId {
    PersonId(Uuid::from_u128(u128::from(number) + 1))
}

fn reach() -> Reach {
    Reach { today: day("2026-03-10"), earliest: Some(day("2026-01-24")) }
}

fn stamp(number: u128) -> Stamp {
    Stamp {
        decision: DecisionId(Uuid::from_u128(100 + number)),
        mandate: MandateId(Uuid::from_u128(200 + number)),
        at: Utc.with_ymd_and_hms(2026, 3, 10, 12, 0, 0).single().expect("an instant"),
    }
}

fn join(circle: &mut Circle, who: u8) {
    let _ = circle.invite(person(who), None, day("2026-03-01"), reach()).expect("asked");
    let _ = circle.answer_invitation(person(who), true).expect("said yes");
}

fn circle_of(people: u8) -> Circle {
    let mut circle = Circle {
        id: CircleId(Uuid::from_u128(50)),
        display_name: "Clapton".into(),
        aim: "care".into(),
        domain: "Clapton".into(),
        members: Vec::new(),
        hats: Vec::new(),
        created_at: stamp(0).at,
        version: 1,
    };
    for who in 0..people {
        join(&mut circle, who);
    }
    circle
}

fn content(text: &str, effect: Option<Effect>) -> Content {
    let review_date = day("2026-06-01");
    Content { text: text.into(), effect, term_months: 12, measure: "the books balance".into(), review_date }
}

fn draft(circle: &Circle, effect: Option<Effect>) -> Proposal {
    let id = ProposalId(Uuid::from_u128(60));
    let first = content("version 1", effect);
    Proposal::draft(id, circle, person(0), "a rule".into(), first, (reach(), stamp(0).at)).expect("drafted")
}

fn open_round(proposal: &mut Proposal) {
    for step in [Step::Present, Step::Clarify, Step::React, Step::AskForConsent] {
        assert_eq!(proposal.advance(step), Ok(Outcome::Changed));
    }
}

fn answer(who: u8, version: i32, consent: bool) -> Answer {
    let argument = if consent { String::new() } else { "it harms the Circle".into() };
    Answer { person: person(who), version, consent, argument }
}

fn rule_from(effective_from: &str) -> Effect {
    Effect::ContributionRule(RuleChange {
        rule_name: "independent".into(),
        effective_from: day(effective_from),
        mode: Mode::ShareOfTotal { share_bp: 1500 },
    })
}

#[derive(Clone, Debug)]
enum Action {
    Take(usize),
    Answer { who: u8, versions_back: i32, consent: bool },
    Amend(u8),
    Withdraw,
    Join(u8),
    Leave(u8),
    Record,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0..4_usize).prop_map(Action::Take),
        10 => (0..PEOPLE, 0..2_i32, proptest::bool::weighted(0.8)).prop_map(|(who, back, consent)| {
            Action::Answer { who, versions_back: i32::from(back == 1 && who % 2 == 0), consent }
        }),
        1 => (1..4_u8).prop_map(Action::Amend),
        1 => (0..40_u8).prop_map(|roll| if roll == 0 { Action::Withdraw } else { Action::Record }),
        1 => (0..PEOPLE).prop_map(Action::Join),
        1 => (0..PEOPLE).prop_map(Action::Leave),
        3 => Just(Action::Record),
    ]
}

/// What anybody would keep on a sheet of paper: how far the steps are, the number and text of the version in force,
/// who is in the Circle, who last said what about the version in force, and who has left: they are asked no more, and what they objected stands.
#[derive(Debug)]
struct Paper {
    steps_taken: usize,
    version: i32,
    text: u8,
    members: BTreeSet<u8>,
    /// Who was in it and left; who was never in it does not leave.
    left: BTreeSet<u8>,
    said: BTreeMap<u8, bool>,
    withdrawn: bool,
    adopted: bool,
}

impl Paper {
    fn everyone_consents(&self) -> bool {
        let open = self.steps_taken == 4 && !self.withdrawn && !self.members.is_empty();
        let nobody_objects = self.said.values().all(|consent| *consent);
        open && nobody_objects && self.members.iter().all(|who| self.said.get(who) == Some(&true))
    }

    /// Whether the action is expected to be accepted, noting what it changes.
    fn expects(&mut self, action: &Action) -> bool {
        let closed = self.withdrawn || self.adopted;
        match *action {
            Action::Take(step) => {
                let accepted = !self.withdrawn && step <= self.steps_taken;
                if accepted && step == self.steps_taken {
                    self.steps_taken += 1;
                }
                accepted
            }
            Action::Answer { who, versions_back, consent } => {
                let accepted =
                    !closed && self.steps_taken == 4 && versions_back == 0 && self.members.contains(&who);
                if accepted {
                    self.said.insert(who, consent);
                }
                accepted
            }
            Action::Amend(text) => {
                if !closed && text != self.text {
                    self.version += 1;
                    self.text = text;
                    self.said.clear();
                }
                !closed
            }
            Action::Withdraw => {
                self.withdrawn |= !self.adopted;
                !self.adopted
            }
            Action::Join(who) => {
                if !self.left.contains(&who) {
                    self.members.insert(who);
                }
                true
            }
            Action::Leave(who) => {
                if self.members.remove(&who) {
                    self.left.insert(who);
                }
                true
            }
            Action::Record => {
                self.adopted |= self.everyone_consents();
                self.adopted
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_decision_exists_only_where_every_member_consented_to_the_version_in_force(
        founders in 1..4_u8,
        straight_to_the_round: bool,
        actions in proptest::collection::vec(action(), 1..60),
    ) {
        let mut circle = circle_of(founders);
        let mut proposal = draft(&circle, None);
        let mut paper = Paper {
            steps_taken: 0, version: 1, text: 1, members: (0..founders).collect(), left: BTreeSet::new(), said: BTreeMap::new(),
            withdrawn: false, adopted: false,
        };
        let mut decided: Option<Decision> = None;
        let steps = [Step::Present, Step::Clarify, Step::React, Step::AskForConsent];
        if straight_to_the_round {
            open_round(&mut proposal);
            paper.steps_taken = 4;
        }
        for action in &actions {
            let was_adopted = paper.adopted;
            let expected = paper.expects(action);
            let accepted = match *action {
                Action::Take(step) => proposal.advance(steps[step]).is_ok(),
                Action::Answer { who, versions_back, consent } => {
                    let given = answer(who, proposal.in_force.number - versions_back, consent);
                    let same_again = proposal.answers.contains(&given);
                    let accepted = proposal.answer(&circle, reach(), given).is_ok();
                    // Saying again what one said is harmless once all is decided.
                    if was_adopted && accepted {
                        prop_assert!(same_again);
                        continue;
                    }
                    accepted
                }
                Action::Amend(text) => {
                    let changed = content(&format!("version {text}"), None);
                    let accepted = proposal.amend(changed, reach());
                    if was_adopted && accepted.is_ok() {
                        prop_assert_eq!(accepted, Ok(Outcome::Unchanged));
                        continue;
                    }
                    accepted.is_ok()
                }
                Action::Withdraw => proposal.withdraw().is_ok(),
                Action::Join(who) => {
                    if !paper.left.contains(&who) {
                        join(&mut circle, who);
                    }
                    true
                }
                Action::Leave(who) => {
                    circle.part_with(person(who), reach().today);
                    true
                }
                Action::Record => match decision::record(&mut proposal, &circle, None, reach(), stamp(0)) {
                    Ok(Some(new)) => {
                        prop_assert!(decided.is_none(), "decided once");
                        let everyone: BTreeSet<PersonId> = paper.members.iter().map(|who| person(*who)).collect();
                        let consented: BTreeSet<PersonId> = new.consented.iter().copied().collect();
                        prop_assert_eq!(consented, everyone);
                        prop_assert_eq!(&new.version.content, &content(&format!("version {}", paper.text), None));
                        decided = Some(new);
                        true
                    }
                    Ok(None) => decided.is_some(),
                    Err(_) => false,
                },
            };
            prop_assert_eq!(accepted, expected, "{:?} on {:?} as {:?}", action, paper, proposal.state);
            prop_assert_eq!(decided.is_some(), paper.adopted);
            prop_assert_eq!(proposal.in_force.number, paper.version);
            let objects = paper.said.values().any(|consent| !consent);
            prop_assert_eq!(proposal.state == State::Integrating, objects && !paper.withdrawn);
        }
    }
}

#[test]
fn no_step_is_skipped_and_a_taken_one_stays_taken() {
    let circle = circle_of(2);
    let mut proposal = draft(&circle, None);
    assert_eq!(proposal.advance(Step::React), Err(Refused::StepSkipped { next: "presented" }));
    assert_eq!(proposal.answer(&circle, reach(), answer(0, 1, true)), Err(Refused::RoundNotOpen));
    open_round(&mut proposal);
    assert_eq!(proposal.advance(Step::Present), Ok(Outcome::Unchanged));
    assert_eq!(proposal.state, State::ConsentRound);
}

#[test]
fn an_objection_needs_an_argument_and_blocks_until_its_owner_withdraws_it() {
    let circle = circle_of(2);
    let mut proposal = draft(&circle, None);
    open_round(&mut proposal);
    let silent = Answer { argument: "  ".into(), ..answer(1, 1, false) };
    assert_eq!(proposal.answer(&circle, reach(), silent), Err(Refused::ArgumentMissing));
    assert_eq!(proposal.answer(&circle, reach(), answer(0, 1, true)), Ok(Outcome::Changed));
    let missing = decision::record(&mut proposal, &circle, None, reach(), stamp(0));
    assert_eq!(missing, Err(Refused::ConsentMissing { count: 1 }));
    assert_eq!(proposal.answer(&circle, reach(), answer(1, 1, false)), Ok(Outcome::Changed));
    assert_eq!(proposal.state, State::Integrating);
    let blocked = decision::record(&mut proposal, &circle, None, reach(), stamp(0));
    assert_eq!(blocked, Err(Refused::ObjectionStands { count: 1 }));
    assert_eq!(proposal.answer(&circle, reach(), answer(1, 1, true)), Ok(Outcome::Changed));
    assert_eq!(proposal.state, State::ConsentRound);
    assert!(decision::record(&mut proposal, &circle, None, reach(), stamp(0)).expect("decided").is_some());
}

#[test]
fn an_amendment_asks_everyone_anew_and_the_same_text_again_clears_nothing() {
    let circle = circle_of(2);
    let mut proposal = draft(&circle, None);
    open_round(&mut proposal);
    assert_eq!(proposal.answer(&circle, reach(), answer(0, 1, true)), Ok(Outcome::Changed));
    assert_eq!(proposal.answer(&circle, reach(), answer(1, 1, false)), Ok(Outcome::Changed));
    assert_eq!(proposal.amend(content("version 1", None), reach()), Ok(Outcome::Unchanged));
    assert_eq!(proposal.state, State::Integrating, "the objection stands");
    assert_eq!(proposal.amend(content("version 2", None), reach()), Ok(Outcome::Changed));
    assert_eq!(proposal.state, State::ConsentRound);
    let outdated = proposal.answer(&circle, reach(), answer(0, 1, true));
    assert_eq!(outdated, Err(Refused::VersionNotInForce { in_force: 2 }));
    let missing = decision::record(&mut proposal, &circle, None, reach(), stamp(0));
    assert_eq!(missing, Err(Refused::ConsentMissing { count: 2 }));
}

#[test]
fn a_circle_without_members_decides_nothing() {
    let mut proposal = draft(&circle_of(1), None);
    open_round(&mut proposal);
    let nobody = decision::record(&mut proposal, &circle_of(0), None, reach(), stamp(0));
    assert_eq!(nobody, Err(Refused::NobodyToConsent));
}

#[test]
fn amending_before_the_round_skips_no_step() {
    let circle = circle_of(2);
    let mut proposal = draft(&circle, None);
    assert_eq!(proposal.advance(Step::Present), Ok(Outcome::Changed));
    assert_eq!(proposal.amend(content("version 2", None), reach()), Ok(Outcome::Changed));
    assert_eq!((proposal.state, proposal.in_force.number), (State::Presented, 2));
}

#[test]
fn a_review_date_that_passed_during_the_round_is_refused_at_the_decision() {
    let circle = circle_of(1);
    let mut proposal = draft(&circle, None);
    open_round(&mut proposal);
    let later = Reach { today: day("2026-06-01"), earliest: Some(day("2026-04-17")) };
    assert_eq!(proposal.answer(&circle, later, answer(0, 1, true)), Ok(Outcome::Changed));
    let too_late = decision::record(&mut proposal, &circle, None, later, stamp(0));
    assert_eq!(too_late, Err(Refused::ReviewDateOutsideTerm));
    assert_eq!(proposal.state, State::ConsentRound, "nothing half-done stays");
}

fn decide(
    circle: &Circle,
    effect: Option<Effect>,
    named: Option<&mut Decision>,
) -> Result<Decision, Refused> {
    let mut proposal = draft(circle, effect);
    open_round(&mut proposal);
    for who in 0..2 {
        assert_eq!(proposal.answer(circle, reach(), answer(who, 1, true)), Ok(Outcome::Changed));
    }
    let number = if named.is_some() { 2 } else { 1 };
    decision::record(&mut proposal, circle, named, reach(), stamp(number)).map(|new| new.expect("new"))
}

#[test]
fn a_rule_change_issues_a_mandate_that_a_later_decision_revokes_once() {
    let circle = circle_of(2);
    let mut rule = decide(&circle, Some(rule_from("2026-03-16")), None).expect("decided");
    let mandate = rule.mandate.clone().expect("a mandate");
    assert_eq!(Effect::ContributionRule(mandate.rule), rule_from("2026-03-16"));
    assert_eq!(rule.version.content_hash, content("version 1", Some(rule_from("2026-03-16"))).hash());

    let revoke_from =
        |revoked_from: &str| Some(Effect::Revocation { decision: rule.id, revoked_from: day(revoked_from) });
    let (too_early, on_the_day) = (revoke_from("2026-03-15"), revoke_from("2026-03-16"));
    assert_eq!(decide(&circle, too_early, Some(&mut rule)), Err(Refused::RevokedBeforeEffect));
    assert_eq!(decide(&circle, on_the_day.clone(), None), Err(Refused::RevokesUnknownDecision));
    let mut revocation = decide(&circle, on_the_day.clone(), Some(&mut rule)).expect("decided");
    assert_eq!(rule.revoked_from, Some(day("2026-03-16")));
    assert_eq!(revocation.mandate, None);
    assert_eq!(decide(&circle, on_the_day, Some(&mut rule)), Err(Refused::AlreadyRevoked));

    let of_a_revocation =
        Some(Effect::Revocation { decision: revocation.id, revoked_from: day("2026-03-20") });
    assert_eq!(decide(&circle, of_a_revocation, Some(&mut revocation)), Err(Refused::NothingToRevoke));
}

#[test]
fn a_circle_revokes_only_its_own_decisions() {
    let circle = circle_of(2);
    let mut foreign = decide(&circle, Some(rule_from("2026-03-16")), None).expect("decided");
    foreign.circle = CircleId(Uuid::from_u128(51));
    let effect = Some(Effect::Revocation { decision: foreign.id, revoked_from: day("2026-03-20") });
    assert_eq!(decide(&circle, effect, Some(&mut foreign)), Err(Refused::RevokesUnknownDecision));
}
