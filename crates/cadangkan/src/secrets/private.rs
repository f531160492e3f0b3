//! Files that hold secrets.

use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use cadangkan_core::{Error, ErrorKind, Result};

use super::{LONGEST, trimmed};

/// Reads a secret from a file that only its owner may read.
///
/// Fails with `NotFound`, and with `Denied` when others could read it.
pub(crate) fn read(path: &Path) -> Result<String> {
    let failed = |error| {
        Error::io("cannot read the file of a secret", error)
            .context("path", path.display())
            .hint("check that it is there, and that this user may read it")
    };
    // A named pipe that nobody writes to is not waited for.
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::new(ErrorKind::Configuration, "not a file").context("path", path.display()));
    }
    if metadata.mode() & 0o077 != 0 {
        let path = path.display();
        return Err(Error::new(ErrorKind::Denied, "others may read or change the file of a secret")
            .context("path", &path)
            .context("mode", format!("{:04o}", metadata.mode() & 0o7777))
            .hint(format!("keep it to yourself: chmod 600 {path}")));
    }
    let mut bytes = Vec::new();
    file.by_ref().take(LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    trimmed(bytes).map_err(|error| error.context("path", path.display()))
}
