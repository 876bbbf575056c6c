//! HTTP in front of the instances.

use std::{net::TcpListener, sync::Arc};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header::HOST};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use wasmtime_wasi_http::{Error, WasiBody, io::TokioIo};

use crate::pool::{Client, Pool};

/// Answers every request on `listener` from `pool`.
///
/// # Errors
///
/// If the socket fails.
pub async fn forever(listener: TcpListener, pool: Pool) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        let pool = pool.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(pool.clone(), request));
            let served = http1::Builder::new().serve_connection(TokioIo::new(connection), service);
            if let Err(error) = served.await
                && !error.is_incomplete_message()
            {
                eprintln!("a connection broke: {error}");
            }
        });
    }
}

/// One answer. When the client disconnects, hyper drops this future or the answer's body, and with it
/// the [`Client`].
async fn answer(pool: Pool, request: Request<Incoming>) -> Result<Response<WasiBody>, http::Error> {
    let request = absolute(request)?.map(|body| body.map_err(Error::from).boxed_unsync());
    let client = Arc::new(Client);
    match pool.handle(Arc::downgrade(&client), request).await {
        Ok(response) => Ok(response.map(|body| attended(body, client))),
        Err(error) => {
            eprintln!("no answer: {error:?}");
            let body = Full::new(Bytes::from("the component failed")).map_err(Error::from);
            Response::builder().status(StatusCode::INTERNAL_SERVER_ERROR).body(body.boxed_unsync())
        }
    }
}

/// `body`, with a client for as long as it exists.
fn attended(body: WasiBody, client: Arc<Client>) -> WasiBody {
    body.map_frame(move |frame| {
        let _attended_by = &client;
        frame
    })
    .boxed_unsync()
}

/// wasi:http names scheme and authority of every request; HTTP/1.1 clients send a path and `host`.
fn absolute(request: Request<Incoming>) -> Result<Request<Incoming>, http::Error> {
    let (mut parts, body) = request.into_parts();
    let host = parts.headers.get(HOST).map_or(&b"localhost"[..], |host| host.as_bytes());
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = Uri::builder().scheme("http").authority(host).path_and_query(path).build()?;
    Ok(Request::from_parts(parts, body))
}
