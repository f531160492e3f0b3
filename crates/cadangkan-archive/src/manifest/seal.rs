//! The seal: the manifest's last member, a SHA-256 over all bytes before its line.
//!
//! Its place and form never change, whatever the format's version, so that any program can tell a damaged
//! manifest from a newer one. `head -n -2 <file> | sha256sum` computes it.

use cadangkan_core::{Error, ErrorKind, Result};

use super::Manifest;
use super::check::damaged;
use crate::{Checksum, MAX_MANIFEST};

/// Closes pretty JSON; what stands before it in the file is `,` and a line end.
const DOCUMENT_END: &[u8] = b"\n}";

/// Writes a manifest with its seal.
pub(super) fn close(manifest: &Manifest) -> Result<Vec<u8>> {
    let failed = || Error::new(ErrorKind::Internal, "cannot write the manifest");
    let mut bytes = serde_json::to_vec_pretty(manifest).map_err(|error| failed().source(error))?;
    let open = bytes.strip_suffix(DOCUMENT_END).ok_or_else(failed)?.len();
    bytes.truncate(open);
    bytes.extend_from_slice(b",\n");
    let seal = line(&bytes);
    bytes.extend_from_slice(seal.as_bytes());
    if bytes.len() > MAX_MANIFEST {
        return Err(failed().context("bytes", bytes.len()));
    }
    Ok(bytes)
}

/// Checks the seal, and returns the document without it.
pub(super) fn open(bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.len() > MAX_MANIFEST {
        return Err(damaged("the manifest is too long").context("bytes", bytes.len()));
    }
    let split = bytes.len().checked_sub(line(&[]).len()).and_then(|length| bytes.split_at_checked(length));
    let Some((sealed, seal)) = split.filter(|(sealed, seal)| *seal == line(sealed).as_bytes()) else {
        return Err(damaged("the manifest's seal is broken or missing"));
    };
    debug_assert_eq!(seal.len(), line(&[]).len());
    let body = sealed
        .strip_suffix(b",\n")
        .ok_or_else(|| damaged("the manifest's seal stands in the wrong place"))?;
    Ok([body, DOCUMENT_END].concat())
}

/// The seal's line, and the end of the file.
fn line(sealed: &[u8]) -> String {
    format!("  \"seal\": \"{}\"\n}}\n", Checksum::of(sealed))
}
