use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// What is done before and after the backups of a database. What is not given here is what the defaults give.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct HookSettings {
    /// Before anything of the backup is done; one that fails stops it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Vec<Hook>>,
    /// When there is a backup, in all storages or in some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Vec<Hook>>,
    /// When there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) on_failure: Option<Vec<Hook>>,
}

impl HookSettings {
    /// Keys of the map in the file.
    pub(crate) const KEYS: &[&str] = &["before", "after", "on_failure"];

    /// Tells whether nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        *self == HookSettings::default()
    }

    /// Lays nearer wishes over these: each list that they give replaces the one here.
    #[must_use]
    pub(crate) fn or_nearer(self, nearer: &HookSettings) -> Self {
        let nearer = nearer.clone();
        HookSettings {
            before: nearer.before.or(self.before),
            after: nearer.after.or(self.after),
            on_failure: nearer.on_failure.or(self.on_failure),
        }
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hook {
    /// What.
    pub(crate) action: Action,
    /// How long it may take.
    pub(crate) timeout: Duration,
    /// The way it stands in the file: variables are not filled in, and no value of a header is there that is none.
    pub(crate) written: Value,
}

/// What a hook does.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Runs a program with its arguments, without a shell.
    Program(Vec<String>),
    /// Runs a line of the shell.
    Shell(String),
    /// Sends what is known of the run to an address.
    Post {
        /// The address.
        url: Uri,
        /// What is sent with it.
        headers: Vec<(HeaderName, HeaderValue)>,
    },
}

impl Action {
    /// Names it without what may be a secret: arguments, the path of an address.
    pub(crate) fn name(&self) -> String {
        match self {
            Action::Program(words) => words.first().cloned().unwrap_or_default(),
            Action::Shell(line) => match line.split_whitespace().next() {
                Some(word) if !word.contains('=') => word.to_owned(),
                _ => "a line of the shell".to_owned(),
            },
            Action::Post { url, .. } => url.host().unwrap_or_default().to_owned(),
        }
    }
}

/// Without arguments and headers, which may hold secrets.
impl std::fmt::Debug for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name())
    }
}

impl Serialize for Hook {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}
