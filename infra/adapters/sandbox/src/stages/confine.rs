//! The last stage: gives up what it may, one power after the other, and becomes the program.

use std::{
    env, fs, io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use nix::sched::CloneFlags;
use rustix::{
    fs::Mode,
    process::{Signal, nice, set_parent_process_death_signal, setsid, umask},
};

use super::{input, landlock, line, mounts, rlimits, seccomp, user};
use crate::{
    finding::{Finding, Means},
    order::{self, Order, Outcome},
};

/// The user that a program is, in its own namespace.
const USER: u32 = 1000;
/// How much less than others a program is worth, where the machine runs out of processor time, and of memory.
const NICE: i32 = 10;
const FIRST_TO_DIE: &str = "1000";
/// Where programs are looked up.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What a shell says of a program that is not there, and of one that cannot be run.
const NOT_FOUND: i32 = 127;
const NOT_RUN: i32 = 126;

/// Takes an order from the warden, tells it what holds, and waits for its word.
pub(super) fn run(inside: bool) -> io::Result<()> {
    let mut warden = line()?;
    let order: Order = order::read(&mut warden)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let stdin = order::read_bytes(&mut warden)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    let input = input(&stdin)?;
    drop(stdin);

    let (home, scratch) = places(&order, inside);
    let given_up = give_up(&order, [&home, &scratch], inside).map_err(|error| error.to_string());
    order::write(&mut warden, &given_up)?;
    if given_up.is_err() || order::read_bytes(&mut warden)?.is_none() {
        return Ok(());
    }
    rustix::stdio::dup2_stdin(&input)?;
    let failed = become_program(&order.command, &home, &scratch);
    let status = if failed.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_RUN };
    let name = order.command.first().map_or("", String::as_str);
    let why = if status == NOT_FOUND { "not found".to_owned() } else { failed.to_string() };
    order::write(&mut warden, &Outcome::NotStarted(status, format!("{name}: {why}\n")))
}

/// Where its own two directories are, as it sees them.
fn places(order: &Order, inside: bool) -> (PathBuf, PathBuf) {
    if inside {
        (mounts::WORKSPACE.into(), mounts::SCRATCH.into())
    } else {
        (order.workspace.clone(), order.scratch.clone())
    }
}

/// Each step needs what the next one gives up.
fn give_up(order: &Order, own: [&Path; 2], inside: bool) -> io::Result<Vec<Finding>> {
    // In a session of its own it has no terminal, and signals to its group reach nobody else.
    setsid()?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    env::set_current_dir(own[0])?;
    umask(Mode::from_raw_mode(0o022));
    nice(NICE)?;
    fs::write("/proc/self/oom_score_adj", FIRST_TO_DIE)?;

    let mut found = Vec::new();
    found.push(match order.user {
        None => Finding::active(Means::UnprivilegedUser),
        Some(number) => Finding::of(Means::UnprivilegedUser, user::become_user(number)),
    });
    if let Err(error) = fs::metadata(own[0]) {
        let why = "programs do not get to their directory: it must be where every user may pass";
        return Err(io::Error::new(error.kind(), format!("{why}: {error}")));
    }
    let apart = user::namespace(USER, CloneFlags::empty());
    let counted_apart = apart.is_ok();
    found.push(Finding::of(Means::UserNamespace, apart));
    let limited = rlimits::set(&order.limits, counted_apart);
    found.push(Finding::of(Means::Rlimits, limited));
    user::give_up_privileges()?;
    found.extend(landlock::restrict(own, inside, order.network));
    found.push(Finding::of(Means::Seccomp, seccomp::restrict(order.network, inside)));
    Ok(found)
}

/// All that is in a program's environment.
pub(crate) fn environment(home: &Path, scratch: &Path) -> [(&'static str, String); 4] {
    [
        ("PATH", PATH.to_owned()),
        ("HOME", home.display().to_string()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TMPDIR", scratch.display().to_string()),
    ]
}

/// Returns only if that fails.
fn become_program(command: &[String], home: &Path, scratch: &Path) -> io::Error {
    let Some((program, arguments)) = command.split_first() else {
        return io::ErrorKind::NotFound.into();
    };
    let environment = environment(home, scratch);
    Command::new(program).args(arguments).env_clear().envs(environment).exec()
}
