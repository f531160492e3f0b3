use std::io::Write;

use cadangkan_core::{Error, ErrorKind, Result};
use serde::Serialize;

/// What the error says when a result cannot be printed.
pub(crate) const CANNOT_PRINT: &str = "cannot write the result";

/// Writes one value as JSON, with a line break behind it. serde_json escapes control characters itself.
pub(crate) fn write_json(output: &mut dyn Write, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer_pretty(&mut *output, value)
        .map_err(|error| match error.io_error_kind() {
            Some(kind) => Error::io(CANNOT_PRINT, kind.into()),
            None => Error::new(ErrorKind::Internal, "cannot write the output as JSON").source(error),
        })
        .and_then(|()| writeln!(output).map_err(|error| Error::io(CANNOT_PRINT, error)))
}
