//! The Spin interfaces as Rust traits, generated from `wit/`.

wasmtime::component::bindgen!({
    path: "wit",
    world: "imports",
    with: {
        "spin:redis/redis.connection": crate::redis::Connection,
        "spin:sqlite/sqlite.connection": crate::sqlite::Connection,
    },
});

pub(crate) use spin::{redis::redis, sqlite::sqlite, variables::variables};
