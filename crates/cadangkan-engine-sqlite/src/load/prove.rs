//! Proves that an image on the disk is what was sent, and that it is a database.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use cadangkan_core::{Control, Error, ErrorKind, Fingerprint, Result};

use super::image::ImageWriter;
use crate::connect::{OrCancelled, first_read, interruptible, open_private};
use crate::errors::explain;
use crate::header::Header;
use crate::inspect;
use crate::snapshot::quick_check;

/// Bytes read at once; a multiple of every page size.
const READ_BYTES: u64 = 1024 * 1024;

/// What the proof gave.
pub(super) struct Proof {
    pub(super) tables: u64,
    pub(super) fingerprint: Fingerprint,
    pub(super) check: Option<String>,
}

/// Makes the image durable, reads it back, and opens it.
pub(super) fn image(image: &mut ImageWriter, check: bool, control: &Control<'_>) -> Result<Proof> {
    let size = image.complete()?;
    let page_size = page_size(image.file(), size)?;
    let fingerprint = sync_and_read_back(image, size, page_size, control)?;
    let path = image.path();
    let as_backup = |error: Error| match error.kind() {
        ErrorKind::DamagedSource => error.with_kind(ErrorKind::DamagedBackup),
        _ => error,
    };
    let (tables, check) = open_and_check(path, check, control).map_err(as_backup)?;
    Ok(Proof { tables, fingerprint, check })
}

fn open_and_check(path: &Path, check: bool, control: &Control<'_>) -> Result<(u64, Option<String>)> {
    let wrong = |error| explain(error, "open the restored database", path).or_cancelled(control);
    let connection = open_private(path).map_err(wrong)?;
    first_read(&connection).map_err(wrong)?;
    let tables = inspect::tables(&connection).map_err(wrong)?;
    if check {
        interruptible(&connection, control, || quick_check(&connection, path))?;
    }
    Ok((inspect::count_tables(&tables), check.then(|| "quick_check".to_owned())))
}

/// Reads the page size out of the header, and holds the file's size against it.
fn page_size(file: &File, size: u64) -> Result<u64> {
    let mut start = [0; 100];
    let header = file.read_exact_at(&mut start, 0).ok().and_then(|()| Header::parse(&start));
    let Some(header) = header else {
        return Err(damaged("the backup does not hold an SQLite database"));
    };
    let page_size = u64::from(header.page_size);
    let is_whole = size.is_multiple_of(page_size)
        && header.page_count.is_none_or(|count| u64::from(count) * page_size == size);
    if is_whole {
        return Ok(page_size);
    }
    Err(damaged("the database in the backup is not as long as its header says").context("bytes", size))
}

fn damaged(message: &str) -> Error {
    Error::new(ErrorKind::DamagedBackup, message)
        .hint("restore another backup, or another storage's copy of it")
}

/// Waits for the disk while two threads read what was written and fingerprint it.
fn sync_and_read_back(
    image: &ImageWriter,
    size: u64,
    page_size: u64,
    control: &Control<'_>,
) -> Result<Fingerprint> {
    let middle = (size / 2).next_multiple_of(READ_BYTES).min(size);
    let read = |begin, end| read_range(image.file(), begin, end, page_size, control);
    let (synced, first, second) = std::thread::scope(|scope| {
        let synced = scope.spawn(|| image.sync());
        let first = scope.spawn(|| read(0, middle));
        let second = read(middle, size);
        (synced.join(), first.join(), second)
    });
    let died = |_| Error::new(ErrorKind::Internal, "a thread that reads the image back failed");
    synced.map_err(died)??;
    let mut fingerprint = first.map_err(died)??;
    fingerprint.merge(second?);
    Ok(fingerprint)
}

fn read_range(
    file: &File,
    begin: u64,
    end: u64,
    page_size: u64,
    control: &Control<'_>,
) -> Result<Fingerprint> {
    let wrong = |error| Error::io("cannot read the restored database back", error);
    let mut fingerprint = Fingerprint::default();
    let mut buffer = vec![0; usize::try_from(READ_BYTES).unwrap_or(0)];
    let mut offset = begin;
    while offset < end {
        control.check()?;
        let length = usize::try_from((end - offset).min(READ_BYTES)).unwrap_or(0);
        let Some(part) = buffer.get_mut(..length) else { break };
        file.read_exact_at(part, offset).map_err(wrong)?;
        let pages = part.chunks_exact(usize::try_from(page_size).unwrap_or(1));
        for (number, page) in (offset / page_size + 1..).zip(pages) {
            fingerprint.add_page(number, page);
        }
        offset += length as u64;
    }
    Ok(fingerprint)
}
