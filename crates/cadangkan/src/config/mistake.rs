use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::node::Position;
use super::place::Place;
use crate::ui::escape;

/// As many mistakes as are shown: one that a template has for hundreds of databases would bury the others, and a log.
const SHOWN: usize = 50;

/// One mistake in the configuration, with its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mistake {
    /// Where it is.
    pub(crate) position: Position,
    /// What is wrong, without secrets.
    pub(crate) message: String,
    /// What to do.
    pub(crate) hint: Option<String>,
    /// Whether it is a variable that is not set.
    pub(crate) variable: bool,
    /// Whether it is in the `.env` file.
    pub(crate) env_file: bool,
}

impl Mistake {
    /// Makes a mistake at a place.
    pub(crate) fn new(position: Position, message: impl Into<String>) -> Self {
        Mistake { position, message: message.into(), hint: None, variable: false, env_file: false }
    }

    /// Says what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says what to do, when there is something to say.
    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = self.hint.or(hint);
        self
    }
}

/// All mistakes of one file, in the order of their places.
///
/// Its text shows each of the first fifty with its place, the line it is in and a caret.
#[derive(Clone, Debug)]
pub(crate) struct Mistakes {
    /// The configuration file.
    pub(crate) file: PathBuf,
    /// The file of variables beside it.
    pub(crate) env_file: PathBuf,
    /// The mistakes; at least one.
    pub(crate) list: Vec<Mistake>,
    /// The lines that the mistakes are in, by number, with secrets cut out.
    pub(crate) lines: Vec<(usize, String)>,
}

impl Mistakes {
    /// Puts mistakes in order, drops doubled ones, and picks their lines out of the file's text.
    pub(crate) fn new(place: &Place, mut list: Vec<Mistake>, source: &str, secret_keys: &[&str]) -> Self {
        list.sort();
        list.dedup();
        let in_file = |mistake: &Mistake, line| !mistake.env_file && mistake.position.line == line;
        let wanted = |number: usize| list.iter().any(|mistake| in_file(mistake, number));
        let numbered = source.lines().enumerate().map(|(index, line)| (index + 1, line));
        let lines = numbered
            .filter(|(number, _)| wanted(*number))
            .map(|(number, line)| (number, without_secrets(line, secret_keys)))
            .collect();
        Mistakes { file: place.file.clone(), env_file: place.env_file(), list, lines }
    }

    /// The mistakes as they stand in JSON output.
    pub(crate) fn to_json(&self) -> Value {
        let mistake = |mistake: &Mistake| {
            json!({
                "file": self.file_of(mistake).display().to_string(),
                "line": mistake.position.line,
                "column": mistake.position.column,
                "message": mistake.message,
                "hint": mistake.hint,
            })
        };
        self.list.iter().map(mistake).collect()
    }

    fn file_of(&self, mistake: &Mistake) -> &Path {
        if mistake.env_file { &self.env_file } else { &self.file }
    }

    fn write_one(&self, f: &mut fmt::Formatter<'_>, mistake: &Mistake) -> fmt::Result {
        let Position { line, column, .. } = mistake.position;
        let file = self.file_of(mistake).display().to_string();
        write!(f, "{}:{line}", escape(&file))?;
        if column > 0 {
            write!(f, ":{column}")?;
        }
        writeln!(f, ": {}", escape(&mistake.message))?;
        let text = self.lines.iter().find(|(number, _)| *number == line && !mistake.env_file);
        if let Some((_, text)) = text {
            write_line(f, text, mistake.position)?;
        }
        match &mistake.hint {
            Some(hint) => writeln!(f, "      = {}", escape(hint)),
            None => Ok(()),
        }
    }
}

/// Shows the line of a mistake, with carets under it.
fn write_line(f: &mut fmt::Formatter<'_>, text: &str, position: Position) -> fmt::Result {
    let begin = position.column.saturating_sub(1);
    let before: String = text.chars().take(begin).collect();
    let marked: String = text.chars().skip(begin).take(position.length).collect();
    let indent = " ".repeat(escape(&before).width());
    let carets = "^".repeat(escape(&marked).width().max(1));
    writeln!(f, "{:>5} | {}", position.line, escape(text))?;
    writeln!(f, "      | {indent}{carets}")
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.list.iter().take(SHOWN).enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            self.write_one(f, mistake)?;
        }
        match self.list.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => writeln!(f, "\nand {more} more; `cadangkan config validate --output json` has all"),
        }
    }
}

impl std::error::Error for Mistakes {}

/// Cuts off what follows a key that holds a secret. Also works on a line that is no valid YAML.
fn without_secrets(line: &str, secret_keys: &[&str]) -> String {
    let ends = secret_keys.iter().flat_map(|key| {
        line.match_indices(key).filter_map(|(start, _)| {
            let after = line.get(start + key.len()..)?;
            let behind = after.trim_start_matches(['"', '\'']).trim_start();
            behind.starts_with(':').then(|| line.len() - behind.len() + 1)
        })
    });
    match ends.min().and_then(|end| line.get(..end)) {
        Some(kept) => format!("{kept} ***"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_first_of_many() {
        let shown = |count: usize| {
            let at = |line| Mistake::new(Position { line, column: 1, length: 1 }, "wrong");
            let place = Place { home: PathBuf::new(), file: "c.yaml".into(), exists: true, named: true };
            Mistakes::new(&place, (1..=count).map(at).collect(), "", &[])
        };
        let many = shown(500);
        let text = many.to_string();
        assert_eq!(text.matches(": wrong\n").count(), 50, "{text}");
        assert!(text.contains("c.yaml:50:1") && text.contains("\nand 450 more;"), "{text}");
        assert_eq!(many.to_json().as_array().map(Vec::len), Some(500));
        assert!(!shown(50).to_string().contains("more"));
    }

    #[test]
    fn cuts_out_secrets() {
        let cut = |line: &str| without_secrets(line, &["password", "secret_key"]);
        assert_eq!(cut("  password: hunter2 # x"), "  password: ***");
        assert_eq!(cut("{ host: a, \"password\" : hunter2, x: y }"), "{ host: a, \"password\" : ***");
        assert_eq!(cut("secret_key: a, password: b"), "secret_key: ***");
        assert_eq!(cut("password_file: a, password: b"), "password_file: a, password: ***");
        assert_eq!(cut("  path: password"), "  path: password");
    }
}
