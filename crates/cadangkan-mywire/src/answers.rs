//! What the packets of an answer mean (manual of the protocol, "COM_QUERY Response", "Text Resultset").

use crate::bytes::Reader;
use crate::inbox::FULL_PART;
use crate::{Column, ServerError};

/// A transaction is open.
const IN_TRANSACTION: u16 = 1;
/// Another result follows.
const MORE_RESULTS: u16 = 8;
const MOST_COLUMNS: u64 = 0xffff;
const LONGEST_DEFINITION: usize = 64 << 10;

/// The answers to one statement: how far they have come, and what they said.
pub(crate) struct Answers {
    phase: Phase,
    /// Of the result that comes now.
    pub(crate) columns: Vec<Column>,
    status: u16,
    pub(crate) warnings: u16,
    /// Whether results end in the newer way.
    pub(crate) deprecate_eof: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was asked.
    Idle,
    /// An answer is due.
    Answer,
    /// So many definitions of columns are due.
    Columns(u64),
    /// The mark behind the definitions is due.
    ColumnsEnd,
    /// Rows are due, or their end.
    Rows,
}

/// What a packet was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A row; it is the packet itself.
    Row,
    /// Something that only [`Answers`] needs to know.
    Nothing,
    /// A statement without rows is over and changed so many.
    Changed(u64),
    /// The server refused; nothing follows.
    Failed(ServerError),
    /// The server asks for a file.
    File,
}

impl Answers {
    pub(crate) fn new(deprecate_eof: bool) -> Self {
        Answers { phase: Phase::Idle, columns: Vec::new(), status: 0, warnings: 0, deprecate_eof }
    }

    /// Says that a statement was sent.
    pub(crate) fn expect(&mut self) {
        self.phase = Phase::Answer;
        self.columns.clear();
    }

