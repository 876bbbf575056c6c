//! Control groups, in which the kernel counts the memory and the processes of a program together.
//!
//! Version 2 only: <https://docs.kernel.org/admin-guide/cgroup-v2.html>. A gateway gets groups of its own where
//! its own group was delegated to it (systemd: `Delegate=yes`), and where it is root and its group is the root.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use dormouse_core::ports::Limits;

/// Below which the groups of programs are made.
#[derive(Clone, Debug)]
pub(crate) struct Cgroups {
    base: PathBuf,
}

/// The group of one program, until it is dropped.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
}

impl Cgroups {
    /// The group of this process, if groups can be made in it.
    ///
    /// # Errors
    /// Why not, in words.
    pub(crate) fn find() -> Result<Self, String> {
        let told = |error: io::Error| error.to_string();
        let mounts = fs::read_to_string("/proc/self/mountinfo").map_err(told)?;
        // proc_pid_mountinfo(5): the type of the file system is the first field behind the dash.
        let mount = mounts.lines().find_map(|line| {
            let (about, rest) = line.split_once(" - ")?;
            rest.starts_with("cgroup2 ").then(|| about.split(' ').nth(4)).flatten()
        });
        let mount = mount.ok_or("cgroup v2 is not mounted")?;
        let groups = fs::read_to_string("/proc/self/cgroup").map_err(told)?;
        let own = groups.lines().find_map(|line| line.strip_prefix("0::/"));
        let base = Path::new(mount).join(own.ok_or("this process is in no cgroup v2")?);
        let all = fs::read_to_string(base.join("cgroup.controllers")).map_err(told)?;
        for controller in ["memory", "pids"] {
            if !all.split_whitespace().any(|it| it == controller) {
                return Err(format!("cgroup v2 has no {controller} controller here"));
            }
        }
        fs::write(base.join("cgroup.subtree_control"), "+memory +pids")
            .map_err(|error| format!("the gateway's own group is not delegated to it: {error}"))?;
        let groups = Self { base };
        // Whoever may make one may make another.
        groups.make(&Limits::default()).map_err(told)?;
        Ok(groups)
    }

    /// A group for one program.
    pub(crate) fn make(&self, limits: &Limits) -> io::Result<Cgroup> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self.base.join(format!("dormouse-{}-{number}", process::id()));
        fs::create_dir(&path)?;
        let group = Cgroup { path };
        // The warden is in there too, with the helper that becomes the program.
        let processes = u64::from(limits.processes).saturating_add(2);
        fs::write(group.path.join("memory.max"), limits.memory.to_string())?;
        fs::write(group.path.join("pids.max"), processes.to_string())?;
        // Without swap where there is some; where there is none, there is no such file.
        match fs::write(group.path.join("memory.swap.max"), "0") {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(group)
    }
}

impl Cgroup {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether somebody in it was killed because there was no more memory.
    pub(crate) fn ran_out_of_memory(&self) -> bool {
        let events = fs::read_to_string(self.path.join("memory.events")).unwrap_or_default();
        let kills = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        kills.is_some_and(|kills| kills.trim() != "0")
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Nobody is in it any more; if somebody is, this ends them, and the group stays for a while.
        let _ = fs::write(self.path.join("cgroup.kill"), "1");
        if let Err(error) = fs::remove_dir(&self.path) {
            tracing::debug!(error = &error as &dyn std::error::Error, "a cgroup is left");
        }
    }
}
