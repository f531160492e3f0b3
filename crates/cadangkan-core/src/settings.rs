//! How an engine or a storage says what can be set, so that the command line, the configuration, the questions
//! on a terminal, the documentation and later the API and the forms all come from one list.

use std::time::Duration;

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

/// Makes a mistake of one key.
pub fn mistake(key: &str, message: &str) -> SettingsError {
    SettingsError { path: vec![key.to_owned()], message: message.to_owned() }
}

/// Reads a limit of time, if it is given: more than nothing, and at most a day.
pub fn time_limit(key: &str, text: Option<&str>) -> Result<Option<Duration>, SettingsError> {
    let parse = |text| {
        parse_duration(text)
            .filter(|time| !time.is_zero() && *time <= Duration::from_secs(86_400))
            .ok_or_else(|| mistake(key, "a length of time such as `10s` or `5m` is needed, at most a day"))
    };
    text.map(parse).transpose()
}

/// Reads a length of time: a whole number and `ms`, `s`, `m`, `h` or `d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit.trim() {
        "ms" => number,
        "s" => number.checked_mul(1000)?,
        "m" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        "d" => number.checked_mul(86_400_000)?,
        _ => return None,
    };
    Some(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(parse_duration("250 ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration(" 2h"), Some(Duration::from_secs(7200)));
        assert_eq!(parse_duration("1d"), Some(Duration::from_secs(86_400)));
        for bad in ["", "10", "s", "-1s", "1w", "99999999999999999999s", "18446744073709551615m"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

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
