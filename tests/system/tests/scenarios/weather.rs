//! A real model that calls a tool of the gateway, and reads what came of it.

use dormouse_testkit::upstream::{Answer, Upstream};
use serde_json::json;

use crate::{
    client::Gateway,
    llama::{Llama, questions},
    stage::{Stage, within},
};

/// Where the service is called that the tool asks.
const PATH: &str = "/v1/weather";

/// A catalog with the real model behind `model` and a tool that `service` answers.
fn catalog(model: &str, service: &Upstream) -> String {
    let url = format!("{}/weather", service.base_url());
    format!(
        "providers:
  - {{name: llama, api: openai, base_url: {model:?}}}
default_provider: llama
tools:
  - name: weather
    description: Tells the weather.
    url: {url}
    input_schema:
      {{type: object, properties: {{city: {{type: string, enum: [Oslo, Paris]}}}}, required: [city]}}
"
    )
}

/// The real model, and a gateway in front of it that has the tool.
pub(crate) async fn begin(stage: &Stage, settings: &[(&str, &str)]) -> (Llama, Gateway) {
    stage.upstream.answers(PATH, |asked| {
        let city = asked.json()["city"].as_str().unwrap().to_owned();
        Answer::json(200, &json!({ "seen": format!("fog in {city}") }))
    });
    let llama = Llama::start().await;
    let catalog = catalog(&llama.base_url(), &stage.upstream);
    let ours = [("DORMOUSE_CONFIG", &*catalog), ("DORMOUSE_UPSTREAM", "")];
    let gateway = stage.gateway(&[&ours, settings].concat()).await;
    (llama, gateway)
}

/// Holds what the model read last against the next question that the service was asked. Returns its city.
pub(crate) async fn the_model_read_it(stage: &Stage, llama: &Llama) -> String {
    let asked = within("the question", stage.upstream.asked(PATH)).await.json();
    let city = asked["city"].as_str().unwrap();
    let read = llama.read().await;
    assert!(read.contains(&format!("fog in {city}")), "{read}");
    let calls = read.matches("<tool_call>").count() - 1;
    assert!(calls > 0 && read.contains("<tool_response>"), "{read}");
    city.to_owned()
}

/// The gateway runs what the model calls, in every dialect; the model is told of tools in words, and made to call
/// one by a grammar.
pub(crate) async fn a_real_model_reads_what_its_calls_gave(stage: Stage) {
    let (llama, gateway) = begin(&stage, &[("DORMOUSE_EMULATE_TOOLS", "true")]).await;
    for (path, mut body, ..) in questions() {
        body.as_object_mut().unwrap().remove("tools");
        body["stream"] = json!(true);
        body["dormouse"] = json!({ "mode": "loop", "tools": ["weather"], "max_steps": 2 });

        let reply = gateway.post(path, &body).await;

        assert_eq!(reply.status, 200, "{reply:?}");
        let told = String::from_utf8(reply.body.to_vec()).unwrap();
        // What it says in its last step is its answer, though it knows no more than words for dormice.
        assert!(told.contains("\"ending\":\"done\""), "{told}");
        let city = the_model_read_it(&stage, &llama).await;
        if path != "/v1/chat/completions" {
            assert!(told.contains(&format!("fog in {city}")), "{told}");
        }
    }
    assert_eq!(stage.upstream.count(PATH), 3, "each called it once");
}

/// The same by the model's own form of calls, which the server reads.
pub(crate) async fn a_real_server_reads_what_its_calls_gave(stage: Stage) {
    let (llama, gateway) = begin(&stage, &[]).await;
    let [(path, mut body, ..), ..] = questions();
    body.as_object_mut().unwrap().remove("tools");
    body["dormouse"] =
        json!({ "mode": "loop", "tools": ["weather"], "max_steps": 2, "steps": true });
    body["logit_bias"] = json!({ "3": 100 });

    let answer = gateway.post(path, &body).await.ok();

    let steps: Vec<_> = answer["dormouse"]["steps"].as_array().unwrap().iter().collect();
    assert_eq!((&steps[0]["type"], &steps[0]["name"]), (&json!("tool_call"), &json!("weather")));
    let city = the_model_read_it(&stage, &llama).await;
    assert!(steps[1]["output"].as_str().unwrap().contains(&format!("fog in {city}")), "{answer}");
}
