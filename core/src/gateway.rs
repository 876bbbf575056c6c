//! The path of one request.
//!
//! ```text
//! identify ─▶ recall ─▶ route ─▶ admit ─▶ reserve ─▶ answer ─▶ deliver ─▶ settle
//!                         ▲                            │
//!                         └────── another model ◀──────┘ before anything was said
//! ```
//!
//! [`Gateway::chat`] is that line, with its middle in `asking`: the only places where stages meet. An operation
//! whose answer comes whole ([`Gateway::embed`], [`Gateway::moderate`]) has nothing to deliver; one for which the
//! gateway runs tools (`agent`) walks the line once for each answer of its model. A stage is the module of the
//! same name with one entry function; it takes what it needs and never calls another stage.

mod admit;
mod agent;
mod agents;
mod answer;
mod asking;
mod attach;
mod closing;
mod converse;
mod count;
mod deliver;
mod detached;
mod files;
mod identify;
mod line;
mod models;
mod outside;
mod prefixes;
mod recall;
mod reserve;
mod route;
mod scratch;
mod seal;
mod settle;
mod state;
mod tenants;
mod tools;
mod whole;
mod work;

use std::{ops::Deref, sync::Arc};

use asking::{Begun, Share};
use converse::Conversing;
use tracing::instrument;

use crate::{
    Error, Result,
    accounting::Ledger,
    agents::Agents,
    blobs::RecordsBlobs,
    catalog::Catalog,
    chat::{ChunkStream, Dialect, Request},
    conversation::{Address, Conversations, Opened},
    files::Files,
    inference::{LocalModels, Providers},
    keys::{Caller, Fingerprint, Keys},
    mcp::Sessions,
    ports::{Blobs, Host},
    responses::Responses,
    seal::Seals,
    settings::Settings,
    telemetry::Metrics,
    tenant::Tenants,
};

pub use converse::Compacted;
pub use outside::{Answer, Background, LocalServers, Origin, Ports, ToolPorts};
pub use scratch::Scratch;
pub use state::{Check, Readiness};
pub use whole::Answered;

/// A wired gateway; one per process. Clones are the same gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    // Every request holds several clones for as long as it runs, so a clone is one pointer.
    parts: Arc<Parts>,
}

/// What the clones of a gateway share; of no use by itself.
#[derive(Debug)]
pub struct Parts {
    settings: Arc<Settings>,
    ports: Ports,
    fixed_key: Option<Fingerprint>,
    keys: Keys,
    tenants: Tenants,
    ledger: Ledger,
    workers: admit::Workers,
    lines: line::Lines,
    catalog: Arc<Catalog>,
    agents: Agents,
    providers: Providers,
    local: Option<LocalModels>,
    responses: Responses,
    conversations: Conversations,
    files: Arc<Files>,
    mcp_sessions: Sessions,
    tools: tools::Own,
    seals: Seals,
    metrics: Metrics,
    prefixes: prefixes::Prefixes,
    closing: closing::Closing,
    work: work::Work,
}

impl Deref for Gateway {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// An answer on its way to its caller.
struct Told {
    receipt: String,
    model: String,
    /// The id of the run that it is the answer of.
    run: Option<String>,
    /// What that does without.
    degraded: Vec<String>,
    chunks: ChunkStream,
}

impl Gateway {
    /// A gateway. Nothing is opened or called until a request needs it.
    ///
    /// Settings that contradict each other are an
    /// [`InvalidRequest`](crate::Code::InvalidRequest) that names the setting.
    pub fn new(settings: Settings, ports: Ports) -> Result<Self> {
        let catalog = Catalog::of_settings(&settings)?;
        Self::with_catalog(settings, catalog, ports)
    }

    /// A gateway that asks the providers of `catalog`.
    pub fn with_catalog(settings: Settings, catalog: Catalog, ports: Ports) -> Result<Self> {
        let workers = admit::Workers::new(settings.workers);
        let metrics = Metrics::new(workers.limit());
        let providers = Providers::new(&catalog, &settings, &ports.http, &ports.host)?;
        let (records, host) = (|| Arc::clone(&ports.records), || Arc::clone(&ports.host));
        let keys = Keys::new(records(), host());
        let (hold_ttl, retention) = (settings.hold_ttl(), settings.receipt_retention);
        let ledger = Ledger::new(records(), host(), hold_ttl, retention);
        let responses = Responses::new(records(), host(), settings.responses_retention);
        let with_records = || Arc::new(RecordsBlobs::new(records(), host())) as Arc<dyn Blobs>;
        let blobs = ports.blobs.clone().unwrap_or_else(with_records);
        let conversations = Conversations::new(records(), Arc::clone(&blobs), host(), hold_ttl);
        let seals = Seals::new(records(), host(), settings.seal_key.as_ref());
        let run_files = Arc::clone(&blobs);
        let files = Arc::new(Files::new(records(), blobs, host(), settings.files_quota));
        let mcp_sessions = Sessions::new(records(), host());
        let tenants = Tenants::new(records(), host(), &settings, catalog.tenants().clone());
        let fixed_key = settings.api_key.as_ref().map(|key| Fingerprint::of(key.expose()));
        if settings.models.is_some() && ports.models.is_none() {
            let why = "DORMOUSE_MODELS: this host cannot start model servers";
            return Err(Error::invalid("DORMOUSE_MODELS", why));
        }
        let work = work::Work::new(&settings, records(), run_files, host());
        let settings = Arc::new(settings);
        let local = ports.models.clone().map(|LocalServers { servers, http }| {
            LocalModels::new(servers, http, host(), Arc::clone(&settings))
        });
        let parts = Arc::new_cyclic(|parts| Parts {
            tools: tools::Own::new(&settings, &catalog, &ports, &metrics, parts.clone()),
            settings,
            ports,
            fixed_key,
            keys,
            tenants,
            ledger,
            workers,
            lines: line::Lines::default(),
            catalog: Arc::new(catalog),
            agents: Agents::default(),
            providers,
            local,
            responses,
            conversations,
            files,
            mcp_sessions,
            seals,
            metrics,
            prefixes: prefixes::Prefixes::default(),
            closing: closing::Closing::default(),
            work,
        });
        Ok(Self { parts })
    }

