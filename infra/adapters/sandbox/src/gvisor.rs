//! gVisor: a kernel of its own, in user space, between a program and this machine's.
//!
//! `runsc` takes a bundle (<https://github.com/opencontainers/runtime-spec>): a root directory, here almost
//! empty, and a `config.json` that says what is mounted there and what is run. The warden watches it as it
//! watches every program; the means of the kernel are gVisor's own affair.

use std::{
    env, fs, io,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use dormouse_core::ports::Limits;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    folders::Folder,
    order::Order,
    remove,
    stages::{
        environment,
        mounts::{ETC, ETC_OF_NETWORK, GROUP, PASSWD, SCRATCH, SYSTEM, WORKSPACE},
    },
};

/// What gVisor's kernel itself takes, beside what it gives the program, in bytes.
const OWN_MEMORY: u64 = 128 << 20;
/// Files that a process may have open.
const FILES: u64 = 1024;
/// The name of the root directory in a bundle, and of the directory where `runsc` keeps its books.
const ROOT: &str = "rootfs";
const STATE: &str = "state";

/// How gVisor runs a program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Gvisor {
    runsc: PathBuf,
    bundle: PathBuf,
}

/// Where a `runsc` is: a path, or a name that is looked up on `PATH`.
///
/// # Errors
/// That it is not there, in words.
pub(crate) fn find(name: &Path) -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let beside = env::split_paths(&path).map(|directory| directory.join(name));
    let named = Some(name.to_owned()).filter(|path| path.is_absolute());
    let all = named.into_iter().chain(beside);
    all.into_iter().find(|path| path.is_file()).ok_or_else(|| {
        format!(
            "there is no `{}` on this machine: install gVisor, or name its path",
            name.display()
        )
    })
}

/// The bundle of one run, until it is dropped.
#[derive(Debug)]
pub(crate) struct Bundle(PathBuf);

impl Bundle {
    /// Writes the bundle for an order, and orders it.
    pub(crate) fn prepare(runsc: &Path, folder: &Folder, order: &mut Order) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let bundle = folder.new_files().join(format!("gvisor-{}-{number}", std::process::id()));
        let kept = Self(bundle.clone());
        order.gvisor = Some(Gvisor::prepare(runsc, bundle, order)?);
        Ok(kept)
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        if let Err(error) = remove::all(&self.0) {
            tracing::warn!(error = &error as &dyn std::error::Error, "a bundle is left");
        }
    }
}

impl Gvisor {
    /// Writes the bundle for an order into a new directory.
    fn prepare(runsc: &Path, bundle: PathBuf, order: &Order) -> io::Result<Self> {
        let root = bundle.join(ROOT);
        fs::create_dir_all(&root)?;
        fs::create_dir(bundle.join(STATE))?;
        let mut mounts = vec![
            json!({"destination": "/proc", "type": "proc", "source": "proc"}),
            own(&root, &order.workspace, WORKSPACE)?,
            own(&root, &order.scratch, SCRATCH)?,
        ];
        fs::create_dir_all(root.join("proc"))?;
        let network: &[&str] = if order.network { &ETC_OF_NETWORK } else { &[] };
        for path in SYSTEM.iter().chain(&ETC).chain(network) {
            mounts.extend(show(&root, Path::new(path))?);
        }
        fs::create_dir_all(root.join("etc"))?;
        fs::write(root.join("etc/passwd"), PASSWD)?;
        fs::write(root.join("etc/group"), GROUP)?;
        let config = serde_json::to_vec(&config(order, &mounts))?;
        fs::write(bundle.join("config.json"), config)?;
        Ok(Self { runsc: runsc.to_owned(), bundle })
    }

    /// What is to be started, and with what.
    pub(crate) fn command(&self, network: bool) -> (PathBuf, Vec<String>) {
        let path = |path: PathBuf| path.display().to_string();
        let mut arguments = vec![
            format!("--root={}", path(self.bundle.join(STATE))),
            format!("--network={}", if network { "host" } else { "none" }),
            // The warden counts, and has none to give.
            "--ignore-cgroups".to_owned(),
        ];
        if !rustix::process::geteuid().is_root() {
            arguments.push("--rootless".to_owned());
        }
        let name = format!("dormouse-{}", std::process::id());
        arguments.extend(["run".into(), format!("--bundle={}", path(self.bundle.clone())), name]);
        (self.runsc.clone(), arguments)
    }

    /// What is measured against, where gVisor's own share is measured too.
    pub(crate) fn limits(limits: &Limits) -> Limits {
        Limits { memory: limits.memory.saturating_add(OWN_MEMORY), ..limits.clone() }
    }
}

fn config(order: &Order, mounts: &[Value]) -> Value {
    // In a namespace of its own there is only root, who is the gateway's user outside.
    let user = order.user.unwrap_or_default();
    let environment = environment(Path::new(WORKSPACE), Path::new(SCRATCH));
    let environment: Vec<_> = environment.map(|(name, value)| format!("{name}={value}")).into();
    // Says as a shell would that a program is not there; `runsc` has words of its own for it.
    let command: Vec<&str> =
        std::iter::once("env").chain(order.command.iter().map(String::as_str)).collect();
    let limit = |kind: &str, most: u64| json!({"type": kind, "hard": most, "soft": most});
    let namespaces =
        ["pid", "ipc", "uts", "mount", "network"].map(|kind| json!({ "type": kind })).to_vec();
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": {"uid": user, "gid": user},
            "args": command,
            "env": environment,
            "cwd": WORKSPACE,
            "noNewPrivileges": true,
            "capabilities": {},
            "rlimits": [
                limit("RLIMIT_FSIZE", order.limits.disk),
                limit("RLIMIT_NOFILE", FILES),
                limit("RLIMIT_CORE", 0),
            ],
        },
        "root": {"path": ROOT, "readonly": true},
        "hostname": "sandbox",
        "mounts": mounts,
        "linux": {"namespaces": namespaces},
    })
}

/// What the machine has at a path, to be read only.
fn show(root: &Path, path: &Path) -> io::Result<Option<Value>> {
    let target = root.join(path.strip_prefix("/").unwrap_or(path));
    let system = SYSTEM.iter().any(|it| Path::new(it) == path);
    if system && path.is_symlink() {
        symlink(fs::read_link(path)?, target)?;
        return Ok(None);
    }
    // What is not there is not there in the sandbox either.
    let Ok(about) = fs::metadata(path) else { return Ok(None) };
    if about.is_dir() {
        fs::create_dir_all(&target)?;
    } else {
        fs::create_dir_all(target.parent().unwrap_or(root))?;
        fs::write(&target, "")?;
    }
    let options = ["ro", "rbind", "nosuid", "nodev"];
    Ok(Some(json!({"destination": path, "type": "bind", "source": path, "options": options})))
}

fn own(root: &Path, source: &Path, path: &str) -> io::Result<Value> {
    fs::create_dir_all(root.join(path.trim_start_matches('/')))?;
    let options = ["rw", "bind", "nosuid", "nodev"];
    Ok(json!({"destination": path, "type": "bind", "source": source, "options": options}))
}
