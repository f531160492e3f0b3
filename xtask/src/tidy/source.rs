//! A Rust file as the rules see it: without comments, with or without literals, tests marked.

/// One Rust file.
pub(super) struct Source {
    pub(super) path: String,
    /// The text with comments blanked; lines and columns stay.
    pub(super) with_literals: String,
    /// The text with comments and the insides of literals blanked; lines and columns stay.
    pub(super) code: String,
    test_lines: Vec<bool>,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let (code, with_literals) = blank(text);
        let whole = is_test_path(path);
        let mut test_lines = vec![whole; text.lines().count() + 1];
        if !whole {
            mark_test_items(&code, &mut test_lines);
        }
        Self { path: path.to_owned(), with_literals, code, test_lines }
    }

    /// Tells whether a line, from 1, is compiled for tests only.
    pub(super) fn is_test(&self, line: usize) -> bool {
        self.test_lines.get(line.saturating_sub(1)).copied().unwrap_or(false)
    }

    /// Returns the crate's folder name, or `""` outside `crates/`.
    pub(super) fn crate_name(&self) -> &str {
        self.path.strip_prefix("crates/").and_then(|rest| rest.split('/').next()).unwrap_or("")
    }
}

/// Splits a line of code in words (letters, digits, `_`).
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

pub(super) fn is_test_path(path: &str) -> bool {
    let folder = |name: &str| path.split('/').rev().skip(1).any(|part| part == name);
    path.ends_with("/tests.rs") || ["tests", "benches", "examples", "fuzz"].into_iter().any(folder)
}

/// Marks the lines of items behind a `#[cfg(test)]`, or a `cfg` on the feature `testing`.
fn mark_test_items(code: &str, test_lines: &mut [bool]) {
    let lines: Vec<&str> = code.lines().collect();
    for (start, line) in lines.iter().enumerate() {
        let attribute = line.trim_start();
        if !attribute.starts_with("#[cfg(") || !words(attribute).any(|word| word == "test") {
            continue;
        }
        let rest = lines.get(start..).unwrap_or_default().join("\n");
        let length = rest.get(..item_end(&rest)).unwrap_or(&rest).lines().count();
        test_lines.iter_mut().skip(start).take(length).for_each(|mark| *mark = true);
    }
}

/// Returns the byte offset behind the item a text begins with: its closing brace, or its semicolon.
pub(super) fn item_end(code: &str) -> usize {
    let (mut braces, mut others) = (0_usize, 0_usize);
    for (offset, c) in code.char_indices() {
        match c {
            '{' => braces += 1,
            '}' if braces <= 1 => return offset + 1,
            '}' => braces -= 1,
            '(' | '[' => others += 1,
            ')' | ']' => others = others.saturating_sub(1),
            ';' if braces == 0 && others == 0 => return offset + 1,
            _ => {}
        }
    }
    code.len()
}

/// What a piece of Rust text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Returns the text without comments and insides of literals, and the text without comments.
fn blank(text: &str) -> (String, String) {
    let (mut code, mut with_literals) =
        (String::with_capacity(text.len()), String::with_capacity(text.len()));
    let mut rest = text;
    let mut before = ' ';
    while !rest.is_empty() {
        let (kind, length) = piece(rest, before);
        let (piece, after) = rest.split_at(length);
        for c in piece.chars() {
            let keep = c == '\n' || kind == Kind::Code;
            code.push(if keep { c } else { ' ' });
            with_literals.push(if keep || kind == Kind::Literal { c } else { ' ' });
        }
        before = piece.chars().last().unwrap_or(' ');
        rest = after;
    }
    (code, with_literals)
}

/// Returns the kind and the length in bytes, at least one character, of what a text begins with.
fn piece(text: &str, before: char) -> (Kind, usize) {
    let first = text.chars().next().map_or(1, char::len_utf8);
    if text.starts_with("//") {
        return (Kind::Comment, text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return (Kind::Comment, block_comment(text));
    }
    if text.starts_with('"') {
        return (Kind::Literal, quoted(text, '"'));
    }
    if text.starts_with('\'') {
        return character(text).map_or((Kind::Code, first), |length| (Kind::Literal, length));
    }
    let inside_word = before.is_alphanumeric() || before == '_';
    match raw_string(text) {
        Some(length) if !inside_word => (Kind::Literal, length),
        _ => (Kind::Code, first),
    }
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut offset = 0;
    while let Some(rest) = text.get(offset..).filter(|rest| !rest.is_empty()) {
        let step = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest.chars().next().map_or(1, char::len_utf8)
        };
        offset += step;
        if depth == 0 {
            break;
        }
    }
    offset
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (offset, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return offset + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Tells a character literal from a lifetime: `'a'` and `'\n'` from `'a`.
fn character(text: &str) -> Option<usize> {
    let mut characters = text.chars().skip(1);
    match (characters.next()?, characters.next()?) {
        ('\\', _) => Some(quoted(text, '\'')),
        (c, '\'') => Some(c.len_utf8() + 2),
        _ => None,
    }
}

fn raw_string(text: &str) -> Option<usize> {
    let open =
        text.strip_prefix("br").or_else(|| text.strip_prefix("cr")).or_else(|| text.strip_prefix('r'))?;
    let hashes = open.len() - open.trim_start_matches('#').len();
    let inside = open.get(hashes..)?.strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = inside.find(&close).map_or(inside.len(), |end| end + close.len());
    Some(text.len() - inside.len() + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_in_place() {
        let text = "a(\"x // y\"); // why\nb('\"', '\\'', r#\"q\"z\"#); /* c /* d */ e */ f::<'a>()\n";
        let source = Source::new("crates/x/src/a.rs", text);
        assert_eq!(source.code.len(), text.len());
        let squeezed: String = source.code.split_whitespace().collect();
        assert_eq!(squeezed, "a();b(,,);f::<'a>()");
        assert!(source.with_literals.contains("x // y") && !source.with_literals.contains("why"));
    }

    #[test]
    fn test_items_are_marked_and_only_those() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod more;\nfn d() {}\n";
        let source = Source::new("crates/x/src/a.rs", text);
        let marked: Vec<usize> = (1..=9).filter(|line| source.is_test(*line)).collect();
        assert_eq!(marked, [2, 3, 4, 5, 7, 8]);
    }

    #[test]
    fn test_paths_are_tests_as_a_whole() {
        assert!(is_test_path("crates/x/tests/it/main.rs") && is_test_path("crates/x/src/a/tests.rs"));
        assert!(!is_test_path("crates/x/src/contests.rs") && !is_test_path("xtask/src/commands/test.rs"));
    }

    #[test]
    fn hostile_text_ends() {
        for text in ["\"", "'", "'\\", "/*", "r#\"", "/* /*", "b'", "fn", "é'é'", "r####"] {
            let source = Source::new("a.rs", text);
            assert_eq!(source.code.chars().count(), text.chars().count());
        }
    }
}
