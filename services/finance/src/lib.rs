//! Finance: contribution rules, payers and funding, the ledger, invoices, pay statements and Care Coins.

pub mod domain;
pub mod store;
