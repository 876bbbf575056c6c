//! What a gateway and a sandbox elsewhere say to each other.
//!
//! A call is one `POST` to [`PATH`] and its reply the answer to it. Both are a line of JSON, which says what is
//! meant, and after it the bytes it is about: a file, an archive, what a program reads or prints.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    Code, Error, Result,
    ports::{Confinement, Ended, File, Limits, Printed, Ran, Workspace},
};

/// The path of every call.
pub const PATH: &str = "/sandbox/v1";
/// The media type of calls and replies.
pub const MEDIA_TYPE: &str = "application/vnd.dormouse.sandbox";
/// The most bytes of a reply.
pub const LARGEST: usize = 256 << 20;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    /// What holds programs.
    Confinement,
    /// To run a program. What it reads comes after the line.
    Run {
        /// Where.
        workspace: Workspace,
        /// What.
        command: Vec<String>,
        /// What it may use.
        limits: Limits,
    },
    /// To read a file.
    Read {
        /// Of this workspace.
        workspace: Workspace,
        /// Its path.
        path: String,
    },
    /// To write a file. Its content comes after the line.
    Write {
        /// Of this workspace.
        workspace: Workspace,
        /// Its path.
        path: String,
    },
    /// To list a directory.
    List {
        /// Of this workspace.
        workspace: Workspace,
        /// Its path.
        path: String,
    },
    /// To pack a workspace.
    Pack {
        /// This one.
        workspace: Workspace,
    },
    /// To fill a workspace. The archive comes after the line.
    Unpack {
        /// This one.
        workspace: Workspace,
    },
    /// To forget a workspace.
    Discard {
        /// This one.
        workspace: Workspace,
    },
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// What holds programs.
    Confinement(Confinement),
    /// A program ran. What is kept of its output comes after the line, then of its errors.
    Ran {
        /// How it ended.
        ended: Ended,
        /// How many of the bytes after the line are output; the rest are errors.
        output: u64,
        /// How much more it printed as output.
        dropped_output: u64,
        /// How much more it printed as errors.
        dropped_errors: u64,
        /// How long it ran.
        time: Duration,
    },
    /// The bytes that were asked for come after the line.
    Content,
    /// There is no such file.
    Absent,
    /// The files of a directory.
    Files {
        /// In the order of their paths.
        files: Vec<File>,
    },
    /// It is done.
    Done,
    /// It could not be done.
    Failed {
        /// The code of the error.
        code: String,
        /// What it says.
        message: String,
        /// What was wrong.
        param: Option<String>,
        /// When it may succeed.
        retry_after: Option<Duration>,
    },
}

impl Reply {
    /// A run, and the bytes after its line.
    pub fn ran(ran: &Ran) -> (Self, Bytes) {
        let reply = Self::Ran {
            ended: ran.ended,
            output: u64::try_from(ran.stdout.kept.len()).unwrap_or(u64::MAX),
            dropped_output: ran.stdout.dropped,
            dropped_errors: ran.stderr.dropped,
            time: ran.time,
        };
        let mut bytes = BytesMut::with_capacity(ran.stdout.kept.len() + ran.stderr.kept.len());
        bytes.extend_from_slice(&ran.stdout.kept);
        bytes.extend_from_slice(&ran.stderr.kept);
        (reply, bytes.freeze())
    }

    /// The run that this is, with the bytes after its line; `None` if it is something else.
    pub fn into_ran(self, mut bytes: Bytes) -> Option<Ran> {
        let Self::Ran { ended, output, dropped_output, dropped_errors, time } = self else {
            return None;
        };
        let output = usize::try_from(output).ok().filter(|length| *length <= bytes.len())?;
        let errors = bytes.split_off(output);
        Some(Ran {
            ended,
            stdout: Printed { kept: bytes, dropped: dropped_output },
            stderr: Printed { kept: errors, dropped: dropped_errors },
            time,
        })
    }

    /// An error. Its cause stays behind.
    pub fn failed(error: &Error) -> Self {
        Self::Failed {
            code: error.code().as_str().to_owned(),
            message: error.message().to_owned(),
            param: error.param().map(str::to_owned),
            retry_after: error.delay(),
        }
    }

    /// This, unless it is an error. A code that this gateway does not know is
    /// [`SandboxUnavailable`](Code::SandboxUnavailable).
    pub fn into_result(self) -> Result<Self> {
        let Self::Failed { code, message, param, retry_after } = self else { return Ok(self) };
        let code = Code::named(&code).unwrap_or(Code::SandboxUnavailable);
        let mut error = Error::new(code, message);
        if let Some(param) = param {
            error = error.at(param);
        }
        Err(match retry_after {
            Some(delay) => error.retry_after(delay),
            None => error,
        })
    }
}

/// A call or a reply as bytes.
pub fn encode<T: Serialize>(line: &T, content: &[u8]) -> Result<Bytes> {
    let line = serde_json::to_vec(line).map_err(|error| {
        Error::new(Code::Internal, "a message to a sandbox cannot be written").caused_by(error)
    })?;
    let mut bytes = BytesMut::with_capacity(line.len() + 1 + content.len());
    bytes.extend_from_slice(&line);
    bytes.extend_from_slice(b"\n");
    bytes.extend_from_slice(content);
    Ok(bytes.freeze())
}

/// The call or the reply that `bytes` are, and what comes after its line. What is neither is an
/// [`InvalidRequest`](Code::InvalidRequest).
pub fn decode<T: DeserializeOwned>(mut bytes: Bytes) -> Result<(T, Bytes)> {
    let end = memchr::memchr(b'\n', &bytes)
        .ok_or_else(|| Error::invalid("body", "a line of JSON is missing"))?;
    let line = bytes.split_to(end);
    let content = bytes.split_off(1);
    let read = serde_json::from_slice(&line);
    let read = read.map_err(|error| Error::invalid("body", format!("cannot be read: {error}")))?;
    Ok((read, content))
}
