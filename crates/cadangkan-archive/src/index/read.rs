use std::io::{BufRead, BufReader, ErrorKind as IoErrorKind, Read};
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, ObjectName, Result};
use serde::de::DeserializeOwned;

use super::write::{Footer, FrameLine, Header, ObjectLine};
use super::{Index, IndexEntry};
use crate::limits::{MAX_INDEX_LINE, MAX_INDEX_OBJECTS, ZSTD_WINDOW_LOG};

impl Index {
    /// Reads an index file, and checks all of it.
    ///
    /// Fails with `DamagedBackup` when it is not whole and sound, and with `Unsupported` when a newer program
    /// wrote it. Memory grows with the entries that were read, never with what the file claims: at most 512 MiB
    /// for entries, 64 MiB for names and 128 MiB for zstd's window, all far less for an index of ours.
    pub fn read(reader: impl Read) -> Result<Index> {
        let mut lines = Lines::new(reader)?;
        let header: Header = lines.next_as()?;
        check_version(&header)?;
        let objects = read_objects(&mut lines, header.objects)?;
        let codec = header.codec;
        let mut index =
            Index { codec, entries: Vec::new(), stored_bytes: Index::frames_begin(codec), raw_bytes: 0 };
        while !lines.next()?.starts_with(b"{") {
            let entry = read_entry(lines.parse()?, &objects)?;
            index.push(entry).map_err(damaged)?;
        }
        let footer: Footer = lines.parse()?;
        if (footer.frames, footer.raw_bytes) != (index.frames(), index.raw_bytes) {
            return Err(damaged("the totals of the index are not those of its frames"));
        }
        index.end(footer.stored_bytes).map_err(damaged)?;
        lines.end()?;
        index.entries.shrink_to_fit();
        Ok(index)
    }
}

fn check_version(header: &Header) -> Result<()> {
    if header.format != Header::FORMAT || header.version == 0 {
        return Err(damaged("the file is not an index"));
    }
    if header.version > Header::VERSION {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the index was written by a newer version of this program",
        )
        .context("version", header.version)
        .hint("update this program, or read the archive without its index"));
    }
    Ok(())
}

fn read_objects<R: Read>(lines: &mut Lines<R>, count: u32) -> Result<Vec<Arc<ObjectName>>> {
    let mut objects = Vec::new();
    let mut bytes = 0;
    for expected in 0..count {
        bytes += lines.next()?.len();
        if bytes > MAX_INDEX_OBJECTS {
            return Err(damaged("the index names too many objects"));
        }
        let line: ObjectLine = lines.parse()?;
        if line.object != expected {
            return Err(damaged("an object of the index has the wrong number"));
        }
        objects.push(Arc::new(line.name));
    }
    Ok(objects)
}

fn read_entry(line: FrameLine, objects: &[Arc<ObjectName>]) -> Result<IndexEntry> {
    let (sequence, section, object, part, offset, stored_len, raw_offset, raw_len, rows, hash) = line;
    let object = usize::try_from(object).ok().and_then(|number| objects.get(number));
    let object = Arc::clone(object.ok_or_else(|| damaged("a frame belongs to no object of the index"))?);
    Ok(IndexEntry { sequence, section, object, part, offset, stored_len, raw_offset, raw_len, rows, hash })
}

/// The lines of a compressed file, one at a time and of bounded length.
struct Lines<R: Read> {
    decoder: BufReader<zstd::Decoder<'static, BufReader<R>>>,
    line: Vec<u8>,
}

impl<R: Read> Lines<R> {
    fn new(reader: R) -> Result<Self> {
        let decoder = zstd::Decoder::new(reader).and_then(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Ok(decoder)
        });
        let decoder = decoder.map_err(|error| Error::io("cannot begin to read the index", error))?;
        Ok(Lines { decoder: BufReader::new(decoder), line: Vec::new() })
    }

    /// Goes to the next line, and gives it without its end.
    fn next(&mut self) -> Result<&[u8]> {
        self.line.clear();
        let limit = MAX_INDEX_LINE as u64 + 1;
        (&mut self.decoder).take(limit).read_until(b'\n', &mut self.line).map_err(unreadable)?;
        if self.line.pop() != Some(b'\n') {
            return Err(damaged("the index is cut off, or has a line that is too long"));
        }
        Ok(&self.line)
    }

    /// Reads the present line.
    fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.line).map_err(|error| damaged("the index is damaged").source(error))
    }

    fn next_as<T: DeserializeOwned>(&mut self) -> Result<T> {
        self.next()?;
        self.parse()
    }

    /// Makes sure that nothing follows, which also compares the file's checksum.
    fn end(mut self) -> Result<()> {
        let rest = self.decoder.fill_buf().map_err(unreadable)?;
        if rest.is_empty() { Ok(()) } else { Err(damaged("something follows the end of the index")) }
    }
}

/// zstd reports damaged bytes as an I/O error of kind `Other` or `InvalidData`, and an early end as such.
fn unreadable(error: std::io::Error) -> Error {
    match error.kind() {
        IoErrorKind::Other | IoErrorKind::InvalidData | IoErrorKind::UnexpectedEof => {
            damaged("the index is damaged").source(error)
        }
        _ => Error::io("cannot read the index", error),
    }
}

fn damaged(message: &'static str) -> Error {
    Error::new(ErrorKind::DamagedBackup, message)
        .hint("without its index the archive can still be read from start to end")
}
