//! A sandbox for gateways elsewhere: `dormouse sandbox serve`.
//!
//! One route, `POST /sandbox/v1`, for those who have the key, and `GET /healthz` for everybody. What is said
//! there is in [`dormouse_core::sandbox::wire`]. A caller that leaves ends what it called for, its program too.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    inference::Deadline,
    keys::Fingerprint,
    ports::{Host, Limits, Sandbox},
    sandbox::{
        serve,
        wire::{self, Call, MEDIA_TYPE, Reply},
    },
    settings::{Settings, Size},
};
use http::{HeaderMap, header::CONTENT_TYPE};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{body, caller, problem, problem::Problem, state};

/// How many calls are taken at once for each program that may run: most are about files, or wait.
const CALLS_PER_RUN: usize = 8;

/// The most that is kept of what a program prints, in bytes.
const MOST_OUTPUT: usize = 16 << 20;

/// A sandbox, and for whom it is.
#[derive(Clone, Debug)]
struct Served {
    sandbox: Arc<dyn Sandbox>,
    host: Arc<dyn Host>,
    key: Fingerprint,
    settings: Arc<Settings>,
    calls: Arc<AtomicUsize>,
    most: usize,
}

/// The routes of a sandbox for others. `runs` is how many programs it runs at once.
///
/// # Errors
/// [`InvalidRequest`](Code::InvalidRequest) that names `DORMOUSE_SANDBOX_KEY`, which must be set.
pub fn sandbox_router(
    sandbox: Arc<dyn Sandbox>,
    host: Arc<dyn Host>,
    settings: Settings,
    runs: u32,
) -> Result<Router> {
    let name = "DORMOUSE_SANDBOX_KEY";
    let key = settings.sandbox_key.as_ref().ok_or_else(|| {
        Error::invalid(name, format!("{name} must be set: nobody is served without it"))
    })?;
    let key = Fingerprint::of(key.expose());
    let most = usize::try_from(runs).unwrap_or(usize::MAX).saturating_mul(CALLS_PER_RUN);
    let calls = Arc::default();
    let served = Served { sandbox, host, key, settings: Arc::new(settings), calls, most };
    Ok(Router::new()
        .route(wire::PATH, post(answer))
        .route("/healthz", get(state::healthz))
        .layer(CatchPanicLayer::custom(problem::panicked))
        .with_state(served))
}

async fn answer(
    State(served): State<Served>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let known = caller::credential(&headers).is_some_and(|given| served.key.matches(given));
    if !known {
        let message = "this needs the key that the sandbox was given";
        return Err(Error::new(Code::Unauthenticated, message).into());
    }
    let _place = Place::take(&served)?;
    let (mut call, content) = read(&served, body).await?;
    if let Call::Run { limits, .. } = &mut call {
        bound(limits, &served.settings);
    }
    let (reply, content) = serve(&*served.sandbox, call, content).await;
    if let Reply::Failed { code, message, .. } = &reply {
        tracing::info!(code, message, "a call failed");
    }
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], wire::encode(&reply, &content)?).into_response())
}

/// A caller may ask for less than the operator allows, not for more.
fn bound(limits: &mut Limits, settings: &Settings) {
    let most = settings.sandbox_limits();
    limits.time = limits.time.min(settings.request_timeout);
    limits.memory = limits.memory.min(most.memory);
    limits.processes = limits.processes.min(most.processes);
    limits.disk = limits.disk.min(most.disk);
    limits.output = limits.output.min(MOST_OUTPUT);
}

async fn read(served: &Served, body: Body) -> Result<(Call, Bytes)> {
    let settings = &served.settings;
    // An archive is somewhat larger than what it holds, and so is a call than its content.
    let limit = Size(settings.sandbox_disk.0.saturating_mul(2).saturating_add(1 << 20));
    let deadline = Deadline::after(Arc::clone(&served.host), settings.request_timeout);
    wire::decode(body::within(&deadline, body, limit).await?)
}

/// One of the calls that are taken at once, until it is dropped.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(served: &Served) -> Result<Self> {
        let before = served.calls.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(&served.calls));
        if before < served.most {
            return Ok(place);
        }
        let wait = std::time::Duration::from_secs(1);
        Err(Error::new(Code::Busy, "the sandbox has too many calls").retry_after(wait))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
