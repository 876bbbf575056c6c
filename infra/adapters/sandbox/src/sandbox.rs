//! The sandbox of this machine.

use std::{
    future::pending,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use dormouse_core::{
    Code, Error, Result,
    ports::{Confinement, Ended, File, Limits, Printed, Program, Ran, Sandbox, Workspace},
};
use tokio::{
    sync::{OnceCell, Semaphore, oneshot},
    task::{JoinError, spawn_blocking},
    time::Instant,
};

use crate::{
    archive,
    cgroup::{Cgroup, Cgroups},
    files,
    finding::{Finding, Means, active, confinement, gap},
    folders::{Folder, Folders, Occupied, broken},
    gvisor::{self, Bundle},
    helper::{Heard, carry_out},
    options::{Insist, Options},
    order::{Order, Outcome, Report},
};

/// Who programs are where the gateway is root: nobody.
const NOBODY: u32 = 65_534;
/// How many may wait for each that runs.
const QUEUE: usize = 16;
/// How long finding out what holds may take.
const PROBE: Duration = Duration::from_secs(30);

/// A sandbox of processes on this machine. It is used in a tokio runtime.
#[derive(Debug)]
pub struct ProcessSandbox {
    machine: Arc<Machine>,
    places: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

#[derive(Debug)]
struct Machine {
    options: Options,
    folders: Folders,
    user: Option<u32>,
    holds: OnceCell<Holds>,
}

/// What was found out.
#[derive(Debug)]
struct Holds {
    findings: Vec<Finding>,
    cgroups: Option<Cgroups>,
    namespaces: bool,
    runsc: Option<PathBuf>,
}

impl Holds {
    /// gVisor holds programs, and nothing else needs to.
    fn by_gvisor(name: &Path) -> Result<Self> {
        let runsc = gvisor::find(name).map_err(|why| Error::new(Code::SandboxUnavailable, why))?;
        tracing::info!(runsc = %runsc.display(), "gVisor holds programs");
        let findings = vec![Finding::active(Means::Gvisor)];
        Ok(Self { findings, cgroups: None, namespaces: false, runsc: Some(runsc) })
    }
}

impl ProcessSandbox {
    /// A sandbox with these options. Nothing is made or looked at before it is used.
    pub fn new(options: Options) -> Self {
        let user = rustix::process::geteuid().is_root().then_some(NOBODY);
        let folders =
            Folders::new(options.directory.clone(), user, options.total, options.retention);
        let runs = options.runs.max(1);
        Self {
            places: Arc::new(Semaphore::new(runs)),
            waiting: Arc::new(Semaphore::new(runs.saturating_mul(QUEUE))),
            machine: Arc::new(Machine { options, folders, user, holds: OnceCell::new() }),
        }
    }

    /// Does something with the files of a workspace, where it may take its time.
    async fn with_files<T: Send + 'static>(
        &self,
        workspace: &Workspace,
        act: impl FnOnce(&Machine, &Folder) -> Result<T> + Send + 'static,
    ) -> Result<Option<T>> {
        let (machine, workspace) = (Arc::clone(&self.machine), workspace.clone());
        let done = spawn_blocking(move || match machine.folders.find(&workspace)? {
            Some(folder) => act(&machine, &folder).map(Some),
            None => Ok(None),
        });
        done.await.map_err(panicked)?
    }

    /// The same, in a workspace that is made if it does not exist.
    async fn with_workspace<T: Send + 'static>(
        &self,
        workspace: &Workspace,
        act: impl FnOnce(&Machine, &Folder) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (machine, workspace) = (Arc::clone(&self.machine), workspace.clone());
        let done = spawn_blocking(move || act(&machine, &machine.folders.open(&workspace)?));
        done.await.map_err(panicked)?
    }
}

fn panicked(error: JoinError) -> Error {
    Error::new(Code::Internal, "a task of the sandbox was lost").caused_by(error)
}

#[async_trait]
impl Sandbox for ProcessSandbox {
    async fn confinement(&self) -> Result<Confinement> {
        Ok(confinement(&self.machine.holds().await?.findings))
    }

