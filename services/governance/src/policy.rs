//! The actions that `policy/policy.cedar` decides about.

use kith_platform::actions;

actions! {
    CreateCircle,
    GetCircle seen by GetCircle,
    ListCircles,
    InviteCircleMember seen by GetCircle,
    AnswerCircleInvitation seen by GetCircle,
    ProposeCircleHat seen by GetCircle,
    AnswerCircleHat seen by GetCircle,
    DraftProposal seen by GetCircle,
    GetProposal seen by GetProposal,
    ListProposals seen by GetCircle,
    AdvanceProposal seen by GetProposal,
    AnswerProposal seen by GetProposal,
    AmendProposal seen by GetProposal,
    WithdrawProposal seen by GetProposal,
    RecordDecision seen by GetProposal,
    GetDecision seen by GetDecision,
    ListDecisions seen by GetCircle,
}

impl Action {
    /// Every word of standing, for the reviewed table.
    pub const STANDING: &[&str] = &[
        "anyone",
        "administrator",
        "preparing",
        "circle_member",
        "facilitator",
        "no_facilitator",
        "without_members",
        "invited",
        "self",
    ];
}
