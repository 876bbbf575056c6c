//! OpenAI's moderations format (`POST /v1/moderations`).

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Call, fields, patch::for_model};
use crate::{
    Code, Error, Result,
    moderation::{Category, Input, MAX_INPUTS, Request, Verdict, Verdicts, WORD_LIST},
};

/// The body; what else there is, is passed on.
#[derive(Deserialize)]
#[serde(expecting = "a JSON object")]
struct Body {
    model: Option<String>,
    input: Option<Value>,
}

/// Reads and checks a request.
///
/// # Errors
///
/// [`Code::InvalidRequest`] with the path of the field at fault (`input[1].type`), or without one if the
/// body is not JSON at all.
pub fn decode_request(body: &Bytes) -> Result<Request> {
    let read: Body = fields::body(body)?;
    let inputs = inputs(read.input)?;
    Ok(Request { model: read.model.unwrap_or_default(), inputs, original: body.clone() })
}

/// A text, a list of texts that are judged one by one, or a list of parts that are judged together.
fn inputs(input: Option<Value>) -> Result<Vec<Input>> {
    let array = match input {
        None | Some(Value::Null) => return Err(fields::missing("input")),
        Some(Value::Array(array)) => array,
        Some(one) => return Ok(vec![text(one, "input")?]),
    };
    if array.len() > MAX_INPUTS {
        let message = format!("`input` may have at most {MAX_INPUTS} entries");
        return Err(Error::invalid("input", message));
    }
    let entries = array.into_iter().enumerate().map(|(index, it)| (it, format!("input[{index}]")));
    let mut entries = entries.peekable();
    match entries.peek() {
        None => Err(Error::invalid("input", "`input` must not be empty")),
        Some((Value::Object(_), _)) => {
            let mut together = Input::default();
            for (value, at) in entries {
                part(fields::typed(value, &at)?, &at, &mut together)?;
            }
            Ok(vec![together])
        }
        Some(_) => entries.map(|(value, at)| text(value, &at)).collect(),
    }
}

fn text(value: Value, at: &str) -> Result<Input> {
    let text = fields::typed(value, at)?;
    Ok(Input { texts: vec![text], has_pictures: false })
}

fn part(mut part: Map<String, Value>, at: &str, input: &mut Input) -> Result<()> {
    let kind: String = fields::require(&mut part, "type", at)?;
    match kind.as_str() {
        "text" => input.texts.push(fields::require(&mut part, "text", at)?),
        "image_url" => {
            let mut image: Map<String, Value> = fields::require(&mut part, "image_url", at)?;
            let at = fields::join(at, "image_url");
            let _: String = fields::require(&mut image, "url", &at)?;
            input.has_pictures = true;
        }
        _ => {
            let at = fields::join(at, "type");
            let message = format!("`{at}` must be `text` or `image_url`");
            return Err(Error::invalid(at, message));
        }
    }
    Ok(())
}

/// Writes an answer; `id` is for one that has none of its own.
pub fn encode_answer(verdicts: &Verdicts, id: &str) -> Bytes {
    let verdicts = match verdicts {
        Verdicts::Provider(body) => return body.clone(),
        Verdicts::WordList(verdicts) => verdicts,
    };
    let results: Vec<Value> = verdicts.iter().map(result).collect();
    let body = json!({ "id": format!("modr-{id}"), "model": WORD_LIST, "results": results });
    Bytes::from(body.to_string())
}

fn result(verdict: &Verdict) -> Value {
    let each = |say: &dyn Fn(bool) -> Value| -> Map<String, Value> {
        let said = |category: &Category| {
            (category.as_str().to_owned(), say(verdict.found.contains(category)))
        };
        Category::ALL.iter().map(said).collect()
    };
    let looked_at: Vec<&str> = if verdict.looked { vec!["text"] } else { Vec::new() };
    json!({
        "flagged": !verdict.found.is_empty(),
        "categories": each(&|found| found.into()),
        "category_scores": each(&|found| if found { 1.0 } else { 0.0 }.into()),
        "category_applied_input_types": each(&|_| json!(looked_at)),
    })
}

/// Writes a request for a provider.
///
/// # Errors
///
/// [`Code::Internal`] if the original is not the JSON object it was when it was decoded.
pub fn encode_request(request: &Request, model: &str) -> Result<Call> {
    Ok(Call::new("moderations", for_model(&request.original, model)?))
}

/// Reads a provider's answer.
///
/// # Errors
///
/// [`Code::UpstreamInvalid`] if there are no results in it.
pub fn decode_answer(body: Bytes) -> Result<Verdicts> {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(rename = "results")]
        _results: Vec<Verdict>,
    }
    #[derive(Deserialize)]
    struct Verdict {
        #[serde(rename = "flagged")]
        _flagged: bool,
    }
    let read: Result<Answer, _> = serde_json::from_slice(&body);
    read.map_err(|error| {
        Error::new(Code::UpstreamInvalid, "the provider's verdicts cannot be read").caused_by(error)
    })?;
    Ok(Verdicts::Provider(body))
}
