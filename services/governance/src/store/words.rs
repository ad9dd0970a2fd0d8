//! How states and hats are written in SQL.

use kith_platform::words;

use crate::domain::{circle, proposal};

words!(seat_word, seat, circle::Seat, "circle_member", {
    circle::Seat::Proposed => "proposed",
    circle::Seat::Held => "held",
    circle::Seat::Declined => "declined",
    circle::Seat::Ended => "ended",
});

words!(hat_word, hat, circle::Hat, "circle_hat", {
    circle::Hat::Leader => "leader",
    circle::Hat::Delegate => "delegate",
    circle::Hat::Facilitator => "facilitator",
    circle::Hat::Secretary => "secretary",
    circle::Hat::LogbookKeeper => "logbook_keeper",
    circle::Hat::NumbersPerson => "numbers_person",
});

words!(state_word, state, proposal::State, "proposal", {
    proposal::State::Draft => "draft",
    proposal::State::Presented => "presented",
    proposal::State::Clarifying => "clarifying",
    proposal::State::Reactions => "reactions",
    proposal::State::ConsentRound => "consent_round",
    proposal::State::Integrating => "integrating",
    proposal::State::Adopted => "adopted",
    proposal::State::Withdrawn => "withdrawn",
});
