//! Texts to tokens and back.

use proptest::prelude::*;

use super::{engine, maker::Maker};

#[test]
fn words_that_were_learned_are_one_token() {
    let engine = engine(&Maker::default());
    let count = |text: &str| engine.tokens(text).unwrap().len();
    assert_eq!((count(" the"), count(" mouse"), count(" the mouse"), count("the")), (1, 1, 2, 3));
    assert_eq!(count(" 12"), 3, "digits stand alone");
    assert_eq!(count("<|im_start|><note>"), 2, "special tokens are found in texts");
}

#[test]
fn tokens_that_only_steer_say_nothing() {
    let engine = engine(&Maker::default());
    let tokens = engine.tokens("<|im_start|>a<note>b<|im_end|>").unwrap();
    assert_eq!(engine.text(&tokens), "a<note>b");
    assert!(engine.ends(*tokens.last().unwrap()));
}

#[test]
fn every_text_comes_back() {
    let cuts = ["smollm", "gpt-2", "llama-bpe", "qwen2"];
    let engines = cuts.map(|pre| engine(&Maker { pre, layers: 1, ..Maker::default() }));
    proptest!(|(text in "(\\PC|[ \n\t\r]| the| mouse|ing){0,60}")| {
        for engine in &engines {
            let tokens = engine.tokens(&text).unwrap();
            prop_assert_eq!(engine.text(&tokens), text.clone());
        }
    });
}
