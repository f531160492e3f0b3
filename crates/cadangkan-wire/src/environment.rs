use std::ffi::OsString;
use std::path::PathBuf;

use cadangkan_core::{Error, ErrorKind, Result};

/// What the machine says about the person: variables, home folder, name.
pub trait Environment {
    /// The value of an environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;
    /// The home folder.
    fn home(&self) -> Option<PathBuf>;
    /// The name of the user that this process runs as.
    fn user(&self) -> Option<String>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place of this crate that may; callers pass it down"
    )]
    fn variable(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name)
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir()
    }

    /// As in `/etc/passwd`; users who are kept elsewhere are named by `LOGNAME` or `USER`.
    fn user(&self) -> Option<String> {
        let id = rustix::process::geteuid().as_raw().to_string();
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let known = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1)? == id).then(|| name.to_owned())
        });
        let named = || ["LOGNAME", "USER"].iter().find_map(|name| self.variable(name)?.into_string().ok());
        known.or_else(named).filter(|name| !name.is_empty())
    }
}

/// Hands the value of each variable that is set to `set`, with the name of the setting beside it in `known`. An empty
/// one counts as not set.
pub fn read_variables(
    environment: &dyn Environment,
    known: &[(&'static str, &str)],
    mut set: impl FnMut(&str, &str) -> Result<(), String>,
) -> Result<()> {
    for (variable, name) in known {
        let Some(value) = environment.variable(variable).filter(|value| !value.is_empty()) else { continue };
        let result = match value.to_str() {
            Some(value) => set(name, value),
            None => Err("its value is not valid UTF-8".to_owned()),
        };
        result.map_err(|message| {
            Error::new(ErrorKind::Configuration, format!("an environment variable is wrong: {message}"))
                .context("variable", variable)
                .hint(format!("correct {variable}, or unset it"))
        })?;
    }
    Ok(())
}
