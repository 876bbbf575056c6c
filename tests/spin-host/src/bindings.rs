//! The Spin interfaces as Rust traits, generated from `wit/`.

wasmtime::component::bindgen!({
    path: "wit",
    world: "imports",
    with: { "spin:sqlite/sqlite.connection": crate::sqlite::Connection },
});

pub(crate) use spin::{sqlite::sqlite, variables::variables};
