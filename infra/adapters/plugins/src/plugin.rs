//! One program: what it says of itself, and what it answers.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use async_trait::async_trait;
use dormouse_core::{
    chat,
    tools::{Context, Output, Tool, is_tool_name},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::run::{Ended, run};

/// The longest description, in bytes as it is printed.
const MAX_DESCRIPTION: usize = 64 << 10;
/// The most that a program may print as an answer, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// The longest that a program may ask for, in seconds.
const MAX_SECONDS: u64 = 3600;
/// How much of its errors a failure shows, in characters.
const MAX_SHOWN: usize = 500;

/// A program that is a tool.
#[derive(Debug)]
pub(crate) struct Plugin {
    path: PathBuf,
    definition: chat::Tool,
    time_limit: Option<Duration>,
}

/// What a program says of itself.
#[derive(Debug, Deserialize)]
struct Description {
    name: String,
    description: String,
    input_schema: Value,
    timeout_seconds: Option<u64>,
}

impl Plugin {
    /// Asks a program what it is. It answers, or the text says why it is no tool; fails if it cannot be
    /// started.
    pub(crate) async fn describe(
        path: &Path,
        patience: Duration,
    ) -> io::Result<Result<Self, String>> {
        let running = run(path, &["--describe"], &[], MAX_DESCRIPTION);
        Ok(match tokio::time::timeout(patience, running).await {
            Ok(ended) => Self::described(path, &ended?),
            Err(_) => Err("it did not describe itself in time".to_owned()),
        })
    }

    /// What a program that has ended said of itself. An error says why it is no tool.
    fn described(path: &Path, ended: &Ended) -> Result<Self, String> {
        if !ended.succeeded {
            return Err(format!("`--describe` failed: {}", ended.how));
        }
        if ended.flooded {
            return Err(format!("it describes itself in more than {MAX_DESCRIPTION} bytes"));
        }
        let said: Description = serde_json::from_slice(&ended.stdout)
            .map_err(|error| format!("its description cannot be read: {error}"))?;
        if !is_tool_name(&said.name) {
            return Err("its name is not 1 to 64 letters, digits, `_` and `-`".to_owned());
        }
        if said.input_schema.get("type") != Some(&Value::from("object")) {
            return Err("its `input_schema` is not of type object".to_owned());
        }
        if said.timeout_seconds.is_some_and(|it| !(1..=MAX_SECONDS).contains(&it)) {
            return Err(format!("its `timeout_seconds` is not from 1 to {MAX_SECONDS}"));
        }
        let definition = chat::Tool {
            name: said.name,
            description: Some(said.description),
            input_schema: Some(said.input_schema),
            ..chat::Tool::default()
        };
        let time_limit = said.timeout_seconds.map(Duration::from_secs);
        Ok(Self { path: path.to_owned(), definition, time_limit })
    }
}

#[async_trait]
impl Tool for Plugin {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    fn time_limit(&self) -> Option<Duration> {
        self.time_limit
    }

    async fn call(&self, input: Map<String, Value>, context: &Context) -> Output {
        let told = json!({
            "input": input,
            "context": {
                "tenant": context.workspace.tenant,
                "workspace": context.workspace.name,
                "idempotency_key": context.idempotency_key,
            },
        });
        match run(&self.path, &[], told.to_string().as_bytes(), MAX_ANSWER).await {
            Ok(ended) => answer(&ended),
            Err(error) => Output::failed(format!("the tool cannot be run: {error}")),
        }
    }
}

fn answer(ended: &Ended) -> Output {
    if ended.flooded {
        return Output::failed(format!(
            "the tool was ended: it printed more than {MAX_ANSWER} bytes"
        ));
    }
    let said: Option<Map<String, Value>> = serde_json::from_slice(&ended.stdout).ok();
    if let Some(error) = said.as_ref().and_then(|said| said.get("error")) {
        return Output::failed(written(error));
    }
    if !ended.succeeded {
        let errors = String::from_utf8_lossy(&ended.stderr);
        let errors: String = errors.trim().chars().take(MAX_SHOWN).collect();
        return Output::failed(format!("the tool failed: {}\n{errors}", ended.how).trim_end());
    }
    match said.as_ref().and_then(|said| said.get("output")) {
        Some(output) => Output::text(written(output)),
        None => Output::text(String::from_utf8_lossy(&ended.stdout).trim_end()),
    }
}

/// A text as it is, anything else as JSON.
fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
