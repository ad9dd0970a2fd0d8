//! How states and kinds are written in SQL.

use kith_platform::words;

use crate::domain::{hat, membership};

words!(kind_word, kind, membership::Kind, "membership", {
    membership::Kind::Worker => "worker",
    membership::Kind::Volunteer => "volunteer",
    membership::Kind::PeerSupporter => "peer_supporter",
    membership::Kind::FamilyOrFriend => "family_or_friend",
    membership::Kind::TeamStarter => "team_starter",
});

words!(membership_word, membership_state, membership::State, "membership", {
    membership::State::Suggested => "suggested",
    membership::State::Invited => "invited",
    membership::State::Member => "member",
    membership::State::Declined => "declined",
    membership::State::Left => "left",
});

words!(hat_word, hat, hat::Hat, "hat_holding", {
    hat::Hat::RotaHolder => "rota_holder",
    hat::Hat::ProfileHolder => "profile_holder",
    hat::Hat::MarHolder => "mar_holder",
    hat::Hat::TeamChatAdmin => "team_chat_admin",
    hat::Hat::CheckInFacilitator => "check_in_facilitator",
    hat::Hat::SafeguardingLead => "safeguarding_lead",
});

words!(holding_word, holding_state, hat::State, "hat_holding", {
    hat::State::Proposed => "proposed",
    hat::State::Held => "held",
    hat::State::Declined => "declined",
    hat::State::Dropped => "dropped",
});
