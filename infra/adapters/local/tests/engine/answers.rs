//! Answers: what they say, where they end, and that they end with their readers.

use std::collections::BTreeMap;

use dormouse_core::{Code, Result};
use dormouse_local::{Ending, Limits, Piece, Prompt, Sampling, Why};
use futures::{
    StreamExt,
    future::{Either, join_all},
    poll,
    stream::select,
};

use super::{
    LIMITS, Told, engine, engine_within, likeliest,
    maker::{END, Maker},
    told,
};

#[tokio::test]
async fn an_answer_is_told_in_order_and_counted() {
    let engine = engine(&Maker::default());
    let prompt = likeliest("the mouse of the", 20);
    let tokens = engine.tokens(&prompt.text).unwrap();

    let pieces: Vec<_> = engine.answer(prompt).map(Result::unwrap).collect().await;

    assert_eq!(pieces.first(), Some(&Piece::Begin { input: tokens.len(), cached: 0 }));
    let ending = Ending { why: Why::Length, output: 20 };
    assert_eq!(pieces.last(), Some(&Piece::End(ending)));
    let texts = &pieces[1..pieces.len() - 1];
    assert!(
        !texts.is_empty()
            && texts.iter().all(|it| matches!(it, Piece::Text { text, .. } if !text.is_empty()))
    );
}

#[tokio::test]
async fn an_answer_ends_where_the_model_ends_it() {
    let engine = engine(&Maker::default());
    let logit_bias = BTreeMap::from([(END, 1e6)]);
    let sampling = Sampling { logit_bias, ..Sampling::default() };
    let prompt = Prompt { ignore_ends: false, sampling, ..likeliest("the", 20) };

    let told = told(engine.answer(prompt)).await.unwrap();

    assert_eq!((told.text.as_str(), told.ending), ("", Some(Ending { why: Why::Stop, output: 1 })));
}

#[tokio::test]
async fn an_answer_ends_before_a_stop_text_wherever_its_tokens_are_cut() {
    let engine = engine(&Maker::default());
    let whole = told(engine.answer(likeliest("the", 40))).await.unwrap().text;
    let letters: Vec<(usize, char)> = whole.char_indices().collect();
    for at in (0..letters.len() - 4).step_by(3) {
        let stop: String = letters[at..at + 4].iter().map(|(_, letter)| letter).collect();
        let prompt = Prompt { stops: vec![stop.clone()], ..likeliest("the", 40) };

        let told = told(engine.answer(prompt)).await.unwrap();

        assert_eq!(told.text, whole[..whole.find(&stop).unwrap()], "stopped at {stop:?}");
        assert_eq!(told.ending.unwrap().why, Why::Stop);
    }
}

#[tokio::test]
async fn a_prompt_that_does_not_fit_is_refused_with_both_numbers() {
    let engine = engine_within(&Maker::default(), &Limits { context: 64, ..LIMITS });
    let text = "q".repeat(64);

    let error = told(engine.answer(likeliest(&text, 1))).await.unwrap_err();

    assert_eq!(error.code(), Code::ContextOverflow);
    assert!(
        error.message().contains("64 tokens) exceeds the available context size (64"),
        "{error}"
    );
    // The longest token is 13 bytes.
    let error = told(engine.answer(likeliest(&"q".repeat(1300), 1))).await.unwrap_err();
    assert!(error.message().contains("at least 100 tokens) exceeds"), "{error}");
}

#[tokio::test]
async fn an_answer_ends_where_the_context_does() {
    let engine = engine(&Maker { context: 64, ..Maker::default() });
    assert_eq!(engine.facts().context, 64, "a model looks at no more than it can");
    let prompt = Prompt { max_tokens: None, ..likeliest(&"q".repeat(60), 0) };

    let told = told(engine.answer(prompt)).await.unwrap();

    assert_eq!(told.ending, Some(Ending { why: Why::Length, output: 4 }));
}

