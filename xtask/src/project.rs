//! Where things are: the checkout, the cache folder, cargo's target folder.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// Returns the root of the checkout, from where cargo says xtask's manifest is.
pub(crate) fn root() -> Result<PathBuf> {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").context("start xtask as `cargo xtask`")?;
    let parent = Path::new(&manifest).parent().context("xtask stands in the root of the checkout")?;
    Ok(parent.to_owned())
}

/// Returns the folder for tools and data that outlive a checkout, and makes it.
pub(crate) fn cache() -> Result<PathBuf> {
    let chosen = env::var_os("CADANGKAN_CACHE").map(PathBuf::from);
    let user = || env::var_os("XDG_CACHE_HOME").map(|cache| Path::new(&cache).join("cadangkan"));
    let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".cache/cadangkan"));
    let cache = chosen.or_else(user).or_else(home).context("set CADANGKAN_CACHE, or HOME")?;
    std::fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    Ok(cache)
}

/// Returns cargo's target folder.
pub(crate) fn target() -> Result<PathBuf> {
    let root = root()?;
    Ok(env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |target| root.join(target)))
}

/// Tells whether a missing tool is a failure, not a thing to skip.
pub(crate) fn in_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value != *"" && value != *"false" && value != *"0")
}

/// Returns a command of the cargo that started xtask, in the root of the checkout.
pub(crate) fn cargo(arguments: &[&str]) -> Result<Command> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args(arguments).current_dir(root()?);
    Ok(command)
}
