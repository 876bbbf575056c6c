//! What Linux says about a process and its children (proc(5)).

use std::{
    fs, io,
    process::{Child, Command},
    time::Duration,
};

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        command.spawn().map(Self)
    }

    /// Processor time used so far, by all threads, and by the children that are alive.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        self.family()?.into_iter().map(cpu).sum()
    }

    /// Forgets the highest memory use so far.
    pub(crate) fn reset_peak(&self) -> io::Result<()> {
        for pid in self.family()? {
            fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
        }
        Ok(())
    }

    /// The highest memory use, in bytes; of a family the sum, shared pages counted each time.
    pub(crate) fn peak_rss(&self) -> io::Result<u64> {
        self.family()?.into_iter().map(|pid| status(pid, "VmHWM:")).sum()
    }

    /// The present memory use, in bytes.
    pub(crate) fn rss(&self) -> io::Result<u64> {
        self.family()?.into_iter().map(|pid| status(pid, "VmRSS:")).sum()
    }

    /// The process and its children (nginx works in children).
    fn family(&self) -> io::Result<Vec<u32>> {
        let pid = self.0.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        Ok(std::iter::once(pid).chain(children).collect())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A master that is killed leaves its workers behind; one that is told to end does not.
        let told = Command::new("kill").arg(self.0.id().to_string()).status();
        if told.is_err() {
            drop(self.0.kill());
        }
        drop(self.0.wait());
    }
}

fn cpu(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name, in parentheses, may hold anything. Behind it utime and stime are the 12th and 13th.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum();
    // USER_HZ is 100 on every architecture that matters here.
    Ok(Duration::from_millis(ticks * 10))
}

fn status(pid: u32, field: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    let missing = || io::Error::other(format!("process {pid} has no {field}"));
    kilobytes.map(|it| it * 1024).ok_or_else(missing)
}
