//! Measures the gateway beside what it is compared with; `bench/run` builds everything and starts it.
//!
//! Everything runs on loopback and for a bounded time. What it finds goes to a JSON file; a table of
//! it, in Markdown, to standard output.

mod figures;
mod load;
mod process;
mod report;
mod rows;
mod target;
mod upstream;

use std::{env, io, time::Duration};

use report::Report;
use target::{Site, Store};

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let variable = |name: &str| env::var(name).ok().filter(|text| !text.is_empty());
    let seconds = variable("BENCH_SECONDS").and_then(|it| it.parse().ok()).unwrap_or(10.0);
    let dormouse = variable("BENCH_DORMOUSE")
        .ok_or_else(|| io::Error::other("BENCH_DORMOUSE must name the binary to measure"))?;
    let nginx = variable("BENCH_NGINX").unwrap_or_else(|| "/usr/sbin/nginx".into());
    let site =
        Site { upstream: upstream::start()?, dormouse: dormouse.into(), nginx: nginx.into() };

    let load_before = report::load_average()?;
    let only = variable("BENCH_ONLY");
    let mut figures = Vec::new();
    if only.is_none() {
        figures.push(figures::measure(&site, Store::Memory).await?);
        figures.push(figures::measure(&site, Store::Sqlite).await?);
    }
    let time = Duration::from_secs_f64(seconds);
    let rows = rows::measure(&site, time, only.as_deref().unwrap_or_default()).await?;
    let report = Report {
        about: report::about(seconds, load_before)?,
        sizes: report::sizes(),
        starts: report::starts()?,
        figures,
        rows,
    };
    println!("{}", report.markdown());
    if let Some(file) = variable("BENCH_RESULT") {
        std::fs::write(&file, serde_json::to_string_pretty(&report)? + "\n")?;
        println!("Written to {file}");
    }
    Ok(())
}
