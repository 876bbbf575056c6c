//! Which files a program can open, and that it reaches nothing beyond itself: Landlock.
//!
//! <https://docs.kernel.org/userspace-api/landlock.html>. What a kernel does not know yet is left out, and
//! found missing.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, LandlockStatus, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};

use super::mounts::{DEVICES, ETC, ETC_OF_NETWORK, SYSTEM};
use crate::finding::{Finding, Means};

/// The newest rules that are used here.
const NEWEST: ABI = ABI::V6;

/// What of the system's own a program may read where it sees the machine's file system.
const ELSEWHERE: [&str; 6] = [
    "/etc/group",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/proc/cpuinfo",
    "/proc/meminfo",
];

/// Restricts this process for good.
pub(super) fn restrict(own: [&Path; 2], inside: bool, network: bool) -> Vec<Finding> {
    match try_to(own, inside, network) {
        Ok(abi) => {
            let since = |means, first: ABI, what: &str| {
                if abi >= first {
                    Finding::active(means)
                } else {
                    Finding::missing(means, format!("the kernel's Landlock cannot restrict {what}"))
                }
            };
            let mut found = vec![
                since(Means::Landlock, ABI::V1, "anything"),
                since(Means::LandlockScope, ABI::V6, "signals"),
            ];
            if !network {
                found.push(since(Means::LandlockNetwork, ABI::V4, "ports"));
            }
            found
        }
        Err(error) => [Means::Landlock, Means::LandlockNetwork, Means::LandlockScope]
            .map(|means| Finding::missing(means, error.clone()))
            .into(),
    }
}

fn try_to(own: [&Path; 2], inside: bool, network: bool) -> Result<ABI, String> {
    let rules = || -> Result<_, RulesetError> {
        let mut ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(NEWEST))?
            .scope(Scope::AbstractUnixSocket | Scope::Signal)?;
        if !network {
            ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST))?;
        }
        open(ruleset.create()?, own, inside, network)?.restrict_self()
    };
    let status = rules().map_err(|error| error.to_string())?;
    match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => Ok(effective_abi),
        LandlockStatus::NotEnabled => Err("it is not enabled in this kernel".to_owned()),
        LandlockStatus::NotImplemented => Err("it is not in this kernel".to_owned()),
    }
}

/// What may be opened all the same.
fn open(
    ruleset: RulesetCreated,
    own: [&Path; 2],
    inside: bool,
    network: bool,
) -> Result<RulesetCreated, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let there = |paths: &[&str]| -> Vec<PathBuf> {
        paths.iter().map(PathBuf::from).filter(|path| path.exists()).collect()
    };
    let mut readable = there(&ETC);
    if network {
        readable.extend(there(&ETC_OF_NETWORK));
    }
    if inside {
        readable.extend(there(&["/etc", "/proc", "/dev"]));
    } else {
        readable.extend(there(&ELSEWHERE));
        readable.extend(there(&["/proc/self"]));
    }
    let mut writable: Vec<PathBuf> = own.into_iter().map(Path::to_owned).collect();
    if inside {
        writable.extend(there(&["/dev/shm"]));
    }
    let devices = AccessFs::ReadFile | AccessFs::WriteFile;
    ruleset
        .add_rules(path_beneath_rules(there(&SYSTEM), AccessFs::from_read(NEWEST)))?
        .add_rules(path_beneath_rules(readable, read))?
        .add_rules(path_beneath_rules(there(&DEVICES), devices))?
        .add_rules(path_beneath_rules(writable, AccessFs::from_all(NEWEST)))
}
