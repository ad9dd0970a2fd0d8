//! Domain → messages.

use kith_platform::etag;
use kith_platform::fields::{date_text, timestamp};
use kith_proto::teams::v1 as pb;

use crate::app::team::Shown;
use crate::domain::{hat, membership, team};

impl From<team::Team> for pb::Team {
    fn from(team: team::Team) -> Self {
        Self {
            id: team.id.to_string(),
            owner_person_id: team.owner.to_string(),
            circle_id: team.circle.to_string(),
            outward_code: team.outward_code.as_str().to_owned(),
            members: team.members.into_iter().map(Into::into).collect(),
            hats: team.hats.into_iter().map(Into::into).collect(),
            promise: team.promises.into_iter().next_back().map(Into::into),
            create_time: Some(timestamp(team.created_at)),
            etag: etag::of(team.version),
        }
    }
}

impl From<Shown> for pb::Team {
    fn from(shown: Shown) -> Self {
        let mut team = Self::from(shown.team);
        if !shown.with_place {
            team.circle_id.clear();
            team.outward_code.clear();
        }
        team
    }
}

impl From<membership::Membership> for pb::Membership {
    fn from(membership: membership::Membership) -> Self {
        let kind = match membership.kind {
            membership::Kind::Worker => pb::MemberKind::Worker,
            membership::Kind::Volunteer => pb::MemberKind::Volunteer,
            membership::Kind::PeerSupporter => pb::MemberKind::PeerSupporter,
            membership::Kind::FamilyOrFriend => pb::MemberKind::FamilyOrFriend,
            membership::Kind::TeamStarter => pb::MemberKind::TeamStarter,
        };
        let state = match membership.state {
            membership::State::Suggested => pb::MembershipState::Suggested,
            membership::State::Invited => pb::MembershipState::Invited,
            membership::State::Member => pb::MembershipState::Member,
            membership::State::Declined => pb::MembershipState::Declined,
            membership::State::Left => pb::MembershipState::Left,
        };
        Self {
            id: membership.id.to_string(),
            person_id: membership.person.to_string(),
            kind: kind.into(),
            state: state.into(),
            valid_from: date_text(Some(membership.valid_from)),
            valid_until: date_text(membership.valid_until),
        }
    }
}

impl From<hat::Holding> for pb::HatHolding {
    fn from(holding: hat::Holding) -> Self {
        let hat = match holding.hat {
            hat::Hat::RotaHolder => pb::Hat::RotaHolder,
            hat::Hat::ProfileHolder => pb::Hat::ProfileHolder,
            hat::Hat::MarHolder => pb::Hat::MarHolder,
            hat::Hat::TeamChatAdmin => pb::Hat::TeamChatAdmin,
            hat::Hat::CheckInFacilitator => pb::Hat::CheckInFacilitator,
            hat::Hat::SafeguardingLead => pb::Hat::SafeguardingLead,
        };
        let state = match holding.state {
            hat::State::Proposed => pb::HatState::Proposed,
            hat::State::Held => pb::HatState::Held,
            hat::State::Declined => pb::HatState::Declined,
            hat::State::Dropped => pb::HatState::Dropped,
        };
        Self {
            id: holding.id.to_string(),
            hat: hat.into(),
            person_id: holding.person.to_string(),
            state: state.into(),
            valid_from: date_text(Some(holding.valid_from)),
            valid_until: date_text(Some(holding.valid_until)),
        }
    }
}

impl From<team::Promise> for pb::Promise {
    fn from(promise: team::Promise) -> Self {
        Self { text_version: promise.text_version, valid_from: date_text(Some(promise.valid_from)) }
    }
}
