//! Bombs and floods.

use std::time::Duration;

use dormouse_core::ports::{Ended, Limits};

use crate::yard::{mark, marked, until, usual, yards};

const BOMB: &str = "b() { b | b & }; while :; do b; done";

#[tokio::test]
async fn a_fork_bomb_has_as_many_processes_as_it_may() {
    for yard in yards() {
        let count = "import os, time\n\
             n = 0\n\
             try:\n\
             \x20   while n < 1000:\n\
             \x20       if os.fork() == 0:\n\
             \x20           time.sleep(7777)\n\
             \x20       n += 1\n\
             except OSError:\n\
             \x20   pass\n\
             print(n)";
        let limits = Limits { processes: 20, ..usual() };
        let ran = yard.run(&["python3", "-c", count], &limits).await;
        let forks: u32 = crate::yard::text(&ran.stdout.kept).trim().parse().unwrap();
        assert!((10..20).contains(&forks), "{}: {forks} forks", yard.name);

        let mark = mark();
        let bomb = format!(": {mark}; {BOMB}");
        let limits = Limits { time: Duration::from_secs(2), processes: 64, ..usual() };
        let ran = yard.run(&["sh", "-c", &bomb], &limits).await;
        assert!(ran.time < Duration::from_secs(200), "{}: {ran:?}", yard.name);
        until("nothing of the bomb is left", || marked(&mark) == 0).await;
    }
}

#[tokio::test]
async fn a_memory_bomb_ends_whatever_it_is_made_of() {
    let limits = Limits { memory: 96 << 20, ..usual() };
    for yard in yards() {
        for (what, script) in [
            ("a process", "x = []\nwhile True: x.append(bytearray(1 << 20))"),
            (
                "processes",
                "import os, time\n\
                 for i in range(6): os.fork()\n\
                 x = bytearray(8 << 20)\n\
                 while True: time.sleep(1)",
            ),
            (
                "shared memory",
                "import mmap\nx = mmap.mmap(-1, 1 << 30)\nwhile True: x.write(bytes(1 << 20))",
            ),
            (
                "memory with no address",
                "import os\nf = os.memfd_create('x')\nd = open('/dev/zero', 'rb')\n\
                 files = []\nwhile True:\n    f = os.memfd_create('x')\n    files.append(f)\n    os.write(f, bytes(4 << 20))",
            ),
        ] {
            let ran = yard.run(&["python3", "-c", script], &limits).await;
            assert_eq!(ran.ended, Ended::OutOfMemory, "{}: {what}: {ran:?}", yard.name);
        }
    }
}

#[tokio::test]
async fn a_disk_is_not_filled_by_files_without_names_either() {
    let limits = Limits { disk: 8 << 20, ..usual() };
    for yard in yards() {
        for (what, script) in [
            (
                "deleted files",
                "import os\nfiles = []\nwhile True:\n    f = open('x', 'wb')\n    os.unlink('x')\n\
                 \x20   f.write(bytes(1 << 20))\n    f.flush()\n    files.append(f)",
            ),
            ("many files", "n = 0\nwhile True:\n    open(str(n), 'w')\n    n += 1"),
            (
                "links",
                "import os\nn = 0\nwhile True:\n    os.symlink('x' * 3000, str(n))\n    n += 1",
            ),
            ("deep directories", "import os\nwhile True:\n    os.mkdir('d')\n    os.chdir('d')"),
            (
                "temporary files",
                "import tempfile\nfiles = []\nwhile True:\n    f = tempfile.NamedTemporaryFile(delete=False)\n\
                 \x20   f.write(bytes(1 << 20))\n    f.flush()\n    files.append(f)",
            ),
        ] {
            let ran = yard.run(&["python3", "-c", script], &limits).await;
            assert_eq!(ran.ended, Ended::OutOfDisk, "{}: {what}: {ran:?}", yard.name);
            let workspace = crate::yard::workspace("a");
            dormouse_core::ports::Sandbox::discard(&yard.sandbox, &workspace).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_flood_is_counted_and_an_endless_one_ends() {
    for yard in yards() {
        let ran = yard.run(&["head", "-c", "20000000", "/dev/zero"], &usual()).await;
        let (kept, dropped) = (ran.stdout.kept.len() as u64, ran.stdout.dropped);
        assert_eq!((ran.ended, kept + dropped), (Ended::Exited(0), 20_000_000), "{}", yard.name);
        assert_eq!(kept, 64 << 10, "{}", yard.name);

        let limits = Limits { time: Duration::from_secs(5), ..usual() };
        let ran = yard.run(&["yes"], &limits).await;
        assert_eq!(ran.ended, Ended::OutOfTime, "{}", yard.name);
        assert!(ran.stdout.kept.starts_with(b"y\ny\n"), "{}", yard.name);
    }
}
