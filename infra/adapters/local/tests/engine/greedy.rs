//! The likeliest answer is llama.cpp's, token by token.
//!
//! llama.cpp is told to keep keys and values as floats of 32 bits: what it rounds off by default is noise that
//! a random model turns into other words. What it said is stored in `greedy.json`; `UPDATE_GREEDY=1` asks it
//! anew. The weights are random, so that nothing but the same sums gives the same tokens; but for those of the
//! model in the box.

#![expect(clippy::indexing_slicing, reason = "a failed expectation is a failed test")]

use std::{collections::BTreeMap, env, fs, path::Path};

use dormouse_local::{Engine, Prompt, Sampling};
use dormouse_testkit::{gguf::Format, process::Process};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{
    LIMITS, Told, likeliest, load,
    maker::{Maker, Vocabulary},
    told,
};

const STORED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/engine/greedy.json");
const NANO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../models/nano/nano.gguf");
/// How many tokens of an answer are compared.
const TOKENS: usize = 32;
/// How much more likely a token may be than llama.cpp's choice, as the difference of their logits, which are some
/// units apart for most: other processors add the same products up in another order.
const NEARLY: f32 = 0.02;
/// How many tokens of all answers may be such ones.
const TIES: usize = 8;
const PROMPTS: [&str; 5] = [
    "<|im_start|>user\nWhat is 17 * 23?<|im_end|>\n<|im_start|>assistant\n",
    "the mouse of the  mouse,\n\n  and the\tother one's 1234567 ducks.",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich \u{1f600}",
    "<note>fn main() { println!(\"{}\", 0x1F); }\r\n\r\n   </note><note>",
    "q",
];

/// What one model said.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    model: String,
    prompt: String,
    /// The tokens of the prompt.
    input: Vec<u32>,
    /// The tokens of the answer.
    output: Vec<u32>,
}

/// The models: every way to write weights that is computed without further rounding, and each way to make
/// tokens of texts.
fn models() -> Vec<(&'static str, Vec<u8>)> {
    let usual = Maker::default;
    let vocabulary = |vocabulary| Maker { vocabulary, layers: 1, ..usual() };
    let wide = Maker { width: 96, heads: 3, kv_heads: 3, feed: 160, layers: 3, ..usual() };
    let made = [
        ("F32", usual()),
        ("F16, embedding used again", Maker { format: Format::F16, output: false, ..usual() }),
        ("BF16", Maker { format: Format::Bf16, ..usual() }),
        ("Q8_0", Maker { format: Format::Q8_0, ..usual() }),
        (
            "Q8_0, as many keys as queries",
            Maker { format: Format::Q8_0, vocabulary: Vocabulary::Pairs("gpt-2"), ..wide },
        ),
        ("cut as Llama 3 does", vocabulary(Vocabulary::Pairs("llama-bpe"))),
        ("cut as Qwen 2 does", vocabulary(Vocabulary::Pairs("qwen2"))),
        ("SentencePiece", vocabulary(Vocabulary::Pieces)),
    ];
    let made = made.into_iter().map(|(name, maker)| (name, maker.bytes()));
    made.chain([("the model in the box", fs::read(NANO).unwrap())]).collect()
}

#[tokio::test]
async fn the_likeliest_answer_is_the_stored_one_of_llama_cpp() {
    if env::var_os("UPDATE_GREEDY").is_some() {
        let said = said_by_llama_cpp().await;
        let lines: Vec<_> = said.iter().map(|said| serde_json::to_string(said).unwrap()).collect();
        fs::write(STORED, format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
    }
    let stored: Vec<Said> = serde_json::from_str(&fs::read_to_string(STORED).unwrap()).unwrap();
    assert_eq!(stored.len(), models().len() * PROMPTS.len());
    compare(stored).await;
}

#[tokio::test]
async fn the_likeliest_answer_is_that_of_llama_cpp_on_this_machine() {
    compare(said_by_llama_cpp().await).await;
}

async fn compare(said: Vec<Said>) {
    let mut ties = Vec::new();
    for (name, file) in models() {
        let engine = load(&file, &LIMITS);
        for theirs in said.iter().filter(|said| said.model == name) {
            let input = engine.tokens(&theirs.prompt).unwrap();
            assert_eq!(input, theirs.input, "{name}: {:?}", theirs.prompt);
            ties.extend(ties_of(&engine, theirs).await);
        }
    }
    assert!(ties.len() <= TIES, "{ties:?}");
}

/// The tokens of their answer beside which another one was a little likelier. All others are the likeliest.
async fn ties_of(engine: &Engine, theirs: &Said) -> BTreeMap<u32, f32> {
    let mut ties = BTreeMap::new();
    loop {
        let sampling = Sampling { logit_bias: ties.clone(), ..Sampling::default() };
        let prompt = Prompt { sampling, ..likeliest(&theirs.prompt, TOKENS) };
        let Told { tokens, .. } = told(engine.answer(prompt)).await.unwrap();
        let Some(at) = tokens.iter().zip(&theirs.output).position(|(a, b)| a != b) else {
            assert_eq!(tokens.len(), theirs.output.len());
            return ties;
        };
        let known = ties.insert(theirs.output[at], NEARLY);
        assert!(known.is_none(), "{}, {:?}: {tokens:?} at {at}", theirs.model, theirs.prompt);
    }
}

async fn said_by_llama_cpp() -> Vec<Said> {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/model/llama");
    let mut said = Vec::new();
    for (name, bytes) in models() {
        let file = folder.path().join("model.gguf");
        fs::write(&file, bytes).unwrap();
        let arguments = [file.to_str().unwrap(), "--context", "256", "--exact"];
        let mut process = Process::start::<&str, &str>(&script, &arguments, []);
        let address = process.address().await;
        for prompt in PROMPTS {
            let tokenize = json!({ "content": prompt, "add_special": true, "parse_special": true });
            let input = post(&address, "/tokenize", &tokenize).await;
            let answer = json!({
                "prompt": prompt,
                "n_predict": TOKENS,
                "temperature": 0,
                "ignore_eos": true,
                "return_tokens": true,
            });
            let output = post(&address, "/completion", &answer).await;
            let tokens = |value: &Value| serde_json::from_value(value["tokens"].clone()).unwrap();
            let (model, prompt) = (name.to_owned(), prompt.to_owned());
            said.push(Said { model, prompt, input: tokens(&input), output: tokens(&output) });
        }
    }
    said
}

/// Posts to a server that ends the connection with its answer.
async fn post(address: &str, path: &str, body: &Value) -> Value {
    let host = address.strip_prefix("http://").unwrap();
    let body = body.to_string();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}
