//! `dormouse models`: a client of a gateway that runs, for those who tend its models.

use std::io::Write;

use bytes::{Bytes, BytesMut};
use dormouse_core::{
    Code, Error, Result, ports::HttpClient, settings::Settings, wire::openai_chat::decode_error,
};
use futures::TryStreamExt;
use http::{Method, Request, header::AUTHORIZATION};
use serde::Deserialize;

use crate::command_line::{Act, Order};

/// The most that is read of an answer.
const MAX_BYTES: usize = 16 << 20;

/// A model, as the gateway lists it.
#[derive(Debug, Deserialize)]
struct Model {
    id: String,
    /// Only models of the gateway's machine have one.
    dormouse: Option<Server>,
}

#[derive(Debug, Deserialize)]
struct Server {
    state: String,
    active: u32,
    queued: u32,
    expected_wake_seconds: Option<f64>,
    reason: Option<String>,
}

#[derive(Debug, Deserialize)]
struct List {
    data: Vec<Model>,
}

/// Does what is ordered, and prints how the models are then.
pub(crate) async fn run(order: &Order) -> Result<()> {
    let models = match &order.act {
        Act::List => read::<List>(&call(order, Method::GET, "").await?)?.data,
        Act::Wake(model) => {
            vec![read(&call(order, Method::POST, &format!("/{model}/wake")).await?)?]
        }
        Act::Release(model) => {
            vec![read(&call(order, Method::POST, &format!("/{model}/release")).await?)?]
        }
    };
    print(&table(&models))
}

async fn call(order: &Order, method: Method, path: &str) -> Result<Bytes> {
    let url = format!("{}/v1/models{path}", order.url.trim_end_matches('/'));
    let mut request = Request::builder().method(method).uri(url);
    if let Some(key) = &order.api_key {
        request = request.header(AUTHORIZATION, format!("Bearer {key}"));
    }
    let request = request.body(Bytes::new()).map_err(|error| {
        Error::new(Code::InvalidRequest, "the URL of the gateway or the name cannot be called")
            .caused_by(error)
    })?;
    let http = dormouse_wiring::http_client(&Settings::read(|_| None)?);
    let response = http.send(request).await.map_err(|error| {
        let message = format!("no gateway answers at {}: {}", order.url, error.message());
        Error::new(error.code(), message)
    })?;
    let (head, mut pieces) = response.into_parts();
    let mut body = BytesMut::new();
    while let Some(piece) = pieces.try_next().await? {
        if body.len() + piece.len() > MAX_BYTES {
            return Err(Error::new(Code::UpstreamInvalid, "the gateway's answer is too long"));
        }
        body.extend_from_slice(&piece);
    }
    if head.status.is_success() {
        Ok(body.freeze())
    } else {
        Err(decode_error(head.status.as_u16(), None, &body))
    }
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        Error::new(Code::UpstreamInvalid, "what answers there is no gateway").caused_by(error)
    })
}

fn table(models: &[Model]) -> String {
    let width = models.iter().map(|model| model.id.len()).max().unwrap_or_default().max(5);
    let mut table = format!("{:width$}  STATE     ANSWERS  WAIT  USUAL WAKE\n", "MODEL");
    for Model { id, dormouse } in models {
        let Some(server) = dormouse else { continue };
        let wake = server.expected_wake_seconds.map(|time| format!("{time:.1} s"));
        let note = server.reason.as_ref().map(|reason| format!("  {reason}")).unwrap_or_default();
        table.push_str(&format!(
            "{id:width$}  {:8}  {:7}  {:4}  {:>10}{note}\n",
            server.state,
            server.active,
            server.queued,
            wake.as_deref().unwrap_or("-"),
        ));
    }
    table
}

fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| {
        Error::new(Code::Internal, "cannot write to standard output").caused_by(error)
    })
}
