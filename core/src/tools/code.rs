//! `bash` and `python`: code that a model wrote, run in the sandbox.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{Context, Output, Tool, define};
use crate::{
    chat,
    ports::{Ended, Limits, Printed, Program, Ran, Sandbox},
};

/// The longest script of bash, in characters: it is an argument, of which Linux takes 128 KiB.
const MAX_SCRIPT: usize = 30_000;
/// The longest program in Python, in characters.
const MAX_PROGRAM: usize = 256 << 10;
/// How long the sandbox may take to end a program and to report.
const REPORTING: Duration = Duration::from_secs(5);
/// What a tool says that has nowhere to run code or to keep files.
pub(super) const NO_SANDBOX: &str =
    "this gateway has no sandbox, so no code can be run and no files can be kept: go on without";

/// Runs code in one language.
#[derive(Debug)]
pub struct RunCode {
    definition: chat::Tool,
    language: Language,
    sandbox: Option<Arc<dyn Sandbox>>,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
enum Language {
    Bash,
    Python,
}

impl Language {
    /// Which field of the input holds the code.
    fn field(self) -> &'static str {
        match self {
            Self::Bash => "command",
            Self::Python => "code",
        }
    }

    fn program(self, code: &str) -> Program {
        let words = |words: [&str; 3]| words.into_iter().map(str::to_owned).collect();
        match self {
            // What a script calls may read its standard input, and would take a script that stood there.
            Self::Bash => Program { command: words(["bash", "-c", code]), stdin: Bytes::new() },
            // Python has read all of a program before it begins.
            Self::Python => Program {
                command: words(["python3", "-u", "-"]),
                stdin: Bytes::copy_from_slice(code.as_bytes()),
            },
        }
    }
}

impl RunCode {
    /// `bash`, in `sandbox` and within `limits`.
    pub fn bash(sandbox: Option<Arc<dyn Sandbox>>, limits: Limits) -> Self {
        let about = "Runs a command or script with bash in the working directory of this task. Files stay \
            there from call to call. Returns exit status, standard output and standard error.";
        let definition =
            described("bash", about, ("command", "The command or script."), MAX_SCRIPT);
        Self { definition, language: Language::Bash, sandbox, limits }
    }

    /// `python`, in `sandbox` and within `limits`.
    pub fn python(sandbox: Option<Arc<dyn Sandbox>>, limits: Limits) -> Self {
        let about = "Runs a Python 3 program in the working directory of this task. Files stay there from call \
            to call, variables do not: print what you want to see.";
        let definition = described("python", about, ("code", "The program."), MAX_PROGRAM);
        Self { definition, language: Language::Python, sandbox, limits }
    }
}

fn described(name: &str, about: &str, (field, meaning): (&str, &str), most: usize) -> chat::Tool {
    let schema = json!({
        "type": "object",
        "properties": { field: { "type": "string", "maxLength": most, "description": meaning } },
        "required": [field],
        "additionalProperties": false,
    });
    define(name, about, schema)
}

#[async_trait]
impl Tool for RunCode {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    /// Longer than the program's own, so that what it printed until then is told.
    fn time_limit(&self) -> Option<Duration> {
        Some(self.limits.time + REPORTING)
    }

    async fn call(&self, input: Map<String, Value>, context: &Context) -> Output {
        let Some(sandbox) = &self.sandbox else { return Output::failed(NO_SANDBOX) };
        let code = input.get(self.language.field()).and_then(Value::as_str).unwrap_or_default();
        let program = self.language.program(code);
        match sandbox.run(&context.workspace, &program, &self.limits).await {
            Ok(ran) => report(&ran),
            Err(error) => {
                Output::failed(format!("the program could not be run: {}", error.message()))
            }
        }
    }
}

/// What became of a program, for a model to read.
fn report(ran: &Ran) -> Output {
    let (ended, failed) = match ran.ended {
        Ended::Exited(status) => (format!("exit status: {status}"), status != 0),
        Ended::Killed(signal) => (format!("killed by signal {signal}"), true),
        Ended::OutOfTime => {
            (format!("ended: it ran out of time after {:.1} s", ran.time.as_secs_f64()), true)
        }
        Ended::OutOfMemory => ("ended: it ran out of memory".to_owned(), true),
        Ended::OutOfDisk => ("ended: it wrote more than it may keep".to_owned(), true),
    };
    let mut text = ended;
    for (name, printed) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        text.push_str(&section(name, printed));
    }
    Output { is_error: failed, ..Output::text(text) }
}

fn section(name: &str, printed: &Printed) -> String {
    if printed.kept.is_empty() && printed.dropped == 0 {
        return String::new();
    }
    let text = String::from_utf8_lossy(&printed.kept);
    let text = text.trim_end_matches('\n');
    let cut = match printed.dropped {
        0 => String::new(),
        more => format!("\n[{more} more bytes were printed and dropped]"),
    };
    format!("\n{name}:\n{text}{cut}")
}
