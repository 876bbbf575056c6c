//! The first stage: out of the gateway's namespaces.

use std::{fs, io, path::Path, process::Command};

use nix::sched::{CloneFlags, unshare};

use super::{SELF, WARDEN, user, warden};

/// Leaves the namespaces, if that is wanted and may be, and goes on as warden.
pub(super) fn run(namespaces: bool, network: bool) -> io::Result<()> {
    close_inherited()?;
    if !namespaces {
        return warden::run(&Err("namespaces were given up".to_owned()));
    }
    if let Err(error) = leave(network) {
        return warden::run(&Err(error));
    }
    // A pid namespace begins with the next child.
    let status = Command::new(SELF).args(["sandbox", "exec", WARDEN]).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("warden: {status}"))) }
}

/// As root, namespaces are simply taken. Others, and a root that may not, first become root of a user
/// namespace, which anybody may where the system allows it.
fn leave(network: bool) -> Result<(), String> {
    let mut wanted = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    if !network {
        wanted |= CloneFlags::CLONE_NEWNET;
    }
    if rustix::process::geteuid().is_root() && unshare(wanted).is_ok() {
        return Ok(());
    }
    user::namespace(0, wanted).map_err(|error| format!("the system allows none: {error}"))
}

/// Closes everything but the three streams. The gateway's own files close by themselves, this is for those
/// that it inherited without knowing.
fn close_inherited() -> io::Result<()> {
    let open: Vec<i32> = fs::read_dir(Path::new("/proc/self/fd"))?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for number in open.into_iter().filter(|number| *number > 2) {
        // One of them was that of the listing, which is closed already.
        let _ = nix::unistd::close(number);
    }
    Ok(())
}
