use cadangkan_core::settings::Field;
use cadangkan_core::{Error, ErrorKind, Result};

use crate::app::App;
use crate::secrets::read_from;

/// Reads a secret from the standard input: asks for it without echo where that is a terminal.
pub(crate) fn read(app: &App, field: &Field) -> Result<String> {
    if !app.process.can_ask {
        return read_from(std::io::stdin().lock()).map_err(|error| {
            error.with_kind(ErrorKind::Usage).hint(format!("pipe the {} into the command", field.name))
        });
    }
    let secret = app.with_prompter(|prompter| prompter.ask_hidden(field.help))?;
    if secret.is_empty() {
        return Err(Error::new(ErrorKind::Usage, format!("the {} is empty", field.name)));
    }
    Ok(secret)
}
