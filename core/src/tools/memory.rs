//! `memory_put`, `memory_get` and `memory_search`: notes that outlive a task, one memory for each tenant.
//!
//! | collection      | id              | holds                                    |
//! |-----------------|-----------------|------------------------------------------|
//! | `memory`        | the note's key  | a [`Note`]                               |
//! | `memory.usage`  | `total`         | the counter `notes`                      |
//!
//! The counter is raised in the commit that makes a note, with the limit as its ceiling. A search reads all
//! notes of the tenant, which the same limit makes possible.

use std::{cmp::Reverse, collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Context, Output, Tool, define};
use crate::{
    Code, Error, Result, chat,
    ports::{Commit, Host, Outcome, Page, Record, Records, Refusal, Timestamp, When, Write},
};

const COLLECTION: &str = "memory";
const USAGE: &str = "memory.usage";
const TOTAL: &str = "total";
const NOTES: &str = "notes";
/// The most notes of a tenant.
const MAX_NOTES: i64 = 1000;
/// The longest key, in characters.
const MAX_KEY: usize = 128;
/// The longest note, in characters.
const MAX_TEXT: usize = 8000;
/// How many notes a page of the search has.
const PAGE: u32 = 200;
/// The most notes that a search finds.
const MAX_FOUND: u64 = 20;
/// How often a note is written anew if others write it too.
const TRIES: usize = 3;

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    text: String,
    changed_at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Put,
    Get,
    Search,
}

/// Does one thing with the memory.
#[derive(Debug)]
pub struct Memory {
    definition: chat::Tool,
    act: Act,
    records: Arc<dyn Records>,
    host: Arc<dyn Host>,
}

impl Memory {
    /// The three tools, with their notes in `records`.
    pub fn all(records: &Arc<dyn Records>, host: &Arc<dyn Host>) -> [Self; 3] {
        let key = || json!({ "type": "string", "minLength": 1, "maxLength": MAX_KEY, "description": "What the note is called." });
        let fields = |fields: Value, required: &[&str]| json!({ "type": "object", "properties": fields, "required": required, "additionalProperties": false });
        let text = json!({ "type": "string", "maxLength": MAX_TEXT, "description": "The note. Empty: it is forgotten." });
        let query = json!({ "type": "string", "minLength": 1, "maxLength": 500, "description": "Words that the notes should have." });
        let limit = json!({ "type": "integer", "minimum": 1, "maximum": MAX_FOUND, "description": "How many notes to find at most. Default: 5." });
        [
            (
                "memory_put",
                "Keeps a note for later tasks, in place of the one of the same key.",
                fields(json!({ "key": key(), "text": text }), &["key", "text"]),
                Act::Put,
            ),
            (
                "memory_get",
                "Reads a note that was kept.",
                fields(json!({ "key": key() }), &["key"]),
                Act::Get,
            ),
            (
                "memory_search",
                "Finds notes that were kept, by words.",
                fields(json!({ "query": query, "limit": limit }), &["query"]),
                Act::Search,
            ),
        ]
        .map(|(name, about, schema, act)| Self {
            definition: define(name, about, schema),
            act,
            records: Arc::clone(records),
            host: Arc::clone(host),
        })
    }

    async fn put(&self, tenant: &str, key: &str, text: &str) -> Result<Output> {
        for _ in 0..TRIES {
            let known = self.records.get(tenant, COLLECTION, key).await?;
            let when = known.as_ref().map_or(When::Absent, |it| When::Version(it.version));
            let (write, change) = if text.is_empty() {
                if known.is_none() {
                    return Ok(Output::text(format!("there was no note `{key}`")));
                }
                (Write::delete_when(COLLECTION, key, when), -1)
            } else {
                let note = Note { text: text.to_owned(), changed_at: self.host.now() };
                let value = serde_json::to_vec(&note).map_err(unreadable)?;
                (Write::put_when(COLLECTION, key, value, when), i64::from(known.is_none()))
            };
            let mut writes = vec![write];
            if change != 0 {
                writes.push(Write::add_within(USAGE, TOTAL, [(NOTES, change)], (NOTES, MAX_NOTES)));
            }
            match self.records.commit(Commit::new(tenant, writes)).await? {
                Outcome::Applied(_) if text.is_empty() => {
                    return Ok(Output::text(format!("forgot `{key}`")));
                }
                Outcome::Applied(_) => return Ok(Output::text(format!("kept `{key}`"))),
                Outcome::Refused { why: Refusal::Ceiling, .. } => {
                    let why = format!(
                        "there are {MAX_NOTES} notes already: forget some by an empty text"
                    );
                    return Ok(Output::failed(why));
                }
                // Somebody else wrote it in between.
                Outcome::Refused { why: Refusal::Condition, .. } => {}
            }
        }
        Ok(Output::failed(format!("others are writing `{key}` too: try again")))
    }

    async fn get(&self, tenant: &str, key: &str) -> Result<Output> {
        match self.records.get(tenant, COLLECTION, key).await? {
            Some(record) => Ok(Output::text(note(&record)?.text)),
            None => Ok(Output::failed(format!("there is no note `{key}`"))),
        }
    }

    async fn search(&self, tenant: &str, query: &str, limit: usize) -> Result<Output> {
        let wanted = words(query);
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = Page { after, limit: PAGE, ..Page::default() };
            let records = self.records.page(tenant, COLLECTION, page).await?;
            for record in &records {
                let note = note(record)?;
                let score = score(&wanted, &record.id, &note.text);
                if score > 0 {
                    found.push((score, record.id.clone(), note));
                }
            }
            after = records.last().map(|record| record.id.clone());
            if records.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
                break;
            }
        }
        // The best first; of equals the newest.
        found.sort_by_key(|(score, key, note)| {
            (Reverse(*score), Reverse(note.changed_at), key.clone())
        });
        let shown = found.iter().take(limit).map(|(_, key, note)| {
            json!({ "key": key, "text": note.text, "changed_at": note.changed_at.rfc3339() })
                .to_string()
        });
        let shown: Vec<String> = shown.collect();
        Ok(Output::text(if shown.is_empty() {
            "no note was found".to_owned()
        } else {
            shown.join("\n")
        }))
    }
}

#[async_trait]
impl Tool for Memory {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    async fn call(&self, input: Map<String, Value>, context: &Context) -> Output {
        let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
        let tenant = &context.workspace.tenant;
        let done = match self.act {
            Act::Put => self.put(tenant, text("key"), text("text")).await,
            Act::Get => self.get(tenant, text("key")).await,
            Act::Search => {
                let limit = input.get("limit").and_then(Value::as_u64).unwrap_or(5).min(MAX_FOUND);
                let limit = usize::try_from(limit).unwrap_or(1);
                self.search(tenant, text("query"), limit).await
            }
        };
        done.unwrap_or_else(|error| Output::failed(error.message()))
    }
}

/// How many of the wanted words a note has; its key counts twice.
fn score(wanted: &BTreeSet<String>, key: &str, text: &str) -> usize {
    let (key, text) = (words(key), words(text));
    let count =
        |word: &&String| 2 * usize::from(key.contains(*word)) + usize::from(text.contains(*word));
    wanted.iter().map(|word| count(&word)).sum()
}

/// Runs of letters and digits, in small letters.
fn words(text: &str) -> BTreeSet<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric());
    parts.filter(|part| !part.is_empty()).map(str::to_lowercase).collect()
}

fn note(record: &Record) -> Result<Note> {
    serde_json::from_slice(&record.value).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::Internal, "a note cannot be read or written").caused_by(error)
}
