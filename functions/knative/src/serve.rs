//! `dormouse serve`.

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use dormouse_core::{
    Code, Error, Result, gateway::Gateway, ports::EmbeddedModel, settings::Settings,
};
use tokio::{net::TcpListener, sync::oneshot};

use crate::{
    connections::{self, HEAD_WITHIN},
    discover::Answerer,
    first_key::AdminKey,
    signals,
    threads::Threads,
};

/// How long clients may take to read the end of an answer that was ended.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or Ctrl-C, then lets running requests end.
pub(crate) async fn serve(mut settings: Settings) -> Result<()> {
    dormouse_wiring::start_logging(&settings)?;
    let (listener, address) = listen(&settings.listen).await?;
    let threads = threads()?;
    let own = port(&settings.listen);
    let upstream = Answerer::choose(&mut settings, own).await.to_string();
    let (gateway, machine) = dormouse_wiring::gateway_on_machine(settings)?;
    let key = AdminKey::of(&gateway).await?;
    let found = [Some(upstream), sleepers(&gateway).await];
    if let Err(error) = greet(address, &found, &key) {
        // Nobody has seen the key, and it would not be made again.
        key.take_back(&gateway).await?;
        return Err(error);
    }
    tokio::spawn(suggest(address, gateway.clone(), key));
    let working = gateway.clone();
    gateway.host().spawn(Box::pin(async move { working.work().await }));
    run(listener, &threads, gateway.clone()).await;
    // Whatever it still works on goes back to the queue.
    gateway.close();
    machine.stop().await;
    Ok(())
}

/// Listens, and says where, in case any port will do.
pub(crate) async fn listen(address: &str) -> Result<(TcpListener, SocketAddr)> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bound.await.map_err(|error: io::Error| {
        let message =
            format!("cannot listen on {address}: {error}; choose another address with --listen");
        Error::new(Code::Internal, message)
    })
}

/// The threads that answer.
pub(crate) fn threads() -> Result<Threads> {
    Threads::start().map_err(|error| {
        Error::new(Code::Internal, "the threads that answer cannot be started").caused_by(error)
    })
}

async fn run(listener: TcpListener, threads: &Threads, gateway: Gateway) {
    let drain = gateway.settings().drain_timeout;
    let (stopping, stopped) = oneshot::channel();
    let router = dormouse_http::router(gateway.clone());
    tokio::select! {
        () = connections::serve(listener, threads, router, HEAD_WITHIN, until_told(stopping)) => {}
        () = after(stopped, drain, gateway) => {}
    }
}

/// The port on which this gateway listens itself.
fn port(address: &str) -> Option<u16> {
    address.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
}

/// Names the models of this machine, if there are any.
async fn sleepers(gateway: &Gateway) -> Option<String> {
    let servers = gateway.sleepers().await;
    let names: Vec<&str> = servers.iter().map(|server| server.model.as_str()).collect();
    let line = format!("Models of this machine, started when asked for: {}", names.join(", "));
    (!names.is_empty()).then_some(line)
}

/// Says where it listens, what it found and, once, the key.
fn greet(address: SocketAddr, found: &[Option<String>], key: &AdminKey) -> Result<()> {
    let mut lines = vec![format!("Dormouse listens on http://{address}")];
    lines.extend(found.iter().flatten().cloned());
    lines.push(key.line());
    say(&lines.join("\n"))
}

/// Prints a line to paste. Runs beside the server: the upstream may take its time to name a model.
async fn suggest(address: SocketAddr, gateway: Gateway, key: AdminKey) {
    if gateway.settings().upstream.is_none() && gateway.settings().models.is_none() {
        return;
    }
    let model = some_model(&gateway).await;
    let key = key.for_shell();
    let line = format!(
        "Try:\n    curl -N http://{address}/v1/chat/completions -H \"Authorization: Bearer {key}\" \
         -H 'Content-Type: application/json' \
         -d '{{\"model\":\"{model}\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'"
    );
    if let Err(error) = say(&line) {
        tracing::warn!(error = &error as &dyn std::error::Error, "nobody reads the greeting");
    }
}

/// Prints for people.
pub(crate) fn say(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    written.map_err(|error| {
        Error::new(Code::Internal, "cannot write to standard output").caused_by(error)
    })
}

/// A model for the line to paste: the default, else the upstream's first. One in process is not loaded for that.
async fn some_model(gateway: &Gateway) -> String {
    let settings = gateway.settings();
    if let Some(model) = &settings.default_model {
        return model.clone();
    }
    if let Some(model) = settings.upstream.as_deref().and_then(EmbeddedModel::written) {
        return model.id().to_owned();
    }
    match gateway.models().await {
        Ok(models) => models.into_iter().next().map_or_else(|| "default".into(), |model| model.id),
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the upstream lists no models yet"
            );
            "default".into()
        }
    }
}

/// Waits for SIGTERM or Ctrl-C.
async fn until_told(stopping: oneshot::Sender<()>) {
    signals::stop().await;
    tracing::info!("stopping: no new requests, running ones may end");
    // The receiver is only gone when the server has ended already.
    let _ = stopping.send(());
}

/// Waits until stopping has begun and `patience` has passed, or until told again; then ends what still
/// runs, and leaves clients a moment to read that it was ended.
async fn after(stopping: oneshot::Receiver<()>, patience: Duration, gateway: Gateway) {
    if stopping.await.is_err() {
        std::future::pending::<()>().await;
    }
    // A second signal is as good as the end of the wait.
    drop(tokio::time::timeout(patience, signals::stop()).await);
    tracing::warn!("ending the requests that still run");
    gateway.close();
    tokio::time::sleep(LAST_WORDS).await;
}
