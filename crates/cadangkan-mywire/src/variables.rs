//! The environment variables of the clients (manual, "Environment Variables").

use cadangkan_core::Result;
use cadangkan_wire::read_variables;

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
    read_variables(environment, &KNOWN, |option, value| settings.set(option, Some(value)).map(drop))?;
    Ok(settings)
}
