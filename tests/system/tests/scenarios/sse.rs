//! Reading streamed chat completions (server-sent events, WHATWG HTML §9.2) as they come.

use bytes::Bytes;
use reqwest::Response;
use serde_json::Value;

use crate::stage::within;

/// What a stream says next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// A comment: nothing, but a sign of life.
    Comment,
    /// A chunk of the answer, or an error.
    Data(Value),
    /// `[DONE]`.
    Done,
}

/// The events of a response.
#[derive(Debug)]
pub(crate) struct Events {
    response: Response,
    buffer: Vec<u8>,
    /// Every byte so far.
    pub(crate) raw: Vec<u8>,
}

impl Events {
    /// Those of `response`.
    pub(crate) fn of(response: Response) -> Self {
        Self { response, buffer: Vec::new(), raw: Vec::new() }
    }

    /// The next event; `None` at the end of the response.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|window| window == b"\n\n") {
                let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Some(parse(std::str::from_utf8(&event).unwrap().trim_end()));
            }
            let bytes: Option<Bytes> = within("an event", self.response.chunk()).await.unwrap();
            let Some(bytes) = bytes else {
                assert_eq!(self.buffer, b"", "the stream ended within an event");
                return None;
            };
            self.raw.extend_from_slice(&bytes);
            self.buffer.extend_from_slice(&bytes);
        }
    }

    /// The next chunk, comments passed over.
    pub(crate) async fn data(&mut self) -> Value {
        loop {
            match self.next().await {
                Some(Event::Data(data)) => return data,
                Some(Event::Comment) => {}
                other => panic!("a chunk was due, not {other:?}"),
            }
        }
    }

    /// The next text.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            let data = self.data().await;
            if let Some(text) =
                data["choices"][0]["delta"]["content"].as_str().filter(|it| !it.is_empty())
            {
                return text.to_owned();
            }
        }
    }

    /// Everything up to the end, which must be a single `[DONE]`. Comments are left out.
    pub(crate) async fn rest(&mut self) -> Vec<Value> {
        let mut chunks = Vec::new();
        loop {
            match self.next().await {
                Some(Event::Data(data)) => chunks.push(data),
                Some(Event::Comment) => {}
                Some(Event::Done) => break,
                None => panic!("the stream ended without [DONE], after {chunks:?}"),
            }
        }
        assert_eq!(self.next().await, None, "something follows [DONE]");
        chunks
    }
}

fn parse(event: &str) -> Event {
    if event.starts_with(':') {
        return Event::Comment;
    }
    let data = event.strip_prefix("data:").unwrap_or_else(|| panic!("not an event: {event:?}"));
    match data.trim() {
        "[DONE]" => Event::Done,
        data => {
            Event::Data(serde_json::from_str(data).unwrap_or_else(|_| panic!("not JSON: {data}")))
        }
    }
}

/// All text of a streamed answer.
pub(crate) fn text_of(chunks: &[Value]) -> String {
    chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect()
}

/// The reason for which a streamed answer finished.
pub(crate) fn finish_of(chunks: &[Value]) -> Option<&str> {
    chunks.iter().find_map(|chunk| chunk["choices"][0]["finish_reason"].as_str())
}