    /// Who shows `credential`, the text of an API key.
    pub async fn identify(&self, credential: Option<&str>) -> Result<Caller> {
        identify::identify(self.fixed_key.as_ref(), &self.keys, credential).await
    }

    /// Finds the kept conversation that a request of `caller` belongs to, to be [told](Origin::conversing)
    /// with it. `None`: conversations are not kept, or this one is an agent's and others are about to write it.
    ///
    /// # Errors
    ///
    /// As those of [`Conversations::open`].
    pub async fn converse(&self, caller: &Caller, address: &Address) -> Result<Option<Opened>> {
        converse::open(self, caller, address).await
    }

    /// Answers one request for a chat answer or a text completion.
    ///
    /// Errors before the first event are returned here; later ones end the stream. What follows an
    /// answer (settling it, writing its receipt) is part of the stream, because on serverless hosts
    /// nothing runs after the response has ended.
    #[instrument(
        name = "chat",
        skip_all,
        fields(
            gen_ai.operation.name = request.operation().as_str(),
            gen_ai.request.model = request.model
        )
    )]
    pub async fn chat(
        &self,
        caller: &Caller,
        mut request: Request,
        mut origin: Origin,
    ) -> Result<Answer> {
        let tenant = &caller.tenant;
        self.equip(&mut request, &mut origin);
        let plan = agent::plan(self, caller, &request, &origin).await?;
        let opened = origin.conversing.take();
        let (keep, recalled) = match request.dialect {
            Dialect::OpenAiResponses if opened.as_ref().is_some_and(|it| !it.by_agent()) => {
                recall::refuse_previous(&request)?;
                (None, 0..0)
            }
            Dialect::OpenAiResponses => {
                let recalled = recall::recall(&self.responses, tenant, &mut request, &origin);
                Box::pin(recalled).await?
            }
            _ => (None, 0..0),
        };
        seal::open(&self.seals, tenant, &mut request).await?;
        let recalled = self.instruct(&mut request, recalled)?;
        let conversing = match opened {
            Some(opened) => {
                Box::pin(converse::recall(self, caller, opened, &mut request, &origin)).await?
            }
            None => None,
        };
        let conversation = conversing.as_ref().map(|it| it.id());
        let context = conversing.as_ref().and_then(|it| it.context());
        let earlier = conversing.as_ref().map_or(recalled, |it| it.earlier());
        attach::attach(self, tenant, &mut request, &earlier).await?;
        let dialect = request.dialect;
        let in_background = origin.background.is_some();
        let Told { receipt, model, run, degraded, chunks } = match plan {
            None => self.tell(caller, &request, &origin, conversing).await?,
            Some(plan) => {
                Box::pin(agent::run(self, (caller, origin), request, conversing, plan)).await?
            }
        };
        let mut chunks = seal::close(&self.seals, tenant, dialect, chunks);
        if in_background {
            chunks = work::in_own_words(chunks);
        }
        if let Some(keep) = keep {
            chunks = keep.watch(chunks);
        }
        Ok(Answer { receipt, model, run, degraded, conversation, context, chunks })
    }

    /// Asks once, and passes the answer on.
    async fn tell(
        &self,
        caller: &Caller,
        request: &Request,
        origin: &Origin,
        conversing: Option<Arc<Conversing>>,
    ) -> Result<Told> {
        let Begun { answer, model, receipt, settlement, deadline, .. } =
            self.ask(caller, request, origin, conversing).await?;
        let limits = deliver::Limits { deadline, closing: self.closing.clone() };
        let chunks = deliver::deliver(&self.ports.host, answer, settlement, limits);
        Ok(Told { receipt, model, run: None, degraded: Vec::new(), chunks })
    }

    /// Ends every running answer with an error; each is settled as far as it came.
    pub fn close(&self) {
        self.closing.close();
    }

    /// The settings it runs with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its providers, models and names.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The machine it runs on.
    pub fn host(&self) -> &Arc<dyn Host> {
        &self.ports.host
    }

    /// Its keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Its books.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The responses that are kept.
    pub fn responses(&self) -> &Responses {
        &self.responses
    }

    /// The conversations that are kept.
    pub fn conversations(&self) -> &Conversations {
        &self.conversations
    }

    /// The sessions of clients of the Model Context Protocol.
    pub fn mcp_sessions(&self) -> &Sessions {
        &self.mcp_sessions
    }

    /// Its metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}
