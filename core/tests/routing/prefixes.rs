//! How much of a prompt the next one of its conversation begins with.

use dormouse_core::{
    chat::{Message, Request, Role},
    gateway::Origin,
};

use crate::bench::{Bench, hello};

const CATALOG: &str = "
providers:
  - {name: one, api: openai, base_url: http://one/v1}
models:
  - {name: m, provider: one}
";

async fn turn(bench: &Bench, conversation: Option<&str>, system: &str, said: &[&str]) {
    let mut messages = vec![Message::text(Role::System, system)];
    messages.extend(said.iter().map(|&text| Message::text(Role::User, text)));
    let request = Request { messages, ..hello("m") };
    let conversation = conversation.map(str::to_owned);
    let answer = bench.ask_with(request, Origin { conversation, ..Origin::default() }).await;
    bench.whole(answer.unwrap()).await.unwrap();
}

/// The bytes that were shared, and those that could have been.
async fn figures(bench: &Bench) -> Option<(u64, u64)> {
    let text = bench.gateway.figures().await.unwrap();
    let count = |name: &str| {
        let name = format!("{name}_bytes_total{{gen_ai_request_model=\"m\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
    };
    Some((count("dormouse_prompt_prefix_shared")?, count("dormouse_prompt_prefix")?))
}

#[tokio::test]
async fn t_30_a_metric_shows_how_much_of_a_prompt_comes_again() {
    let bench = Bench::new(CATALOG);
    turn(&bench, Some("a"), "Be brief.", &["one"]).await;
    assert_eq!(figures(&bench).await, None, "nothing to compare it with");

    turn(&bench, Some("a"), "Be brief.", &["one", "two"]).await;
    let (shared, all) = figures(&bench).await.unwrap();
    assert_eq!(shared, all, "a conversation that goes on");

    turn(&bench, Some("a"), "It is noon. Be brief.", &["one", "two", "three"]).await;
    let (then, more) = figures(&bench).await.unwrap();
    assert_eq!(then, shared, "nothing comes again behind what has changed");
    assert!(more > all);
}

#[tokio::test]
async fn requests_of_no_conversation_are_not_compared() {
    let bench = Bench::new(CATALOG);
    for _ in 0..2 {
        turn(&bench, None, "Be brief.", &["one"]).await;
    }
    assert_eq!(figures(&bench).await, None);
}
