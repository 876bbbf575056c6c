//! The helper: the gateway's own program, started once more for each program that it runs.

mod confine;
mod enter;
mod landlock;
mod measure;
pub(crate) mod mounts;
mod processes;
mod rlimits;
mod seccomp;
mod user;
mod warden;

use std::{
    fs::File,
    io::{self, Seek, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    process::ExitCode,
};

use rustix::fs::{MemfdFlags, memfd_create};

pub(crate) use confine::environment;

/// The program that is running, by a name that leads to it whatever happened to its file.
const SELF: &str = "/proc/self/exe";
/// Leads from the gateway to the first stage.
pub(crate) const ENTER: &str = "enter";
const WARDEN: &str = "warden";
const CONFINE: &str = "confine";
/// Asks the first stage for namespaces of its own.
pub(crate) const NAMESPACES: &str = "--namespaces";
/// Asks it to leave the network as it is.
pub(crate) const NETWORK: &str = "--network";
/// Tells the later stages that they are in namespaces.
const INSIDE: &str = "--inside";

/// What `dormouse sandbox exec` does. It is called by the gateway, with a socket to it as standard input, and
/// with what is to be the program's output and errors.
pub fn exec(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let stage = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let has = |flag: &str| rest.iter().any(|it| it == flag);
    let done = match stage.as_str() {
        ENTER => enter::run(has(NAMESPACES), has(NETWORK)),
        WARDEN => warden::run(&Ok(())),
        CONFINE => confine::run(has(INSIDE)),
        _ => Err(io::Error::other("this is called by the gateway itself")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The gateway notices that nothing was reported; this only says why, to whoever looks.
            let _ = writeln!(io::stderr(), "sandbox: {stage}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a program reads, where it needs nobody to write it.
fn input(content: &[u8]) -> io::Result<File> {
    let mut input = File::from(memfd_create("stdin", MemfdFlags::CLOEXEC)?);
    input.write_all(content)?;
    input.rewind()?;
    Ok(input)
}

/// The line to the stage before.
fn line() -> io::Result<UnixStream> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}
