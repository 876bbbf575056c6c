//! What a provider of this format says goes to callers of this format byte for byte, until something in it
//! has to be mended.

use dormouse_core::wire::{
    Encode,
    anthropic::{AnswerEncoder, EncoderOptions, decode_answer},
};
use serde_json::json;

use crate::provider::{answer, closed, input, opened, opened_call, opened_text, read_pieces, said};

fn passed(sent: &str) -> String {
    let read = read_pieces([sent.as_bytes()], true);
    assert!(read.error.is_none(), "{:?}", read.error);
    let mut encoder = AnswerEncoder::new(EncoderOptions::default());
    let mut bytes: Vec<u8> = read.chunks.iter().flat_map(|chunk| encoder.chunk(chunk)).collect();
    bytes.extend_from_slice(&encoder.done());
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_sound_stream_is_untouched() {
    let search =
        json!({ "type": "server_tool_use", "id": "s1", "name": "web_search", "input": {} });
    let sent = answer(
        &[
            json!({ "type": "ping" }),
            opened_text(0),
            said(0, "a"),
            closed(0),
            opened(1, &search),
            input(1, "{\"query\":\"owls\"}"),
            closed(1),
            json!({ "type": "vitals", "pulse": 1 }),
            opened_call(2, "t1", "now"),
            closed(2),
        ],
        "tool_use",
    );
    assert_eq!(passed(&sent), sent);
}

#[test]
fn blocks_left_open_are_mended_without_saying_anything_twice() {
    let broken = answer(
        &[
            opened_text(0),
            said(0, "a"),
            opened_call(1, "t1", "f"),
            input(1, "{}"),
            closed(0),
            closed(1),
        ],
        "tool_use",
    );
    let mended =
        [opened_text(0), said(0, "a"), closed(0), opened_call(1, "t1", "f"), input(1, "{}")];
    let mended = [mended.as_slice(), &[closed(1)]].concat();
    let (told, expected) = (passed(&broken), answer(&mended, "tool_use"));
    let events = |text: &str| -> Vec<serde_json::Value> {
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter_map(|line| serde_json::from_str(line).ok())
            .filter(|event: &serde_json::Value| event["type"] != "message_delta")
            .collect()
    };
    assert_eq!(events(&told), events(&expected));
}

#[test]
fn a_whole_answer_is_untouched() {
    let body = r#"{"id":"msg_1", "content":[{"type":"text","text":"a"}],"stop_reason":"end_turn","odd":1.0}"#;
    let chunk = decode_answer(body.into(), true).expect("an answer");
    assert_eq!(chunk.verbatim.as_deref(), Some(body.as_bytes()));
}
