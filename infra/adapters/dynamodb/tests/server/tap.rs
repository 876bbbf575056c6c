//! A way to the server that notes what is asked for.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

/// What stands before the name of an operation in the head of its request.
const TARGET: &str = "DynamoDB_20120810.";

/// Passes connections on, and lists the operations that go through them.
pub(crate) struct Tap {
    pub(crate) endpoint: String,
    operations: Arc<Mutex<Vec<String>>>,
}

impl Tap {
    /// A tap before the server at `endpoint`.
    pub(crate) async fn before(endpoint: &str) -> Self {
        let server = endpoint.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let operations = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&operations);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&noted)));
            }
        });
        Self { endpoint, operations }
    }

    /// The operations since this was last asked.
    pub(crate) fn operations(&self) -> Vec<String> {
        std::mem::take(&mut self.operations.lock().unwrap())
    }
}

async fn pass(client: TcpStream, server: TcpStream, noted: Arc<Mutex<Vec<String>>>) {
    let (mut requests, mut to_client) = client.into_split();
    let (mut answers, mut to_server) = server.into_split();
    tokio::spawn(async move { copy(&mut answers, &mut to_client).await });
    // A head may come in two reads, so what was read is kept until a name in it is whole.
    let (mut kept, mut bytes) = (String::new(), vec![0; 64 * 1024]);
    while let Ok(read @ 1..) = requests.read(&mut bytes).await {
        kept.push_str(&String::from_utf8_lossy(&bytes[..read]));
        while let Some(start) = kept.find(TARGET) {
            let name = kept[start + TARGET.len()..].to_owned();
            let Some(end) = name.find(|c: char| !c.is_ascii_alphanumeric()) else { break };
            noted.lock().unwrap().push(name[..end].to_owned());
            kept = name[end..].to_owned();
        }
        if to_server.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
