//! Where programs are run.

use std::{process::ExitCode, sync::Arc};

use dormouse_core::{
    Error, Result,
    ports::{Host, HttpClient, Sandbox},
    sandbox::RemoteSandbox,
    settings::{SandboxMode, Settings},
};
use dormouse_host::{ClientOptions, NativeHost, ReqwestClient};

use crate::cores;

/// How many programs each core may run at once, if no setting says otherwise. They wait for a model, a disk or
/// a clock most of the time.
const RUNS_PER_CORE: u32 = 4;
/// The name of the directory in the data directory.
#[cfg(target_os = "linux")]
const DIRECTORY: &str = "workspaces";

/// The sandbox of this machine, to be served to gateways elsewhere.
#[derive(Clone, Debug)]
pub struct SandboxHere {
    /// Runs programs here.
    pub sandbox: Arc<dyn Sandbox>,
    /// Time.
    pub host: Arc<dyn Host>,
    /// How many programs run at once.
    pub runs: u32,
}

impl SandboxHere {
    /// What the settings say of it.
    ///
    /// # Errors
    /// [`InvalidRequest`](dormouse_core::Code::InvalidRequest) that names `DORMOUSE_SANDBOX`: it says that
    /// programs are run elsewhere, or nowhere, or the machine is one that cannot hold any.
    pub fn of(settings: &Settings) -> Result<Self> {
        let (sandbox, host) = (on_machine(settings)?, Arc::new(NativeHost::default()));
        Ok(Self { sandbox, host, runs: runs(settings) })
    }
}

fn on_machine(settings: &Settings) -> Result<Arc<dyn Sandbox>> {
    if !matches!(settings.sandbox, SandboxMode::Off | SandboxMode::Remote(_))
        && let Some(sandbox) = process(settings)?
    {
        return Ok(sandbox);
    }
    let name = "DORMOUSE_SANDBOX";
    let why = "must be one that holds programs on this machine, which must run Linux";
    Err(Error::invalid(name, format!("{name} {why}")))
}

/// How many programs run at once.
fn runs(settings: &Settings) -> u32 {
    settings.sandbox_runs.unwrap_or_else(|| cores().saturating_mul(RUNS_PER_CORE))
}

/// The helper of the sandbox: what `dormouse sandbox exec` does.
pub fn sandbox_exec(arguments: impl Iterator<Item = String>) -> ExitCode {
    #[cfg(target_os = "linux")]
    return dormouse_sandbox::exec(arguments);
    #[cfg(not(target_os = "linux"))]
    {
        drop(arguments);
        ExitCode::FAILURE
    }
}

/// The sandbox of a gateway on this machine; `None` if programs are not run.
pub(crate) fn here(settings: &Settings, host: &Arc<dyn Host>) -> Result<Option<Arc<dyn Sandbox>>> {
    match settings.sandbox {
        SandboxMode::Off | SandboxMode::Remote(_) => elsewhere(settings, host),
        // Nobody asked for it: a gateway that has no place for it runs without.
        SandboxMode::Auto => Ok(process(settings).unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "no programs are run");
            None
        })),
        _ => on_machine(settings).map(Some),
    }
}

/// The sandbox of a gateway that runs no programs itself.
pub(crate) fn elsewhere(
    settings: &Settings,
    host: &Arc<dyn Host>,
) -> Result<Option<Arc<dyn Sandbox>>> {
    // The way to providers may lead over a proxy, the one to an operator's own machines does not.
    let http = || -> Arc<dyn HttpClient> {
        Arc::new(ReqwestClient::new(ClientOptions {
            connect_timeout: settings.upstream_connect_timeout,
            keep: true,
            proxy: None,
        }))
    };
    RemoteSandbox::of(settings, http, host)
}

#[cfg(not(target_os = "linux"))]
fn process(_: &Settings) -> Result<Option<Arc<dyn Sandbox>>> {
    Ok(None)
}

#[cfg(target_os = "linux")]
fn process(settings: &Settings) -> Result<Option<Arc<dyn Sandbox>>> {
    use std::path::PathBuf;

    use dormouse_sandbox::{Insist, Options, ProcessSandbox};

    use crate::store;

    let directory = match &settings.sandbox_directory {
        Some(directory) => PathBuf::from(directory),
        None => store::data_directory(settings)
            .map_err(|error| error.at("DORMOUSE_SANDBOX_DIRECTORY"))?
            .join(DIRECTORY),
    };
    let bytes = |size: dormouse_core::settings::Size| u64::try_from(size.0).unwrap_or(u64::MAX);
    let options = Options {
        insist: match settings.sandbox {
            SandboxMode::Require => Insist::OnEverything,
            SandboxMode::Warn => Insist::OnNothing,
            _ => Insist::OnTheEssentials,
        },
        network: settings.sandbox_network,
        gvisor: match &settings.sandbox {
            SandboxMode::Gvisor(runsc) => Some(runsc.into()),
            _ => None,
        },
        runs: usize::try_from(runs(settings)).unwrap_or(usize::MAX),
        disk: bytes(settings.sandbox_disk),
        total: bytes(settings.sandbox_total),
        retention: settings.sandbox_retention,
        ..Options::new(directory)
    };
    Ok(Some(Arc::new(ProcessSandbox::new(options))))
}
