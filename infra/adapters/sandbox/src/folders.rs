//! Where workspaces are on the disk, how long, and who is using them.
//!
//! A workspace is the folder `<tenant>/<name>` below the base. In it are `files`, which its programs work in;
//! `tmp`, for what they do not want to keep; and `new`, where the gateway writes what it then moves to the
//! files. Beside the tenants are `.root`, an empty folder, `.trial`, in which nothing is run, and `.gone`, what is being removed.

use std::{
    collections::HashMap,
    ffi::OsStr,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, chown},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use dormouse_core::{
    Code, Error, Result,
    ports::{Workspace, segment_of_tenant},
};
use tokio::sync::watch;

use crate::remove;

/// How often it is looked what nobody needs any more, at most.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What is beside the tenants. No tenant is called so: a dot leads two digits there.
const OTHERS: [&str; 3] = [".gone", ".root", ".trial"];

/// All workspaces.
#[derive(Debug)]
pub(crate) struct Folders {
    base: PathBuf,
    /// Who programs are, where the gateway is root.
    user: Option<u32>,
    total: u64,
    retention: Duration,
    uses: Mutex<HashMap<PathBuf, watch::Sender<Use>>>,
    swept: Mutex<Option<Instant>>,
    next: AtomicU64,
}

/// Who is in a workspace.
#[derive(Clone, Copy, Debug, Default)]
struct Use {
    runs: usize,
    /// Whether they are asked to end.
    ending: bool,
}

/// The folder of a workspace.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    top: PathBuf,
    pub(crate) user: Option<u32>,
}

impl Folder {
    pub(crate) fn files(&self) -> PathBuf {
        self.top.join("files")
    }

    pub(crate) fn scratch(&self) -> PathBuf {
        self.top.join("tmp")
    }

    /// Where the gateway prepares what it moves to the files.
    pub(crate) fn new_files(&self) -> PathBuf {
        self.top.join("new")
    }
}

/// A run in a workspace, until it is dropped.
#[derive(Debug)]
pub(crate) struct Occupied {
    uses: watch::Sender<Use>,
    asked: watch::Receiver<Use>,
}

impl Occupied {
    /// Waits until the workspace is to be given up.
    pub(crate) async fn asked_to_end(&mut self) {
        if self.asked.wait_for(|it| it.ending).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.uses.send_modify(|it| it.runs -= 1);
    }
}

impl Folders {
    pub(crate) fn new(base: PathBuf, user: Option<u32>, total: u64, retention: Duration) -> Self {
        let (uses, swept, next) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        Self { base, user, total, retention, uses, swept, next }
    }

    /// An empty folder to mount on, which exists.
    pub(crate) fn root(&self) -> io::Result<PathBuf> {
        self.make(&self.base)?;
        let root = self.base.join(".root");
        self.make(&root)?;
        Ok(root)
    }

    /// The folder of a workspace, made if it does not exist.
    pub(crate) fn open(&self, workspace: &Workspace) -> Result<Folder> {
        let folder = self.place(workspace)?;
        if !folder.top.exists() {
            self.sweep();
        }
        // No sweep comes in between.
        let _uses = self.uses();
        self.furnish(&folder).map_err(|error| broken("a workspace cannot be made", error))?;
        Ok(folder)
    }

    /// A folder that is no workspace, in which nothing is run.
    pub(crate) fn trial(&self) -> Result<Folder> {
        let folder = Folder { top: self.base.join(".trial"), user: self.user };
        self.furnish(&folder).map_err(|error| broken("a workspace cannot be made", error))?;
        Ok(folder)
    }

    fn furnish(&self, folder: &Folder) -> io::Result<()> {
        self.make(&self.base)?;
        self.make(folder.top.parent().unwrap_or(&self.base))?;
        self.make(&folder.top)?;
        self.make(&folder.new_files())?;
        for own in [folder.files(), folder.scratch()] {
            if self.make(&own)?
                && let Some(user) = self.user
            {
                chown(&own, Some(user), Some(user))?;
            }
        }
        fs::File::open(&folder.top)?.set_modified(SystemTime::now())
    }

    /// The folder of a workspace, if it exists.
    pub(crate) fn find(&self, workspace: &Workspace) -> Result<Option<Folder>> {
        let folder = self.place(workspace)?;
        Ok(Some(folder).filter(|it| it.files().is_dir()))
    }

