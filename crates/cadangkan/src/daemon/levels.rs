use std::collections::BTreeMap;

use cadangkan_core::{Error, ErrorKind, Level, Result};

/// What the scheduler's log is about: itself, what runs do by their task, what else happens beside.
pub(crate) const CATEGORIES: &[&str] =
    &["application", "scheduler", "backup", "restore", "verify", "cleanup", "sync", "notifications", "http"];

/// The words for levels.
const LEVELS: &[(&str, Level)] =
    &[("debug", Level::Debug), ("info", Level::Info), ("warn", Level::Warning), ("error", Level::Error)];

/// From which level on something is said: of all, and of what is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Levels {
    all: Level,
    of: BTreeMap<&'static str, Level>,
}

impl Levels {
    /// The same for all.
    pub(crate) fn all(level: Level) -> Self {
        Levels { all: level, of: BTreeMap::new() }
    }

    /// Reads `info` or `info,scheduler=debug,http=warn`. Fails with `Usage` and what may be written.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut levels = Levels::all(Level::Info);
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                None => levels.all = level(part)?,
                Some((category, word)) => {
                    let category = category.trim();
                    let known = CATEGORIES.iter().find(|known| **known == category);
                    let known = known.ok_or_else(|| unknown("category of the log", category, CATEGORIES))?;
                    levels.of.insert(known, level(word.trim())?);
                }
            }
        }
        Ok(levels)
    }

    /// From which level on something of a category is said.
    pub(crate) fn least(&self, category: &str) -> Level {
        self.of.get(category).copied().unwrap_or(self.all)
    }
}

impl Default for Levels {
    fn default() -> Self {
        Levels::all(Level::Info)
    }
}

/// Reads the word for a level.
pub(crate) fn level(word: &str) -> Result<Level> {
    let found = LEVELS.iter().find(|(known, _)| *known == word).map(|(_, level)| *level);
    found.ok_or_else(|| {
        unknown("level of the log", word, &LEVELS.iter().map(|(word, _)| *word).collect::<Vec<_>>())
    })
}

fn unknown(what: &str, word: &str, known: &[&str]) -> Error {
    Error::new(ErrorKind::Usage, format!("`{}` is no {what}", word.escape_debug()))
        .hint(format!("one of: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_may_have_a_level_of_its_own() {
        let levels = Levels::parse(" warn, scheduler = debug,http=error,").unwrap();
        assert_eq!(levels.least("scheduler"), Level::Debug);
        assert_eq!(levels.least("http"), Level::Error);
        assert_eq!(levels.least("backup"), Level::Warning);
        assert_eq!(Levels::parse("").unwrap(), Levels::default());
        assert_eq!(Levels::parse("sync=debug").unwrap().least("backup"), Level::Info);
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (text, word) in [("loud", "loud"), ("info,web=debug", "web"), ("http=", ""), ("WARN", "WARN")] {
            let error = Levels::parse(text).unwrap_err();
            assert!(error.message().starts_with(&format!("`{word}` is no ")), "{error}");
            assert!(error.advice().unwrap().starts_with("one of: "));
        }
    }
}
