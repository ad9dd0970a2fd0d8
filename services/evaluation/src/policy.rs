//! The actions that `policy/policy.cedar` decides about.

use kith_platform::actions;

actions! {
    OpenRound seen by ListRounds,
    GetReplyCode seen by ListRounds,
    CloseRound seen by GetRoundResult,
    GetRoundResult seen by GetRoundResult,
    ListRounds seen by ListRounds,
    GetContinuity seen by GetContinuity,
}

impl Action {
    /// Every word of standing, for the reviewed table.
    pub const STANDING: &[&str] = &["anyone", "circle_member", "owner", "member", "asked"];
}
