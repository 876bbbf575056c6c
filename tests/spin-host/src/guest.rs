//! What one instance is given.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{egress::Egress, options::Options};

/// The world outside all instances.
#[derive(Debug)]
pub struct Outside {
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) sqlite: Option<PathBuf>,
    pub(crate) egress: Egress,
}

impl Outside {
    /// The world that `options` describe.
    pub fn new(options: &Options) -> Arc<Self> {
        Arc::new(Self {
            environment: options.environment.clone(),
            variables: options.variables.clone(),
            sqlite: options.sqlite.clone(),
            egress: Egress::new(options.allowed.clone()),
        })
    }
}

/// The state of one instance on the host's side.
pub struct Guest {
    pub(crate) table: ResourceTable,
    pub(crate) outside: Arc<Outside>,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    egress: Egress,
}

impl Guest {
    pub(crate) fn new(outside: Arc<Outside>) -> Self {
        let mut wasi = WasiCtxBuilder::new();
        wasi.inherit_stdout().inherit_stderr().envs(&outside.environment);
        Self {
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            egress: outside.egress.clone(),
            outside,
        }
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("outside", &self.outside).finish_non_exhaustive()
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.egress }
    }
}
