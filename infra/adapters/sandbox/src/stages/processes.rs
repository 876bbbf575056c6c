//! The processes of a program, as /proc shows them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    process,
};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};

/// All that descend from this process. Whoever loses its parent becomes a child of this one: it is the first
/// of its namespace, or has asked for it.
pub(super) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in entries.flatten() {
        let id = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(id) = id
            && let Some(parent) = parent(id)
        {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut found = BTreeSet::new();
    let mut next = vec![process::id()];
    while let Some(id) = next.pop() {
        for child in children.remove(&id).unwrap_or_default() {
            if found.insert(child) {
                next.push(child);
            }
        }
    }
    found.into_iter().map(Process).collect()
}

/// proc_pid_stat(5): the parent is the second field after the name, which stands in parentheses and may hold
/// anything.
fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// A process, which may have ended meanwhile.
#[derive(Clone, Copy, Debug)]
pub(super) struct Process(u32);

impl Process {
    pub(super) fn path(self, below: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{below}", self.0))
    }

    /// The memory that only it has, with that of its page tables: quick to find out, but what it shares with
    /// its children counts for each.
    pub(super) fn memory(self) -> u64 {
        self.sum("status", &["RssAnon:", "RssShmem:", "VmSwap:", "VmPTE:"])
    }

    /// The same, what is shared in parts: slower.
    pub(super) fn share_of_memory(self) -> u64 {
        self.sum("smaps_rollup", &["Pss_Anon:", "Pss_Shmem:", "SwapPss:"])
            .saturating_add(self.sum("status", &["VmPTE:"]))
    }

    fn sum(self, file: &str, names: &[&str]) -> u64 {
        let text = fs::read_to_string(self.path(file)).unwrap_or_default();
        let kilobytes = text.lines().filter_map(|line| {
            let (name, value) = line.split_once(char::is_whitespace)?;
            let number = value.split_whitespace().next()?;
            names.contains(&name).then(|| number.parse::<u64>().ok())?
        });
        kilobytes.sum::<u64>().saturating_mul(1024)
    }
}

/// Takes note of all that have ended, and returns how `child` did if it is among them.
pub(super) fn reap(child: Pid) -> Option<WaitStatus> {
    let mut ended = None;
    while let Ok(Some((id, status))) = wait(WaitOptions::NOHANG) {
        if id == child {
            ended = Some(status);
        }
    }
    ended
}

/// Ends all, and returns when none is left. Those that are born meanwhile are found in the next round, until
/// nobody is left who could have children.
pub(super) fn end_all() {
    loop {
        for Process(id) in all() {
            if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                // One that has ended meanwhile is what was wanted.
                let _ = kill_process(id, Signal::KILL);
            }
        }
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                // There are no children.
                Err(_) => return,
            }
        }
        std::thread::yield_now();
    }
}
