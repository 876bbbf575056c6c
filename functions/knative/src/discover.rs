//! Who answers: whom the settings name, else a model server that already runs on this machine, else the model in
//! the box.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use dormouse_core::{
    catalog::Api,
    ports::{EmbeddedModel, HttpClient},
    settings::Settings,
};
use futures::future::join_all;
use http::{Request, StatusCode};

/// A loopback port of model servers, and what usually runs there.
type Place = (u16, &'static str);

/// The usual places.
const USUAL: [Place; 6] = [
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

/// What is said of the model in the box, in one line.
const IN_THE_BOX: &str = "the small model in the box, as no model server was found: it shows how things \
    work and knows little. For a real one run `llama-server -m model.gguf --port 8081`, `ollama serve`, or \
    BitNet's `python run_inference_server.py -m model.gguf --port 8081`, and dormouse again, or name one: \
    `--upstream http://HOST:PORT/v1`";

/// Who answers. As a text: a line that says it, or the advice if there is nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answerer {
    /// Whom the settings name, and what they are called there. They are left as they are.
    Named(String),
    /// A model server that runs on this machine.
    Found {
        /// What usually runs there.
        name: &'static str,
        /// Its base URL.
        url: String,
    },
    /// The model in the box.
    BuiltIn(&'static str),
    /// Nobody.
    Nobody,
}

impl Answerer {
    /// Finds somebody where `settings` name nobody, and writes into them who it is. A gateway does not look at its
    /// `own` port.
    pub(crate) async fn choose(settings: &mut Settings, own: Option<u16>) -> Self {
        let built_in = dormouse_wiring::built_in_model();
        Self::among((&USUAL, PATIENCE), built_in, settings, own).await
    }

    async fn among(
        places: (&[Place], Duration),
        built_in: Option<&'static str>,
        settings: &mut Settings,
        own: Option<u16>,
    ) -> Self {
        if let Some(named) = named(settings) {
            return Self::Named(named);
        }
        let chosen = match (discover(places, settings, own).await, built_in) {
            (Some((name, url)), _) => Self::Found { name, url },
            (None, Some(model)) if !meant_another(settings, model) => Self::BuiltIn(model),
            (None, _) => Self::Nobody,
        };
        settings.upstream = chosen.upstream();
        chosen
    }

    fn upstream(&self) -> Option<String> {
        match self {
            Self::Found { url, .. } => Some(url.clone()),
            Self::BuiltIn(model) => Some((*model).to_owned()),
            Self::Named(_) | Self::Nobody => None,
        }
    }
}

impl fmt::Display for Answerer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(line) => f.write_str(line),
            Self::Found { name, url } => write!(f, "Upstream: found {name} at {url}"),
            Self::BuiltIn(model) => write!(f, "Upstream: {model}, {IN_THE_BOX}"),
            Self::Nobody => f.write_str(ADVICE),
        }
    }
}

/// Whom the settings name.
fn named(settings: &Settings) -> Option<String> {
    match (&settings.upstream, &settings.config) {
        (Some(url), _) => Some(format!("Upstream: {url}")),
        (None, Some(source)) => Some(format!("Catalog: {}", source.name())),
        (None, None) => {
            let none = "Upstream: none, only the models of this machine";
            settings.models.as_ref().map(|_| none.to_owned())
        }
    }
}

/// Whether the settings say something of an upstream that is not `model`, though not where it is.
fn meant_another(settings: &Settings, model: &str) -> bool {
    let id = EmbeddedModel::written(model);
    let id = id.as_ref().map(EmbeddedModel::id);
    settings.upstream_api != Api::OpenAi
        || settings.upstream_api_key.is_some()
        || settings.upstream_auth.is_some()
        || !settings.upstream_headers.0.is_empty()
        || settings.default_model.as_deref().is_some_and(|name| Some(name) != id)
}

/// What runs at `places`, except at our `own`, and its base URL. The first in the list wins.
async fn discover(
    (places, patience): (&[Place], Duration),
    settings: &Settings,
    own: Option<u16>,
) -> Option<(&'static str, String)> {
    let http: Arc<dyn HttpClient> = Arc::new(dormouse_wiring::direct_client(settings));
    let candidates = places.iter().filter(|(port, _)| Some(*port) != own);
    let looks = candidates.map(|place| look(Arc::clone(&http), *place, patience));
    join_all(looks).await.into_iter().flatten().next()
}

