//! Domain → messages.

use kith_platform::fields::timestamp;
use kith_proto::evaluation::v1 as pb;

use crate::app::round::RoundResult;
use crate::domain::continuity::Continuity;
use crate::domain::round::{Instrument, Round, Scope, State};
use crate::domain::suppression::Figure;

impl From<Round> for pb::Round {
    fn from(round: Round) -> Self {
        let instrument = match round.instrument {
            Instrument::Swemwbs => pb::Instrument::Swemwbs,
        };
        let scope = match round.scope {
            Scope::Circle(circle) => pb::round::Scope::CircleId(circle.to_string()),
            Scope::Team(team) => pb::round::Scope::TeamId(team.to_string()),
        };
        let state = match round.state {
            State::Open => pb::RoundState::Open,
            State::Closed { .. } => pb::RoundState::Closed,
        };
        Self {
            id: round.id.to_string(),
            instrument: instrument.into(),
            scope: Some(scope),
            state: state.into(),
            create_time: Some(timestamp(round.opened_at)),
        }
    }
}

impl From<RoundResult> for pb::GetRoundResultResponse {
    fn from(result: RoundResult) -> Self {
        let scored_responses = match result.figure {
            Figure::Suppressed => 0,
            Figure::Shown { respondents, .. } => i32::try_from(respondents).unwrap_or(i32::MAX),
        };
        Self {
            round: Some(result.round.into()),
            suppressed: result.figure == Figure::Suppressed,
            mean_metric: result.figure.mean().unwrap_or_default(),
            scored_responses,
            copyright_notice: result.copyright_notice,
        }
    }
}

impl From<Continuity> for pb::GetContinuityResponse {
    fn from(continuity: Continuity) -> Self {
        Self {
            weeks: i32::try_from(continuity.weeks).unwrap_or(i32::MAX),
            mean_distinct_givers_per_week: continuity.mean(),
        }
    }
}
