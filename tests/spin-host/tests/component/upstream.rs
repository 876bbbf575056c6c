//! A provider that begins an answer, or does not, and then is silent until it is left alone.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Instant,
};

/// The model that says one word before it falls silent. All others are silent from the start.
pub(crate) const SPEAKS: &str = "speaks";

/// What a silent provider sees.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A request.
    Request,
    /// The end of its connection, and when.
    Closed(Instant),
}

/// Starts a provider; returns its base URL and what it sees.
pub(crate) fn silent() -> (String, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let sender = sender.clone();
            thread::spawn(move || serve(connection.unwrap(), &sender));
        }
    });
    (url, receiver)
}

fn serve(mut connection: TcpStream, seen: &Sender<Seen>) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    seen.send(Seen::Request).unwrap();
    if String::from_utf8(body).unwrap().contains(SPEAKS) {
        let event = r#"data: {"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"word"},"finish_reason":null}]}"#;
        write!(
            connection,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n\
             {:x}\r\n{event}\n\n\r\n",
            event.len() + 2
        )
        .unwrap();
    }
    // A connection that is reset has ended as well.
    let _end = reader.read(&mut [0]);
    // The test may be over already.
    let _told = seen.send(Seen::Closed(Instant::now()));
}
