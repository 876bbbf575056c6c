//! Control groups, in which the kernel counts the memory and the processes of a program together.
//!
//! Version 2 only: <https://docs.kernel.org/admin-guide/cgroup-v2.html>. A group that has processes cannot have
//! groups that count ("no internal processes"), but for the root. So a gateway makes groups beside its own where
//! the one above was delegated to it (systemd: `Delegate=yes` and `DelegateSubgroup=`), and in its own where that
//! is the root. It moves nobody.

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
        let own = Path::new(mount).join(own.ok_or("this process is in no cgroup v2")?);
        let above = own.parent().filter(|above| above.starts_with(mount) && is_delegated(above));
        match (Self::below(&own), above) {
            (Err(_), Some(above)) => Self::below(above),
            (found, _) => found,
        }
    }

    fn below(base: &Path) -> Result<Self, String> {
        let all = fs::read_to_string(base.join("cgroup.controllers"));
        let all = all.map_err(|error| error.to_string())?;
        for controller in ["memory", "pids"] {
            if !all.split_whitespace().any(|it| it == controller) {
                return Err(format!("cgroup v2 has no {controller} controller here"));
            }
        }
        fs::write(base.join("cgroup.subtree_control"), "+memory +pids")
            .map_err(|error| format!("no group is delegated to the gateway: {error}"))?;
        let groups = Self { base: base.to_owned() };
        // Whoever may make one may make another.
        groups.make(&Limits::default()).map_err(|error| error.to_string())?;
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

/// Whether systemd has given a group away (systemd.resource-control(5), `Delegate=`).
fn is_delegated(group: &Path) -> bool {
    let says = |name: &str| {
        let mut value = [0; 8];
        let length = rustix::fs::getxattr(group, name, &mut value[..]);
        length.is_ok_and(|length| value.get(..length) == Some(b"1"))
    };
    says("user.delegate") || says("trusted.delegate")
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

#[cfg(test)]
mod tests {
    use super::*;

    // Not a group for the kernel, but a directory for the files by which it is told.
    #[test]
    fn a_group_is_told_its_limits_and_asked_what_happened() {
        let folder = tempfile::TempDir::new().unwrap();
        let groups = Cgroups { base: folder.path().to_owned() };
        let limits = Limits { memory: 1 << 20, processes: 10, ..Limits::default() };
        let group = groups.make(&limits).unwrap();
        let told = |name| fs::read_to_string(group.path().join(name)).unwrap();
        assert_eq!((told("memory.max"), told("pids.max")), ("1048576".into(), "12".into()));
        assert!(!group.ran_out_of_memory());
        for (events, ran_out) in [("oom 1\noom_kill 0\n", false), ("oom 1\noom_kill 2\n", true)] {
            fs::write(group.path().join("memory.events"), events).unwrap();
            assert_eq!(group.ran_out_of_memory(), ran_out);
        }
        assert_ne!(groups.make(&limits).unwrap().path(), group.path());
    }
}
