//! The gateway's secrets, other workspaces, the system.

use std::fs;

use bytes::Bytes;
use dormouse_core::ports::Sandbox;

use crate::yard::{text, usual, workspace, yards};

#[tokio::test]
async fn the_gateways_environment_is_not_seen() {
    assert!(std::env::vars().any(|(name, _)| name == "CARGO_MANIFEST_DIR"), "there is a secret");
    let gateway = std::process::id();
    for yard in yards() {
        let script = format!(
            "env; cat /proc/{gateway}/environ /proc/*/environ /proc/self/../1/environ; tr '\\0' ' ' < /proc/$PPID/environ"
        );
        let printed = yard.sh(&script).await;
        assert!(printed.contains("HOME="), "{}: {printed}", yard.name);
        assert!(!printed.contains("CARGO_"), "{}: {printed}", yard.name);
    }
}

#[tokio::test]
async fn a_file_outside_is_not_read() {
    for yard in yards() {
        let secret = yard.folder.path().join("secret");
        fs::write(&secret, "hunter2").unwrap();
        let path = secret.display();
        let script = format!(
            "cat {path}; cat ../../../../../../../../..{path}; ln -s {path} link; cat link; ln {path} hard; cat hard; \
             cp {path} copy; cat copy; cat /proc/1/root{path}; cat /proc/{}/root{path}; cat /proc/self/root{path}; \
             cat ../../../secret; cat /proc/self/cwd/../../../../secret; mv {path} moved; cat moved; \
             find / -name secret -exec cat {{}} \\; ; echo over",
            std::process::id(),
        );
        let printed = yard.sh(&script).await;
        assert!(printed.contains("over"), "{}: {printed}", yard.name);
        assert!(!printed.contains("hunter2"), "{}: {printed}", yard.name);
        assert_eq!(fs::read_to_string(&secret).unwrap(), "hunter2", "{}", yard.name);
        let leaked = yard.sandbox.read(&workspace("a"), "hard").await;
        assert!(!matches!(leaked, Ok(Some(_))), "{}: a hard link was made", yard.name);
    }
}

#[tokio::test]
async fn root_s_own_files_are_not_read() {
    for yard in yards() {
        let printed =
            yard.sh("cat /etc/shadow /root/.bashrc /etc/ssh/*; ls /root /home; echo over").await;
        assert!(printed.contains("over") && !printed.contains("root:"), "{}: {printed}", yard.name);
    }
}

#[tokio::test]
async fn another_workspace_is_not_read() {
    for yard in yards() {
        yard.sandbox
            .write(&workspace("b"), "secret", Bytes::from_static(b"hunter2"))
            .await
            .unwrap();
        let other = yard.folder.path().join("workspaces/tenant/b/files/secret");
        assert!(other.exists());
        let script =
            format!("cat {}; cat ../../b/files/secret; ls ../.. ..; echo over", other.display());
        let printed = yard.sh(&script).await;
        assert!(
            printed.contains("over") && !printed.contains("hunter2"),
            "{}: {printed}",
            yard.name
        );
    }
}

#[tokio::test]
async fn nothing_of_the_system_is_changed() {
    for yard in yards() {
        let script = "for f in /x /usr/x /bin/x /etc/x /lib/x /dev/x /proc/x /var/x; do \
             if echo > $f; then echo WRITTEN $f; fi; done; \
             for f in /etc/passwd /bin/sh /etc/ld.so.cache /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches \
                 /proc/sysrq-trigger; do if echo x >> $f; then echo WRITTEN $f; fi; done; \
             if rm -f /bin/sh; then echo WRITTEN; fi; \
             if chmod 777 /bin/sh; then echo WRITTEN; fi; echo over";
        let printed = yard.sh(script).await;
        assert!(
            printed.contains("over") && !printed.contains("WRITTEN"),
            "{}: {printed}",
            yard.name
        );
        assert!(fs::metadata("/bin/sh").unwrap().is_file());
    }
}

#[tokio::test]
async fn nothing_is_mounted_and_no_namespace_entered() {
    for yard in yards() {
        let printed = yard
            .python(
                "import ctypes, os\n\
                 c = ctypes.CDLL(None, use_errno=True)\n\
                 tries = {'mount': c.mount(b'x', b'/tmp', b'tmpfs', 0, None), 'unshare': c.unshare(0x10000000),\n\
                 'chroot': c.chroot(b'.'), 'setns': c.setns(0, 0), 'mknod': c.mknod(b'disk', 0o60666, 0x0801),\n\
                 'setuid': c.setuid(0) if os.getuid() else -1, 'pivot': c.syscall(155, b'.', b'.'),\n\
                 'bpf': c.syscall(321, 0, 0, 0), 'keyctl': c.syscall(250, 0, 0, 0)}\n\
                 print([name for name, got in tries.items() if got != -1], 'over')",
            )
            .await;
        assert_eq!(printed, "[] over\n", "{}", yard.name);
    }
}

#[tokio::test]
async fn no_power_is_left() {
    for yard in yards() {
        // Not in a shell, whose children are others than itself.
        let printed = yard.run(&["cat", "/proc/self/status"], &usual()).await;
        let printed = text(&printed.stdout.kept);
        let field = |name: &str| {
            let line = printed.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).unwrap_or_default().to_owned()
        };
        for capabilities in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(field(capabilities), "0000000000000000", "{}: {capabilities}", yard.name);
        }
        assert_eq!((&*field("NoNewPrivs:"), &*field("Seccomp:")), ("1", "2"), "{}", yard.name);
        assert_ne!(field("Uid:"), "0", "{}", yard.name);
        let open = yard.run(&["ls", "/proc/self/fd"], &usual()).await;
        // The three streams, and the listing's own.
        assert_eq!(text(&open.stdout.kept), "0\n1\n2\n3\n", "{}", yard.name);
    }
}

#[tokio::test]
async fn a_program_that_closes_its_files_does_not_keep_them() {
    for yard in yards() {
        yard.sh("mkdir -p d/e; echo x > d/e/f; chmod 000 d/e/f d/e d").await;
        yard.sandbox.list(&workspace("a"), "").await.unwrap();
        yard.sandbox.discard(&workspace("a")).await.unwrap();
        assert_eq!(yard.sandbox.list(&workspace("a"), "").await.unwrap(), [], "{}", yard.name);
        let ran = yard.run(&["ls", "-A"], &usual()).await;
        assert!(ran.stdout.kept.is_empty(), "{}", yard.name);
    }
}
