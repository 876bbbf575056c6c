//! Tools that do what their names say.

use std::{
    fmt,
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use async_trait::async_trait;
use dormouse_core::{
    chat,
    tools::{Context, Output, Tool},
};
use futures::future::pending;
use serde_json::{Map, Value, json};

/// What was done with the tools.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) calls: Mutex<Vec<(String, Context)>>,
    /// Calls that were begun and neither ended nor dropped.
    pub(crate) working: AtomicUsize,
}

/// A tool that does what its name says.
struct Scripted {
    definition: chat::Tool,
    log: Arc<Log>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.definition.name)
    }
}

struct Working<'a>(&'a AtomicUsize);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Tool for Scripted {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    async fn call(&self, input: Map<String, Value>, context: &Context) -> Output {
        self.log.calls.lock().unwrap().push((self.definition.name.clone(), context.clone()));
        self.log.working.fetch_add(1, Ordering::Relaxed);
        let _working = Working(&self.log.working);
        match &*self.definition.name {
            "add" => {
                let number = |field: &str| input[field].as_i64().unwrap();
                Output::text((number("a") + number("b")).to_string())
            }
            "fail" => Output::failed("no such file"),
            "long" => Output::text("x".repeat(100_000)),
            // Ends when another call works beside it.
            "meet" => {
                while self.log.working.load(Ordering::Relaxed) < 2
                    && self.log.calls.lock().unwrap().len() < 2
                {
                    again().await;
                }
                Output::text("met")
            }
            _ => pending().await,
        }
    }
}

/// Lets others work first.
async fn again() {
    let mut polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

pub(super) fn tool(name: &str, log: &Arc<Log>) -> Arc<dyn Tool> {
    let number = json!({ "type": "integer" });
    let schema = match name {
        "add" => json!({
            "type": "object", "properties": { "a": number, "b": number }, "required": ["a", "b"],
        }),
        _ => json!({ "type": "object", "properties": {} }),
    };
    let definition = chat::Tool {
        name: name.to_owned(),
        description: Some(format!("to {name}")),
        input_schema: Some(schema),
        ..chat::Tool::default()
    };
    Arc::new(Scripted { definition, log: Arc::clone(log) })
}
