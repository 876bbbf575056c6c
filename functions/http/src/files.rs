//! `/v1/files` and `/v1/images`: files and pictures that a tenant keeps, to be named by id in requests.
//!
//! In the shape of OpenAI's API (<https://platform.openai.com/docs/api-reference/files>), or of Anthropic's
//! (<https://docs.anthropic.com/en/api/files-list>) for its clients. Both kinds have the same handlers;
//! `PICTURES` says which is meant.

mod shape;
mod upload;

use axum::{
    Extension, Json,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use dormouse_core::{
    Error, Result,
    chat::Dialect,
    files::{File, Shelf},
    gateway::Gateway,
    ports::Page,
};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    body,
    caller::Authenticated,
    dialect::Spoken,
    extract::{Path, Query},
    problem::Problem,
};

/// Handlers of files.
pub(crate) const FILES: bool = false;
/// Handlers of pictures.
pub(crate) const PICTURES: bool = true;

/// How many files a page has at most.
const MAX_PAGE: u32 = 999;
/// How many pages are read at most to find files of one purpose.
const MAX_SCANNED: usize = 10;

/// Which files to list. OpenAI's and Anthropic's clients have different words for it.
#[derive(Debug, Deserialize)]
pub(crate) struct Selection {
    after: Option<String>,
    after_id: Option<String>,
    before_id: Option<String>,
    limit: Option<u32>,
    order: Option<String>,
    purpose: Option<String>,
}

/// What is said of content that is sent as it is.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Named {
    filename: Option<String>,
    purpose: Option<String>,
}

/// Keeps a file.
pub(crate) async fn upload<const PICTURES: bool>(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Extension(Spoken { dialect, .. }): Extension<Spoken>,
    Query(named): Query<Named>,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let (parts, body) = request.into_parts();
    let body = body::read(&gateway, body).await?;
    let new = upload::read(&parts.headers, named, body).await?;
    let file = gateway.keep_file(&caller.tenant, shelf(PICTURES), new).await?;
    Ok(Json(shape::describe(&file, dialect)))
}

/// Lists files, the newest first unless the caller says otherwise.
pub(crate) async fn list<const PICTURES: bool>(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Extension(Spoken { dialect, .. }): Extension<Spoken>,
    Query(selection): Query<Selection>,
) -> Result<Json<Value>, Problem> {
    let usual = if dialect == Dialect::Anthropic { 20 } else { MAX_PAGE };
    let limit = selection.limit.unwrap_or(usual).clamp(1, MAX_PAGE);
    let descending = match selection.order.as_deref() {
        None | Some("desc") => true,
        Some("asc") => false,
        Some(_) => return Err(Error::invalid("order", "`order` must be asc or desc").into()),
    };
    // "After" is in the direction of the list.
    let (further, nearer) = (selection.after.or(selection.after_id), selection.before_id);
    let (after, before) = if descending { (nearer, further) } else { (further, nearer) };
    let mut page = Page { after, before, limit: limit + 1, descending };
    let wanted = |file: &File| selection.purpose.as_ref().is_none_or(|it| *it == file.purpose);
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found: Vec<File> = Vec::new();
    for _ in 0..MAX_SCANNED {
        let files = gateway.files().page(&caller.tenant, shelf(PICTURES), page.clone()).await?;
        let last = files.last().map(|file| file.id.clone());
        let whole = files.len() <= most;
        found.extend(files.into_iter().filter(wanted));
        if whole || found.len() > most {
            break;
        }
        if descending {
            page.before = last;
        } else {
            page.after = last;
        }
    }
    let has_more = found.len() > most;
    found.truncate(most);
    Ok(Json(shape::list(&found, has_more, dialect)))
}

/// Says what is known of a file.
pub(crate) async fn one<const PICTURES: bool>(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Extension(Spoken { dialect, .. }): Extension<Spoken>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let file = gateway.files().get(&caller.tenant, shelf(PICTURES), &id).await?;
    Ok(Json(shape::describe(&file, dialect)))
}

