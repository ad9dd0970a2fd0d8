//! M1: outbox, relay, broker and inbox on paper, with a crash at every point, checked exhaustively. The broker delivers
//! in any order and more than once. A fault that is put into the protocol on purpose is found.

use stateright::{Checker as _, Model, Property};

/// More copies of a message on its way than this are as good as this many.
const MOST_COPIES: u8 = 2;

/// What is built into the protocol on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// The client is answered before the commit.
    AnswerBeforeCommit,
    /// The relay marks an event before the broker has it.
    MarkBeforePublish,
    /// The consumer acknowledges before it has stored.
    AcknowledgeBeforeStore,
    /// The inbox takes an event that it has had for a new one.
    SkipDedupe,
    /// The inbox applies whatever is there, without looking at the numbers.
    SkipOrder,
}

/// One aggregate's events, numbered from 0, and those who listen.
#[derive(Clone, Debug)]
struct Protocol {
    events: usize,
    consumers: usize,
    fault: Fault,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that a crash may separate from the others")]
struct Event {
    /// Stands in the outbox.
    committed: bool,
    /// The client was told that it is done.
    answered: bool,
    /// The broker has confirmed it in this life of the relay: lost with a crash.
    confirmed: bool,
    /// Marked as published in the outbox.
    marked: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Consumer {
    /// Copies at the broker, by event.
    copies: Vec<u8>,
    /// Delivered, in the process's memory: the event, and whether it is stored. Lost with a crash, and then delivered again.
    holding: Option<(usize, bool)>,
    stored: Vec<bool>,
    done: Vec<bool>,
    /// The last number applied, counted from 1.
    cursor: usize,
    /// How often each took effect.
    effects: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    events: Vec<Event>,
    consumers: Vec<Consumer>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    /// State and outbox row in one transaction; a crash before it (K1) changes nothing.
    Commit(usize),
    Answer(usize),
    /// To every consumer's queue, confirmed; a crash here is K3.
    Publish(usize),
    Mark(usize),
    /// K1 to K4: what the producer only had in memory is gone.
    ProducerCrashes,
    /// The broker delivers any copy of anything.
    Deliver(usize, usize),
    BrokerDuplicates(usize, usize),
    Store(usize),
    Acknowledge(usize),
    /// Effects, done and cursor in one transaction; a crash within it (K7) changes nothing.
    Apply(usize, usize),
    /// K5 to K8: what the consumer only had in memory is gone; the broker delivers it again.
    ConsumerCrashes(usize),
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let consumer = Consumer {
            copies: vec![0; self.events],
            stored: vec![false; self.events],
            done: vec![false; self.events],
            effects: vec![0; self.events],
            ..Consumer::default()
        };
        vec![State { events: vec![Event::default(); self.events], consumers: vec![consumer; self.consumers] }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        for (number, event) in state.events.iter().enumerate() {
            // One command after another: the aggregate's row lock.
            let is_next = state.events[..number].iter().all(|before| before.committed && before.answered);
            if !event.committed && is_next {
                steps.push(Step::Commit(number));
            }
            let may_answer = event.committed || self.fault == Fault::AnswerBeforeCommit;
            if !event.answered && may_answer && is_next {
                steps.push(Step::Answer(number));
            }
            if event.committed && !event.marked && !event.confirmed {
                steps.push(Step::Publish(number));
            }
            let may_mark = event.confirmed || self.fault == Fault::MarkBeforePublish;
            if event.committed && !event.marked && may_mark {
                steps.push(Step::Mark(number));
            }
        }
        if state.events.iter().any(|event| event.confirmed) {
            steps.push(Step::ProducerCrashes);
        }
        for (who, consumer) in state.consumers.iter().enumerate() {
            for number in 0..self.events {
                let copies = consumer.copies[number];
                if copies > 0 && consumer.holding.is_none() {
                    steps.push(Step::Deliver(who, number));
                }
                if copies > 0 && copies < MOST_COPIES {
                    steps.push(Step::BrokerDuplicates(who, number));
                }
                let is_next = number == consumer.cursor || self.fault == Fault::SkipOrder;
                let again = self.fault == Fault::SkipDedupe && number < consumer.cursor;
                if consumer.stored[number] && !consumer.done[number] && (is_next || again) {
                    steps.push(Step::Apply(who, number));
                }
            }
            if let Some((_, is_stored)) = consumer.holding {
                steps.push(Step::ConsumerCrashes(who));
                if !is_stored {
                    steps.push(Step::Store(who));
                }
                if is_stored || self.fault == Fault::AcknowledgeBeforeStore {
                    steps.push(Step::Acknowledge(who));
                }
            }
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Commit(number) => state.events[number].committed = true,
            Step::Answer(number) => state.events[number].answered = true,
            Step::Publish(number) => {
                state.events[number].confirmed = true;
                for consumer in &mut state.consumers {
                    consumer.copies[number] = (consumer.copies[number] + 1).min(MOST_COPIES);
                }
            }
            Step::Mark(number) => {
                state.events[number].marked = true;
                state.events[number].confirmed = false;
            }
            Step::ProducerCrashes => {
                for event in &mut state.events {
                    event.confirmed = false;
                }
            }
            Step::Deliver(who, number) => state.consumers[who].holding = Some((number, false)),
            Step::BrokerDuplicates(who, number) => state.consumers[who].copies[number] += 1,
            Step::Store(who) => {
                let consumer = &mut state.consumers[who];
                let (number, _) = consumer.holding?;
                if self.fault == Fault::SkipDedupe {
                    consumer.done[number] = false;
                }
                consumer.stored[number] = true;
                // Acknowledged before, it is only in memory until here.
                let is_gone = self.fault == Fault::AcknowledgeBeforeStore && consumer.copies[number] == 0;
                consumer.holding = (!is_gone).then_some((number, true));
            }
            Step::Acknowledge(who) => {
                let consumer = &mut state.consumers[who];
                let (number, is_stored) = consumer.holding?;
                consumer.copies[number] = consumer.copies[number].checked_sub(1)?;
                consumer.holding = (!is_stored).then_some((number, is_stored));
            }
            Step::Apply(who, number) => {
                let consumer = &mut state.consumers[who];
                consumer.done[number] = true;
                consumer.cursor = consumer.cursor.max(number + 1);
                consumer.effects[number] = (consumer.effects[number] + 1).min(2);
            }
            Step::ConsumerCrashes(who) => state.consumers[who].holding = None,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("what was answered is committed", |_, state: &State| {
                state.events.iter().all(|event| event.committed || !event.answered)
            }),
            Property::always("nothing committed can be lost", |_, state: &State| {
                state.events.iter().enumerate().all(|(number, event)| {
                    let is_safe =
                        |consumer: &Consumer| consumer.copies[number] > 0 || consumer.stored[number];
                    !event.committed || !event.marked || state.consumers.iter().all(is_safe)
                })
            }),
            Property::always("no effect happens twice", |_, state: &State| {
                state.consumers.iter().all(|consumer| consumer.effects.iter().all(|effects| *effects <= 1))
            }),
            Property::always("effects come in order", |_, state: &State| {
                state.consumers.iter().all(|consumer| {
                    let first_missing = consumer.effects.iter().position(|effects| *effects == 0);
                    first_missing
                        .is_none_or(|from| consumer.effects[from..].iter().all(|effects| *effects == 0))
                })
            }),
            Property::always("no effect of what was never committed", |_, state: &State| {
                let happened =
                    |number: usize| state.consumers.iter().any(|consumer| consumer.effects[number] > 0);
                state.events.iter().enumerate().all(|(number, event)| event.committed || !happened(number))
            }),
            Property::sometimes("everything is applied by everyone", |_, state: &State| {
                state.consumers.iter().all(|consumer| consumer.effects.iter().all(|effects| *effects == 1))
            }),
        ]
    }
}

/// Proves M1: no counterexample in any state that up to four events, or two consumers, can come to.
#[test]
fn no_crash_loses_repeats_or_reorders() {
    for (events, consumers) in [(1, 2), (2, 2), (3, 1), (4, 1)] {
        let checker =
            Protocol { events, consumers, fault: Fault::None }.checker().threads(2).spawn_bfs().join();
        checker.assert_properties();
        eprintln!(
            "M1: {events} events, {consumers} consumers: {} states, no counterexample",
            checker.unique_state_count()
        );
    }
}

#[test]
fn every_seeded_fault_is_found() {
    for (fault, breaks) in [
        (Fault::AnswerBeforeCommit, "what was answered is committed"),
        (Fault::MarkBeforePublish, "nothing committed can be lost"),
        (Fault::AcknowledgeBeforeStore, "nothing committed can be lost"),
        (Fault::SkipDedupe, "no effect happens twice"),
        (Fault::SkipOrder, "effects come in order"),
    ] {
        let checker = Protocol { events: 2, consumers: 1, fault }.checker().spawn_bfs().join();
        let found = checker.discovery(breaks);
        let steps = found.unwrap_or_else(|| panic!("{fault:?} was not found")).into_actions().len();
        eprintln!("M1: {fault:?} is found in {steps} steps: it breaks \"{breaks}\"");
    }
}
