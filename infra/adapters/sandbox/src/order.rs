//! What the gateway and its helpers say to each other: frames of JSON, and of bytes.

use std::{
    io::{self, Read, Write},
    path::PathBuf,
    time::Duration,
};

use dormouse_core::ports::{Ended, Limits};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    finding::{Finding, Means},
    gvisor::Gvisor,
};

/// The most bytes of a frame: what a program may be given to read is far less.
const LARGEST: u32 = 256 << 20;

/// What is to be run, and how it is to be held. A frame with what the program reads follows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The program and its arguments. Empty: only find out what holds here.
    pub(crate) command: Vec<String>,
    /// Its directory.
    pub(crate) workspace: PathBuf,
    /// Where its temporary files are.
    pub(crate) scratch: PathBuf,
    /// An empty directory on which a file system can be built.
    pub(crate) root: PathBuf,
    /// Who to become, where the gateway is root.
    pub(crate) user: Option<u32>,
    /// Whether the program may use the network.
    pub(crate) network: bool,
    /// The control group of this run.
    pub(crate) cgroup: Option<PathBuf>,
    /// What it may use.
    pub(crate) limits: Limits,
    /// What runs it, if not the kernel.
    pub(crate) gvisor: Option<Gvisor>,
    /// Means without which it must not run.
    pub(crate) needed: Vec<Means>,
}

/// What became of an order.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    /// What held the program, or would.
    pub(crate) findings: Vec<Finding>,
    /// What came of it.
    pub(crate) outcome: Outcome,
}

/// See [`Report`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    /// The program ran.
    Ended(Ended, Duration),
    /// There is no such program, or it cannot be started: the status of a shell, and its words.
    NotStarted(i32, String),
    /// It was not run, for this reason.
    Refused(String),
    /// Nothing was to be run.
    Probed,
}

/// Frames of something.
pub(crate) fn write<T: Serialize>(to: &mut impl Write, what: &T) -> io::Result<()> {
    write_bytes(to, &serde_json::to_vec(what)?)
}

/// The next frame, as something; `None` at the end.
pub(crate) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let Some(bytes) = read_bytes(from)? else { return Ok(None) };
    Ok(Some(serde_json::from_slice(&bytes)?))
}

/// Frames bytes.
pub(crate) fn write_bytes(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= LARGEST);
    let length = length.ok_or(io::ErrorKind::FileTooLarge)?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(bytes)
}

/// The next frame; `None` at the end.
pub(crate) fn read_bytes(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_le_bytes(length);
    if length > LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::new();
    if from.take(length.into()).read_to_end(&mut bytes)?
        < usize::try_from(length).unwrap_or(usize::MAX)
    {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(bytes))
}
