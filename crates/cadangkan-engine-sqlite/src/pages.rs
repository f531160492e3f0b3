//! Reads runs of pages as a read transaction sees them.
//!
//! Most bytes come straight from the database file, in large reads; the pages that the write-ahead log holds come
//! through SQLite. The file stands still where it is read directly: in rollback mode the transaction's shared lock
//! keeps writers from it, and in WAL mode a checkpoint writes only pages out of the log, of which those that it may
//! write while this transaction lasts are all in [`PageReader::in_log`].
//! See <https://sqlite.org/wal.html#concurrency> and <https://sqlite.org/walformat.html#the_wal_index_file_format>.

use std::path::Path;

use cadangkan_core::{Error, ErrorKind, Result};
use rusqlite::Connection;

use crate::errors::explain;
use crate::ffi::MainFile;

/// Where the bytes lie that SQLite's locks use; the page over them is never written.
const LOCK_BYTE: u64 = 1 << 30;

/// How the pages of one snapshot are read.
#[derive(Clone, Debug)]
pub(crate) struct PageReader {
    pub(crate) page_size: u32,
    pub(crate) page_count: u32,
    /// Pages of the snapshot that may lie in the write-ahead log: in order, once each.
    pub(crate) in_log: Vec<u32>,
}

impl PageReader {
    /// Appends `count` pages from page `first` on, counted from 1.
    ///
    /// Returns how many of them lie past the end of the file and are not in the log: SQLite takes those for zeros,
    /// which is right for unused pages only.
    pub(crate) fn append_to(
        &self,
        connection: &Connection,
        path: &Path,
        first: u32,
        count: u32,
        buffer: &mut Vec<u8>,
    ) -> Result<u32> {
        let page_size = self.page_size as usize;
        let begin = buffer.len();
        let (direct, is_cut) = self.append_from_file(connection, path, first, count, buffer)?;
        buffer.resize(begin + count as usize * page_size, 0);
        let pages = buffer.get_mut(begin..).unwrap_or_default().chunks_exact_mut(page_size);
        let mut statement = connection
            .prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = ?1")
            .map_err(|error| explain(error, "read pages", path))?;
        let mut beyond = 0;
        for (place, (number, page)) in (0_u32..).zip((first..).zip(pages)) {
            let in_log = self.in_log.binary_search(&number).is_ok();
            if u64::from(number) == LOCK_BYTE / u64::from(self.page_size) + 1 {
                page.fill(0);
                continue;
            }
            if place < direct && !in_log {
                continue;
            }
            if is_cut && place == direct && !in_log {
                return Err(Error::new(
                    ErrorKind::DamagedSource,
                    "the database's file ends in the middle of a page",
                )
                .context("path", path.display())
                .context("page", number)
                .hint("something has cut the file: restore the newest good backup"));
            }
            beyond += u32::from(!in_log);
            statement
                .query_row([number], |row| copy_page(row.get_ref(0)?.as_bytes()?, page))
                .map_err(|error| explain(error, "read a page", path).context("page", number))?;
        }
        Ok(if MainFile::of(connection).is_some() { beyond } else { 0 })
    }

    /// Reads what the file itself has of the run; returns the number of whole pages, and whether a part of a page
    /// follows them.
    fn append_from_file(
        &self,
        connection: &Connection,
        path: &Path,
        first: u32,
        count: u32,
        buffer: &mut Vec<u8>,
    ) -> Result<(u32, bool)> {
        let Some(file) = MainFile::of(connection) else { return Ok((0, false)) };
        let page_size = u64::from(self.page_size);
        let wrong = |code| {
            explain(
                rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None),
                "read the file",
                path,
            )
        };
        let size = file.size().map_err(wrong)?;
        let pages_in_file = size / page_size;
        let before = u64::from(first.saturating_sub(1));
        let whole = pages_in_file.saturating_sub(before).min(u64::from(count));
        let length = usize::try_from(whole * page_size)
            .map_err(|error| Error::new(ErrorKind::Internal, "a frame is too long").source(error))?;
        file.append_to(buffer, before * page_size, length).map_err(wrong)?;
        let is_cut = !size.is_multiple_of(page_size) && whole < u64::from(count);
        Ok((u32::try_from(whole).unwrap_or(count), is_cut))
    }
}

fn copy_page(data: &[u8], page: &mut [u8]) -> rusqlite::Result<()> {
    if data.len() != page.len() {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some("a page has a wrong size".to_owned()),
        ));
    }
    page.copy_from_slice(data);
    Ok(())
}
