//! OpenAI's embeddings format (`POST /v1/embeddings`), which most servers share.
//!
//! Its clients ask for base64 more often than they know: OpenAI's own do unless told otherwise. Some
//! servers do not know the word and answer numbers. So both encodings are read whatever was asked for,
//! and the caller gets the one it wants.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

use super::{Call, Embeds, fields, openai_chat::decode_usage, patch::for_model};
use crate::{
    Code, Error, Result,
    chat::{Source, Usage},
    embeddings::{Embeddings, Encoding, Input, MAX_INPUTS, Request, single},
};

/// The body; `rest` is passed on.
#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Body {
    model: Option<String>,
    input: Option<Value>,
    dimensions: Option<u32>,
    encoding_format: Option<Format>,
    user: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Float,
    Base64,
}

/// Reads and checks a request.
///
/// # Errors
///
/// [`Code::InvalidRequest`] with the path of the field at fault (`input[1]`), or without one if the body
/// is not JSON at all.
pub fn decode_request(body: &Bytes) -> Result<Request> {
    let read: Body = fields::body(body)?;
    if read.dimensions == Some(0) {
        return Err(Error::invalid("dimensions", "`dimensions` must be at least 1"));
    }
    Ok(Request {
        model: read.model.unwrap_or_default(),
        inputs: inputs(read.input)?,
        dimensions: read.dimensions,
        encoding: match read.encoding_format {
            None | Some(Format::Float) => Encoding::Float,
            Some(Format::Base64) => Encoding::Base64,
        },
        end_user: read.user,
        original: Some(body.clone()),
    })
}

/// A text, tokens, or a list of these.
fn inputs(input: Option<Value>) -> Result<Vec<Input>> {
    let array = match input {
        None | Some(Value::Null) => return Err(fields::missing("input")),
        Some(Value::Array(array)) => array,
        Some(one) => return Ok(vec![text(one, "input")?]),
    };
    let inputs = match array.first() {
        None => return Err(empty("input")),
        Some(Value::Number(_)) => return Ok(vec![tokens(Value::Array(array), "input")?]),
        Some(_) if array.len() > MAX_INPUTS => {
            let message = format!("`input` may have at most {MAX_INPUTS} entries");
            return Err(Error::invalid("input", message));
        }
        Some(_) => array.into_iter().enumerate(),
    };
    let read = |(index, value)| {
        let at = format!("input[{index}]");
        match value {
            Value::Array(_) => tokens(value, &at),
            value => text(value, &at),
        }
    };
    inputs.map(read).collect()
}

fn text(value: Value, at: &str) -> Result<Input> {
    match value {
        Value::String(text) if text.is_empty() => Err(empty(at)),
        Value::String(text) => Ok(Input::Text(text)),
        _ => Err(Error::invalid(at, format!("`{at}` must be a string or an array of tokens"))),
    }
}

fn tokens(value: Value, at: &str) -> Result<Input> {
    let tokens: Vec<u32> = fields::typed(value, at)?;
    if tokens.is_empty() { Err(empty(at)) } else { Ok(Input::Tokens(tokens)) }
}

fn empty(at: &str) -> Error {
    Error::invalid(at, format!("`{at}` must not be empty"))
}

/// Writes an answer.
pub fn encode_answer(answer: &Embeddings, encoding: Encoding) -> Result<Bytes> {
    if let Some(verbatim) = &answer.verbatim {
        return Ok(verbatim.clone());
    }
    let data = answer.vectors.iter().enumerate().map(|(index, vector)| Item {
        object: "embedding",
        index,
        embedding: match encoding {
            Encoding::Float => Numbers::Float(vector),
            Encoding::Base64 => Numbers::Base64(to_base64(vector)),
        },
    });
    let usage = answer.usage.unwrap_or_default();
    let list = List {
        object: "list",
        data: data.collect(),
        model: &answer.model,
        usage: Counts {
            prompt_tokens: usage.input,
            total_tokens: usage.input,
            source: Some(usage.source).filter(|source| *source != Source::Reported),
        },
    };
    let body = serde_json::to_vec(&list).map_err(|error| {
        Error::new(Code::Internal, "the vectors cannot be written").caused_by(error)
    })?;
    Ok(body.into())
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Item<'a>>,
    model: &'a str,
    usage: Counts,
}

