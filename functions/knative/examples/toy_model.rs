//! A model server without a model, for the tests of sleeping models.
//!
//! `toy_model FOLDER PORT` listens on 127.0.0.1, speaks as much of llama-server's protocol as the gateway
//! needs, and is steered by files in the folder: while `hold` exists it is loading, while `stall`
//! exists it stops in the middle of its answers. It appends its process id to `starts`, and the body of
//! each request to `asked`.

use std::{
    env,
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process, thread,
    time::Duration,
};

const BEGIN: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Squeak\"}}]}\n\n";
const END: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":1,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\ndata: [DONE]\n\n";

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let (folder, port) =
        arguments.next().zip(arguments.next()).ok_or(io::ErrorKind::InvalidInput)?;
    let folder = PathBuf::from(folder);
    note(&folder, "starts", &process::id().to_string())?;
    let port = port.parse().map_err(io::Error::other)?;
    for stream in TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.incoming() {
        let folder = folder.clone();
        // A client that leaves is none of its business.
        thread::spawn(move || drop(stream.and_then(|stream| answer(&folder, stream))));
    }
    Ok(())
}

fn note(folder: &Path, file: &str, line: &str) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(folder.join(file))?;
    file.write_all(format!("{line}\n").as_bytes())
}

fn answer(folder: &Path, mut stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
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
    let loading = folder.join("hold").exists();
    match first.split(' ').nth(1).unwrap_or_default() {
        _ if loading => whole(&mut stream, "503 Service Unavailable", "{}"),
        "/health" => whole(&mut stream, "200 OK", "{}"),
        "/props" => whole(&mut stream, "200 OK", r#"{"total_slots":4}"#),
        "/v1/chat/completions" => {
            note(folder, "asked", &body)?;
            speak(folder, &mut stream)
        }
        _ => whole(&mut stream, "404 Not Found", "{}"),
    }
}

fn whole(stream: &mut TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn speak(folder: &Path, stream: &mut TcpStream) -> io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: text/event-stream\r\n";
    write!(stream, "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{BEGIN}\r\n", BEGIN.len())?;
    while folder.join("stall").exists() {
        thread::sleep(Duration::from_millis(5));
    }
    write!(stream, "{:x}\r\n{END}\r\n0\r\n\r\n", END.len())
}
