//! A model server without a model, for the tests of sleeping models.
//!
//! `toy_model FOLDER ADDRESS` listens on a port of 127.0.0.1 or, if the address is no number, on a Unix
//! socket, speaks as much of llama-server's protocol as the gateway needs, and is steered by files in the
//! folder: while `hold` exists it is loading, and says of it what stands in the file; while `stall`
//! exists it stops in the middle of its answers. It appends its process id to `starts`, and the body of
//! each request to `asked`.

use std::{
    env,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process, thread,
    time::Duration,
};

const BEGIN: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Squeak\"}}]}\n\n";
const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\ndata: [DONE]\n\n";

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let (folder, address) =
        arguments.next().zip(arguments.next()).ok_or(io::ErrorKind::InvalidInput)?;
    let folder = PathBuf::from(folder);
    note(&folder, "starts", &process::id().to_string())?;
    match address.parse() {
        Ok(port) => {
            for stream in TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.incoming() {
                serve(&folder, stream?);
            }
        }
        Err(_) => {
            for stream in UnixListener::bind(address)?.incoming() {
                serve(&folder, stream?);
            }
        }
    }
    Ok(())
}

fn serve(folder: &Path, stream: impl Read + Write + Send + 'static) {
    let folder = folder.to_owned();
    // A client that leaves is none of its business.
    thread::spawn(move || drop(answer(&folder, stream)));
}

fn note(folder: &Path, file: &str, line: &str) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(folder.join(file))?;
    file.write_all(format!("{line}\n").as_bytes())
}

fn answer(folder: &Path, mut stream: impl Read + Write) -> io::Result<()> {
    let mut reader = BufReader::new(&mut stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = String::new();
    reader.take(length).read_to_string(&mut body)?;
    match first.split(' ').nth(1).unwrap_or_default() {
        _ if let Ok(said) = fs::read_to_string(folder.join("hold")) => {
            whole(&mut stream, "503 Service Unavailable", &said)
        }
        "/health" => whole(&mut stream, "200 OK", "{}"),
        "/props" => whole(&mut stream, "200 OK", r#"{"total_slots":4}"#),
        "/v1/chat/completions" => {
            note(folder, "asked", &body)?;
            speak(folder, &mut stream)
        }
        _ => whole(&mut stream, "404 Not Found", "{}"),
    }
}

fn whole(stream: &mut impl Write, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn speak(folder: &Path, stream: &mut impl Write) -> io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n";
    write!(stream, "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{BEGIN}\r\n", BEGIN.len())?;
    while folder.join("stall").exists() {
        thread::sleep(Duration::from_millis(5));
    }
    write!(stream, "{:x}\r\n{END}\r\n0\r\n\r\n", END.len())
}
