//! Calls that a server made for its model, with arguments that are no JSON: a quote that was left out, a
//! bracket too few, the object as a text. What it is clear the model meant is put right, as in
//! [printed calls](super::PrintedCalls); what is not may be [asked for once more](MendedCalls::flawed), or
//! stays as it was, for the caller to judge.
//!
//! A call is held back until it is known that the answer was not cut off in the middle of it: half a
//! command must not become a whole one.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Flaw, MAX_CALL_BYTES,
    offered::{Arguments, Offered, Printed},
};
use crate::chat::{Chunk, Delta, Event, FinishReason, PartKind, Tool};

/// Mends the calls of an answer. Arguments that are a JSON object keep their bytes.
#[derive(Debug)]
pub struct MendedCalls {
    offered: Offered,
    /// The call of each choice that is held back.
    held: BTreeMap<u32, Held>,
    /// Whether a call that cannot be mended is reported: no call was told yet, and none reported.
    asks: bool,
    flawed: Option<Flawed>,
    /// What came behind the flawed call.
    kept: Vec<Event>,
}

/// A call that cannot be mended, and was not told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flawed {
    /// The place of its part in the answer.
    pub index: u32,
    /// The tool that it names.
    pub name: String,
    /// Its arguments, as they came.
    pub arguments: String,
    /// What is wrong with it.
    pub flaw: Flaw,
    choice: u32,
    id: String,
}

#[derive(Debug)]
struct Held {
    index: u32,
    id: String,
    name: String,
    arguments: String,
    /// The call is complete; only what follows may say that it is not.
    ended: bool,
}

impl MendedCalls {
    /// For an answer to a request that offers `tools`. `asks`: the first call that cannot be mended is
    /// reported before anything of it is told.
    pub fn new(tools: &[Tool], asks: bool) -> Self {
        Self {
            offered: Offered::new(tools, true),
            held: BTreeMap::new(),
            asks,
            flawed: None,
            kept: Vec::new(),
        }
    }

    /// Takes what came next, and gives what can be told of it. The provider's bytes do not pass.
    pub fn push(&mut self, chunk: Chunk) -> Chunk {
        let mut events = self.forgiven();
        events.reserve(chunk.events.len());
        for event in chunk.events {
            self.event(event, &mut events);
        }
        Chunk { events, verbatim: None }
    }

    /// The answer ended. Gives what was held back, as it was.
    pub fn finish(&mut self) -> Chunk {
        let mut events = self.forgiven();
        for (choice, held) in std::mem::take(&mut self.held) {
            held.tell(choice, None, &mut events);
        }
        Chunk { events, verbatim: None }
    }

    /// Takes the call that cannot be mended, if one came: it is forgotten, with all that came behind it.
    /// Who goes on without taking it gets it as it is.
    pub fn flawed(&mut self) -> Option<Flawed> {
        let flawed = self.flawed.take()?;
        self.kept.clear();
        self.held.clear();
        Some(flawed)
    }

    /// What was kept, for nobody took the flawed call.
    fn forgiven(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        if let Some(Flawed { index, name, arguments, choice, id, .. }) = self.flawed.take() {
            Held { index, id, name, arguments, ended: true }.tell(choice, None, &mut events);
            events.append(&mut self.kept);
        }
        events
    }

    fn event(&mut self, event: Event, events: &mut Vec<Event>) {
        if self.flawed.is_some() {
            return self.kept.push(event);
        }
        match &event {
            Event::PartStart { choice, index, kind } => {
                self.let_go(*choice, false, events);
                if self.flawed.is_some() {
                    return self.kept.push(event);
                }
                if let PartKind::ToolCall { id, name, custom: false } = kind {
                    let (index, id, name) = (*index, id.clone(), name.clone());
                    let held = Held { index, id, name, arguments: String::new(), ended: false };
                    self.held.insert(*choice, held);
                    return;
                }
            }
            Event::PartDelta { choice, delta: Delta::Arguments(more), .. } => {
                if let Some(held) = self.held.get_mut(choice) {
                    held.arguments.push_str(more);
                    if held.arguments.len() > MAX_CALL_BYTES {
                        self.let_go(*choice, true, events);
                    }
                    return;
                }
            }
            Event::PartEnd { choice, .. } => {
                if let Some(held) = self.held.get_mut(choice) {
                    held.ended = true;
                    return;
                }
            }
            Event::Finish { choice, reason } => {
                let cut = matches!(reason, FinishReason::Length | FinishReason::ContentFilter);
                self.let_go(*choice, cut, events);
                if self.flawed.is_some() {
                    return self.kept.push(event);
                }
            }
            _ => {}
        }
        events.push(event);
    }

    /// Tells the call of a choice that is held back, if there is one.
    fn let_go(&mut self, choice: u32, as_it_is: bool, events: &mut Vec<Event>) {
        let Some(held) = self.held.remove(&choice) else { return };
        let mended = match self.mended(&held) {
            _ if as_it_is => None,
            Ok(mended) => mended,
            Err(flaw) if self.asks => {
                self.asks = false;
                let Held { index, id, name, arguments, .. } = held;
                self.flawed = Some(Flawed { index, name, arguments, flaw, choice, id });
                return;
            }
            Err(_) => None,
        };
        // What was told cannot be asked for again: it would be made twice.
        self.asks = false;
        held.tell(choice, mended, events);
    }

