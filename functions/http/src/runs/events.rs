//! The events of a run, for whoever comes late, or again: those that were told, and then those to come.

use std::{convert::Infallible, sync::Arc, time::Duration};

use async_stream::stream;
use axum::{body::Body, extract::State, response::Response};
use bytes::{Bytes, BytesMut};
use dormouse_core::{
    Error, Result,
    gateway::Gateway,
    inference::Deadline,
    runs::{Event, Follow},
    wire::sse,
};
use futures::{
    Stream, StreamExt,
    future::{Either, select},
};
use http::{HeaderMap, HeaderName};

use crate::{answer, caller::Authenticated, extract::Path, problem, problem::Problem};

/// The number of the last event that a client has seen (WHATWG HTML §9.2.4).
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How often is looked for what other processes have told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they were told: each has its number in its data.
    OfResponse,
    /// With their number as their id, by which browsers and other clients of event streams go on by themselves.
    Numbered,
}

/// Streams the events of a run, from the one behind the last that the client has seen.
pub(crate) async fn follow(
    State(gateway): State<Gateway>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let run = gateway.run(&caller.tenant, &id).await?;
    let seen = match headers.get(&LAST_EVENT_ID).filter(|seen| !seen.is_empty()) {
        None => None,
        Some(seen) => {
            Some(seen.to_str().ok().and_then(|seen| seen.trim().parse().ok()).ok_or_else(|| {
                Error::invalid("last-event-id", "`Last-Event-ID` must be the number of an event")
            })?)
        }
    };
    Ok(stream(&gateway, &caller.tenant, &run.id, seen, Form::Numbered))
}

/// The events of a run that is there, from the one behind `seen`, until it is over. A stream lasts no longer than
/// a request may; who is cut off comes again.
pub(crate) fn stream(
    gateway: &Gateway,
    tenant: &str,
    run: &str,
    seen: Option<u64>,
    form: Form,
) -> Response {
    let follow = gateway.runs().follow(tenant, run, seen);
    let events = events(gateway.clone(), follow, form).map(Ok::<_, Infallible>);
    let mut response = Response::new(Body::from_stream(events));
    answer::streams(response.headers_mut());
    response
}

fn events(
    gateway: Gateway,
    mut follow: Follow,
    form: Form,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let host = Arc::clone(gateway.host());
    let (keep_alive, most) = (gateway.settings().keep_alive, gateway.settings().request_timeout);
    let deadline = Deadline::after(Arc::clone(&host), most);
    stream! {
        let mut told = host.elapsed();
        let (mut first, mut over) = (true, false);
        loop {
            // Who listens before it looks misses nothing.
            let heard = gateway.runs().listen();
            let mut looks = std::mem::take(&mut first);
            loop {
                match follow.next().await {
                    Ok(Some(event)) => {
                        looks = true;
                        told = host.elapsed();
                        yield written(event, form);
                    }
                    Ok(None) => break,
                    Err(error) => {
                        problem::log(&error);
                        break;
                    }
                }
            }
            if over {
                break;
            }
            if looks && is_over(&follow).await {
                over = true;
                continue;
            }
            let wait = LOOK_AGAIN.min(keep_alive);
            let waited = select(heard, host.sleep(wait));
            match deadline.within(Duration::MAX, waited).await {
                None => break,
                Some(Either::Left(_)) => {}
                Some(Either::Right(_)) => over = is_over(&follow).await,
            }
            if host.elapsed().saturating_sub(told) >= keep_alive {
                told = host.elapsed();
                yield Bytes::from_static(sse::KEEP_ALIVE);
            }
        }
    }
}

/// Whether nothing more will come. Where that cannot be found out now, it may.
async fn is_over(follow: &Follow) -> bool {
    follow.is_over().await.inspect_err(problem::log).unwrap_or(false)
}

fn written(Event { number, bytes }: Event, form: Form) -> Bytes {
    if form == Form::OfResponse {
        return bytes;
    }
    let mut written = BytesMut::from(format!("id: {number}\n").as_str());
    written.extend_from_slice(&bytes);
    written.freeze()
}
