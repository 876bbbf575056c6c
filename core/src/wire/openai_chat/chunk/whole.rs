//! The whole answer that nearly every one is: one choice that says something, and its counts.
//! [`Reader::read`] says the same of such an answer.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Assembly, MAX_CHOICES, MESSAGE, Out, Reader, Voice, finish_reason};
use crate::{
    Result,
    chat::{Dialect, Event, FinishReason},
    wire::{
        openai_chat::usage,
        plain::{Skipped, Text},
    },
};

/// A field of any other name makes an answer unusual, and so does a field that comes twice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(rename = "object")]
    _object: Option<Skipped>,
    created: Option<u64>,
    #[serde(borrow)]
    model: Text<'a>,
    #[serde(borrow)]
    choices: [Choice<'a>; 1],
    usage: Option<Map<String, Value>>,
    #[serde(borrow)]
    service_tier: Option<Text<'a>>,
    #[serde(borrow)]
    system_fingerprint: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    message: Message<'a>,
    #[serde(rename = "logprobs")]
    _logprobs: Option<()>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Message<'a> {
    #[serde(rename = "role")]
    _role: Option<Skipped>,
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(rename = "refusal")]
    _refusal: Option<()>,
    /// OpenAI's own answers have an empty list.
    annotations: Option<[Skipped; 0]>,
    #[serde(rename = "tool_calls")]
    _tool_calls: Option<()>,
    #[serde(rename = "function_call")]
    _function_call: Option<()>,
    #[serde(rename = "audio")]
    _audio: Option<()>,
}

impl Reader {
    /// Takes a whole answer if it is a plain one. `None`: it is not, and nothing was taken.
    pub(in super::super) fn whole(&mut self, body: &[u8], out: &mut Out) -> Option<Result<()>> {
        let plain: Plain<'_> = serde_json::from_slice(body).ok()?;
        let [choice] = &plain.choices;
        let fits = self.dialect == Dialect::OpenAiChat && u64::from(choice.index) < MAX_CHOICES;
        fits.then(|| self.take(plain, out))
    }

    fn take(&mut self, plain: Plain<'_>, out: &mut Out) -> Result<()> {
        let Plain { id, created, model, choices: [choice], service_tier, .. } = plain;
        let (id, model) = (id.0.into_owned(), model.0.into_owned());
        out.events.push(Event::Start { id, model, created });
        let told =
            [("service_tier", service_tier), ("system_fingerprint", plain.system_fingerprint)];
        let told =
            told.into_iter().filter_map(|(field, text)| Some((field.to_owned(), text?.0.into())));
        self.extension(None, told.collect(), out);
        self.only(choice, out)?;
        if let Some(usage) = plain.usage.as_ref().and_then(usage::reported) {
            self.count(usage, out);
        }
        Ok(())
    }

    fn only(&mut self, choice: Choice<'_>, out: &mut Out) -> Result<()> {
        let Choice { index, message, finish_reason: reason, .. } = choice;
        if message.annotations.is_some() {
            let none = Map::from_iter([("annotations".to_owned(), Value::Array(Vec::new()))]);
            let fields = Map::from_iter([(MESSAGE.to_owned(), none.into())]);
            self.extension(Some(index), fields, out);
        }
        let assembly = self.choices.entry(index).or_insert_with(|| Assembly::new(index));
        let said = [(Voice::Reasoning, message.reasoning_content), (Voice::Text, message.content)];
        for (voice, text) in said {
            assembly.say(voice, text.map(|text| text.0).unwrap_or_default(), out)?;
        }
        let reason = reason.filter(|reason| !reason.0.is_empty());
        let reason = reason.map(|reason| finish_reason(reason.0.into_owned()));
        assembly.finish(reason.unwrap_or(FinishReason::Stop), out)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Shape, *};

    fn read(body: &str) -> (Vec<Event>, bool) {
        let mut out = Out::default();
        let object = serde_json::from_str(body).unwrap();
        Reader::default().read(object, Shape::Whole, &mut out).unwrap();
        (out.events, out.inexact)
    }

    fn plain(body: &str) -> Option<(Vec<Event>, bool)> {
        let mut out = Out::default();
        Reader::default().whole(body.as_bytes(), &mut out)?.unwrap();
        Some((out.events, out.inexact))
    }

    #[test]
    fn a_plain_answer_means_what_it_means_to_the_reader_of_all_answers() {
        for body in [
            r#"{"id":"1","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Well"},"finish_reason":"stop"}],"usage":{"prompt_tokens":24,"completion_tokens":64,"total_tokens":88}}"#,
            r#"{"id":"1","object":"chat.completion","created":7,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"\"é\u00e9","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}},"service_tier":"default","system_fingerprint":"f"}"#,
            r#"{"id":"1","created":null,"model":"m","choices":[{"message":{"reasoning_content":"Hm","content":"Well","tool_calls":null,"function_call":null,"audio":null},"finish_reason":null}],"usage":null,"service_tier":null}"#,
            r#"{"id":"1","model":"m","choices":[{"index":3,"message":{"content":""},"finish_reason":""}],"usage":{}}"#,
            r#"{"id":"","model":"","choices":[{"message":{"content":null},"finish_reason":"odd"}],"system_fingerprint":"f"}"#,
        ] {
            assert_eq!(plain(body), Some(read(body)), "{body}");
        }
    }

    #[test]
    fn whatever_says_more_is_not_plain() {
        for body in [
            r#"{"id":"1","model":"m","choices":[]}"#,
            r#"{"id":"1","model":"m","choices":[{"message":{"content":"a"}},{"message":{"content":"b"}}]}"#,
            r#"{"id":"1","model":"m","choices":[{"index":128,"message":{"content":"a"}}]}"#,
            r#"{"id":"1","model":"m","choices":[{"message":{"content":["a"]}}]}"#,
            r#"{"id":"1","model":"m","choices":[{"message":{"content":"a","refusal":"no"}}]}"#,
            r#"{"id":"1","model":"m","choices":[{"message":{"content":"a","annotations":[{}]}}]}"#,
            r#"{"id":"1","model":"m","choices":[{"message":{"content":"a","tool_calls":[]}}]}"#,
            r#"{"id":"1","model":"m","choices":[{"message":{"content":"a","content":"b"}}]}"#,
            r#"{"id":"1","model":"m","choices":[{"message":{"content":"a"},"logprobs":{}}]}"#,
            r#"{"id":"1","model":"m","choices":[{"message":{"content":"a"}}],"timings":{}}"#,
            r#"{"id":"1","model":"m","choices":[{"message":{"content":"a"}}],"error":{}}"#,
            r#"{"id":"1","model":"m","choices":[{"message":{"content":"a"}}],"usage":[]}"#,
            r#"{"id":"1","model":"m","created":1.0,"choices":[{"message":{"content":"a"}}]}"#,
            r#"{"id":1,"model":"m","choices":[{"message":{"content":"a"}}]}"#,
            r#"{"model":"m","choices":[{"message":{"content":"a"}}]}"#,
            r#"{"id":"1","model":"m","choices":[{"message":{"content":"a"}}]} {}"#,
        ] {
            assert_eq!(plain(body), None, "{body}");
        }
    }

    #[test]
    fn a_text_completion_is_not_plain() {
        let body = br#"{"id":"1","model":"m","choices":[{"message":{"content":"a"}}]}"#;
        let mut reader = Reader::of(Dialect::OpenAiCompletions);
        assert!(reader.whole(body, &mut Out::default()).is_none());
    }
}
