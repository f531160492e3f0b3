//! What to tell a person about failures of a file system.

use std::io;
use std::path::Path;

use cadangkan_core::{Error, ErrorKind};

/// Makes an error of an I/O error at a path, with its kind and what to do about it.
pub(super) fn explain(message: &str, path: &Path, source: io::Error) -> Error {
    let at = path.display();
    let system_error = source.raw_os_error();
    let error = match source.kind() {
        io::ErrorKind::StaleNetworkFileHandle => Error::io(message, source).with_kind(ErrorKind::Unreachable),
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            Error::io(message, source).with_kind(ErrorKind::Conflict)
        }
        _ => Error::io(message, source),
    };
    let error = error.context("path", &at);
    match error.kind() {
        ErrorKind::NoSpace => error.hint(format!(
            "free space on the disk (or in the quota) that holds {at}: delete old backups with `cadangkan backups delete`, \
             or other files by hand, or use a storage on a larger disk"
        )),
        ErrorKind::Denied => error.hint(format!(
            "let the user that runs cadangkan read and write the folder {at} lies in, or choose another path"
        )),
        ErrorKind::Conflict => error
            .hint(format!("look at what lies at {at}: a file and a folder cannot have the same name; move it away")),
        ErrorKind::Timeout | ErrorKind::Unreachable => {
            error.retryable().hint(format!("make sure that the file system that holds {at} is mounted and answers"))
        }
        ErrorKind::Io if system_error == Some(rustix::io::Errno::IO.raw_os_error()) => error.hint(format!(
            "the disk that holds {at}, or the way to it, fails: look at the system's log (`dmesg`) before you trust \
             it with another backup"
        )),
        _ => error,
    }
}
