//! The chunk that nearly every chunk is: one more word of one choice, or one more piece of a call, and
//! nothing else that is new. [`Reader::read`] says the same of such a chunk.

use serde::Deserialize;

use super::{CallPiece, Out, Reader, Voice};
use crate::{
    Result,
    chat::Dialect,
    wire::plain::{Skipped, Text},
};

/// A field of any other name makes a chunk unusual, and so does a field that comes twice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<'a> {
    #[serde(rename = "id")]
    _id: Option<Skipped>,
    #[serde(rename = "object")]
    _object: Option<Skipped>,
    #[serde(rename = "created")]
    _created: Option<Skipped>,
    #[serde(rename = "model")]
    _model: Option<Skipped>,
    #[serde(rename = "obfuscation")]
    _obfuscation: Option<Skipped>,
    #[serde(borrow)]
    system_fingerprint: Option<Text<'a>>,
    #[serde(borrow)]
    service_tier: Option<Text<'a>>,
    #[serde(rename = "usage")]
    _usage: Option<()>,
    #[serde(borrow)]
    choices: [Choice<'a>; 1],
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice<'a> {
    #[serde(default)]
    index: u32,
    #[serde(borrow)]
    delta: Delta<'a>,
    #[serde(rename = "logprobs")]
    _logprobs: Option<()>,
    #[serde(rename = "finish_reason")]
    _finish_reason: Option<()>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delta<'a> {
    #[serde(rename = "role")]
    _role: Option<Skipped>,
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(rename = "refusal")]
    _refusal: Option<()>,
    #[serde(borrow)]
    tool_calls: Option<[Call<'a>; 1]>,
    #[serde(rename = "function_call")]
    _function_call: Option<()>,
}

/// A piece of a call that has begun.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call<'a> {
    index: Option<u64>,
    #[serde(rename = "id")]
    _id: Option<()>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    function: Function<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Function<'a> {
    #[serde(rename = "name")]
    _name: Option<()>,
    #[serde(borrow)]
    arguments: Text<'a>,
}

impl Reader {
    /// Takes the next object if it is a plain one. `None`: it is not, and nothing was taken.
    pub(in super::super) fn plain(&mut self, object: &str, out: &mut Out) -> Option<Result<()>> {
        if !self.started || self.dialect != Dialect::OpenAiChat {
            return None;
        }
        let choice = match self.around.as_ref().and_then(|around| around.within(object)) {
            Some(choice) => choice,
            None => self.alone(object)?,
        };
        let Choice { index, delta: Delta { content, reasoning_content, tool_calls, .. }, .. } =
            choice;
        let function =
            |[call]: &[Call<'_>; 1]| call.kind.as_ref().is_none_or(|it| it.0 == "function");
        if !tool_calls.as_ref().is_none_or(function) {
            return None;
        }
        let assembly = self.choices.get_mut(&index).filter(|choice| !choice.finished())?;
        let said = [(Voice::Reasoning, reasoning_content), (Voice::Text, content)];
        let mut said = said.into_iter().filter_map(|(voice, text)| Some((voice, text?)));
        let told = said.try_for_each(|(voice, text)| assembly.say(voice, text.0, out));
        Some(told.and_then(|()| match tool_calls {
            Some([Call { index, function: Function { arguments, .. }, .. }]) => {
                let arguments = arguments.0;
                assembly.call(CallPiece { index, arguments, ..CallPiece::default() }, out)
            }
            None => Ok(()),
        }))
    }

    /// The choice of a chunk that says nothing else.
    fn alone<'a>(&mut self, object: &'a str) -> Option<Choice<'a>> {
        let plain: Plain<'_> = serde_json::from_str(object).ok()?;
        let Plain { system_fingerprint, service_tier, choices: [choice], .. } = plain;
        let told = self.was_told("system_fingerprint", system_fingerprint)
            && self.was_told("service_tier", service_tier);
        if !told {
            return None;
        }
        if self.around.is_none() {
            self.around = Around::of(object);
        }
        Some(choice)
    }

    fn was_told(&self, field: &str, value: Option<Text<'_>>) -> bool {
        value.is_none_or(|value| {
            self.told.get(field).and_then(|told| told.as_str()) == Some(&*value.0)
        })
    }
}

/// The text around the choices of a plain chunk. Where it comes again nothing of it needs to be read, as
/// long as nothing was told since.
#[derive(Debug)]
pub(super) struct Around {
    before: String,
    behind: String,
}

impl Around {
    /// `None`: the choices are not easily found.
    fn of(object: &str) -> Option<Self> {
        let (before, _) = object.split_once(CHOICES)?;
        // Within another object it would be the field of that.
        if before.rfind('{') != Some(0) {
            return None;
        }
        let (before, rest) = object.split_at_checked(before.len() + CHOICES.len())?;
        let (_, behind) = first(rest)?;
        Some(Self { before: before.to_owned(), behind: behind.to_owned() })
    }

    /// The choice of a chunk that says the same around it.
    fn within<'a>(&self, object: &'a str) -> Option<Choice<'a>> {
        let (choice, behind) = first(object.strip_prefix(self.before.as_str())?)?;
        (behind == self.behind).then_some(choice)
    }
}

const CHOICES: &str = "\"choices\":";

