//! What it costs to translate between a caller's dialect and a provider's, beside passing through where
//! both are one:
//!
//! - `dialects` measures every pair and prints a table in Markdown; `BENCH_RESULT` names a file for the
//!   figures as JSON.
//! - `dialects CALLER PROVIDER small|large|text|calls COUNT` does one of them again and again, to be
//!   counted by callgrind.
//!
//! A request is read from its bytes and written for the provider. An answer comes in one piece for each
//! frame, is read, and is written for the caller, from its first frame to its end; the figure is that of
//! the whole answer divided by its frames. All is done in one thread and timed by the thread's own
//! processor clock, in turns, so that other work on the machine counts as little as can be. Allocations
//! are counted, not sampled.

use std::{env, error::Error as StdError, fs, hint::black_box};

use bytes::Bytes;
use dormouse_bench::{
    conversations::{self, Size},
    transcripts::{self, Answer},
};
use dormouse_core::{
    chat::{Chunk, Dialect, Grammar, Request},
    wire::{self, Called, Opening, Outgoing, Served, Verbatim},
};
use http::HeaderMap;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde_json::json;

type Failure = Box<dyn StdError + Send + Sync>;

/// The turns of which the median counts.
const ROUNDS: usize = 31;
/// How long a piece of work is repeated in a turn, in nanoseconds.
const TURN_NS: u64 = 2_000_000;
/// What a chunk may cost that is translated, and one that is passed through, in microseconds.
const AIMS_US: (f64, f64) = (5.0, 1.0);

/// What one caller and one provider say to each other.
struct Pair {
    caller: Dialect,
    provider: Dialect,
    served: &'static dyn Served,
    called: &'static dyn Called,
    small: Bytes,
    large: Bytes,
    /// The large request, which the answers are answers to.
    request: Request,
    text: Vec<Bytes>,
    calls: Vec<Bytes>,
}

/// One of the four things that are measured of a pair.
#[derive(Clone, Copy, Debug)]
enum Work {
    Request(Size),
    Answer(Answer),
}

const WORKS: [(&str, Work); 4] = [
    ("small", Work::Request(Size::Small)),
    ("large", Work::Request(Size::Large)),
    ("text", Work::Answer(Answer::Text)),
    ("calls", Work::Answer(Answer::Calls)),
];

/// A pair and its work: what takes turns.
struct Cell<'a> {
    pair: &'a Pair,
    name: &'static str,
    work: Work,
    /// Repetitions in a turn.
    repeated: u64,
    /// Nanoseconds that one repetition took, in each turn.
    turns: Vec<f64>,
}

#[derive(Debug, Serialize)]
struct Figure {
    caller: &'static str,
    provider: &'static str,
    work: &'static str,
    passed: bool,
    /// 1 for a request.
    chunks: usize,
    /// Of a request, or of each chunk.
    cpu_us: f64,
    allocations: f64,
}

fn main() -> Result<(), Failure> {
    let pairs = pairs()?;
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &arguments[..] {
        [] => report(&measure(&pairs)?),
        [caller, provider, work, count] => {
            let pair = pairs
                .iter()
                .find(|it| it.caller.as_str() == caller && it.provider.as_str() == provider);
            let work = WORKS.iter().find(|(name, _)| name == work);
            let (Some(pair), Some((_, work))) = (pair, work) else { return Err(USAGE.into()) };
            repeat(pair, *work, count.parse()?)
        }
        _ => Err(USAGE.into()),
    }
}

const USAGE: &str = "usage: dialects [CALLER PROVIDER small|large|text|calls COUNT]";

fn pairs() -> Result<Vec<Pair>, Failure> {
    let mut pairs = Vec::new();
    for caller in Dialect::ALL {
        for provider in Dialect::ALL {
            let (Some(served), Some(called)) = (wire::served(caller), wire::called(provider))
            else {
                continue;
            };
            let ask = |size| conversations::request(caller, size);
            let (Some(small), Some(large)) = (ask(Size::Small), ask(Size::Large)) else { continue };
            let say = |answer| transcripts::frames(provider, answer);
            let (Some(text), Some(calls)) = (say(Answer::Text), say(Answer::Calls)) else {
                continue;
            };
            let request = served.decode_request(&HeaderMap::new(), &large)?;
            let pair =
                Pair { caller, provider, served, called, small, large, request, text, calls };
            pair.check()?;
            pairs.push(pair);
        }
    }
    Ok(pairs)
}

impl Pair {
    fn passes(&self) -> bool {
        self.caller == self.provider
    }

    fn frames(&self, answer: Answer) -> &[Bytes] {
        match answer {
            Answer::Text => &self.text,
            Answer::Calls => &self.calls,
        }
    }

    fn chunks(&self, work: Work) -> usize {
        match work {
            Work::Request(_) => 1,
            Work::Answer(answer) => self.frames(answer).len(),
        }
    }

    fn run(&self, work: Work) -> Result<(), Failure> {
        match work {
            Work::Request(size) => {
                self.ask(if size == Size::Large { &self.large } else { &self.small })
            }
            Work::Answer(answer) => self.answer(self.frames(answer), |_| Ok(())),
        }
    }

    fn ask(&self, body: &Bytes) -> Result<(), Failure> {
        let request = self.served.decode_request(&HeaderMap::new(), body)?;
        let outgoing = Outgoing {
            model: "bench-2026-01-01",
            max_output_tokens: Some(8192),
            stream: true,
            ..Outgoing::default()
        };
        black_box(self.called.encode_request(&request, &outgoing)?);
        Ok(())
    }

