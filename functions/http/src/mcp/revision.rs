//! Which revision of the protocol a request speaks, and whether its headers say so too.
//!
//! Since 2026-07-28 every request says in `params._meta` who asks and in which revision, and its headers repeat
//! what proxies look at, which must agree with the body (SEP-2243, SEP-2575).

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, StatusCode};
use rmcp::model::{ErrorData, ProtocolVersion, RequestId, RequestMetaObject};
use serde_json::Value;

use super::{answer::Refusal, message::Asked};

const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// Every revision that is spoken here, the oldest first.
pub(super) const SPOKEN: &[ProtocolVersion] = ProtocolVersion::KNOWN_VERSIONS;

/// What a request's context is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifecycle {
    /// A session that began with `initialize`, or nothing: the revisions before 2026-07-28.
    Session,
    /// Each request stands for itself.
    Request,
}

/// The revision that the headers name.
pub(super) fn named(headers: &HeaderMap) -> Option<&str> {
    headers.get(VERSION)?.to_str().ok()
}

/// Refuses headers that name a revision that is not spoken here.
pub(super) fn check_named(headers: &HeaderMap, id: Option<&RequestId>) -> Result<(), Refusal> {
    let Some(value) = headers.get(VERSION) else { return Ok(()) };
    let text = String::from_utf8_lossy(value.as_bytes());
    if SPOKEN.iter().any(|known| known.as_str() == text) {
        return Ok(());
    }
    Err(unspoken(&text, id))
}

/// The revision that `initialize` agrees on: the client's, or else the newest that has a handshake.
pub(super) fn agree(wanted: &ProtocolVersion) -> ProtocolVersion {
    let spoken = SPOKEN.iter().find(|it| *it == wanted && it.has_initialize());
    spoken.cloned().unwrap_or(ProtocolVersion::LATEST_WITH_INITIALIZE)
}

/// How `asked` is to be answered.
pub(super) fn lifecycle(headers: &HeaderMap, asked: &Asked) -> Result<Lifecycle, Refusal> {
    // The handshake is older than what follows; it agrees on a revision itself.
    if asked.method == "initialize" {
        return Ok(Lifecycle::Session);
    }
    let meta = asked.params.get("_meta").and_then(Value::as_object);
    let meta = RequestMetaObject::from(meta.cloned().unwrap_or_default());
    let header = named(headers);
    let modern = |version: &str| version >= ProtocolVersion::NO_INITIALIZE.as_str();
    let concerned = header.is_some_and(modern)
        || meta.protocol_version().is_some()
        || asked.method == "server/discover";
    if !concerned {
        check_named(headers, Some(&asked.id))?;
        return Ok(Lifecycle::Session);
    }
    let id = Some(asked.id.clone());
    let missing = meta.missing_required_keys(&ProtocolVersion::NO_INITIALIZE);
    if !missing.is_empty() {
        let why = format!("Invalid params: `_meta` lacks {}", missing.join(", "));
        return Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            id,
            ErrorData::invalid_params(why, None),
        ));
    }
    let said = meta.protocol_version().unwrap_or_default();
    if header != Some(said.as_str()) {
        return Err(mismatch(id, "MCP-Protocol-Version is not what `_meta` says"));
    }
    if !SPOKEN.contains(&said) {
        return Err(unspoken(said.as_str(), Some(&asked.id)));
    }
    agrees(headers, &METHOD, &asked.method).map_err(|why| mismatch(id.clone(), &why))?;
    if let Some(name) = name(asked) {
        agrees(headers, &NAME, name).map_err(|why| mismatch(id, &why))?;
    }
    Ok(Lifecycle::Request)
}

/// What `Mcp-Name` must repeat.
fn name(asked: &Asked) -> Option<&str> {
    let field = match asked.method.as_str() {
        "tools/call" => "name",
        "resources/read" => "uri",
        _ => return None,
    };
    asked.params.get(field)?.as_str()
}

/// Whether a header is there once, and says what the body says.
fn agrees(headers: &HeaderMap, name: &HeaderName, body: &str) -> Result<(), String> {
    let mut values = headers.get_all(name).iter();
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value,
        (None, _) => return Err(format!("the header {name} is missing")),
        (Some(_), Some(_)) => return Err(format!("the header {name} is there twice")),
    };
    let text = value.to_str().ok().and_then(decoded);
    if text.as_deref() == Some(body) {
        Ok(())
    } else {
        Err(format!("the header {name} is not what the body says"))
    }
}

/// A header's text: what no header can carry as it is comes as `=?base64?…?=`.
fn decoded(text: &str) -> Option<String> {
    match text.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => Some(text.to_owned()),
    }
}

fn mismatch(id: Option<RequestId>, why: &str) -> Refusal {
    let error = ErrorData::header_mismatch(format!("Header mismatch: {why}"), None);
    Refusal::new(StatusCode::BAD_REQUEST, id, error)
}

fn unspoken(text: &str, id: Option<&RequestId>) -> Refusal {
    let wanted = serde_json::from_value(Value::String(text.to_owned())).unwrap_or_default();
    let error = ErrorData::unsupported_protocol_version(wanted, SPOKEN);
    Refusal::new(StatusCode::BAD_REQUEST, id.cloned(), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handshake_ends_in_what_both_speak() {
        for (wanted, agreed) in [
            ("2024-11-05", "2024-11-05"),
            ("2025-03-26", "2025-03-26"),
            ("2025-06-18", "2025-06-18"),
            ("2025-11-25", "2025-11-25"),
            // From here on there is no handshake.
            ("2026-07-28", "2025-11-25"),
            ("1999-01-01", "2025-11-25"),
        ] {
            let wanted: ProtocolVersion = serde_json::from_value(wanted.into()).unwrap();
            assert_eq!(agree(&wanted).as_str(), agreed);
        }
    }

    #[test]
    fn names_that_no_header_can_carry_are_encoded() {
        assert_eq!(decoded("bash").as_deref(), Some("bash"));
        assert_eq!(decoded("=?base64?w6k=?=").as_deref(), Some("é"));
        assert_eq!(decoded("=?base64?!?="), None);
    }
}
