use std::io;

/// The size at rest: large enough that a system call brings many rows.
const AT_REST: usize = 256 << 10;
/// Above this, the buffer goes back to its size at rest once the large message is over.
const KEPT: usize = 8 << 20;
/// PostgreSQL's own limit for one value and one row (`MaxAllocSize`).
const LONGEST: usize = 1 << 30;
/// For all that is not a row of data; servers send far less.
const LONGEST_OTHER: usize = 16 << 20;
/// The tag and the length, which counts itself but not the tag.
const HEADER: usize = 5;

/// One message as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw<'a> {
    pub(crate) tag: u8,
    /// Without tag and length.
    pub(crate) body: &'a [u8],
    /// With tag and length.
    pub(crate) whole: &'a [u8],
}

/// What came from the server and is not yet used, cut into messages without copying.
///
/// The length in a header is never trusted: the buffer grows only as bytes really arrive.
pub(crate) struct Inbox {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Inbox { buffer: vec![0; AT_REST], start: 0, end: 0 }
    }

    /// Takes the next message when it is whole. The error says what is wrong with it.
    pub(crate) fn next(&mut self) -> Result<Option<Raw<'_>>, String> {
        let arrived = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some((tag, length)) = header(arrived) else { return Ok(None) };
        check(tag, length)?;
        let Some(whole) = arrived.get(..=length) else { return Ok(None) };
        self.start += whole.len();
        Ok(Some(Raw { tag, body: whole.get(HEADER..).unwrap_or_default(), whole }))
    }

    /// Makes room and lets `read` put bytes there; returns how many came.
    pub(crate) fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        self.make_room();
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let length = room.len();
        let came = read(room)?.min(length);
        self.end += came;
        Ok(came)
    }

    fn make_room(&mut self) {
        let left = self.end - self.start;
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.start = 0;
            self.end = left;
        }
        if self.buffer.len() > KEPT && left < AT_REST && self.awaited() <= AT_REST {
            self.buffer.truncate(AT_REST);
            self.buffer.shrink_to_fit();
        } else if left == self.buffer.len() {
            let doubled = self.buffer.len().saturating_mul(2);
            self.buffer.resize(doubled.min(self.awaited().max(AT_REST)).max(left + HEADER), 0);
        }
    }

    /// The length that the message at the start claims to have.
    fn awaited(&self) -> usize {
        let arrived = self.buffer.get(self.start..self.end).unwrap_or_default();
        header(arrived).map_or(0, |(_, length)| length.saturating_add(1))
    }
}

/// The tag and the length without the tag, once both are there.
fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let (tag, rest) = bytes.split_first()?;
    let length = u32::from_be_bytes(*rest.first_chunk()?);
    Some((*tag, usize::try_from(length).unwrap_or(usize::MAX)))
}

fn check(tag: u8, length: usize) -> Result<(), String> {
    let longest = if matches!(tag, b'd' | b'D') { LONGEST } else { LONGEST_OTHER };
    if !tag.is_ascii_alphanumeric() {
        return Err(format!("a message of the unknown kind {tag:#04x}"));
    }
    if length < 4 || length > longest {
        return Err(format!("a message of the impossible length {length}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[tag], length.as_slice(), body].concat()
    }

    /// Feeds bytes in pieces and returns the messages, as long as all is well.
    fn read_all(bytes: &[u8], piece: usize) -> Result<Vec<(u8, Vec<u8>)>, String> {
        let (mut inbox, mut found) = (Inbox::new(), Vec::new());
        let mut rest = bytes;
        loop {
            while let Some(raw) = inbox.next()? {
                found.push((raw.tag, raw.body.to_vec()));
            }
            let came = inbox.fill(|mut room| {
                let (now, later) = rest.split_at(piece.min(rest.len()).min(room.len()));
                rest = later;
                io::Write::write(&mut room, now)
            });
            if came.unwrap() == 0 {
                return Ok(found);
            }
        }
    }

    #[test]
    fn large_messages_grow_the_buffer_and_it_shrinks_back() {
        let body = vec![7; KEPT + 1000];
        let stream = [message(b'd', &body), message(b'd', b"small")].concat();
        let found = read_all(&stream, 1 << 20).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].1 == body && found[1].1 == b"small");

        let mut inbox = Inbox::new();
        let mut rest = stream.as_slice();
        let mut largest = 0;
        while !rest.is_empty() {
            inbox.fill(|room| io::Read::read(&mut rest, room)).unwrap();
            largest = largest.max(inbox.buffer.len());
            while inbox.next().unwrap().is_some() {}
        }
        assert!(largest > KEPT && largest <= stream.len() && inbox.start == inbox.end);
        inbox.fill(|_| Ok(0)).unwrap();
        assert_eq!(inbox.buffer.len(), AT_REST);
    }

    #[test]
    fn a_claimed_length_takes_no_memory() {
        let mut inbox = Inbox::new();
        let claim = [b'd', 0x3f, 0xff, 0xff, 0xff];
        inbox.fill(|mut room| io::Write::write(&mut room, &claim)).unwrap();
        assert_eq!(inbox.next().unwrap(), None);
        inbox.fill(|_| Ok(0)).unwrap();
        assert_eq!(inbox.buffer.len(), AT_REST);
    }

    #[test]
    fn impossible_headers_are_errors() {
        for (tag, length) in
            [(b'd', 3), (b'd', 0), (b'd', u32::MAX), (b'Z', 17 << 20), (b'H', 0x5454_502f), (0, 4)]
        {
            let bytes = [&[tag], length.to_be_bytes().as_slice()].concat();
            assert!(read_all(&bytes, 5).is_err(), "{tag} {length}");
        }
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in(
            messages in prop::collection::vec((prop::char::range('A', 'z'), prop::collection::vec(any::<u8>(), 0..600)), 0..30),
            piece in 1..700usize,
        ) {
            let sent: Vec<(u8, Vec<u8>)> = messages.into_iter()
                .filter(|(tag, _)| tag.is_ascii_alphanumeric())
                .map(|(tag, body)| (u8::try_from(tag).unwrap(), body))
                .collect();
            let stream: Vec<u8> = sent.iter().flat_map(|(tag, body)| message(*tag, body)).collect();
            prop_assert_eq!(read_all(&stream, piece), Ok(sent));
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000), piece in 1..300usize) {
            let _ = read_all(&bytes, piece);
        }
    }
}
