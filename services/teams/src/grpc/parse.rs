//! Messages → commands. All fields are read first, so that every wrong one is named.

use chrono::NaiveDate;
use kith_platform::fields::Fields;
use kith_platform::page::Page;
use kith_proto::teams::v1 as pb;

use crate::app;
use crate::domain::{hat, membership, team};

pub fn start_team(message: pb::StartTeamRequest, fields: &mut Fields) -> Option<app::team::Start> {
    let id = fields.optional_id("id", &message.id);
    let circle = fields.id("circle_id", &message.circle_id);
    let outward_code = match team::OutwardCode::parse(&message.outward_code) {
        Some(code) => Some(code),
        None => fields.wrong("outward_code", "is not a UK outward code such as E5"),
    };
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::team::Start {
        id: id?,
        circle: circle?,
        outward_code: outward_code?,
        occurred_at: occurred_at?,
    })
}

pub fn list_teams(message: pb::ListTeamsRequest, fields: &mut Fields) -> Option<app::team::List> {
    let person = fields.optional_id("person_id", &message.person_id);
    let page = Page::parse(fields, message.page_size, &message.page_token, &("teams", &message.person_id));
    Some(app::team::List { person: person?, page: page? })
}

pub fn invite_member(
    message: pb::InviteMemberRequest,
    fields: &mut Fields,
) -> Option<app::membership::Invite> {
    let id = fields.optional_id("id", &message.id);
    let team = fields.id("team_id", &message.team_id);
    let person = fields.id("person_id", &message.person_id);
    let kind = fields.choice("kind", message.kind, |kind| match kind {
        pb::MemberKind::Worker => Some(membership::Kind::Worker),
        pb::MemberKind::Volunteer => Some(membership::Kind::Volunteer),
        pb::MemberKind::PeerSupporter => Some(membership::Kind::PeerSupporter),
        pb::MemberKind::FamilyOrFriend => Some(membership::Kind::FamilyOrFriend),
        pb::MemberKind::TeamStarter => Some(membership::Kind::TeamStarter),
        pb::MemberKind::Unspecified => None,
    });
    let valid_from = fields.optional_date("valid_from", &message.valid_from);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::membership::Invite {
        id: id?,
        team: team?,
        person: person?,
        kind: kind?,
        valid_from: valid_from?,
        occurred_at: occurred_at?,
    })
}

pub fn answer_invitation(
    message: pb::AnswerInvitationRequest,
    fields: &mut Fields,
) -> Option<app::membership::Answer> {
    let team = fields.id("team_id", &message.team_id);
    let membership = fields.id("membership_id", &message.membership_id);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::membership::Answer {
        team: team?,
        membership: membership?,
        accept: message.accept,
        occurred_at: occurred_at?,
    })
}

pub fn end_membership(
    message: pb::EndMembershipRequest,
    fields: &mut Fields,
) -> Option<app::membership::End> {
    let team = fields.id("team_id", &message.team_id);
    let membership = fields.id("membership_id", &message.membership_id);
    let valid_until = fields.optional_date("valid_until", &message.valid_until);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::membership::End {
        team: team?,
        membership: membership?,
        valid_until: valid_until?,
        occurred_at: occurred_at?,
    })
}

pub fn propose_hat(message: pb::ProposeHatRequest, fields: &mut Fields) -> Option<app::hat::Propose> {
    let id = fields.optional_id("id", &message.id);
    let team = fields.id("team_id", &message.team_id);
    let hat = fields.choice("hat", message.hat, |hat| match hat {
        pb::Hat::RotaHolder => Some(hat::Hat::RotaHolder),
        pb::Hat::ProfileHolder => Some(hat::Hat::ProfileHolder),
        pb::Hat::MarHolder => Some(hat::Hat::MarHolder),
        pb::Hat::TeamChatAdmin => Some(hat::Hat::TeamChatAdmin),
        pb::Hat::CheckInFacilitator => Some(hat::Hat::CheckInFacilitator),
        pb::Hat::SafeguardingLead => Some(hat::Hat::SafeguardingLead),
        pb::Hat::Unspecified => None,
    });
    let person = fields.id("person_id", &message.person_id);
    let valid_from = fields.date("valid_from", &message.valid_from);
    let valid_until = fields.date("valid_until", &message.valid_until);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::hat::Propose {
        id: id?,
        team: team?,
        hat: hat?,
        person: person?,
        term: (valid_from?, valid_until?),
        occurred_at: occurred_at?,
    })
}

pub fn answer_hat(message: pb::AnswerHatRequest, fields: &mut Fields) -> Option<app::hat::Answer> {
    let team = fields.id("team_id", &message.team_id);
    let holding = fields.id("holding_id", &message.holding_id);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::hat::Answer {
        team: team?,
        holding: holding?,
        consent: message.consent,
        occurred_at: occurred_at?,
    })
}

pub fn drop_hat(message: pb::DropHatRequest, fields: &mut Fields) -> Option<app::hat::DropHat> {
    let team = fields.id("team_id", &message.team_id);
    let holding = fields.id("holding_id", &message.holding_id);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::hat::DropHat { team: team?, holding: holding?, occurred_at: occurred_at? })
}

#[expect(clippy::option_option, reason = "wrong, left out and given are three different things")]
pub fn get_promise_text(
    message: pb::GetPromiseTextRequest,
    fields: &mut Fields,
) -> Option<Option<NaiveDate>> {
    fields.optional_date("date", &message.date)
}

pub fn sign_promise(message: pb::SignPromiseRequest, fields: &mut Fields) -> Option<app::promise::Sign> {
    let team = fields.id("team_id", &message.team_id);
    let text_version = fields.text("text_version", &message.text_version, 1, 40);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::promise::Sign { team: team?, text_version: text_version?, occurred_at: occurred_at? })
}
