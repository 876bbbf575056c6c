//! A model server without a model: this test program again, told by its environment what to do.
//!
//! `TOY_FOLDER` holds files that steer it: while `NAME.hold` exists it says that it is loading,
//! `NAME.broken` keeps it from starting and ends it, with the file's content as last words, `NAME.mute`
//! keeps it from listening, and `NAME.bare` takes `/health` from it. `NAME.progress` is what it says
//! while it is loading. It appends its process id to `NAME.starts` and the paths that it is asked for to
//! `NAME.asked`.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process, thread,
    time::Duration,
};

/// Tells a toy server where to listen: a port, or the path of a socket.
pub(crate) const ADDRESS: &str = "TOY_ADDRESS";
/// What it says while it is loading, if it is not told to say something else.
const LOADING: &str = r#"{"error":{"message":"Loading model"}}"#;

/// The command that starts one; `slots` is what it says to have.
pub(crate) fn command(folder: &Path, slots: Option<u32>) -> Vec<String> {
    let mut command = vec![
        "/usr/bin/env".to_owned(),
        format!("TOY_FOLDER={}", folder.display()),
        "TOY_NAME={model}".to_owned(),
        format!("{ADDRESS}={{port}}"),
    ];
    command.extend(slots.map(|slots| format!("TOY_SLOTS={slots}")));
    command.push(env::current_exe().unwrap().to_string_lossy().into_owned());
    let this = ["--ignored", "--exact", "toy_server::a_process_of_its_own", "--nocapture"];
    command.extend(this.map(ToOwned::to_owned));
    command
}

#[test]
#[ignore = "the other tests start it as a process of its own"]
fn a_process_of_its_own() {
    // Asked for by hand it has nothing to serve.
    let Some(folder) = env::var_os("TOY_FOLDER") else { return };
    let file = PathBuf::from(folder).join(env::var("TOY_NAME").unwrap());
    let toy = Toy { file, slots: env::var("TOY_SLOTS").ok() };
    toy.run(&env::var(ADDRESS).unwrap()).unwrap();
}

#[derive(Clone)]
struct Toy {
    file: PathBuf,
    slots: Option<String>,
}

impl Toy {
    fn run(self, address: &str) -> io::Result<()> {
        self.note("starts", &process::id().to_string())?;
        self.die_if_broken();
        let watch = self.clone();
        thread::spawn(move || {
            loop {
                watch.die_if_broken();
                thread::sleep(Duration::from_millis(2));
            }
        });
        while self.sign("mute").exists() {
            thread::sleep(Duration::from_millis(2));
        }
        match address.parse() {
            Ok(port) => {
                for stream in TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.incoming() {
                    self.serve(stream?);
                }
            }
            Err(_) => {
                for stream in UnixListener::bind(address)?.incoming() {
                    self.serve(stream?);
                }
            }
        }
        Ok(())
    }

    fn serve(&self, stream: impl Read + Write + Send + 'static) {
        let toy = self.clone();
        // A client that leaves is none of its business.
        thread::spawn(move || drop(toy.answer(stream)));
    }

    fn note(&self, kind: &str, line: &str) -> io::Result<()> {
        let file = fs::File::options().create(true).append(true).open(self.sign(kind));
        writeln!(file?, "{line}")
    }

    fn sign(&self, kind: &str) -> PathBuf {
        self.file.with_extension(kind)
    }

    fn die_if_broken(&self) {
        if let Ok(words) = fs::read_to_string(self.sign("broken")) {
            eprintln!("{words}");
            process::exit(3);
        }
    }

    fn answer(&self, mut stream: impl Read + Write) -> io::Result<()> {
        let mut lines = BufReader::new(&mut stream).lines();
        let request = lines.next().transpose()?.unwrap_or_default();
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        drop(lines);
        let path = request.split(' ').nth(1).unwrap_or_default();
        self.note("asked", path)?;
        let (status, body) = match (path, &self.slots) {
            ("/health", _) if self.sign("bare").exists() => ("404 Not Found", "{}".to_owned()),
            ("/health" | "/v1/models", _) if self.sign("hold").exists() => {
                let said = fs::read_to_string(self.sign("progress"));
                ("503 Service Unavailable", said.unwrap_or_else(|_| LOADING.to_owned()))
            }
            ("/health" | "/v1/models", _) => ("200 OK", "{}".to_owned()),
            ("/props", Some(slots)) => ("200 OK", format!(r#"{{"total_slots":{slots}}}"#)),
            _ => ("404 Not Found", "{}".to_owned()),
        };
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    }
}
