//! Compiling a component, or loading what was compiled before.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context as _, Result};
use wasmtime::{Config, Engine, component::Component};

/// An engine for components with asynchronous functions.
///
/// # Errors
///
/// If this machine cannot run wasmtime.
pub fn new() -> Result<Engine> {
    let mut config = Config::new();
    config.wasm_component_model_async(true);
    Ok(Engine::new(&config)?)
}

/// The component in `file`, compiled. With a `cache` folder that is done once for each state of the file, and the
/// next time takes no longer for a large component than for a small one: its bytes are not read.
///
/// # Errors
///
/// If the file cannot be read or is no component, or if the folder cannot be written.
pub fn load(engine: &Engine, file: &Path, cache: Option<&Path>) -> Result<Component> {
    let failed = || format!("cannot read {}", file.display());
    let Some(cache) = cache else {
        return Ok(Component::new(engine, fs::read(file).with_context(failed)?)?);
    };
    let about = file.metadata().with_context(failed)?;
    let mut key = DefaultHasher::new();
    (file.canonicalize()?, about.len(), about.modified()?).hash(&mut key);
    engine.precompile_compatibility_hash().hash(&mut key);
    let compiled = cache.join(format!("{:016x}.cwasm", key.finish()));
    if !compiled.exists() {
        fs::create_dir_all(cache)?;
        // Several may come here at once: none may see another's half-written file.
        static ATTEMPT: AtomicU32 = AtomicU32::new(0);
        let attempt = ATTEMPT.fetch_add(1, Ordering::Relaxed);
        let half = compiled.with_extension(format!("{}-{attempt}", std::process::id()));
        fs::write(&half, engine.precompile_component(&fs::read(file).with_context(failed)?)?)?;
        fs::rename(half, &compiled)?;
    }
    #[expect(
        unsafe_code,
        reason = "wasmtime trusts compiled code: these files are our own, in a folder that tests name"
    )]
    let component = unsafe { Component::deserialize_file(engine, &compiled)? };
    Ok(component)
}
