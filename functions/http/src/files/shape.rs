//! Files as the clients of each dialect read them.

use dormouse_core::{chat::Dialect, files::File};
use serde_json::{Value, json};

use crate::date::rfc3339;

pub(super) fn describe(file: &File, dialect: Dialect) -> Value {
    let seconds = file.created_at.0 / 1000;
    if dialect == Dialect::Anthropic {
        return json!({
            "id": file.id,
            "type": "file",
            "filename": file.filename,
            "mime_type": file.media_type,
            "size_bytes": file.bytes,
            "created_at": rfc3339(seconds),
            "downloadable": true,
        });
    }
    json!({
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": seconds,
        "filename": file.filename,
        "purpose": file.purpose,
        "media_type": file.media_type,
        "status": "processed",
    })
}

pub(super) fn list(files: &[File], has_more: bool, dialect: Dialect) -> Value {
    let data: Vec<Value> = files.iter().map(|file| describe(file, dialect)).collect();
    let (first, last) = (files.first().map(|file| &file.id), files.last().map(|file| &file.id));
    if dialect == Dialect::Anthropic {
        return json!({ "data": data, "has_more": has_more, "first_id": first, "last_id": last });
    }
    json!({ "object": "list", "data": data, "has_more": has_more, "first_id": first, "last_id": last })
}

pub(super) fn deleted(id: &str, dialect: Dialect) -> Value {
    if dialect == Dialect::Anthropic {
        return json!({ "id": id, "type": "file_deleted" });
    }
    json!({ "id": id, "object": "file", "deleted": true })
}
