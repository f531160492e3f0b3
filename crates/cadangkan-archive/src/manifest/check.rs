use cadangkan_core::{Error, ErrorKind, Result};
use serde::Deserialize;

use super::Manifest;

/// Refuses a manifest that a newer program wrote, before its members are looked at.
pub(super) fn version(document: &[u8]) -> Result<()> {
    #[derive(Deserialize)]
    struct Version {
        format_version: u64,
    }
    let Version { format_version } = serde_json::from_slice(document).map_err(not_read)?;
    if format_version > u64::from(Manifest::FORMAT_VERSION) {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the manifest was written by a newer version of this program",
        )
        .context("format_version", format_version)
        .hint("update this program; the archive itself opens with stock tools"));
    }
    Ok(())
}

/// Says what is wrong with a manifest whose bytes are whole.
pub(super) fn sound(manifest: &Manifest) -> Result<(), &'static str> {
    if manifest.format_version != Manifest::FORMAT_VERSION {
        return Err("the manifest has no version that exists");
    }
    if manifest.status != Manifest::COMPLETE {
        return Err("the manifest is not one of a complete backup");
    }
    let side_files = manifest.side_files.iter().map(|side| &side.file);
    if ![&manifest.archive.file, &manifest.index.file]
        .into_iter()
        .chain(side_files)
        .all(|file| is_plain(file))
    {
        return Err("the manifest names a file outside its folder");
    }
    if !manifest.duration_seconds.is_finite() || manifest.duration_seconds < 0.0 {
        return Err("the manifest has a duration that cannot be");
    }
    if !manifest.archive.codec.levels().contains(&manifest.archive.level) {
        return Err("the manifest has a level that the codec does not have");
    }
    if manifest.other.contains_key("seal") {
        return Err("the manifest has two seals");
    }
    Ok(())
}

/// Tells whether a name is that of a file in the same folder.
fn is_plain(name: &str) -> bool {
    let bad = |character: char| matches!(character, '/' | '\\') || character.is_control();
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && !name.chars().any(bad)
}

pub(super) fn damaged(message: &'static str) -> Error {
    Error::new(ErrorKind::DamagedBackup, message)
        .hint("restore from another copy; the archive beside it can be restored as a file of its own")
}

pub(super) fn not_read(error: serde_json::Error) -> Error {
    damaged("the manifest cannot be understood").source(error)
}

pub(super) fn not_written(message: &'static str) -> Error {
    Error::new(ErrorKind::Internal, "cannot write the manifest").source(message)
}
