//! How instances are kept, reused and ended.
//!
//! An instance takes up to [`MAX_CONCURRENT`] requests at a time and [`MAX_REQUESTS`] in all, as in
//! Spin. It may go on working after its last answer has ended or its last client has gone (the gateway
//! settles its budgets then), but only for [`GRACE`]: then it is dropped with everything it has open.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use anyhow::Result;
use tokio::time::Interval;
use wasmtime::{
    Engine, Store, StoreContextMut,
    component::{Component, GuestTaskId, HasSelf, Linker},
};
use wasmtime_wasi_http::{
    WasiHttpView as _,
    handler::{
        HandlerState, Instance, Proxy, ProxyHandler, ShouldAccept, WorkerExpiration, WorkerState,
        WorkerStatus,
    },
    p3::bindings::ServicePre,
};

use crate::{
    bindings::Imports,
    guest::{Guest, Outside},
};

/// The most requests an instance has at a time.
pub const MAX_CONCURRENT: usize = 16;
/// The most requests an instance ever gets.
pub const MAX_REQUESTS: usize = 128;
/// How long an instance may work on without a client, and how long an idle one is kept.
pub const GRACE: Duration = Duration::from_secs(10);
/// How often the instances' ages are looked at.
const TICK: Duration = Duration::from_millis(250);

/// The instances of one component.
pub type Pool = ProxyHandler<Instances>;

/// A pool without instances: the first request makes one.
///
/// # Errors
///
/// If the component imports what this host does not offer, or does not export `wasi:http/handler`.
pub fn new(engine: &Engine, component: &Component, outside: Arc<Outside>) -> Result<Pool> {
    let mut linker = Linker::<Guest>::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    Imports::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest| guest)?;
    let service = ServicePre::new(linker.instantiate_pre(component)?)?;
    Ok(ProxyHandler::new(Instances { service, outside }))
}

/// Makes instances.
#[expect(missing_debug_implementations, reason = "a component has nothing worth printing")]
pub struct Instances {
    service: ServicePre<Guest>,
    outside: Arc<Outside>,
}

impl HandlerState for Instances {
    type StoreData = Guest;
    type WorkerExpiration = Age;
    type WorkerState = Work;

    async fn instantiate(&self) -> wasmtime::Result<Instance<Guest, Age, Work>> {
        let mut store = Store::new(self.service.engine(), Guest::new(self.outside.clone()));
        let service = self.service.instantiate_async(&mut store).await?;
        let clients = Clients::default();
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: Guest::http,
            expiration: Age {
                clients: clients.clone(),
                tick: tokio::time::interval(TICK),
                alone: None,
            },
            state: Work { clients },
        })
    }
}

/// A client, for as long as it wants an answer or more of one.
#[derive(Debug)]
pub struct Client;

/// The clients that wait for something from one instance.
#[derive(Clone, Debug, Default)]
struct Clients(Arc<Mutex<Vec<Weak<Client>>>>);

impl Clients {
    fn add(&self, client: Weak<Client>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(client);
    }

    fn any(&self) -> bool {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|client| client.strong_count() > 0);
        !clients.is_empty()
    }
}

/// What an instance has to do.
#[derive(Debug)]
pub struct Work {
    clients: Clients,
}

impl WorkerState for Work {
    type StoreData = Guest;
    type RequestData = Weak<Client>;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        match (concurrent, total) {
            (_, MAX_REQUESTS..) => ShouldAccept::Never,
            (MAX_CONCURRENT.., _) => ShouldAccept::No,
            _ => ShouldAccept::Yes,
        }
    }

    /// A request whose client has gone is still waited for: only when the answer has begun can the
    /// component be told, by not reading it. There is no way yet for a host to cancel a call.
    fn on_request_start(
        &self,
        _store: StoreContextMut<'_, Guest>,
        client: Weak<Client>,
        _task: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        self.clients.add(client);
        Box::pin(std::future::pending())
    }

    fn drop(&self, store: Store<Guest>, result: Result<(), wasmtime::Error>) {
        drop(store);
        if let Err(error) = result {
            eprintln!("an instance ended: {error:?}");
        }
    }
}

/// Decides when an instance has lived long enough.
#[derive(Debug)]
pub struct Age {
    clients: Clients,
    tick: Interval,
    /// Since when there has been no client.
    alone: Option<Instant>,
}

impl WorkerExpiration for Age {
    fn poll(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        status: WorkerStatus,
        _since: Instant,
    ) -> Poll<()> {
        while self.tick.poll_tick(context).is_ready() {
            if status == WorkerStatus::Requests || self.clients.any() {
                self.alone = None;
            } else if self.alone.get_or_insert_with(Instant::now).elapsed() >= GRACE {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }
}
