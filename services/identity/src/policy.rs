//! The actions that `policy/policy.cedar` decides about.

use kith_platform::actions;

actions! {
    CreateTenant,
    ListTenants,
    GetTenant seen by GetTenant,
    GoLive seen by GetTenant,
    SignOut,
    InvitePerson,
    GetPeople,
    ListPeople,
    SetRoles seen by GetPeople,
    GiveConsent,
    WithdrawConsent seen by GetConsent,
    ListConsents,
    GetConsent seen by GetConsent,
    ListConsentWords,
}

impl Action {
    /// Every word of standing, for the reviewed table.
    pub const STANDING: &[&str] = &["anyone", "administrator", "self", "operator"];
}
