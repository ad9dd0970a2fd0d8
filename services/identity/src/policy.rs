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
    ListSessions,
    EndSession,
    EndOtherSessions,
    SignOutOperator,
    RotateKeys,
    GetCredentials,
    ChangePassword,
    MakeRecoveryCodes,
    BeginPasskeyRegistration,
    FinishPasskeyRegistration,
    RemovePasskey,
    AddIntegrator,
    ListIntegrators,
    RevokeIntegrator,
    SetProvider,
    ListProviders,
    RemoveProvider,
    BeginProviderLink,
    FinishProviderLink,
    RemoveProviderLink,
}

impl Action {
    /// Every word of standing, for the reviewed table.
    pub const STANDING: &[&str] = &["anyone", "administrator", "self", "operator"];
}
