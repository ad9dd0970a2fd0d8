//! The fault harness: months of a seeded workload through seven real processes while processes, servers and messages
//! fail, and everything that was acknowledged found again afterwards. `make chaos` runs it.

pub mod auditor;
pub mod books;
pub mod calendar;
pub mod databases;
pub mod delivery;
pub mod faults;
pub mod generate;
pub mod journal;
pub mod money;
pub mod mutations;
pub mod network;
pub mod poison;
pub mod proxy;
pub mod queues;
pub mod random;
pub mod report;
pub mod sampler;
pub mod servers;
pub mod stage;
