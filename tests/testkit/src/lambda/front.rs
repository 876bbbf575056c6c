//! The HTTP side: requests in, events out, answers back.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::task::JoinHandle;

use super::{
    ALB_BODY_LIMIT, EventKind, PAYLOAD_LIMIT, event,
    fleet::{Failure, Fleet},
    instance::{Answer, Instance},
    reply,
    socket::Prompt,
};

#[derive(Clone)]
struct Front {
    kind: EventKind,
    fleet: Arc<Fleet>,
    served: Arc<AtomicU64>,
}

/// Serves on a free loopback port until the returned task is aborted.
pub(super) async fn serve(
    fleet: Arc<Fleet>,
    kind: EventKind,
) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let (listener, address) = Prompt::bind().await?;
    let front = Front { kind, fleet: Arc::clone(&fleet), served: Arc::default() };
    let router = Router::new().fallback(handle).with_state(front);
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            fleet.report(Failure::new("Emulator.Front", error.to_string()));
        }
    });
    Ok((address, task))
}

async fn handle(State(front): State<Front>, request: Request) -> Response {
    let kind = front.kind;
    let (parts, body) = request.into_parts();
    let limit = if kind == EventKind::Alb { ALB_BODY_LIMIT } else { PAYLOAD_LIMIT };
    let Some(body) = read(body, limit).await else {
        return reply::too_large(kind);
    };
    let Some(event) = event::of(kind, &parts, &body) else {
        return reply::no_stage();
    };
    let event = Bytes::from(event.to_string());
    if event.len() > PAYLOAD_LIMIT {
        return reply::too_large(kind);
    }
    reply::of(kind, front.invoke(event).await)
}

impl Front {
    async fn invoke(&self, event: Bytes) -> Answer {
        let Some(lease) = self.fleet.lease().await else {
            return Answer::Failed;
        };
        let number = self.served.fetch_add(1, Ordering::Relaxed);
        let id = format!("00000000-0000-4000-8000-{number:012}");
        let answer = Instance::invoke(lease, id, event).await;
        answer.unwrap_or_else(|_| {
            self.fleet.report(Failure::new("Runtime.ExitError", "the answer never came"));
            Answer::Failed
        })
    }
}

/// The body, or `None` if it is longer than `limit`. It is read to its end in any case: a client
/// that is still sending would not see the answer.
async fn read(body: Body, limit: usize) -> Option<Bytes> {
    let mut pieces = body.into_data_stream();
    let (mut whole, mut length) = (BytesMut::new(), 0usize);
    while let Some(Ok(piece)) = pieces.next().await {
        length = length.saturating_add(piece.len());
        if length <= limit {
            whole.extend_from_slice(&piece);
        }
    }
    (length <= limit).then(|| whole.freeze())
}
