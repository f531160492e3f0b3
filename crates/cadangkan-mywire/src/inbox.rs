use std::io;
use std::ops::Range;

/// The size at rest: large enough that a system call brings many rows.
const AT_REST: usize = 256 << 10;
/// Above this, the buffer goes back to its size at rest once the large packet is over.
const KEPT: usize = 8 << 20;
/// The servers' own limit for one packet (`max_allowed_packet`), and what a row of it may have around it.
const LONGEST: usize = (1 << 30) + (1 << 20);
/// The length in three bytes, and the number of the packet.
const HEADER: usize = 4;
/// A part of this length is continued by the next one, which may be empty.
pub(crate) const FULL_PART: usize = 0xff_ffff;

/// What came from the server and is not yet used, cut into packets.
///
/// A packet lies in the buffer as it came and is not copied; of one in several parts, each part is moved once, onto the
/// header before it. The length in a header is never trusted: the buffer grows only as bytes really arrive.
pub(crate) struct Inbox {
    buffer: Vec<u8>,
    /// Where the packet that is being put together begins, behind its first header.
    body: usize,
    /// Its length as far as it is together, when a part of it is.
    joined: Option<usize>,
    /// Where the next header is.
    next: usize,
    end: usize,
    /// The number that the next packet must have.
    pub(crate) sequence: u8,
    /// Whether the last packet was an error that came without having been asked for.
    pub(crate) out_of_turn: bool,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Inbox {
            buffer: vec![0; AT_REST],
            body: 0,
            joined: None,
            next: 0,
            end: 0,
            sequence: 0,
            out_of_turn: false,
        }
    }

    /// Whether nothing is left that was not taken.
    pub(crate) fn is_empty(&self) -> bool {
        self.next == self.end && self.joined.is_none()
    }

    /// What has arrived and was not taken.
    pub(crate) fn arrived(&self) -> &[u8] {
        self.buffer.get(self.next..self.end).unwrap_or_default()
    }

    /// The bytes of a packet that [`next`](Inbox::next) found, until more are read.
    #[inline]
    pub(crate) fn packet(&self, range: Range<usize>) -> &[u8] {
        self.buffer.get(range).unwrap_or_default()
    }

    /// Takes the next packet when it is whole. The error says what is wrong with it.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Range<usize>>, String> {
        loop {
            let Some((&[a, b, c, number], rest)) = self.arrived().split_first_chunk::<HEADER>() else {
                return Ok(None);
            };
            let length = part_length(a, b, c);
            let so_far = self.joined.unwrap_or(0);
            if so_far + length > LONGEST {
                return Err("a packet longer than any".to_owned());
            }
            // A server that ends a connection says so without having heard us, and counts from the beginning. What is
            // no packet at all claims lengths that never come.
            let is_no_error = rest.get(..length.min(1)).is_some_and(|first| first != [0xff]);
            if number != self.sequence && (self.joined.is_some() || is_no_error) {
                return Err(format!("packet {number} where {} is due", self.sequence));
            }
            if rest.len() < length {
                return Ok(None);
            }
            self.out_of_turn = number != self.sequence;
            self.sequence = number.wrapping_add(1);
            let begin = self.next + HEADER;
            let end = begin + length;
            if self.joined.is_some() {
                self.buffer.copy_within(begin..end, self.body + so_far);
            } else {
                self.body = begin;
            }
            self.next = end;
            if length < FULL_PART {
                self.joined = None;
                return Ok(Some(self.body..self.body + so_far + length));
            }
            self.joined = Some(so_far + length);
        }
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
        self.close_gaps();
        let left = self.end;
        if self.buffer.len() > KEPT && left < AT_REST && self.awaited() <= AT_REST {
            self.buffer.truncate(AT_REST);
            self.buffer.shrink_to_fit();
        } else if left * 2 >= self.buffer.len() && self.awaited() > self.buffer.len() {
            let doubled = self.buffer.len().saturating_mul(2);
            self.buffer.resize(doubled.min(self.awaited()), 0);
        }
    }

    /// Moves what is left to the beginning, and what has arrived of the next part behind what is together.
    fn close_gaps(&mut self) {
        let kept = self.joined.unwrap_or(0);
        if kept > 0 && self.body > 0 {
            self.buffer.copy_within(self.body..self.body + kept, 0);
        }
        if self.next > kept {
            self.buffer.copy_within(self.next..self.end, kept);
            self.end -= self.next - kept;
            self.next = kept;
        }
        self.body = 0;
    }

    /// Where the part that is due would end, after the gaps are closed.
    fn awaited(&self) -> usize {
        let part = match self.arrived().split_first_chunk::<3>() {
            Some(([a, b, c], _)) => part_length(*a, *b, *c),
            None => 0,
        };
        // A full part is followed by another header at least.
        self.next + HEADER + part + HEADER
    }
}

#[inline]
fn part_length(a: u8, b: u8, c: u8) -> usize {
    usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16
}

#[cfg(test)]
mod tests;
