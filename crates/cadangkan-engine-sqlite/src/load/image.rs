use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cadangkan_core::{Error, ErrorKind, Result};

use super::temporary::Temporary;

/// Writes the pieces of an image, in any order, and knows which bytes have come.
pub(super) struct ImageWriter {
    file: File,
    coverage: Mutex<Coverage>,
    expected: Option<u64>,
    temporary: Temporary,
}

impl ImageWriter {
    /// Makes the file, and locks it so that nobody takes it for a leftover.
    pub(super) fn create(temporary: Temporary, expected: Option<u64>) -> Result<ImageWriter> {
        let file = temporary.create()?;
        // Advisory, and not on every file system: without it a restore under way is only listed too early.
        let _ = file.try_lock();
        Ok(ImageWriter { file, coverage: Mutex::default(), expected, temporary })
    }

    pub(super) fn path(&self) -> &Path {
        self.temporary.path()
    }

    pub(super) fn temporary(&self) -> &Temporary {
        &self.temporary
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Writes one piece; fails with `DamagedBackup` when it overlaps another or lies past the end.
    pub(super) fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let end = offset.checked_add(data.len() as u64).filter(|end| {
            self.expected.is_none_or(|expected| *end <= expected) && i64::try_from(*end).is_ok()
        });
        let end =
            end.ok_or_else(|| damaged("a piece of the image lies past its end").context("offset", offset))?;
        {
            // Held while writing: the kernel lets one thread write to a file at a time, and the others would spin
            // for it instead of leaving the processor to whoever decodes.
            let mut coverage = self.coverage.lock().unwrap_or_else(PoisonError::into_inner);
            if !coverage.add(offset, end) {
                return Err(damaged("two pieces of the image overlap").context("offset", offset));
            }
            self.file.write_all_at(data, offset).map_err(|error| self.cannot_write(error))?;
        }
        self.begin_writeback(offset, data.len() as u64);
        Ok(())
    }

    /// Makes sure that every byte has come; returns their number.
    pub(super) fn complete(&self) -> Result<u64> {
        let coverage = self.coverage.lock().unwrap_or_else(PoisonError::into_inner);
        let size = coverage.whole().ok_or_else(|| damaged("pieces of the image are missing"))?;
        match self.expected {
            Some(expected) if expected != size => Err(damaged("the image is shorter than it should be")
                .context("bytes", size)
                .context("expected", expected)),
            _ => Ok(size),
        }
    }

    /// Waits until all bytes are on the disk.
    pub(super) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(|error| self.cannot_write(error))
    }

    /// Removes the file now, to learn whether it worked.
    pub(super) fn remove(self) -> Result<()> {
        self.temporary.remove()
    }

    /// Lets the disk begin with what was written, so that the sync at the end is short. Linux starts to write
    /// dirty pages that it is told are not needed again; they stay in memory until they are written.
    #[cfg(target_os = "linux")]
    fn begin_writeback(&self, offset: u64, length: u64) {
        let advice = rustix::fs::Advice::DontNeed;
        // Only advice: without it the sync at the end takes longer.
        let _ = rustix::fs::fadvise(&self.file, offset, std::num::NonZeroU64::new(length), advice);
    }

    #[cfg(not(target_os = "linux"))]
    fn begin_writeback(&self, _offset: u64, _length: u64) {}

    fn cannot_write(&self, error: std::io::Error) -> Error {
        Error::io("cannot write the restored database", error)
            .context("path", self.path().display())
            .hint("check the space on that disk, or restore to another one with `--to`")
    }
}

fn damaged(message: &str) -> Error {
    Error::new(ErrorKind::DamagedBackup, message)
        .hint("restore another backup, or another storage's copy of it")
}

/// Ranges of bytes that have come: begin to end, apart from each other.
#[derive(Debug, Default)]
struct Coverage(BTreeMap<u64, u64>);

impl Coverage {
    /// Adds a range and joins it with its neighbours; `false` when a part of it is there already.
    fn add(&mut self, begin: u64, end: u64) -> bool {
        if begin >= end {
            return begin == end;
        }
        let before = self.0.range(..=begin).next_back().map(|(start, stop)| (*start, *stop));
        let after = self.0.range(begin..).next().map(|(start, stop)| (*start, *stop));
        if before.is_some_and(|(_, stop)| stop > begin) || after.is_some_and(|(start, _)| start < end) {
            return false;
        }
        let start = before.filter(|(_, stop)| *stop == begin).map_or(begin, |(start, _)| start);
        let stop = match after.filter(|(next, _)| *next == end) {
            Some((next, stop)) => {
                self.0.remove(&next);
                stop
            }
            None => end,
        };
        self.0.insert(start, stop);
        true
    }

    /// The end of the only range, when there is one and it begins at 0.
    fn whole(&self) -> Option<u64> {
        let mut ranges = self.0.iter();
        match (ranges.next(), ranges.next()) {
            (Some((0, end)), None) => Some(*end),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(ranges: &[(u64, u64)]) -> Option<u64> {
        let mut coverage = Coverage::default();
        ranges.iter().all(|(begin, end)| coverage.add(*begin, *end)).then(|| coverage.whole()).flatten()
    }

    #[test]
    fn ranges_in_any_order_make_a_whole() {
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
            let ranges = order.map(|place| (place * 10, place * 10 + 10));
            assert_eq!(filled(&ranges), Some(40), "{order:?}");
        }
    }

    #[test]
    fn gaps_and_overlaps_are_seen() {
        let wrong: [&[(u64, u64)]; 7] = [
            &[],
            &[(1, 10)],
            &[(0, 10), (11, 20)],
            &[(0, 10), (0, 10)],
            &[(0, 10), (9, 20)],
            &[(5, 10), (0, 6)],
            &[(0, 2), (4, 6), (1, 5)],
        ];
        for ranges in wrong {
            assert_eq!(filled(ranges), None, "{ranges:?}");
        }
    }
}
