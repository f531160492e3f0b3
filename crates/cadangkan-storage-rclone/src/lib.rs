//! Backups wherever the program `rclone` reaches: some seventy kinds of storages that have no provider of their own.
//!
//! Each call is one `rclone`, which reads the person's own `rclone.conf`: credentials are there, and none passes through
//! here. Bytes go through sockets that are its input and output, so every wait has a limit.

mod complaint;
mod process;
mod reader;
mod remote;
mod storage;
mod writer;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use cadangkan_core::settings::{self, Field, FieldKind, SettingsError, mistake};
use cadangkan_storage::{Storage, StorageDescriptor};
use serde_json::{Value, json};

pub use storage::Rclone;

/// Backups in a folder of a remote of `rclone`.
pub static RCLONE: StorageDescriptor = StorageDescriptor {
    id: "rclone",
    display_name: "rclone",
    fields: &[
        field(
            "remote",
            FieldKind::Text,
            true,
            None,
            "The remote of rclone.conf and a folder on it: `box:backups`",
        ),
        field(
            "rclone_config",
            FieldKind::Path,
            false,
            None,
            "The configuration of rclone to use instead of yours",
        ),
        field("program", FieldKind::Path, false, None, "The program, where it is not on the PATH"),
        field("timeout", FieldKind::Duration, false, Some("5m"), "How long the remote may take to answer"),
    ],
    open,
    parse_url,
};

const fn field(
    name: &'static str,
    kind: FieldKind,
    required: bool,
    default: Option<&'static str>,
    help: &'static str,
) -> Field {
    Field { name, kind, required, default, help }
}

/// What can be set.
pub(crate) struct Settings {
    /// With its colon, and without a slash at its end.
    remote: String,
    config: Option<PathBuf>,
    program: PathBuf,
    timeout: Duration,
    /// Held while an object gets its name: remotes refuse to give one name to two at once.
    naming: Mutex<()>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    remote: String,
    rclone_config: Option<PathBuf>,
    program: Option<PathBuf>,
    timeout: Option<String>,
}

const TIMEOUT: Duration = Duration::from_secs(300);

fn open(settings: &Value) -> Result<Box<dyn Storage>, SettingsError> {
    let written: Written = settings::parse(settings)?;
    let remote = written.remote.trim_end_matches('/');
    if remote.starts_with(':') || remote.split_once(':').is_some_and(|(name, _)| name.contains(',')) {
        return Err(mistake(
            "remote",
            "name a remote of rclone.conf: parameters on a command line can be seen by others",
        ));
    }
    let name = remote.split_once(':').map_or("", |(name, _)| name);
    let plain = |character: char| character.is_alphanumeric() || "_-.+@ ".contains(character);
    if name.is_empty()
        || name.starts_with(['-', ' '])
        || !name.chars().all(plain)
        || remote.chars().any(char::is_control)
    {
        return Err(mistake("remote", "the name of a remote and a folder are needed, such as `box:backups`"));
    }
    Ok(Box::new(Rclone::new(Settings {
        remote: remote.to_owned(),
        config: written.rclone_config,
        program: written.program.unwrap_or_else(|| "rclone".into()),
        timeout: settings::time_limit("timeout", written.timeout.as_deref())?.unwrap_or(TIMEOUT),
        naming: Mutex::default(),
    })))
}

/// Reads `rclone://<remote>/<folder>`.
fn parse_url(text: &str) -> Option<Result<Value, SettingsError>> {
    let (name, path) =
        text.strip_prefix("rclone://").map(|rest| rest.split_once('/').unwrap_or((rest, "")))?;
    Some(Ok(json!({ "remote": format!("{name}:{path}") })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_has_a_name_and_no_parameters() {
        let location = |remote: &str| open(&json!({ "remote": remote })).map(|storage| storage.location());
        assert_eq!(location("box:backups/").unwrap(), "box:backups");
        assert_eq!(location("my box:").unwrap(), "my box:");
        for bad in ["", "box", ":webdav,url=x:b", "box,pass=secret:b", "-v:b", "a/b:c", "box:a\nb"] {
            let error = location(bad).unwrap_err();
            assert!(error.path == ["remote"] && !error.message.contains("secret"), "{bad}: {error:?}");
        }
        assert_eq!(parse_url("rclone://host/a/b"), Some(Ok(json!({ "remote": "host:a/b" }))));
        assert_eq!(parse_url("sftp://host/a"), None);
    }
}
