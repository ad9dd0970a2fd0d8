//! The actions that `policy/policy.cedar` decides about.

use kith_platform::actions;

actions! {
    StartTeam,
    GetTeam seen by GetTeam,
    ListTeams,
    InviteMember seen by GetTeam,
    AnswerInvitation seen by GetTeam,
    EndMembership seen by GetTeam,
    ProposeHat seen by GetTeam,
    AnswerHat seen by GetTeam,
    DropHat seen by GetTeam,
    GetPromiseText,
    SignPromise seen by GetTeam,
}

impl Action {
    /// Every word of standing, for the reviewed table.
    pub const STANDING: &[&str] =
        &["anyone", "owner", "member", "invited", "self", "representative", "break_glass", "consented"];
}
