//! Pictures and documents: held in the request (`inlineData`), or somewhere else (`fileData`).

use serde_json::{Map, Value, json};

use crate::{Error, Result, wire::data_uri::DataUri};

/// Types of files by the ending of their names: what the API takes by URL.
const TYPES: [(&str, &str); 8] = [
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".webp", "image/webp"),
    (".heic", "image/heic"),
    (".heif", "image/heif"),
    (".pdf", "application/pdf"),
    (".txt", "text/plain"),
];

/// Writes the file behind `url`, which stands at `at` in the request.
pub(super) fn encode(url: &str, at: &str) -> Result<Value> {
    if let Some(DataUri { media_type, base64 }) = DataUri::parse(url) {
        return Ok(json!({ "inlineData": { "mimeType": media_type, "data": base64 } }));
    }
    if !["https://", "http://", "gs://"].iter().any(|scheme| url.starts_with(scheme)) {
        let message = format!("`{at}` must be a URL, or a `data:` URI in Base64");
        return Err(Error::invalid(at, message));
    }
    let mut file = Map::new();
    let path = url.split(['?', '#']).next().unwrap_or(url).to_ascii_lowercase();
    if let Some((_, media_type)) = TYPES.iter().find(|(ending, _)| path.ends_with(ending)) {
        file.insert("mimeType".into(), (*media_type).into());
    }
    file.insert("fileUri".into(), url.into());
    Ok(json!({ "fileData": file }))
}
