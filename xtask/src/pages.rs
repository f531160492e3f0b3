//! The runnable examples of a Markdown page, and the comparison of what they should print with what they did.

/// One command of a page, and what it should do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Example {
    /// The line of the page, from 1.
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) status: i32,
    pub(crate) output: String,
}

/// Returns the commands of all blocks marked `console`.
pub(crate) fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for (index, line) in page.lines().enumerate() {
        if let Some(mark) = line.trim_start().strip_prefix("```") {
            inside = !inside && mark.trim() == "console";
            continue;
        }
        if !inside {
            continue;
        }
        if let Some(command) = line.strip_prefix("$ ") {
            examples.push(Example { line: index + 1, command: command.to_owned(), ..Example::default() });
        } else if let Some(example) = examples.last_mut() {
            continue_example(example, line);
        }
    }
    examples
}

fn continue_example(example: &mut Example, line: &str) {
    let status = line.strip_prefix("? ").and_then(|status| status.trim().parse().ok());
    if example.output.is_empty()
        && let Some(more) = line.strip_prefix("> ")
    {
        example.command.push('\n');
        example.command.push_str(more);
    } else if example.output.is_empty()
        && let Some(status) = status
    {
        example.status = status;
    } else {
        example.output.push_str(line);
        example.output.push('\n');
    }
}

/// Tells whether a text is what was expected; white space at the ends of lines and of the text is ignored.
pub(crate) fn matches(expected: &str, printed: &str) -> bool {
    let lines =
        |text: &str| text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    match_lines(&lines(expected), &lines(printed))
}

fn match_lines(expected: &[String], printed: &[String]) -> bool {
    match expected.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == "..." => (0..=printed.len())
            .any(|skip| printed.get(skip..).is_some_and(|printed| match_lines(rest, printed))),
        Some((first, rest)) => match printed.split_first() {
            Some((line, others)) => match_line(first, line) && match_lines(rest, others),
            None => false,
        },
    }
}

/// Matches from left to right: the parts between `[..]` must come in this order.
fn match_line(expected: &str, printed: &str) -> bool {
    let Some((start, rest)) = expected.split_once("[..]") else { return expected == printed };
    let Some(mut left) = printed.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split("[..]").collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = left.split_once(part) else { return false };
        left = after;
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_console_blocks_are_run() {
        let page = "```sh\n$ not this\n```\ntext\n```console\n$ a |\n> b\n? 3\nout\n> more\n\n$ c\n```\n$ nor this\n";
        let expected = [
            Example { line: 6, command: "a |\nb".into(), status: 3, output: "out\n> more\n\n".into() },
            Example { line: 12, command: "c".into(), ..Example::default() },
        ];
        assert_eq!(examples(page), expected);
    }

    #[test]
    fn wildcards_match_what_varies() {
        assert!(matches("saved [..] of [..] MB\n...\nend\n", "saved 3 of 4 MB\nx\ny\nend\n"));
        assert!(matches("...\n", "") && matches("a\n...\n", "a\nb\n") && matches("", "\n"));
    }

    #[test]
    fn everything_else_must_be_equal() {
        assert!(!matches("saved [..] MB\n", "saved 3 GB\n"));
        assert!(!matches("a\n", "a\nb\n") && !matches("a\nb\n", "a\n") && !matches("a\n", ""));
        assert!(!matches("...\nend\n", "x\n"));
        assert!(!match_line("ab[..]bc", "abc"), "parts do not overlap");
    }
}
