//! What a program uses, where the kernel does not count it for all of its processes together.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use dormouse_core::ports::{Ended, Limits};

use super::processes;

/// How often memory is looked at, at most.
pub(super) const OFTEN: Duration = Duration::from_millis(20);
/// How much of the time may go into looking at the disk: one part in so many.
const PART: u32 = 8;
/// What any file takes, whatever is in it.
const LEAST: u64 = 4096;
/// How deep directories may be nested.
const DEEPEST: usize = 200;
/// Room that is left to the machine, whatever a program does: of the file system one part in so many, but no
/// more than so much.
const RESERVED_PART: u64 = 20;
const RESERVED: u64 = 1 << 30;

/// Measures a program from time to time.
#[derive(Debug)]
pub(super) struct Measure {
    limits: Limits,
    own: [PathBuf; 2],
    free: u64,
    disk_again: Instant,
}

impl Measure {
    /// Measures what is in its two directories, and its processes.
    pub(super) fn new(limits: &Limits, own: [PathBuf; 2]) -> Self {
        let free = room(&own[0]).map_or(0, |(free, _)| free);
        Self { limits: limits.clone(), own, free, disk_again: Instant::now() }
    }

    /// The limit that the program has passed.
    pub(super) fn passed(&mut self) -> Option<Ended> {
        let all = processes::all();
        let memory = all.iter().map(|it| it.memory()).sum::<u64>();
        if memory > self.limits.memory
            && all.iter().map(|it| it.share_of_memory()).sum::<u64>() > self.limits.memory
        {
            return Some(Ended::OutOfMemory);
        }
        let begun = Instant::now();
        if begun < self.disk_again {
            return None;
        }
        let passed = self.hidden_memory_or_disk(&all);
        self.disk_again = Instant::now() + (begun.elapsed() * PART).max(OFTEN);
        passed
    }

    fn hidden_memory_or_disk(&self, all: &[processes::Process]) -> Option<Ended> {
        let here = fs::metadata(&self.own[0]).map_or(0, |about| about.dev());
        let (mut memory, mut disk) = (0_u64, 0_u64);
        for (device, size) in nameless(all) {
            let sum = if device == here { &mut disk } else { &mut memory };
            *sum = sum.saturating_add(size);
        }
        if memory > self.limits.memory {
            return Some(Ended::OutOfMemory);
        }
        for directory in &self.own {
            let room = self.limits.disk.saturating_sub(disk);
            match taken(directory, room, 0) {
                Some(size) => disk = disk.saturating_add(size),
                None => return Some(Ended::OutOfDisk),
            }
        }
        (disk > self.limits.disk || self.fills_the_machine()).then_some(Ended::OutOfDisk)
    }

    /// Whatever was not found: the file system is nearly full, and was not before.
    fn fills_the_machine(&self) -> bool {
        let Some((free, total)) = room(&self.own[0]) else { return false };
        let reserved = (total / RESERVED_PART).min(RESERVED);
        free < reserved && self.free.saturating_sub(free) > self.limits.disk
    }
}

/// Bytes that are free for everybody, and all there are.
fn room(path: &Path) -> Option<(u64, u64)> {
    let about = rustix::fs::statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(about.f_frsize);
    Some((bytes(about.f_bavail), bytes(about.f_blocks)))
}

/// Files that are open but have no name (any more): their devices and sizes.
fn nameless(all: &[processes::Process]) -> Vec<(u64, u64)> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for process in all {
        let Ok(open) = fs::read_dir(process.path("fd")) else { continue };
        for entry in open.flatten() {
            let Ok(about) = fs::metadata(entry.path()) else { continue };
            let nameless = about.is_file() && about.nlink() == 0;
            if nameless && seen.insert((about.dev(), about.ino())) {
                found.push((about.dev(), about.blocks().saturating_mul(512)));
            }
        }
    }
    found
}

/// What is taken by all below `directory`; `None`: more than `room`, or it is nested too deep to tell.
fn taken(directory: &Path, room: u64, depth: usize) -> Option<u64> {
    let mut sum = 0_u64;
    // A directory that cannot be read has been removed meanwhile, or is closed to the program too.
    let Ok(entries) = fs::read_dir(directory) else { return Some(0) };
    for entry in entries.flatten() {
        let Ok(about) = entry.metadata() else { continue };
        let size = about.len().max(about.blocks().saturating_mul(512)).max(LEAST);
        sum = sum.saturating_add(size);
        if sum > room || depth > DEEPEST {
            return None;
        }
        if about.is_dir() {
            sum = sum.saturating_add(taken(&entry.path(), room - sum, depth + 1)?);
        }
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_by_what_they_take_and_by_what_they_claim() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::write(folder.path().join("small"), "a").unwrap();
        assert_eq!(taken(folder.path(), 1 << 20, 0), Some(LEAST));
        fs::File::create(folder.path().join("sparse")).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(taken(folder.path(), 1 << 20, 0), None);
    }

    #[test]
    fn directories_that_are_nested_without_end_are_too_much() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("d/".repeat(DEEPEST + 3))).unwrap();
        assert_eq!(taken(folder.path(), u64::MAX, 0), None);
    }
}
