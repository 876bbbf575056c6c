//! Who a program is.

use std::{fs, io};

use nix::{
    sched::{CloneFlags, unshare},
    unistd::{Gid, Uid, setgid, setgroups, setuid},
};
use rustix::{
    process::{DumpableBehavior, getegid, geteuid, set_dumpable_behavior},
    thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs},
};

/// Enters a user namespace, and those of `others` that it may have then; in it, whoever this process is has
/// the number `as_user`.
pub(super) fn namespace(as_user: u32, others: CloneFlags) -> io::Result<()> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(CloneFlags::CLONE_NEWUSER | others)?;
    // user_namespaces(7): without this, nobody unprivileged may write a map of groups.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{as_user} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{as_user} {group} 1"))
}

/// Stops being root.
pub(super) fn become_user(number: u32) -> io::Result<()> {
    setgroups(&[])?;
    setgid(Gid::from_raw(number))?;
    setuid(Uid::from_raw(number))?;
    // Whoever changes user loses the right to their own files in /proc, and with it to write their maps.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    Ok(())
}

/// Gives up every privilege, for good.
pub(super) fn give_up_privileges() -> io::Result<()> {
    set_no_new_privs(true)?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    set_capabilities(None, sets)?;
    Ok(())
}
