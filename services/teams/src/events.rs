//! Facts about a Team, as the others hear them.

use kith_platform::db::Tx;
use kith_platform::fields::date_text;
use kith_proto::common::v1::ErasureReport;
use kith_proto::teams::v1 as pb;

use crate::domain::team::Team;
use crate::domain::{hat, membership};

/// What happened to a Team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    Started,
    MemberAsked,
    MemberJoined,
    MemberLeft,
    HatsChanged,
    PromiseSigned,
}

/// Tells a fact, with the Team's whole public state after it.
pub fn tell(tx: &mut Tx, team: &Team, fact: Fact) {
    let state = Some(snapshot(team));
    match fact {
        Fact::Started => tx.publish(team.id, &pb::TeamStarted { state }),
        Fact::MemberAsked => tx.publish(team.id, &pb::TeamMemberAsked { state }),
        Fact::MemberJoined => tx.publish(team.id, &pb::TeamMemberJoined { state }),
        Fact::MemberLeft => tx.publish(team.id, &pb::TeamMemberLeft { state }),
        Fact::HatsChanged => tx.publish(team.id, &pb::TeamHatsChanged { state }),
        Fact::PromiseSigned => tx.publish(team.id, &pb::TeamPromiseSigned { state }),
    }
}

fn snapshot(team: &Team) -> pb::TeamSnapshot {
    let was_member = |member: &&membership::Membership| {
        matches!(member.state, membership::State::Member | membership::State::Left)
    };
    pb::TeamSnapshot {
        team_id: team.id.to_string(),
        owner_person_id: team.owner.to_string(),
        circle_id: team.circle.to_string(),
        members: team.members.iter().filter(was_member).cloned().map(Into::into).collect(),
        hats: team
            .hats
            .iter()
            .filter(|holding| holding.state == hat::State::Held)
            .cloned()
            .map(Into::into)
            .collect(),
        promise_from: date_text(team.promised_from()),
    }
}

/// What may go about a person has gone from here.
pub fn erasure_carried_out(report: ErasureReport) -> pb::ErasureCarriedOut {
    pb::ErasureCarriedOut { state: Some(report) }
}
