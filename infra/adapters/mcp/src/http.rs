//! The SDK's HTTP over the gateway's port: the same proxies, limits and errors as for providers.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use async_stream::stream;
use bytes::{Bytes, BytesMut};
use dormouse_core::{
    Code, Error,
    ports::{ByteStream, HttpClient},
    wire::sse::{Decoder, Frame, MAX_FRAME_BYTES},
};
use futures::{StreamExt, stream::BoxStream};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use rmcp::{
    model::{ClientJsonRpcMessage, ClientRequest, ErrorData, RequestId, ServerJsonRpcMessage},
    transport::streamable_http_client::{
        SseError, StreamableHttpClient, StreamableHttpError, StreamableHttpPostResponse,
    },
};
use sse_stream::Sse;

const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");
const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
/// The longest error that is read, in bytes.
const MAX_ERROR: usize = 64 << 10;
/// How much of an error is told, in characters.
const TOLD: usize = 200;

/// The gateway's HTTP client, as the SDK wants it.
#[derive(Clone, Debug)]
pub(crate) struct Client(pub(crate) Arc<dyn HttpClient>);

type Failure = StreamableHttpError<Error>;

/// What is asked of the server, beside the message.
struct Call {
    method: Method,
    uri: Arc<str>,
    session: Option<Arc<str>>,
    credential: Option<String>,
    headers: HashMap<HeaderName, HeaderValue>,
}

impl Client {
    async fn send(&self, call: Call, body: Bytes) -> Result<Response<ByteStream>, Failure> {
        let mut request = Request::new(body);
        *request.method_mut() = call.method;
        *request.uri_mut() = call.uri.parse().map_err(unsendable)?;
        let headers = request.headers_mut();
        headers.extend(call.headers);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if request.method() == Method::POST {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        }
        if let Some(session) = call.session {
            let session = HeaderValue::from_str(&session).map_err(unsendable)?;
            request.headers_mut().insert(SESSION, session);
        }
        if let Some(credential) = call.credential {
            let credential = format!("Bearer {credential}");
            let credential = HeaderValue::from_str(&credential).map_err(unsendable)?;
            request.headers_mut().insert(AUTHORIZATION, credential);
        }
        self.0.send(request).await.map_err(Failure::Client)
    }
}

impl StreamableHttpClient for Client {
    type Error = Error;

