//! Files that a request names by id are put into it, since providers do not have them.
//!
//! Each dialect has its own way to name one. What is kept of a conversation goes on naming it, so a picture
//! is stored once however often it is shown.

use std::collections::BTreeMap;

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

/// Puts every file of `tenant` that `request` names in the place of its name.
///
/// # Errors
///
/// [`Code::NotFound`] for one that is not there, [`Code::BodyTooLarge`] if they have more bytes together than
/// the body of a request may have.
pub(super) async fn attach(gateway: &Gateway, tenant: &str, request: &mut Request) -> Result<()> {
    let mut found: BTreeMap<String, Option<(File, String)>> = BTreeMap::new();
    for message in &request.messages {
        names(&message.parts, &mut found);
    }
    if found.is_empty() {
        return Ok(());
    }
    if found.len() > MAX_FILES {
        let message = format!("a request may name {MAX_FILES} files");
        return Err(Error::invalid("messages", message));
    }
    let limit = gateway.settings.body_limit.0;
    let mut bytes = 0_usize;
    for (id, place) in &mut found {
        let Some(shelf) = Shelf::of(id) else { continue };
        let (file, blob) = gateway.files.read(tenant, shelf, id, None).await?;
        bytes = bytes.saturating_add(usize::try_from(file.bytes).unwrap_or(usize::MAX));
        if bytes > limit {
            let message = format!("the files that are named have more than {limit} bytes together");
            return Err(Error::new(Code::BodyTooLarge, message));
        }
        let content = BASE64_STANDARD.encode(blob.collect().await?);
        let url = format!("data:{};base64,{content}", file.media_type);
        *place = Some((file, url));
    }
    for message in &mut request.messages {
        put(&mut message.parts, &found);
    }
    request.original = None;
    Ok(())
}

fn names(parts: &[Part], found: &mut BTreeMap<String, Option<(File, String)>>) {
    for part in parts {
        match part {
            Part::ToolResult { parts, .. } => names(parts, found),
            part => found.extend(named(part).map(|id| (id.to_owned(), None))),
        }
    }
}

fn put(parts: &mut [Part], found: &BTreeMap<String, Option<(File, String)>>) {
    for part in parts {
        if let Part::ToolResult { parts, .. } = part {
            put(parts, found);
        } else if let Some(Some((file, url))) = named(part).and_then(|id| found.get(id)) {
            *part = with(part, file, url.clone());
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
    let field = |name: &str| match part {
        Part::Other { value, .. } => value.get(name),
        _ => None,
    };
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let cache = field("cache_control").filter(|it| it.is_object());
    let cache = cache.map(|control| CacheHint { ttl: text(control.get("ttl")) });
    if file.media_type.starts_with("image/") {
        return Part::Image(Image { url, detail: text(field("detail")), cache });
    }
    let title = text(field("title")).unwrap_or_else(|| file.filename.clone());
    Part::Document(Document { url, title: Some(title), cache })
}
