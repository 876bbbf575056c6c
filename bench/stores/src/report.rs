//! What was found, as Markdown and as JSON.

use std::{env, fs, time::Duration};

use serde::Serialize;

use crate::{gateway::Failure, turn::Figures, units::Item};

/// How much slower the gateway may be than the same by hand.
const AIM: f64 = 1.15;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    date: String,
    commit: String,
    seconds: f64,
    rounds: f64,
    waits_for_the_disk: bool,
    load_average_before: String,
    load_average_after: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) units: Vec<Item>,
}

/// One store with so many callers.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) store: &'static str,
    pub(crate) callers: usize,
    pub(crate) own_budgets: bool,
    pub(crate) gateway: Figures,
    pub(crate) by_hand: Option<Figures>,
    pub(crate) p50_ratio: Option<f64>,
    pub(crate) commits_ratio: Option<f64>,
}

impl Report {
    pub(crate) fn begin(time: Duration, rounds: f64) -> Result<Self, Failure> {
        let word = |name| env::var(name).unwrap_or_default();
        Ok(Self {
            date: word("BENCH_DATE"),
            commit: word("BENCH_COMMIT"),
            seconds: time.as_secs_f64(),
            rounds,
            waits_for_the_disk: env::var_os("BENCH_DURABLE").is_some(),
            load_average_before: load_average()?,
            load_average_after: String::new(),
            rows: Vec::new(),
            units: Vec::new(),
        })
    }

    /// Prints it, and keeps it where `BENCH_RESULT` says.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        self.load_average_after = load_average()?;
        let Self { date, commit, seconds, rounds, .. } = &self;
        let (before, after) = (&self.load_average_before, &self.load_average_after);
        println!(
            "{date}, commit {commit}; {rounds} turns of {seconds} s; load average {before} before, {after} after.\n"
        );
        println!(
            "| store | callers | budgets | gateway p50 ms | p99 ms | commits/s | CPU µs | by hand p50 ms | p99 ms | commits/s | CPU µs | p50, of by hand | commits/s, of by hand |"
        );
        println!("|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        self.rows.iter().for_each(Row::print);
        println!("\n| commit | item | bytes | write units |\n|---|---|--:|--:|");
        for Item { commit, collection, bytes, units } in &self.units {
            println!("| {commit} | {collection} | {bytes} | {units} |");
        }
        let sum: usize = self.units.iter().map(|item| item.units).sum();
        println!("| **both** | | | **{sum}** |");
        if let Some(path) = env::var_os("BENCH_RESULT") {
            fs::write(path, serde_json::to_string_pretty(&self)? + "\n")?;
        }
        Ok(())
    }
}

impl Row {
    fn print(&self) {
        let figures = |it: &Figures| {
            let Figures { p50_ms, p99_ms, commits_per_second, cpu_us_per_request } = it;
            format!("{p50_ms:.3} | {p99_ms:.3} | {commits_per_second:.0} | {cpu_us_per_request:.0}")
        };
        let ratio = |value: Option<f64>, missed: fn(f64) -> bool| {
            let mark = if value.is_some_and(missed) { "**" } else { "" };
            value.map_or_else(|| "–".to_owned(), |value| format!("{mark}{value:.2}{mark}"))
        };
        println!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            self.store,
            self.callers,
            if self.own_budgets { "own" } else { "one" },
            figures(&self.gateway),
            self.by_hand.as_ref().map_or_else(|| "– | – | – | –".to_owned(), figures),
            ratio(self.p50_ratio, |it| it > AIM),
            ratio(self.commits_ratio, |it| it < 1.0 / AIM),
        );
    }
}

/// Over 1, 5 and 15 minutes.
fn load_average() -> Result<String, Failure> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}
