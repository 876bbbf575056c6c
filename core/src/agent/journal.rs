//! Where the steps of a run are recorded.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::Step;
use crate::Result;

/// Records the steps of one run.
///
/// # Contract
///
/// 1. [`record`](Self::record) is called once for every step, in their order, and the next step begins after
///    it has returned. Results of calls that run beside each other are recorded one after the other.
/// 2. A step that was recorded is never recorded again, also not by who goes on with the run.
/// 3. Where it fails, the run goes no further: its caller is told the error.
#[async_trait]
pub trait Journal: fmt::Debug + Send + Sync {
    /// Records step number `at`: 0, 1, 2, …
    async fn record(&self, at: u32, step: &Step) -> Result<()>;
}

/// A run that a request begins, or goes on with.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Names it among those of its tenant.
    pub id: String,
    /// What happened before.
    pub steps: Vec<Step>,
    /// Who records what happens now.
    pub journal: Option<Arc<dyn Journal>>,
}
