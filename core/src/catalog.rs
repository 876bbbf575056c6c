//! The catalog: which providers there are, which models they serve, and how names find them.
//!
//! It is written as YAML (`docs/catalog.md` has a whole one, `docs/catalog.schema.json` its schema), or
//! follows from the settings where one upstream is all there is. [`Catalog::read`] takes text and a
//! look-up for `${NAME}` and gives either a catalog in which everything that is named is there, or
//! every problem at once. Nothing here knows which provider is healthy, which credential is limited, or
//! which candidate is best: that is routing's.
//!
//! | module     | holds                                                              |
//! |------------|--------------------------------------------------------------------|
//! | `tree`     | YAML as values that know their line and column                     |
//! | `expand`   | `${NAME}`                                                          |
//! | `file`     | every field a catalog may have, once; `kinds` its single values    |
//! | `read`     | from the tree to those fields, and their JSON Schema               |
//! | `build`    | what the parts say about each other                                |
//! | `resolve`  | from a caller's name to the models that may answer                 |

pub(crate) mod around;
mod build;
mod expand;
mod file;
pub(crate) mod kinds;
mod logical;
mod mcp;
mod model;
pub(crate) mod path;
mod pattern;
pub(crate) mod problem;
mod provider;
pub(crate) mod read;
mod resolve;
mod route;
pub(crate) mod shape;
mod simple;
pub(crate) mod tenant;
mod tool;
pub(crate) mod tree;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use http::Method;

use self::{
    expand::variables,
    problem::Findings,
    read::{Document, Read as _, with_dialect},
};
pub use self::{
    logical::{Candidate, Failure, Fallback, Resolved, Strategy},
    mcp::{McpPlace, McpServer},
    model::{Capabilities, Capability, Facts, Model, Place},
    pattern::Pattern,
    problem::{Problem, Problems},
    provider::{Api, AuthStyle, Credential, CredentialStrategy, Provider},
    route::{Protocol, Route},
    tree::MAX_BYTES,
};
use crate::{settings::Prices, tenant::FileLevel, tools::HttpTool};

/// Providers, models and names. `Debug` shows no secrets.
#[derive(Clone, Debug)]
pub struct Catalog {
    providers: Vec<Arc<Provider>>,
    models: Vec<Arc<Model>>,
    logical: Vec<Arc<Resolved>>,
    /// Every listed name.
    names: BTreeMap<String, Named>,
    patterns: Vec<NamePattern>,
    routes: Vec<Route>,
    provider_prefix: bool,
    default_model: Option<String>,
    default_provider: Option<Place>,
    /// What models cost that nothing else has a price for.
    prices: Prices,
    tools: Vec<HttpTool>,
    tenants: FileLevel,
    mcp_servers: Vec<Arc<McpServer>>,
}

/// What a listed name stands for.
#[derive(Clone, Debug)]
enum Named {
    Model(Arc<Model>),
    /// The place in the list of logical models.
    Logical(usize),
}

/// Who serves the names of a pattern.
#[derive(Clone, Debug)]
struct NamePattern {
    pattern: Pattern,
    place: Place,
    facts: Facts,
}

impl Catalog {
    /// Reads the catalog in `text`, which is YAML 1.2 of at most [`MAX_BYTES`]. `look_up` is given the
    /// `NAME` of every `${NAME}` in a value.
    pub fn read(text: &str, look_up: impl Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let mut document = Document::<file::File>::read(text, &look_up)?;
        let catalog = build::build(document.take(), &mut document.findings);
        document.finish().map(|()| catalog)
    }

    /// The variables that the catalog in `text` takes from its environment, for hosts that must ask for
    /// each. None, if it is not YAML.
    pub fn variables(text: &str) -> BTreeSet<String> {
        let root = tree::parse(text, &mut Findings::default());
        let texts = root.as_ref().map(tree::Node::texts).unwrap_or_default();
        texts.into_iter().flat_map(variables).map(str::to_owned).collect()
    }

    /// JSON Schema (2020-12) of what [`read`](Self::read) takes, for editors. It knows shapes, not
    /// references.
    pub fn schema() -> serde_json::Value {
        with_dialect(file::File::schema())
    }

    /// The providers, as they are listed.
    pub fn providers(&self) -> &[Arc<Provider>] {
        &self.providers
    }

    /// The servers of the Model Context Protocol, as they are listed.
    pub fn mcp_servers(&self) -> &[Arc<McpServer>] {
        &self.mcp_servers
    }

    /// The listed models, in their order.
    pub fn models(&self) -> &[Arc<Model>] {
        &self.models
    }

    /// The logical models, in their order, each as its name resolves.
    pub fn logical_models(&self) -> &[Arc<Resolved>] {
        &self.logical
    }

    /// The route of a request: the first that is for it. `host` is its `Host` header, `path` has no
    /// query.
    pub fn route(&self, host: &str, path: &str, method: &Method) -> Option<&Route> {
        self.routes.iter().find(|route| route.reach.includes(host, path, method))
    }

    /// Every listed name of a model, with the model if it stands for one alone.
    pub fn names(&self) -> impl Iterator<Item = (&str, Option<&Arc<Model>>)> {
        self.names.iter().map(|(name, named)| match named {
            Named::Model(model) => (name.as_str(), Some(model)),
            Named::Logical(_) => (name.as_str(), None),
        })
    }

    /// Who serves the names that nothing else in the catalog is about.
    pub fn default_provider(&self) -> Option<&Place> {
        self.default_provider.as_ref()
    }

    /// HTTP services that are called for models, in their order.
    pub fn tools(&self) -> &[HttpTool] {
        &self.tools
    }

    /// What it says of tenants, its default model among it.
    pub fn tenants(&self) -> &FileLevel {
        &self.tenants
    }

    fn empty() -> Self {
        Self {
            providers: Vec::new(),
            models: Vec::new(),
            logical: Vec::new(),
            names: BTreeMap::new(),
            patterns: Vec::new(),
            routes: Vec::new(),
            provider_prefix: true,
            default_model: None,
            default_provider: None,
            prices: Prices::default(),
            tools: Vec::new(),
            tenants: FileLevel::default(),
            mcp_servers: Vec::new(),
        }
    }
}
