//! A Spin component that says hello.
#![cfg(target_family = "wasm")]

use spin_sdk::{
    http::{IntoResponse, Request},
    http_service,
};

#[http_service]
async fn handle(_: Request) -> impl IntoResponse {
    "hello"
}