    async fn run(&self, workspace: &Workspace, program: &Program, limits: &Limits) -> Result<Ran> {
        if program.command.is_empty() {
            return Err(Error::invalid("command", "there is no program to run"));
        }
        let busy = || {
            let message = "too many programs wait to be run";
            Error::new(Code::Busy, message).retry_after(Duration::from_secs(1))
        };
        let waiting = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| busy())?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| busy())?;
        drop(waiting);
        let (folder, occupied) = self
            .with_workspace(workspace, |machine, folder| {
                Ok((folder.clone(), machine.folders.occupy(folder)))
            })
            .await?;
        // In a task of its own, which sees to the end of every process, also when nobody waits for it any more.
        let (stay, leave) = oneshot::channel();
        let machine = Arc::clone(&self.machine);
        let (program, limits) = (program.clone(), limits.clone());
        let ran = tokio::spawn(async move {
            let ran = machine.run(&folder, &program, &limits, (occupied, leave)).await;
            drop(place);
            ran
        });
        let ran = ran.await.map_err(panicked)?;
        drop(stay);
        ran
    }

    async fn read(&self, workspace: &Workspace, path: &str) -> Result<Option<Bytes>> {
        let path = path.to_owned();
        let read = move |machine: &Machine, folder: &Folder| {
            files::read(folder, &path, machine.options.disk)
        };
        Ok(self.with_files(workspace, read).await?.flatten())
    }

    async fn write(&self, workspace: &Workspace, path: &str, content: Bytes) -> Result<()> {
        let path = path.to_owned();
        let write = move |machine: &Machine, folder: &Folder| {
            files::write(folder, &path, &content, machine.options.disk)
        };
        self.with_workspace(workspace, write).await
    }

    async fn list(&self, workspace: &Workspace, path: &str) -> Result<Vec<File>> {
        let path = path.to_owned();
        let list = move |_: &Machine, folder: &Folder| files::list(folder, &path);
        Ok(self.with_files(workspace, list).await?.unwrap_or_default())
    }

    async fn pack(&self, workspace: &Workspace) -> Result<Bytes> {
        let pack = |machine: &Machine, folder: &Folder| archive::pack(folder, machine.options.disk);
        self.with_workspace(workspace, pack).await
    }

    async fn unpack(&self, workspace: &Workspace, archive: Bytes) -> Result<()> {
        let unpack = move |machine: &Machine, folder: &Folder| {
            archive::unpack(folder, &archive, machine.options.disk)
        };
        self.with_workspace(workspace, unpack).await
    }

    async fn discard(&self, workspace: &Workspace) -> Result<()> {
        self.machine.folders.discard(workspace).await
    }
}

impl Machine {
    /// Returns when no process is left. Ends the program when `left` says so, or is dropped.
    async fn run(
        &self,
        folder: &Folder,
        program: &Program,
        limits: &Limits,
        (mut occupied, left): (Occupied, oneshot::Receiver<()>),
    ) -> Result<Ran> {
        let holds = self.holds().await?;
        let needed = self.needed(&holds.findings)?;
        let group = holds.cgroups.as_ref().map(|groups| groups.make(limits)).transpose();
        let group = group.map_err(|error| broken("a cgroup cannot be made", error))?;
        let mut order = Order {
            command: program.command.clone(),
            cgroup: group.as_ref().map(|group| group.path().to_owned()),
            limits: limits.clone(),
            needed,
            ..self.order(folder)?
        };
        let bundle = holds.runsc.as_ref().map(|runsc| Bundle::prepare(runsc, folder, &mut order));
        let _bundle =
            bundle.transpose().map_err(|error| broken("a bundle cannot be written", error))?;
        let leave = async {
            tokio::select! {
                _ = left => {}
                () = occupied.asked_to_end() => {}
            }
        };
        let begun = Instant::now();
        let helper = &self.options.helper;
        let heard = carry_out(helper, &order, &program.stdin, holds.namespaces, leave).await;
        let heard = heard.map_err(|error| broken("a program cannot be run", error))?;
        let starved = group.as_ref().is_some_and(Cgroup::ran_out_of_memory);
        told(heard, begun.elapsed(), starved)
    }

    /// What holds programs here, found out once.
    async fn holds(&self) -> Result<&Holds> {
        self.holds.get_or_try_init(|| self.find_out()).await
    }

