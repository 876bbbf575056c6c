//! Reading a file that is sent: as a form (RFC 7578), or as it is.

use std::{convert::Infallible, future::ready};

use bytes::Bytes;
use dormouse_core::{Code, Error, Result, files::NewFile};
use futures::stream;
use http::{HeaderMap, header::CONTENT_TYPE};
use multer::{Field, Multipart, parse_boundary};

use super::Named;

/// What a file is called, and what it is for, where nobody says.
const FILENAME: &str = "file";
const PURPOSE: &str = "user_data";
/// What content is of which nobody says what it is.
const ANYTHING: &str = "application/octet-stream";

/// Reads `body`. What is said in a form counts more than what is said behind the question mark.
pub(super) async fn read(headers: &HeaderMap, named: Named, body: Bytes) -> Result<NewFile> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let mut new = NewFile {
        filename: named.filename.unwrap_or_else(|| FILENAME.to_owned()),
        purpose: named.purpose.unwrap_or_else(|| PURPOSE.to_owned()),
        media_type: media_type.unwrap_or(ANYTHING).to_owned(),
        content: body,
    };
    if !new.media_type.to_ascii_lowercase().starts_with("multipart/form-data") {
        if new.content.is_empty() {
            return Err(Error::invalid(
                "file",
                "the body is empty: send the file, or a form with it",
            ));
        }
        return Ok(new);
    }
    let boundary = parse_boundary(&new.media_type).map_err(broken)?;
    let body = std::mem::take(&mut new.content);
    let mut form = Multipart::new(stream::once(ready(Ok::<_, Infallible>(body))), boundary);
    let mut found = false;
    while let Some(field) = form.next_field().await.map_err(broken)? {
        match field.name() {
            Some("file") if found => {
                return Err(Error::invalid("file", "a form may have one `file` only"));
            }
            Some("file") => {
                found = true;
                take_file(&mut new, field).await?;
            }
            Some("purpose") => new.purpose = field.text().await.map_err(broken)?,
            other => {
                let name: String = other.unwrap_or_default().chars().take(64).collect();
                let message = format!("`{name}` is not known: a form has a `file` and a `purpose`");
                return Err(Error::invalid(name, message));
            }
        }
    }
    if found { Ok(new) } else { Err(Error::invalid("file", "the form has no `file`")) }
}

async fn take_file(new: &mut NewFile, field: Field<'_>) -> Result<()> {
    if let Some(name) = field.file_name().filter(|name| !name.is_empty()) {
        new.filename = name.to_owned();
    }
    new.media_type = field.content_type().map_or_else(|| ANYTHING.to_owned(), ToString::to_string);
    new.content = field.bytes().await.map_err(broken)?;
    Ok(())
}

fn broken(error: multer::Error) -> Error {
    let message = format!("the form cannot be read: {error}");
    Error::new(Code::InvalidRequest, message).at("file").caused_by(error)
}
