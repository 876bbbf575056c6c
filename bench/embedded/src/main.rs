//! Measures a model in process beside llama.cpp: see `run`.

use std::{
    error::Error,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use dormouse_local::{Engine, Limits, Piece, Prompt, Threads};
use futures::{StreamExt, executor::block_on};
use serde_json::{Value, json};

/// How often both are asked. The medians are told.
const ROUNDS: usize = 9;
/// How many tokens are answered.
const TOKENS: usize = 256;
const CONTEXT: usize = 2048;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What one answer took.
#[derive(Clone, Copy, Debug)]
struct Took {
    /// Milliseconds until the first token was there.
    first: f64,
    /// Tokens of the prompt a second.
    reading: f64,
    /// Tokens of the answer a second.
    telling: f64,
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, model, threads, script] = arguments.as_slice() else {
        return Err("usage: dormouse-bench-embedded MODEL.gguf THREADS SCRIPT".into());
    };
    let llama = Llama::start(script, model, threads)?;
    let count: usize = threads.parse()?;
    let limits = Limits { threads: count, context: CONTEXT, at_once: 1, kept_bytes: 0 };
    let began = Instant::now();
    let engine = Engine::open(Path::new(model), &Threads::start(count)?, &limits)?;
    let loading = began.elapsed();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut input = 0;
    for round in 0..ROUNDS {
        let text = prompt(round);
        input = engine.tokens(&text)?.len();
        ours.push(in_process(&engine, text.clone())?);
        theirs.push(llama.answer(&text)?);
    }
    let parameters = engine.facts().parameters;
    println!(
        "{parameters} parameters, {threads} threads, a prompt of {input} tokens, {TOKENS} answered; loaded in {:.1} ms",
        loading.as_secs_f64() * 1e3
    );
    println!();
    println!("| | ms to the first token | prompt tokens/s | answer tokens/s |");
    println!("|---|---:|---:|---:|");
    for (name, took) in [("in process", &ours), ("llama.cpp", &theirs)] {
        let median = |of: fn(&Took) -> f64| {
            let mut values: Vec<f64> = took.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        let (first, reading) = (median(|it| it.first), median(|it| it.reading));
        println!("| {name} | {first:.1} | {reading:.0} | {:.0} |", median(|it| it.telling));
    }
    Ok(())
}

/// Another text each round, so that nothing of it is known.
fn prompt(round: usize) -> String {
    let words = (0..64).map(|at| format!("{round} and {} mice ", at * 7 + round));
    words.collect()
}

fn in_process(engine: &Engine, text: String) -> Outcome<Took> {
    let prompt = Prompt { text, max_tokens: Some(TOKENS), ignore_ends: true, ..Prompt::default() };
    block_on(async {
        let began = Instant::now();
        let mut answer = engine.answer(prompt);
        let (mut read, mut input, mut first) = (0.0, 0, None);
        while let Some(piece) = answer.next().await {
            match piece? {
                Piece::Begin { input: tokens, .. } => {
                    (read, input) = (began.elapsed().as_secs_f64(), tokens);
                }
                Piece::Text { .. } | Piece::End(_) => {
                    first.get_or_insert(began.elapsed().as_secs_f64());
                }
            }
        }
        let told = began.elapsed().as_secs_f64() - read;
        Ok(Took {
            first: first.unwrap_or(read) * 1e3,
            reading: input as f64 / read,
            telling: TOKENS as f64 / told,
        })
    })
}

/// A llama.cpp server, which ends with its standard input.
struct Llama {
    address: String,
    process: Child,
}

impl Drop for Llama {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends by itself; if it cannot be waited for, it is gone.
        let _ = self.process.wait();
    }
}

impl Llama {
    fn start(script: &str, model: &str, threads: &str) -> Outcome<Self> {
        let context = CONTEXT.to_string();
        let mut process = Command::new(script)
            .args([model, "--parallel", "1", "--context", &context, "--threads", threads])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let out = process.stdout.take().ok_or("its output is not read")?;
        let mut lines = BufReader::new(out).lines();
        let address = lines.find_map(|line| Some(line.ok()?.split_once("http://")?.1.to_owned()));
        Ok(Self { address: address.ok_or("llama.cpp does not listen")?, process })
    }

    /// What it says itself of the time it took: nothing of HTTP is in it.
    fn answer(&self, text: &str) -> Outcome<Took> {
        let body = json!({
            "prompt": text,
            "n_predict": TOKENS,
            "temperature": 0,
            "ignore_eos": true,
            "cache_prompt": false,
        });
        let body = body.to_string();
        let mut stream = TcpStream::connect(&self.address)?;
        write!(
            stream,
            "POST /completion HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            self.address,
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").ok_or("no answer")?.1;
        let answer: Value = serde_json::from_str(body)?;
        let number = |name: &str| {
            let number = answer.pointer(&format!("/timings/{name}")).and_then(Value::as_f64);
            number.ok_or("it tells no times")
        };
        Ok(Took {
            first: number("prompt_ms")? + number("predicted_per_token_ms")?,
            reading: number("prompt_per_second")?,
            telling: number("predicted_per_second")?,
        })
    }
}
