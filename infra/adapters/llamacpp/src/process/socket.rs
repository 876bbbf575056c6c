//! Unix sockets for servers: no other user can reach them, and nobody else can take them.

use std::{
    env, fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use dormouse_core::ports::{UnixSocket, hex};

/// llama-server takes its host for a socket if it ends in `.sock`.
const NAME: &str = "server.sock";
/// The longest path of a socket that every system takes: macOS' `sun_path` has 104 bytes, Linux' 108,
/// each with a NUL.
const MAX_PATH: usize = 103;

/// A socket to be, in a folder of its own that only this user may enter. Removed when dropped.
#[derive(Debug)]
pub(crate) struct Socket {
    folder: PathBuf,
    pub(crate) path: String,
}

impl Socket {
    /// Makes the folder, under the user's runtime directory or else that for temporary files.
    /// `random` keeps its name from being foreseen.
    pub(crate) fn reserve(random: [u8; 32]) -> io::Result<Self> {
        let runtime = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let parents = runtime.into_iter().chain([env::temp_dir()]);
        let name = format!("dormouse-{}", hex(random.into_iter().take(8)));
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for parent in parents.filter(|parent| parent.is_absolute()) {
            match Self::under(&parent, &name) {
                Ok(socket) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn under(parent: &Path, name: &str) -> io::Result<Self> {
        let folder = parent.join(name);
        let path = folder.join(NAME);
        let path = path.to_str().filter(|path| path.len() <= MAX_PATH);
        let path = path.ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
        fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self { folder, path })
    }

    /// The base URL of the server that listens there.
    pub(crate) fn url(&self) -> String {
        UnixSocket { path: self.path.clone() }.url()
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the folder of a model server's socket stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_socket_lies_in_a_folder_of_its_own_that_nobody_else_may_enter() {
        let parent = tempfile::tempdir().unwrap();
        let socket = Socket::under(parent.path(), "one").unwrap();
        let folder = socket.folder().to_owned();
        assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(&socket.path, "").unwrap();
        assert!(Socket::under(parent.path(), "one").is_err(), "it is taken");

        drop(socket);

        assert!(!folder.exists());
    }

    #[test]
    fn a_path_that_is_too_long_for_a_socket_is_refused_before_anything_is_made() {
        let parent = tempfile::tempdir().unwrap();
        assert!(Socket::under(parent.path(), &"x".repeat(MAX_PATH)).is_err());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
