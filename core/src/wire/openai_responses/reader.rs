//! Reading the events of an answer, or the whole of it.
//!
//! Nothing is taken for granted: events may lack indices and ids, pieces may come without the item they
//! belong to, and what was never told in pieces is taken from the items when they are done.

mod plain;

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::{
    assembly::{Assembly, Place, THOUGHTS},
    failing,
    input::BETWEEN_SUMMARIES,
    name::flat,
    usage,
};
use crate::{
    Code, Error, Result,
    chat::{Dialect, Event, Extensions, FinishReason, PartKind, Signature},
};

/// The most items in one answer.
const MAX_ITEMS: usize = 4096;

/// Reads one answer.
#[derive(Debug, Default)]
pub(super) struct Reader {
    started: bool,
    items: Vec<Item>,
    assembly: Assembly,
    pub(super) finished: bool,
}

/// An item that has been mentioned.
#[derive(Debug, Default)]
struct Item {
    id: Option<String>,
    index: Option<u64>,
    /// The pieces of which something was told.
    told: Vec<u64>,
    /// Which part of the summary the thoughts are in.
    summary: u64,
    done: bool,
}

/// Where in an answer an event belongs.
#[derive(Clone, Copy, Debug, Default)]
struct Spot<'a> {
    /// The item's place, and its id.
    index: Option<u64>,
    id: Option<&'a str>,
    /// The piece of the item's content, or of its summary.
    content: u64,
    summary: u64,
}

