//! The agent loop, without its hands: what comes next, and what the model is told.
//!
//! A run is a request and the list of its [`Step`]s. Everything else follows from these two: [`Loop::next`]
//! says what is to be done, and [`Loop::messages`] what the model reads, with the same bytes in front every
//! time. Whoever does it records each step before the next one begins, so a run that was interrupted is
//! continued by giving its steps to a new [`Loop`].
//!
//! ```text
//!       ┌──────────── Step::Ran, one for each call ◀── Call
//!       ▼                                               ▲
//!      Ask ──▶ Step::Said ──▶ what did it say? ─────────┤ calls of tools that we have
//!       ▲                          │                    │
//!       └─── Step::Nudged ◀────────┤ nothing            ▼
//!                                  └──────────▶ End: done, calls of the caller's tools, or a limit
//! ```
//!
//! What else is done before the model begins and before its answer counts is [`orchestration`]; it is made of the
//! same steps.
//!
//! Nothing here waits, reads a clock or calls anybody.

mod call;
pub mod done;
mod journal;
mod next;
mod options;
pub mod orchestration;
mod step;
mod telling;
mod turns;

pub use call::{Call, idempotency_key};
pub use journal::{Journal, Run};
pub use next::{Loop, Next, Terms};
pub use options::{FIELD, Mode, Options};
pub use orchestration::{Orchestration, Purpose};
pub use step::{Ending, Ran, Said, Step};
pub(crate) use telling::{Close, Manner, Telling};

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a run may take. What one call of a tool may take is the [registry's](crate::tools) affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// How often the model is asked. At least 1.
    pub steps: u32,
    /// How often the same call may have the same result; then the run ends. At least 1.
    pub repetitions: u32,
    /// How long the run may take.
    pub time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: 20, repetitions: 3, time: Duration::from_secs(300) }
    }
}
