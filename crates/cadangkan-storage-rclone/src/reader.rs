//! Reads one object.

use std::io::{self, Read};
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind};

use crate::Settings;
use crate::process::Process;

/// What `rclone cat` prints, all of it or an error.
pub(crate) struct Reader {
    process: Option<Process>,
    settings: Arc<Settings>,
    path: String,
    left: u64,
}

impl Reader {
    pub(crate) fn new(process: Process, settings: Arc<Settings>, path: String, size: u64) -> Self {
        Reader { process: Some(process), settings, path, left: size }
    }

    /// At the end, what came must be what was asked for, and `rclone` must agree.
    fn end(&mut self) -> io::Result<usize> {
        let Some(mut process) = self.process.take() else { return Ok(0) };
        let what = "cannot read an object";
        let place = self.settings.below(&self.path);
        let ended = match process.finish() {
            Err(error) => Err(error),
            Ok(Err(ended)) => Err(ended.explain(what, &place)),
            Ok(Ok(())) if self.left > 0 => {
                Err(Error::new(ErrorKind::Conflict, "an object became shorter while it was read")
                    .context("place", place)
                    .hint("let only cadangkan write to the storage"))
            }
            Ok(Ok(())) => Ok(0),
        };
        ended.map_err(as_io)
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let (Some(process), Some(buffer)) = (&mut self.process, buffer.get_mut(..most)) else { return Ok(0) };
        let count = match process.stream.as_mut().filter(|_| most > 0) {
            Some(stream) => stream.read(buffer),
            None => Ok(0),
        };
        match count {
            Ok(0) => self.end(),
            Ok(count) => {
                self.left = self.left.saturating_sub(count as u64);
                Ok(count)
            }
            Err(error) => {
                let place = self.settings.below(&self.path);
                let error = process.explain(error, "cannot read an object", &place);
                self.process = None;
                Err(as_io(error))
            }
        }
    }
}

/// The error of a reader, of a kind that tells whether the connection was the reason.
fn as_io(error: Error) -> io::Error {
    let kind = match error.kind() {
        ErrorKind::Timeout => io::ErrorKind::TimedOut,
        ErrorKind::Unreachable => io::ErrorKind::ConnectionReset,
        ErrorKind::Denied => io::ErrorKind::PermissionDenied,
        ErrorKind::NotFound => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}
