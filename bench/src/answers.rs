//! What the scripted model says: the same to everyone, and only as much as a test of a proxy needs.

use std::sync::LazyLock;

use bytes::Bytes;

/// Content chunks in a streamed answer.
pub const CHUNKS: usize = 64;
/// Bytes in the body of a whole answer.
pub const WHOLE_BYTES: usize = 500;

/// The body of a request for a whole answer.
pub const ASK_WHOLE: &str = r#"{"model":"bench","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"Why do dormice sleep through the winter?"}],"temperature":0.7}"#;

/// The body of a request for a streamed answer.
pub const ASK_STREAM: &str = r#"{"model":"bench","stream":true,"messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"Why do dormice sleep through the winter?"}],"temperature":0.7}"#;

/// The body of a request for a stream that begins and then stays silent.
pub const ASK_STALL: &str =
    r#"{"model":"stall","stream":true,"messages":[{"role":"user","content":"Sleep."}]}"#;

/// The list of models.
pub const MODELS: &str =
    r#"{"object":"list","data":[{"id":"bench","object":"model","created":1,"owned_by":"bench"}]}"#;

/// A whole answer of [`WHOLE_BYTES`] bytes.
pub static WHOLE: LazyLock<Bytes> = LazyLock::new(|| {
    let body = |text: &str| {
        format!(
            r#"{{"id":"chatcmpl-bench","object":"chat.completion","created":1763700000,"model":"bench","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":24,"completion_tokens":64,"total_tokens":88}}}}"#
        )
    };
    let missing = WHOLE_BYTES.saturating_sub(body("").len());
    let words = "They sleep because little food is found. ".chars().cycle();
    Bytes::from(body(&words.take(missing).collect::<String>()))
});

/// A streamed answer, a frame each, without the token counts.
pub static FRAMES: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let frame = |delta: &str, reason: &str| {
        Bytes::from(format!(
            "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1763700000,\"model\":\"bench\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n"
        ))
    };
    let mut frames = vec![frame(r#"{"role":"assistant","content":""}"#, "null")];
    let word = |n| frame(&format!(r#"{{"content":" word{n:02}"}}"#), "null");
    frames.extend((0..CHUNKS).map(word));
    frames.push(frame("{}", r#""stop""#));
    frames
});

/// The frame with the token counts.
pub const USAGE: &str = "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1763700000,\"model\":\"bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":24,\"completion_tokens\":64,\"total_tokens\":88}}\n\n";

/// The frame that ends a stream.
pub const DONE: &str = "data: [DONE]\n\n";
