//! The environment variables of the clients (manual, "Environment Variables").

use cadangkan_core::{Error, ErrorKind, Result};

use crate::{Environment, Settings};

const KNOWN: [(&str, &str); 4] = [
    ("MYSQL_HOST", "host"),
    ("MYSQL_TCP_PORT", "port"),
    ("MYSQL_UNIX_PORT", "socket"),
    ("MYSQL_PWD", "password"),
];

/// Reads the variables. An empty one counts as not set.
pub(crate) fn read(environment: &dyn Environment) -> Result<Settings> {
    let mut settings = Settings::default();
    for (variable, option) in KNOWN {
        let Some(value) = environment.variable(variable).filter(|value| !value.is_empty()) else { continue };
        let result = match value.to_str() {
            Some(value) => settings.set(option, Some(value)),
            None => Err("its value is not valid UTF-8".to_owned()),
        };
        result.map_err(|message| {
            Error::new(ErrorKind::Configuration, format!("an environment variable is wrong: {message}"))
                .context("variable", variable)
                .hint(format!("correct {variable}, or unset it"))
        })?;
    }
    Ok(settings)
}
