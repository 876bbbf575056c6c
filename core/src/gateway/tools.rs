//! Tools that the gateway runs itself.

mod list_models;

use std::sync::{Arc, Weak};

use list_models::ListModels;

use super::{Gateway, Parts, Ports};
use crate::{
    Error, Result,
    catalog::Catalog,
    keys::Caller,
    ports::{self, Sandbox},
    settings::{Secret, Settings},
    telemetry::Metrics,
    tools::{
        Allowed, BUILT_IN, Calculator, CurrentTime, Fixed, Limits, Memory, NewTool, Offer,
        RegisteredTool, RegisteredTools, Registry, RunCode, TaskFiles, Tool, Toolbox, WebFetch,
        WebSearch, services,
    },
};

/// The shortest text that is taken for a secret and struck out of results.
const SHORTEST_SECRET: usize = 8;

impl Gateway {
    /// Its tools.
    pub fn tools(&self) -> &Registry {
        &self.tools.registry
    }

    /// Where they run code and keep files, if there is such a place.
    pub fn sandbox(&self) -> Option<&Arc<dyn Sandbox>> {
        self.ports.tools.sandbox.as_ref()
    }

    /// The tools that tenants have registered.
    pub fn registered_tools(&self) -> &RegisteredTools {
        &self.tools.registered
    }

    /// The tools that `caller` may use, those of its tenant's own among them: what the configuration of the
    /// tenant allows, of that what its key does, and of that what `narrower` (an agent, a request) does.
    ///
    /// # Errors
    ///
    /// [`Code::StoreUnavailable`](crate::Code::StoreUnavailable) if the store is not there.
    pub async fn offer(&self, caller: &Caller, narrower: Option<&Allowed>) -> Result<Offer> {
        let tenant = &caller.tenant;
        let effective = self.tenants.of(tenant).await?;
        let own: Arc<dyn Toolbox> = Arc::new(self.tools.registered.toolbox(tenant).await?);
        let lists = [Some(&effective.config.tools), caller.tools.as_ref(), narrower];
        let allowed: Vec<&Allowed> = lists.into_iter().flatten().collect();
        Ok(self.tools.registry.offer(&allowed, &[own]).await)
    }

    /// Registers a tool of `tenant`, under a name that nothing else has.
    ///
    /// # Errors
    ///
    /// As [`RegisteredTools::register`].
    pub async fn register_tool(&self, tenant: &str, new: NewTool) -> Result<RegisteredTool> {
        let of_operator = self.catalog.tools().iter().any(|tool| tool.definition.name == new.name);
        // `/v1/tools/execute` is a path of its own.
        if of_operator || BUILT_IN.contains(&new.name.as_str()) || new.name == "execute" {
            let message = format!("there is a tool `{}` already", new.name);
            return Err(Error::new(crate::Code::Conflict, message).at("name"));
        }
        self.tools.registered.register(tenant, new).await
    }
}

/// The tools of a gateway.
#[derive(Debug)]
pub(super) struct Own {
    registry: Registry,
    registered: RegisteredTools,
}

impl Own {
    /// Those of a gateway with these settings; `parts` are its own, once they are there.
    pub(super) fn new(
        settings: &Settings,
        catalog: &Catalog,
        ports: &Ports,
        metrics: &Metrics,
        parts: Weak<Parts>,
    ) -> Self {
        let mut toolboxes: Vec<Arc<dyn Toolbox>> = vec![
            Arc::new(built_in(settings, ports, parts)),
            Arc::new(services(catalog.tools(), &ports.http)),
        ];
        toolboxes.extend(ports.tools.toolboxes.iter().cloned());
        let limits = Limits { time: settings.tool_timeout, result: settings.tool_result_limit.0 };
        let (host, records) = (Arc::clone(&ports.host), Arc::clone(&ports.records));
        let registered = RegisteredTools::new(records, Arc::clone(&host), ports.tools.web.clone());
        let secrets = secrets(settings, catalog);
        let registry = Registry::new(host, metrics.clone(), toolboxes, limits, secrets);
        Self { registry, registered }
    }
}

fn built_in(settings: &Settings, given: &Ports, parts: Weak<Parts>) -> Fixed {
    let sandbox = &given.tools.sandbox;
    let programs = ports::Limits { time: settings.tool_timeout, ..settings.sandbox_limits() };
    let (engine, key) = (settings.web_search.clone(), settings.web_search_key.clone());
    let mut tools: Vec<Arc<dyn Tool>> = vec![
        Arc::new(RunCode::bash(sandbox.clone(), programs.clone())),
        Arc::new(RunCode::python(sandbox.clone(), programs)),
        Arc::new(WebSearch::new(engine, key, Arc::clone(&given.http))),
        Arc::new(WebFetch::new(given.tools.web.clone())),
        Arc::new(Calculator::default()),
        Arc::new(CurrentTime::new(Arc::clone(&given.host))),
        Arc::new(ListModels::new(parts)),
    ];
    let files = TaskFiles::all(sandbox.as_ref()).map(|tool| Arc::new(tool) as Arc<dyn Tool>);
    let memory =
        Memory::all(&given.records, &given.host).map(|tool| Arc::new(tool) as Arc<dyn Tool>);
    tools.extend(files.into_iter().chain(memory));
    Fixed(tools)
}

/// What no tool may show, wherever it found it.
fn secrets(settings: &Settings, catalog: &Catalog) -> Vec<String> {
    let own = [
        &settings.api_key,
        &settings.upstream_api_key,
        &settings.upstream_proxy,
        &settings.store,
        &settings.seal_key,
        &settings.web_search_key,
        &settings.sandbox_key,
    ];
    let own = own.into_iter().flatten().map(Secret::expose).map(str::to_owned);
    let headers = settings.upstream_headers.secrets();
    let providers = catalog.providers().iter().flat_map(|provider| {
        let credentials = provider.credentials.iter().map(|it| it.secret.expose().to_owned());
        credentials.chain(provider.headers.secrets()).collect::<Vec<_>>()
    });
    let tools = catalog.tools().iter().flat_map(|tool| tool.headers.secrets());
    let servers = catalog.mcp_servers().iter().flat_map(|server| server.secrets());
    let all = own.chain(headers).chain(providers).chain(tools).chain(servers);
    all.filter(|secret| secret.len() >= SHORTEST_SECRET).collect()
}
