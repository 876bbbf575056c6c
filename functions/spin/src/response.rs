//! Answers, handed to Spin as they are made.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures::{
    FutureExt as _, StreamExt as _,
    future::{Either, select},
};
use http::Response;
use spin_sdk::{
    time::sleep,
    wasip3::{
        http::types::{ErrorCode, Fields, Response as WasiResponse, Trailers},
        wit_bindgen::{FutureWriter, StreamResult, StreamWriter},
        wit_future, wit_stream,
    },
};

use crate::{http_client::remove_headers_of_connections, tasks};

/// How long a client may be gone before that is noticed while there is nothing to send it.
const PROBE: Duration = Duration::from_millis(250);

type End = FutureWriter<Result<Option<Trailers>, ErrorCode>>;

/// Hands over the head of `response`, and sees to it that the body follows.
pub(crate) fn send(response: Response<Body>) -> Result<WasiResponse, ErrorCode> {
    let (mut parts, body) = response.into_parts();
    remove_headers_of_connections(&mut parts.headers);
    let headers = Fields::try_from(parts.headers).map_err(|error| internal(error.to_string()))?;
    let (pieces, reader) = wit_stream::new();
    let (end, ended) = wit_future::new(|| Err(internal("the answer broke off")));
    let (response, _transmitted) = WasiResponse::new(headers, Some(reader), ended);
    response
        .set_status_code(parts.status.as_u16())
        .map_err(|()| internal("a status that HTTP does not have"))?;
    tasks::spawn(write(body, pieces, end).boxed());
    Ok(response)
}

/// Writes `body` until it ends, fails or nobody reads it any more; then drops it.
///
/// That the client has gone shows only when something is written. So while there is nothing to say, an
/// empty piece is: no byte of it reaches the client.
async fn write(body: Body, mut pieces: StreamWriter<u8>, end: End) {
    let mut body = body.into_data_stream();
    let mut probe = Box::pin(sleep(Duration::ZERO));
    loop {
        let heard = match select(body.next(), probe.as_mut()).await {
            Either::Left((None, _)) => break,
            Either::Left((Some(Ok(piece)), _)) => say(&mut pieces, piece).await,
            Either::Left((Some(Err(error)), _)) => {
                // `end` is dropped unwritten: Spin breaks the connection off, so that the client does
                // not take a part for the whole.
                tracing::warn!(%error, "an answer broke off");
                return;
            }
            Either::Right(((), _)) => {
                probe = Box::pin(sleep(PROBE));
                say(&mut pieces, Bytes::new()).await
            }
        };
        if !heard {
            return;
        }
    }
    drop(pieces);
    if end.write(Ok(None)).await.is_err() {
        tracing::debug!("the client left before the end of the answer");
    }
}

/// Writes one piece, and says whether anybody reads.
async fn say(pieces: &mut StreamWriter<u8>, piece: Bytes) -> bool {
    if piece.is_empty() {
        return !matches!(pieces.write(Vec::new()).await, (StreamResult::Dropped, _));
    }
    pieces.write_all(piece.into()).await.is_empty()
}

fn internal(why: impl Into<String>) -> ErrorCode {
    ErrorCode::InternalError(Some(why.into()))
}
