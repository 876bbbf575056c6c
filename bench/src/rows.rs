//! The table: every target under every load.

use std::{
    io,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    load::{self, Shape},
    process::Process,
    target::{Site, Target},
};

/// How many connections ask at once.
const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// The time of a cell is spread over so many turns, so that a noisy moment hits all targets.
const TURNS: u32 = 2;
/// What a target is given before it is measured: connections opened, code and caches warm.
const WARM_UP: Duration = Duration::from_millis(500);

/// One target under one load.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) shape: Shape,
    pub(crate) connections: usize,
    pub(crate) target: String,
    pub(crate) requests: usize,
    pub(crate) requests_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// More than the upstream alone takes.
    pub(crate) added_p50_ms: f64,
    /// Of the whole proxy; none for the upstream itself.
    pub(crate) cpu_us_per_request: Option<f64>,
    pub(crate) peak_rss_mb: Option<f64>,
}

#[derive(Debug)]
struct Cell {
    target: Target,
    shape: Shape,
    connections: usize,
    latencies: Vec<Duration>,
    time: Duration,
    cpu: Option<Duration>,
    peak: Option<u64>,
}

/// Measures every cell whose name (`Whole 16 dormouse, sqlite`) contains `only`; each gets `time`.
pub(crate) async fn measure(site: &Site, time: Duration, only: &str) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for shape in Shape::ALL {
        for connections in CONNECTIONS {
            let wanted =
                |target: &Target| format!("{shape:?} {connections} {target}").contains(only);
            let targets = Target::ALL.into_iter().filter(wanted);
            let mut cells: Vec<_> =
                targets.map(|target| Cell::new(target, shape, connections)).collect();
            for _ in 0..TURNS {
                for cell in &mut cells {
                    cell.turn(site, time / TURNS).await.map_err(|error| {
                        let target = cell.target;
                        io::Error::other(format!("{target}, {shape:?} × {connections}: {error}"))
                    })?;
                }
            }
            let direct = cells.iter_mut().map(|cell| cell.percentile(50)).next();
            for mut cell in cells {
                let row = cell.row(direct.unwrap_or_default());
                eprintln!("{}", serde_json::to_string(&row)?);
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

impl Cell {
    fn new(target: Target, shape: Shape, connections: usize) -> Self {
        let (latencies, time) = (Vec::new(), Duration::ZERO);
        Self { target, shape, connections, latencies, time, cpu: None, peak: None }
    }

    /// One turn, on a fresh process with a fresh store: no cell pays for what another one left behind.
    async fn turn(&mut self, site: &Site, time: Duration) -> io::Result<()> {
        let running = self.target.start(site).await?;
        let (address, shape, connections) = (&running.address, self.shape, self.connections);
        load::run(address, shape, connections, WARM_UP.min(time)).await?;
        let process = running.process.as_ref();
        process.map(Process::reset_peak).transpose()?;
        let cpu_before = process.map(Process::cpu).transpose()?;
        let before = Instant::now();
        self.latencies.extend(load::run(address, shape, connections, time).await?);
        self.time += before.elapsed();
        if let (Some(process), Some(cpu_before)) = (process, cpu_before) {
            let spent = process.cpu()?.saturating_sub(cpu_before);
            *self.cpu.get_or_insert_default() += spent;
            self.peak = self.peak.max(Some(process.peak_rss()?));
        }
        Ok(())
    }

    /// In milliseconds.
    fn percentile(&mut self, percent: usize) -> f64 {
        self.latencies.sort_unstable();
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).map(|it| it.as_secs_f64() * 1e3).unwrap_or_default()
    }

    fn row(&mut self, direct_ms: f64) -> Row {
        let p50_ms = self.percentile(50);
        let requests = self.latencies.len();
        let count = requests as f64;
        Row {
            shape: self.shape,
            connections: self.connections,
            target: self.target.to_string(),
            requests,
            requests_per_second: count / self.time.as_secs_f64(),
            p50_ms,
            p99_ms: self.percentile(99),
            added_p50_ms: p50_ms - direct_ms,
            cpu_us_per_request: self.cpu.map(|cpu| cpu.as_secs_f64() * 1e6 / count),
            peak_rss_mb: self.peak.map(megabytes),
        }
    }
}

pub(crate) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
