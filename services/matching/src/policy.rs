//! The actions that `policy/policy.cedar` decides about.

use kith_platform::actions;

actions! {
    RegisterGiver,
    GetGiver seen by GetGiver,
    ListGivers,
    RecordReadiness seen by GetGiver,
    SetTerms seen by GetGiver,
    OpenOpportunity seen by OpenOpportunity,
    CloseOpportunity seen by ShowInterest,
    ListOpportunities,
    SuggestGivers seen by ShowInterest,
    ShowInterest seen by ShowInterest,
    GetIntroduction seen by GetIntroduction,
    ListIntroductions,
    AgreeTrial seen by GetIntroduction,
    ConcludeTrial seen by GetIntroduction,
}

impl Action {
    /// Every word of standing, for the reviewed table.
    pub const STANDING: &[&str] =
        &["anyone", "self", "giver", "owner", "checks", "team", "consented", "integrator"];
}
