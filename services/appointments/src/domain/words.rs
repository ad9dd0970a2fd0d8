//! Words: small enums that are stored as text and checked by the database.

/// Defines an enum with one stored word per variant.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// As stored, and as people read it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// Reads a stored word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.word())
            }
        }
    };
}

words! {
    /// What a visit is for. It has no effect on money.
    VisitKind {
        /// Support in daily life.
        Support = "support",
        /// Personal care.
        PersonalCare = "personal_care",
        /// Company.
        Companionship = "companionship",
        /// A night during which the giver is awake.
        WakingNight = "waking_night",
        /// A night during which the giver may sleep.
        SleepingNight = "sleeping_night",
        /// Going out together.
        Outing = "outing",
        /// Support between peers.
        PeerSupport = "peer_support",
        /// A trial session.
        Trial = "trial",
    }
}

words! {
    /// One of the two sides of a series or a visit.
    Side {
        /// The Owner or the Rota Holder.
        Team = "team",
        /// The giver.
        Giver = "giver",
    }
}

words! {
    /// How a visit is settled.
    Settlement {
        /// Paid.
        Money = "money",
        /// Saved as Care Coins.
        CareCoins = "care_coins",
        /// A gift.
        Gift = "gift",
    }
}

words! {
    /// Where a series stands.
    SeriesState {
        /// One side proposes it.
        Proposed = "proposed",
        /// Both sides agree.
        Agreed = "agreed",
        /// The other side said no.
        Declined = "declined",
    }
}

words! {
    /// Where a visit stands.
    VisitState {
        /// In the rota.
        Planned = "planned",
        /// The Team agrees what happened.
        Agreed = "agreed",
        /// Called off, free of charge.
        Cancelled = "cancelled",
        /// Called off by the Team's side too late.
        LateCancelled = "late_cancelled",
        /// Nobody came.
        Missed = "missed",
    }
}

words! {
    /// Where an introduction stands, as far as it matters here.
    IntroductionState {
        /// Both sides would like to meet.
        Mutual = "mutual",
        /// Both sides agreed to a trial.
        TrialAgreed = "trial_agreed",
        /// Both said yes after the trial.
        Welcome = "welcome",
        /// It has ended.
        Ended = "ended",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back_as_what_it_was() {
        for kind in [VisitKind::Support, VisitKind::PersonalCare, VisitKind::Trial] {
            assert_eq!(VisitKind::from_word(kind.word()), Some(kind));
        }
        for state in [VisitState::Planned, VisitState::LateCancelled, VisitState::Missed] {
            assert_eq!(VisitState::from_word(state.word()), Some(state));
        }
        assert_eq!(VisitState::from_word("late cancelled"), None);
    }
}
