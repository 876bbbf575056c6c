//! One connection to a scripted provider.

use std::{sync::Arc, time::Instant};

use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

use super::{Answer, Ending, Shared, log::Received, request::Reader};

/// Accepts connections for ever. They end with it.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        connections.spawn(serve(socket, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

/// Answers the requests of one connection, one after the other.
async fn serve(socket: TcpStream, shared: Arc<Shared>) {
    // Each piece of an answer is to be a packet of its own.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let (closing, closed) = watch::channel(None);
    let (reader, mut writer) = socket.into_split();
    let mut reader = Reader::new(reader);
    while let Some(raw) = reader.next().await {
        let request = Received::new(raw.method, raw.path, raw.headers, raw.body, closed.clone());
        let answer = shared.answer(&request);
        let request = Arc::new(request);
        shared.log.add(Arc::clone(&request));
        // A client sends nothing while it waits for an answer, so whatever can be read is its farewell.
        let ending = tokio::select! {
            ending = say(&answer, &request, &mut writer) => ending,
            () = reader.closed() => None,
        };
        match ending {
            Some(Ending::KeepAlive) => {}
            Some(Ending::Close) => return,
            Some(Ending::Reset) => return reset(reader, writer),
            Some(Ending::Stall) => {
                reader.closed().await;
                break;
            }
            None => break,
        }
    }
    closing.send_replace(Some(Instant::now()));
}

/// Sends `answer` piece by piece. `None`: the client did not take it.
async fn say(answer: &Answer, request: &Received, writer: &mut OwnedWriteHalf) -> Option<Ending> {
    for (index, piece) in answer.pieces(request).iter().enumerate() {
        for gate in answer.gates_before(index) {
            gate.pass().await;
        }
        writer.write_all(piece).await.ok()?;
    }
    for gate in answer.gates_at_end(request) {
        gate.pass().await;
    }
    Some(answer.ending())
}

/// Breaks the connection with a RST instead of a FIN.
fn reset(reader: Reader<OwnedReadHalf>, writer: OwnedWriteHalf) {
    if let Ok(socket) = reader.into_socket().reunite(writer) {
        // Closing with a linger time of zero resets the connection. Should that fail, it is closed.
        let _ = socket.set_zero_linger();
    }
}