    /// Confines nothing, in every way there is, and hears how that went.
    async fn find_out(&self) -> Result<Holds> {
        if let Some(name) = &self.options.gvisor {
            return Holds::by_gvisor(name);
        }
        let cgroups = Cgroups::find();
        let mut without = None;
        let heard = match self.probe(cgroups.as_ref().ok(), self.options.namespaces).await? {
            Ok(findings) => Ok(findings),
            Err(why) => {
                without = Some(why);
                self.probe(cgroups.as_ref().ok(), false).await?
            }
        };
        let mut findings = heard.map_err(|why| {
            let message = format!("no program can be held on this machine: {why}");
            Error::new(Code::SandboxUnavailable, message)
        })?;
        for finding in &mut findings {
            match (finding.means, &without, &cgroups) {
                (Means::Cgroup, _, Err(why)) => finding.missing = Some(why.clone()),
                (means, Some(why), _) if Means::NAMESPACES.contains(&means) => {
                    finding.missing = Some(why.clone());
                }
                _ => {}
            }
        }
        findings.sort_by_key(|it| it.means);
        say(&findings);
        if let Some(what) = gap(&findings, self.options.network) {
            warn(what);
        }
        let namespaces = without.is_none() && active(&findings).contains(&Means::PidNamespace);
        Ok(Holds { findings, cgroups: cgroups.ok(), namespaces, runsc: None })
    }

    /// What holds, or why that cannot be told in this way.
    async fn probe(
        &self,
        cgroups: Option<&Cgroups>,
        namespaces: bool,
    ) -> Result<Result<Vec<Finding>, String>> {
        let limits = Limits { time: PROBE, ..Limits::default() };
        let group = cgroups.and_then(|groups| groups.make(&limits).ok());
        let order = Order {
            cgroup: group.as_ref().map(|group| group.path().to_owned()),
            limits,
            ..self.order(&self.folders.trial()?)?
        };
        let helper = &self.options.helper;
        let heard = carry_out(helper, &order, &Bytes::new(), namespaces, pending()).await;
        let heard = heard.map_err(|error| broken("the sandbox cannot be tried", error))?;
        Ok(match heard.report {
            Some(Report { findings, outcome: Outcome::Probed }) => Ok(findings),
            Some(Report { outcome: Outcome::Refused(why), .. }) => Err(why),
            _ => Err(String::from_utf8_lossy(&heard.stderr.kept).trim().to_owned()),
        })
    }

    fn order(&self, folder: &Folder) -> Result<Order> {
        let root = self.folders.root();
        Ok(Order {
            command: Vec::new(),
            workspace: folder.files(),
            scratch: folder.scratch(),
            root: root.map_err(|error| broken("a workspace cannot be made", error))?,
            user: self.user,
            network: self.options.network,
            cgroup: None,
            gvisor: None,
            limits: Limits::default(),
            needed: Vec::new(),
        })
    }

    /// The means that a program must be held by: those that there are, if they are enough.
    fn needed(&self, findings: &[Finding]) -> Result<Vec<Means>> {
        let why = match self.options.insist {
            Insist::OnTheEssentials => gap(findings, self.options.network)
                .map(|what| format!("nothing here keeps a program from {what}")),
            Insist::OnEverything => {
                let missing = findings.iter().find(|it| it.missing.is_some());
                missing.map(|it| {
                    let why = it.missing.as_deref().unwrap_or_default();
                    format!("{} is missing: {why}", it.means.as_str())
                })
            }
            Insist::OnNothing => None,
        };
        match why {
            Some(why) => Err(Error::new(
                Code::SandboxUnavailable,
                format!("no program is run on this machine: {why}"),
            )),
            // gVisor's own affair.
            None if self.options.gvisor.is_some() => Ok(Vec::new()),
            None => Ok(active(findings)),
        }
    }
}

/// What was heard of a run, as the port has it.
fn told(heard: Heard, time: Duration, starved: bool) -> Result<Ran> {
    let Heard { report, stdout, mut stderr } = heard;
    let (ended, time) = match report.map(|report| report.outcome) {
        Some(Outcome::Ended(_, time)) if starved => (Ended::OutOfMemory, time),
        Some(Outcome::Ended(ended, time)) => (ended, time),
        Some(Outcome::NotStarted(status, words)) => {
            stderr = Printed { kept: words.into(), dropped: 0 };
            (Ended::Exited(status), time)
        }
        Some(Outcome::Refused(why)) => {
            let message = format!("the program was not run: {why}");
            return Err(Error::new(Code::SandboxUnavailable, message));
        }
        Some(Outcome::Probed) => {
            return Err(Error::new(Code::Internal, "the sandbox was only tried"));
        }
        // It was killed with everything in it: by us, since the workspace was given up, or by the kernel.
        None if starved => (Ended::OutOfMemory, time),
        None => (Ended::Killed(libc::SIGKILL), time),
    };
    Ok(Ran { ended, stdout, stderr, time })
}

fn say(findings: &[Finding]) {
    let Confinement { active, missing } = confinement(findings);
    tracing::info!(?active, ?missing, "what holds programs was found out");
}

fn warn(what: &str) {
    tracing::warn!("programs are not kept from {what} on this machine");
}
