//! Which of it is wanted: the same fields in a request's object `dormouse`, an agent and a route.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most rounds of criticism.
pub const MAX_ROUNDS: u32 = 3;

/// What a request, an agent or a route says. `None` is whatever the next of them says, and at last: no.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Whether the model first says of which kind the request is.
    pub intent: Option<bool>,
    /// Whether it plans first, and at last verifies that the plan was carried out.
    pub plan: Option<bool>,
    /// How often it may criticise its answer and mend it, up to [`MAX_ROUNDS`].
    pub critique: Option<u32>,
    /// Whether an answer that must fit a schema is corrected once if it does not.
    pub correct: Option<bool>,
    /// Whether the code of an answer is run, and mended if it fails.
    pub run_code: Option<bool>,
    /// Whether the web is asked first.
    pub web: Option<Web>,
}

/// When the web is asked before the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Web {
    /// Never.
    Never,
    /// Where the question has an address in it, or asks for what changes from day to day.
    Auto,
    /// Always.
    Always,
}

/// One of the things that can be wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// [`Wanted::intent`].
    Intent,
    /// [`Wanted::plan`].
    Plan,
    /// [`Wanted::critique`].
    Critique,
    /// [`Wanted::correct`].
    Correct,
    /// [`Wanted::run_code`].
    RunCode,
    /// [`Wanted::web`].
    Web,
}

impl Use {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Intent, Self::Plan, Self::Critique, Self::Correct, Self::RunCode, Self::Web];

    /// The name of its field, and what metrics call it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Plan => "plan",
            Self::Critique => "critique",
            Self::Correct => "correct",
            Self::RunCode => "run_code",
            Self::Web => "web",
        }
    }
}

impl Wanted {
    /// Takes what fields say; `field` gives each away, if it is there. An error is the field, and what completes
    /// the sentence that begins with its name.
    pub(in crate::agent) fn take(
        mut field: impl FnMut(&str) -> Option<Value>,
    ) -> Result<Self, (Use, String)> {
        let mut read = |it: Use| field(it.as_str());
        let mut flag = |it: Use| match read(it) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err((it, "must be a boolean".to_owned())),
        };
        let (intent, plan) = (flag(Use::Intent)?, flag(Use::Plan)?);
        let (correct, run_code) = (flag(Use::Correct)?, flag(Use::RunCode)?);
        let rounds = read(Use::Critique).as_ref().map(rounds).transpose();
        let web = read(Use::Web).as_ref().map(web).transpose();
        Ok(Self {
            intent,
            plan,
            critique: rounds.map_err(|why| (Use::Critique, why))?,
            correct,
            run_code,
            web: web.map_err(|why| (Use::Web, why))?,
        })
    }

    /// What this says, and where it says nothing, `other`.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            intent: self.intent.or(other.intent),
            plan: self.plan.or(other.plan),
            critique: self.critique.or(other.critique),
            correct: self.correct.or(other.correct),
            run_code: self.run_code.or(other.run_code),
            web: self.web.or(other.web),
        }
    }

    /// The first field of which anything is said.
    pub(crate) fn first_said(&self) -> Option<Use> {
        let said = |it: &Use| match it {
            Use::Intent => self.intent.is_some(),
            Use::Plan => self.plan.is_some(),
            Use::Critique => self.critique.is_some(),
            Use::Correct => self.correct.is_some(),
            Use::RunCode => self.run_code.is_some(),
            Use::Web => self.web.is_some(),
        };
        Use::ALL.into_iter().find(said)
    }
}

/// Rounds of criticism. `true` is one.
fn rounds(value: &Value) -> Result<u32, String> {
    let rounds = match value {
        Value::Bool(flag) => Some(u64::from(*flag)),
        value => value.as_u64(),
    };
    let rounds = rounds.and_then(|rounds| u32::try_from(rounds).ok());
    rounds
        .filter(|rounds| *rounds <= MAX_ROUNDS)
        .ok_or_else(|| format!("must be a boolean, or a whole number from 0 to {MAX_ROUNDS}"))
}

fn web(value: &Value) -> Result<Web, String> {
    match value {
        Value::Bool(false) => Ok(Web::Never),
        Value::Bool(true) => Ok(Web::Always),
        Value::String(word) if word == "auto" => Ok(Web::Auto),
        _ => Err("must be a boolean or `auto`".to_owned()),
    }
}
