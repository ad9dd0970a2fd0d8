//! The actions that `policy/policy.cedar` decides about.
//!
//! A Circle is known to everybody of the tenant, so who may not do something with its books is told so. A Team is not:
//! there the words do not hold "anyone", and who may not look gets "not found".

use kith_platform::actions;

actions! {
    AddFoundingRule,
    ListRules,
    AddPayer seen by ListFunding,
    SetFunding seen by ListFunding,
    ListFunding seen by ListFunding,
    ListUnsettledVisits seen by ListRules,
    IssueInvoices seen by ListRules,
    GetInvoice seen by GetInvoice,
    ListInvoices seen by ListRules,
    RunPay seen by ListRules,
    ListStatements seen by ListRules,
    GetMonth seen by ListRules,
    GetTrialBalance,
    GetCareCoins,
    GiveCareCoins,
}

impl Action {
    /// Every word of standing, for the reviewed table.
    pub const STANDING: &[&str] =
        &["anyone", "administrator", "owner", "finance_hat", "self", "representative"];
}
