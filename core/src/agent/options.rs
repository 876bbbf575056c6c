//! What a request says of the gateway's own tools: the field `dormouse` of its body, in every dialect.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::orchestration::{Use, Wanted};
use crate::{Error, Result, near::did_you_mean};

/// The field that says it. No provider is told of it.
pub const FIELD: &str = "dormouse";

/// The most tools that a request may name.
const MAX_TOOLS: usize = 256;

/// Whose hands act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The caller runs the tools: calls are its to make.
    #[default]
    Emulate,
    /// The gateway runs its own tools, and answers when the model is done.
    Loop,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::Emulate, Self::Loop];

    /// Its name in requests and settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Emulate => "emulate",
            Self::Loop => "loop",
        }
    }

    /// The mode of this name. An error completes the sentence that begins with the field's name.
    pub fn parse(name: &str) -> std::result::Result<Self, String> {
        let named = Self::ALL.into_iter().find(|mode| mode.as_str() == name);
        named.ok_or_else(|| {
            let near = did_you_mean(name, Self::ALL.into_iter().map(Self::as_str));
            format!("must be emulate or loop{near}")
        })
    }
}

/// What a request says. `None` is whatever holds without it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whose hands act.
    pub mode: Option<Mode>,
    /// Which of the gateway's tools are offered: names, or patterns with one `*`.
    pub tools: Option<Vec<String>>,
    /// How often the model is asked, but no more often than the gateway allows. At least 1.
    pub max_steps: Option<u32>,
    /// Whether a caller of the chat format is told of each step.
    pub steps: bool,
    /// What is to be done around the loop.
    pub around: Wanted,
    /// What the agent says of that, which counts before.
    pub of_agent: Wanted,
    /// Whether an agent's instructions are in front of the request's messages.
    pub instructed: bool,
}

impl Options {
    /// Whether the gateway adds tools of its own, as far as the request says it.
    pub fn adds_tools(&self) -> bool {
        self.mode == Some(Mode::Loop)
    }

    /// Takes what the fields of a body say.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest) with the path of the field at fault (`dormouse.mode`).
    pub fn take(body: &mut Map<String, Value>) -> Result<Self> {
        let mut fields = match body.shift_remove(FIELD) {
            None | Some(Value::Null) => return Ok(Self::default()),
            Some(Value::Object(fields)) => fields,
            Some(_) => return Err(wrong("", "must be an object")),
        };
        let mut field = |name: &str| fields.shift_remove(name).filter(|value| !value.is_null());
        let options = Self {
            mode: field("mode").as_ref().map(mode).transpose()?,
            tools: field("tools").map(tools).transpose()?,
            max_steps: field("max_steps").as_ref().map(max_steps).transpose()?,
            steps: match field("steps") {
                None => false,
                Some(Value::Bool(steps)) => steps,
                Some(_) => return Err(wrong("steps", "must be a boolean")),
            },
            around: Wanted::take(field).map_err(|(it, why)| wrong(it.as_str(), &why))?,
            of_agent: Wanted::default(),
            instructed: false,
        };
        match fields.keys().next() {
            Some(unknown) => {
                let around = Use::ALL.into_iter().map(Use::as_str);
                let known = ["mode", "tools", "max_steps", "steps"].into_iter().chain(around);
                let near = did_you_mean(unknown, known);
                let shown: String = unknown.chars().take(64).collect();
                Err(wrong(&shown, &format!("is not known{near}")))
            }
            None => Ok(options),
        }
    }
}

fn mode(value: &Value) -> Result<Mode> {
    let name = value.as_str().ok_or_else(|| wrong("mode", "must be a string"))?;
    Mode::parse(name).map_err(|why| wrong("mode", &why))
}

fn tools(value: Value) -> Result<Vec<String>> {
    let names: Option<Vec<String>> = match value {
        Value::Array(names) => {
            names.into_iter().map(|name| name.as_str().map(str::to_owned)).collect()
        }
        _ => None,
    };
    let names = names.ok_or_else(|| wrong("tools", "must be an array of strings"))?;
    if names.len() > MAX_TOOLS {
        return Err(wrong("tools", &format!("may name {MAX_TOOLS} tools")));
    }
    Ok(names)
}

fn max_steps(value: &Value) -> Result<u32> {
    let steps = value.as_u64().and_then(|steps| u32::try_from(steps).ok());
    let steps = steps.filter(|steps| *steps > 0);
    steps.ok_or_else(|| wrong("max_steps", "must be a whole number of at least 1"))
}

fn wrong(field: &str, why: &str) -> Error {
    let at = if field.is_empty() { FIELD.to_owned() } else { format!("{FIELD}.{field}") };
    let message = format!("`{at}` {why}");
    Error::invalid(at, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::agent::orchestration::Web;

    fn read(value: Value) -> Result<Options> {
        let mut body = Map::from_iter([(FIELD.to_owned(), value)]);
        let read = Options::take(&mut body);
        assert!(body.is_empty(), "no provider is told");
        read
    }

    #[test]
    fn a_request_says_whose_hands_act() {
        let said = json!({ "mode": "loop", "tools": ["bash"], "max_steps": 3, "steps": true });
        let wanted = Options {
            mode: Some(Mode::Loop),
            tools: Some(vec!["bash".into()]),
            max_steps: Some(3),
            steps: true,
            ..Options::default()
        };
        assert_eq!(read(said).unwrap(), wanted);
        assert_eq!(read(Value::Null).unwrap(), Options::default());
        assert_eq!(read(json!({ "mode": null })).unwrap(), Options::default());
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (said, at) in [
            (json!("loop"), "dormouse"),
            (json!({ "mode": "lop" }), "dormouse.mode"),
            (json!({ "mode": 1 }), "dormouse.mode"),
            (json!({ "tools": "bash" }), "dormouse.tools"),
            (json!({ "tools": [1] }), "dormouse.tools"),
            (json!({ "max_steps": 0 }), "dormouse.max_steps"),
            (json!({ "steps": "yes" }), "dormouse.steps"),
            (json!({ "max_step": 1 }), "dormouse.max_step"),
            (json!({ "plan": "yes" }), "dormouse.plan"),
            (json!({ "intent": 1 }), "dormouse.intent"),
            (json!({ "critique": 4 }), "dormouse.critique"),
            (json!({ "critique": "twice" }), "dormouse.critique"),
            (json!({ "correct": 0 }), "dormouse.correct"),
            (json!({ "run_code": [] }), "dormouse.run_code"),
            (json!({ "web": "always" }), "dormouse.web"),
            (json!({ "critic": true }), "dormouse.critic"),
        ] {
            assert_eq!(read(said.clone()).unwrap_err().param(), Some(at), "{said}");
        }
    }

    #[test]
    fn a_request_says_what_is_done_around_the_loop() {
        let said = json!({
            "intent": true, "plan": false, "critique": 2, "correct": true, "run_code": true,
            "web": "auto",
        });
        let wanted = Wanted {
            intent: Some(true),
            plan: Some(false),
            critique: Some(2),
            correct: Some(true),
            run_code: Some(true),
            web: Some(Web::Auto),
        };
        assert_eq!(read(said).unwrap().around, wanted);
        let said = read(json!({ "critique": true, "web": true })).unwrap().around;
        assert_eq!((said.critique, said.web), (Some(1), Some(Web::Always)));
        let said = read(json!({ "critique": false, "web": false })).unwrap().around;
        assert_eq!((said.critique, said.web), (Some(0), Some(Web::Never)));
    }
}
