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
    gvisor::Gvisor,
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
    if let Some(gvisor) = &order.gvisor {
        let program = Confined::in_gvisor(gvisor, order.network, stdin)?;
        let outcome = watch(order, program, false, gateway)?;
        let findings = Vec::new();
        return Ok(outcome.map(|outcome| Report { findings, outcome }));
    }
    let inside = namespaces.is_ok();
    let mut findings = namespaces_found(order, namespaces);
    findings.push(join_cgroup(order));
    if inside && let Err(why) = mounts::build(order) {
        return Ok(Some(Report { findings, outcome: Outcome::Refused(why) }));
    }
    let (mut line, mut program) = Confined::start(inside)?;
    order::write(&mut line, order)?;
    order::write_bytes(&mut line, stdin)?;
    let told = order::read::<Result<Vec<Finding>, String>>(&mut line)?;
    program.line = Some(line);
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
    let mut measure = match order.gvisor {
        Some(_) => Measure::new(&Gvisor::limits(&order.limits), own),
        None => Measure::new(&order.limits, own),
    };
    let begun = Instant::now();
    if let Some(mut line) = program.line.take() {
        order::write_bytes(&mut line, b"go")?;
        line.shutdown(Shutdown::Write)?;
        // The line ends when the program takes the helper's place.
        if let Some(outcome) = order::read(&mut line)? {
            return Ok(Some(outcome));
        }
    }
    loop {
        if let Some(status) = processes::reap(program.id) {
            // It may have ended because it had too much, or while nobody looked.
            let ended = measure.passed().unwrap_or_else(|| ended(status, order.gvisor.is_some()));
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

/// gVisor says of a program that was killed what shells say: 128 and the signal.
fn ended(status: WaitStatus, in_gvisor: bool) -> Ended {
    let status = match status.exit_status() {
        Some(code) if in_gvisor && code > 128 => Err(code - 128),
        Some(code) => Ok(code),
        None => Err(status.terminating_signal().unwrap_or_default()),
    };
    match status {
        Ok(code) => Ended::Exited(code),
        Err(libc::SIGXCPU) => Ended::OutOfTime,
        Err(libc::SIGXFSZ) => Ended::OutOfDisk,
        Err(signal) => Ended::Killed(signal),
    }
}

/// The last stage, before and after it has become the program.
#[derive(Debug)]
struct Confined {
    id: Pid,
    /// Can be read from when it has ended.
    alive: OwnedFd,
    /// Where it is waited for, before it has.
    line: Option<UnixStream>,
}

impl Confined {
    fn start(inside: bool) -> io::Result<(UnixStream, Self)> {
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(SELF);
        command.args(["sandbox", "exec", CONFINE]);
        if inside {
            command.arg(INSIDE);
        }
        command.stdin(Stdio::from(OwnedFd::from(theirs)));
        Ok((ours, Self::spawn(&mut command)?))
    }

    /// gVisor takes no orders: it begins at once.
    fn in_gvisor(gvisor: &Gvisor, network: bool, stdin: &[u8]) -> io::Result<Self> {
        let (program, arguments) = gvisor.command(network);
        let input = super::input(stdin)?;
        Self::spawn(Command::new(program).args(arguments).stdin(Stdio::from(input)))
    }

    fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command.spawn()?;
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let id = id.ok_or(io::ErrorKind::NotFound)?;
        Ok(Self { id, alive: pidfd_open(id, PidfdFlags::empty())?, line: None })
    }
}