#[tokio::test]
async fn answers_side_by_side_are_the_answers_alone() {
    let engine = engine(&Maker::default());
    let prompts: Vec<_> = (0..12).map(|at| likeliest(&format!("{at} of the mouse"), 30)).collect();
    let mut alone = Vec::new();
    for prompt in &prompts {
        alone.push(told(engine.answer(prompt.clone())).await.unwrap().text);
    }

    let beside = join_all(prompts.into_iter().map(|prompt| told(engine.answer(prompt)))).await;

    let beside: Vec<_> = beside.into_iter().map(|told| told.unwrap().text).collect();
    assert_eq!(beside, alone);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_keeps_no_other_waiting() {
    let engine = engine_within(&Maker::default(), &Limits { threads: 1, ..LIMITS });
    // Longer than what may wait for a reader.
    let mut unread: Vec<_> = (0..4).map(|_| engine.answer(likeliest("of", 200))).collect();
    for answer in &mut unread {
        answer.next().await.unwrap().unwrap();
    }

    let read = told(engine.answer(likeliest("the", 10))).await.unwrap();

    assert_eq!(read.ending.unwrap().output, 10);
    for answer in unread {
        assert_eq!(told(answer).await.unwrap().ending.unwrap().output, 200, "none is lost");
    }
}

#[tokio::test]
async fn a_short_answer_does_not_wait_for_a_long_one() {
    let engine = engine_within(
        &Maker { context: 2048, ..Maker::default() },
        &Limits { threads: 1, ..LIMITS },
    );
    let mut long = engine.answer(likeliest("of", 1500));
    long.next().await.unwrap().unwrap();

    let short = engine.answer(likeliest("the", 4));
    // A piece of each in turn, so that neither is read ahead of the other.
    let mut both = select(long.map(Either::Left), short.map(Either::Right));
    let mut ended = Vec::new();
    while let Some(piece) = both.next().await {
        match piece {
            Either::Left(Ok(Piece::End(_))) => ended.push("long"),
            Either::Right(Ok(Piece::End(_))) => ended.push("short"),
            Either::Left(piece) | Either::Right(piece) => drop(piece.unwrap()),
        }
    }

    assert_eq!(ended, ["short", "long"]);
}

#[tokio::test]
async fn no_more_answers_are_given_at_once_than_may_be() {
    let engine = engine_within(&Maker::default(), &Limits { at_once: 2, ..LIMITS });
    let prompts = || (0..6).map(|at| likeliest(&format!("{at} of the mouse"), 60));
    let alone = join_all(prompts().map(|prompt| told(engine.answer(prompt)))).await;
    // Nobody reads these, so that they cannot end.
    let mut unread: Vec<_> = (0..2).map(|_| engine.answer(likeliest("of", 200))).collect();
    for answer in &mut unread {
        answer.next().await.unwrap().unwrap();
    }
    let (mut left, mut waiting) =
        (engine.answer(likeliest("q", 4)), engine.answer(likeliest("q", 4)));
    assert!(poll!(left.next()).is_pending() && poll!(waiting.next()).is_pending());

    // Who leaves gives the place on, and who leaves the line holds nobody up.
    drop(left);
    unread.pop();

    assert_eq!(told(waiting).await.unwrap().ending.unwrap().output, 4);
    let again = join_all(prompts().map(|prompt| told(engine.answer(prompt)))).await;
    let texts =
        |all: Vec<Result<Told>>| all.into_iter().map(|it| it.unwrap().text).collect::<Vec<_>>();
    assert_eq!(texts(again), texts(alone));
}

#[tokio::test]
async fn an_answer_ends_with_its_reader() {
    let engine = engine_within(&Maker::default(), &Limits { threads: 1, ..LIMITS });
    let mut left = engine.answer(likeliest("the mouse", 200));
    left.next().await.unwrap().unwrap();
    drop(left);
    // One thread, on which both have their turns: the first notices in one of them that it is alone.
    told(engine.answer(likeliest("q", 40))).await.unwrap();

    let again = told(engine.answer(likeliest("the mouse", 1))).await.unwrap();

    assert_eq!(again.cached, again.input - 1, "it has ended, and what it read is kept");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answer() {
    let engine = engine(&Maker::default());
    let warm = |seed| {
        let sampling = Sampling {
            temperature: 1.5,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            seed,
            ..Sampling::default()
        };
        told(engine.answer(Prompt { sampling, ..likeliest("the", 30) }))
    };
    let first = warm(Some(1)).await.unwrap().text;
    assert_eq!(warm(Some(1)).await.unwrap().text, first);
    assert_ne!(warm(Some(2)).await.unwrap().text, first);
    assert_ne!(warm(None).await.unwrap().text, warm(None).await.unwrap().text);
}
