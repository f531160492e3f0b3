//! Packets of SFTP, version 3 (draft-ietf-secsh-filexfer-02): a length, a type, and fields.

/// Types of requests.
pub(crate) mod request {
    pub(crate) const INIT: u8 = 1;
    pub(crate) const OPEN: u8 = 3;
    pub(crate) const CLOSE: u8 = 4;
    pub(crate) const READ: u8 = 5;
    pub(crate) const WRITE: u8 = 6;
    pub(crate) const LSTAT: u8 = 7;
    pub(crate) const FSTAT: u8 = 8;
    pub(crate) const OPENDIR: u8 = 11;
    pub(crate) const READDIR: u8 = 12;
    pub(crate) const REMOVE: u8 = 13;
    pub(crate) const MKDIR: u8 = 14;
    pub(crate) const RMDIR: u8 = 15;
    pub(crate) const RENAME: u8 = 18;
    pub(crate) const EXTENDED: u8 = 200;
}

/// Types of answers.
pub(crate) mod answer {
    pub(crate) const VERSION: u8 = 2;
    pub(crate) const STATUS: u8 = 101;
    pub(crate) const HANDLE: u8 = 102;
    pub(crate) const DATA: u8 = 103;
    pub(crate) const NAME: u8 = 104;
    pub(crate) const ATTRS: u8 = 105;
    pub(crate) const EXTENDED_REPLY: u8 = 201;
}

const HAS_SIZE: u32 = 1;
const HAS_OWNER: u32 = 2;
const HAS_MODE: u32 = 4;
const HAS_TIMES: u32 = 8;
const HAS_MORE: u32 = 0x8000_0000;

/// A packet that is being written.
pub(crate) struct Packet(Vec<u8>);

impl Packet {
    pub(crate) fn new(kind: u8) -> Self {
        Packet(vec![0, 0, 0, 0, kind])
    }

    pub(crate) fn number(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    pub(crate) fn long(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Appends bytes behind their length.
    pub(crate) fn text(self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let mut packet = self.number(length(bytes));
        packet.0.extend_from_slice(bytes);
        packet
    }

    /// Appends the mode of a new file or folder.
    pub(crate) fn mode(self, mode: u32) -> Self {
        self.number(HAS_MODE).number(mode)
    }

    /// Returns the packet, with the length of what is in it and `more` bytes that follow.
    pub(crate) fn end(mut self, more: usize) -> Vec<u8> {
        let whole = u32::try_from(self.0.len().saturating_sub(4).saturating_add(more)).unwrap_or(u32::MAX);
        if let Some(start) = self.0.first_chunk_mut() {
            *start = whole.to_be_bytes();
        }
        self.0
    }
}

/// Returns a length as the protocol has it; a packet never holds 4 GB.
pub(crate) fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Reads the fields of an answer; `None` when it ends too early.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    pub(crate) fn long(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }

    pub(crate) fn attributes(&mut self) -> Option<Attributes> {
        let flags = self.number()?;
        let mut read = Attributes::default();
        if flags & HAS_SIZE != 0 {
            read.size = Some(self.long()?);
        }
        if flags & HAS_OWNER != 0 {
            self.long()?;
        }
        if flags & HAS_MODE != 0 {
            read.mode = Some(self.number()?);
        }
        if flags & HAS_TIMES != 0 {
            self.number()?;
            read.modified = Some(self.number()?);
        }
        if flags & HAS_MORE != 0 {
            for _ in 0..self.number()? {
                self.text()?;
                self.text()?;
            }
        }
        Some(read)
    }
}

/// What a server says of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) size: Option<u64>,
    mode: Option<u32>,
    /// In seconds since 1970.
    pub(crate) modified: Option<u32>,
}

impl Attributes {
    pub(crate) fn is_file(&self) -> bool {
        self.is(0o100_000)
    }

    pub(crate) fn is_folder(&self) -> bool {
        self.is(0o040_000)
    }

    fn is(&self, kind: u32) -> bool {
        self.mode.is_some_and(|mode| mode & 0o170_000 == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_has_its_length_before_it() {
        let packet = Packet::new(request::OPEN).number(7).text("a").mode(0o600).end(0);
        assert_eq!(packet, [0, 0, 0, 18, 3, 0, 0, 0, 7, 0, 0, 0, 1, b'a', 0, 0, 0, 4, 0, 0, 1, 0x80]);
        assert_eq!(Packet::new(request::WRITE).end(10), [0, 0, 0, 11, 6]);
    }

    #[test]
    fn attributes_are_read_whatever_stands_among_them() {
        let all = Packet::new(0)
            .number(HAS_SIZE | HAS_OWNER | HAS_MODE | HAS_TIMES | HAS_MORE)
            .long(5)
            .long(0)
            .number(0o100_600)
            .number(1)
            .number(2)
            .number(1)
            .text("a")
            .text("b")
            .text("rest")
            .end(0);
        let all = all.get(5..).unwrap();
        let mut fields = Fields(all);
        let read = fields.attributes().unwrap();
        assert!(read.is_file() && !read.is_folder());
        assert_eq!((read.size, read.modified, fields.text()), (Some(5), Some(2), Some(&b"rest"[..])));
        for cut in 0..all.len() {
            let mut fields = Fields(all.get(..cut).unwrap());
            assert!(fields.attributes().is_none() || fields.text().is_none(), "{cut}");
        }
    }
}
