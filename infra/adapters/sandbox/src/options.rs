//! How a sandbox is set up.

use std::{path::PathBuf, time::Duration};

/// Settings of a [`ProcessSandbox`](crate::ProcessSandbox).
#[derive(Clone, Debug)]
pub struct Options {
    /// Where workspaces are, one folder each. Made when it is needed.
    pub directory: PathBuf,
    /// What must hold programs.
    pub insist: Insist,
    /// Whether programs may use the network.
    pub network: bool,
    /// Whether namespaces are used, where the machine has them. Without, Landlock and seccomp hold programs.
    pub namespaces: bool,
    /// The `runsc` that runs programs, by its name or path, if gVisor is to hold them.
    pub gvisor: Option<PathBuf>,
    /// How many programs run at once; others wait.
    pub runs: usize,
    /// The most bytes of a workspace, for what the gateway itself writes into it.
    pub disk: u64,
    /// How many bytes all workspaces may have together.
    pub total: u64,
    /// How long a workspace is kept after it was last used.
    pub retention: Duration,
    /// The program that is started as helper, if it is not this one: `helper sandbox exec …` must call
    /// [`exec`](crate::exec).
    pub helper: PathBuf,
}

/// What must hold programs, for any to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insist {
    /// Files, network and other processes must be out of reach.
    OnTheEssentials,
    /// No means may be missing.
    OnEverything,
    /// Nothing.
    OnNothing,
}

impl Options {
    /// Workspaces in `directory`, and what is usual otherwise.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            insist: Insist::OnTheEssentials,
            network: false,
            namespaces: true,
            gvisor: None,
            runs: 8,
            disk: 64 << 20,
            total: 4 << 30,
            retention: Duration::from_secs(24 * 60 * 60),
            helper: "/proc/self/exe".into(),
        }
    }
}
