//! The actions that `policy/policy.cedar` decides about.

use kith_platform::{actions, authz};

use crate::domain::team;

actions! {
    ProposeSeries seen by ListSeries,
    AnswerSeries seen by GetSeries,
    PlanVisits seen by GetSeries,
    GetSeries seen by GetSeries,
    ListSeries seen by ListSeries,
    PreviewSeries,
    GetVisit seen by GetVisit,
    ListVisits seen by ListVisits,
    CancelVisit seen by GetVisit,
    ConfirmCancellation seen by GetVisit,
    ProposeCover seen by GetVisit,
    AnswerCover seen by GetVisit,
    ProposeMove seen by GetVisit,
    AnswerMove seen by GetVisit,
    RecordActual seen by GetVisit,
    AgreeVisit seen by GetVisit,
    MarkMissed seen by GetVisit,
    SettleAgain seen by GetVisit,
}

impl Action {
    /// Every word of standing, for the reviewed table.
    pub const STANDING: &[&str] = &[
        "anyone",
        "owner",
        "rota_holder",
        "member",
        "giver",
        "self",
        "representative",
        "break_glass",
        "consented",
    ];
}

/// A standing in the words of the policy.
pub fn standing(of: team::Standing) -> authz::Standing {
    authz::Standing::new()
        .with("owner", of.owner)
        .with("rota_holder", of.rota_holder)
        .with("member", of.member)
        .with("giver", of.giver)
        .representing(of.acting)
}
