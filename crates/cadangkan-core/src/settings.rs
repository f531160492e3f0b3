//! How an engine or a storage says what can be set, so that the command line, the configuration, the questions
//! on a terminal, the documentation and later the API and the forms all come from one list.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// One thing that can be set.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The key in the configuration; `--<name>` on the command line, with `-` for `_`.
    pub name: &'static str,
    /// What it takes.
    pub kind: FieldKind,
    /// Whether it must be given.
    pub required: bool,
    /// What is used when it is not given, as text to show.
    pub default: Option<&'static str>,
    /// One line: what it is, with its unit.
    pub help: &'static str,
}

/// What a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A path; `~` stands for the home folder, and relative ones begin where the configuration lies.
    Path,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A length of time, such as `10s`.
    Duration,
    /// Text that is never shown, and is asked for without echo.
    Secret,
}

/// A mistake in settings, with the way to it: `["path"]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    /// Keys and positions from the outside in; empty when the whole is meant.
    pub path: Vec<String>,
    /// What is wrong, without the value where the field is a secret.
    pub message: String,
}

/// Reads settings into an engine's or storage's own type, and says where a mistake is.
pub fn parse<T: DeserializeOwned>(settings: &Value) -> Result<T, SettingsError> {
    serde_path_to_error::deserialize(settings).map_err(|error| {
        let path = error.path().iter().map(ToString::to_string).filter(|segment| segment != "?").collect();
        SettingsError { path, message: error.into_inner().to_string() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[allow(dead_code, reason = "only its type is looked at")]
        path: String,
    }

    #[test]
    fn names_the_key_that_is_wrong() {
        let error = parse::<Sample>(&serde_json::json!({ "path": "x", "pth": 1 })).unwrap_err();
        assert_eq!(error.path, ["pth"]);
        assert_eq!(error.message, "unknown field `pth`, expected `path`");
        let error = parse::<Sample>(&serde_json::json!({ "path": [] })).unwrap_err();
        assert_eq!(error.path, ["path"]);
    }
}
