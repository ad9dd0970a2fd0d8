//! Domain → messages.

use kith_platform::etag;
use kith_platform::fields::{date_text, timestamp};
use kith_platform::money::Money;
use kith_proto::matching::v1 as pb;

use crate::app::introduction::Seen;
use crate::domain::giver::{Deal, Giver, Readiness, Status, Terms, UnpaidIntent};
use crate::domain::introduction::{State, Trial};
use crate::domain::opportunity::{Nearby, Opportunity};
use crate::domain::suggestion::Suggestion;

impl From<Status> for pb::GiverStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Independent => Self::Independent,
            Status::Employed => Self::Employed,
            Status::Volunteer => Self::Volunteer,
            Status::PeerSupporter => Self::PeerSupporter,
            Status::FamilyOrFriend => Self::FamilyOrFriend,
        }
    }
}

impl From<State> for pb::IntroductionState {
    fn from(state: State) -> Self {
        match state {
            State::Interested => Self::Interested,
            State::Mutual => Self::Mutual,
            State::TrialAgreed => Self::TrialAgreed,
            State::Welcome => Self::Welcome,
            State::Ended => Self::Ended,
        }
    }
}

impl From<Giver> for pb::Giver {
    fn from(giver: Giver) -> Self {
        Self {
            person_id: giver.person_id.to_string(),
            status: pb::GiverStatus::from(giver.status).into(),
            outward_code: giver.outward_code.to_string(),
            readiness: giver.latest_readiness().copied().map(Into::into),
            terms: giver.terms.into_iter().map(Into::into).collect(),
            etag: etag::of(giver.version),
        }
    }
}

impl From<Readiness> for pb::Readiness {
    fn from(readiness: Readiness) -> Self {
        Self {
            ready: readiness.ready,
            valid_from: date_text(Some(readiness.valid_from)),
            valid_until: date_text(readiness.valid_until),
        }
    }
}

impl From<Terms> for pb::Terms {
    fn from(terms: Terms) -> Self {
        let stated = Self {
            id: terms.id.to_string(),
            valid_from: date_text(Some(terms.valid_from)),
            ..Self::default()
        };
        match terms.deal {
            Deal::Paid { circle_id, contribution_rule, hourly_rate_pence } => Self {
                circle_id: circle_id.to_string(),
                contribution_rule,
                hourly_rate: Some(Money::pence(hourly_rate_pence).into()),
                ..stated
            },
            Deal::Unpaid(intent) => {
                let intent = match intent {
                    UnpaidIntent::Save => pb::UnpaidIntent::Save,
                    UnpaidIntent::Gift => pb::UnpaidIntent::Gift,
                };
                Self { unpaid_intent: intent.into(), ..stated }
            }
        }
    }
}

impl From<Opportunity> for pb::Opportunity {
    fn from(opportunity: Opportunity) -> Self {
        Self {
            id: opportunity.id.to_string(),
            team_id: opportunity.team_id.to_string(),
            outward_code: opportunity.outward_code.to_string(),
            radius_km: i32::try_from(opportunity.radius.kilometres()).unwrap_or(i32::MAX),
            paid: opportunity.paid,
            open: opportunity.open,
            create_time: Some(timestamp(opportunity.opened_at)),
        }
    }
}

impl From<Nearby> for pb::NearbyOpportunity {
    fn from(nearby: Nearby) -> Self {
        Self {
            distance_band: nearby.distance_band().words().to_owned(),
            opportunity: Some(nearby.opportunity.into()),
        }
    }
}

impl From<Suggestion> for pb::Suggestion {
    fn from(suggestion: Suggestion) -> Self {
        Self {
            person_id: suggestion.person_id.to_string(),
            status: pb::GiverStatus::from(suggestion.status).into(),
            distance_band: suggestion.distance_band.words().to_owned(),
            ready: suggestion.ready,
            reasons: suggestion.reasons,
        }
    }
}

impl From<Trial> for pb::Trial {
    fn from(trial: Trial) -> Self {
        Self {
            sessions: i32::from(trial.sessions),
            valid_from: date_text(Some(trial.valid_from)),
            valid_until: date_text(Some(trial.valid_until)),
        }
    }
}

impl From<Seen> for pb::Introduction {
    fn from(seen: Seen) -> Self {
        let introduction = seen.introduction;
        Self {
            id: introduction.id.to_string(),
            opportunity_id: introduction.opportunity_id.to_string(),
            team_id: introduction.team_id.to_string(),
            giver_person_id: introduction.giver_person_id.to_string(),
            state: pb::IntroductionState::from(seen.view.state).into(),
            trial: seen.view.trial.map(Into::into),
            // Of what is seen, not of the row: the row also changes with what the other side says.
            etag: etag::of(seen.view.state.step()),
        }
    }
}
