//! The most that a call can use, whatever it costs.

use crate::{
    chat::{Message, Part, Request},
    embeddings,
    gateway::route::Candidate,
    operation::Operation,
};

/// The most input tokens that one picture stands for.
const TOKENS_PER_IMAGE: u64 = 4096;
/// The most input tokens that a chat template adds to a message, and a model to a text.
const TOKENS_PER_TURN: u64 = 64;
/// The most input tokens that a chat template adds to explain how tools are called.
const TOKENS_FOR_TOOLS: u64 = 1024;

/// The most that a call can use. No tokenizer makes more tokens than there are bytes, so bytes bound the
/// input from above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::gateway) struct Load {
    pub(in crate::gateway) operation: Operation,
    /// Bytes of text that the model will read.
    pub(in crate::gateway) text_bytes: u64,
    /// The most tokens that it will read.
    pub(in crate::gateway) input_tokens: u64,
    /// How many answers it will write, each as long as the output limit allows.
    pub(in crate::gateway) answers: u64,
    /// The output limit that the request names.
    pub(in crate::gateway) max_output_tokens: Option<u32>,
    /// Whether it offers tools.
    pub(in crate::gateway) tools: bool,
}

impl From<&Request> for Load {
    fn from(request: &Request) -> Self {
        let input = Input::of(request);
        let tools = if request.tools.is_empty() { 0 } else { TOKENS_FOR_TOOLS };
        let input_tokens = input
            .text_bytes
            .saturating_add(input.images.saturating_mul(TOKENS_PER_IMAGE))
            .saturating_add(count(request.messages.len()).saturating_mul(TOKENS_PER_TURN))
            .saturating_add(tools);
        Self {
            operation: request.operation(),
            text_bytes: input.text_bytes,
            input_tokens,
            answers: answers(request),
            max_output_tokens: request.max_output_tokens,
            tools: !request.tools.is_empty(),
        }
    }
}

impl Load {
    /// The load where a flawed tool call may be asked for once more, with the answer so far in the
    /// request.
    pub(super) fn asked_again(self, candidate: &Candidate) -> Self {
        if !self.tools {
            return self;
        }
        let limit = self.max_output_tokens.unwrap_or(candidate.max_output_tokens);
        let input = self.input_tokens.saturating_mul(2).saturating_add(limit.into());
        let input_tokens = input.saturating_add(TOKENS_FOR_TOOLS);
        Self { input_tokens, answers: self.answers.saturating_mul(2), ..self }
    }
}

impl From<&embeddings::Request> for Load {
    fn from(request: &embeddings::Request) -> Self {
        let (mut text_bytes, mut input_tokens) = (0_u64, 0_u64);
        for input in &request.inputs {
            let (bytes, tokens) = match input {
                embeddings::Input::Text(text) => (count(text.len()), count(text.len())),
                embeddings::Input::Tokens(tokens) => {
                    (count(tokens.len()).saturating_mul(BYTES_PER_TOKEN), count(tokens.len()))
                }
            };
            text_bytes = text_bytes.saturating_add(bytes);
            input_tokens = input_tokens.saturating_add(tokens).saturating_add(TOKENS_PER_TURN);
        }
        let operation = Operation::Embeddings;
        Self { operation, text_bytes, input_tokens, ..Self::default() }
    }
}

/// Bytes of text that are taken for one token where nobody counted.
pub(in crate::gateway) const BYTES_PER_TOKEN: u64 = 4;

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// How many answers are written for `request`. Of a text completion every message is a prompt of its own,
/// and `best_of` counts the answers of which the best are shown; llama.cpp has a second name for `n`.
fn answers(request: &Request) -> u64 {
    let more = |field| request.extensions.0.get(field).and_then(serde_json::Value::as_u64);
    let prompts = match request.operation() {
        Operation::TextCompletion => count(request.messages.len()),
        _ => 1,
    };
    let each = [request.sampling.n.map(u64::from), more("n_cmpl"), more("best_of")];
    let each = each.into_iter().flatten().max().unwrap_or(1).max(1);
    prompts.saturating_mul(each)
}

/// How much the model has to read.
#[derive(Debug, Default)]
struct Input {
    text_bytes: u64,
    images: u64,
}

impl Input {
    fn of(request: &Request) -> Self {
        let mut input = Self::default();
        let mut picture_bytes = 0;
        for part in request.messages.iter().flat_map(|message: &Message| &message.parts) {
            input.add(part, &mut picture_bytes);
        }
        if let Some(original) = &request.original {
            let whole = count(original.body.len());
            input.text_bytes = whole.saturating_sub(picture_bytes);
        } else {
            let tools = serde_json::to_vec(&request.tools).map_or(0, |json| json.len());
            input.text_bytes += count(tools);
        }
        input
    }

    fn add(&mut self, part: &Part, picture_bytes: &mut u64) {
        let mut text = |text: &str| self.text_bytes += count(text.len());
        match part {
            Part::Text { text: it, .. }
            | Part::Refusal { text: it }
            | Part::Reasoning { text: it, .. } => text(it),
            Part::ToolCall { name, arguments, .. } => {
                text(name);
                text(arguments);
            }
            Part::ToolResult { parts, .. } => {
                for part in parts {
                    self.add(part, picture_bytes);
                }
            }
            Part::Image(image) => {
                self.images += 1;
                *picture_bytes += count(image.url.len());
            }
            // A document counts by its bytes, as base64: more than its text has.
            Part::Document(document) => text(&document.url),
            Part::Other { value, .. } => text(&value.to_string()),
        }
    }
}
