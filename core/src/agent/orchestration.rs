//! What is done around the loop: before the model begins, and before its answer counts.
//!
//! ```text
//! intent ─▶ web ─▶ plan ─▶ the loop ─▶ a draft ─▶ run its code ─▶ verify ─▶ critique ─▶ check its form ─▶ the answer
//!                             ▲                        │            │           │               │
//!                             └────── what is wrong ◀──┴────────────┴───────────┴───────────────┘
//! ```
//!
//! Every further question to the model is a step like any other, marked with its [`Purpose`]; what is looked up
//! and what code does are results like those of calls. So all of it follows from the request and the recorded
//! steps, and each step costs what it costs. Nothing is done that was not asked for.
//!
//! | module     | holds                                                          |
//! |------------|----------------------------------------------------------------|
//! | `options`  | which of it a request, a route or an agent wants               |
//! | `words`    | everything that models are told, once                          |
//! | `course`   | what was done so far, and what is due                          |
//! | `intent`   | kinds of requests, and what each is given                      |
//! | `web`      | what is looked up, and how the model is shown it               |
//! | `code`     | the blocks of code in an answer                                |
//! | `verdict`  | what a model says of its own answer                            |
//! | `form`     | an answer held against the schema that the caller asked for    |

mod code;
mod course;
mod form;
mod intent;
mod options;
mod verdict;
mod web;
mod words;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use course::{Course, Due, Work};
pub use intent::Kind;
pub use options::{MAX_ROUNDS, Use, Wanted, Web};
pub(crate) use words::intent as ask_for_intent;

/// What is done around a run, settled when it begins. The default is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orchestration {
    /// Whether the model first says of which kind the request is.
    pub intent: bool,
    /// Whether it plans, and verifies. `None`: if the kind of the request says so.
    pub plan: Option<bool>,
    /// How often it criticises its answer at most.
    pub critique: u32,
    /// What the answer is held against.
    pub schema: Option<Value>,
    /// Whether the code of an answer is run.
    pub run_code: bool,
    /// Whether the web is asked first. `None`: if the kind of the request says so.
    pub web: Option<Web>,
    /// What was asked, if somebody has just asked: otherwise nothing is done before the model goes on.
    pub question: Option<String>,
}

impl Orchestration {
    /// Whether anything may still become of an answer once it was given. Then it is told when it is settled.
    pub(super) fn reviews(&self, kind: Option<Kind>) -> bool {
        self.criticises(kind) || self.schema.is_some() || self.run_code
    }

    /// Whether the model itself looks at its answer again.
    pub(super) fn criticises(&self, kind: Option<Kind>) -> bool {
        self.plans(kind) || self.critique > 0
    }

    fn plans(&self, kind: Option<Kind>) -> bool {
        self.question.is_some() && self.plan.unwrap_or(kind.is_some_and(Kind::plans))
    }
}

/// What the model is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To go on with the task.
    #[default]
    Work,
    /// Of which kind the request is.
    Intent,
    /// How it will go about it.
    Plan,
    /// Whether its answer does all that was asked.
    Verify,
    /// How good its answer is, and what is wrong with it.
    Critique,
}

impl Purpose {
    /// Whether it goes on with the task.
    pub fn is_work(&self) -> bool {
        *self == Self::Work
    }

    /// What stands before it where it is told as a thought.
    pub(super) const fn heading(self) -> &'static str {
        match self {
            Self::Work => "Draft:\n",
            Self::Intent => "Kind of request: ",
            Self::Plan => "Plan:\n",
            Self::Verify => "Verification:\n",
            Self::Critique => "Critique:\n",
        }
    }
}
