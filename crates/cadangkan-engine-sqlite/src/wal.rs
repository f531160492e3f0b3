//! Which pages a write-ahead log holds, <https://sqlite.org/fileformat2.html#walformat>.

use std::ffi::OsString;
use std::fs::File;
use std::io::ErrorKind as Io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use cadangkan_core::{Control, Error, Result};

use crate::header::be32;

const HEADER: u64 = 32;
const FRAME_HEADER: u64 = 24;

/// The name of a file that SQLite keeps beside a database: `-wal`, `-shm`, `-journal`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    PathBuf::from(name)
}

/// Lists, in order and once each, the pages of at most `page_count` that have a frame in the log of `path`.
///
/// Also counts frames of transactions that never ended, or that an older round of the log left behind: a page too
/// many costs time, one too few would tear the image. Frames that a reader may still need are never overwritten
/// while it holds its mark, so one look at any time within its transaction sees them all.
pub(crate) fn pages_in_log(
    path: &Path,
    page_size: u32,
    page_count: u32,
    control: &Control<'_>,
) -> Result<Vec<u32>> {
    let log_path = beside(path, "-wal");
    let wrong =
        |error| Error::io("cannot read the write-ahead log", error).context("path", log_path.display());
    // Other than the database itself the log carries no locks, so that opening it here drops none.
    let log = match File::open(&log_path) {
        Ok(log) => log,
        Err(error) if error.kind() == Io::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(wrong(error).hint("run as a user who may read the database and its `-wal` file"));
        }
    };
    let size = log.metadata().map_err(wrong)?.len();
    let stride = FRAME_HEADER + u64::from(page_size);
    let frames = size.saturating_sub(HEADER) / stride;
    let mut pages = Vec::new();
    for frame in 0..frames {
        if frame % 4096 == 0 {
            control.check()?;
        }
        let mut number = [0; 4];
        match log.read_exact_at(&mut number, HEADER + frame * stride) {
            Ok(()) => {}
            // Cut by a checkpoint: then nothing of it is needed any more.
            Err(error) if error.kind() == Io::UnexpectedEof => break,
            Err(error) => return Err(wrong(error)),
        }
        pages.extend(be32(&number, 0).filter(|page| (1..=page_count).contains(page)));
    }
    pages.sort_unstable();
    pages.dedup();
    Ok(pages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cadangkan_core::{Cancel, Clock, NoReporter, Timestamp};

    struct NoClock;
    impl Clock for NoClock {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
    }

    fn list(bytes: &[u8]) -> Vec<u32> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        std::fs::write(beside(&path, "-wal"), bytes).unwrap();
        let cancel = Cancel::default();
        let control = Control { cancel: &cancel, reporter: &NoReporter, clock: &NoClock };
        pages_in_log(&path, 512, 10, &control).unwrap()
    }

    #[test]
    fn lists_pages_once_and_survives_any_bytes() {
        let mut log = vec![0; 32];
        for page in [7_u32, 3, 7, 0, 11, u32::MAX] {
            log.extend(page.to_be_bytes());
            log.extend([0; 20 + 512]);
        }
        assert_eq!(list(&log), [3, 7]);
        assert_eq!(list(&log[..log.len() - 1]), [3, 7]);
        assert_eq!(list(&log[..32 + 535]), [0; 0]);
        assert_eq!(list(&log[..32 + 536]), [7]);
        assert_eq!(list(&[]), [0; 0]);
        assert_eq!(list(&[255; 31]), [0; 0]);
    }
}