    /// The arguments, put right. `None`: they are right.
    fn mended(&self, held: &Held) -> Result<Option<String>, Flaw> {
        let text = match serde_json::from_str(&held.arguments) {
            Ok(Value::Object(_)) => return Ok(None),
            Ok(Value::String(text)) => text,
            _ if held.arguments.trim().is_empty() => return Ok(None),
            _ => held.arguments.clone(),
        };
        let printed = Printed { name: held.name.clone(), arguments: Arguments::Text(text) };
        match self.offered.judge(printed) {
            (Some(call), _) => Ok(Some(call.arguments)),
            (None, flaw) => {
                Err(flaw.unwrap_or_else(|| Flaw::InvalidJson { tool: Some(held.name.clone()) }))
            }
        }
    }
}

impl Held {
    fn tell(self, choice: u32, mended: Option<String>, events: &mut Vec<Event>) {
        let (index, arguments) = (self.index, mended.unwrap_or(self.arguments));
        let kind = PartKind::ToolCall { id: self.id, name: self.name, custom: false };
        events.push(Event::PartStart { choice, index, kind });
        if !arguments.is_empty() {
            let delta = Delta::Arguments(arguments);
            events.push(Event::PartDelta { choice, index, delta });
        }
        if self.ended {
            events.push(Event::PartEnd { choice, index });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::chat::{Grammar, Part, Whole};

    /// What the caller hears of a call with these arguments, in an answer that ends so.
    fn heard(arguments: &[&str], reason: FinishReason) -> String {
        let schema = json!({
            "properties": { "path": { "type": "string" }, "depth": { "type": "integer" } },
            "required": ["path"],
        });
        let tool = Tool { name: "list".into(), input_schema: Some(schema), ..Tool::default() };
        let mut mended = MendedCalls::new(&[tool], false);
        let (choice, index) = (0, 0);
        let kind = PartKind::ToolCall { id: "1".into(), name: "list".into(), custom: false };
        let mut events = vec![
            Event::Start { id: String::new(), model: String::new(), created: None },
            Event::PartStart { choice, index, kind },
        ];
        events.extend(arguments.iter().map(|&piece| {
            let delta = Delta::Arguments(piece.to_owned());
            Event::PartDelta { choice, index, delta }
        }));
        events.extend([Event::PartEnd { choice, index }, Event::Finish { choice, reason }]);
        let (mut whole, mut grammar) = (Whole::default(), Grammar::default());
        for event in events.into_iter().flat_map(|event| mended.push(event.into()).events) {
            grammar.check(&event).unwrap();
            whole.push(event).unwrap();
        }
        grammar.complete().unwrap();
        match whole.choices.remove(&0).unwrap().parts.remove(0) {
            Part::ToolCall { arguments, .. } => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_clear_is_mended() {
        for (written, meant) in [
            (r#"{"path": "a""#, r#"{"path":"a"}"#),
            (r"{'path': 'a', 'depth': '2',}", r#"{"path":"a","depth":2}"#),
            (r#""{\"path\": \"a\"}""#, r#"{"path":"a"}"#),
            ("src/lib.rs", r#"{"path":"src/lib.rs"}"#),
        ] {
            assert_eq!(heard(&[written], FinishReason::ToolCalls), meant, "{written}");
        }
    }

    #[test]
    fn what_is_right_keeps_its_bytes_and_what_is_hopeless_too() {
        for written in
            [r#"{ "path" : "a" }"#, r#"{"depth":"2"}"#, "", "[1, 2", r#"{"path": "a" b}"#]
        {
            assert_eq!(heard(&[written], FinishReason::ToolCalls), written);
            let (one, other) = written.split_at(written.len() / 2);
            assert_eq!(heard(&[one, other], FinishReason::ToolCalls), written);
        }
    }

    #[test]
    fn half_a_call_does_not_become_a_whole_one() {
        let cut = r#"{"path": "/tmp"#;
        assert_eq!(heard(&[cut], FinishReason::Length), cut);
        let nearly = r#"{"path": "/tmp""#;
        assert_eq!(heard(&[nearly], FinishReason::Length), nearly);
    }

    #[test]
    fn an_answer_that_breaks_off_leaves_the_call_as_it_is() {
        let mut mended = MendedCalls::new(&[], true);
        let (choice, index) = (0, 0);
        let kind = PartKind::ToolCall { id: "1".into(), name: "list".into(), custom: false };
        let delta = Delta::Arguments("{".into());
        let call =
            [Event::PartStart { choice, index, kind }, Event::PartDelta { choice, index, delta }];
        for event in call.clone() {
            assert!(mended.push(event.into()).events.is_empty());
        }
        assert_eq!(mended.finish().events, call);
    }
}
