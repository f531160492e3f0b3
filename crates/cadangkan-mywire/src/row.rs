use std::iter::FusedIterator;

use cadangkan_core::{Error, Result};

use crate::bytes::Reader;
use crate::explain::not_mysql;

/// One row of a result, as it lies in the read buffer.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    body: &'a [u8],
    columns: usize,
}

impl<'a> Row<'a> {
    pub(crate) fn new(body: &'a [u8], columns: usize) -> Self {
        Row { body, columns }
    }

    /// Gives the values in the order of the columns; `None` is NULL.
    ///
    /// # Errors
    /// An item is an error, and the last one, when the row is cut off or has more bytes than values.
    pub fn values(&self) -> Values<'a> {
        Values { reader: Reader::new(self.body), left: self.columns }
    }

    /// The bytes of the row with the lengths of its values.
    pub fn size(&self) -> usize {
        self.body.len()
    }
}

/// The values of a [`Row`].
#[derive(Clone, Debug)]
pub struct Values<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<Option<&'a [u8]>>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let value = match self.reader.rest.split_first() {
            // NULL, which no length begins with.
            Some((0xfb, rest)) => {
                self.reader.rest = rest;
                None
            }
            _ => match self.reader.counted() {
                Some(value) => Some(value),
                None => return Some(Err(self.broken())),
            },
        };
        if self.left == 0 && !self.reader.rest.is_empty() {
            return Some(Err(self.broken()));
        }
        Some(Ok(value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

impl FusedIterator for Values<'_> {}

impl Values<'_> {
    #[cold]
    fn broken(&mut self) -> Error {
        self.left = 0;
        not_mysql("a row that does not fit its columns")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(body: &[u8], columns: usize) -> Result<Vec<Option<&[u8]>>> {
        Row::new(body, columns).values().collect()
    }

    #[test]
    fn values_are_read_where_they_lie() {
        assert_eq!(values(b"\x01a\xfb\x00", 3).unwrap(), [Some(&b"a"[..]), None, Some(b"")]);
        assert!(values(b"\x01a", 2).is_err());
        assert!(values(b"\x01ab", 1).is_err());
        assert!(values(b"\x05ab", 1).is_err());
        assert!(values(b"\xff", 1).is_err());
        assert!(values(b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff", 1).is_err());
    }

    proptest! {
        #[test]
        fn garbage_never_panics(body in prop::collection::vec(any::<u8>(), 0..60), columns in 0..20usize) {
            let mut items = Row::new(&body, columns).values();
            while let Some(item) = items.next() {
                if item.is_err() {
                    assert!(items.next().is_none());
                }
            }
        }
    }
}