    async fn post_message(
        &self,
        uri: Arc<str>,
        message: ClientJsonRpcMessage,
        session: Option<Arc<str>>,
        credential: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<StreamableHttpPostResponse, Failure> {
        let in_session = session.is_some();
        let body = serde_json::to_vec(&message)?.into();
        let call = Call { method: Method::POST, uri, session, credential, headers };
        let response = self.send(call, body).await?;
        let status = response.status();
        if matches!(status, StatusCode::ACCEPTED | StatusCode::NO_CONTENT) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if status == StatusCode::NOT_FOUND && in_session {
            return Err(Failure::SessionExpired);
        }
        if !status.is_success() {
            return refused(&message, response).await;
        }
        let session = text(response.headers(), &SESSION).map(str::to_owned);
        let form = text(response.headers(), &CONTENT_TYPE).unwrap_or_default().to_owned();
        let awaits_answer = matches!(message, ClientJsonRpcMessage::Request(_));
        if !awaits_answer && !form.starts_with(EVENTS) {
            return Ok(StreamableHttpPostResponse::Accepted);
        }
        if form.starts_with(EVENTS) {
            return Ok(StreamableHttpPostResponse::Sse(events(response.into_body()), session));
        }
        if !form.starts_with(JSON) {
            return Err(Failure::UnexpectedContentType(Some(form)));
        }
        let body = collect(response.into_body(), MAX_FRAME_BYTES).await?;
        let message = serde_json::from_slice::<ServerJsonRpcMessage>(&body)?;
        Ok(StreamableHttpPostResponse::Json(message, session))
    }

    async fn delete_session(
        &self,
        uri: Arc<str>,
        session: Arc<str>,
        credential: Option<String>,
        headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<(), Failure> {
        let session = Some(session);
        let call = Call { method: Method::DELETE, uri, session, credential, headers };
        let response = self.send(call, Bytes::new()).await?;
        match response.status() {
            // The server ends sessions by itself.
            StatusCode::METHOD_NOT_ALLOWED => Ok(()),
            status if status.is_success() => Ok(()),
            status => Err(Failure::UnexpectedServerResponse(format!("HTTP {status}").into())),
        }
    }

    async fn get_stream(
        &self,
        uri: Arc<str>,
        session: Option<Arc<str>>,
        last_event: Option<String>,
        credential: Option<String>,
        mut headers: HashMap<HeaderName, HeaderValue>,
    ) -> Result<BoxStream<'static, Result<Sse, SseError>>, Failure> {
        if let Some(id) = last_event {
            headers.insert(LAST_EVENT, HeaderValue::from_str(&id).map_err(unsendable)?);
        }
        let call = Call { method: Method::GET, uri, session, credential, headers };
        let response = self.send(call, Bytes::new()).await?;
        let form = text(response.headers(), &CONTENT_TYPE).unwrap_or_default();
        match response.status() {
            StatusCode::METHOD_NOT_ALLOWED => Err(Failure::ServerDoesNotSupportSse),
            status if !status.is_success() => {
                Err(Failure::UnexpectedServerResponse(format!("HTTP {status}").into()))
            }
            _ if !form.starts_with(EVENTS) => {
                Err(Failure::UnexpectedContentType(Some(form.to_owned())))
            }
            _ => Ok(events(response.into_body())),
        }
    }
}

/// What a refusal is to the SDK. Servers that do not know `server/discover` refuse it in many ways; the SDK
/// then goes on with the older handshake, if it learns of it as an answer.
async fn refused(
    message: &ClientJsonRpcMessage,
    response: Response<ByteStream>,
) -> Result<StreamableHttpPostResponse, Failure> {
    let status = response.status();
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let why = format!("HTTP {status}: the server wants another credential in its `headers`");
        return Err(Failure::Client(Error::new(Code::UpstreamCredential, why)));
    }
    let body = collect(response.into_body(), MAX_ERROR).await?;
    let said = serde_json::from_slice::<ServerJsonRpcMessage>(&body);
    let body = String::from_utf8_lossy(&body);
    let told: String = body.chars().take(TOLD).collect();
    match (message, said) {
        (ClientJsonRpcMessage::Request(request), Ok(ServerJsonRpcMessage::Error(error))) => {
            Ok(answer(error.error, request.id.clone()))
        }
        (ClientJsonRpcMessage::Request(request), _)
            if status.is_client_error()
                && matches!(request.request, ClientRequest::DiscoverRequest(_)) =>
        {
            let error = ErrorData::invalid_request(format!("HTTP {status}: {told}"), None);
            Ok(answer(error, request.id.clone()))
        }
        _ => {
            let why = format!("HTTP {status}: {told}");
            Err(Failure::UnexpectedServerResponse(Cow::Owned(why)))
        }
    }
}

fn answer(error: ErrorData, id: RequestId) -> StreamableHttpPostResponse {
    StreamableHttpPostResponse::Json(ServerJsonRpcMessage::error(error, Some(id)), None)
}

/// The events of a body, none of them without end. Their ids are left out: they serve to go on with a stream
/// that broke off, and calls that broke off are not known to be safe to repeat.
fn events(mut body: ByteStream) -> BoxStream<'static, Result<Sse, SseError>> {
    let broken = |error: Error| SseError::Body(Box::new(error));
    stream! {
        let (mut decoder, mut frames) = (Decoder::default(), Vec::new());
        while let Some(bytes) = body.next().await {
            let read = bytes.and_then(|bytes| decoder.push(&bytes, &mut frames));
            for frame in frames.drain(..) {
                if let Some(event) = event(&frame) {
                    yield Ok(event);
                }
            }
            if let Err(error) = read {
                yield Err(broken(error));
                return;
            }
        }
        if let Some(event) = decoder.finish().and_then(|frame| event(&frame)) {
            yield Ok(event);
        }
    }
    .boxed()
}

fn event(frame: &[u8]) -> Option<Sse> {
    let Frame { event, data } = Frame::read(frame);
    if data.is_empty() {
        return None;
    }
    let (event, data) = (event.map(Cow::into_owned), Some(data.into_owned()));
    Some(Sse { event, data, ..Sse::default() })
}

async fn collect(mut body: ByteStream, most: usize) -> Result<Bytes, Failure> {
    let mut collected = BytesMut::new();
    while let Some(bytes) = body.next().await {
        collected.extend_from_slice(&bytes.map_err(Failure::Client)?);
        if collected.len() > most {
            return Err(Failure::ResponseBodyTooLarge { max_size: most });
        }
    }
    Ok(collected.freeze())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn unsendable(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    let error = Error::new(Code::Internal, "a request cannot be written").caused_by(error);
    Failure::Client(error)
}