    /// Begins a run in a workspace.
    pub(crate) fn occupy(&self, folder: &Folder) -> Occupied {
        let mut all = self.uses();
        all.retain(|_, uses| uses.borrow().runs > 0 || uses.receiver_count() > 0);
        let uses = all.entry(folder.top.clone()).or_default();
        uses.send_modify(|it| it.runs += 1);
        Occupied { uses: uses.clone(), asked: uses.subscribe() }
    }

    /// Ends what runs in a workspace, and takes it away.
    pub(crate) async fn discard(&self, workspace: &Workspace) -> Result<()> {
        let folder = self.place(workspace)?;
        let uses = self.uses().get(&folder.top).cloned();
        if let Some(uses) = &uses {
            uses.send_modify(|it| it.ending = true);
            // Cannot fail while this sender exists.
            drop(uses.subscribe().wait_for(|it| it.runs == 0).await);
        }
        let gone = self.take_away(&folder.top);
        if let Some(uses) = &uses {
            uses.send_modify(|it| it.ending = false);
        }
        let Some(gone) = gone.map_err(|error| broken("a workspace cannot be removed", error))?
        else {
            return Ok(());
        };
        let removed = tokio::task::spawn_blocking(move || remove::all(&gone)).await;
        removed
            .map_err(io::Error::other)
            .flatten()
            .map_err(|error| broken("a workspace cannot be removed", error))
    }

    fn place(&self, workspace: &Workspace) -> Result<Folder> {
        for (name, value) in [("tenant", &workspace.tenant), ("name", &workspace.name)] {
            if value.is_empty() {
                return Err(Error::invalid(format!("workspace.{name}"), "must not be empty"));
            }
        }
        let tenant = self.base.join(segment_of_tenant(&workspace.tenant));
        Ok(Folder { top: tenant.join(segment_of_tenant(&workspace.name)), user: self.user })
    }

    /// Makes a directory; whether it is new. Programs of another user than the gateway's may pass through it,
    /// not look into it.
    fn make(&self, path: &Path) -> io::Result<bool> {
        let mode = if self.user.is_some() { 0o711 } else { 0o700 };
        match DirBuilder::new().mode(mode).create(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound && path == self.base => {
                DirBuilder::new().recursive(true).mode(mode).create(path).map(|()| true)
            }
            Err(error) => Err(error),
        }
    }

    /// Moves a workspace to where nobody finds it; `None` if there is none.
    fn take_away(&self, top: &Path) -> io::Result<Option<PathBuf>> {
        let gone = self.base.join(".gone");
        if !top.exists() {
            return Ok(None);
        }
        self.make(&gone)?;
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let gone = gone.join(format!("{}-{number}", std::process::id()));
        match fs::rename(top, &gone) {
            Ok(()) => Ok(Some(gone)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes what nobody has used for long, and what takes too much room, the longest unused first.
    fn sweep(&self) {
        {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if swept.is_some_and(|at| at.elapsed() < SWEEP_EVERY) {
                return;
            }
            *swept = Some(Instant::now());
        }
        if let Err(error) = self.try_to_sweep() {
            tracing::warn!(error = &error as &dyn std::error::Error, "workspaces cannot be swept");
        }
    }

    fn try_to_sweep(&self) -> io::Result<()> {
        let mut gone = folders_in(&self.base.join(".gone"))?;
        let mut all = Vec::new();
        for tenant in folders_in(&self.base)? {
            let name = tenant.file_name().and_then(OsStr::to_str);
            let hidden = name.is_none_or(|name| OTHERS.contains(&name));
            let workspaces = if hidden { Vec::new() } else { folders_in(&tenant)? };
            all.extend(workspaces.into_iter().map(|top| {
                let used = fs::metadata(&top).and_then(|it| it.modified());
                let age = used.ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
                (age, remove::size(&top), top)
            }));
        }
        all.sort();
        let mut kept = 0_u64;
        for (age, size, top) in all {
            kept = kept.saturating_add(size);
            if age > self.retention || kept > self.total {
                let uses = self.uses();
                let busy = uses.get(&top).is_some_and(|it| it.borrow().runs > 0);
                if !busy {
                    gone.extend(self.take_away(&top)?);
                    kept = kept.saturating_sub(size);
                }
            }
        }
        gone.iter().try_for_each(|path| remove::all(path))
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<PathBuf, watch::Sender<Use>>> {
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The directories in one; none where it does not exist.
fn folders_in(path: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(path) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// The disk does not do what it should.
pub(crate) fn broken(what: &'static str, error: io::Error) -> Error {
    Error::new(Code::SandboxUnavailable, what).caused_by(error)
}
