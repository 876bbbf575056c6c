//! Reading the objects that an answer consists of (`GenerateContentResponse`): each event of a stream is
//! one, and so is a whole answer.
//!
//! A choice is finished at the end of the body, not when a reason comes: earlier models gave one with
//! every piece. Safety ratings, citations and grounding are left out, for only callers of this dialect
//! would understand them. Log probabilities are told in the words of the OpenAI chat format, the one in
//! which callers ask for them.

mod plain;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{SIGNATURE, error, usage::Counts};
use crate::{
    Code, Error, Result,
    chat::{Dialect, Event, Extensions, FinishReason, Signature},
    wire::sequence::{CallIds, Sequence, ToolCall, Voice},
};

/// The most choices in one answer; the API gives at most 8.
const MAX_CHOICES: u64 = 128;

/// Reads the objects of one answer.
#[derive(Debug, Default)]
pub(super) struct Reader {
    started: bool,
    choices: BTreeMap<u32, Choice>,
    ids: CallIds,
}

#[derive(Debug)]
struct Choice {
    sequence: Sequence,
    /// Why it ended, as far as is known.
    reason: Option<FinishReason>,
}

impl Reader {
    /// Takes the next object. What it tells before an error is told.
    pub(super) fn read(
        &mut self,
        mut object: Map<String, Value>,
        events: &mut Vec<Event>,
    ) -> Result<()> {
        if let Some(Value::Object(error)) = object.shift_remove("error") {
            return Err(error::from_status(error, None));
        }
        let candidates = match object.shift_remove("candidates") {
            Some(Value::Array(candidates)) => candidates,
            _ => Vec::new(),
        };
        self.start(&mut object, events);
        if let Some(usage) = object.get("usageMetadata").and_then(Value::as_object) {
            events.extend(Counts::of(usage).usage().map(Event::Usage));
        }
        if let Some(feedback) = object.get("promptFeedback").and_then(Value::as_object)
            && candidates.is_empty()
        {
            self.blocked(feedback, events)?;
        }
        for (position, candidate) in candidates.into_iter().enumerate() {
            if let Value::Object(candidate) = candidate {
                self.candidate(candidate, position, events)?;
            }
        }
        Ok(())
    }

    /// Finishes the answer. False: it is not complete.
    pub(super) fn finish(&mut self, events: &mut Vec<Event>) -> bool {
        if self.choices.is_empty() || self.choices.values().any(|it| it.reason.is_none()) {
            return false;
        }
        for Choice { sequence, reason } in std::mem::take(&mut self.choices).into_values() {
            let reason = match reason {
                // Gemini has no word of its own for this.
                Some(FinishReason::Stop) if sequence.has_calls() => FinishReason::ToolCalls,
                reason => reason.unwrap_or(FinishReason::Stop),
            };
            sequence.finish(reason, events);
        }
        true
    }

    fn start(&mut self, object: &mut Map<String, Value>, events: &mut Vec<Event>) {
        let mut text = |field| match object.shift_remove(field) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (id, model) = (text("responseId"), text("modelVersion"));
        self.ids.of(&id);
        if !self.started {
            self.started = true;
            events.push(Event::Start { id, model, created: None });
        }
    }

    fn choice(&mut self, index: u64) -> Result<&mut Choice> {
        let index = u32::try_from(index).ok().filter(|index| u64::from(*index) < MAX_CHOICES);
        let Some(index) = index else {
            return Err(Error::new(Code::UpstreamInvalid, "the provider gave too many answers"));
        };
        let new = || Choice { sequence: Sequence::new(index), reason: None };
        Ok(self.choices.entry(index).or_insert_with(new))
    }

    /// The prompt was not let through to the model.
    fn blocked(&mut self, feedback: &Map<String, Value>, events: &mut Vec<Event>) -> Result<()> {
        let text = |field| feedback.get(field).and_then(Value::as_str);
        let Some(reason) = text("blockReason") else { return Ok(()) };
        let words = match text("blockReasonMessage") {
            Some(words) => words.to_owned(),
            None => format!("The provider blocked the prompt: {reason}."),
        };
        let choice = self.choice(0)?;
        choice.sequence.say(Voice::Refusal, words, events);
        choice.reason = Some(FinishReason::ContentFilter);
        Ok(())
    }

