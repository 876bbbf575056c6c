//! The second stage: sees to it that a program does no more than it may, and tells the gateway what became of it.

use std::{
    io,
    net::Shutdown,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use dormouse_core::ports::Ended;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{
        Pid, PidfdFlags, Signal, WaitStatus, getpid, pidfd_open, set_child_subreaper,
        set_parent_process_death_signal,
    },
};

use super::{CONFINE, INSIDE, SELF, line, measure::Measure, measure::OFTEN, mounts, processes};
use crate::{
    finding::{Finding, Means},
    order::{self, Order, Outcome, Report},
};

/// Takes an order from the gateway and sees it through. `namespaces` says whether this is the first process of
/// its own ones, or why not.
pub(super) fn run(namespaces: &Result<(), String>) -> io::Result<()> {
    let inside = namespaces.is_ok();
    if inside {
        set_parent_process_death_signal(Some(Signal::KILL))?;
    } else {
        set_child_subreaper(Some(getpid()))?;
    }
    let mut gateway = line()?;
    // Gone before it said anything.
    let Some(order) = order::read::<Order>(&mut gateway)? else { return Ok(()) };
    let Some(stdin) = order::read_bytes(&mut gateway)? else { return Ok(()) };
    let report = obey(&order, &stdin, namespaces, &gateway);
    if !inside {
        processes::end_all();
    }
    match report? {
        Some(report) => order::write(&mut gateway, &report),
        None => Ok(()),
    }
}

/// `None`: the gateway does not want to know any more.
fn obey(
    order: &Order,
    stdin: &[u8],
    namespaces: &Result<(), String>,
    gateway: &UnixStream,
) -> io::Result<Option<Report>> {
    let inside = namespaces.is_ok();
    let mut findings = namespaces_found(order, namespaces);
    findings.push(join_cgroup(order));
    if inside && let Err(why) = mounts::build(order) {
        return Ok(Some(Report { findings, outcome: Outcome::Refused(why) }));
    }
    let mut program = Confined::start(inside)?;
    order::write(&mut program.line, order)?;
    order::write_bytes(&mut program.line, stdin)?;
    let told = order::read::<Result<Vec<Finding>, String>>(&mut program.line)?;
    let told = told.unwrap_or_else(|| Err("it could not be confined".to_owned()));
    let told = match told {
        Ok(told) => told,
        Err(why) => return Ok(Some(Report { findings, outcome: Outcome::Refused(why) })),
    };
    findings.extend(told);
    let outcome = if order.command.is_empty() {
        Some(Outcome::Probed)
    } else if let Some(missing) = unmet(order, &findings) {
        Some(Outcome::Refused(missing))
    } else {
        watch(order, program, inside, gateway)?
    };
    Ok(outcome.map(|outcome| Report { findings, outcome }))
}

fn namespaces_found(order: &Order, namespaces: &Result<(), String>) -> Vec<Finding> {
    let mut means = vec![Means::MountNamespace, Means::PidNamespace, Means::IpcNamespace];
    if !order.network {
        means.push(Means::NetworkNamespace);
    }
    means.into_iter().map(|it| Finding::of(it, namespaces.as_ref())).collect()
}

/// What this process starts is in the group from its beginning.
fn join_cgroup(order: &Order) -> Finding {
    match &order.cgroup {
        Some(group) => Finding::of(Means::Cgroup, std::fs::write(group.join("cgroup.procs"), "0")),
        None => Finding::missing(Means::Cgroup, "the gateway has none to give"),
    }
}

/// A means without which the program must not run.
fn unmet(order: &Order, findings: &[Finding]) -> Option<String> {
    let missing =
        findings.iter().find(|it| it.missing.is_some() && order.needed.contains(&it.means));
    let Finding { means, missing } = missing?;
    Some(format!("{}: {}", means.as_str(), missing.as_deref().unwrap_or_default()))
}

/// Lets the program go, and waits for its end or brings it about.
fn watch(
    order: &Order,
    mut program: Confined,
    inside: bool,
    gateway: &UnixStream,
) -> io::Result<Option<Outcome>> {
    let own = if inside {
        [PathBuf::from(mounts::WORKSPACE), PathBuf::from(mounts::SCRATCH)]
    } else {
        [order.workspace.clone(), order.scratch.clone()]
    };
    let mut measure = Measure::new(&order.limits, own);
    let begun = Instant::now();
    order::write_bytes(&mut program.line, b"go")?;
    program.line.shutdown(Shutdown::Write)?;
    // The line ends when the program takes the helper's place.
    if let Some(outcome) = order::read(&mut program.line)? {
        return Ok(Some(outcome));
    }
    loop {
        if let Some(status) = processes::reap(program.id) {
            // It may have ended because it had too much, or while nobody looked.
            let ended = measure.passed().unwrap_or_else(|| ended(status));
            return Ok(Some(Outcome::Ended(ended, begun.elapsed())));
        }
        let left = order.limits.time.saturating_sub(begun.elapsed());
        let passed = if left.is_zero() { Some(Ended::OutOfTime) } else { measure.passed() };
        if let Some(ended) = passed {
            return Ok(Some(Outcome::Ended(ended, begun.elapsed())));
        }
        if gateway_left(gateway, &program.alive, left.min(OFTEN))? {
            return Ok(None);
        }
    }
}

/// Waits for a moment, or until the program ends; whether the gateway has hung up meanwhile, or is gone.
fn gateway_left(gateway: &UnixStream, alive: &OwnedFd, moment: Duration) -> io::Result<bool> {
    let mut watched = [
        PollFd::new(gateway, PollFlags::IN),
        PollFd::from_borrowed_fd(alive.as_fd(), PollFlags::IN),
    ];
    let moment = Timespec::try_from(moment).map_err(io::Error::other)?;
    match poll(&mut watched, Some(&moment)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    // It has nothing more to say: whatever is heard is the end.
    Ok(!watched[0].revents().is_empty())
}

fn ended(status: WaitStatus) -> Ended {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, Some(libc::SIGXCPU)) => Ended::OutOfTime,
        (None, Some(libc::SIGXFSZ)) => Ended::OutOfDisk,
        (None, signal) => Ended::Killed(signal.unwrap_or_default()),
    }
}

/// The last stage, before and after it has become the program.
#[derive(Debug)]
struct Confined {
    id: Pid,
    /// Can be read from when it has ended.
    alive: OwnedFd,
    line: UnixStream,
}

impl Confined {
    fn start(inside: bool) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(SELF);
        command.args(["sandbox", "exec", CONFINE]);
        if inside {
            command.arg(INSIDE);
        }
        let child = command.stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?;
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let id = id.ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { id, alive: pidfd_open(id, PidfdFlags::empty())?, line: ours })
    }
}
