//! The helper as a program of its own, for tests: `dormouse sandbox exec` does the same.

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    dormouse_sandbox::exec(std::env::args().skip(3))
}

#[cfg(not(target_os = "linux"))]
fn main() {}
