//! `spin:redis`: real connections to real servers, which must be among the allowed hosts.
//!
//! As in Spin each `open` is a connection of its own, many calls may be on their way over one, and one
//! that broke is not replaced. Answers are one list: arrays in arrays are taken apart, and what the
//! interface has no word for is an error.

use http::Uri;
use redis::{
    AsyncCommands as _, AsyncConnectionConfig, Client, ErrorKind, RedisError, Value,
    aio::MultiplexedConnection,
};
use wasmtime::component::{Accessor, HasSelf, Resource};

use crate::{
    bindings::redis::{
        Error, Host, HostConnection, HostConnectionWithStore, RedisParameter, RedisResult,
    },
    guest::Guest,
};

/// What the component holds a handle to.
#[derive(Clone, Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Connection(MultiplexedConnection);

/// The access of a call to the instance that makes it.
type Caller = Accessor<Guest, HasSelf<Guest>>;

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Other(error.to_string())
}

fn refused(error: RedisError) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedReturnType => Error::TypeError,
        _ => failed(error),
    }
}

fn connection(
    caller: &Caller,
    handle: &Resource<Connection>,
) -> Result<MultiplexedConnection, Error> {
    caller.with(|mut access| access.get().table.get(handle).map(|it| it.0.clone())).map_err(failed)
}

/// Adds what `answer` holds to `list`.
fn flatten(answer: Value, list: &mut Vec<RedisResult>) -> Result<(), Error> {
    match answer {
        Value::Nil => list.push(RedisResult::Nil),
        Value::Int(number) => list.push(RedisResult::Int64(number)),
        Value::BulkString(bytes) => list.push(RedisResult::Binary(bytes)),
        Value::SimpleString(text) => list.push(RedisResult::Status(text)),
        Value::Okay => list.push(RedisResult::Status("OK".to_owned())),
        Value::Array(values) | Value::Set(values) => {
            for value in values {
                flatten(value, list)?;
            }
        }
        other => return Err(failed(format!("no word for {other:?}"))),
    }
    Ok(())
}

impl Host for Guest {}

impl HostConnection for Guest {
    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl HostConnectionWithStore<Guest> for HasSelf<Guest> {
    async fn open(caller: &Caller, address: String) -> Result<Resource<Connection>, Error> {
        let uri: Uri = address.parse().map_err(|_| Error::InvalidAddress)?;
        if !caller.with(|mut access| access.get().outside.egress.allows(&uri)) {
            return Err(Error::InvalidAddress);
        }
        let client = Client::open(address).map_err(|_| Error::InvalidAddress)?;
        // How long to wait is the component's own affair: the client's half a second is soon over on a
        // machine that is busy.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        let connection = connection.map_err(failed)?;
        caller.with(|mut access| access.get().table.push(Connection(connection))).map_err(failed)
    }

    async fn execute(
        caller: &Caller,
        handle: Resource<Connection>,
        name: String,
        words: Vec<RedisParameter>,
    ) -> Result<Vec<RedisResult>, Error> {
        let mut command = redis::cmd(&name);
        for word in words {
            match word {
                RedisParameter::Int64(number) => command.arg(number),
                RedisParameter::Binary(bytes) => command.arg(bytes),
            };
        }
        let mut connection = connection(caller, &handle)?;
        let answer: Value = command.query_async(&mut connection).await.map_err(failed)?;
        let mut list = Vec::new();
        flatten(answer, &mut list)?;
        Ok(list)
    }

    async fn publish(
        caller: &Caller,
        handle: Resource<Connection>,
        channel: String,
        payload: Vec<u8>,
    ) -> Result<(), Error> {
        connection(caller, &handle)?.publish(channel, payload).await.map_err(refused)
    }

    async fn get(
        caller: &Caller,
        handle: Resource<Connection>,
        key: String,
    ) -> Result<Option<Vec<u8>>, Error> {
        connection(caller, &handle)?.get(key).await.map_err(refused)
    }

    async fn set(
        caller: &Caller,
        handle: Resource<Connection>,
        key: String,
        value: Vec<u8>,
    ) -> Result<(), Error> {
        connection(caller, &handle)?.set(key, value).await.map_err(refused)
    }

    async fn incr(
        caller: &Caller,
        handle: Resource<Connection>,
        key: String,
    ) -> Result<i64, Error> {
        connection(caller, &handle)?.incr(key, 1).await.map_err(refused)
    }

    async fn del(
        caller: &Caller,
        handle: Resource<Connection>,
        keys: Vec<String>,
    ) -> Result<u32, Error> {
        connection(caller, &handle)?.del(keys).await.map_err(refused)
    }

    async fn sadd(
        caller: &Caller,
        handle: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> Result<u32, Error> {
        connection(caller, &handle)?.sadd(key, values).await.map_err(refused)
    }

    async fn smembers(
        caller: &Caller,
        handle: Resource<Connection>,
        key: String,
    ) -> Result<Vec<String>, Error> {
        connection(caller, &handle)?.smembers(key).await.map_err(refused)
    }

    async fn srem(
        caller: &Caller,
        handle: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> Result<u32, Error> {
        connection(caller, &handle)?.srem(key, values).await.map_err(refused)
    }
}