/// The only choice in the list that `text` begins with, and what follows the list.
fn first(text: &str) -> Option<(Choice<'_>, &str)> {
    let mut lists = serde_json::Deserializer::from_str(text).into_iter::<[Choice<'_>; 1]>();
    let [choice] = lists.next()?.ok()?;
    Some((choice, text.get(lists.byte_offset()..)?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::{super::Shape, *};
    use crate::chat::Event;

    const FIRST: &str = r#"{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"f","choices":[{"index":0,"delta":{"role":"assistant","content":"Well"},"finish_reason":null}]}"#;

    const CALL: &str = r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}]}}]}"#;

    fn begun() -> Reader {
        let mut reader = Reader::default();
        read(&mut reader, FIRST);
        read(&mut reader, CALL);
        reader
    }

    fn read(reader: &mut Reader, data: &str) -> (Vec<Event>, bool) {
        let object: Map<String, Value> = serde_json::from_str(data).unwrap();
        let mut out = Out::default();
        reader.read(object, Shape::Chunk, &mut out).unwrap();
        (out.events, out.inexact)
    }

    fn plain(reader: &mut Reader, data: &str) -> Option<(Vec<Event>, bool)> {
        let mut out = Out::default();
        reader.plain(data, &mut out)?.unwrap();
        Some((out.events, out.inexact))
    }

    #[test]
    fn a_plain_chunk_means_what_it_means_to_the_reader_of_all_chunks() {
        for data in [
            r#"{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" so"},"finish_reason":null}]}"#,
            r#"{"id":2,"choices":[{"delta":{"content":" \"so\" \u00e9"}}]}"#,
            r#"{"choices":[{"finish_reason":null,"index":0,"delta":{"content":" so"}}],"system_fingerprint":"f","obfuscation":"xyz"}"#,
            r#"{"choices":[{"index":0,"delta":{"content":" so","refusal":null,"tool_calls":null},"logprobs":null}],"service_tier":null,"usage":null}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"so","reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":null}}]}"#,
            r#"{"choices":[{"index":0,"delta":{}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"a"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"so","tool_calls":[{"index":0,"id":null,"type":"function","function":{"name":null,"arguments":"\"a"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"arguments":"\"a"}}]}}]}"#,
        ] {
            let (mut one, mut other) = (begun(), begun());
            assert_eq!(plain(&mut one, data), Some(read(&mut other, data)), "{data}");
            assert_eq!(one.told, other.told, "{data}");
            let last =
                r#"{"choices":[{"index":0,"delta":{"content":"."},"finish_reason":"stop"}]}"#;
            assert_eq!(read(&mut one, last), read(&mut other, last), "{data}");
        }
    }

    #[test]
    fn what_stands_around_the_choices_must_be_what_was_told_last() {
        let chunk = |head: &str, text: &str, tail: &str| {
            format!(r#"{{{head}"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]{tail}}}"#)
        };
        let (head, tail) = (r#""id":"1","system_fingerprint":"f","#, r#","usage":null"#);
        let mut reader = begun();
        for text in ["a", "b]}", "c"] {
            assert!(plain(&mut reader, &chunk(head, text, tail)).is_some());
        }
        let around = reader.around.as_ref().unwrap();
        assert!(around.within(&chunk(head, "d", tail)).is_some());
        for (head, tail) in [
            (r#""id":"2","system_fingerprint":"f","#, tail),
            (head, r#","usage":{}"#),
            (head, r#","usage":null,"usage":null"#),
            (head, ""),
        ] {
            assert!(around.within(&chunk(head, "d", tail)).is_none());
        }
        assert_eq!(plain(&mut reader, &chunk(head, "d", r#","usage":{}"#)), None);
        read(&mut reader, &chunk(r#""system_fingerprint":"g","#, "e", ""));
        assert_eq!(plain(&mut reader, &chunk(head, "f", tail)), None, "another is told again");
        let inner = r#"{"id":{"choices":[{"delta":{}}]},"choices":[{"delta":{}}]}"#;
        assert!(Around::of(inner).is_none());
    }

    #[test]
    fn whatever_says_more_is_not_plain() {
        let mut reader = begun();
        for data in [
            r#"{"choices":[]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}},{"index":1,"delta":{"content":"b"}}]}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"a"}}]}"#,
            r#"{"choices":[{"index":0.0,"delta":{"content":"a"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"},"logprobs":{}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"},"text":"a"}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a","content":"b"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":["a"]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"b","function":{"arguments":"a"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"b","arguments":"a"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"type":"custom","function":{"arguments":"a"}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":{}}}]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"function_call":{}}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"refusal":"no"}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a","annotations":[]}}]}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"timings":{}}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"error":{}}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"system_fingerprint":"other"}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"service_tier":"new"}"#,
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}]} {}"#,
            "[DONE]",
        ] {
            assert_eq!(plain(&mut reader, data), None, "{data}");
        }
    }

    #[test]
    fn neither_the_first_chunk_nor_one_behind_the_end_is_plain() {
        let data = r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#;
        assert_eq!(plain(&mut Reader::default(), data), None);
        let mut reader = begun();
        read(&mut reader, r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#);
        assert_eq!(plain(&mut reader, data), None);
    }
}
