//! What streams leave in memory. A process of its own, so that nothing else is measured.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::{fs, pin::pin, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Result,
    chat::{Dialect, Message, Request, Role, StreamOptions},
    gateway::{Gateway, Origin, Ports},
    keys::Caller,
    memory::MemoryRecords,
    ports::{ByteStream, HttpClient},
    rates::Limits,
    settings::Settings,
};
use dormouse_testkit::fakes::TestHost;
use futures::{FutureExt, StreamExt, stream};
use http::{Response, header::CONTENT_TYPE};

/// Streams before memory is measured: what is filled once is full then.
const BEFORE: usize = 500;
const STREAMS: usize = 2_000;
/// The length of each answer, in pieces.
const PIECES: usize = 50;
/// By how much the process may have grown: the receipts that are kept, about a kilobyte each, and what an
/// allocator keeps in hand.
const GROWTH: usize = 10 << 20;

/// A provider that streams.
#[derive(Debug)]
struct Provider;

#[async_trait]
impl HttpClient for Provider {
    async fn send(&self, _: http::Request<Bytes>) -> Result<Response<ByteStream>> {
        let said = "data: {\"id\":\"a\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"squeak, squeak\"}}]}\n\n";
        let end = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        let pieces = vec![Bytes::from(said); PIECES].into_iter().chain([Bytes::from(end)]);
        let body = stream::iter(pieces.map(Ok)).boxed();
        Ok(Response::builder().header(CONTENT_TYPE, "text/event-stream").body(body).unwrap())
    }
}

async fn run<T>(host: &TestHost, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        if let Some(value) = work.as_mut().now_or_never() {
            return value;
        }
        host.run_spawned().await;
    }
}

/// Bytes of memory that the process holds.
fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn t_37_two_thousand_streams_leave_no_memory_behind() {
    let host = Arc::new(TestHost::new());
    let settings = Settings::read(|name| {
        (name == "DORMOUSE_UPSTREAM").then(|| "http://provider.invalid/v1".to_owned())
    });
    let ports = Ports {
        host: host.clone(),
        http: Arc::new(Provider),
        records: Arc::new(MemoryRecords::new(host.clone())),
        models: None,
        blobs: None,
        tools: Default::default(),
    };
    let gateway = Gateway::new(settings.unwrap(), ports).unwrap();
    let caller = Caller {
        tenant: "acme".into(),
        key: "k".into(),
        budget: None,
        limits: Limits::default(),
        mode: None,
        tools: None,
        admin: false,
    };
    let request = Request {
        dialect: Dialect::OpenAiChat,
        model: "m".into(),
        messages: vec![Message::text(Role::User, "Hello")],
        stream: Some(StreamOptions { include_usage: true }),
        ..Request::default()
    };
    let mut before = 0;
    for number in 0..BEFORE + STREAMS {
        if number == BEFORE {
            before = resident();
        }
        // Every one of them is another conversation.
        let origin = Origin { conversation: Some(number.to_string()), ..Origin::default() };
        let asked = gateway.chat(&caller, request.clone(), origin);
        let mut answer = run(&host, asked).await.unwrap();
        while let Some(chunk) = run(&host, answer.chunks.next()).await {
            chunk.unwrap();
        }
        drop(answer);
        host.run_spawned().await;
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < GROWTH, "{STREAMS} streams left {grown} bytes behind");
}
