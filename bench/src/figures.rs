//! What is measured once: start, idle memory, memory of idle streams, sizes.

use std::{fs, io, time::Duration};

use dormouse_bench::answers;
use futures::future::try_join_all;
use http_body_util::BodyExt;
use serde::Serialize;

use crate::{
    load::Client,
    rows::megabytes,
    target::{self, Site, Store, Target},
};

/// Starts of which the median counts.
const STARTS: usize = 10;
/// Streams that are open at once while nothing comes.
const IDLE_STREAMS: usize = 1000;

/// The figures of one store.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) store: String,
    /// The median from the start of the process to the first 200 from `/healthz`.
    pub(crate) start_to_ready_ms: f64,
    /// Before the first request for an answer.
    pub(crate) idle_rss_mb: f64,
    /// What the streams add to that.
    pub(crate) idle_streams_mb: f64,
}

pub(crate) async fn measure(site: &Site, store: Store) -> io::Result<Figures> {
    let mut starts = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        starts.push(target::start_to_ready(site, store).await?);
    }
    starts.sort_unstable();
    let start = starts.get(STARTS / 2).copied().unwrap_or_default();

    let target = Target::Dormouse(store);
    let running = target.start(site).await?;
    let process = running.process.as_ref().ok_or_else(|| io::Error::other("no process"))?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let idle = process.rss()?;
    let streams = (0..IDLE_STREAMS).map(|_| async {
        let mut client = Client::connect(&running.address).await?;
        let mut body =
            client.send("POST", "/v1/chat/completions", answers::ASK_STALL).await?.into_body();
        // The first chunk has come; no other will.
        let first = body.frame().await.transpose().map_err(io::Error::other)?;
        first.map(|_| (client, body)).ok_or_else(|| io::Error::other("a stream ended at once"))
    });
    let open = try_join_all(streams).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let busy = process.rss()?;
    drop(open);
    Ok(Figures {
        store: target.to_string(),
        start_to_ready_ms: start.as_secs_f64() * 1e3,
        idle_rss_mb: megabytes(idle),
        idle_streams_mb: megabytes(busy.saturating_sub(idle)),
    })
}

/// The size of a file in megabytes; `None` if there is none.
pub(crate) fn size(path: &str) -> Option<f64> {
    fs::metadata(path).ok().map(|it| megabytes(it.len()))
}
