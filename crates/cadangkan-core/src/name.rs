use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Error, ErrorKind, Result};

/// The name of a configured thing: a database, a storage, a profile.
///
/// 1 to 64 characters of `A-Z a-z 0-9 _ . -`, beginning with a letter or a digit. So it is safe as a folder, in
/// a URL and on a command line. Compared to the letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// Checks a name.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let plain = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
        let starts = text.chars().next().is_some_and(|character| character.is_ascii_alphanumeric());
        if starts && text.len() <= 64 && text.chars().all(plain) {
            return Ok(Name(text));
        }
        Err(Error::new(ErrorKind::Usage, format!("\"{}\" is not a usable name", text.escape_debug()))
            .hint("use 1 to 64 letters, digits, '_', '.' or '-', beginning with a letter or a digit"))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Name::new(text)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Name::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_names_that_could_escape() {
        for bad in ["", ".", "..", "-rf", "a/b", "a b", "ä", "a\0", "_x", &"a".repeat(65)] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
        for good in ["production", "1", "shop.eu-west_1", &"a".repeat(64)] {
            assert_eq!(Name::new(good).unwrap().as_str(), good);
        }
    }
}
