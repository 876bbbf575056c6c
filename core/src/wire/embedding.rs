//! What the embeddings formats of providers other than OpenAI's kind have in common: they take texts, and
//! give plain numbers in the order of the texts.

use serde_json::{Map, Value};

use crate::{
    Code, Error, Result,
    chat::Dialect,
    embeddings::{Input, Request, single},
};

/// The inputs as texts. Tokens are numbers of one model's own tokenizer, which such a provider does not
/// take.
pub(super) fn texts(request: &Request, dialect: Dialect) -> Result<Vec<&str>> {
    let at = |index: usize| match request.inputs.len() {
        1 => "input".to_owned(),
        _ => format!("input[{index}]"),
    };
    let mut texts = Vec::with_capacity(request.inputs.len());
    for (index, input) in request.inputs.iter().enumerate() {
        let Input::Text(text) = input else {
            let (at, dialect) = (at(index), dialect.as_str());
            let message =
                format!("`{at}` must be a text: a provider that speaks {dialect} takes no tokens");
            return Err(Error::invalid(at, message));
        };
        texts.push(text.as_str());
    }
    Ok(texts)
}

/// The `fields` of a provider's own that the caller added to its request.
pub(super) fn carried<'a>(
    request: &Request,
    fields: &'a [&str],
) -> impl Iterator<Item = (String, Value)> + 'a {
    let original = request.original.as_ref();
    let mut body: Map<String, Value> =
        original.and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    fields.iter().filter_map(move |field| {
        let value = body.shift_remove(*field).filter(|value| !value.is_null())?;
        Some(((*field).to_owned(), value))
    })
}

/// The vectors, if there is one of finite numbers for each input.
pub(super) fn one_each(vectors: Vec<Vec<f64>>, request: &Request) -> Result<Vec<Vec<f32>>> {
    let (found, wanted) = (vectors.len(), request.inputs.len());
    if found != wanted {
        let message = format!("the provider gave {found} vectors for {wanted} inputs");
        return Err(Error::new(Code::UpstreamInvalid, message));
    }
    let vectors: Vec<Vec<f32>> =
        vectors.into_iter().map(|vector| vector.into_iter().map(single).collect()).collect();
    if vectors.iter().flatten().any(|number| !number.is_finite()) {
        let message = "a number of a vector is not finite";
        return Err(Error::new(Code::UpstreamInvalid, message));
    }
    Ok(vectors)
}

/// The error where an answer is none.
pub(super) fn unreadable(error: serde_json::Error) -> Error {
    Error::new(Code::UpstreamInvalid, "the provider's vectors cannot be read").caused_by(error)
}
