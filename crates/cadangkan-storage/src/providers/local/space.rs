//! How much room a folder's file system has.

use std::path::Path;

use cadangkan_core::Result;
use rustix::io::Errno;

use super::failure::explain;
use crate::Space;

/// Asks the file system that holds a folder, or would hold it once it is made.
pub(super) fn of(root: &Path) -> Result<Space> {
    let mut path = root;
    loop {
        match rustix::fs::statvfs(path) {
            Ok(room) => {
                return Ok(Space {
                    available: room.f_bavail.saturating_mul(room.f_frsize),
                    total: room.f_blocks.saturating_mul(room.f_frsize),
                });
            }
            Err(Errno::NOENT) => {}
            Err(error) => return Err(explain("cannot ask for free space", path, error.into())),
        }
        path = match path.parent() {
            Some(above) if above.as_os_str().is_empty() => Path::new("."),
            Some(above) => above,
            None => return Err(explain("cannot ask for free space", root, Errno::NOENT.into())),
        };
    }
}
