//! Calls that the gateway answers itself, told as `mcp_call` items: clients run those of `function_call`, and
//! show these.
//!
//! A call and its result are one item. It stays in progress while its tool works, and others begin meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use serde_json::Value;

use super::{super::own, AnswerEncoder, item_place};
use crate::chat::{Delta, Part, PartKind};

/// The calls of an answer that have no result yet.
#[derive(Debug, Default)]
pub(super) struct OwnCalls {
    /// The call that is being written.
    open: Option<Running>,
    /// Those that are complete, by their ids.
    running: BTreeMap<String, Running>,
}

/// An item in progress.
#[derive(Debug)]
struct Running {
    call_id: String,
    /// Its place among the items of this answer, and in the response.
    place: usize,
    index: u64,
    item: own::Item,
}

impl OwnCalls {
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }
}

impl AnswerEncoder {
    /// A part begins, of the gateway's own or any other.
    pub(super) fn own_part(&mut self, kind: &PartKind, out: &mut BytesMut) {
        match kind {
            PartKind::OwnCall { id, name } => self.own_call(id, name, out),
            PartKind::ToolResult { call_id, parts, is_error } => {
                if let Some(mut running) = self.own.running.remove(call_id) {
                    running.item.answer(parts, *is_error);
                    let failed = "response.mcp_call.failed";
                    let word = if *is_error { failed } else { "response.mcp_call.completed" };
                    self.own_done(running, Some(word), out);
                }
            }
            kind => self.part(kind, out),
        }
    }

    fn own_call(&mut self, call_id: &str, name: &str, out: &mut BytesMut) {
        self.begin(out);
        self.close("completed", out);
        let (place, index) = (self.output.len(), self.index());
        let item = own::Item::new(&own::id(&self.id, index), name);
        let value = item.value();
        self.write("response.output_item.added", out, |event, _| {
            event.number("output_index", index);
            event.value("item", &value);
        });
        self.write("response.mcp_call.in_progress", out, |event, _| {
            item_place(event, item.id(), index);
        });
        self.output.push(value);
        self.own.open = Some(Running { call_id: call_id.to_owned(), place, index, item });
    }

    pub(super) fn own_delta(&mut self, delta: &Delta, out: &mut BytesMut) {
        let Some(mut running) = self.own.open.take() else { return };
        running.item.extend(delta.text());
        self.write("response.mcp_call_arguments.delta", out, |event, _| {
            item_place(event, running.item.id(), running.index);
            event.text("delta", delta.text());
        });
        self.own.open = Some(running);
    }

    /// The call is complete, and its tool works.
    pub(super) fn own_end(&mut self, out: &mut BytesMut) {
        let Some(mut running) = self.own.open.take() else { return };
        running.item.complete();
        self.write("response.mcp_call_arguments.done", out, |event, _| {
            item_place(event, running.item.id(), running.index);
            event.text("arguments", running.item.arguments());
        });
        self.own.running.insert(running.call_id.clone(), running);
    }

    /// Ends the items whose results will not come.
    pub(super) fn give_up(&mut self, out: &mut BytesMut) {
        let open = self.own.open.take();
        let running = std::mem::take(&mut self.own.running).into_values();
        for mut running in running.chain(open) {
            running.item.give_up();
            self.own_done(running, None, out);
        }
    }

    fn own_done(&mut self, running: Running, word: Option<&'static str>, out: &mut BytesMut) {
        let Running { place, index, item, .. } = running;
        if let Some(word) = word {
            self.write(word, out, |event, _| item_place(event, item.id(), index));
        }
        let value = item.value();
        self.write("response.output_item.done", out, |event, _| {
            event.number("output_index", index);
            event.value("item", &value);
        });
        if let Some(there) = self.output.get_mut(place) {
            *there = value;
        }
    }

    /// The item of a call that the gateway has answered, among all `parts`; that of a result is its call's.
    pub(super) fn own_item(
        &self,
        part: &Part,
        parts: &[Part],
        own: &BTreeSet<&str>,
    ) -> Option<Value> {
        let Part::ToolCall { id, name, arguments, .. } = part else { return None };
        let result = parts.iter().filter(|_| own.contains(id.as_str())).find_map(|it| match it {
            Part::ToolResult { call_id, parts, is_error, .. } if call_id == id => {
                Some((parts, *is_error))
            }
            _ => None,
        });
        let (parts, is_error) = result?;
        let mut item = own::Item::new(&own::id(&self.id, self.index()), name);
        item.extend(arguments);
        item.complete();
        item.answer(parts, is_error);
        Some(item.value())
    }
}
