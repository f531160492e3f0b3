//! A command line that could not be read, and what can be known of it all the same.

use std::io::Write;
use std::process::ExitCode;

use cadangkan_core::{Error, ErrorKind};

use crate::environment::environment;
use crate::ui;

/// Tells whether colours are refused.
pub(crate) fn refuses_colors() -> bool {
    let variable = environment("CADANGKAN_NO_COLOR").unwrap_or_default().to_lowercase();
    let set = !["", "0", "n", "no", "f", "false", "off"].contains(&variable.as_str());
    set || words().any(|word| word == "--no-color")
}

/// Tells whether results, and so errors too, are asked for as JSON.
fn wants_json() -> bool {
    let words: Vec<_> = words().collect();
    let typed = |pair: &[String]| pair.first().is_some_and(|flag| flag == "--output");
    let value = words.windows(2).filter(|pair| typed(pair)).filter_map(|pair| pair.get(1).cloned());
    let joined = words.iter().filter_map(|word| word.strip_prefix("--output=").map(str::to_owned));
    value
        .chain(joined)
        .last()
        .or_else(|| environment("CADANGKAN_OUTPUT"))
        .is_some_and(|format| format == "json")
}

/// What was typed, up to a `--`, as far as it is text.
fn words() -> impl Iterator<Item = String> {
    std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .take_while(|word| word != "--")
}

/// Prints what clap has to say: help goes to stdout, a mistake to stderr with our exit code.
pub(crate) fn report(error: &clap::Error) -> ExitCode {
    // Whoever reads no further has seen enough; the exit code stays.
    if error.use_stderr() && wants_json() {
        let _ =
            writeln!(std::io::stderr(), "{:#}", ui::error::to_json(&as_error(&error.render().to_string())));
    } else {
        let _ = error.print();
    }
    ExitCode::from(match error.use_stderr() {
        false => 0,
        // What a plugin of Nagios was asked wrongly it does not know; 2 would be critical.
        true if is_check() => 3,
        true => ErrorKind::Usage.exit_code(),
    })
}

/// Tells whether monitoring asks.
fn is_check() -> bool {
    words().any(|word| word == "health") && words().any(|word| word == "--check")
}

/// Takes message and advice out of clap's text: paragraphs, of which the first says what is wrong, and lines that
/// begin with `tip:`.
fn as_error(text: &str) -> Error {
    let first: Vec<_> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let message = first.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let tips: Vec<_> = text.lines().filter_map(|line| line.trim().strip_prefix("tip: ")).collect();
    let hint = if tips.is_empty() { "`--help` shows what can be given".to_owned() } else { tips.join("\n") };
    Error::new(ErrorKind::Usage, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_and_advice_are_found() {
        let text = "error: unrecognized subcommand 'lst'\n\n  tip: a similar subcommand exists: 'list'\n\nUsage: x\n";
        let error = as_error(text);
        assert_eq!(error.message(), "unrecognized subcommand 'lst'");
        assert_eq!(error.advice(), Some("a similar subcommand exists: 'list'"));
        let error = as_error("error: the following were not provided:\n  <DATABASE>\n\nUsage: x\n");
        assert_eq!(error.message(), "the following were not provided: <DATABASE>");
        assert!(error.advice().unwrap().contains("--help"));
        assert_eq!(as_error("").message(), "");
    }
}
