//! The file system that a program sees: the system's own programs and libraries, to read; its own two
//! directories; and nothing else of the machine.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use rustix::{
    mount::{
        MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive,
        mount_change, mount_remount, unmount,
    },
    process::pivot_root,
};

use crate::order::Order;

/// Where a program works, in there.
pub(crate) const WORKSPACE: &str = "/workspace";
/// Where its temporary files are, in there.
pub(crate) const SCRATCH: &str = "/tmp";

/// Where programs and libraries are.
pub(crate) const SYSTEM: [&str; 8] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store"];
/// What of the system's settings programs need.
pub(crate) const ETC: [&str; 9] = [
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/pki",
    "/etc/ssl/certs",
];
/// What they need to use the network.
pub(crate) const ETC_OF_NETWORK: [&str; 3] =
    ["/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf"];
/// What they may read from and write to.
pub(super) const DEVICES: [&str; 5] =
    ["/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"];

/// Who is who, in there.
pub(crate) const PASSWD: &str = "root:x:0:0::/:/bin/false\nuser:x:1000:1000::/workspace:/bin/sh\nnobody:x:65534:65534::/workspace:/bin/sh\n";
/// In which groups.
pub(crate) const GROUP: &str = "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n";

/// Builds it, and makes it the root of this process.
///
/// # Errors
/// What could not be done, in words.
pub(super) fn build(order: &Order) -> Result<(), String> {
    let root = &order.root;
    // Nothing that is mounted here is seen outside.
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(|error| format!("mounts cannot be private: {error}"))?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    mount("sandbox", root, "tmpfs", flags, c"size=1m,mode=755")
        .map_err(|error| format!("a tmpfs cannot be mounted: {error}"))?;
    for path in SYSTEM {
        show(root, Path::new(path))?;
    }
    let network: &[&str] = if order.network { &ETC_OF_NETWORK } else { &[] };
    for path in ETC.iter().chain(network) {
        show(root, Path::new(path))?;
    }
    write(root, "etc/passwd", PASSWD)?;
    write(root, "etc/group", GROUP)?;
    devices(root)?;
    let proc = directory(root, "proc")?;
    mount("proc", &proc, "proc", flags | MountFlags::NOEXEC, None)
        .map_err(|error| format!("a /proc of its own cannot be mounted: {error}"))?;
    own(root, &order.workspace, WORKSPACE)?;
    own(root, &order.scratch, SCRATCH)?;
    own(root, &order.scratch, "/dev/shm")?;
    enter(root)
}

fn devices(root: &Path) -> Result<(), String> {
    directory(root, "dev")?;
    for path in DEVICES {
        let target = write(root, path, "")?;
        mount_bind(path, &target).map_err(|error| format!("{path}: {error}"))?;
    }
    let links = [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")];
    for (name, number) in links {
        let target = format!("/proc/self/fd{number}");
        symlink(target, root.join("dev").join(name)).map_err(|error| format!("/dev: {error}"))?;
    }
    Ok(())
}

/// Shows what the machine has at `path`, to be read only.
fn show(root: &Path, path: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    // What is not there is not there in the sandbox either.
    let Ok(about) = fs::symlink_metadata(path) else { return Ok(()) };
    let below = path.strip_prefix("/").unwrap_or(path);
    let target = root.join(below);
    if about.is_symlink() && SYSTEM.iter().any(|it| Path::new(it) == path) {
        let leads_to = fs::read_link(path).map_err(failed)?;
        return symlink(leads_to, target).map_err(failed);
    }
    // A link to nowhere.
    let Ok(about) = fs::metadata(path) else { return Ok(()) };
    if about.is_dir() {
        fs::create_dir_all(&target).map_err(failed)?;
    } else {
        write(root, &below.display().to_string(), "")?;
    }
    mount_bind_recursive(path, &target).map_err(|error| failed(error.into()))?;
    for (point, held) in mounted_below(&target).map_err(failed)? {
        let flags =
            MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | held;
        mount_remount(&point, flags, "").map_err(|error| failed(error.into()))?;
    }
    Ok(())
}

/// The mounts at and below `target`, with those flags that only the machine's root may take off.
fn mounted_below(target: &Path) -> std::io::Result<Vec<(PathBuf, MountFlags)>> {
    let list = fs::read_to_string("/proc/self/mountinfo")?;
    let mounts = list.lines().filter_map(|line| {
        // proc_pid_mountinfo(5): the fifth field is the mount point, the sixth its options.
        let mut fields = line.split(' ').skip(4);
        let point = PathBuf::from(unescape(fields.next()?));
        let flags = fields.next()?.split(',').map(|option| match option {
            "noexec" => MountFlags::NOEXEC,
            "noatime" => MountFlags::NOATIME,
            "nodiratime" => MountFlags::NODIRATIME,
            "relatime" => MountFlags::RELATIME,
            _ => MountFlags::empty(),
        });
        point.starts_with(target).then(|| (point, flags.collect()))
    });
    Ok(mounts.collect())
}

/// White space and backslashes stand in mountinfo as three octal digits.
fn unescape(field: &str) -> String {
    let escapes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    escapes.into_iter().fold(field.to_owned(), |text, (code, symbol)| text.replace(code, symbol))
}

/// Puts a directory of the program's own at `path`.
fn own(root: &Path, source: &Path, path: &str) -> Result<(), String> {
    let target = directory(root, path)?;
    let failed = |error: std::io::Error| format!("{path}: {error}");
    mount_bind(source, &target).map_err(|error| failed(error.into()))?;
    for (point, held) in mounted_below(&target).map_err(failed)? {
        let flags = MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV | held;
        mount_remount(&point, flags, "").map_err(|error| failed(error.into()))?;
    }
    Ok(())
}

fn directory(root: &Path, path: &str) -> Result<PathBuf, String> {
    let target = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(&target).map_err(|error| format!("{path}: {error}"))?;
    Ok(target)
}

fn write(root: &Path, path: &str, text: &str) -> Result<PathBuf, String> {
    let target = root.join(path.trim_start_matches('/'));
    let parent = target.parent().unwrap_or(root);
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(&target, text));
    written.map_err(|error| format!("{path}: {error}"))?;
    Ok(target)
}

/// pivot_root(2), "pivot_root(".", ".")": the old root ends up below the new one, and is taken away.
fn enter(root: &Path) -> Result<(), String> {
    let entered = || -> rustix::io::Result<()> {
        rustix::process::chdir(root)?;
        pivot_root(".", ".")?;
        unmount(".", UnmountFlags::DETACH)?;
        rustix::process::chdir("/")?;
        let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
        mount_remount("/", flags, "")
    };
    entered().map_err(|error| format!("the new root cannot be entered: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_with_a_space_is_found() {
        assert_eq!(unescape("/a\\040b\\134c"), "/a b\\c");
    }
}
