//! What can hold a program, and which of it does.

use dormouse_core::ports::Confinement;
use serde::{Deserialize, Serialize};

/// Something that holds a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Means {
    /// It sees a file system that was built for it.
    MountNamespace,
    /// It sees no processes but its own, and they end together.
    PidNamespace,
    /// It has no network.
    NetworkNamespace,
    /// It shares no memory with others.
    IpcNamespace,
    /// It is a user of its own, whose processes are counted apart.
    UserNamespace,
    /// It is not root, whoever the gateway is.
    UnprivilegedUser,
    /// It can open no other files.
    Landlock,
    /// It can use no ports.
    LandlockNetwork,
    /// It can signal no other processes, nor reach their abstract sockets.
    LandlockScope,
    /// It has those system calls that programs need, and no sockets but local ones.
    Seccomp,
    /// Limits of each of its processes.
    Rlimits,
    /// The memory and the processes of all of them together, counted by the kernel.
    Cgroup,
    /// It has a kernel of its own, in user space.
    Gvisor,
}

impl Means {
    /// Those that the kernel gives together.
    pub(crate) const NAMESPACES: [Self; 4] =
        [Self::MountNamespace, Self::PidNamespace, Self::NetworkNamespace, Self::IpcNamespace];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::MountNamespace => "mount namespace",
            Self::PidNamespace => "pid namespace",
            Self::NetworkNamespace => "network namespace",
            Self::IpcNamespace => "ipc namespace",
            Self::UserNamespace => "user namespace",
            Self::UnprivilegedUser => "unprivileged user",
            Self::Landlock => "landlock",
            Self::LandlockNetwork => "landlock network",
            Self::LandlockScope => "landlock scope",
            Self::Seccomp => "seccomp",
            Self::Rlimits => "rlimits",
            Self::Cgroup => "cgroup",
            Self::Gvisor => "gvisor",
        }
    }
}

/// Whether a means holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) means: Means,
    /// Why it does not.
    pub(crate) missing: Option<String>,
}

impl Finding {
    pub(crate) fn active(means: Means) -> Self {
        Self { means, missing: None }
    }

    pub(crate) fn missing(means: Means, why: impl Into<String>) -> Self {
        Self { means, missing: Some(why.into()) }
    }

    /// The means holds if this went well.
    pub(crate) fn of<T, E: ToString>(means: Means, tried: Result<T, E>) -> Self {
        match tried {
            Ok(_) => Self::active(means),
            Err(error) => Self::missing(means, error.to_string()),
        }
    }
}

/// The means that hold, of all.
pub(crate) fn active(findings: &[Finding]) -> Vec<Means> {
    findings.iter().filter(|it| it.missing.is_none()).map(|it| it.means).collect()
}

/// What is not kept from a program that only these means hold; `None` if nothing of importance is.
pub(crate) fn gap(findings: &[Finding], network: bool) -> Option<&'static str> {
    let active = active(findings);
    let held = |it: &Means| active.contains(it) || active.contains(&Means::Gvisor);
    let any = |means: &[Means]| means.iter().any(held);
    let gaps = [
        (any(&[Means::MountNamespace, Means::Landlock]), "the machine's files"),
        (any(&[Means::UnprivilegedUser, Means::Landlock]), "what only root may change"),
        (network || any(&[Means::NetworkNamespace, Means::Seccomp]), "the network"),
        (any(&[Means::PidNamespace, Means::LandlockScope]), "other processes"),
    ];
    gaps.into_iter().find(|(held, _)| !held).map(|(_, what)| what)
}

/// Findings for people.
pub(crate) fn confinement(findings: &[Finding]) -> Confinement {
    let mut confinement = Confinement::default();
    for Finding { means, missing } in findings {
        let name = means.as_str().to_owned();
        match missing {
            None => confinement.active.push(name),
            Some(why) => confinement.missing.push((name, why.clone())),
        }
    }
    confinement
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(means: &[Means]) -> Vec<Finding> {
        means.iter().copied().map(Finding::active).collect()
    }

    #[test]
    fn namespaces_alone_hold_and_so_does_landlock_with_seccomp() {
        let namespaces = [
            Means::MountNamespace,
            Means::PidNamespace,
            Means::NetworkNamespace,
            Means::UnprivilegedUser,
        ];
        assert_eq!(gap(&only(&namespaces), false), None);
        let landlock = [Means::Landlock, Means::LandlockScope, Means::Seccomp];
        assert_eq!(gap(&only(&landlock), false), None);
    }

    #[test]
    fn what_is_not_kept_from_a_program_is_named() {
        assert_eq!(gap(&[], false), Some("the machine's files"));
        let means = [Means::Landlock, Means::LandlockScope];
        assert_eq!(gap(&only(&means), false), Some("the network"));
        assert_eq!(gap(&only(&means), true), None);
        let means = [Means::Landlock, Means::Seccomp];
        assert_eq!(gap(&only(&means), false), Some("other processes"));
        let means = [Means::MountNamespace, Means::PidNamespace, Means::NetworkNamespace];
        assert_eq!(gap(&only(&means), false), Some("what only root may change"));
    }
}
