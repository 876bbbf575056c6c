//! Every route, in one table: the router is built from it, and tests walk it.

use axum::{handler::Handler, routing::MethodRouter};
use dormouse_core::gateway::Gateway;
use http::Method;

use crate::{
    a1, answer, c1, count, embeddings,
    files::{self, FILES, PICTURES},
    keys, mcp, models, moderations, problem, receipts, responses, runs, session, state, tenant,
    tools,
};

/// One route of the gateway's own. The catalog may have more: each takes a request for an answer, and no
/// id.
#[derive(Clone, Debug)]
pub struct Route {
    path: &'static str,
    ids: Ids,
    methods: Vec<Method>,
    handlers: MethodRouter<Gateway>,
}

/// Whose ids the variables of a path are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// The path has no variables.
    None,
    /// Those of a tenant: whoever belongs to another is told 404, as for an id that there never was.
    Tenant,
    /// Those of the gateway, the same for every tenant.
    Gateway {
        /// Why they tell no tenant about another.
        because: &'static str,
    },
}

impl Route {
    fn at(path: &'static str, ids: Ids) -> Self {
        Self { path, ids, methods: Vec::new(), handlers: MethodRouter::new() }
    }

    fn get<T: 'static>(self, handler: impl Handler<T, Gateway>) -> Self {
        let handlers = self.handlers.get(handler);
        Self { handlers, ..self }.takes(Method::GET)
    }

    fn post<T: 'static>(self, handler: impl Handler<T, Gateway>) -> Self {
        let handlers = self.handlers.post(handler);
        Self { handlers, ..self }.takes(Method::POST)
    }

    fn put<T: 'static>(self, handler: impl Handler<T, Gateway>) -> Self {
        let handlers = self.handlers.put(handler);
        Self { handlers, ..self }.takes(Method::PUT)
    }

    fn delete<T: 'static>(self, handler: impl Handler<T, Gateway>) -> Self {
        let handlers = self.handlers.delete(handler);
        Self { handlers, ..self }.takes(Method::DELETE)
    }

    fn takes(mut self, method: Method) -> Self {
        self.methods.push(method);
        self
    }

    /// Its path: `/v1/receipts/{id}`. A variable with a star takes slashes too.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// Whose ids are in its path.
    pub fn ids(&self) -> Ids {
        self.ids
    }

    /// The methods that it takes. `HEAD` goes without saying where there is `GET`.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// Who answers.
    pub(crate) fn into_handlers(self) -> MethodRouter<Gateway> {
        self.handlers
    }
}

/// Every route.
pub fn routes() -> Vec<Route> {
    [own(), agents()].concat()
}

/// The routes of agents.
fn agents() -> Vec<Route> {
    let gateways = |because| Ids::Gateway { because };
    vec![
        Route::at("/a1/agents", Ids::None).get(a1::list),
        Route::at("/a1/agents/{name}", gateways("every tenant may ask every agent")).get(a1::one),
        Route::at("/a1/agents/{name}/chat", gateways("every tenant may ask every agent"))
            .post(a1::chat),
        Route::at("/a1/agents/{name}/sessions", gateways("it has the caller's own sessions alone"))
            .post(a1::begin)
            .get(a1::sessions),
        Route::at("/a1/agents/{name}/sessions/{id}", Ids::Tenant)
            .get(a1::session)
            .delete(a1::delete),
        Route::at("/a1/agents/{name}/sessions/{id}/chat", Ids::Tenant).post(a1::chat_in_session),
        Route::at("/a1/reload", Ids::None).post(a1::reload),
    ]
}

