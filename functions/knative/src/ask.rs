//! `dormouse ask`: one question through the whole gateway, in this process.
//!
//! The answer goes to standard output, and nothing else does. What is done on the way to it, where the gateway runs
//! the tools, goes to standard error.

use std::io::{IsTerminal, Write, stdout};

use axum::body::Body;
use dormouse_core::{
    Code, Error, Result,
    agent::Mode,
    chat::{Chunk, Delta, Event, Extensions},
    gateway::Gateway,
    ports::EmbeddedModel,
    settings::{Secret, Settings},
    wire::{
        Decode, Verbatim,
        openai_chat::{self, AnswerDecoder},
    },
};
use futures::StreamExt;
use http::{Request, Response, header::AUTHORIZATION};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    discover::Answerer,
    signals,
    steps::{Steps, note},
};

/// The tools that a model in process is offered: it is small, and every further one makes its prompt longer and its
/// choice harder.
const TOOLS: [&str; 4] = ["bash", "calculator", "current_time", "python"];

/// Asks, and prints the answer as it comes.
pub(crate) async fn ask(mut settings: Settings, question: &str) -> Result<()> {
    settings.log = format!("error,{}", if settings.log == "info" { "" } else { &settings.log });
    dormouse_wiring::start_logging(&settings)?;
    match Answerer::choose(&mut settings, None).await {
        Answerer::Nobody => {
            return Err(Error::new(Code::UpstreamUnreachable, Answerer::Nobody.to_string()));
        }
        built_in @ Answerer::BuiltIn(_) => note(&built_in.to_string())?,
        Answerer::Named(_) | Answerer::Found { .. } => {}
    }
    let hands = hands(&settings);
    // The question goes the way of every other: with a key, a hold and a receipt.
    let key = dormouse_wiring::random_secret();
    settings.api_key = Some(Secret::new(&key));
    let (gateway, machine) = dormouse_wiring::gateway_on_machine(settings)?;
    let answered = tokio::select! {
        answered = ask_model(&gateway, &key, question, &hands) => answered,
        () = signals::stop() => Err(Error::new(Code::Stopping, "interrupted")),
    };
    machine.stop().await;
    answered
}

/// What the request says of the gateway's own tools. A model in process knows nothing, and has them without being
/// asked; with another one that is a matter of the mode.
fn hands(settings: &Settings) -> Value {
    let in_process = settings.upstream.as_deref().and_then(EmbeddedModel::written).is_some();
    match (settings.mode, in_process) {
        (Mode::Loop, _) => json!({ "mode": "loop", "steps": true }),
        (Mode::Emulate, true) => json!({ "mode": "loop", "steps": true, "tools": TOOLS }),
        (Mode::Emulate, false) => json!({}),
    }
}

async fn ask_model(gateway: &Gateway, key: &str, question: &str, hands: &Value) -> Result<()> {
    let body = json!({
        "model": model(gateway).await?,
        "stream": true,
        "messages": [{ "role": "user", "content": question }],
        "dormouse": hands,
    });
    let request = Request::post("/v1/chat/completions")
        .header(AUTHORIZATION, format!("Bearer {key}"))
        .body(Body::from(body.to_string()))
        .map_err(|error| {
            Error::new(Code::Internal, "the question cannot be sent").caused_by(error)
        })?;
    let response = dormouse_http::router(gateway.clone())
        .oneshot(request)
        .await
        .map_err(|never| match never {})?;
    print(response).await
}

async fn model(gateway: &Gateway) -> Result<String> {
    if let Some(model) = &gateway.settings().default_model {
        return Ok(model.clone());
    }
    let models = gateway.models().await?;
    let first = models.into_iter().next().map(|model| model.id);
    first
        .ok_or_else(|| Error::new(Code::ModelNotFound, "the upstream has no model: load one first"))
}

async fn print(response: Response<Body>) -> Result<()> {
    let (head, body) = response.into_parts();
    let mut body = body.into_data_stream();
    if !head.status.is_success() {
        let mut error = Vec::new();
        while let Some(Ok(bytes)) = body.next().await {
            error.extend_from_slice(&bytes);
        }
        return Err(openai_chat::decode_error(head.status.as_u16(), None, &error));
    }
    let mut decoder = AnswerDecoder::new(Verbatim { pass: false, hide_usage: false });
    let mut printing = Printing::new();
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| {
            Error::new(Code::UpstreamFailed, "the answer broke off").caused_by(error)
        })?;
        printing.show(decoder.push(&bytes)?)?;
    }
    printing.show(decoder.finish()?)?;
    write("\n")
}

/// An answer on its way to whoever asked.
#[derive(Debug)]
struct Printing {
    steps: Steps,
    /// Whether both are read on one screen.
    together: bool,
    /// Whether the last that was printed of the answer is an unfinished line.
    in_line: bool,
}

impl Printing {
    fn new() -> Self {
        Self { steps: Steps::new(), together: stdout().is_terminal(), in_line: false }
    }

    /// Prints the text among `chunks`, and tells the steps.
    fn show(&mut self, chunks: Vec<Chunk>) -> Result<()> {
        for event in chunks.into_iter().flat_map(|chunk| chunk.events) {
            match event {
                Event::PartDelta { delta: Delta::Text(text) | Delta::Refusal(text), .. } => {
                    self.in_line = !text.ends_with('\n');
                    write(&text)?;
                }
                Event::Extension { choice: None, fields, .. } => self.step(&fields)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn step(&mut self, fields: &Extensions) -> Result<()> {
        let Some(step) = fields.0.get("dormouse").and_then(|it| it.get("step")) else {
            return Ok(());
        };
        if self.together && std::mem::take(&mut self.in_line) {
            note("")?;
        }
        self.steps.tell(step)
    }
}

fn write(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| {
        Error::new(Code::Internal, "cannot write to standard output").caused_by(error)
    })
}
