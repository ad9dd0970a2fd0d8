//! How states and kinds are written in SQL.

use kith_platform::words;

use crate::domain::giver::{Status, UnpaidIntent};
use crate::domain::introduction::Answer;

words!(status_word, status, Status, "giver", {
    Status::Independent => "independent",
    Status::Employed => "employed",
    Status::Volunteer => "volunteer",
    Status::PeerSupporter => "peer_supporter",
    Status::FamilyOrFriend => "family_or_friend",
});

words!(intent_word, intent, UnpaidIntent, "giver_terms", {
    UnpaidIntent::Save => "save",
    UnpaidIntent::Gift => "gift",
});

words!(answer_word, answer, Answer, "introduction", {
    Answer::Yes => "yes",
    Answer::No => "no",
});
