//! A client of a gateway that runs, for the commands by which somebody sees to it.

use std::io::Write;

use bytes::{Bytes, BytesMut};
use dormouse_core::{
    Code, Error, Result, ports::HttpClient, settings::Settings, wire::openai_chat::decode_error,
};
use futures::TryStreamExt;
use http::{
    Method, Request,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde::Deserialize;
use serde_json::Value;

/// The most that is read of an answer.
const MAX_BYTES: usize = 16 << 20;

/// The way to a gateway.
#[derive(Debug)]
pub(crate) struct Client {
    /// Where it listens.
    pub(crate) url: String,
    /// The key that is shown to it.
    pub(crate) api_key: Option<String>,
}

/// A list, as the gateway answers with it.
#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
}

impl Client {
    /// What is at `path`.
    pub(crate) async fn get<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T> {
        read(&self.call(Method::GET, path, None).await?)
    }

    /// What the gateway answers to `body`, or to nothing.
    pub(crate) async fn post<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T> {
        read(&self.call(Method::POST, path, body).await?)
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Bytes> {
        let url = format!("{}{path}", self.url.trim_end_matches('/'));
        let mut request = Request::builder().method(method).uri(url);
        if let Some(key) = &self.api_key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = request.body(body).map_err(|error| {
            let why = "the URL of the gateway, or the name, cannot be called";
            Error::new(Code::InvalidRequest, why).caused_by(error)
        })?;
        let http = dormouse_wiring::http_client(&Settings::read(|_| None)?);
        let response = http.send(request).await.map_err(|error| {
            let message = format!("no gateway answers at {}: {}", self.url, error.message());
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
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        Error::new(Code::UpstreamInvalid, "what answers there is no gateway").caused_by(error)
    })
}

/// Lines of which each column is as wide as the widest of it. The first is the heading.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: Vec<[String; N]>) -> String {
    let rows: Vec<_> = std::iter::once(heading.map(str::to_owned)).chain(rows).collect();
    let width = |row: &[String; N]| row.each_ref().map(|cell| cell.chars().count());
    let widest = rows.iter().map(width).reduce(|one, other| {
        let mut pairs = one.into_iter().zip(other);
        std::array::from_fn(|_| pairs.next().map_or(0, |(one, other)| one.max(other)))
    });
    let line = |row: [String; N]| {
        let cells = row.into_iter().zip(widest.into_iter().flatten());
        let line: String = cells.map(|(cell, width)| format!("{cell:width$}  ")).collect();
        format!("{}\n", line.trim_end())
    };
    rows.into_iter().map(line).collect()
}

/// Writes to standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| {
        Error::new(Code::Internal, "cannot write to standard output").caused_by(error)
    })
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_stand_below_each_other() {
        let row = |one: &str, other: &str| [one.to_owned(), other.to_owned()];
        let rows = vec![row("a", "one"), row("bécd", ""), row("", "two")];
        assert_eq!(table(["ID", "WHAT"], rows), "ID    WHAT\na     one\nbécd\n      two\n");
    }
}
