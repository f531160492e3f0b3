//! Errors for people and for programs.

use cadangkan_core::Error;
use serde_json::{Map, Value, json};

use super::{Style, escape};
use crate::config::Mistakes;

/// What stands before the message of an error.
pub(crate) const BEGINNING: &str = "Error:";

/// Writes an error: what happened, where, why, and what to do next. Every line ends with a line break.
pub(crate) fn render(error: &Error, style: Style) -> String {
    let mut text = format!("{} {} {}\n", style.bad_mark(), style.bold(BEGINNING), escape(error.message()));
    for (key, value) in error.facts() {
        text.push_str(&format!("  {} {}\n", style.dim(&format!("{key}:")), escape(value)));
    }
    match mistakes(error) {
        Some(mistakes) => text.push_str(&format!("\n{mistakes}\n")),
        None => {
            let chain = error.chain();
            for (before, cause) in chain.iter().zip(chain.iter().skip(1)) {
                // Some libraries wrap a cause in one that says the same in more words.
                if !cause.ends_with(before.as_str()) {
                    text.push_str(&format!("  because {}\n", escape(cause)));
                }
            }
        }
    }
    if let Some(advice) = error.advice() {
        for (index, line) in advice.lines().enumerate() {
            let label = if index == 0 { "  hint: " } else { "        " };
            text.push_str(&format!("{}{}\n", style.yellow(label), escape(line)));
        }
    }
    text
}

/// An error as it stands in JSON output: `{"error": {"code": …, "message": …}}`.
pub(crate) fn to_json(error: &Error) -> Value {
    let context: Map<String, Value> =
        error.facts().iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let mut inner = json!({
        "code": error.kind().code(),
        "exit_code": error.kind().exit_code(),
        "message": error.message(),
        "operation": error.failed_operation(),
        "context": context,
        "causes": error.chain().get(1..).unwrap_or_default(),
        "hint": error.advice(),
        "retryable": error.is_retryable(),
    });
    if let (Some(mistakes), Some(inner)) = (mistakes(error), inner.as_object_mut()) {
        inner.insert("causes".to_owned(), json!([]));
        inner.insert("mistakes".to_owned(), mistakes.to_json());
    }
    json!({ "error": inner })
}

/// The mistakes in the configuration, when they are the cause.
fn mistakes(error: &Error) -> Option<&Mistakes> {
    std::error::Error::source(error)?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use cadangkan_core::ErrorKind;

    use super::*;

    fn error() -> Error {
        let io = std::io::Error::other("No space\u{7} left");
        Error::new(ErrorKind::NoSpace, "cannot write the archive")
            .source(io)
            .context("path", "/b/\u{1b}[31mx")
            .context("storage", "home")
            .hint("free 2 GB on /b\nor choose another storage")
    }

    #[test]
    fn says_what_where_why_and_what_next() {
        let expected = "\
✗ Error: cannot write the archive
  path: /b/\\u{1b}[31mx
  storage: home
  because No space\\u{7} left
  hint: free 2 GB on /b
        or choose another storage
";
        assert_eq!(render(&error(), Style::new(false, true)), expected);
        assert!(render(&error(), Style::new(true, true)).starts_with("\u{1b}[31m✗\u{1b}[0m \u{1b}[1mError:"));
        let bare = Error::new(ErrorKind::Internal, "odd");
        assert_eq!(render(&bare, Style::default()), "x Error: odd\n");
    }

    #[test]
    fn json_has_the_stable_code() {
        let expected = json!({ "error": {
            "code": "no_space",
            "exit_code": 9,
            "message": "cannot write the archive",
            "operation": null,
            "context": { "path": "/b/\u{1b}[31mx", "storage": "home" },
            "causes": ["No space\u{7} left"],
            "hint": "free 2 GB on /b\nor choose another storage",
            "retryable": false,
        } });
        assert_eq!(to_json(&error()), expected);
    }
}
