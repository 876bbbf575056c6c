//! Calls that a server made for its model, with arguments that are no JSON: a quote that was left out, a
//! bracket too few, the object as a text. What it is clear the model meant is put right, as in
//! [printed calls](super::PrintedCalls); all else stays as it was, for the caller to judge.
//!
//! A call is held back until it is known that the answer was not cut off in the middle of it: half a
//! command must not become a whole one.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    MAX_CALL_BYTES,
    offered::{Arguments, Offered, Printed},
};
use crate::chat::{Chunk, Delta, Event, FinishReason, PartKind, Tool};

/// Mends the calls of an answer. Arguments that are a JSON object keep their bytes.
#[derive(Debug)]
pub struct MendedCalls {
    offered: Offered,
    /// The call of each choice that is held back.
    held: BTreeMap<u32, Held>,
}

#[derive(Debug)]
struct Held {
    index: u32,
    name: String,
    arguments: String,
    /// The call is complete; only what follows may say that it is not.
    ended: bool,
}

impl MendedCalls {
    /// For an answer to a request that offers `tools`.
    pub fn new(tools: &[Tool]) -> Self {
        Self { offered: Offered::new(tools, true), held: BTreeMap::new() }
    }

    /// Takes what came next, and gives what can be told of it. The provider's bytes do not pass.
    pub fn push(&mut self, chunk: Chunk) -> Chunk {
        let mut events = Vec::with_capacity(chunk.events.len());
        for event in chunk.events {
            self.event(event, &mut events);
        }
        Chunk { events, verbatim: None }
    }

    /// The answer ended. Gives what was held back, as it was.
    pub fn finish(&mut self) -> Chunk {
        let mut events = Vec::new();
        for (choice, held) in std::mem::take(&mut self.held) {
            held.tell(choice, None, &mut events);
        }
        Chunk { events, verbatim: None }
    }

    fn event(&mut self, event: Event, events: &mut Vec<Event>) {
        match &event {
            Event::PartStart { choice, index, kind } => {
                self.let_go(*choice, false, events);
                if let PartKind::ToolCall { name, custom: false, .. } = kind {
                    let (index, name) = (*index, name.clone());
                    let held = Held { index, name, arguments: String::new(), ended: false };
                    self.held.insert(*choice, held);
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
            }
            _ => {}
        }
        events.push(event);
    }

    /// Tells the call of a choice that is held back, if there is one.
    fn let_go(&mut self, choice: u32, as_it_is: bool, events: &mut Vec<Event>) {
        if let Some(held) = self.held.remove(&choice) {
            let mended = if as_it_is { None } else { self.mended(&held) };
            held.tell(choice, mended, events);
        }
    }

    /// The arguments, put right. `None`: they are right, or nothing can be made of them.
    fn mended(&self, held: &Held) -> Option<String> {
        let text = match serde_json::from_str(&held.arguments) {
            Ok(Value::Object(_)) => return None,
            Ok(Value::String(text)) => text,
            _ if held.arguments.trim().is_empty() => return None,
            _ => held.arguments.clone(),
        };
        let printed = Printed { name: held.name.clone(), arguments: Arguments::Text(text) };
        self.offered.judge(printed).0.map(|call| call.arguments)
    }
}

impl Held {
    fn tell(self, choice: u32, mended: Option<String>, events: &mut Vec<Event>) {
        let (index, arguments) = (self.index, mended.unwrap_or(self.arguments));
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
        let mut mended = MendedCalls::new(&[tool]);
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
        let mut mended = MendedCalls::new(&[]);
        let (choice, index) = (0, 0);
        let kind = PartKind::ToolCall { id: "1".into(), name: "list".into(), custom: false };
        mended.push(Event::PartStart { choice, index, kind }.into());
        let delta = Delta::Arguments("{".into());
        let kept = Event::PartDelta { choice, index, delta };
        assert!(mended.push(kept.clone().into()).events.is_empty());
        assert_eq!(mended.finish().events, [kept]);
    }
}
