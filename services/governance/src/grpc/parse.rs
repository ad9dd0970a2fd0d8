//! Messages → commands. All fields are read first, so that every wrong one is named.

use chrono::{DateTime, Utc};
use kith_platform::etag;
use kith_platform::fields::Fields;
use kith_platform::id::Uuid;
use kith_platform::page::Page;
use kith_proto::governance::v1 as pb;

use crate::app;
use crate::domain::CircleId;
use crate::domain::circle::Hat;
use crate::domain::content::{Content, Effect, Mode, RuleChange};
use crate::domain::proposal::Step;

/// A whole, in basis points.
const WHOLE_BP: i32 = 10_000;
/// The longest term, in months.
const LONGEST_TERM_MONTHS: i32 = 120;

pub fn create_circle(message: pb::CreateCircleRequest, fields: &mut Fields) -> Option<app::circle::Create> {
    let id = fields.optional_id("id", &message.id);
    let display_name = fields.text("display_name", &message.display_name, 1, 100);
    let aim = fields.text("aim", &message.aim, 1, 2000);
    let domain = fields.text("domain", &message.domain, 1, 2000);
    Some(app::circle::Create { id: id?, display_name: display_name?, aim: aim?, domain: domain? })
}

pub fn list_circles(
    message: pb::ListCirclesRequest,
    fields: &mut Fields,
) -> Option<Page<(DateTime<Utc>, Uuid)>> {
    Page::parse(fields, message.page_size, &message.page_token, &"circles")
}

pub fn invite_circle_member(
    message: pb::InviteCircleMemberRequest,
    fields: &mut Fields,
) -> Option<app::circle::Invite> {
    let circle = fields.id("circle_id", &message.circle_id);
    let person = fields.id("person_id", &message.person_id);
    let valid_from = fields.optional_date("valid_from", &message.valid_from);
    let occurred_at = fields.optional_time("occurred_at", message.occurred_at.as_ref());
    Some(app::circle::Invite {
        circle: circle?,
        person: person?,
        valid_from: valid_from?,
        occurred_at: occurred_at?,
    })
}

pub fn answer_circle_invitation(
    message: pb::AnswerCircleInvitationRequest,
    fields: &mut Fields,
) -> Option<app::circle::AnswerInvitation> {
    let circle = fields.id("circle_id", &message.circle_id);
    Some(app::circle::AnswerInvitation { circle: circle?, accept: message.accept })
}

pub fn propose_circle_hat(
    message: pb::ProposeCircleHatRequest,
    fields: &mut Fields,
) -> Option<app::circle::ProposeHat> {
    let id = fields.optional_id("id", &message.id);
    let circle = fields.id("circle_id", &message.circle_id);
    let hat = fields.choice("hat", message.hat, |hat| match hat {
        pb::CircleHat::Leader => Some(Hat::Leader),
        pb::CircleHat::Delegate => Some(Hat::Delegate),
        pb::CircleHat::Facilitator => Some(Hat::Facilitator),
        pb::CircleHat::Secretary => Some(Hat::Secretary),
        pb::CircleHat::LogbookKeeper => Some(Hat::LogbookKeeper),
        pb::CircleHat::NumbersPerson => Some(Hat::NumbersPerson),
        pb::CircleHat::Unspecified => None,
    });
    let person = fields.id("person_id", &message.person_id);
    let valid_from = fields.date("valid_from", &message.valid_from);
    let valid_until = fields.date("valid_until", &message.valid_until);
    Some(app::circle::ProposeHat {
        id: id?,
        circle: circle?,
        hat: hat?,
        person: person?,
        valid_from: valid_from?,
        valid_until: valid_until?,
    })
}

pub fn answer_circle_hat(
    message: pb::AnswerCircleHatRequest,
    fields: &mut Fields,
) -> Option<app::circle::AnswerHat> {
    let circle = fields.id("circle_id", &message.circle_id);
    let holding = fields.id("holding_id", &message.holding_id);
    Some(app::circle::AnswerHat { circle: circle?, holding: holding?, consent: message.consent })
}

pub fn draft_proposal(
    message: pb::DraftProposalRequest,
    fields: &mut Fields,
) -> Option<app::proposal::Draft> {
    let id = fields.optional_id("id", &message.id);
    let circle = fields.id("circle_id", &message.circle_id);
    let title = fields.text("title", &message.title, 1, 200);
    let content = version(message.version, fields);
    Some(app::proposal::Draft { id: id?, circle: circle?, title: title?, content: content? })
}

pub fn list_proposals(message: pb::ListProposalsRequest, fields: &mut Fields) -> Option<app::proposal::List> {
    let circle = fields.id::<CircleId>("circle_id", &message.circle_id);
    let filters = ("proposals", &message.circle_id);
    let page = Page::parse(fields, message.page_size, &message.page_token, &filters);
    Some(app::proposal::List { circle: circle?, page: page? })
}

