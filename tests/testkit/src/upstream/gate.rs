//! Stopping points of a scripted answer.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Holds an answer back until the test lets it go on, and tells the test when the answer got there.
/// Clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    passes: Arc<Semaphore>,
    arrivals: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { passes: Arc::new(Semaphore::new(0)), arrivals: Arc::new(Semaphore::new(0)) }
    }
}

impl Gate {
    /// A closed gate.
    pub fn closed() -> Self {
        Self::default()
    }

    /// Lets one answer pass.
    pub fn let_one_pass(&self) {
        self.passes.add_permits(1);
    }

    /// Lets every answer pass from now on.
    pub fn open(&self) {
        self.passes.close();
    }

    /// Waits until an answer stands at the gate, or has passed it. Each arrival is told once.
    pub async fn reached(&self) {
        take(&self.arrivals).await;
    }

    /// Stands at the gate until it lets one pass.
    pub(super) async fn pass(&self) {
        self.arrivals.add_permits(1);
        take(&self.passes).await;
    }
}

async fn take(semaphore: &Semaphore) {
    // A closed semaphore is an open gate.
    if let Ok(permit) = semaphore.acquire().await {
        permit.forget();
    }
}
