//! Which system calls a program has: those that ordinary programs make.
//!
//! A list of what is allowed, so that a call that a new kernel adds is not. What is not in it does not exist
//! (`ENOSYS`), which is what programs expect of calls that a kernel may lack; the C library falls back from
//! `clone3` to `clone`, for example, whose flags can be looked at. Left out is what looks into other processes,
//! mounts, loads, traces, changes the machine, or has had more than its share of faults (io_uring, user fault
//! handling, keyrings, BPF), and shared memory that no process shows to have.

mod calls;

use std::{collections::BTreeMap, env};

use calls::CALLS;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, apply_filter,
};

/// ioctl_tiocsti(2) and TIOCLINUX (asm-generic/ioctls.h): typing for others into a terminal.
const TYPING: [u64; 2] = [0x5412, 0x541c];

/// socket(2): which of the bits of a type are the kind of a socket, and not how it is opened.
const KINDS: u64 = 0xf;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Restricts this process for good. Where it sees the machine's file system, the machine's sockets are in it.
pub(super) fn restrict(network: bool, inside: bool) -> Result<(), String> {
    let filters = filters(network, inside).map_err(|error| error.to_string())?;
    filters.iter().try_for_each(|filter| apply_filter(filter)).map_err(|error| error.to_string())
}

fn filters(network: bool, inside: bool) -> Result<Vec<BpfProgram>, BackendError> {
    let arch = env::consts::ARCH.try_into()?;
    let program = |rules, otherwise, then| -> Result<BpfProgram, BackendError> {
        SeccompFilter::new(rules, otherwise, then, arch)?.try_into()
    };
    let error = |number: i32| SeccompAction::Errno(number.unsigned_abs());
    Ok(vec![
        program(refused(network, inside)?, SeccompAction::Allow, error(libc::EACCES))?,
        program(allowed()?, error(libc::ENOSYS), SeccompAction::Allow)?,
    ])
}

fn allowed() -> Result<Rules, BackendError> {
    let mut rules: Rules = CALLS.iter().map(|call| (*call, Vec::new())).collect();
    let namespaces = [
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWUTS,
    ];
    let mask = namespaces.iter().fold(0, |all, flag| all | u64::from(flag.unsigned_abs()));
    let plain = argument(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), 0)?;
    rules.insert(libc::SYS_clone, vec![plain]);
    // Asking what the personality is, and the plain one.
    let personality = |value| argument(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value);
    rules.insert(libc::SYS_personality, vec![personality(0)?, personality(0xffff_ffff)?]);
    Ok(rules)
}

/// What is allowed in general, but not so.
fn refused(network: bool, inside: bool) -> Result<Rules, BackendError> {
    let is = |index, value: u64| {
        SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
    };
    let is_not = |value: i32| {
        let value = u64::from(value.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
    };
    let mut families = Vec::new();
    if inside {
        families.push(is_not(libc::AF_UNIX)?);
    }
    if network {
        families.extend([is_not(libc::AF_INET)?, is_not(libc::AF_INET6)?]);
        families.push(is_not(libc::AF_NETLINK)?);
    }
    let socket = match families.len() {
        0 => Vec::new(),
        _ => vec![SeccompRule::new(families)?],
    };
    let typing = TYPING.map(|request| SeccompRule::new(vec![is(1, request)?]));
    let mut rules = Rules::from([
        (libc::SYS_socket, socket),
        (libc::SYS_ioctl, typing.into_iter().collect::<Result<_, _>>()?),
    ]);
    if !inside {
        // Pairs may only speak with each other, but datagrams may be sent elsewhere.
        let datagrams = u64::from(libc::SOCK_DGRAM.unsigned_abs());
        let kind = SeccompCmpOp::MaskedEq(KINDS);
        let pair = argument(1, SeccompCmpArgLen::Dword, kind, datagrams)?;
        rules.insert(libc::SYS_socketpair, vec![pair]);
    }
    Ok(rules)
}

fn argument(
    index: u8,
    length: SeccompCmpArgLen,
    operator: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(index, length, operator, value)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_can_be_built() {
        for (network, inside) in [(false, false), (false, true), (true, false), (true, true)] {
            assert_eq!(filters(network, inside).unwrap().len(), 2);
        }
    }

    #[test]
    fn what_reaches_beyond_the_program_is_not_in_the_list() {
        for call in [
            libc::SYS_mount,
            libc::SYS_ptrace,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_clone3,
            libc::SYS_bpf,
            libc::SYS_keyctl,
            libc::SYS_io_uring_setup,
            libc::SYS_process_vm_readv,
            libc::SYS_pivot_root,
            libc::SYS_userfaultfd,
        ] {
            assert!(!CALLS.contains(&call), "{call}");
        }
    }
}
