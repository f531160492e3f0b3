//! The first 100 bytes of a database file, <https://sqlite.org/fileformat2.html#the_database_header>.

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Tells whether a file begins like an SQLite database.
pub(crate) fn is_sqlite(start: &[u8]) -> bool {
    start.starts_with(MAGIC)
}

/// What the header says of the file that it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Bytes in a page: a power of two from 512 to 65536.
    pub(crate) page_size: u32,
    /// Pages in the file, where the header can be trusted to know.
    pub(crate) page_count: Option<u32>,
    /// Goes up with each transaction in rollback mode, at times in WAL mode.
    pub(crate) change_counter: u32,
    /// Whether the file says that it is in WAL mode.
    pub(crate) is_wal: bool,
}

impl Header {
    /// Reads a header; `None` when it is not one.
    pub(crate) fn parse(page: &[u8]) -> Option<Header> {
        if !is_sqlite(page) {
            return None;
        }
        let page_size = match be16(page, 16)? {
            1 => 65536,
            size if size >= 512 && size.is_power_of_two() => u32::from(size),
            _ => return None,
        };
        let (change_counter, page_count) = (be32(page, 24)?, be32(page, 28)?);
        // Programs older than SQLite 3.7.0 do not keep the count: it stands only where both counters agree.
        let is_kept = page_count > 0 && change_counter == be32(page, 92)?;
        Some(Header {
            page_size,
            page_count: is_kept.then_some(page_count),
            change_counter,
            is_wal: page.get(19) == Some(&2),
        })
    }
}

pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(page_size: u16, counter: u32, count: u32, valid_for: u32) -> Vec<u8> {
        let mut bytes = vec![0; 100];
        bytes[..16].copy_from_slice(MAGIC);
        bytes[16..18].copy_from_slice(&page_size.to_be_bytes());
        bytes[24..28].copy_from_slice(&counter.to_be_bytes());
        bytes[28..32].copy_from_slice(&count.to_be_bytes());
        bytes[92..96].copy_from_slice(&valid_for.to_be_bytes());
        bytes
    }

    #[test]
    fn reads_size_and_count() {
        let parsed = Header::parse(&header(4096, 7, 12, 7)).unwrap();
        assert_eq!((parsed.page_size, parsed.page_count, parsed.change_counter), (4096, Some(12), 7));
        assert_eq!(Header::parse(&header(1, 7, 12, 7)).unwrap().page_size, 65536);
        assert_eq!(Header::parse(&header(512, 8, 12, 7)).unwrap().page_count, None);
    }

    #[test]
    fn refuses_what_is_not_a_header() {
        for size in [0, 2, 256, 511, 513, 4097, 65535] {
            assert_eq!(Header::parse(&header(size, 1, 1, 1)), None, "{size}");
        }
        for cut in 0..96 {
            assert_eq!(Header::parse(&header(4096, 1, 1, 1)[..cut]), None, "{cut}");
        }
    }
}