/// Deletes a file.
pub(crate) async fn delete<const PICTURES: bool>(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Extension(Spoken { dialect, .. }): Extension<Spoken>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    gateway.delete_file(&caller.tenant, shelf(PICTURES), &id).await?;
    Ok(Json(shape::deleted(&id, dialect)))
}

/// The content of a file, or one part of it (RFC 9110 §14).
pub(crate) async fn content<const PICTURES: bool>(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (tenant, shelf) = (&caller.tenant, shelf(PICTURES));
    let file = gateway.files().get(tenant, shelf, &id).await?;
    let asked = headers.get(RANGE).and_then(|range| range.to_str().ok());
    let part = asked.and_then(|asked| Part::of(asked, file.bytes));
    if let Some(Part::Beyond) = part {
        let whole = format!("bytes */{}", file.bytes);
        return Ok((StatusCode::RANGE_NOT_SATISFIABLE, [(CONTENT_RANGE, whole)]).into_response());
    }
    let (from, to) = match part {
        Some(Part::Within(from, to)) => (from, to),
        _ => (0, file.bytes),
    };
    let (file, blob) = gateway.files().read(tenant, shelf, &id, Some(from..to)).await?;
    let mut response = Response::new(Body::from_stream(blob.content));
    let headers = response.headers_mut();
    // What a tenant keeps is never a page of ours, whatever it says it is.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    tell(headers, CONTENT_TYPE, &file.media_type);
    tell(headers, CONTENT_LENGTH, &(to - from).to_string());
    if part.is_some() {
        let range = format!("bytes {from}-{}/{}", to.saturating_sub(1), file.bytes);
        tell(headers, CONTENT_RANGE, &range);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

fn tell(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn shelf(pictures: bool) -> Shelf {
    if pictures { Shelf::Images } else { Shelf::Files }
}

/// What a `Range` header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// From one byte to before another.
    Within(u64, u64),
    /// Nothing that is there.
    Beyond,
}

impl Part {
    /// What `asked` means of so many `bytes`. `None`: it is none that has to be understood, or asks for
    /// several parts, and the whole is as right an answer.
    fn of(asked: &str, bytes: u64) -> Option<Self> {
        let (first, last) = asked.strip_prefix("bytes=")?.split_once('-')?;
        if first.is_empty() {
            let count: u64 = last.parse().ok()?;
            let from = bytes.saturating_sub(count);
            return Some(if count == 0 || bytes == 0 {
                Self::Beyond
            } else {
                Self::Within(from, bytes)
            });
        }
        let first: u64 = first.parse().ok()?;
        let last = if last.is_empty() { u64::MAX } else { last.parse().ok()? };
        if last < first {
            return None;
        }
        let to = last.saturating_add(1).min(bytes);
        Some(if first >= bytes { Self::Beyond } else { Self::Within(first, to) })
    }
}

#[cfg(test)]
mod tests {
    use super::Part;

    #[test]
    fn a_range_means_what_rfc_9110_says() {
        for (asked, meant) in [
            ("bytes=0-3", Some(Part::Within(0, 4))),
            ("bytes=4-", Some(Part::Within(4, 10))),
            ("bytes=4-99", Some(Part::Within(4, 10))),
            ("bytes=-3", Some(Part::Within(7, 10))),
            ("bytes=-99", Some(Part::Within(0, 10))),
            ("bytes=10-", Some(Part::Beyond)),
            ("bytes=-0", Some(Part::Beyond)),
            ("bytes=5-4", None),
            ("bytes=0-1,3-4", None),
            ("lines=0-1", None),
            ("bytes=a-b", None),
            ("bytes=18446744073709551615-18446744073709551615", Some(Part::Beyond)),
        ] {
            assert_eq!(Part::of(asked, 10), meant, "{asked}");
        }
    }
}
