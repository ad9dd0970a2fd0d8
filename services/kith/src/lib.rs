//! What the operator's command does over the public API: the connections, `kith month` and `kith tenant`.

pub mod client;
pub mod instance;
pub mod month;
pub mod operator;
pub mod subject_access;
pub mod tenant;
