//! Numbers and texts as the protocol writes them (manual of the protocol, "Protocol Basics", "Basic Data Types").

/// Reads a packet from its front; each read that finds too little gives `None` and takes nothing for sure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number of one to nine bytes. 251 and 255 begin none.
    #[inline]
    pub(crate) fn length(&mut self) -> Option<u64> {
        match self.u8()? {
            short @ ..=250 => Some(u64::from(short)),
            252 => self.u16().map(u64::from),
            253 => {
                let [a, b, c] = self.array()?;
                Some(u64::from(u32::from_le_bytes([a, b, c, 0])))
            }
            254 => self.array().map(u64::from_le_bytes),
            _ => None,
        }
    }

    /// Bytes behind a number that is their length.
    #[inline]
    pub(crate) fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.bytes(usize::try_from(length).ok()?)
    }

    /// Bytes up to a zero, which is taken as well; or to the end, where some servers leave the zero out.
    pub(crate) fn until_zero(&mut self) -> &'a [u8] {
        let length = self.rest.iter().position(|byte| *byte == 0);
        let taken = self.bytes(length.unwrap_or(self.rest.len())).unwrap_or_default();
        self.rest = self.rest.get(1..).unwrap_or_default();
        taken
    }
}

/// Writes a number of one to nine bytes.
pub(crate) fn put_length(out: &mut Vec<u8>, number: usize) {
    let bytes = u64::try_from(number).unwrap_or(u64::MAX).to_le_bytes();
    let (mark, length) = match number {
        0..=250 => (None, 1),
        251..=0xffff => (Some(252), 2),
        0x1_0000..=0xff_ffff => (Some(253), 3),
        _ => (Some(254), 8),
    };
    out.extend(mark);
    out.extend(bytes.iter().take(length));
}

/// Writes bytes behind their length.
pub(crate) fn put_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_have_the_sizes_of_the_manual() {
        for (number, size) in
            [(0, 1), (250, 1), (251, 3), (65_535, 3), (65_536, 4), (16_777_215, 4), (1 << 24, 9)]
        {
            let mut bytes = Vec::new();
            put_length(&mut bytes, number);
            assert_eq!(bytes.len(), size);
            assert_eq!(Reader::new(&bytes).length(), Some(u64::try_from(number).unwrap()));
            assert_eq!(Reader::new(&bytes[..size - 1]).length(), None);
        }
        assert_eq!(Reader::new(&[251]).length(), None);
        assert_eq!(Reader::new(&[255, 0, 0]).length(), None);
        assert_eq!(Reader::new(&[254, 255, 255, 255, 255, 255, 255, 255, 255, 1]).counted(), None);
    }

    #[test]
    fn texts_end_at_a_zero_or_at_the_end() {
        let mut reader = Reader::new(b"ab\0c");
        assert_eq!(
            (reader.until_zero(), reader.until_zero(), reader.until_zero()),
            (&b"ab"[..], &b"c"[..], &b""[..])
        );
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut reader = Reader::new(&bytes);
            while reader.counted().is_some() {}
            reader.until_zero();
        }
    }
}