    fn candidate(
        &mut self,
        mut candidate: Map<String, Value>,
        position: usize,
        events: &mut Vec<Event>,
    ) -> Result<()> {
        let index = candidate.get("index").and_then(Value::as_u64);
        let index = index.unwrap_or(u64::try_from(position).unwrap_or(u64::MAX));
        let known = self.choice(index)?;
        if let Some(reason) = candidate.get("finishReason").and_then(Value::as_str) {
            known.reason = Some(finish_reason(reason));
        }
        let parts = match candidate.get_mut("content").and_then(|it| it.get_mut("parts")) {
            Some(Value::Array(parts)) => std::mem::take(parts),
            _ => Vec::new(),
        };
        for part in parts {
            if let Value::Object(part) = part {
                self.part(index, part, events)?;
            }
        }
        if let Some(logprobs) = candidate.get("logprobsResult").and_then(logprobs) {
            events.push(Event::Extension {
                dialect: Dialect::OpenAiChat,
                choice: u32::try_from(index).ok(),
                fields: Extensions(Map::from_iter([("logprobs".to_owned(), logprobs)])),
            });
        }
        failure(&candidate)
    }

    fn part(
        &mut self,
        index: u64,
        mut part: Map<String, Value>,
        events: &mut Vec<Event>,
    ) -> Result<()> {
        let call = match part.get_mut("functionCall") {
            Some(Value::Object(call)) => Some(self.call(call)),
            _ => None,
        };
        let sequence = &mut self.choice(index)?.sequence;
        let sign = |sequence: &mut Sequence, part: &Map<String, Value>, events: &mut _| {
            if let Some(text) = part.get(SIGNATURE).and_then(Value::as_str) {
                sequence.sign(Signature::new(Dialect::Gemini, text), events);
            }
        };
        if let Some(call) = call {
            sign(sequence, &part, events);
            sequence.call(call, events);
            return Ok(());
        }
        let Some(Value::String(text)) = part.get_mut("text").map(Value::take) else {
            part.retain(|_, value| !value.is_null());
            if part.keys().any(|field| field != SIGNATURE) {
                sequence.other(Dialect::Gemini, part.into(), events);
            } else {
                sign(sequence, &part, events);
            }
            return Ok(());
        };
        let thought = part.get("thought") == Some(&Value::Bool(true));
        let voice = if thought { Voice::Reasoning } else { Voice::Text };
        // A text that has begun can only be signed behind it.
        let before = !thought && !text.is_empty() && !sequence.speaks(Voice::Text);
        if before {
            sign(sequence, &part, events);
        }
        sequence.say(voice, text, events);
        if !before {
            sign(sequence, &part, events);
        }
        Ok(())
    }

    fn call(&mut self, call: &mut Map<String, Value>) -> ToolCall {
        let mut text = |field| match call.shift_remove(field) {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let (id, name) = (text("id"), text("name"));
        let arguments = match call.shift_remove("args") {
            None | Some(Value::Null) => "{}".to_owned(),
            Some(arguments) => arguments.to_string(),
        };
        let id = if id.is_empty() { self.ids.next(&name, &arguments) } else { id };
        ToolCall { id, name, arguments }
    }
}

fn finish_reason(reason: &str) -> FinishReason {
    match reason {
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "MODEL_ARMOR"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => FinishReason::ContentFilter,
        _ => FinishReason::Other(reason.to_owned()),
    }
}

/// Some reasons mean that there is no answer: what the model wrote was of no use even to Gemini.
fn failure(candidate: &Map<String, Value>) -> Result<()> {
    let text = |field| candidate.get(field).and_then(Value::as_str);
    let reason = text("finishReason").unwrap_or_default();
    match reason {
        "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MISSING_THOUGHT_SIGNATURE"
        | "MALFORMED_RESPONSE" => {
            let more = text("finishMessage").map(|it| format!(": {it}")).unwrap_or_default();
            let message = format!("the model's answer ended with {reason}{more}");
            Err(Error::new(Code::UpstreamFailed, message))
        }
        _ => Ok(()),
    }
}

/// `logprobsResult` as a `logprobs` object of the OpenAI chat format.
fn logprobs(result: &Value) -> Option<Value> {
    let chosen = result.get("chosenCandidates")?.as_array()?;
    let top = result.get("topCandidates").and_then(Value::as_array);
    let token = |candidate: &Value| {
        let token = candidate.get("token").and_then(Value::as_str).unwrap_or_default();
        json!({
            "token": token,
            "logprob": candidate.get("logProbability"),
            "bytes": token.as_bytes(),
        })
    };
    let content = chosen.iter().enumerate().map(|(place, chosen)| {
        let others = top.and_then(|top| top.get(place)?.get("candidates")?.as_array());
        let others: Vec<Value> = others.into_iter().flatten().map(token).collect();
        let mut told = token(chosen);
        if let Some(told) = told.as_object_mut() {
            told.insert("top_logprobs".into(), others.into());
        }
        told
    });
    Some(json!({ "content": content.collect::<Vec<_>>() }))
}
