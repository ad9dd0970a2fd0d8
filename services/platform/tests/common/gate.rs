//! Gates: a handler waits at a gate until the test opens it, so that a test decides what is under way.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::sync::Semaphore;

/// One gate.
#[derive(Debug)]
pub struct Gate {
    waiting: Semaphore,
    open: Semaphore,
}

static GATES: LazyLock<Mutex<HashMap<String, Arc<Gate>>>> = LazyLock::new(Mutex::default);

/// The gate of that name: each test takes names of its own.
pub fn named(name: &str) -> Arc<Gate> {
    let mut gates = GATES.lock().unwrap_or_else(PoisonError::into_inner);
    let new = || Arc::new(Gate { waiting: Semaphore::new(0), open: Semaphore::new(0) });
    gates.entry(name.to_owned()).or_insert_with(new).clone()
}

impl Gate {
    /// Waits here until let through: the handler's side.
    pub async fn pass(&self) {
        self.waiting.add_permits(1);
        self.open.acquire().await.expect("gates are not closed").forget();
    }

    /// Waits until so many have come here that nobody waited for yet.
    pub async fn met(&self, how_many: u32) {
        let met = self.waiting.acquire_many(how_many);
        let met = tokio::time::timeout(std::time::Duration::from_secs(20), met).await;
        met.expect("somebody comes to the gate in time").expect("gates are not closed").forget();
    }

    /// Lets so many through.
    pub fn let_through(&self, how_many: usize) {
        self.open.add_permits(how_many);
    }
}
