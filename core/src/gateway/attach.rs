//! Files that a request names by id are put into it, since providers do not have them.
//!
//! Each dialect has its own way to name one. What is kept of a conversation goes on naming it, so a picture
//! is stored once however often it is shown. One that was deleted since does not end the conversation: a short
//! text takes its place.

use std::{collections::BTreeMap, ops::Range};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use super::Gateway;
use crate::{
    Code, Error, Result,
    chat::{CacheHint, Document, Image, Part, Request},
    files::{File, Shelf},
};

/// How many different files a request may name.
const MAX_FILES: usize = 100;

/// What takes the place of a file's name.
#[derive(Clone, Debug)]
enum Found {
    /// The file, as a `data:` URI.
    File(File, String),
    /// It was deleted since it was named.
    Deleted,
}

/// Puts every file of `tenant` that `request` names in the place of its name. Its messages `earlier` were put
/// in front of the caller's.
///
/// # Errors
///
/// [`Code::NotFound`] for one that is not there and that the caller's own messages name, [`Code::BodyTooLarge`] if they have more bytes together than
/// the body of a request may have.
pub(super) async fn attach(
    gateway: &Gateway,
    tenant: &str,
    request: &mut Request,
    earlier: &Range<usize>,
) -> Result<()> {
    // Whether the caller's own messages name it.
    let mut named: BTreeMap<String, bool> = BTreeMap::new();
    for (at, message) in request.messages.iter().enumerate() {
        names(&message.parts, !earlier.contains(&at), &mut named);
    }
    if named.is_empty() {
        return Ok(());
    }
    if named.len() > MAX_FILES {
        let message = format!("a request may name {MAX_FILES} files");
        return Err(Error::invalid("messages", message));
    }
    let limit = gateway.settings.body_limit.0;
    let mut bytes = 0_usize;
    let mut found = BTreeMap::new();
    for (id, by_caller) in named {
        let Some(shelf) = Shelf::of(&id) else { continue };
        let (file, blob) = match gateway.files.read(tenant, shelf, &id, None).await {
            Err(error) if error.code() == Code::NotFound => {
                if by_caller {
                    return Err(error.at("file_id"));
                }
                found.insert(id, Found::Deleted);
                continue;
            }
            read => read?,
        };
        bytes = bytes.saturating_add(usize::try_from(file.bytes).unwrap_or(usize::MAX));
        if bytes > limit {
            let message = format!("the files that are named have more than {limit} bytes together");
            return Err(Error::new(Code::BodyTooLarge, message));
        }
        let content = BASE64_STANDARD.encode(blob.collect().await?);
        let url = format!("data:{};base64,{content}", file.media_type);
        found.insert(id, Found::File(file, url));
    }
    for message in &mut request.messages {
        put(&mut message.parts, &found);
    }
    request.original = None;
    Ok(())
}

fn names(parts: &[Part], by_caller: bool, found: &mut BTreeMap<String, bool>) {
    for part in parts {
        if let Part::ToolResult { parts, .. } = part {
            names(parts, by_caller, found);
        } else if let Some(id) = named(part) {
            *found.entry(id.to_owned()).or_default() |= by_caller;
        }
    }
}

fn put(parts: &mut [Part], found: &BTreeMap<String, Found>) {
    for part in parts {
        if let Part::ToolResult { parts, .. } = part {
            put(parts, found);
        } else if let Some((id, there)) = named(part).and_then(|id| found.get_key_value(id)) {
            *part = match there {
                Found::File(file, url) => with(part, file, url.clone()),
                Found::Deleted => {
                    let text = format!("[The file {id} was deleted.]");
                    Part::Text { text, cache: cache(part) }
                }
            };
        }
    }
}

/// The id of ours that a part names: OpenAI's `file_id` of a part, in Chat within its `file`, and Anthropic's
/// within its `source`.
fn named(part: &Part) -> Option<&str> {
    let Part::Other { value, .. } = part else { return None };
    let places = [Some(value), value.get("file"), value.get("source")];
    let id = places.into_iter().flatten().find_map(|place| place.get("file_id")?.as_str())?;
    Shelf::of(id).map(|_| id)
}

/// The part that has the file in it.
fn with(part: &Part, file: &File, url: String) -> Part {
    let cache = cache(part);
    if file.media_type.starts_with("image/") {
        return Part::Image(Image { url, detail: text(field(part, "detail")), cache });
    }
    let title = text(field(part, "title")).unwrap_or_else(|| file.filename.clone());
    Part::Document(Document { url, title: Some(title), cache })
}

fn cache(part: &Part) -> Option<CacheHint> {
    let control = field(part, "cache_control").filter(|it| it.is_object())?;
    Some(CacheHint { ttl: text(control.get("ttl")) })
}

fn field<'a>(part: &'a Part, name: &str) -> Option<&'a Value> {
    match part {
        Part::Other { value, .. } => value.get(name),
        _ => None,
    }
}

fn text(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_str).map(str::to_owned)
}
