//! One file per command: parse, call one verb of ops, render.

pub(crate) mod add;
pub(crate) mod adopt;
pub(crate) mod backup;
pub(crate) mod backups;
mod by_url;
pub(crate) mod cancel;
pub(crate) mod cleanup;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod daemon;
pub(crate) mod demo;
pub(crate) mod edit;
pub(crate) mod fields;
pub(crate) mod first_run;
pub(crate) mod guard;
pub(crate) mod health;
pub(crate) mod info;
pub(crate) mod init;
pub(crate) mod job;
pub(crate) mod key;
pub(crate) mod labels;
pub(crate) mod list;
pub(crate) mod logs;
mod many;
pub(crate) mod metrics;
pub(crate) mod notify;
pub(crate) mod profile;
pub(crate) mod remove;
pub(crate) mod report;
pub(crate) mod restore;
pub(crate) mod retention;
pub(crate) mod scan;
pub(crate) mod schedule;
pub(crate) mod secret;
pub(crate) mod selection;
pub(crate) mod service;
pub(crate) mod status;
pub(crate) mod storage;
pub(crate) mod test;
pub(crate) mod ticket;
pub(crate) mod verify;
pub(crate) mod version;
mod wanted;

use cadangkan_core::Result;

use crate::app::App;
use crate::cli::Command;

/// Carries out a command.
pub(crate) fn dispatch(app: &App, command: &Command) -> Result<()> {
    match command {
        Command::Demo(args) => demo::run(app, args),
        Command::Init(args) => init::run(app, args),
        Command::Add(args) => add::run(app, args),
        Command::List(args) => list::run(app, args),
        Command::Info(args) => info::run(app, args),
        Command::Test(args) => test::run(app, args),
        Command::Scan(args) => scan::run(app, args),
        Command::Edit(args) => edit::run(app, args),
        Command::Profile(args) => profile::run(app, args),
        Command::Remove(args) => remove::run(app, args),
        Command::Backup(args) => backup::run(app, args),
        Command::Guard(args) => guard::run(app, args),
        Command::Backups(args) => backups::run(app, args),
        Command::Verify(args) => verify::run(app, args),
        Command::Restore(args) => restore::run(app, args),
        Command::Cleanup(args) => cleanup::run(app, args),
        Command::Storage(args) => storage::run(app, args),
        Command::Schedule(args) => schedule::run(app, args),
        Command::Daemon(args) => daemon::run(app, args),
        Command::Service(args) => service::run(app, args),
        Command::Cancel(args) => cancel::run(app, args),
        Command::Logs(args) => logs::run(app, args),
        Command::Job(args) => job::run(app, args),
        Command::Status(args) => status::run(app, args),
        Command::Health(args) => health::run(app, args),
        Command::Metrics(args) => metrics::run(app, args),
        Command::Report(args) => report::run(app, args),
        Command::Adopt(args) => adopt::run(app, args),
        Command::Key(args) => key::run(app, args),
        Command::Notify(args) => notify::run(app, args),
        Command::Config(args) => config::run(app, args),
        Command::Completions(args) => completions::run(app, args),
        Command::Version(args) => version::run(app, args),
    }
}

/// The URL or path of a database, as it was typed: there may be a password in it.
#[derive(Clone)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    /// A path that was not typed.
    pub(crate) fn of_path(path: &std::path::Path) -> Self {
        DatabaseUrl(path.to_string_lossy().into_owned())
    }

    /// What was typed, or made of it.
    pub(crate) fn of_text(text: &str) -> Self {
        DatabaseUrl(text.to_owned())
    }

    /// What was typed.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(DatabaseUrl(text.to_owned()))
    }
}

/// A path as it is; of a URL only the scheme, since anything behind it may be the password.
impl std::fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.split_once("://") {
            Some((scheme, _)) => write!(f, "{scheme}://…"),
            None if self.0.contains(':') && self.0.contains('@') => f.write_str("…"),
            // As rclone writes it: `remote,pass=…:folder`, or with a word before it.
            None if self.0.contains(':') && self.0.contains('=') => match self.0.split_once(':') {
                Some((scheme, _)) if !scheme.contains('=') => write!(f, "{scheme}:…"),
                _ => f.write_str("…"),
            },
            None => f.write_str(&self.0),
        }
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// The URL or path of a storage, as it was typed: there may be a secret in it.
pub(crate) type StorageUrl = DatabaseUrl;

/// Databases that failed, for JSON.
pub(crate) fn failures(failed: &[(String, cadangkan_core::Error)]) -> Vec<serde_json::Value> {
    let one = |(name, failure): &(String, cadangkan_core::Error)| {
        let mut value = crate::ui::error::to_json(failure);
        if let Some(map) = value.as_object_mut() {
            map.insert("database".to_owned(), serde_json::json!(name));
        }
        value
    };
    failed.iter().map(one).collect()
}

/// Reads a length of time on the command line.
pub(crate) fn parse_wait(text: &str) -> std::result::Result<std::time::Duration, String> {
    cadangkan_core::settings::parse_duration(text).ok_or_else(|| "write 30s, 10m, 2h or 1d".to_owned())
}

/// Reads a name or a glob.
pub(crate) fn parse_pattern(text: &str) -> std::result::Result<cadangkan_core::Pattern, String> {
    match text {
        "" => Err("a name is empty".to_owned()),
        name => Ok(cadangkan_core::Pattern(name.to_owned())),
    }
}
