use std::io::Write;

use cadangkan_core::{Error, ErrorKind, Result};
use serde::Serialize;

/// Writes one value as JSON, with a line break behind it. serde_json escapes control characters itself.
pub fn write_json(output: &mut dyn Write, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer_pretty(&mut *output, value)
        .map_err(|error| match error.io_error_kind() {
            Some(kind) => Error::io("cannot write the output", kind.into()),
            None => Error::new(ErrorKind::Internal, "cannot write the output as JSON").source(error),
        })
        .and_then(|()| writeln!(output).map_err(|error| Error::io("cannot write the output", error)))
}