    fn answer(
        &self,
        frames: &[Bytes],
        mut see: impl FnMut(&Chunk) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let verbatim = Verbatim { pass: self.passes(), hide_usage: false };
        let mut decoder = self.called.decoder(verbatim);
        let opening = Opening { id: "CkQYAiJAgCs1le6Pol5Z4".into(), created: 1_763_700_000 };
        let mut encoder = self.served.encoder(&self.request, opening);
        for frame in frames {
            for chunk in decoder.push(frame)? {
                see(&chunk)?;
                black_box(encoder.chunk(&chunk));
            }
            if decoder.is_done() {
                break;
            }
        }
        for chunk in decoder.finish()? {
            see(&chunk)?;
            black_box(encoder.chunk(&chunk));
        }
        black_box(encoder.done());
        Ok(())
    }

    /// What is measured must be what a gateway does: answers are complete and legal, and bytes pass
    /// where they can, and only there.
    fn check(&self) -> Result<(), Failure> {
        for frames in [&self.text, &self.calls] {
            let mut grammar = Grammar::default();
            let mut passed = 0;
            self.answer(frames, |chunk| {
                passed += usize::from(chunk.verbatim.is_some());
                chunk.events.iter().try_for_each(|event| {
                    grammar.check(event).map_err(|rule| format!("{rule}: {event:?}").into())
                })
            })?;
            grammar.complete().map_err(|rule| rule.to_string())?;
            // The chat format's last frame is written anew for every caller.
            let expected = if self.passes() { frames.len() - 1 } else { 0 };
            if passed < expected || (expected == 0 && passed > 0) {
                let (caller, provider) = (self.caller.as_str(), self.provider.as_str());
                return Err(format!("{caller} to {provider}: {passed} chunks passed").into());
            }
        }
        Ok(())
    }
}

fn repeat(pair: &Pair, work: Work, count: u64) -> Result<(), Failure> {
    (0..count).try_for_each(|_| pair.run(work))
}

fn measure(pairs: &[Pair]) -> Result<Vec<Figure>, Failure> {
    let mut cells: Vec<Cell<'_>> = pairs
        .iter()
        .flat_map(|pair| {
            let cell = |(name, work)| Cell { pair, name, work, repeated: 1, turns: Vec::new() };
            WORKS.map(cell)
        })
        .collect();
    for cell in &mut cells {
        let warm = 4;
        cell.time(warm)?;
        cell.repeated = (TURN_NS * warm / cell.time(warm)?.max(1)).max(1);
    }
    for _ in 0..ROUNDS {
        for cell in &mut cells {
            let taken = cell.time(cell.repeated)?;
            cell.turns.push(taken as f64 / cell.repeated as f64);
        }
    }
    cells.into_iter().map(Cell::figure).collect()
}

impl Cell<'_> {
    /// Nanoseconds that so many repetitions take.
    fn time(&self, count: u64) -> Result<u64, Failure> {
        let before = cpu_ns()?;
        repeat(self.pair, self.work, count)?;
        Ok(cpu_ns()?.saturating_sub(before))
    }

    fn figure(mut self) -> Result<Figure, Failure> {
        self.turns.sort_unstable_by(f64::total_cmp);
        let median = self.turns.get(self.turns.len() / 2).copied().unwrap_or_default();
        let mut done = Ok(());
        let counted = allocation_counter::measure(|| done = self.pair.run(self.work));
        done?;
        let chunks = self.pair.chunks(self.work);
        Ok(Figure {
            caller: self.pair.caller.as_str(),
            provider: self.pair.provider.as_str(),
            work: self.name,
            passed: self.pair.passes(),
            chunks,
            cpu_us: median / 1e3 / chunks as f64,
            allocations: counted.count_total as f64 / chunks as f64,
        })
    }
}

/// Processor time of this thread.
fn cpu_ns() -> Result<u64, Failure> {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Ok(u64::try_from(now.tv_sec)? * 1_000_000_000 + u64::try_from(now.tv_nsec)?)
}

fn report(figures: &[Figure]) -> Result<(), Failure> {
    println!(
        "| caller | provider | small request µs | 20 kB request µs | text chunk µs | reasoning and call chunk µs | allocations a chunk, text | reasoning and call |"
    );
    println!("|---|---|--:|--:|--:|--:|--:|--:|");
    for row in figures.chunks(WORKS.len()) {
        let [small, large, text, calls] = row else { return Err("a row is not complete".into()) };
        let over = |figure: &Figure| {
            let aim = if figure.passed { AIMS_US.1 } else { AIMS_US.0 };
            let mark = if figure.cpu_us > aim { "**" } else { "" };
            format!("{mark}{:.2}{mark}", figure.cpu_us)
        };
        println!(
            "| {} | {}{} | {:.1} | {:.1} | {} | {} | {:.1} | {:.1} |",
            small.caller,
            small.provider,
            if small.passed { " (passed through)" } else { "" },
            small.cpu_us,
            large.cpu_us,
            over(text),
            over(calls),
            text.allocations,
            calls.allocations,
        );
    }
    if let Some(path) = env::var_os("BENCH_RESULT") {
        let word = |name| env::var(name).unwrap_or_default();
        let (date, commit) = (word("BENCH_DATE"), word("BENCH_COMMIT"));
        let result =
            json!({ "date": date, "commit": commit, "rounds": ROUNDS, "dialects": figures });
        fs::write(path, serde_json::to_string_pretty(&result)? + "\n")?;
    }
    Ok(())
}
