use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// A mistake in a `.env` file. It never holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DotenvError {
    /// The line, from 1.
    pub(super) line: usize,
    /// What is wrong.
    pub(super) message: &'static str,
}

/// Reads a `.env` file: one `KEY=VALUE` a line, `#` comments, an optional `export`.
///
/// In single quotes everything stands for itself. In double quotes `\n \r \t \" \\ \$` are escapes, and a value may
/// go over several lines. Without quotes the value ends at ` #` or at the end of the line. Variables are not filled
/// in. Of two lines with one key the later counts.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, DotenvError> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader { characters: text.chars().peekable(), line: 1 };
    let mut variables = BTreeMap::new();
    loop {
        reader.skip(char::is_whitespace);
        match reader.characters.peek() {
            None => return Ok(variables),
            Some('#') => reader.skip(|character| character != '\n'),
            Some(_) => {
                let (key, value) = reader.assignment()?;
                variables.insert(key, value);
            }
        }
    }
}

struct Reader<'a> {
    characters: Peekable<Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn fail<T>(&self, message: &'static str) -> Result<T, DotenvError> {
        Err(DotenvError { line: self.line, message })
    }

    fn next(&mut self) -> Option<char> {
        let next = self.characters.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    fn skip(&mut self, matching: fn(char) -> bool) {
        while self.characters.peek().is_some_and(|character| matching(*character)) {
            self.next();
        }
    }

    fn assignment(&mut self) -> Result<(String, String), DotenvError> {
        let mut key = self.word();
        if key == "export" && self.characters.peek().is_some_and(|next| blank(*next)) {
            self.skip(blank);
            key = self.word();
        }
        self.skip(blank);
        if self.characters.peek() != Some(&'=') {
            return self.fail("expected KEY=VALUE");
        }
        if !super::variables::is_name(&key) {
            return self.fail("a key is letters, digits and '_', and does not begin with a digit");
        }
        self.next();
        self.skip(blank);
        let value = match self.characters.peek() {
            Some('\'') => self.single_quoted()?,
            Some('"') => self.double_quoted()?,
            _ => return Ok((key, self.unquoted())),
        };
        self.skip(blank);
        match self.characters.peek() {
            None | Some('\n' | '\r' | '#') => Ok((key, value)),
            Some(_) => self.fail("something stands behind the closing quote"),
        }
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(next) = self.characters.peek().filter(|next| !next.is_whitespace() && **next != '=') {
            word.push(*next);
            self.next();
        }
        word
    }

    fn unquoted(&mut self) -> String {
        let mut value = String::new();
        while let Some(next) = self.characters.peek().copied() {
            if next == '\n' || (next == '#' && (value.is_empty() || value.ends_with(blank))) {
                break;
            }
            value.push(next);
            self.next();
        }
        value.trim().to_owned()
    }

    fn single_quoted(&mut self) -> Result<String, DotenvError> {
        let begin = self.line;
        self.next();
        let mut value = String::new();
        while let Some(next) = self.next() {
            if next == '\'' {
                return Ok(value);
            }
            value.push(next);
        }
        Err(DotenvError { line: begin, message: "the single quote is not closed" })
    }

    fn double_quoted(&mut self) -> Result<String, DotenvError> {
        let begin = self.line;
        self.next();
        let mut value = String::new();
        while let Some(next) = self.next() {
            match next {
                '"' => return Ok(value),
                '\\' => value.push(self.escaped()?),
                plain => value.push(plain),
            }
        }
        Err(DotenvError { line: begin, message: "the double quote is not closed" })
    }

    fn escaped(&mut self) -> Result<char, DotenvError> {
        match self.next() {
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some(same @ ('"' | '\\' | '$')) => Ok(same),
            _ => self.fail("in double quotes only \\n \\r \\t \\\" \\\\ and \\$ are escapes"),
        }
    }
}

fn blank(character: char) -> bool {
    character == ' ' || character == '\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let text = "\u{feff}# comment\nA=1\r\nexport B = two words # note\nC='$x # \\n'\nD=\"a\\n\\\"b\\\" \\$c\"\n\
                    E=\nF=a#b\nG=\"two\nlines\" # note\nA=last\n  H=  x  \nexport=1\nI=#\n";
        let read = parse(text).unwrap();
        let expected = [
            ("A", "last"),
            ("B", "two words"),
            ("C", "$x # \\n"),
            ("D", "a\n\"b\" $c"),
            ("E", ""),
            ("F", "a#b"),
            ("G", "two\nlines"),
            ("H", "x"),
            ("I", ""),
            ("export", "1"),
        ];
        assert_eq!(
            read.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>(),
            expected
        );
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn names_the_line_and_never_the_value() {
        let cases = [
            ("A=1\nhunter2\n", 2, "KEY=VALUE"),
            ("A B=1", 1, "KEY=VALUE"),
            ("=1", 1, "a key is"),
            ("1A=1", 1, "a key is"),
            ("\n\nA='x\ny", 3, "single quote"),
            ("A=\"x", 1, "double quote is not closed"),
            ("A=\"x\" y", 1, "behind the closing quote"),
            ("A=\"\\q\"", 1, "escapes"),
            ("export", 1, "KEY=VALUE"),
        ];
        for (text, line, part) in cases {
            let error = parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text:?}");
            assert!(error.message.contains(part), "{text:?}: {}", error.message);
        }
    }
}