/// A server is there if it lists models, or says that it is still loading one.
async fn look(
    http: Arc<dyn HttpClient>,
    (port, name): Place,
    patience: Duration,
) -> Option<(&'static str, String)> {
    let url = format!("http://127.0.0.1:{port}/v1");
    let request = Request::get(format!("{url}/models")).body(Bytes::new()).ok()?;
    let response = tokio::time::timeout(patience, http.send(request)).await.ok()?.ok()?;
    let there =
        response.status().is_success() || response.status() == StatusCode::SERVICE_UNAVAILABLE;
    there.then_some((name, url))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use dormouse_testkit::upstream::Upstream;
    use tokio::net::TcpSocket;

    use super::*;

    const BOX: Option<&str> = Some("embedded:nano");
    /// No machine is this slow.
    const LONG: Duration = Duration::from_secs(600);

    fn settings(given: &[(&str, &str)]) -> Settings {
        let value = |name: &str| given.iter().find(|(it, _)| *it == name);
        Settings::read(|name| value(name).map(|(_, value)| (*value).to_owned())).unwrap()
    }

    /// A port at which nobody listens, and nobody else will while the socket is there.
    fn silent() -> (TcpSocket, Place) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = socket.local_addr().unwrap().port();
        (socket, (port, "nobody"))
    }

    #[tokio::test]
    async fn whom_the_settings_name_is_never_replaced() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let place = (listener.local_addr().unwrap().port(), "llama-server");
        let model = "- name: m\n  command: llama-server -m m.gguf --port {port}\n";
        for (given, line) in [
            (("DORMOUSE_UPSTREAM", "http://127.0.0.1:9/v1"), "Upstream: http://127.0.0.1:9/v1"),
            (("DORMOUSE_UPSTREAM", "embedded:/m.gguf"), "Upstream: embedded:/m.gguf"),
            (("DORMOUSE_CONFIG", "/etc/catalog.yaml"), "Catalog: /etc/catalog.yaml"),
            (("DORMOUSE_MODELS", model), "Upstream: none, only the models of this machine"),
        ] {
            let mut settings = settings(&[given]);
            let upstream = settings.upstream.clone();
            let chosen = Answerer::among((&[place], LONG), BOX, &mut settings, None).await;
            assert_eq!(chosen.to_string(), line);
            assert_eq!(settings.upstream, upstream);
        }
        assert!(listener.accept().is_err(), "nobody was looked for");
    }

    #[tokio::test]
    async fn a_server_that_runs_comes_before_the_model_in_the_box() {
        let (upstream, (_silent, nobody)) = (Upstream::start().await, silent());
        let port = upstream.base_url().rsplit_once(':').unwrap().1.trim_end_matches("/v1").parse();
        let (place, mut settings) = ((port.unwrap(), "Ollama"), settings(&[]));
        let chosen = Answerer::among((&[nobody, place], LONG), BOX, &mut settings, None).await;
        assert_eq!(chosen, Answerer::Found { name: "Ollama", url: upstream.base_url() });
        assert_eq!(settings.upstream, Some(upstream.base_url()));

        let mut settings = self::settings(&[]);
        let own = Some(place.0);
        let chosen = Answerer::among((&[nobody, place], LONG), BOX, &mut settings, own).await;
        assert_eq!(chosen, Answerer::BuiltIn("embedded:nano"), "a gateway is not its own upstream");
    }

    #[tokio::test]
    async fn the_model_in_the_box_stands_in_for_no_other_that_was_meant() {
        let (_silent, nobody) = silent();
        for given in [
            ("DORMOUSE_UPSTREAM_API", "ollama"),
            ("DORMOUSE_UPSTREAM_API_KEY", "sk-1"),
            ("DORMOUSE_UPSTREAM_AUTH", "x-api-key"),
            ("DORMOUSE_UPSTREAM_HEADERS", "{\"x-team\":\"a\"}"),
            ("DORMOUSE_DEFAULT_MODEL", "qwen3"),
        ] {
            let mut settings = settings(&[given]);
            let chosen = Answerer::among((&[nobody], LONG), BOX, &mut settings, None).await;
            assert_eq!((chosen, settings.upstream), (Answerer::Nobody, None), "{given:?}");
        }
        let mut settings = settings(&[("DORMOUSE_DEFAULT_MODEL", "nano")]);
        let chosen = Answerer::among((&[nobody], LONG), BOX, &mut settings, None).await;
        assert_eq!(chosen, Answerer::BuiltIn("embedded:nano"));
    }

    #[tokio::test]
    async fn where_nothing_runs_the_model_in_the_box_answers_or_advice_is_given() {
        let ((_silent, nobody), mut settings) = (silent(), settings(&[]));
        let chosen = Answerer::among((&[nobody], LONG), None, &mut settings, None).await;
        assert_eq!((chosen.to_string(), &settings.upstream), (ADVICE.to_owned(), &None));

        let chosen = Answerer::among((&[nobody], LONG), BOX, &mut settings, None).await;
        assert_eq!(settings.upstream.as_deref(), BOX);
        let line = chosen.to_string();
        assert!(line.starts_with("Upstream: embedded:nano, the small model in the box"), "{line}");
        assert!(!line.contains('\n'), "one line");
        for command in ["llama-server -m", "ollama serve", "run_inference_server.py"] {
            assert!(line.contains(command), "{command}");
        }
    }
}
