//! A server made with the official SDK.

use std::{
    borrow::Cow,
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use dormouse_core::{
    catalog::{McpPlace, McpServer},
    chat::Part,
    ports::{Host, HttpClient, Workspace},
    settings::Secret,
    tools::{Allowed, Context, Output, Tool, Toolbox},
};
use dormouse_host::LocalClient;
use dormouse_mcp::Server;
use dormouse_testkit::fakes::TestHost;
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock,
        DiscoverRequestMethod, DiscoverResult, JsonObject, ListToolsResult, PaginatedRequestParams,
        ProtocolVersion, ServerCapabilities, ServerConfig, Tool as Described,
    },
    service::RequestContext,
};
use serde_json::{Map, Value, json};
use tokio::fs::File;

/// What makes this program be a server instead of a test, and which.
pub(crate) const ROLE: &str = "MCP_PEER";
/// The answers of a server cannot go to where the test harness prints; they go to the third descriptor.
const BESIDE: &str = r#"exec "$0" "$@" 3>&1 1>/dev/null"#;

/// A server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Peer {
    /// Whether it only knows the revisions that begin with a handshake.
    pub(crate) old: bool,
    grown: Arc<AtomicBool>,
}

impl Peer {
    pub(crate) fn old() -> Self {
        Self { old: true, ..Self::default() }
    }
}

fn described(name: &'static str) -> Described {
    let schema = json!({ "type": "object", "properties": { "text": { "type": "string" } } });
    let schema: JsonObject = serde_json::from_value(schema).unwrap();
    Described::new(name, "A tool of the peer.", schema)
}

impl ServerHandler for Peer {
    fn get_info(&self) -> ServerConfig {
        let tools = ServerCapabilities::builder().enable_tools().enable_tool_list_changed();
        ServerConfig::new(tools.build())
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        let newest = if self.old {
            ProtocolVersion::LATEST_WITH_INITIALIZE
        } else {
            ProtocolVersion::LATEST
        };
        Cow::Borrowed(ProtocolVersion::known_up_to(&newest))
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        if self.old {
            return Err(ErrorData::method_not_found::<DiscoverRequestMethod>());
        }
        let versions = self.supported_protocol_versions().into_owned();
        Ok(DiscoverResult::from_server_info(versions, self.get_info()))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut names = vec!["echo", "fail", "picture", "variables", "meta", "grow", "die"];
        if self.grown.load(Ordering::SeqCst) {
            names.push("grown");
        }
        Ok(ListToolsResult::with_all_items(names.into_iter().map(described).collect()))
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let text = |text: String| vec![ContentBlock::text(text)];
        let arguments = params.arguments.unwrap_or_default();
        let result = match &*params.name {
            "echo" => {
                let said = arguments.get("text").and_then(Value::as_str).unwrap_or_default();
                CallToolResult::success(text(said.to_owned()))
            }
            "fail" => CallToolResult::error(text("it cannot be done".to_owned())),
            "picture" => {
                CallToolResult::success(vec![ContentBlock::image("iVBORw0KGgo=", "image/png")])
            }
            "variables" => {
                let names: Vec<_> = env::vars().map(|(name, _)| name).collect();
                CallToolResult::success(text(names.join(" ")))
            }
            "meta" => CallToolResult::success(text(json!(context.meta).to_string())),
            "grow" => {
                self.grown.store(true, Ordering::SeqCst);
                context.peer.notify_tool_list_changed().await.unwrap();
                CallToolResult::success(text("grown".to_owned()))
            }
            "die" => {
                use std::io::Write as _;
                std::io::stderr().write_all(b"my last words\n").unwrap();
                std::process::exit(7)
            }
            name => return Err(ErrorData::invalid_params(format!("no tool {name}"), None)),
        };
        Ok(result.into())
    }
}

/// Not a test, if the program was started as a server.
#[tokio::test]
async fn this_program_is_a_server_when_it_is_started_as_one() {
    let Ok(role) = env::var(ROLE) else { return };
    let peer = if role == "old" { Peer::old() } else { Peer::default() };
    let answers = File::options().write(true).open("/proc/self/fd/3").await.unwrap();
    let service = peer.serve((tokio::io::stdin(), answers)).await.unwrap();
    service.waiting().await.unwrap();
}

/// How this program is started as a server.
pub(crate) fn process(role: &str) -> McpPlace {
    let program = env::current_exe().unwrap().to_string_lossy().into_owned();
    let test = "peer::this_program_is_a_server_when_it_is_started_as_one";
    let args = ["-c", BESIDE, &program, "--exact", test, "--nocapture"];
    McpPlace::Process {
        command: "/bin/sh".to_owned(),
        args: args.into_iter().map(Secret::new).collect(),
        env: vec![
            (ROLE.to_owned(), Secret::new(role)),
            ("PEER_SECRET".to_owned(), Secret::new("s")),
        ],
    }
}

/// The same, with a process beside it that holds a pipe open and lets nobody ask it to end.
pub(crate) fn process_with_a_stubborn_child(pipe: &str) -> McpPlace {
    let McpPlace::Process { command, mut args, mut env } = process("new") else { unreachable!() };
    let child =
        r#"(trap '' HUP INT QUIT TERM; exec 4>"$PIPE"; echo up >&4; exec sleep 1000) <&- >&- &"#;
    args[1] = Secret::new(&format!("{child}\n{BESIDE}"));
    env.push(("PIPE".to_owned(), Secret::new(pipe)));
    McpPlace::Process { command, args, env }
}

/// A shell script as a server.
pub(crate) fn script(script: &str, args: &[&str]) -> McpPlace {
    let args = [&["-c", script, "server"], args].concat();
    McpPlace::Process {
        command: "/bin/sh".to_owned(),
        args: args.into_iter().map(Secret::new).collect(),
        env: Vec::new(),
    }
}

/// The client of a server at `place`.
pub(crate) fn client(host: &Arc<TestHost>, place: McpPlace, tools: Option<&[&str]>) -> Server {
    let tools = tools.map(|patterns| Allowed::parse(patterns.iter().copied()).unwrap());
    let about = McpServer { name: "peer".to_owned(), place, tools, timeout: None };
    let http: Arc<dyn HttpClient> = Arc::new(LocalClient::new(std::time::Duration::from_secs(30)));
    Server::new(Arc::new(about), Arc::clone(host) as Arc<dyn Host>, http)
}

/// The names of its tools.
pub(crate) async fn names(server: &Server) -> Vec<String> {
    let tools = server.tools().await.unwrap();
    tools.iter().map(|tool| tool.definition().name.clone()).collect()
}

/// What a tool answers.
pub(crate) async fn call(server: &Server, name: &str, input: Value) -> Output {
    let tools = server.tools().await.unwrap();
    let tool = tools.iter().find(|tool| tool.definition().name == name).unwrap();
    run(tool.as_ref(), input).await
}

pub(crate) async fn run(tool: &dyn Tool, input: Value) -> Output {
    let Value::Object(input) = input else { panic!("no input: {input}") };
    let workspace = Workspace { tenant: "acme".to_owned(), name: "run".to_owned() };
    let context = Context { workspace, idempotency_key: "once".to_owned() };
    tool.call(Map::from_iter(input), &context).await
}

/// The text of an output.
pub(crate) fn text(output: &Output) -> &str {
    match output.parts.as_slice() {
        [Part::Text { text, .. }] => text,
        parts => panic!("not one text: {parts:?}"),
    }
}
