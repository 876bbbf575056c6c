//! A sandbox that keeps one notebook for each workspace, and a tool that writes into it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result, chat,
    ports::{Confinement, File, Limits, Program, Ran, Sandbox, Workspace},
    tools::{Context, Output, Tool},
};
use serde_json::{Map, Value, json};

const NOTEBOOK: &str = "notes.txt";

/// The notebooks of one machine.
#[derive(Debug, Default)]
pub(crate) struct Notebooks(Mutex<BTreeMap<String, Bytes>>);

impl Notebooks {
    fn at(&self, workspace: &Workspace) -> Option<Bytes> {
        self.0.lock().unwrap().get(&workspace.name).cloned()
    }

    fn put(&self, workspace: &Workspace, content: Bytes) {
        self.0.lock().unwrap().insert(workspace.name.clone(), content);
    }
}

#[async_trait]
impl Sandbox for Notebooks {
    async fn confinement(&self) -> Result<Confinement> {
        Ok(Confinement::default())
    }

    async fn run(&self, _: &Workspace, _: &Program, _: &Limits) -> Result<Ran> {
        Err(Error::new(Code::Internal, "nothing is run here"))
    }

    async fn read(&self, workspace: &Workspace, _: &str) -> Result<Option<Bytes>> {
        Ok(self.at(workspace))
    }

    async fn write(&self, workspace: &Workspace, _: &str, content: Bytes) -> Result<()> {
        self.put(workspace, content);
        Ok(())
    }

    async fn list(&self, workspace: &Workspace, _: &str) -> Result<Vec<File>> {
        let file = |content: Bytes| File {
            path: NOTEBOOK.to_owned(),
            size: content.len().try_into().unwrap(),
            directory: false,
        };
        Ok(self.at(workspace).map(file).into_iter().collect())
    }

    async fn pack(&self, workspace: &Workspace) -> Result<Bytes> {
        Ok(self.at(workspace).unwrap_or_default())
    }

    async fn unpack(&self, workspace: &Workspace, archive: Bytes) -> Result<()> {
        assert_eq!(self.at(workspace), None, "it is filled when it is empty");
        self.put(workspace, archive);
        Ok(())
    }

    async fn discard(&self, workspace: &Workspace) -> Result<()> {
        self.0.lock().unwrap().remove(&workspace.name);
        Ok(())
    }
}

/// What a tool did.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// The words that it noted, each with the key of its call.
    pub(crate) noted: Mutex<Vec<(String, String)>>,
    /// The call with this number notes its word, and is silent then: 1, 2, 3, …
    pub(crate) hanging: Mutex<Option<usize>>,
}

/// Notes a word, and answers with all that was noted in its workspace.
#[derive(Debug)]
pub(crate) struct Note {
    definition: chat::Tool,
    sandbox: Arc<Notebooks>,
    log: Arc<Log>,
}

impl Note {
    pub(crate) fn new(sandbox: Arc<Notebooks>, log: Arc<Log>) -> Self {
        let word = json!({ "type": "string" });
        let schema =
            json!({ "type": "object", "properties": { "word": word }, "required": ["word"] });
        let definition =
            chat::Tool { name: "note".into(), input_schema: Some(schema), ..chat::Tool::default() };
        Self { definition, sandbox, log }
    }
}

#[async_trait]
impl Tool for Note {
    fn definition(&self) -> &chat::Tool {
        &self.definition
    }

    async fn call(&self, input: Map<String, Value>, context: &Context) -> Output {
        let word = input["word"].as_str().unwrap();
        let key = context.idempotency_key.clone();
        self.log.noted.lock().unwrap().push((word.to_owned(), key));
        let before = self.sandbox.at(&context.workspace).unwrap_or_default();
        let all = [&before[..], word.as_bytes(), b"."].concat();
        self.sandbox.put(&context.workspace, all.clone().into());
        let number = self.log.noted.lock().unwrap().len();
        let hangs = *self.log.hanging.lock().unwrap() == Some(number);
        if hangs {
            futures::future::pending::<()>().await;
        }
        Output::text(String::from_utf8(all).unwrap())
    }
}
