//! What a server says of its files: in the form of RFC 3659, or as `ls -l` shows them.

use cadangkan_core::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A file or a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<Timestamp>,
    /// Which it is, also when another one gets its name.
    pub(crate) unique: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    /// A link, a device, or the listed folder itself.
    #[default]
    Other,
}

impl Entry {
    /// Reads `type=file;size=12;modify=20261126213000; name`: facts, a space, and a name (RFC 3659, section 7.2).
    pub(crate) fn described(line: &str) -> Option<(Self, &str)> {
        let (facts, name) = line.split_once(' ')?;
        let mut entry = Entry::default();
        for fact in facts.split(';').filter(|fact| !fact.is_empty()) {
            let (name, value) = fact.split_once('=')?;
            match name.to_ascii_lowercase().as_str() {
                "type" if value.eq_ignore_ascii_case("file") => entry.kind = Kind::File,
                "type" if value.eq_ignore_ascii_case("dir") => entry.kind = Kind::Folder,
                "size" => entry.size = value.parse().ok(),
                "modify" => entry.modified = time(value),
                "unique" => entry.unique = Some(value.to_owned()),
                _ => {}
            }
        }
        Some((entry, name))
    }

    /// Reads `-rw-r--r--   1 owner group   12 Nov 26 21:30 name`. Of the time there it is not said which zone it is in,
    /// so it is left out.
    pub(crate) fn shown(line: &str) -> Option<(Self, &str)> {
        let mut rest = line;
        let mut field = || {
            let begun = rest.trim_start_matches(' ');
            let (field, after) = begun.split_once(' ')?;
            rest = after;
            Some(field)
        };
        let mode = field()?;
        let (_links, _owner, _group) = (field()?, field()?, field()?);
        let size = field()?.parse().ok()?;
        let (month, day, time) = (field()?, field()?, field()?);
        let right = month.len() == 3
            && day.parse::<u8>().is_ok_and(|day| (1..=31).contains(&day))
            && time.split(':').all(|part| part.parse::<u16>().is_ok());
        let kind = match mode.as_bytes().first()? {
            b'-' => Kind::File,
            b'd' => Kind::Folder,
            _ => Kind::Other,
        };
        // Behind the time there is one space; all others are of the name.
        (right && mode.len() >= 10 && !rest.is_empty())
            .then_some((Entry { kind, size: Some(size), ..Entry::default() }, rest))
    }
}

/// Reads `20261126213000`, which is in UTC; what is behind the seconds does not count.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let seconds = text.get(..14)?;
    let read = DateTime::strptime("%Y%m%d%H%M%S", seconds).ok()?;
    read.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn described_files_are_read() {
        let (entry, name) =
            Entry::described("Type=file;Size=12;Modify=20261126213000.123;Unique=8g1;perm=r;  a; b ")
                .unwrap();
        assert_eq!((entry.kind, entry.size, entry.unique.as_deref()), (Kind::File, Some(12), Some("8g1")));
        assert_eq!((entry.modified.unwrap().to_string().as_str(), name), ("2026-11-26T21:30:00Z", " a; b "));
        assert_eq!(Entry::described("type=dir; x").unwrap().0.kind, Kind::Folder);
        for other in ["type=cdir; x", "type=OS.unix=slink:/etc; x", " x"] {
            assert_eq!(Entry::described(other).unwrap().0.kind, Kind::Other);
        }
        assert!(Entry::described("nonsense").is_none() && Entry::described("a b").is_none());
    }

    #[test]
    fn shown_files_are_read() {
        let (entry, name) =
            Entry::shown("-rw-------    1 ftp      ftp      4294967296 Nov  6 21:30  a b ").unwrap();
        assert_eq!((entry.kind, entry.size, name), (Kind::File, Some(1 << 32), " a b "));
        let (entry, name) = Entry::shown("drwxr-xr-x+ 2 1000 1000 4096 Jan 31  2025 folder").unwrap();
        assert_eq!((entry.kind, name), (Kind::Folder, "folder"));
        assert_eq!(Entry::shown("lrwxrwxrwx 1 u g 4 Jan 31 2025 a -> b").unwrap().0.kind, Kind::Other);
        for bad in [
            "total 12",
            "",
            "01-31-25  09:30PM       <DIR>          folder",
            "-rw------- 1 u g 12 Nov 6 21:30 ",
        ] {
            assert_eq!(Entry::shown(bad), None, "{bad:?}");
        }
    }
}