#[derive(Serialize)]
struct Item<'a> {
    object: &'static str,
    index: usize,
    embedding: Numbers<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Numbers<'a> {
    Float(&'a [f32]),
    Base64(String),
}

#[derive(Serialize)]
struct Counts {
    prompt_tokens: u64,
    total_tokens: u64,
    /// Marks counts that the provider did not report.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<Source>,
}

fn to_base64(vector: &[f32]) -> String {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    STANDARD.encode(bytes)
}

/// The format, as we speak it to providers.
#[derive(Clone, Copy, Debug)]
pub struct OpenAiEmbeddings;

impl Embeds for OpenAiEmbeddings {
    fn encode_request(&self, request: &Request, model: &str) -> Result<Call> {
        if let Some(original) = &request.original {
            return Ok(Call::new("embeddings", for_model(original, model)?));
        }
        let mut fields = Map::new();
        fields.insert("model".into(), model.into());
        let inputs = request.inputs.iter().map(|input| match input {
            Input::Text(text) => Value::from(text.as_str()),
            Input::Tokens(tokens) => Value::from(tokens.as_slice()),
        });
        fields.insert("input".into(), inputs.collect());
        let encoding = match request.encoding {
            Encoding::Float => "float",
            Encoding::Base64 => "base64",
        };
        fields.insert("encoding_format".into(), encoding.into());
        let more = [
            ("dimensions", request.dimensions.map(Value::from)),
            ("user", request.end_user.as_deref().map(Value::from)),
        ];
        fields.extend(more.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Ok(Call::new("embeddings", Value::from(fields).to_string().into()))
    }

    fn decode_answer(&self, body: Bytes, request: &Request) -> Result<Embeddings> {
        let answer: Answer = serde_json::from_slice(&body).map_err(|error| {
            unreadable("the provider's vectors cannot be read").caused_by(error)
        })?;
        let wanted = request.inputs.len();
        if answer.data.len() != wanted {
            let found = answer.data.len();
            return Err(unreadable(format!(
                "the provider gave {found} vectors for {wanted} inputs"
            )));
        }
        let usage = answer.usage.as_ref().and_then(decode_usage);
        let usage = usage.map(|usage| Usage { output: 0, reasoning: 0, ..usage });
        let mut exact = usage.is_some();
        let mut vectors = vec![None; wanted];
        for (position, entry) in answer.data.into_iter().enumerate() {
            let index = entry.index.unwrap_or(position);
            exact &= entry.index == Some(position) && entry.embedding.encoding == request.encoding;
            match vectors.get_mut(index) {
                Some(place @ None) => *place = Some(entry.embedding.numbers),
                _ => return Err(unreadable("the provider's vectors have no clear order")),
            }
        }
        Ok(Embeddings {
            model: answer.model.unwrap_or_default(),
            vectors: vectors.into_iter().flatten().collect(),
            usage,
            verbatim: exact.then_some(body),
        })
    }
}

#[derive(Deserialize)]
struct Answer {
    model: Option<String>,
    data: Vec<Entry>,
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Entry {
    index: Option<usize>,
    embedding: Vector,
}

/// A vector in either encoding.
struct Vector {
    numbers: Vec<f32>,
    encoding: Encoding,
}

impl<'de> Deserialize<'de> for Vector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Base64(String),
            Float(Vec<f64>),
        }
        let (numbers, encoding) = match Either::deserialize(deserializer)? {
            Either::Base64(text) => (
                from_base64(&text)
                    .ok_or_else(|| D::Error::custom("not 32-bit floats in base64"))?,
                Encoding::Base64,
            ),
            Either::Float(numbers) => (numbers.into_iter().map(single).collect(), Encoding::Float),
        };
        if numbers.iter().any(|number: &f32| !number.is_finite()) {
            return Err(D::Error::custom("a number of a vector is not finite"));
        }
        Ok(Self { numbers, encoding })
    }
}

fn from_base64(text: &str) -> Option<Vec<f32>> {
    let bytes = STANDARD.decode(text).ok()?;
    let (numbers, []) = bytes.as_chunks::<4>() else { return None };
    Some(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
}

fn unreadable(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Code::UpstreamInvalid, message)
}
