//! `resources/…`: the files of runs, `dormouse://runs/{id}/files/{path}`.
//!
//! A run's files are in the workspace that has its id. A list shows those of the caller's own workspace; what
//! other runs of the same tenant left can be read by whoever knows their ids. Another tenant's are not there.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use dormouse_core::{
    Result as CoreResult,
    gateway::Gateway,
    keys::Caller,
    mcp::{self, Session},
    ports::{File, Sandbox, Workspace},
};
use rmcp::model::{
    ErrorCode, ErrorData, ListResourceTemplatesResult, ListResourcesResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResult, Resource, ResourceContents, ResourceTemplate,
};
use serde_json::{Map, Value, json};

use super::{
    Peer,
    message::params,
    methods::{failed, written},
    page::page,
    revision::Lifecycle,
};

const TEMPLATE: &str = "dormouse://runs/{id}/files/{+path}";
const RUNS: &str = "dormouse://runs/";
const FILES: &str = "/files/";
/// The largest file that is read.
const MAX_BYTES: usize = 16 << 20;

/// Where files are, if there is such a place.
pub(super) fn sandbox(gateway: &Gateway) -> Option<&Arc<dyn Sandbox>> {
    gateway.sandbox()
}

/// Lists the files of the caller's workspace in the order of their paths, a page at a time.
pub(super) async fn list(peer: &Peer, given: Map<String, Value>) -> Result<Value, ErrorData> {
    let params: PaginatedRequestParams = params(given)?;
    let workspace = mcp::workspace(&peer.caller, peer.session.as_ref());
    let sandbox = sandbox(&peer.gateway).ok_or_else(no_sandbox)?;
    let mut files = sandbox.list(&workspace, "").await.map_err(|error| failed(&error))?;
    files.retain(|file| !file.directory);
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let (some, next) = page(files.iter(), |file| &file.path, params.cursor.as_deref())?;
    let described = |file: &File| {
        Resource::new(uri(&workspace.name, &file.path), file.path.clone()).with_size(file.size)
    };
    let mut result = ListResourcesResult::with_all_items(some.into_iter().map(described).collect());
    result.next_cursor = next;
    written(&result)
}

/// Says how the files of runs are named.
pub(super) fn templates(given: Map<String, Value>) -> Result<Value, ErrorData> {
    let _: PaginatedRequestParams = params(given)?;
    let template =
        ResourceTemplate::new(TEMPLATE, "run-files").with_title("Files of runs").with_description(
            "What the tools of a run wrote, by the id of the run and the file's path.",
        );
    written(&ListResourceTemplatesResult::with_all_items(vec![template]))
}

/// Reads a file, as text if it is one.
pub(super) async fn read(peer: &Peer, given: Map<String, Value>) -> Result<Value, ErrorData> {
    let params: ReadResourceRequestParams = params(given)?;
    let uri = params.uri;
    let missing = || {
        let code = match peer.lifecycle {
            Lifecycle::Session => ErrorCode::RESOURCE_NOT_FOUND,
            Lifecycle::Request => ErrorCode::INVALID_PARAMS,
        };
        ErrorData::new(code, "Resource not found", Some(json!({ "uri": uri })))
    };
    let (run, path) = parsed(&uri).ok_or_else(missing)?;
    let workspace = Workspace { tenant: peer.caller.tenant.clone(), name: run };
    let sandbox = sandbox(&peer.gateway).ok_or_else(no_sandbox)?;
    let content = sandbox.read(&workspace, &path).await.map_err(|error| failed(&error))?;
    let content = content.ok_or_else(missing)?;
    if content.len() > MAX_BYTES {
        let why = format!("the file is larger than {MAX_BYTES} bytes, the limit");
        return Err(ErrorData::invalid_params(why, Some(json!({ "uri": uri }))));
    }
    let contents = match str::from_utf8(&content) {
        Ok(text) => ResourceContents::text(text, uri),
        Err(_) => ResourceContents::blob(STANDARD.encode(&content), uri)
            .with_mime_type("application/octet-stream"),
    };
    written(&ReadResourceResult::new(vec![contents]))
}

/// Forgets the files of a session that has ended.
pub(super) async fn forget(
    gateway: &Gateway,
    caller: &Caller,
    session: &Session,
) -> CoreResult<()> {
    match sandbox(gateway) {
        Some(sandbox) => sandbox.discard(&mcp::workspace(caller, Some(session))).await,
        None => Ok(()),
    }
}

fn no_sandbox() -> ErrorData {
    ErrorData::internal_error("this gateway has no sandbox", None)
}

/// The name of a file, RFC 3986.
fn uri(run: &str, path: &str) -> String {
    let mut uri = format!("{RUNS}{run}{FILES}");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// The run and the path that a file's name says.
fn parsed(uri: &str) -> Option<(String, String)> {
    let (run, path) = uri.strip_prefix(RUNS)?.split_once(FILES)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let (run, path) = (run.to_owned(), decoded(path)?);
    (!run.is_empty() && !path.is_empty() && run.bytes().all(fits)).then_some((run, path))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = str::from_utf8(&digits).ok()?;
                u8::from_str_radix(digits, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_path_has_a_name_that_leads_back_to_it(path in ".{1,40}") {
            let uri = uri("run-1", &path);
            prop_assert!(uri.is_ascii());
            prop_assert_eq!(parsed(&uri), Some(("run-1".to_owned(), path)));
        }

        #[test]
        fn no_name_is_too_strange_to_be_refused(text in ".{0,40}") {
            let _ = parsed(&text);
            let _ = parsed(&format!("{RUNS}{text}"));
        }
    }

    #[test]
    fn what_names_no_file_is_not_taken_for_one() {
        for uri in [
            "file:///etc/passwd",
            "dormouse://runs/1",
            "dormouse://runs//files/a",
            "dormouse://runs/1/files/",
            "dormouse://runs/../files/a",
            "dormouse://runs/a/b/files/c",
            "dormouse://runs/1/files/%zz",
            "dormouse://runs/1/files/%f",
        ] {
            assert_eq!(parsed(uri), None, "{uri}");
        }
    }
}
