//! Texts as vectors, independent of any wire format.

use bytes::Bytes;

use crate::{Error, Result, chat::Usage};

/// The most inputs of one request: OpenAI's limit.
pub const MAX_INPUTS: usize = 2048;

/// A request for vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The model the caller named; empty if the caller left it to the gateway.
    pub model: String,
    /// What to make vectors of: 1 to [`MAX_INPUTS`], none of them empty.
    pub inputs: Vec<Input>,
    /// How many numbers each vector is to have. `None`: as many as the model makes.
    pub dimensions: Option<u32>,
    /// How the caller wants the vectors written.
    pub encoding: Encoding,
    /// The caller's name for its own user; passed on for abuse monitoring.
    pub end_user: Option<String>,
    /// The request as it was received, in OpenAI's format.
    pub original: Option<Bytes>,
}

/// One thing to make a vector of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A text.
    Text(String),
    /// Tokens, by their numbers in the model's own tokenizer.
    Tokens(Vec<u32>),
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// As JSON numbers.
    #[default]
    Float,
    /// As the base64 of little-endian 32-bit floats.
    Base64,
}

/// The answer: a vector for each input, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    /// The model that answered, by the provider's name.
    pub model: String,
    /// The vectors. Every number is finite.
    pub vectors: Vec<Vec<f32>>,
    /// Token counts, if known.
    pub usage: Option<Usage>,
    /// The provider's own bytes, if they say exactly this in OpenAI's format and the caller's encoding.
    pub verbatim: Option<Bytes>,
}

impl Embeddings {
    /// Makes every vector `dimensions` long, as OpenAI's API does it: what is longer is cut and brought
    /// back to length 1. That is what models are trained for whose first numbers say the most (Matryoshka
    /// embeddings); of other models it costs accuracy. Servers that know the wish do it themselves.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::Code::InvalidRequest) if the model makes shorter ones.
    pub fn fit(&mut self, dimensions: Option<u32>) -> Result<()> {
        let Some(length) = dimensions.and_then(|wanted| usize::try_from(wanted).ok()) else {
            return Ok(());
        };
        if let Some(short) = self.vectors.iter().find(|vector| vector.len() < length) {
            let message = format!(
                "`dimensions` is {length}, but the vectors of this model have {} dimensions",
                short.len()
            );
            return Err(Error::invalid("dimensions", message));
        }
        for vector in self.vectors.iter_mut().filter(|vector| vector.len() > length) {
            self.verbatim = None;
            vector.truncate(length);
            normalise(vector);
        }
        Ok(())
    }
}

/// Brings a vector to length 1; nothing but zeros stays as it is.
pub(crate) fn normalise(vector: &mut [f32]) {
    let square: f64 = vector.iter().map(|&number| f64::from(number).powi(2)).sum();
    let length = square.sqrt();
    if length > 0.0 {
        for number in vector {
            *number = single(f64::from(*number) / length);
        }
    }
}

/// A number as vectors hold them.
#[expect(clippy::cast_possible_truncation, reason = "vectors have single precision")]
pub(crate) fn single(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(vectors: &[&[f32]]) -> Embeddings {
        let vectors = vectors.iter().map(|vector| vector.to_vec()).collect();
        Embeddings { vectors, verbatim: Some(Bytes::from_static(b"{}")), ..Embeddings::default() }
    }

    #[test]
    fn what_is_longer_is_cut_and_has_length_one_again() {
        let mut answer = of(&[&[3.0, 4.0, 12.0], &[0.0, 0.0, 1.0]]);
        answer.fit(Some(2)).unwrap();
        assert_eq!(answer.vectors, [[0.6, 0.8], [0.0, 0.0]]);
        assert_eq!(answer.verbatim, None, "the provider's bytes say something else");
    }

    #[test]
    fn what_fits_is_left_alone() {
        for dimensions in [None, Some(2)] {
            let mut answer = of(&[&[3.0, 4.0]]);
            answer.fit(dimensions).unwrap();
            assert_eq!(answer, of(&[&[3.0, 4.0]]));
        }
    }

    #[test]
    fn vectors_are_never_made_longer() {
        let error = of(&[&[3.0, 4.0]]).fit(Some(3)).unwrap_err();
        assert_eq!(error.param(), Some("dimensions"));
        assert!(error.message().contains("have 2 dimensions"), "{error}");
    }
}