    /// Whether nothing more comes.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Idle
    }

    pub(crate) fn in_transaction(&self) -> bool {
        self.status & IN_TRANSACTION != 0
    }

    /// Takes the next packet. The error says what is wrong with it.
    #[inline]
    pub(crate) fn take(&mut self, packet: &[u8]) -> Result<Step, &'static str> {
        match (self.phase, packet.first()) {
            (Phase::Rows, Some(0xfe)) if packet.len() < self.shortest_row_of_fe() => self.end_rows(packet),
            (Phase::Rows, Some(first)) if *first != 0xff => Ok(Step::Row),
            _ => self.take_other(packet),
        }
    }

    /// A row whose first value is longer than 16 MiB begins as an end does; an end is shorter.
    fn shortest_row_of_fe(&self) -> usize {
        if self.deprecate_eof { FULL_PART } else { 9 }
    }

    fn take_other(&mut self, packet: &[u8]) -> Result<Step, &'static str> {
        let (first, rest) = packet.split_first().ok_or("an empty packet")?;
        if *first == 0xff && self.phase != Phase::Idle {
            self.phase = Phase::Idle;
            return Ok(Step::Failed(ServerError::read(rest).ok_or("an error that is cut off")?));
        }
        match self.phase {
            Phase::Idle => Err("an answer that nobody asked for"),
            Phase::Answer => self.take_answer(*first, packet),
            Phase::Columns(left) => {
                if packet.len() > LONGEST_DEFINITION {
                    return Err("a column's definition that is too long");
                }
                self.columns.push(Column::read(packet).ok_or("a column's definition that is cut off")?);
                self.phase = match (left, self.deprecate_eof) {
                    (1, true) => Phase::Rows,
                    (1, false) => Phase::ColumnsEnd,
                    _ => Phase::Columns(left - 1),
                };
                Ok(Step::Nothing)
            }
            Phase::ColumnsEnd if *first == 0xfe && packet.len() < 9 => {
                self.phase = Phase::Rows;
                Ok(Step::Nothing)
            }
            Phase::ColumnsEnd => Err("columns without an end"),
            // A row of no value, which no server sends.
            Phase::Rows => Err("an empty row"),
        }
    }

    fn take_answer(&mut self, first: u8, packet: &[u8]) -> Result<Step, &'static str> {
        match first {
            0 => self.end(packet).map(Step::Changed),
            0xfb => Ok(Step::File),
            _ => {
                let mut reader = Reader::new(packet);
                let number = reader.length().filter(|number| (1..=MOST_COLUMNS).contains(number));
                let number = number.filter(|_| reader.rest.is_empty()).ok_or("an unknown answer")?;
                self.columns.clear();
                self.phase = Phase::Columns(number);
                Ok(Step::Nothing)
            }
        }
    }

    fn end_rows(&mut self, packet: &[u8]) -> Result<Step, &'static str> {
        if self.deprecate_eof {
            self.end(packet)?;
        } else {
            let mut reader = Reader::new(packet.get(1..).unwrap_or_default());
            let (warnings, status) = reader.u16().zip(reader.u16()).ok_or("an end that is cut off")?;
            self.finish(status, warnings);
        }
        Ok(Step::Nothing)
    }

    /// Reads an OK and returns the number of rows that were changed.
    fn end(&mut self, packet: &[u8]) -> Result<u64, &'static str> {
        let mut reader = Reader::new(packet.get(1..).unwrap_or_default());
        let mut read = || {
            let (changed, _inserted) = (reader.length()?, reader.length()?);
            Some((changed, reader.u16()?, reader.u16()?))
        };
        let (changed, status, warnings) = read().ok_or("an end that is cut off")?;
        self.finish(status, warnings);
        Ok(changed)
    }

    fn finish(&mut self, status: u16, warnings: u16) {
        self.status = status;
        self.warnings = warnings;
        self.phase = if status & MORE_RESULTS == 0 { Phase::Idle } else { Phase::Answer };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ColumnKind;

    const COLUMN: &[u8] = b"\x03def\x01d\x01t\x02ot\x01n\x02on\x0c\x2d\0\x0a\0\0\0\xfd\x01\0\x1f\0\0";

    fn started(deprecate_eof: bool) -> Answers {
        let mut answers = Answers::new(deprecate_eof);
        answers.expect();
        answers
    }

    #[test]
    fn results_end_in_both_ways() {
        let mut old = started(false);
        for (packet, step) in [
            (b"\x01".as_slice(), Step::Nothing),
            (COLUMN, Step::Nothing),
            (b"\xfe\0\0\x02\0", Step::Nothing),
            (b"\x01a", Step::Row),
            (b"\xfe\x03\0\x01\0", Step::Nothing),
        ] {
            assert!(!old.is_over());
            assert_eq!(old.take(packet), Ok(step));
        }
        assert!(old.is_over() && old.in_transaction() && old.warnings == 3);
        assert_eq!(old.columns[0].kind, ColumnKind::VarString);

        let mut new = started(true);
        for packet in [b"\x01".as_slice(), COLUMN] {
            assert_eq!(new.take(packet), Ok(Step::Nothing));
        }
        assert_eq!(new.take(b"\x01a"), Ok(Step::Row));
        assert_eq!(new.take(b"\xfe\0\0\x08\0\0\0"), Ok(Step::Nothing));
        assert!(!new.is_over(), "another result follows");
        assert_eq!(new.take(b"\0\xfc\x00\x10\0\x02\0\x01\0"), Ok(Step::Changed(4096)));
        assert!(new.is_over() && new.warnings == 1);
        assert!(new.take(b"\0\0\0\0\0\0\0").is_err());
    }

    #[test]
    fn a_row_that_begins_as_an_end_is_a_row() {
        let mut answers = started(true);
        answers.take(b"\x01").unwrap();
        answers.take(COLUMN).unwrap();
        let mut row = vec![0; FULL_PART + 10];
        row[0] = 0xfe;
        assert_eq!(answers.take(&row), Ok(Step::Row));
    }

    #[test]
    fn errors_and_files_are_seen_anywhere() {
        let refused = Step::Failed(ServerError { code: 1317, state: "70100".into(), message: "no".into() });
        let mut answers = started(true);
        answers.take(b"\x01").unwrap();
        answers.take(COLUMN).unwrap();
        assert_eq!(answers.take(b"\xff\x25\x05#70100no"), Ok(refused));
        assert!(answers.is_over());
        assert_eq!(started(true).take(b"\xfb/etc/passwd"), Ok(Step::File));
        for bad in [b"".as_slice(), b"\xff", b"\0", b"\xfe", b"\xfc\0\0", b"\x01x", b"\xfe\0\0\0\0\0\0\0\x01"]
        {
            assert!(started(true).take(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn garbage_never_panics(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..20),
            newer in any::<bool>(),
        ) {
            let mut answers = started(newer);
            for packet in packets {
                if answers.take(&packet).is_err() {
                    break;
                }
            }
        }
    }
}
