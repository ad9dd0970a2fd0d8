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
    SuspendTenant,
    ResumeTenant,
    FreezeTenant,
    ThawTenant,
    ReleaseTenant,
    GetTenantFreeze,
    GetTenantProfile seen by GetTenantProfile,
    UpdateTenantProfile seen by GetTenantProfile,
    LeaveTenant,
    ClosePlace seen by GetPeople,
    RecordRepresentative,
    ConfirmRepresentative seen by ListRepresentatives,
    EndRepresentative seen by ListRepresentatives,
    ListRepresentatives seen by ListRepresentatives,
    ChooseContact,
    ListBreakGlassNotices,
    ListBreakGlassReviews,
    CloseBreakGlassReview seen by ListBreakGlassReviews,
    GiveConsent,
    WithdrawConsent seen by GetConsent,
    ListConsents,
    GetConsent seen by GetConsent,
    ListConsentWords,
}

impl Action {
    /// Every word of standing, for the reviewed table.
    pub const STANDING: &[&str] =
        &["anyone", "administrator", "checks", "self", "nominated", "representative", "operator", "privacy_lead",
            "reader"];
}
