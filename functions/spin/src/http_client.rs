//! Calls to other servers over `wasi:http`.
//!
//! The manifest's `allowed_outbound_hosts` decides where they may go.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    ports::{ByteStream, HttpClient},
};
use futures::StreamExt as _;
use http::{
    HeaderMap, HeaderName, Request, Response,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE},
};
use http_body_util::{BodyDataStream, Full};
use spin_sdk::wasip3::{
    http::types::{ErrorCode, RequestOptions, RequestOptionsError},
    http_compat::RequestOptionsExtension,
};

/// Headers that belong to a connection, not to a message. `wasi:http` refuses messages that have them.
const OF_CONNECTIONS: [HeaderName; 5] =
    [CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE, HeaderName::from_static("keep-alive")];

/// How long Spin may wait for an upstream that is silent. The gateway has timers of its own, set by
/// its settings; this only keeps Spin's own, shorter ones out of the way.
const SILENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Sends requests through the Spin host.
#[derive(Clone, Debug)]
pub(crate) struct SpinClient {
    connect_timeout: Duration,
}

impl SpinClient {
    pub(crate) fn new(connect_timeout: Duration) -> Self {
        Self { connect_timeout }
    }

    /// The host's timers for a request. What a host does not support it cannot be told.
    fn options(&self) -> Result<RequestOptions> {
        let nanos = |time: Duration| Some(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        let options = RequestOptions::new();
        let told = [
            options.set_connect_timeout(nanos(self.connect_timeout)),
            options.set_first_byte_timeout(nanos(SILENCE)),
            options.set_between_bytes_timeout(nanos(SILENCE)),
        ];
        for answer in told {
            match answer {
                Ok(()) | Err(RequestOptionsError::NotSupported) => {}
                Err(error) => {
                    return Err(Error::new(Code::Internal, "the request's timeouts were refused")
                        .caused_by(error.to_string()));
                }
            }
        }
        Ok(options)
    }
}

#[async_trait]
impl HttpClient for SpinClient {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let (mut parts, body) = request.into_parts();
        remove_headers_of_connections(&mut parts.headers);
        // A body of known length is not chunked: some model servers accept only those.
        parts.headers.insert(CONTENT_LENGTH, body.len().into());
        parts.extensions.insert(RequestOptionsExtension(self.options()?));
        let request = Request::from_parts(parts, Full::new(body));
        let response = spin_sdk::http::send(request).await.map_err(failed)?;
        Ok(response
            .map(|body| BodyDataStream::new(body).map(|piece| piece.map_err(broken)).boxed()))
    }
}

/// Removes what `wasi:http` would refuse.
pub(crate) fn remove_headers_of_connections(headers: &mut HeaderMap) {
    for name in OF_CONNECTIONS {
        headers.remove(name);
    }
}

/// No answer came.
fn failed(error: ErrorCode) -> Error {
    let (code, message) = match &error {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => (
            Code::UpstreamUnreachable,
            "the Spin application may not call the provider: see allowed_outbound_hosts",
        ),
        ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_) => {
            (Code::UpstreamUnreachable, "the provider cannot be reached")
        }
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => {
            (Code::UpstreamTimeout, "the provider did not answer in time")
        }
        _ => (Code::UpstreamFailed, "the provider broke the connection off"),
    };
    Error::new(code, message).caused_by(error)
}

/// An answer had begun.
fn broken(error: ErrorCode) -> Error {
    Error::new(Code::UpstreamFailed, "the provider's answer broke off").caused_by(error)
}
