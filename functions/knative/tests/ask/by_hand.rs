//! A model made by hand: it does the right thing for a reason that can be read.
//!
//! Of the last token it knows which it is, and of all before it whether a result is among them. Where its turn
//! begins it calls the calculator; where its turn begins and a result was given, it answers.

use dormouse_testkit::gguf::{Format, GgufFile, letters_of_bytes};

/// What it answers.
pub(crate) const ANSWER: &str = "It is what the calculator says.";
/// How it calls the calculator.
const CALLS: &str = "<tool_call>\n{\"name\": \"calculator\", \"arguments\": {\"expression\": \"17*23\"}}\n</tool_call>";

const WIDTH: usize = 32;
/// Its tokens: what ends a turn, what begins its own, what stands behind every result, and what it says.
const TOKENS: [(&str, i32); 5] =
    [("<end>", 3), ("<turn>", 3), ("</tool_response>", 4), (CALLS, 4), (ANSWER, 4)];
const END: usize = 0;
const TURN: usize = 1;
const RESULT: usize = 2;
const CALL: usize = 3;
const TOLD: usize = 4;
/// What the numbers of a token mean: the first five which of these it is, the others the following.
const ANY: usize = 5;
const SEEN: usize = 6;
const TEMPLATE: &str = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}<turn>";

/// The bytes of its file.
pub(crate) fn model() -> Vec<u8> {
    let mut file = GgufFile::default();
    let special = TOKENS.iter().map(|(token, _)| (*token).to_owned());
    let tokens: Vec<String> = special.chain(letters_of_bytes()).collect();
    let kind = |at: usize| TOKENS.get(at).map_or(1, |(_, kind)| *kind);
    state(&mut file);
    file.counts("tokenizer.ggml.token_type", &(0..tokens.len()).map(kind).collect::<Vec<_>>());
    file.texts("tokenizer.ggml.tokens", &tokens);

    let each: Vec<_> = (0..tokens.len()).map(|token| (token, ANY, 1.0)).collect();
    let known = (0..TOKENS.len()).map(|token| (token, token, 1.0));
    matrix(
        &mut file,
        "token_embd",
        tokens.len(),
        &each.into_iter().chain(known).collect::<Vec<_>>(),
    );
    // Every token looks at all before it alike, and takes on a share of what it sees.
    matrix(&mut file, "blk.0.attn_v", WIDTH, &[(0, RESULT, 1.0)]);
    matrix(&mut file, "blk.0.attn_output", WIDTH, &[(SEEN, 0, 1e5)]);
    for name in ["attn_q", "attn_k", "ffn_gate", "ffn_up", "ffn_down"] {
        matrix(&mut file, &format!("blk.0.{name}"), WIDTH, &[]);
    }
    for name in ["blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"] {
        file.tensor(&format!("{name}.weight"), &[wide(WIDTH)], Format::F32, &[1.0; WIDTH]);
    }
    let next = [(CALL, TURN, 1.0), (TOLD, SEEN, 1.0), (END, CALL, 1e9), (END, TOLD, 1e9)];
    matrix(&mut file, "output", tokens.len(), &next);
    file.bytes()
}

fn state(file: &mut GgufFile) {
    file.text("general.architecture", "llama");
    // The likeliest token each time.
    file.float("general.sampling.temp", 0.0);
    file.count("llama.context_length", 8192);
    file.count("llama.embedding_length", wide(WIDTH));
    file.count("llama.block_count", 1);
    file.count("llama.feed_forward_length", wide(WIDTH));
    file.count("llama.attention.head_count", 1);
    file.text("tokenizer.ggml.model", "gpt2");
    file.text("tokenizer.ggml.pre", "gpt-2");
    file.count("tokenizer.ggml.eos_token_id", wide(END));
    file.text("tokenizer.chat_template", TEMPLATE);
}

/// Adds a matrix with so many rows, in which all is zero but what is said: row, column, value.
fn matrix(file: &mut GgufFile, name: &str, rows: usize, values: &[(usize, usize, f32)]) {
    let mut all = vec![0.0; rows * WIDTH];
    for (row, column, value) in values {
        all[row * WIDTH + column] = *value;
    }
    file.tensor(&format!("{name}.weight"), &[wide(WIDTH), wide(rows)], Format::F32, &all);
}

fn wide(count: usize) -> u32 {
    u32::try_from(count).unwrap()
}