pub fn list_decisions(message: pb::ListDecisionsRequest, fields: &mut Fields) -> Option<app::decision::List> {
    let circle = fields.id::<CircleId>("circle_id", &message.circle_id);
    let filters = ("decisions", &message.circle_id);
    let page = Page::parse(fields, message.page_size, &message.page_token, &filters);
    Some(app::decision::List { circle: circle?, page: page? })
}

pub fn advance_proposal(
    message: pb::AdvanceProposalRequest,
    fields: &mut Fields,
) -> Option<app::proposal::Advance> {
    let proposal = fields.id("proposal_id", &message.proposal_id);
    let step = fields.choice("to", message.to, |state| match state {
        pb::ProposalState::Presented => Some(Step::Present),
        pb::ProposalState::Clarifying => Some(Step::Clarify),
        pb::ProposalState::Reactions => Some(Step::React),
        pb::ProposalState::ConsentRound => Some(Step::AskForConsent),
        pb::ProposalState::Unspecified
        | pb::ProposalState::Draft
        | pb::ProposalState::Integrating
        | pb::ProposalState::Adopted
        | pb::ProposalState::Withdrawn => None,
    });
    Some(app::proposal::Advance { proposal: proposal?, step: step? })
}

pub fn answer_proposal(
    message: pb::AnswerProposalRequest,
    fields: &mut Fields,
) -> Option<app::proposal::Answer> {
    let proposal = fields.id("proposal_id", &message.proposal_id);
    let version = fields.number("version", message.version, 1, i32::MAX);
    let argument = fields.text("argument", &message.argument, 0, 2000);
    Some(app::proposal::Answer {
        proposal: proposal?,
        version: version?,
        consent: message.consent,
        argument: argument?,
    })
}

pub fn amend_proposal(
    message: pb::AmendProposalRequest,
    fields: &mut Fields,
) -> Option<app::proposal::Amend> {
    let proposal = fields.id("proposal_id", &message.proposal_id);
    let content = version(message.version, fields);
    let etag = etag::parse(fields, &message.etag);
    Some(app::proposal::Amend { proposal: proposal?, content: content?, etag: etag? })
}

/// What a version says; its number and hash are made here, whatever the message says of them.
fn version(message: Option<pb::ProposalVersion>, fields: &mut Fields) -> Option<Content> {
    let Some(message) = message else { return fields.wrong("version", "is missing") };
    let text = fields.text("version.text", &message.text, 1, 20_000);
    let effect = match message.effect.and_then(|effect| effect.effect) {
        None => Some(None),
        Some(pb::effect::Effect::ContributionRule(change)) => rule_change(change, fields).map(Some),
        Some(pb::effect::Effect::Revocation(change)) => revocation(&change, fields).map(Some),
    };
    let term_months = fields.number("version.term_months", message.term_months, 1, LONGEST_TERM_MONTHS);
    let measure = fields.text("version.measure", &message.measure, 1, 2000);
    let review_date = fields.date("version.review_date", &message.review_date);
    Some(Content {
        text: text?,
        effect: effect?,
        term_months: term_months?,
        measure: measure?,
        review_date: review_date?,
    })
}

fn rule_change(message: pb::ContributionRuleChange, fields: &mut Fields) -> Option<Effect> {
    const PATH: &str = "version.effect.contribution_rule";
    let rule_name = fields.text(&format!("{PATH}.rule_name"), &message.rule_name, 1, 60);
    let effective_from = fields.date(&format!("{PATH}.effective_from"), &message.effective_from);
    let mut share = |name: &str, value: i32| fields.number(&format!("{PATH}.{name}"), value, 0, WHOLE_BP);
    let mode = match message.mode {
        Some(pb::contribution_rule_change::Mode::OnRate(on_rate)) => {
            let added_bp = share("on_rate.added_bp", on_rate.added_bp);
            let deducted_bp = share("on_rate.deducted_bp", on_rate.deducted_bp);
            added_bp.zip(deducted_bp).map(|(added_bp, deducted_bp)| Mode::OnRate { added_bp, deducted_bp })
        }
        Some(pb::contribution_rule_change::Mode::ShareOfTotal(of_total)) => {
            share("share_of_total.share_bp", of_total.share_bp)
                .map(|share_bp| Mode::ShareOfTotal { share_bp })
        }
        None => fields.wrong(format!("{PATH}.mode"), "is missing"),
    };
    let (rule_name, effective_from, mode) = (rule_name?, effective_from?, mode?);
    Some(Effect::ContributionRule(RuleChange { rule_name, effective_from, mode }))
}

fn revocation(message: &pb::Revocation, fields: &mut Fields) -> Option<Effect> {
    let decision = fields.id("version.effect.revocation.decision_id", &message.decision_id);
    let revoked_from = fields.date("version.effect.revocation.revoked_from", &message.revoked_from);
    Some(Effect::Revocation { decision: decision?, revoked_from: revoked_from? })
}
