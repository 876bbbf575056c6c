//! One turn: so many callers who ask again as soon as they were answered.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::time::{ClockId, clock_gettime};
use tokio::{sync::Barrier, task};

use crate::{
    gateway::{Failure, Gateway},
    hand::Hand,
};

/// Requests before what is measured. Each of PostgreSQL's connections plans its statements anew after the
/// store was emptied, and the adapter has sixteen.
const WARM: usize = 128;

/// Who reserves and settles.
pub(crate) enum Worker {
    Gateway(Box<Gateway>),
    Hand(Box<Hand>),
}

/// What was found in one turn, or is the median of several.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct Figures {
    /// A request: reserve and settle.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Two for each request.
    pub(crate) commits_per_second: f64,
    /// Of this process, without the store's server.
    pub(crate) cpu_us_per_request: f64,
}

impl Worker {
    async fn request(&mut self) -> Result<(), Failure> {
        match self {
            Self::Gateway(gateway) => gateway.request().await,
            Self::Hand(hand) => hand.request().await,
        }
    }

    /// Warms up, and when all have done so, asks for `time`.
    async fn work(
        mut self,
        all_warm: Arc<Barrier>,
        (warm, time): (usize, Duration),
    ) -> Result<(Vec<Duration>, f64), Failure> {
        let mut warmed = Ok(());
        for _ in 0..warm {
            warmed = warmed.and(self.request().await);
        }
        all_warm.wait().await;
        warmed?;
        let (begun, mut took) = (Instant::now(), Vec::new());
        while begun.elapsed() < time {
            let since = Instant::now();
            self.request().await?;
            took.push(since.elapsed());
            // A store in memory never waits: the others shall have their turn.
            task::yield_now().await;
        }
        let rate = took.len() as f64 / begun.elapsed().as_secs_f64();
        Ok((took, rate))
    }
}

pub(crate) async fn run(workers: Vec<Worker>, time: Duration) -> Result<Figures, Failure> {
    let all_warm = Arc::new(Barrier::new(workers.len()));
    let before = cpu_us();
    let warm = WARM.div_ceil(workers.len().max(1));
    let warmed = warm * workers.len();
    let tasks: Vec<_> = workers
        .into_iter()
        .map(|worker| tokio::spawn(worker.work(Arc::clone(&all_warm), (warm, time))))
        .collect();
    let (mut took, mut rate) = (Vec::new(), 0.0);
    for task in tasks {
        let (durations, requests_per_second) = task.await??;
        took.extend(durations);
        rate += requests_per_second;
    }
    let cpu = cpu_us() - before;
    took.sort_unstable();
    let at = |share: usize| {
        let place = took.len().saturating_sub(1) * share / 100;
        took.get(place).map_or(f64::NAN, |it| it.as_secs_f64() * 1e3)
    };
    Ok(Figures {
        p50_ms: at(50),
        p99_ms: at(99),
        commits_per_second: 2.0 * rate,
        cpu_us_per_request: cpu / (took.len() + warmed) as f64,
    })
}

/// Processor time of this process.
fn cpu_us() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// The median of one figure.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Figures {
    pub(crate) fn medians(turns: &[Self]) -> Self {
        let of = |figure: fn(&Self) -> f64| median(turns.iter().map(figure).collect());
        Self {
            p50_ms: of(|it| it.p50_ms),
            p99_ms: of(|it| it.p99_ms),
            commits_per_second: of(|it| it.commits_per_second),
            cpu_us_per_request: of(|it| it.cpu_us_per_request),
        }
    }
}
