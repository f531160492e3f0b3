/// What a line of an option file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// It is empty, or a comment.
    Nothing,
    /// A group begins.
    Group(&'a str),
    /// Another file follows here.
    Include(&'a str),
    /// The files of a folder follow here.
    IncludeFolder(&'a str),
    /// An option, with dashes in its name, and its value.
    Option(String, Option<String>),
}

/// Reads one line (manual, "Using Option Files", "Option File Syntax"). The error says what is wrong with it.
pub(super) fn line(line: &str) -> Result<Line<'_>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return Ok(Line::Nothing);
    }
    if let Some(directive) = line.strip_prefix('!') {
        let (word, rest) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
        return match (word, rest.trim()) {
            (_, "") => Err("`!` without a path".to_owned()),
            ("include", path) => Ok(Line::Include(path)),
            ("includedir", path) => Ok(Line::IncludeFolder(path)),
            // The clients skip what they do not know.
            _ => Ok(Line::Nothing),
        };
    }
    if let Some(group) = line.strip_prefix('[') {
        let (name, _) = group.split_once(']').ok_or("a group's name has no closing `]`")?;
        return Ok(Line::Group(name.trim()));
    }
    let line = without_comment(line);
    let (name, value) = match line.split_once('=') {
        Some((name, value)) => (name, Some(unescape(unquote(value.trim())))),
        None => (line, None),
    };
    let name = name.trim().to_ascii_lowercase().replace('_', "-");
    let name = name.strip_prefix("loose-").unwrap_or(&name).to_owned();
    Ok(Line::Option(name, value))
}

/// Cuts a line at a `#` that stands outside of quotes.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut escaped) = (None, false);
    for (at, character) in line.char_indices() {
        match (character, quote) {
            ('\'' | '"', None) => quote = Some(character),
            ('\'' | '"', Some(open)) if open == character && !escaped => quote = None,
            ('#', None) => return line.get(..at).unwrap_or(line).trim_end(),
            _ => {}
        }
        escaped = quote.is_some() && character == '\\' && !escaped;
    }
    line
}

fn unquote(value: &str) -> &str {
    let inside = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

/// Replaces the escapes of the manual. A backslash before another character stays.
fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        match rest.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('s') => text.push(' '),
            Some(plain @ ('\\' | '"' | '\'')) => text.push(plain),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> Option<String> {
        match line(text).unwrap() {
            Line::Option(_, value) => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_are_quoted_and_escaped_as_in_the_manual() {
        let cases = [
            ("password=a b  # c", "a b"),
            ("password = 'a # b' # c", "a # b"),
            (r#"password="it's""#, "it's"),
            (r"password=C:\\x\ty\s\q", "C:\\x\ty \\q"),
            ("password=x=y", "x=y"),
            ("password=", ""),
            ("password='", "'"),
            ("password=a;b", "a;b"),
            (r#"password="a\"b" # c"#, "a\"b"),
        ];
        for (text, expected) in cases {
            assert_eq!(value(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(value("password"), None);
    }

    #[test]
    fn names_groups_and_directives() {
        let option = |name: &str| Line::Option(name.to_owned(), None);
        assert_eq!(line("  ssl_CA "), Ok(option("ssl-ca")));
        assert_eq!(line("loose-ssl-mode"), Ok(option("ssl-mode")));
        assert_eq!(line("[ client ] # ours"), Ok(Line::Group("client")));
        assert_eq!(line("!includedir  /etc/x.d "), Ok(Line::IncludeFolder("/etc/x.d")));
        assert_eq!(line("!include y"), Ok(Line::Include("y")));
        assert_eq!(line("; no"), Ok(Line::Nothing));
        assert!(line("[client").is_err() && line("!include").is_err());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(text in "\\PC{0,40}") {
            let _ = line(&text);
        }
    }
}
