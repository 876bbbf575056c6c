//! What the gateway adds to each store: the commits of a request in a conversation, as the ledger and the
//! adapter make them, beside the same statements issued by hand through the plain client library.
//!
//! The two take turns on an emptied store, so that a noisy moment hits both; the medians of the turns count,
//! and of the ratios within a round. Prints tables in Markdown; `BENCH_RESULT` names a file for the figures
//! as JSON, `BENCH_ONLY` the only store, `BENCH_SECONDS` the length of a turn, `BENCH_ROUNDS` their number.

mod gateway;
mod hand;
mod recorded;
mod report;
mod stores;
mod turn;
mod units;

use std::{env, sync::Arc, time::Duration};

use dormouse_core::ports::Host;
use dormouse_host::NativeHost;

use crate::{
    gateway::{Caller, Failure, Gateway, ledger},
    hand::Hand,
    recorded::Request,
    report::{Report, Row},
    stores::Store,
    turn::{Figures, Worker},
};

/// How many callers, and whether each has a budget of its own or all have one.
const CELLS: [(usize, bool); 5] = [(1, false), (16, false), (64, false), (16, true), (64, true)];

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let host: Arc<dyn Host> = Arc::new(NativeHost::default());
    let number = |name: &str, default: f64| match env::var(name) {
        Ok(text) => text.parse().map_err(|error| format!("{name}: {error}")),
        Err(_) => Ok(default),
    };
    let time = Duration::from_secs_f64(number("BENCH_SECONDS", 1.0)?);
    let rounds = number("BENCH_ROUNDS", 7.0)?;
    let mut report = Report::begin(time, rounds)?;
    for store in stores::start(&env::var("BENCH_ONLY").unwrap_or_default(), &host).await? {
        let mut turns = vec![(Vec::new(), Vec::new()); CELLS.len()];
        for round in 0..rounds as usize {
            for (cell, (gateway, hand)) in CELLS.into_iter().zip(&mut turns) {
                // Who is first takes turns, too.
                for by_hand in [round % 2 == 0, round % 2 == 1] {
                    let workers = match by_hand {
                        true => by_hand_workers(&store, cell, &host).await?,
                        false => gateway_workers(&store, cell, &host).await?,
                    };
                    if !workers.is_empty() {
                        let figures = turn::run(workers, time).await?;
                        if by_hand { &mut *hand } else { &mut *gateway }.push(figures);
                    }
                }
            }
        }
        for (cell, (gateway, hand)) in CELLS.into_iter().zip(turns) {
            report.rows.push(row(&store, cell, &gateway, &hand));
        }
    }
    report.units = units::of(&Request::record(&host).await?);
    report.end()
}

async fn gateway_workers(
    store: &Store,
    (callers, own_budgets): (usize, bool),
    host: &Arc<dyn Host>,
) -> Result<Vec<Worker>, Failure> {
    let ledger = ledger(store.adapter(host).await?, host);
    let worker = |number| {
        let caller = Caller::new(number, own_budgets);
        let gateway = Gateway::new(ledger.clone(), Arc::clone(host), caller)?;
        Ok(Worker::Gateway(Box::new(gateway)))
    };
    (0..callers).map(worker).collect()
}

/// None where there is no plain client.
async fn by_hand_workers(
    store: &Store,
    (callers, own_budgets): (usize, bool),
    host: &Arc<dyn Host>,
) -> Result<Vec<Worker>, Failure> {
    let Some(client) = store.plain(host).await? else { return Ok(Vec::new()) };
    let request = Request::record(host).await?;
    let worker = |number| {
        let caller = Caller::new(number, own_budgets);
        let (client, request) = (Arc::clone(&client), request.clone());
        Worker::Hand(Box::new(Hand { client, request, caller, number }))
    };
    Ok((0..callers).map(worker).collect())
}

fn row(
    store: &Store,
    (callers, own_budgets): (usize, bool),
    gateway: &[Figures],
    hand: &[Figures],
) -> Row {
    let ratio = |figure: fn(&Figures) -> f64| {
        let ratios = gateway.iter().zip(hand).map(|(it, hand)| figure(it) / figure(hand));
        (!hand.is_empty()).then(|| turn::median(ratios.collect()))
    };
    Row {
        store: store.name(),
        callers,
        own_budgets,
        gateway: Figures::medians(gateway),
        by_hand: (!hand.is_empty()).then(|| Figures::medians(hand)),
        p50_ratio: ratio(|it| it.p50_ms),
        commits_ratio: ratio(|it| it.commits_per_second),
    }
}
