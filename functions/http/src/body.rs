//! Reading request bodies, within the gateway's limit.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use dormouse_core::{Code, Error, Result, gateway::Gateway, inference::Deadline, settings::Size};
use futures::StreamExt;
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;

/// Reads a whole body, in the time that a request has. A larger one is
/// [`BodyTooLarge`](Code::BodyTooLarge).
///
/// What lies beyond the limit is dropped as it comes, up to as much again: most clients only listen when
/// they have said everything, and a connection that is closed before reaches them as a broken pipe
/// instead of the answer.
pub(crate) async fn read(gateway: &Gateway, body: Body) -> Result<Bytes> {
    let settings = gateway.settings();
    let deadline = Deadline::after(Arc::clone(gateway.host()), settings.request_timeout);
    within(&deadline, body, settings.body_limit).await
}

/// Reads a whole body of at most `limit` before the deadline.
pub(crate) async fn within(deadline: &Deadline, body: Body, limit: Size) -> Result<Bytes> {
    let read = deadline.within(Duration::MAX, collect(body, limit)).await;
    let late = || Err(Error::new(Code::InvalidRequest, "the body did not arrive in time"));
    read.unwrap_or_else(late)
}

async fn collect(body: Body, limit: Size) -> Result<Bytes> {
    let mut pieces = body.into_data_stream();
    let (mut kept, mut length) = (BytesMut::new(), 0_usize);
    while let Some(piece) = pieces.next().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) if is_too_long(&error) => return Err(too_large(limit)),
            Err(error) => {
                let broken = Error::new(Code::InvalidRequest, "the body broke off");
                return Err(broken.caused_by(error));
            }
        };
        length = length.saturating_add(piece.len());
        if length <= limit.0 {
            kept.extend_from_slice(&piece);
        } else if length > limit.0.saturating_mul(2) {
            break;
        }
    }
    if length <= limit.0 { Ok(kept.freeze()) } else { Err(too_large(limit)) }
}

fn too_large(limit: Size) -> Error {
    let message = format!("the body is larger than {} bytes, the limit", limit.0);
    Error::new(Code::BodyTooLarge, message)
}

/// Reads a JSON body into `T`; an error names the field.
pub(crate) async fn json<T: DeserializeOwned>(gateway: &Gateway, body: Body) -> Result<T> {
    let bytes = read(gateway, body).await?;
    let mut json = serde_json::Deserializer::from_slice(&bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = Error::new(Code::InvalidRequest, error.inner().to_string());
        if path == "." { error } else { error.at(path) }
    })?;
    let ended = json.end();
    ended.map_err(|error| Error::new(Code::InvalidRequest, error.to_string()))?;
    Ok(value)
}

/// Whether the body ended at a limit of the server underneath.
fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_long)
}
