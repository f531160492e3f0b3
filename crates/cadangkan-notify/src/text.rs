//! Texts of others: made short, and harmless.

/// At most so many characters, on one line, without what moves a cursor or turns the direction of writing.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let plain = |character: char| match character {
        '\n' | '\t' => ' ',
        _ if character.is_control() || is_invisible(character) => '\u{fffd}',
        _ => character,
    };
    let mut characters = text.trim_end().chars().map(plain);
    let mut kept: String = characters.by_ref().take(most).collect();
    if characters.next().is_some() {
        kept.pop();
        kept.push('…');
    }
    kept
}

/// Marks that change the direction of what follows, or show nothing.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// At most so many bytes: lines that do not fit are left out whole; of a first line as much as fits.
pub(crate) fn whole_lines(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let room = most.saturating_sub("\n…".len());
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        if kept.len() + line.len() <= room {
            kept.push_str(line);
        }
    }
    if kept.is_empty() {
        let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        kept.push_str(text.get(..end).unwrap_or_default());
    }
    kept.truncate(kept.trim_end().len());
    kept + "\n…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_or_moves_the_cursor_is_gone() {
        assert_eq!(cut("one\ntwo\t\u{1b}[31m\u{202e}x\r\n", 40), "one two \u{fffd}[31m\u{fffd}x");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("日本語", 3), "日本語");
    }

    #[test]
    fn only_whole_lines_are_kept() {
        assert_eq!(whole_lines("one\ntwo\nthree", 13), "one\ntwo\nthree");
        assert_eq!(whole_lines("one\ntwo\nthree", 12), "one\ntwo\n…");
        assert_eq!(whole_lines("one\ntwo and three\nfour\n", 13), "one\nfour\n…");
        assert_eq!(whole_lines("日本語日本語", 11), "日本\n…");
        assert!((0..40).all(|most| whole_lines("日本\n語日本語 abc", most).len() <= most.max(4)));
    }
}
