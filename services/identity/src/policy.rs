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
    ExportSignIn,
    OpenAccessRequest seen by ListPeople,
    AskErasure,
    OrderErasure seen by GetErasure,
    GetErasure seen by GetErasure,
    ListErasures,
    SetLegalHold seen by ListPeople,
    LiftLegalHold seen by ListPeople,
    ListRetentionClasses,
    SetRetentionClass seen by ListRetentionClasses,
}

impl Action {
    /// Every word of standing, for the reviewed table.
    pub const STANDING: &[&str] = &["anyone", "administrator", "self", "operator"];
}
