//! What the operator's command does over the public API: the connections and `kith month`.

pub mod client;
pub mod instance;
pub mod month;
pub mod subject_access;
