//! What each process may use, as the kernel counts it.

use std::{fs, io, os::unix::fs::MetadataExt};

use dormouse_core::ports::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many addresses a process may have, at least: runtimes reserve much that they never touch. Memory is
/// measured; this only keeps a process from getting far ahead of that.
const ADDRESSES: u64 = 32 << 30;
/// Files that a process may have open.
const FILES: u64 = 1024;

/// Limits this process, and what it becomes.
pub(super) fn set(limits: &Limits, counted_apart: bool) -> io::Result<()> {
    let seconds = limits.time.as_secs().saturating_add(2);
    // Not a limit on the clock but on work: each core works a second in a second.
    let cores = std::thread::available_parallelism().map_or(1, |it| it.get() as u64);
    let before = if counted_apart { 0 } else { running()? };
    let wanted = [
        (Resource::As, limits.memory.saturating_mul(2).max(ADDRESSES)),
        (Resource::Core, 0),
        (Resource::Cpu, seconds.saturating_mul(cores)),
        (Resource::Fsize, limits.disk),
        (Resource::Memlock, limits.memory.min(8 << 20)),
        (Resource::Msgqueue, 0),
        (Resource::Nofile, FILES),
        (Resource::Nproc, before.saturating_add(limits.processes.into())),
        (Resource::Rtprio, 0),
    ];
    for (resource, wanted) in wanted {
        let most = getrlimit(resource).maximum.unwrap_or(u64::MAX).min(wanted);
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// How many processes and threads the user of this process has, where its are not counted apart.
fn running() -> io::Result<u64> {
    let user = rustix::process::geteuid().as_raw();
    let mut count = 0;
    for entry in fs::read_dir("/proc")?.flatten() {
        let is_process = entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit);
        // One that has ended meanwhile does not count.
        let Ok(about) = entry.metadata() else { continue };
        if is_process && about.uid() == user {
            count += fs::read_dir(entry.path().join("task")).map_or(1, |it| it.count() as u64);
        }
    }
    Ok(count)
}
