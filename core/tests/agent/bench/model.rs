//! A scripted model, and a scripted web.

use std::{collections::VecDeque, sync::Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Error, Result,
    ports::{ByteStream, HttpClient},
};
use futures::{StreamExt, future::pending, stream};
use http::{Method, Request, Response, header::CONTENT_TYPE};
use serde_json::{Value, json};

/// What the model does when it is asked.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It says this, and makes these calls: id, name, arguments.
    Says(&'static str, Vec<(&'static str, &'static str, &'static str)>),
    /// It is cut short by its limit of tokens.
    Cut(&'static str),
    /// It begins to speak, and then is silent.
    Hangs(&'static str),
    /// It cannot be reached.
    Fails,
}

pub(crate) fn says(text: &'static str) -> Reply {
    Reply::Says(text, Vec::new())
}

pub(crate) fn calls<const N: usize>(
    calls: [(&'static str, &'static str, &'static str); N],
) -> Reply {
    Reply::Says("", calls.to_vec())
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) script: Mutex<VecDeque<Reply>>,
    pub(super) bodies: Mutex<Vec<Value>>,
    /// What the web answers. Nothing more: it cannot be reached.
    pub(super) web: Mutex<VecDeque<&'static str>>,
    pub(super) fetched: Mutex<Vec<String>>,
}

#[async_trait]
impl HttpClient for Model {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        if request.method() == Method::GET {
            return self.fetch(&request);
        }
        self.bodies.lock().unwrap().push(serde_json::from_slice(request.body()).unwrap());
        let reply = self.script.lock().unwrap().pop_front().expect("nobody scripted an answer");
        let (deltas, reason) = match &reply {
            Reply::Says(text, calls) => {
                let reason = if calls.is_empty() { "stop" } else { "tool_calls" };
                (deltas(text, calls), Some(reason))
            }
            Reply::Cut(text) => (deltas(text, &[]), Some("length")),
            Reply::Hangs(text) => (deltas(text, &[]), None),
            Reply::Fails => {
                let error = Error::new(dormouse_core::Code::UpstreamUnreachable, "it is gone");
                return Err(error);
            }
        };
        let chunk = |choice: Value| {
            let object = json!({ "id": "chatcmpl-1", "model": "m", "choices": [choice] });
            format!("data: {object}\n\n")
        };
        let mut body: String =
            deltas.into_iter().map(|delta| chunk(json!({ "index": 0, "delta": delta }))).collect();
        if let Some(reason) = reason {
            body += &chunk(json!({ "index": 0, "delta": {}, "finish_reason": reason }));
            let usage = json!({ "prompt_tokens": 10, "completion_tokens": 2 });
            body += &format!("data: {}\n\n", json!({ "choices": [], "usage": usage }));
            body += "data: [DONE]\n\n";
        }
        let said = stream::iter([Ok(Bytes::from(body))]);
        let rest = stream::once(async move {
            if reason.is_none() {
                pending::<()>().await;
            }
            Ok(Bytes::new())
        });
        let response = Response::builder().header(CONTENT_TYPE, "text/event-stream");
        Ok(response.body(said.chain(rest).boxed()).unwrap())
    }
}

impl Model {
    fn fetch(&self, request: &Request<Bytes>) -> Result<Response<ByteStream>> {
        self.fetched.lock().unwrap().push(request.uri().to_string());
        let Some(page) = self.web.lock().unwrap().pop_front() else {
            return Err(Error::new(dormouse_core::Code::UpstreamUnreachable, "it is gone"));
        };
        let kind = if page.starts_with('{') { "application/json" } else { "text/plain" };
        let body = stream::iter([Ok(Bytes::from_static(page.as_bytes()))]);
        Ok(Response::builder().header(CONTENT_TYPE, kind).body(body.boxed()).unwrap())
    }
}

/// One word at a time, as models speak.
fn deltas(text: &str, calls: &[(&str, &str, &str)]) -> Vec<Value> {
    let words = text.split_inclusive(' ').filter(|word| !word.is_empty());
    let mut deltas = vec![json!({ "role": "assistant", "content": "" })];
    deltas.extend(words.map(|word| json!({ "content": word })));
    for (index, (id, name, arguments)) in calls.iter().enumerate() {
        let function = json!({ "name": name, "arguments": "" });
        let begun = json!({ "index": index, "id": id, "type": "function", "function": function });
        deltas.push(json!({ "tool_calls": [begun] }));
        let more = json!({ "index": index, "function": { "arguments": arguments } });
        deltas.push(json!({ "tool_calls": [more] }));
    }
    deltas
}
