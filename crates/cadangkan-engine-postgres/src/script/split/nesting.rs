use std::cmp::min;

/// How deep a statement's tokens are nested, by psql's rule: parentheses, and the bodies `BEGIN ATOMIC … END` of
/// functions and procedures (psqlscan.l, the rule for identifiers; since PostgreSQL 14).
#[derive(Debug, Default)]
pub(super) struct Nesting {
    parentheses: u32,
    blocks: u32,
    /// The first words, lower case, cut to what has to be told apart.
    words: Vec<Vec<u8>>,
}

const WORDS: usize = 4;
const WORD: usize = 10;

impl Nesting {
    /// Tells whether a `;` here ends the statement.
    pub(super) fn is_outside(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    /// The statement's first word.
    pub(super) fn first_word(&self) -> &[u8] {
        self.words.first().map(Vec::as_slice).unwrap_or_default()
    }

    /// Takes a symbol.
    pub(super) fn symbol(&mut self, symbol: &[u8]) {
        match symbol {
            b"(" => self.parentheses = self.parentheses.saturating_add(1),
            b")" => self.parentheses = self.parentheses.saturating_sub(1),
            _ => {}
        }
    }

    /// Takes an unquoted word.
    pub(super) fn word(&mut self, word: &[u8]) {
        if self.words.len() < WORDS {
            let kept = word.get(..min(word.len(), WORD)).unwrap_or_default();
            self.words.push(kept.to_ascii_lowercase());
        }
        if self.parentheses > 0 || !self.makes_routine() {
            return;
        }
        if word.eq_ignore_ascii_case(b"begin") || (self.blocks > 0 && word.eq_ignore_ascii_case(b"case")) {
            self.blocks = self.blocks.saturating_add(1);
        } else if word.eq_ignore_ascii_case(b"end") {
            self.blocks = self.blocks.saturating_sub(1);
        }
    }

    fn makes_routine(&self) -> bool {
        let words: Vec<&[u8]> = self.words.iter().map(Vec::as_slice).collect();
        matches!(
            words.as_slice(),
            [b"create", b"function" | b"procedure", ..]
                | [b"create", b"or", b"replace", b"function" | b"procedure", ..]
        )
    }
}
