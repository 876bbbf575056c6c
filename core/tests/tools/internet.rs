//! Pages by their URLs.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    ports::{ByteStream, HttpClient},
};
use futures::{StreamExt, stream};
use http::{Request, Response};
use serde_json::Value;

#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) media_type: &'static str,
    pub(crate) location: Option<String>,
    pub(crate) body: String,
    /// Whether the body begins anew whenever it ends.
    pub(crate) endless: bool,
}

impl Page {
    pub(crate) fn plain(body: &str) -> Self {
        let body = body.to_owned();
        Self { status: 200, media_type: "text/plain", location: None, body, endless: false }
    }

    pub(crate) fn html(body: &str) -> Self {
        Self { media_type: "text/html; charset=utf-8", ..Self::plain(body) }
    }

    pub(crate) fn json(body: &Value) -> Self {
        Self { media_type: "application/json", ..Self::plain(&body.to_string()) }
    }

    pub(crate) fn redirect(location: &str) -> Self {
        Self { status: 302, location: Some(location.to_owned()), ..Self::plain("") }
    }

    pub(crate) fn endless() -> Self {
        Self { endless: true, ..Self::plain(&"0123456789abcdef".repeat(4096)) }
    }
}

/// Whoever is not listed cannot be reached.
#[derive(Debug, Default)]
pub(crate) struct Internet {
    pages: BTreeMap<String, Page>,
    asked: Mutex<Vec<Request<Bytes>>>,
}

impl Internet {
    pub(crate) fn of<'a>(pages: impl IntoIterator<Item = (&'a str, Page)>) -> Arc<Self> {
        let pages = pages.into_iter().map(|(url, page)| (url.to_owned(), page)).collect();
        Arc::new(Self { pages, asked: Mutex::default() })
    }

    pub(crate) fn asked(&self) -> Vec<Request<Bytes>> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl HttpClient for Internet {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<ByteStream>> {
        let page = self.pages.get(&request.uri().to_string()).cloned();
        self.asked.lock().unwrap().push(request);
        let page = page.ok_or_else(|| {
            Error::new(Code::UpstreamUnreachable, "the provider cannot be reached")
        })?;
        let mut response =
            Response::builder().status(page.status).header("content-type", page.media_type);
        if let Some(location) = &page.location {
            response = response.header("location", location);
        }
        let pieces = stream::repeat(Bytes::from(page.body)).map(Ok);
        let body = if page.endless { pieces.boxed() } else { pieces.take(1).boxed() };
        Ok(response.body(body).unwrap())
    }
}
