//! A gateway on a scripted provider.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Result,
    gateway::{Gateway, Origin, Ports},
    keys::Caller,
    memory::MemoryRecords,
    ports::{ByteStream, HttpClient},
    rates::Limits,
    settings::Settings,
    wire::{Encode, Opening, openai_responses},
};
use dormouse_testkit::fakes::TestHost;
use futures::{StreamExt, stream};
use http::{Request, Response, header::CONTENT_TYPE};
use serde_json::{Value, json};

/// A provider of chat that plays back its answers in turn, and remembers what it was asked.
#[derive(Debug)]
pub(crate) struct Tape {
    answers: Mutex<Vec<String>>,
    pub(crate) asked: Mutex<Vec<Value>>,
}

#[async_trait]
impl HttpClient for Tape {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        self.asked
            .lock()
            .expect("a lock")
            .push(serde_json::from_slice(request.body()).expect("JSON"));
        let answer = self.answers.lock().expect("a lock").remove(0);
        let kind =
            if answer.starts_with("data:") { "text/event-stream" } else { "application/json" };
        let body = stream::iter([Ok(Bytes::from(answer))]).boxed();
        Ok(Response::builder().header(CONTENT_TYPE, kind).body(body).expect("a response"))
    }
}

/// A chat answer of this message.
pub(crate) fn answer(mut message: Value) -> String {
    message["role"] = "assistant".into();
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "tiny",
        "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5 },
    })
    .to_string()
}

/// A gateway and its surroundings.
pub(crate) struct Bench {
    pub(crate) host: Arc<TestHost>,
    pub(crate) http: Arc<Tape>,
    pub(crate) gateway: Gateway,
}

/// What a caller received, and the error that ended it.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) response: Value,
    pub(crate) error: Option<dormouse_core::Error>,
}

impl Bench {
    pub(crate) fn new(answers: Vec<String>) -> Self {
        Self::set(answers, &[])
    }

    pub(crate) fn set(answers: Vec<String>, set: &[(&str, &str)]) -> Self {
        let host = Arc::new(TestHost::new());
        let records = Arc::new(MemoryRecords::new(host.clone()));
        let http = Arc::new(Tape { answers: Mutex::new(answers), asked: Mutex::default() });
        let settings = Settings::read(|name| match name {
            "DORMOUSE_UPSTREAM" => Some("http://provider.invalid/v1".to_owned()),
            name => set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
        });
        let ports = Ports {
            host: host.clone(),
            http: http.clone(),
            records,
            models: None,
            blobs: None,
            tools: Default::default(),
        };
        let gateway = Gateway::new(settings.expect("settings"), ports).expect("a gateway");
        Self { host, http, gateway }
    }

    /// Runs `work`, and beside it whatever the gateway spawns.
    pub(crate) fn run<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        self.host.run(work)
    }

    /// Asks as `tenant` for a response with this id.
    pub(crate) async fn ask(&self, tenant: &str, id: &str, body: &Value) -> Result<Received> {
        let request = openai_responses::decode_request(&body.to_string().into())?;
        let opening = Opening { id: id.into(), created: 7 };
        let mut encoder = openai_responses::AnswerEncoder::new(&request, &opening);
        let origin = Origin { opening: Some(opening), ..Origin::default() };
        let caller = caller(tenant);
        let mut answer = self.run(Box::pin(self.gateway.chat(&caller, request, origin))).await?;
        let mut sent = Vec::new();
        let mut error = None;
        while let Some(chunk) = self.run(answer.chunks.next()).await {
            match chunk {
                Ok(chunk) => sent.extend_from_slice(&encoder.chunk(&chunk)),
                Err(failed) => {
                    sent.extend_from_slice(&encoder.error(&failed));
                    error = Some(failed);
                }
            }
        }
        sent.extend_from_slice(&encoder.done());
        let sent = String::from_utf8(sent).expect("UTF-8");
        let last = sent.rsplit("data: ").next().expect("an event");
        let last: Value = serde_json::from_str(last).expect("JSON");
        Ok(Received { response: last["response"].clone(), error })
    }

    /// The messages of the provider's last request.
    pub(crate) fn told(&self) -> Value {
        let asked = self.http.asked.lock().expect("a lock");
        asked.last().expect("a request")["messages"].clone()
    }
}

fn caller(tenant: &str) -> Caller {
    Caller {
        tenant: tenant.into(),
        key: "k".into(),
        budget: None,
        limits: Limits::default(),
        mode: None,
        tools: None,
        admin: false,
    }
}
