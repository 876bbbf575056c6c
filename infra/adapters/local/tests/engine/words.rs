//! Texts to tokens and back.

use dormouse_local::Engine;
use proptest::prelude::*;

use super::{
    engine,
    maker::{Maker, Vocabulary},
};

fn with(vocabulary: Vocabulary) -> Engine {
    engine(&Maker { vocabulary, layers: 1, ..Maker::default() })
}

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
    let engines = cuts.map(|pre| with(Vocabulary::Pairs(pre)));
    proptest!(|(text in "(\\PC|[ \n\t\r]| the| mouse|ing){0,60}")| {
        for engine in &engines {
            let tokens = engine.tokens(&text).unwrap();
            prop_assert_eq!(engine.text(&tokens), text.clone());
        }
    });
}

/// What a text is made of, by what each token says.
fn pieces(engine: &Engine, text: &str) -> Vec<String> {
    engine.tokens(text).unwrap().iter().map(|token| engine.text(&[*token])).collect()
}

#[test]
fn pieces_are_joined_by_their_scores_and_letters_without_one_are_bytes() {
    let engine = with(Vocabulary::Pieces);
    assert_eq!(pieces(&engine, "the mouse"), ["", " the", " mouse"], "a space stands before it");
    assert_eq!(pieces(&engine, "  the"), ["", "  ", " the"]);
    assert_eq!(pieces(&engine, "user<note>of"), ["", " ", "user", "<note>", " of"]);
    let bytes = engine.tokens("zü").unwrap();
    assert_eq!(bytes.len(), 2 + 1 + 2, "the beginning, the space, a byte and two");
    assert_eq!(engine.text(&bytes), " zü");
}

#[test]
fn every_text_comes_back_from_pieces_behind_a_space() {
    let engine = with(Vocabulary::Pieces);
    proptest!(|(text in "(\\PC|[ \n\t\r]| the| mouse|ing){0,60}")| {
        prop_assume!(!text.contains('▁'));
        let tokens = engine.tokens(&text).unwrap();
        let space = if text.is_empty() { "" } else { " " };
        prop_assert_eq!(engine.text(&tokens), format!("{space}{text}"));
    });
}
