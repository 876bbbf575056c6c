//! The last words of a process.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{ChildStderr, ChildStdout},
    task::JoinSet,
};

/// So many lines are kept, each of so many bytes at most.
const LINES: usize = 8;
const LINE_BYTES: usize = 240;

/// Listens to what a process writes and keeps the end of it.
#[derive(Debug)]
pub(super) struct Words {
    kept: Arc<Mutex<Kept>>,
    listeners: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
}

impl Words {
    pub(super) fn of(stdout: Option<ChildStdout>, stderr: Option<ChildStderr>) -> Self {
        let kept = Arc::default();
        let mut listeners = JoinSet::new();
        if let Some(stdout) = stdout {
            listeners.spawn(listen(stdout, Arc::clone(&kept)));
        }
        if let Some(stderr) = stderr {
            listeners.spawn(listen(stderr, Arc::clone(&kept)));
        }
        Self { kept, listeners }
    }

    /// Waits until nobody can say more.
    pub(super) async fn heard_all(&mut self) {
        while self.listeners.join_next().await.is_some() {}
    }

    /// The last lines, in one.
    pub(super) fn last(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = kept.lines.iter().map(String::as_str).collect();
        lines.join("; ")
    }
}

async fn listen(mut pipe: impl AsyncRead + Unpin, kept: Arc<Mutex<Kept>>) {
    let (mut buffer, mut line) = ([0; 4096], Vec::new());
    // A pipe that cannot be read has nothing more to say.
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        for &byte in buffer.iter().take(read) {
            match byte {
                b'\n' => keep(&kept, &mem::take(&mut line)),
                _ if line.len() < LINE_BYTES => line.push(byte),
                _ => {}
            }
        }
    }
    keep(&kept, &line);
}

fn keep(kept: &Mutex<Kept>, line: &[u8]) {
    let line = String::from_utf8_lossy(line).trim().to_owned();
    if line.is_empty() {
        return;
    }
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    kept.lines.push_back(line);
    if kept.lines.len() > LINES {
        kept.lines.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_end_is_kept_of_many_and_long_lines() {
        let kept = Arc::default();
        let mut said: String = (0..100).map(|line| format!("line {line}\n\n")).collect();
        said.push_str(&"x".repeat(100_000));

        listen(said.as_bytes(), Arc::clone(&kept)).await;

        let words = Words { kept, listeners: JoinSet::new() }.last();
        assert!(words.starts_with("line 93; line 94"), "{words}");
        assert!(words.ends_with(&format!("line 99; {}", "x".repeat(LINE_BYTES))), "{words}");
    }
}