impl Reader {
    /// Takes the next event.
    ///
    /// # Errors
    ///
    /// What the provider says went wrong. `out` may hold events that come before it.
    pub(super) fn event(
        &mut self,
        mut event: Map<String, Value>,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        let kind = match event.shift_remove("type") {
            Some(Value::String(kind)) => kind,
            _ if event.contains_key("error") => "error".into(),
            _ => return Ok(()),
        };
        if self.finished {
            return Ok(());
        }
        match kind.as_str() {
            "error" => return Err(failing::decode(event)),
            "response.created" | "response.in_progress" | "response.queued" => {
                self.start(event.get("response").and_then(Value::as_object), out);
            }
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled" => {
                return match event.shift_remove("response") {
                    Some(Value::Object(response)) => self.end(response, &kind, out),
                    _ => self.end(Map::new(), &kind, out),
                };
            }
            _ => {
                self.start(None, out);
                self.piece(&kind, event, out)?;
            }
        }
        Ok(())
    }

    /// Takes a response that is over, and with it whatever of it was not told before.
    pub(super) fn end(
        &mut self,
        mut response: Map<String, Value>,
        kind: &str,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        self.start(Some(&response), out);
        if let Some(Value::Array(items)) = response.shift_remove("output") {
            for (index, item) in (0..).zip(items) {
                if let Value::Object(item) = item {
                    let id = item.get("id").and_then(Value::as_str);
                    let slot = self.slot(&Spot { index: Some(index), id, ..Spot::default() })?;
                    self.done(slot, item, out)?;
                }
            }
        }
        out.extend(response.get("usage").and_then(usage::decode).map(Event::Usage));
        if kind.ends_with("failed") {
            let error = match response.shift_remove("error") {
                Some(Value::Object(error)) => error,
                _ => Map::new(),
            };
            return Err(failing::decode(error));
        }
        if kind.ends_with("cancelled") {
            return Err(Error::new(Code::UpstreamFailed, "the provider gave its answer up"));
        }
        let incomplete = response.get("incomplete_details").and_then(|it| it.get("reason"));
        let reason = match incomplete.and_then(Value::as_str) {
            Some("content_filter") => FinishReason::ContentFilter,
            Some(_) => FinishReason::Length,
            None if kind.ends_with("incomplete") => FinishReason::Length,
            None if self.assembly.has_calls() => FinishReason::ToolCalls,
            None => FinishReason::Stop,
        };
        self.assembly.finish(reason, out);
        self.finished = true;
        Ok(())
    }

    fn start(&mut self, response: Option<&Map<String, Value>>, out: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.started, true) {
            let field = |field: &str| response.and_then(|response| response.get(field));
            let text =
                |name: &str| field(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let created = field("created_at").and_then(whole_number);
            out.push(Event::Start { id: text("id"), model: text("model"), created });
        }
    }

    fn piece(
        &mut self,
        kind: &str,
        mut event: Map<String, Value>,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        let id = event.get("item_id").or_else(|| event.get("item").and_then(|item| item.get("id")));
        let id = id.and_then(Value::as_str).map(str::to_owned);
        let number = |field: &str| event.get(field).and_then(Value::as_u64);
        let spot = Spot {
            index: number("output_index"),
            id: id.as_deref(),
            content: number("content_index").unwrap_or_default(),
            summary: number("summary_index").unwrap_or_default(),
        };
        if spot.index.is_none() && id.is_none() {
            return Ok(());
        }
        let words = event.get("delta").and_then(Value::as_str).unwrap_or_default();
        if kind == "response.output_text.delta" && !words.is_empty() {
            let place = (self.slot(&spot)?, spot.content);
            self.assembly.begin(place, PartKind::Text, out)?;
            self.noted(place, "logprobs", event.get("logprobs"), out);
        }
        if let Some(read) = self.delta(kind, &spot, words.into(), out) {
            return read;
        }
        let slot = self.slot(&spot)?;
        match kind {
            "response.output_item.added" => {
                if let Some(Value::Object(item)) = event.shift_remove("item") {
                    self.added(slot, &item, out)?;
                }
            }
            "response.output_item.done" => {
                if let Some(Value::Object(item)) = event.shift_remove("item") {
                    self.done(slot, item, out)?;
                }
            }
            "response.output_text.annotation.added" => {
                let list = event.get("annotation").map(|annotation| json!([annotation]));
                self.noted((slot, spot.content), "annotations", list.as_ref(), out);
            }
            _ => {}
        }
        Ok(())
    }

    /// The number of an item, by its place in the answer or its id. Some providers give it a new id in
    /// every event, some no place.
    fn slot(&mut self, spot: &Spot<'_>) -> Result<usize> {
        let Spot { index, id, .. } = *spot;
        let placed = |item: &Item| index.is_some() && item.index == index;
        let named = |item: &Item| id.is_some() && item.id.as_deref() == id;
        let both = |item: &Item| item.index.is_none() || index.is_none();
        let found = self
            .items
            .iter()
            .position(placed)
            .or_else(|| self.items.iter().position(|item| named(item) && both(item)));
        if let Some(slot) = found {
            return Ok(slot);
        }
        if self.items.len() >= MAX_ITEMS {
            let message = "the provider's answer has too many items";
            return Err(Error::new(Code::UpstreamInvalid, message));
        }
        self.items.push(Item { id: id.map(str::to_owned), index, ..Item::default() });
        Ok(self.items.len() - 1)
    }

    fn added(
        &mut self,
        slot: usize,
        item: &Map<String, Value>,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        match call(item) {
            Some(kind) => self.assembly.begin((slot, 0), kind, out),
            None => Ok(()),
        }
    }

    fn say(
        &mut self,
        place: Place,
        kind: PartKind,
        text: Cow<'_, str>,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.assembly.begin(place, kind, out)?;
        self.go_on(place, text, out)
    }

    fn go_on(&mut self, place: Place, text: Cow<'_, str>, out: &mut Vec<Event>) -> Result<()> {
        let taken = self.assembly.extend(place, text, out)?;
        let (slot, piece) = place;
        if let Some(item) = self.items.get_mut(slot).filter(|item| !item.told.contains(&piece))
            && taken
        {
            item.told.push(piece);
        }
        Ok(())
    }

    /// Tells what only a caller of this format understands.
    fn noted(&self, place: Place, field: &str, list: Option<&Value>, out: &mut Vec<Event>) {
        let Some(list) = list.filter(|list| list.as_array().is_some_and(|list| !list.is_empty()))
        else {
            return;
        };
        let Some(index) = self.assembly.index(place) else { return };
        let mut fields = Map::new();
        fields.insert(index.to_string(), json!({ field: list }));
        out.push(Event::Extension {
            dialect: Dialect::OpenAiResponses,
            choice: Some(0),
            fields: Extensions(fields),
        });
    }

    /// An item is complete. What was not told of it in pieces is told now.
    fn done(&mut self, slot: usize, item: Map<String, Value>, out: &mut Vec<Event>) -> Result<()> {
        let Some(known) = self.items.get_mut(slot) else { return Ok(()) };
        if std::mem::replace(&mut known.done, true) {
            return Ok(());
        }
        let told = std::mem::take(&mut known.told);
        let untold = |piece: u64| !told.contains(&piece);
        let kind = item.get("type").and_then(Value::as_str).unwrap_or_default();
        match kind {
            "message" => {
                let content = item.get("content").and_then(Value::as_array);
                for (piece, part) in (0..).zip(content.into_iter().flatten()) {
                    if untold(piece) {
                        self.content((slot, piece), part, out)?;
                    }
                }
            }
            "reasoning" => self.thoughts(slot, &item, untold(THOUGHTS), out)?,
            _ => match call(&item) {
                Some(kind) => {
                    let words = if matches!(kind, PartKind::ToolCall { custom: true, .. }) {
                        "input"
                    } else {
                        "arguments"
                    };
                    if untold(0) {
                        self.assembly.begin((slot, 0), kind, out)?;
                        let words = item.get(words).and_then(Value::as_str).unwrap_or_default();
                        self.assembly.extend((slot, 0), words.into(), out)?;
                    }
                }
                None => {
                    let dialect = Dialect::OpenAiResponses;
                    let kind = PartKind::Other { dialect, value: item.into() };
                    self.assembly.begin((slot, 0), kind, out)?;
                }
            },
        }
        self.assembly.complete(slot, out)
    }

    fn content(&mut self, place: Place, part: &Value, out: &mut Vec<Event>) -> Result<()> {
        let words = |field: &str| part.get(field).and_then(Value::as_str);
        let (kind, text) = match words("type") {
            Some("refusal") => (PartKind::Refusal, words("refusal")),
            _ => (PartKind::Text, words("text")),
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(()) };
        self.assembly.begin(place, kind, out)?;
        for field in ["annotations", "logprobs"] {
            self.noted(place, field, part.get(field), out);
        }
        self.assembly.extend(place, text.into(), out).map(|_| ())
    }

    fn thoughts(
        &mut self,
        slot: usize,
        item: &Map<String, Value>,
        untold: bool,
        out: &mut Vec<Event>,
    ) -> Result<()> {
        let place = (slot, THOUGHTS);
        if untold {
            let texts = |field: &str| {
                let list = item.get(field).and_then(Value::as_array).into_iter().flatten();
                let texts = list.filter_map(|part| part.get("text").and_then(Value::as_str));
                texts.collect::<Vec<_>>().join(BETWEEN_SUMMARIES)
            };
            let (said, summary) = (texts("content"), texts("summary"));
            let text = if said.is_empty() { summary } else { said };
            if !text.is_empty() {
                self.assembly.begin(place, PartKind::Reasoning, out)?;
                self.assembly.extend(place, text.into(), out)?;
            }
        }
        let text = |field: &str| item.get(field).and_then(Value::as_str).map(str::to_owned);
        let encrypted = text("encrypted_content").filter(|text| !text.is_empty());
        if let Some(encrypted) = encrypted {
            let signature =
                Signature { dialect: Dialect::OpenAiResponses, text: encrypted, id: text("id") };
            self.assembly.sign(place, signature, out)?;
        }
        Ok(())
    }
}

/// The call that an item is.
fn call(item: &Map<String, Value>) -> Option<PartKind> {
    let text = |field: &str| item.get(field).and_then(Value::as_str);
    let custom = match text("type")? {
        "function_call" => false,
        "custom_tool_call" => true,
        _ => return None,
    };
    let id = text("call_id").or_else(|| text("id")).unwrap_or_default().to_owned();
    Some(PartKind::ToolCall { id, name: flat(text("namespace"), text("name")?), custom })
}

/// Some servers write seconds as floats.
fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| format!("{:.0}", value.as_f64()?).parse().ok())
}
