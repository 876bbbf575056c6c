//! Finding a model server that already runs on this machine.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use dormouse_core::{ports::HttpClient, settings::Settings};
use futures::future::join_all;
use http::{Request, StatusCode};

/// The usual loopback ports of model servers.
const USUAL: [(u16, &str); 6] = [
    (8080, "llama-server"),
    (8081, "llama-server"),
    (8082, "llama-server"),
    (11434, "Ollama"),
    (8000, "vLLM"),
    (1234, "LM Studio"),
];
/// How long a server may take to show itself. It is on this machine.
const PATIENCE: Duration = Duration::from_secs(2);

/// What to do when nothing is found.
pub(crate) const ADVICE: &str = "\
No model server was found on this machine (looked at ports 8080-8082, 11434, 8000 and 1234).
Start one, for example
    llama-server -m model.gguf --port 8081
    ollama serve
and run dormouse again, or name one that runs elsewhere:
    dormouse serve --upstream http://HOST:PORT/v1";

/// Who answers where the settings name nobody: a model server that runs here, else the model in the box.
/// Returns a line that says who, or `None` if there is nobody.
pub(crate) async fn choose(settings: &mut Settings, own: Option<u16>) -> Option<String> {
    if let Some(found) = discover(settings, own).await {
        let line = format!("Upstream: found {} at {}", found.name, found.url);
        settings.upstream = Some(found.url);
        return Some(line);
    }
    let model = dormouse_wiring::built_in_model()?;
    settings.upstream = Some(model.to_owned());
    Some(format!("Upstream: {model}, {IN_THE_BOX}"))
}

/// What is said of the model in the box, in one line.
const IN_THE_BOX: &str = "the small model in the box, as no model server was found: it shows how things \
    work and knows little. For a real one run `llama-server -m model.gguf --port 8081`, `ollama serve`, or \
    BitNet's `python run_inference_server.py -m model.gguf --port 8081`, and dormouse again, or name one: \
    `--upstream http://HOST:PORT/v1`";

/// A model server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    /// What usually runs there.
    name: &'static str,
    /// Its base URL.
    url: String,
}

/// Looks at the usual ports, except our `own`. The first in the list wins.
async fn discover(settings: &Settings, own: Option<u16>) -> Option<Found> {
    let http: Arc<dyn HttpClient> = Arc::new(dormouse_wiring::direct_client(settings));
    let candidates = USUAL.iter().filter(|(port, _)| Some(*port) != own);
    let looks = candidates.map(|(port, name)| look(Arc::clone(&http), *port, name));
    join_all(looks).await.into_iter().flatten().next()
}

/// A server is there if it lists models, or says that it is still loading one.
async fn look(http: Arc<dyn HttpClient>, port: u16, name: &'static str) -> Option<Found> {
    let url = format!("http://127.0.0.1:{port}/v1");
    let request = Request::get(format!("{url}/models")).body(Bytes::new()).ok()?;
    let response = tokio::time::timeout(PATIENCE, http.send(request)).await.ok()?.ok()?;
    let there =
        response.status().is_success() || response.status() == StatusCode::SERVICE_UNAVAILABLE;
    there.then_some(Found { name, url })
}
