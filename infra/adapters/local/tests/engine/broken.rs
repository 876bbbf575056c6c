//! Files that are no models: each is refused, with its reason.

use dormouse_core::{Code, Result};
use dormouse_local::{Engine, Threads};
use dormouse_testkit::gguf::Format;
use futures::executor::block_on;
use proptest::prelude::*;

use super::{
    LIMITS, likeliest,
    maker::{Maker, Vocabulary},
    told,
};

fn load(bytes: &[u8]) -> Result<Engine> {
    Engine::load(bytes, &Threads::start(1).unwrap(), &LIMITS)
}

fn refused(maker: &Maker) -> String {
    let error = load(&maker.bytes()).unwrap_err();
    assert_eq!(error.code(), Code::UpstreamInvalid);
    error.message().to_owned()
}

#[test]
fn what_is_not_supported_is_named() {
    let none = Maker::default;
    for (maker, named) in [
        (Maker { architecture: "mamba", ..none() }, "`mamba`"),
        (Maker { vocabulary: Vocabulary::Pairs("tekken"), ..none() }, "`tekken`"),
        (Maker { more: Some("blk.0.attn_q_norm.weight"), ..none() }, "`blk.0.attn_q_norm.weight`"),
        (Maker { template: "{% if %}", ..none() }, "chat template"),
        (Maker { heads: 4, kv_heads: 3, ..none() }, "heads"),
        (Maker { width: 36, heads: 2, kv_heads: 1, ..none() }, "multiple of 8"),
        (Maker { feed: 4, ..none() }, "multiple of 8"),
    ] {
        let message = refused(&maker);
        assert!(message.contains(named), "{message}");
    }
}

#[test]
fn a_file_that_is_none_is_refused() {
    for bytes in [b"".as_slice(), b"GGUF", b"GGML\x03\0\0\0", b"GGUF\x09\0\0\0"] {
        assert_eq!(load(bytes).unwrap_err().code(), Code::UpstreamInvalid);
    }
    let absent = Engine::open("/nowhere/x.gguf".as_ref(), &Threads::start(1).unwrap(), &LIMITS);
    let absent = absent.unwrap_err();
    assert!(absent.message().contains("file x.gguf cannot be read"), "{absent}");
    let folder = Engine::open("/".as_ref(), &Threads::start(1).unwrap(), &LIMITS);
    assert!(folder.unwrap_err().message().contains("it is no file"));
}

#[test]
fn a_file_that_was_cut_off_is_refused_wherever_it_was() {
    let bytes =
        Maker { layers: 1, width: 32, heads: 2, kv_heads: 1, feed: 32, ..Maker::default() }.bytes();
    let ends = (0..600).chain((600..bytes.len()).step_by(997));
    for end in ends {
        assert!(load(&bytes[..end]).is_err(), "cut off at {end}");
    }
}

#[test]
fn a_file_that_would_take_more_memory_than_any_model_is_refused() {
    let head = |tensors: u64, facts: u64| {
        [b"GGUF\x03\0\0\0".as_slice(), &tensors.to_le_bytes(), &facts.to_le_bytes()].concat()
    };
    let why = |bytes: &[u8]| load(bytes).unwrap_err().message().to_owned();
    assert!(why(&head(1 << 20, 0)).contains("facts or tensors"));
    assert!(why(&head(0, u64::MAX)).contains("facts or tensors"));
    // A byte of such a list would become many.
    let length: u64 = 5 << 20;
    let stated =
        [b"\x01\0\0\0\0\0\0\0a\x09\0\0\0\0\0\0\0".as_slice(), &length.to_le_bytes()].concat();
    let list = [head(0, 1), stated, vec![0; 5 << 20]].concat();
    assert!(why(&list).contains("items"), "{}", why(&list));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_file_makes_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        early in any::<bool>(),
    ) {
        let format = Format::Q8_0;
        let small = Maker { format, layers: 1, width: 32, heads: 2, kv_heads: 1, feed: 32, ..Maker::default() };
        let mut bytes = small.bytes();
        // Most of a file is weights, of which any are good.
        let length = if early { 8000 } else { bytes.len() };
        for (at, value) in changes {
            bytes[at.index(length)] = value;
        }
        if let Ok(engine) = load(&bytes) {
            let said = block_on(told(engine.answer(likeliest("the", 1))));
            // An answer to its end, or an error; one that panicked just stops.
            prop_assert!(said.map_or(true, |said| said.ending.is_some()));
        }
    }
}
