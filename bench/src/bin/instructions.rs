//! Answers a number of requests in one thread and without a socket, to be counted by callgrind:
//! `instructions whole 1000`, `instructions stream 100`.
//!
//! Everything that the gateway itself does for a request is on: a key with a budget, a price, hold and
//! receipt in the store in memory, metrics, and the log (thrown away). Sockets, the HTTP/1 codec and the
//! client of the upstream are left out: they belong to others.

use std::{
    env,
    error::Error as StdError,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::{Router, body::Body};
use bytes::Bytes;
use dormouse_bench::answers;
use dormouse_core::{
    Result,
    gateway::{Gateway, Ports},
    keys::NewKey,
    memory::MemoryRecords,
    money::NanoDollars,
    ports::{ByteStream, Host, HttpClient, Timestamp},
    settings::Settings,
};
use dormouse_log::json_lines;
use futures::{StreamExt, future::BoxFuture, stream};
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use http_body_util::BodyExt;
use tower::ServiceExt;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

type Failure = Box<dyn StdError + Send + Sync>;

/// A machine that does the same in every run.
#[derive(Debug)]
struct Machine {
    started: Instant,
    drawn: AtomicU64,
}

#[async_trait]
impl Host for Machine {
    fn now(&self) -> Timestamp {
        Timestamp(1_763_700_000_000)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn spawn(&self, work: BoxFuture<'static, ()>) {
        tokio::spawn(work);
    }

    fn random(&self) -> [u8; 32] {
        let mut word = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            word = word.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}

/// An upstream that has every answer ready.
#[derive(Debug)]
struct Ready;

#[async_trait]
impl HttpClient for Ready {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let stream = memchr::memmem::find(request.body(), br#""stream":true"#).is_some();
        let (kind, pieces) = if stream {
            let ends = [answers::USAGE, answers::DONE].map(|it| Bytes::from_static(it.as_bytes()));
            let pieces: Vec<Bytes> = answers::FRAMES.iter().cloned().chain(ends).collect();
            ("text/event-stream", pieces)
        } else {
            ("application/json", vec![answers::WHOLE.clone()])
        };
        let mut response = Response::new(stream::iter(pieces.into_iter().map(Ok)).boxed());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        Ok(response)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let body = match arguments.next().as_deref() {
        Some("whole") => answers::ASK_WHOLE,
        Some("stream") => answers::ASK_STREAM,
        _ => return Err("usage: instructions whole|stream COUNT".into()),
    };
    let count: u32 = arguments.next().ok_or("COUNT is missing")?.parse()?;
    log()?;
    let (router, key) = gateway().await?;
    for _ in 0..count {
        ask(&router, &key, body).await?;
    }
    Ok(())
}

/// As the native hosts log, but to nowhere.
fn log() -> std::result::Result<(), Failure> {
    let filter = EnvFilter::try_new("info")?;
    tracing_subscriber::registry().with(filter).with(json_lines(io::sink)).try_init()?;
    Ok(())
}

async fn gateway() -> Result<(Router, HeaderValue)> {
    let settings = Settings::read(|name| match name {
        "DORMOUSE_UPSTREAM" => Some("http://127.0.0.1:1/v1".into()),
        "DORMOUSE_PRICES" => Some(r#"{"*":{"input":"0.15","output":"0.60"}}"#.into()),
        _ => None,
    })?;
    let host: Arc<dyn Host> =
        Arc::new(Machine { started: Instant::now(), drawn: AtomicU64::default() });
    let records = Arc::new(MemoryRecords::new(Arc::clone(&host)));
    let gateway = Gateway::new(
        settings,
        Ports {
            host,
            http: Arc::new(Ready),
            records,
            models: None,
            blobs: None,
            tools: Default::default(),
        },
    )?;
    let budget = Some(NanoDollars(1_000_000_000_000_000));
    let new = NewKey { tenant: "bench".into(), budget, ..NewKey::default() };
    let (_, key) = gateway.keys().mint(new).await?;
    let key = HeaderValue::try_from(format!("Bearer {key}")).map_err(|error| {
        dormouse_core::Error::new(dormouse_core::Code::Internal, "no header").caused_by(error)
    })?;
    Ok((dormouse_http::router(gateway), key))
}

async fn ask(
    router: &Router,
    key: &HeaderValue,
    body: &'static str,
) -> std::result::Result<(), Failure> {
    let mut request = Request::post("/v1/chat/completions").body(Body::from(body))?;
    request.headers_mut().insert(AUTHORIZATION, key.clone());
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let response = router.clone().oneshot(request).await?;
    let status = response.status();
    let mut body = response.into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await.transpose()? {
        bytes += frame.data_ref().map_or(0, Bytes::len);
    }
    if status != StatusCode::OK || bytes < answers::WHOLE_BYTES {
        return Err(format!("{status} and {bytes} bytes").into());
    }
    Ok(())
}
