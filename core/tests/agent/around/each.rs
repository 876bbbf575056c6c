//! Each thing that can be done around the loop: what the model is asked, and what becomes of its answers.

use serde_json::{Value, json};

use super::{CHAT, asking, formed, last, runs, said, with};
use crate::bench::{Bench, Reply, calls, question, says};

const ADD: (&str, &str, &str) = ("a", "add", r#"{"a":1,"b":2}"#);

async fn answered(bench: &Bench, body: Value) -> (String, String) {
    said(CHAT, &bench.whole(CHAT, body).await)
}

#[tokio::test]
async fn a_plan_is_made_carried_out_and_verified() {
    let script = [
        says("1. Add.\n2. Say it."),
        calls([ADD]),
        says("It is 4."),
        says("VERDICT: no\n- the sum is wrong"),
        says("It is 3."),
    ];
    let bench = Bench::new(script);
    let (answer, thoughts) = answered(&bench, with(CHAT, "m", &json!({ "plan": true }))).await;
    assert_eq!(answer, "It is 3.");
    for thought in ["Plan:\n1. Add.", "Draft:\nIt is 4.", "Verification:\nVERDICT: no"] {
        assert!(thoughts.contains(thought), "{thoughts}");
    }
    let asked = bench.asked();
    assert_eq!(asked.len(), 5, "what was verified once is not verified again");
    let first = last(&asked, 0);
    assert!(first.starts_with("What is 1 + 2?\n\n") && first.contains("plan"), "{first}");
    assert!(first.contains("add"), "it knows its tools: {first}");
    let choices: Vec<&Value> = asked.iter().map(|it| &it["tool_choice"]).collect();
    let (none, free) = (&json!("none"), &Value::Null);
    assert_eq!(choices, [none, free, free, none, free], "who plans and checks calls nothing");
    let told = bench.told();
    assert!(told.windows(2).all(|two| two[1].starts_with(&two[0])), "{told:#?}");
}

#[tokio::test]
async fn a_plan_that_is_none_is_forgotten() {
    let bench = Bench::new([says(""), says("It is 3.")]);
    let (answer, _) = answered(&bench, with(CHAT, "m", &json!({ "plan": true }))).await;
    assert_eq!(answer, "It is 3.");
    assert_eq!(last(&bench.asked(), 1), "What is 1 + 2?");
}

#[tokio::test]
async fn flaws_are_mended_until_the_score_is_good() {
    let script = [
        says("It is 4."),
        says("SCORE: 3\n- the sum is wrong"),
        says("It is 3."),
        says("SCORE: 9\n- rather short"),
    ];
    let bench = Bench::new(script);
    let (answer, thoughts) = answered(&bench, with(CHAT, "m", &json!({ "critique": 3 }))).await;
    assert_eq!(answer, "It is 3.");
    assert!(thoughts.contains("Critique:\nSCORE: 3"), "{thoughts}");
    let asked = bench.asked();
    assert!(last(&asked, 1).contains("SCORE: 7"));
    assert!(last(&asked, 2).contains("Mend"));
    let told = bench.told();
    assert!(told.windows(2).all(|two| two[1].starts_with(&two[0])), "{told:#?}");
}

#[tokio::test]
async fn rounds_of_criticism_are_counted_and_the_best_answer_counts() {
    let flawed = |score| says(score);
    let bench = Bench::new([says("It is 4."), flawed("SCORE: 3\n- wrong"), says("It is 3.")]);
    let (answer, _) = answered(&bench, with(CHAT, "m", &json!({ "critique": 1 }))).await;
    assert_eq!(answer, "It is 3.", "it was made to be better");

    let script = [
        says("It is 3."),
        flawed("SCORE: 7\n- too short"),
        says("It is 5, since 2 + 3 is 5."),
        flawed("SCORE: 2"),
    ];
    let bench = Bench::new(script);
    let (answer, _) = answered(&bench, with(CHAT, "m", &json!({ "critique": 3 }))).await;
    assert_eq!(answer, "It is 3.", "the earlier one was better");
}

#[tokio::test]
async fn a_criticism_that_cannot_be_read_lets_the_answer_stand() {
    for nonsense in ["Fine!", "", "SCORE: 100/100\n- no", "SCORE: 2"] {
        let bench = Bench::new([says("It is 3."), says(nonsense)]);
        let (answer, _) = answered(&bench, with(CHAT, "m", &json!({ "critique": true }))).await;
        assert_eq!(answer, "It is 3.", "{nonsense}");
    }
}

#[tokio::test]
async fn calls_of_a_model_that_is_asked_for_words_are_not_made() {
    let judged = Reply::Says("SCORE: 9", vec![ADD]);
    let bench = Bench::new([says("It is 3."), judged]);
    let whole = bench.whole(CHAT, with(CHAT, "m", &json!({ "critique": 1 }))).await;
    assert_eq!(said(CHAT, &whole).0, "It is 3.");
    assert_eq!(whole["choices"][0]["message"].get("tool_calls"), None);
    assert!(bench.log.calls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_that_does_not_fit_its_schema_is_corrected_once() {
    let script = [says(r#"{"n": "3"}"#), says("```json\n{\"n\": 3}\n```")];
    let bench = Bench::new(script);
    let (answer, thoughts) = answered(&bench, formed(CHAT, &json!({ "correct": true }))).await;
    assert_eq!(answer, r#"{"n": 3}"#, "and taken out of its block");
    assert!(thoughts.contains("Draft:\n{\"n\": \"3\"}"), "{thoughts}");
    let told = last(&bench.asked(), 1);
    assert!(told.contains("`n` ") && told.contains("\"required\""), "{told}");

    let bench = Bench::new([says("three"), says("It is three.")]);
    let (answer, _) = answered(&bench, formed(CHAT, &json!({ "correct": true }))).await;
    assert_eq!(answer, "It is three.", "it is told once");

    let bench = Bench::new([says(r#"{"n": 3}"#)]);
    let (answer, thoughts) = answered(&bench, formed(CHAT, &json!({ "correct": true }))).await;
    assert_eq!((&*answer, &*thoughts), (r#"{"n": 3}"#, ""), "what fits costs nothing");
}

#[tokio::test]
async fn code_in_an_answer_is_run_and_its_errors_are_mended() {
    let script = [
        says("So:\n```python\nprint(1 + 2)\n```\n```python\nbroken\n```"),
        says("So:\n```python\nprint(3)\n```"),
    ];
    let bench = Bench::able(runs, script);
    let mut body = with(CHAT, "m", &json!({ "run_code": true, "steps": true }));
    body["messages"][0]["content"] = "Write it.".into();
    let whole = bench.whole(CHAT, body).await;
    assert_eq!(said(CHAT, &whole).0, "So:\n```python\nprint(3)\n```");
    let told = last(&bench.asked(), 1);
    assert!(told.contains("Block 2 (python)") && told.contains("NameError"), "{told}");
    let steps = whole["dormouse"]["steps"].as_array().unwrap();
    let ran: Vec<&Value> = steps.iter().filter(|it| it["type"] == "tool_call").collect();
    assert_eq!(ran.len(), 3, "the caller sees what was run: {steps:?}");
}

#[tokio::test]
async fn code_that_never_works_is_sent_back_so_often_and_no_more() {
    let broken = || says("```bash\nbroken\n```");
    let bench = Bench::able(runs, [broken(), broken(), broken(), broken()]);
    let (answer, _) = answered(&bench, with(CHAT, "m", &json!({ "run_code": true }))).await;
    assert_eq!(answer, "```bash\nbroken\n```");
    assert_eq!(bench.asked().len(), 4);
}

#[tokio::test]
async fn a_kind_of_request_has_the_tools_that_help_it() {
    for (kind, wanted) in [
        ("chat", &[][..]),
        ("calculation", &["add", "calculator"][..]),
        ("I am not sure.", &["add", "calculator", "current_time"][..]),
    ] {
        let bench = Bench::set(
            &[("DORMOUSE_TOOLS", "add,calculator,current_time")],
            [says(kind), says("It is 3.")],
        );
        let (answer, thoughts) =
            answered(&bench, with(CHAT, "m", &json!({ "intent": true }))).await;
        assert_eq!(answer, "It is 3.");
        assert!(thoughts.contains(kind), "{thoughts}");
        let asked = bench.asked();
        assert_eq!(asked[0].get("tools"), None);
        assert_eq!(asked[0]["messages"].as_array().unwrap().len(), 2);
        let names: Vec<&str> = asked[1]["tools"]
            .as_array()
            .map(|all| all.iter().map(|it| it["function"]["name"].as_str().unwrap()).collect())
            .unwrap_or_default();
        assert_eq!(names, wanted, "{kind}");
        assert_eq!(asked[1]["messages"], json!([{ "role": "user", "content": "What is 1 + 2?" }]));
    }
}

#[tokio::test]
async fn a_kind_decides_what_the_request_leaves_open() {
    let script = || [says("task"), says("1. Do."), says("It is 3."), says("VERDICT: yes")];
    let bench = Bench::new(script());
    answered(&bench, with(CHAT, "m", &json!({ "intent": true }))).await;
    assert_eq!(bench.asked().len(), 4);
    let bench = Bench::new([says("task"), says("It is 3.")]);
    answered(&bench, with(CHAT, "m", &json!({ "intent": true, "plan": false }))).await;
    assert_eq!(bench.asked().len(), 2);
    let bench = Bench::able(runs, [says("search"), says("It is 3.")]).web(["{}"]);
    answered(&bench, with(CHAT, "m", &json!({ "intent": true }))).await;
    assert_eq!(bench.fetched().len(), 1);
}

const FOUND: &str = r#"{"RelatedTopics": [
    {"FirstURL": "https://one.example", "Text": "One - the first"},
    {"FirstURL": "https://two.example", "Text": "Two - the second"}
]}"#;

#[tokio::test]
async fn the_web_is_asked_first_and_its_sources_have_numbers() {
    let bench = Bench::able(runs, [says("It is one [1].")]).web([FOUND]);
    let body = asking("What is the latest news?", &json!({ "web": "auto", "steps": true }));
    let whole = bench.whole(CHAT, body).await;
    assert_eq!(said(CHAT, &whole).0, "It is one [1].");
    let told = last(&bench.asked(), 0);
    for part in ["What is the latest news?\n\n", "[1] One\n", "[2] Two\n", "not instructions"] {
        assert!(told.contains(part), "{told}");
    }
    assert_eq!(whole["dormouse"]["steps"][0]["name"], "web_search", "the caller sees it");
    assert!(bench.fetched()[0].contains("q=What+is+the+latest+news"), "{:?}", bench.fetched());

    let quiet = Bench::able(runs, [says("It is 3.")]);
    answered(&quiet, with(CHAT, "m", &json!({ "web": "auto" }))).await;
    assert!(quiet.fetched().is_empty(), "nobody asked for it");
}

#[tokio::test]
async fn a_page_that_is_named_is_read() {
    let bench = Bench::able(runs, [says("It says so.")]).web(["All mimsy were the borogoves."]);
    let body = asking("What does https://a.example/x say?", &json!({ "web": "auto" }));
    answered(&bench, body).await;
    assert_eq!(bench.fetched(), ["https://a.example/x"]);
    let told = last(&bench.asked(), 0);
    assert!(told.contains("[1] url: https://a.example/x") && told.contains("mimsy"), "{told}");
}

#[tokio::test]
async fn a_web_that_is_down_is_said_to_be() {
    let bench = Bench::able(runs, [says("I do not know.")]);
    let body = with(CHAT, "m", &json!({ "web": true, "steps": true }));
    let whole = bench.whole(CHAT, body).await;
    assert_eq!(whole["dormouse"]["ending"], "done");
    assert_eq!(whole["dormouse"]["steps"][1]["is_error"], true, "the caller is told");
    assert_eq!(whole["dormouse"]["degraded"], json!(["web"]));
    let told = last(&bench.asked(), 0);
    assert!(told.contains("nothing was found") && told.contains("web_search failed"), "{told}");
}

#[tokio::test]
async fn in_a_conversation_only_the_answer_is_kept() {
    let script = [says("It is 4."), says("SCORE: 1\n- wrong"), says("It is 3."), says("6")];
    let bench = Bench::new(script);
    for body in [with(CHAT, "m", &json!({ "critique": 1 })), question("m")] {
        let origin = bench.conversation("talk").await;
        let answer = bench.ask(CHAT, body, origin).await.unwrap();
        bench.collect(answer).await.unwrap();
    }
    let messages = bench.asked()[3]["messages"].clone();
    let texts: Vec<&Value> = messages.as_array().unwrap().iter().map(|it| &it["content"]).collect();
    assert_eq!(texts, ["What is 1 + 2?", "It is 3.", "What is 1 + 2?"]);
}

#[tokio::test]
async fn a_model_told_in_words_is_judged_like_any_other() {
    let script = [
        says("1. Add."),
        says("DONE: It is 4."),
        says("VERDICT: no\n- wrong"),
        says("Oh.\nDONE: It is 3."),
        says("SCORE: 9"),
    ];
    let bench = Bench::new(script);
    let body = with(CHAT, "small", &json!({ "plan": true, "critique": 1 }));
    let (answer, thoughts) = answered(&bench, body).await;
    assert_eq!(answer, "It is 3.");
    assert!(thoughts.contains("It is 4.") && thoughts.contains("SCORE: 9"), "{thoughts}");
    let told = bench.told();
    assert!(told[4].starts_with(&told[3]), "it reads the same words before: {told:#?}");
}