/// The others, in the order of the documentation.
fn own() -> Vec<Route> {
    let gateways = |because| Ids::Gateway { because };
    vec![
        Route::at("/v1/chat/completions", Ids::None).post(answer::answer),
        Route::at("/v1/responses", Ids::None).post(answer::answer),
        Route::at("/v1/responses/{id}", Ids::Tenant).get(responses::one).delete(responses::delete),
        Route::at("/v1/responses/{id}/input_items", Ids::Tenant).get(responses::input_items),
        Route::at("/v1/responses/{id}/cancel", Ids::Tenant).post(responses::cancel),
        Route::at("/v1/runs", Ids::None).get(runs::list),
        Route::at("/v1/runs/{id}", Ids::Tenant).get(runs::one),
        Route::at("/v1/runs/{id}/events", Ids::Tenant).get(runs::events::follow),
        Route::at("/v1/runs/{id}/cancel", Ids::Tenant).post(runs::cancel),
        Route::at("/v1/messages", Ids::None).post(answer::answer),
        Route::at("/v1/messages/count_tokens", Ids::None).post(count::count),
        Route::at("/v1/completions", Ids::None).post(answer::answer),
        Route::at("/v1/embeddings", Ids::None).post(embeddings::embed),
        Route::at("/v1/moderations", Ids::None).post(moderations::moderate),
        // Names of sessions may contain slashes.
        Route::at("/v1/sessions/{*id}", Ids::Tenant).delete(session::delete),
        Route::at("/c1/chat", Ids::None).post(c1::chat),
        Route::at("/c1/conversations", Ids::None).get(c1::list),
        Route::at("/c1/conversations/{id}", Ids::Tenant).get(c1::one).delete(c1::delete),
        Route::at("/c1/conversations/{id}/compact", Ids::Tenant).post(c1::compact),
        Route::at("/v1/files", Ids::None).post(files::upload::<FILES>).get(files::list::<FILES>),
        Route::at("/v1/files/{id}", Ids::Tenant)
            .get(files::one::<FILES>)
            .delete(files::delete::<FILES>),
        Route::at("/v1/files/{id}/content", Ids::Tenant).get(files::content::<FILES>),
        Route::at("/v1/images", Ids::None)
            .post(files::upload::<PICTURES>)
            .get(files::list::<PICTURES>),
        Route::at("/v1/images/{id}", Ids::Tenant)
            .get(files::one::<PICTURES>)
            .delete(files::delete::<PICTURES>),
        Route::at("/v1/images/{id}/content", Ids::Tenant).get(files::content::<PICTURES>),
        Route::at("/mcp", Ids::None).post(mcp::post).get(mcp::get).delete(mcp::delete),
        Route::at("/.well-known/oauth-protected-resource", Ids::None).get(mcp::metadata),
        Route::at("/.well-known/oauth-protected-resource/mcp", Ids::None).get(mcp::metadata),
        Route::at("/v1/tools", Ids::None).post(tools::register).get(tools::list),
        Route::at("/v1/tools/execute", Ids::None).post(tools::execute),
        Route::at("/v1/tools/{id}", Ids::Tenant).get(tools::one).delete(tools::delete),
        Route::at("/v1/models", Ids::None).get(models::list),
        // Model ids contain slashes (`org/model`).
        Route::at("/v1/models/{*id}", gateways("every tenant may ask every model"))
            .get(models::one)
            .post(models::act),
        Route::at("/v1/keys", Ids::None).post(keys::mint).get(keys::list),
        Route::at("/v1/keys/{id}", gateways("administrators alone see keys, and see all"))
            .get(keys::one)
            .delete(keys::revoke),
        Route::at("/v1/tenant/config", Ids::None)
            .get(tenant::show)
            .put(tenant::replace)
            .delete(tenant::clear),
        Route::at("/v1/receipts", Ids::None).get(receipts::list),
        Route::at("/v1/receipts/{id}", Ids::Tenant).get(receipts::one),
        Route::at("/healthz", Ids::None).get(state::healthz),
        Route::at("/readyz", Ids::None).get(state::readyz),
        Route::at("/metrics", Ids::None).get(state::metrics),
        Route::at("/errors", Ids::None).get(problem::catalogue),
        Route::at("/", Ids::None).get(state::hello),
        Route::at("/api/hello", Ids::None).get(state::hello),
    ]
}
