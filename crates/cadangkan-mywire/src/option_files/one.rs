use std::path::Path;

use cadangkan_core::{Error, ErrorKind, Result};

use super::{OptionFiles, contents};
use crate::target::{DEFAULT_PORT, place};
use crate::{Environment, Settings};

/// What one option file says of a connection, to be kept elsewhere.
#[derive(Debug, Default)]
pub struct OptionFile {
    /// How to connect as the clients do with this file alone; where, is decided.
    pub settings: Settings,
    /// Options of its groups that are none of a connection, by their names.
    pub unknown: Vec<String>,
    /// Groups that were not read.
    pub groups: Vec<String>,
    /// What a person should know: a password that others may read.
    pub warnings: Vec<String>,
}

impl OptionFile {
    /// Reads the groups of the clients, and `group` as well, from a file and those that it includes.
    ///
    /// # Errors
    /// `Unsupported` when the file is encrypted, `NotFound` when it has no group that counts, and what reading fails
    /// with.
    pub fn read(path: &Path, group: Option<&str>, environment: &dyn Environment) -> Result<OptionFile> {
        refuse_encrypted(path)?;
        let mut files = OptionFiles { group: group.map(str::to_owned), ..OptionFiles::default() };
        files.read_file(path, true, 0)?;
        let has_group = group.is_none_or(|group| files.taken.contains(group));
        if files.taken.is_empty() || !has_group {
            let missing = group.unwrap_or("client");
            let there = files.passed.iter().cloned().collect::<Vec<_>>().join(", ");
            let there = if there.is_empty() { "none".to_owned() } else { there };
            return Err(Error::new(ErrorKind::NotFound, "the option file has no such group")
                .context("path", path.display())
                .context("group", missing.escape_debug())
                .hint(format!("name one that it has with --group; there is: {}", there.escape_debug())));
        }
        Ok(OptionFile {
            settings: located(files.settings, environment)?,
            unknown: files.unknown.into_iter().collect(),
            groups: files.passed.into_iter().collect(),
            warnings: files.warnings,
        })
    }
}

/// Says where in the way that means the same when it is given and not read from a file: host with port, or socket.
fn located(settings: Settings, environment: &dyn Environment) -> Result<Settings> {
    let Settings { host, port, socket, protocol, .. } = &settings;
    if host.is_none() && port.is_none() && socket.is_none() && protocol.is_none() {
        return Ok(settings);
    }
    let (host, socket) = place(&Settings::default(), &settings, environment)?;
    let host = Some(host).filter(|_| socket.is_none());
    let port = host.as_ref().map(|_| settings.port.unwrap_or(DEFAULT_PORT));
    Ok(Settings { host, port, socket, protocol: None, ..settings })
}

/// Refuses what `openssl enc` and tools like it wrote, and login paths (`mysql_config_editor`).
fn refuse_encrypted(path: &Path) -> Result<()> {
    let Ok((text, _)) = contents(path) else { return Ok(()) };
    if !text.starts_with("Salted__") && !text.contains('\0') {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, "this option file is encrypted, or not text")
        .context("path", path.display())
        .hint("decrypt it with the program that made it, and take that file; passwords are sealed here"))
}
