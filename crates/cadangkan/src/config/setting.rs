use serde::Serialize;

/// A value with the place it came from, for `config show`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Setting<T> {
    /// The value in effect.
    pub(crate) value: T,
    /// Where it came from.
    #[serde(flatten)]
    pub(crate) origin: ValueOrigin,
}

/// Where a value came from; each one wins over those after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "origin", rename_all = "lowercase")]
pub(crate) enum ValueOrigin {
    /// The command line.
    Flag,
    /// The chosen profile.
    Profile {
        /// The line of the configuration file.
        line: usize,
    },
    /// The configuration file.
    File {
        /// The line of the configuration file.
        line: usize,
    },
    /// The catalog: `add` or `edit` put it there.
    Catalog,
    /// Nobody said anything.
    Default,
}

impl<T> Setting<T> {
    /// A value that nobody set.
    pub(crate) fn default_value(value: T) -> Self {
        Setting { value, origin: ValueOrigin::Default }
    }

    /// Puts a nearer wish in its place, when there is one.
    #[must_use]
    pub(crate) fn or_nearer(self, nearer: Option<T>, origin: ValueOrigin) -> Self {
        match nearer {
            Some(value) => Setting { value, origin },
            None => self,
        }
    }
}

impl std::fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ValueOrigin::Flag => f.write_str("command line"),
            ValueOrigin::Profile { line } => write!(f, "profile, line {line}"),
            ValueOrigin::File { line } => write!(f, "file, line {line}"),
            ValueOrigin::Catalog => f.write_str("catalog"),
            ValueOrigin::Default => f.write_str("default"),
        }
    }
}
