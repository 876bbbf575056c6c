//! The gateway's own server, called by the client of the official SDK, which brings an HTTP client of its own.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Result,
    gateway::{Gateway, Ports},
    memory::MemoryRecords,
    ports::{ByteStream, HttpClient},
    settings::{Headers, Settings},
};
use dormouse_host::NativeHost;
use http::{HeaderName, HeaderValue, Request, Response};
use rmcp::{
    ServiceExt,
    model::{CallToolRequestParams, ClientConfig, ErrorCode, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt, ServiceError},
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};
use serde_json::json;

use crate::{
    over_http::serve,
    peer::{call, client, names, text},
};

const KEY: &str = "an administrator's key";

#[derive(Debug)]
struct NoUpstream;

#[async_trait]
impl HttpClient for NoUpstream {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<ByteStream>> {
        panic!("no tool needs a provider")
    }
}

async fn gateway() -> String {
    let settings = Settings::read(|name| (name == "DORMOUSE_API_KEY").then(|| KEY.to_owned()));
    let host = Arc::new(NativeHost::default());
    let ports = Ports {
        records: Arc::new(MemoryRecords::new(host.clone())),
        host,
        http: Arc::new(NoUpstream),
        models: None,
        blobs: None,
        tools: Default::default(),
    };
    let gateway = Gateway::new(settings.unwrap(), ports).unwrap();
    serve(dormouse_http::router(gateway)).await
}

fn transport(url: &str, key: &str) -> StreamableHttpClientTransport<reqwest::Client> {
    // The client wants to know how it would speak TLS; one test or another is the first to say so.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = StreamableHttpClientTransportConfig::with_uri(format!("{url}/mcp"));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    StreamableHttpClientTransport::with_client(client, config.auth_header(key))
}

#[tokio::test]
async fn the_official_client_lists_and_calls_tools_in_every_revision() {
    let url = gateway().await;
    for revision in ProtocolVersion::KNOWN_VERSIONS {
        let config = ClientConfig::default().with_protocol_version(revision.clone());
        let lifecycle = if revision.has_initialize() {
            ClientLifecycleMode::Initialize
        } else {
            ClientLifecycleMode::Discover { preferred_versions: vec![revision.clone()] }
        };
        let mut client =
            config.serve_with_lifecycle(transport(&url, KEY), lifecycle).await.unwrap();
        let info = client.peer().peer_info().unwrap();
        assert_eq!(info.protocol_version, *revision);
        assert_eq!(info.server_info.as_ref().unwrap().name, "dormouse");
        let tools = client.list_all_tools().await.unwrap();
        assert!(tools.iter().any(|tool| tool.name == "current_time"), "{tools:?}");
        let mut params = CallToolRequestParams::new("current_time");
        params.arguments = json!({ "offset": "+02:00" }).as_object().cloned();
        let result = client.call_tool(params).await.unwrap();
        assert_eq!(result.is_error, Some(false));
        let said = result.content.first().and_then(|block| block.as_text()).unwrap();
        assert!(said.text.contains("+02:00"), "{}", said.text);
        let unknown = client.call_tool(CallToolRequestParams::new("none")).await.unwrap_err();
        let ServiceError::McpError(error) = unknown else { panic!("{unknown}") };
        assert_eq!(error.code, ErrorCode::INVALID_PARAMS);
        client.close().await.unwrap();
    }
}

#[tokio::test]
async fn the_official_client_is_told_that_its_key_is_wrong() {
    let url = gateway().await;
    let refused = ().serve(transport(&url, "dm_000000000000_wrong")).await.unwrap_err();
    assert!(refused.to_string().contains("Auth required"), "{refused}");
}

#[tokio::test]
async fn one_gateway_offers_the_tools_of_another() {
    let url = gateway().await;
    let value = HeaderValue::from_str(&format!("Bearer {KEY}")).unwrap();
    let headers = Headers(vec![(HeaderName::from_static("authorization"), value)]);
    let place = dormouse_core::catalog::McpPlace::Url { url: format!("{url}/mcp"), headers };
    let server = client(&Arc::default(), place, None);
    assert!(names(&server).await.contains(&"current_time".to_owned()));
    let told = call(&server, "current_time", json!({})).await;
    assert!(text(&told).contains("unix_seconds"), "{told:?}");
}
