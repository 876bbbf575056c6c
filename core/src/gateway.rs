//! The path of one request.
//!
//! ```text
//! identify ─▶ recall ─▶ route ─▶ admit ─▶ reserve ─▶ answer ─▶ deliver ─▶ settle
//!                         ▲                            │
//!                         └────── another model ◀──────┘ before anything was said
//! ```
//!
//! [`Gateway::chat`] is that line, and the only place where stages meet; an operation whose answer comes
//! whole ([`Gateway::embed`], [`Gateway::moderate`]) has nothing to deliver. A stage is the module of the same name with one entry function; it takes what
//! it needs and never calls another stage.

mod admit;
mod agents;
mod answer;
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
mod seal;
mod settle;
mod state;
mod tenants;
mod tools;
mod whole;

use std::{
    ops::Deref,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use admit::Admission;
use answer::{Ask, Question, Terms};
use converse::Conversing;
use route::{Attempt, Plan};
use tracing::instrument;

use crate::{
    Error, Result,
    accounting::Ledger,
    agents::Agents,
    blobs::RecordsBlobs,
    catalog::Catalog,
    chat::{Dialect, Request},
    conversation::{Address, Conversations, Opened},
    files::Files,
    inference::{Deadline, LocalModels, Providers},
    keys::{Caller, Fingerprint, Keys},
    mcp::Sessions,
    ports::{Blobs, Host},
    rates::Limits,
    responses::Responses,
    seal::Seals,
    settings::Settings,
    telemetry::Metrics,
    tenant::Tenants,
};

pub use converse::Compacted;
pub use outside::{Answer, LocalServers, Origin, Ports, ToolPorts};
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
}

impl Deref for Gateway {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// What all attempts to answer a request have in common.
struct Asked<'a, A> {
    caller: &'a Caller,
    request: &'a A,
    origin: &'a Origin,
    /// Names the conversation among those of all tenants.
    conversation: Option<String>,
    /// The kept conversation that it belongs to.
    conversing: Option<Arc<Conversing>>,
    /// The rate limits of the tenant, and whether the request counts already for how many it makes.
    limits: Limits,
    counted: AtomicBool,
    deadline: Deadline,
}

/// An answer that has begun, or is here as a whole, and the call that it belongs to.
struct Begun<T> {
    answer: T,
    model: String,
    receipt: String,
    settlement: settle::Settlement,
    deadline: Deadline,
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
        let files = Arc::new(Files::new(records(), blobs, host(), settings.files_quota));
        let mcp_sessions = Sessions::new(records(), host());
        let tenants = Tenants::new(records(), host(), &settings, catalog.tenants().clone());
        let fixed_key = settings.api_key.as_ref().map(|key| Fingerprint::of(key.expose()));
        if settings.models.is_some() && ports.models.is_none() {
            let why = "DORMOUSE_MODELS: this host cannot start model servers";
            return Err(Error::invalid("DORMOUSE_MODELS", why));
        }
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
        let recalled = self.instruct(&mut request, &mut origin, recalled)?;
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
        let Begun { answer, model, receipt, settlement, deadline } =
            self.ask(caller, &request, &origin, conversing).await?;
        let limits = deliver::Limits { deadline, closing: self.closing.clone() };
        let chunks = deliver::deliver(&self.ports.host, answer, settlement, limits);
        let mut chunks = seal::close(&self.seals, tenant, request.dialect, chunks);
        if let Some(keep) = keep {
            chunks = keep.watch(chunks);
        }
        Ok(Answer { receipt, model, conversation, context, chunks })
    }

    /// Asks one candidate after the other, until one begins to answer.
    async fn ask<A: Ask>(
        &self,
        caller: &Caller,
        request: &A,
        origin: &Origin,
        conversing: Option<Arc<Conversing>>,
    ) -> Result<Begun<A::Answer>> {
        let deadline = Deadline::after(Arc::clone(&self.ports.host), self.settings.request_timeout);
        // Tenants may use the same names.
        let named = origin.conversation.as_ref();
        let conversation = named.map(|name| format!("{}/{name}", caller.tenant));
        let effective = self.tenants.of(&caller.tenant).await?;
        let config = &effective.config;
        let mut plan = Plan::new(route::route(self, request, origin, config).await?);
        let (limits, counted) = (config.limits(), AtomicBool::new(false));
        let asked =
            Asked { caller, request, origin, conversation, conversing, limits, counted, deadline };
        let mut attempt = plan.first()?;
        loop {
            match Box::pin(self.attempt(attempt, &asked)).await {
                Ok(begun) => return Ok(begun),
                Err(error) => attempt = plan.after(error)?,
            }
        }
    }

    /// Asks one candidate. Each attempt has a hold and a receipt of its own.
    async fn attempt<A: Ask>(
        &self,
        attempt: Attempt,
        asked: &Asked<'_, A>,
    ) -> Result<Begun<A::Answer>> {
        let candidate = &attempt.candidate;
        let line = (&self.lines, self.settings.model_queue);
        let Admission { slot, place } =
            admit::admit(candidate, &self.workers, line, &self.metrics)?;
        let correlation_id = asked.origin.correlation_id.clone();
        if let Some(conversation) = &asked.conversation
            && let Some(prompt) = asked.request.prompt()
            && let Some(seen) = self.prefixes.next(conversation, &candidate.model, prompt)
        {
            self.metrics.followed(&candidate.model, seen.shared, seen.all);
        }
        let load = asked.request.load();
        let claim = reserve::Claim {
            limits: asked.limits,
            requests: u32::from(!asked.counted.load(Ordering::Relaxed)),
            ..reserve::Claim::new(asked.caller, candidate, load, correlation_id)
        };
        let question = Question {
            request: asked.request,
            terms: Terms {
                cap: claim.cap,
                deadline: &asked.deadline,
                tools: candidate.tools(&self.ports.host),
            },
            conversation: asked.conversation.clone(),
            place,
            wake_timeout: self.settings.wake_timeout,
        };
        let model = candidate.model.clone();
        let conversing = asked.conversing.clone();
        let mut settlement =
            reserve::reserve(self, asked.caller.clone(), claim, slot, conversing).await?;
        asked.counted.store(true, Ordering::Relaxed);
        let receipt = settlement.receipt_id().unwrap_or_default().to_owned();
        let answer = {
            let answer = pin!(answer::answer(attempt, question, &mut settlement));
            self.closing.unless(answer).await?
        };
        Ok(Begun { answer, model, receipt, settlement, deadline: asked.deadline.clone() })
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
