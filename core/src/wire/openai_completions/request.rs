//! Reading a caller's request.

use bytes::Bytes;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    Error, Result,
    agent::{Mode, Options},
    chat::{
        Dialect, Extensions, Message, Original, OutputFormat, Part, ReasoningOptions, Request,
        Role, Sampling,
    },
    wire::{
        fields,
        openai_chat::{Stop, n_predict, stream_options, within},
    },
};

/// The most answers to one request: OpenAI's limit for `n`, over all of its texts.
const MAX_ANSWERS: usize = 128;

/// The body; what is not named here ends up in `rest`.
#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Body {
    model: Option<String>,
    prompt: Option<Value>,
    best_of: Option<u32>,
    echo: Option<bool>,
    logprobs: Option<u32>,
    suffix: Option<String>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    presence_penalty: Option<f64>,
    frequency_penalty: Option<f64>,
    seed: Option<i64>,
    n: Option<u32>,
    stop: Option<Stop>,
    max_tokens: Option<u32>,
    n_predict: Option<i64>,
    stream: Option<bool>,
    stream_options: Option<Map<String, Value>>,
    user: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Reads and checks the body of a request. Each text is a message of its own.
///
/// # Errors
///
/// [`Code::InvalidRequest`](crate::Code::InvalidRequest) with the path of the field at fault
/// (`prompt[1]`), or without one if the body is not JSON at all.
pub fn decode_request(body: &Bytes) -> Result<Request> {
    let mut read: Body = fields::body(body)?;
    let messages = prompts(read.prompt.take())?;
    within("n", read.n.map(f64::from), 1.0, 128.0)?;
    within("best_of", read.best_of.map(f64::from), 0.0, 128.0)?;
    let answers = usize::try_from(read.n.unwrap_or(1)).unwrap_or(usize::MAX);
    if messages.len().saturating_mul(answers) > MAX_ANSWERS {
        let message = format!("`prompt` asks for more than {MAX_ANSWERS} answers");
        return Err(Error::invalid("prompt", message));
    }
    let stream = stream_options(read.stream, read.stream_options.take(), &mut read.rest)?;
    let agent = Options::take(&mut read.rest)?;
    if agent.mode == Some(Mode::Loop) {
        let message = "`dormouse.mode`: text completions know no tools";
        return Err(Error::invalid("dormouse.mode", message));
    }
    let max_output_tokens = read.max_tokens.or(n_predict(read.n_predict)?);
    let sampling = sampling(&mut read)?;
    Ok(Request {
        dialect: Dialect::OpenAiCompletions,
        model: read.model.take().unwrap_or_default(),
        messages,
        tools: Vec::new(),
        tool_choice: None,
        parallel_tool_calls: None,
        output_format: OutputFormat::Text,
        sampling,
        max_output_tokens,
        reasoning: ReasoningOptions::default(),
        stream,
        end_user: read.user.take(),
        metadata: Map::new(),
        agent,
        extensions: extensions(read),
        headers: HeaderMap::new(),
        original: Some(Original { dialect: Dialect::OpenAiCompletions, body: body.clone() }),
    })
}

fn sampling(read: &mut Body) -> Result<Sampling> {
    Ok(Sampling {
        temperature: within("temperature", read.temperature, 0.0, 2.0)?,
        top_p: within("top_p", read.top_p, 0.0, 1.0)?,
        presence_penalty: within("presence_penalty", read.presence_penalty, -2.0, 2.0)?,
        frequency_penalty: within("frequency_penalty", read.frequency_penalty, -2.0, 2.0)?,
        seed: read.seed,
        stop: read.stop.take().unwrap_or_default().texts()?,
        n: read.n,
        ..Sampling::default()
    })
}

/// What only a provider of this format understands.
fn extensions(read: Body) -> Extensions {
    let mut fields = read.rest;
    let own = [
        ("best_of", read.best_of.map(Value::from)),
        ("echo", read.echo.map(Value::from)),
        ("logprobs", read.logprobs.map(Value::from)),
        ("suffix", read.suffix.map(Value::from)),
    ];
    fields.extend(own.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?))));
    Extensions(fields)
}

/// A text, the tokens of one, or a list of these.
fn prompts(prompt: Option<Value>) -> Result<Vec<Message>> {
    match prompt {
        None | Some(Value::Null) => Err(fields::missing("prompt")),
        Some(Value::Array(array)) => match array.first() {
            None => Err(Error::invalid("prompt", "`prompt` must not be empty")),
            Some(Value::Number(_)) => Ok(vec![one(Value::Array(array), "prompt")?]),
            Some(_) => {
                let prompts = array.into_iter().enumerate();
                prompts.map(|(index, value)| one(value, &format!("prompt[{index}]"))).collect()
            }
        },
        Some(value) => Ok(vec![one(value, "prompt")?]),
    }
}

fn one(value: Value, at: &str) -> Result<Message> {
    match value {
        Value::String(text) => Ok(Message::text(Role::User, text)),
        Value::Array(tokens) => {
            if let Some(index) = tokens.iter().position(|token| !token.is_u64()) {
                let at = format!("{at}[{index}]");
                let message = format!("`{at}` must be the number of a token");
                return Err(Error::invalid(at, message));
            }
            let value = Value::Array(tokens);
            let part = Part::Other { dialect: Dialect::OpenAiCompletions, value };
            Ok(Message { parts: vec![part], ..Message::text(Role::User, "") })
        }
        _ => Err(Error::invalid(at, format!("`{at}` must be a string or an array of tokens"))),
    }
}
