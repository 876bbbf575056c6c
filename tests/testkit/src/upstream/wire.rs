//! What a provider's answers look like on the wire: HTTP/1.1 framing.

use bytes::Bytes;
use http::StatusCode;

/// The last chunk of a chunked body (RFC 9112 §7.1).
pub(super) const END: &[u8] = b"0\r\n\r\n";

/// Status line and headers of an answer whose body has `length` bytes; `None`: comes in chunks.
pub(super) fn head(status: u16, headers: &[(String, String)], length: Option<usize>) -> Bytes {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or("Unknown"));
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&match length {
        Some(length) => format!("content-length: {length}\r\n\r\n"),
        None => "transfer-encoding: chunked\r\n\r\n".to_owned(),
    });
    head.into()
}

/// A chunk of a chunked body.
pub(super) fn chunk(data: &[u8]) -> Bytes {
    let mut framed = format!("{:x}\r\n", data.len()).into_bytes();
    framed.extend_from_slice(data);
    framed.extend_from_slice(b"\r\n");
    framed.into()
}
