//! What a scripted provider answers.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::{
    Gate,
    form::{self, Form, Speech},
    log::Received,
    texts, wire,
};

/// One answer: pieces of bytes, sent one by one, gates between them, and what follows the last.
///
/// Piece 0 is the status line with the headers. Of a streamed answer every event is a piece.
#[derive(Clone, Debug)]
pub struct Answer {
    content: Content,
    gates: Vec<(usize, Gate)>,
    pieces: usize,
    ending: Ending,
}

/// What happens to the connection after an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// It takes further requests.
    #[default]
    KeepAlive,
    /// It is closed.
    Close,
    /// It is reset: the client gets an error instead of an end.
    Reset,
    /// Nothing more comes.
    Stall,
}

#[derive(Clone, Debug)]
enum Content {
    /// Exactly these bytes.
    Raw(Vec<Bytes>),
    /// An answer in the dialect of the request, and in the form that it asks for.
    Speech(Speech),
}

impl Answer {
    /// Exactly `pieces`, not even HTTP if they are not.
    pub fn raw<T: Into<Bytes>>(pieces: impl IntoIterator<Item = T>) -> Self {
        Self::new(Content::Raw(pieces.into_iter().map(Into::into).collect()))
    }

    /// No answer at all: the request is read, then nothing happens.
    pub fn silence() -> Self {
        Self::raw::<Bytes>([]).then(Ending::Stall)
    }

    /// A whole answer of any kind.
    pub fn whole(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self::raw([wire::head(status, &owned(headers), Some(body.len())), body])
    }

    /// A whole JSON answer.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::whole(status, &[("content-type", "application/json")], body.to_string())
    }

    /// A streamed answer of these parts of a `text/event-stream`.
    pub fn stream<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Self {
        let head = wire::head(200, &owned(&[("content-type", "text/event-stream")]), None);
        let chunks = parts.into_iter().map(|part| wire::chunk(part.as_ref()));
        let end = [Bytes::from_static(wire::END)];
        Self::new(Content::Raw([head].into_iter().chain(chunks).chain(end).collect()))
    }

    /// A chat completion that says `text`, in as many deltas if it is streamed. Each counts as a token.
    pub fn text(text: &[&str]) -> Self {
        Self::speech(Speech {
            text: text.iter().map(|&text| text.to_owned()).collect(),
            output_tokens: text.len().try_into().unwrap_or_default(),
            ..Speech::default()
        })
    }

    /// A chat completion that calls tools, by name, with arguments in as many pieces.
    pub fn tool_calls(calls: &[(&str, &[&str])]) -> Self {
        let owned = |pieces: &[&str]| pieces.iter().map(|&piece| piece.to_owned()).collect();
        Self::speech(Speech {
            tools: calls.iter().map(|(name, pieces)| ((*name).to_owned(), owned(pieces))).collect(),
            output_tokens: calls.len().try_into().unwrap_or_default(),
            ..Speech::default()
        })
    }

    /// Reports this usage instead of a counted one. Only answers of a model have any.
    #[must_use]
    pub fn using(mut self, input_tokens: u64, output_tokens: u64) -> Self {
        if let Content::Speech(speech) = &mut self.content {
            speech.input_tokens = input_tokens;
            speech.output_tokens = output_tokens;
        }
        self
    }

    /// Waits at `gate` before the piece at `index`.
    #[must_use]
    pub fn gated(mut self, index: usize, gate: &Gate) -> Self {
        self.gates.push((index, gate.clone()));
        self
    }

    /// Sends only the first `pieces` pieces.
    #[must_use]
    pub fn cut_after(mut self, pieces: usize) -> Self {
        self.pieces = pieces;
        self
    }

    /// Says what happens after the last piece.
    #[must_use]
    pub fn then(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    fn new(content: Content) -> Self {
        Self { content, gates: Vec::new(), pieces: usize::MAX, ending: Ending::default() }
    }

    fn speech(mut speech: Speech) -> Self {
        speech.input_tokens = 10;
        Self::new(Content::Speech(speech))
    }

    /// What is answered without a script: models, an echo, the lengths of texts as vectors, or 404.
    pub(super) fn default_for(request: &Received) -> Self {
        let models = Some(&request.path).filter(|_| request.method == Method::GET);
        if let Some(models) = models.and_then(|path| form::models(path)) {
            return Self::json(200, &models);
        }
        match (&request.method, request.path.as_str()) {
            (&Method::POST, "/v1/completions") => return texts::continuation(request),
            (&Method::POST, "/v1/embeddings") => return texts::embeddings(request),
            _ => {}
        }
        let form = form::of(request).filter(|_| request.method == Method::POST);
        let Some(form) = form else { return Self::no_such_path() };
        let words = format!("You said: {}", form.said(&request.json()).unwrap_or_default());
        Self::text(&words.split_inclusive(' ').collect::<Vec<_>>())
    }

    fn no_such_path() -> Self {
        Self::json(404, &json!({ "error": { "message": "no such path" } }))
    }

    pub(super) fn pieces(&self, request: &Received) -> Vec<Bytes> {
        let mut pieces = match &self.content {
            Content::Raw(pieces) => pieces.clone(),
            Content::Speech(speech) => match form::of(request) {
                Some(form) => chat(speech, request, form),
                None => Self::no_such_path().pieces(request),
            },
        };
        pieces.truncate(self.pieces);
        pieces
    }

    pub(super) fn gates_before(&self, index: usize) -> impl Iterator<Item = &Gate> {
        self.gates.iter().filter(move |(at, _)| *at == index).map(|(_, gate)| gate)
    }

    pub(super) fn gates_at_end(&self, request: &Received) -> impl Iterator<Item = &Gate> {
        let end = self.pieces(request).len();
        self.gates.iter().filter(move |(at, _)| *at >= end).map(|(_, gate)| gate)
    }

    pub(super) fn ending(&self) -> Ending {
        self.ending
    }
}

fn chat(speech: &Speech, request: &Received, form: &dyn Form) -> Vec<Bytes> {
    if !form.streams(request) {
        let body = Bytes::from(form.whole(speech, request).to_string());
        let headers = owned(&[("content-type", "application/json")]);
        return vec![wire::head(200, &headers, Some(body.len())), body];
    }
    let events = form.events(speech, request);
    let head = wire::head(200, &owned(&[("content-type", form.stream_type())]), None);
    let events = events.iter().map(|event| wire::chunk(event.as_bytes()));
    [head].into_iter().chain(events).chain([Bytes::from_static(wire::END)]).collect()
}

fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}
