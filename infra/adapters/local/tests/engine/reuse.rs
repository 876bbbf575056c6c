//! What was read once is not read again, and is read no differently for it.

use dormouse_local::Limits;
use proptest::prelude::*;

use super::{LIMITS, Told, engine, engine_within, likeliest, maker::Maker, told};

#[tokio::test]
async fn the_next_step_of_a_run_reads_only_what_is_new() {
    let engine = engine(&Maker::default());
    let first = told(engine.answer(likeliest("the mouse", 8))).await.unwrap();
    let step = format!("the mouse{} of the", first.text);
    // What was told need not be cut as it was chosen; what is new is not in the cache.
    let common = engine.tokens(&step).unwrap().len();

    let second = told(engine.answer(likeliest(&step, 8))).await.unwrap();

    assert_eq!((first.cached, second.input), (0, common));
    assert!(second.cached >= first.input, "{second:?}");
    assert!(second.cached < second.input, "something is always read");
}

#[tokio::test]
async fn several_requests_that_begin_alike_share_their_beginning() {
    let engine = engine(&Maker::default());
    let system = "the mouse of the mouse ".repeat(4);
    let shared = engine.tokens(&system).unwrap().len();
    for at in 0..4 {
        let told = told(engine.answer(likeliest(&format!("{system}{at}"), 4))).await.unwrap();
        assert!(at == 0 || told.cached >= shared - 1, "{told:?}");
    }
    // Each of them is kept: the first is continued, not only its beginning.
    let again = told(engine.answer(likeliest(&format!("{system}0"), 4))).await.unwrap();
    assert_eq!(again.cached, again.input - 1);
}

#[tokio::test]
async fn no_more_is_kept_than_may_be() {
    let none = engine_within(&Maker::default(), &Limits { kept_bytes: 0, ..LIMITS });
    for _ in 0..2 {
        assert_eq!(told(none.answer(likeliest("the", 4))).await.unwrap().cached, 0);
    }
    // Room for one answer of this length, and not for two that begin differently.
    let block = 2 * 2 * 2 * 16 * 32 * 4;
    let one = engine_within(&Maker::default(), &Limits { kept_bytes: 2 * block, ..LIMITS });
    let cached = |text: &'static str| {
        let one = one.clone();
        async move { told(one.answer(likeliest(&text.repeat(36), 2))).await.unwrap().cached }
    };
    assert_eq!((cached("a").await, cached("a").await), (0, 35));
    assert_eq!((cached("b").await, cached("b").await, cached("a").await), (0, 35, 0));
}

#[tokio::test]
async fn what_begins_a_longer_answer_is_not_kept_beside_it() {
    let block = 2 * 2 * 2 * 16 * 32 * 4;
    let engine = engine_within(&Maker::default(), &Limits { kept_bytes: 4 * block, ..LIMITS });
    let prompt = "a".repeat(50);
    let long = told(engine.answer(likeliest(&prompt, 70))).await.unwrap();
    let read = long.input + long.tokens.len() - 1;
    assert!((97..=128).contains(&read), "four blocks: {read}");

    told(engine.answer(likeliest(&prompt, 1))).await.unwrap();

    let again = told(engine.answer(likeliest(&prompt, 70))).await.unwrap();
    assert_eq!((again.cached, &again.text), (long.input - 1, &long.text));
    let tokens = engine.tokens(&format!("{prompt}{}", long.text)).unwrap();
    let further =
        told(engine.answer(likeliest(&format!("{prompt}{}", long.text), 1))).await.unwrap();
    assert_eq!((further.input, further.cached > long.input), (tokens.len(), true));
}

#[test]
fn whatever_was_read_before_an_answer_is_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let none = Limits { kept_bytes: 0, ..LIMITS };
    let (used, anew) = (engine(&Maker::default()), engine_within(&Maker::default(), &none));
    proptest!(ProptestConfig::with_cases(48), |(text in "(the|of|mouse|[a-c ]){1,30}")| {
        let prompt = likeliest(&text, 6);
        let again = runtime.block_on(told(used.answer(prompt.clone()))).unwrap();
        let anew = runtime.block_on(told(anew.answer(prompt))).unwrap();
        prop_assert_eq!(Told { cached: 0, ..again }, anew);
    });
}
