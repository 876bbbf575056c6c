//! What was found, as JSON and as Markdown.

use std::{env, fmt::Write, fs, io};

use serde::{Deserialize, Serialize};

use crate::{
    figures::{self, Figures},
    rows::Row,
};

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) about: About,
    pub(crate) sizes: Vec<Size>,
    pub(crate) starts: Vec<Start>,
    pub(crate) figures: Vec<Figures>,
    pub(crate) rows: Vec<Row>,
}

/// Under which circumstances it was measured.
#[derive(Debug, Serialize)]
pub(crate) struct About {
    date: String,
    commit: String,
    machine: String,
    seconds_per_cell: f64,
    load_average_before: String,
    load_average_after: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Size {
    what: String,
    mb: f64,
}

/// A cold start, as `dormouse-starts` found it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Start {
    what: String,
    median_ms: f64,
    fastest_ms: f64,
    slowest_ms: f64,
}

pub(crate) fn about(seconds: f64, load_before: String) -> io::Result<About> {
    let told = |name: &str| env::var(name).unwrap_or_else(|_| "unknown".into());
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let field = |line: &str| line.split_once(':').map(|(_, value)| value.trim().to_owned());
    let models: Vec<_> = processors
        .lines()
        .filter(|line| line.starts_with("model name"))
        .filter_map(field)
        .collect();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let model = models.first().map_or("unknown", String::as_str);
    Ok(About {
        date: told("BENCH_DATE"),
        commit: told("BENCH_COMMIT"),
        machine: format!("{} × {model}, Linux {}", models.len(), kernel.trim()),
        seconds_per_cell: seconds,
        load_average_before: load_before,
        load_average_after: load_average()?,
    })
}

/// Over 1, 5 and 15 minutes.
pub(crate) fn load_average() -> io::Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}

/// The sizes of what was built, which `BENCH_SIZES` names as `what=path,what=path`.
pub(crate) fn sizes() -> Vec<Size> {
    let named = env::var("BENCH_SIZES").unwrap_or_default();
    let named = named.split(',').filter_map(|it| it.split_once('='));
    named
        .filter_map(|(what, path)| Some(Size { what: what.into(), mb: figures::size(path)? }))
        .collect()
}

/// The cold starts in the file that `BENCH_STARTS` names; none without it.
pub(crate) fn starts() -> io::Result<Vec<Start>> {
    match env::var("BENCH_STARTS").ok().filter(|file| !file.is_empty()) {
        Some(file) => Ok(serde_json::from_str(&fs::read_to_string(file)?)?),
        None => Ok(Vec::new()),
    }
}

impl Report {
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let about = &self.about;
        writeln!(
            out,
            "{}, commit {}, {}; {} s a cell; load average {} before, {} after.\n",
            about.date,
            about.commit,
            about.machine,
            about.seconds_per_cell,
            about.load_average_before,
            about.load_average_after
        )?;
        writeln!(
            out,
            "| answers | connections | target | requests/s | p50 ms | p99 ms | added p50 ms | CPU µs a request | peak RSS MB |\n|---|--:|---|--:|--:|--:|--:|--:|--:|"
        )?;
        for row in &self.rows {
            let optional = |value: Option<f64>, digits| {
                value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
            };
            writeln!(
                out,
                "| {:?} | {} | {} | {:.0} | {:.3} | {:.3} | {:.3} | {} | {} |",
                row.shape,
                row.connections,
                row.target,
                row.requests_per_second,
                row.p50_ms,
                row.p99_ms,
                row.added_p50_ms,
                optional(row.cpu_us_per_request, 0),
                optional(row.peak_rss_mb, 1),
            )?;
        }
        writeln!(
            out,
            "\n| gateway | start to ready ms | idle RSS MB | 1,000 idle streams add MB |\n|---|--:|--:|--:|"
        )?;
        for it in &self.figures {
            writeln!(
                out,
                "| {} | {:.1} | {:.1} | {:.1} |",
                it.store, it.start_to_ready_ms, it.idle_rss_mb, it.idle_streams_mb
            )?;
        }
        writeln!(
            out,
            "\n| cold start to the first byte of an answer | median ms | fastest | slowest |\n|---|--:|--:|--:|"
        )?;
        for it in &self.starts {
            let Start { what, median_ms, fastest_ms, slowest_ms } = it;
            writeln!(out, "| {what} | {median_ms:.1} | {fastest_ms:.1} | {slowest_ms:.1} |")?;
        }
        writeln!(out, "\n| file | MB |\n|---|--:|")?;
        for it in &self.sizes {
            writeln!(out, "| {} | {:.2} |", it.what, it.mb)?;
        }
        Ok(())
    }
}
