//! Values as literals that give them back byte by byte.

use crate::catalog::Column;

/// How the values of a column are written; chosen once per column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// As the server prints them: whole numbers, decimals, years.
    Plain,
    /// Numbers that float, in as many digits as they need.
    Float,
    /// UTF-8 in quotes, under this character set.
    Text(String),
    /// Texts of a character set that has ASCII in its place: in quotes when they are ASCII, else in hexadecimal.
    Ascii(String),
    /// Texts of any other character set, in hexadecimal.
    Coded(String),
    /// Bytes, in hexadecimal.
    Bytes,
    /// An ENUM with an empty member, which looks like a value that is none: `0` for that, and `x` before a member.
    Member(Box<Format>),
}

/// Character sets of which the printable characters of ASCII are not all in their place, or may be half of another
/// character.
const NOT_ASCII: &[&str] = &["ucs2", "utf16", "utf16le", "utf32", "swe7", "sjis", "cp932", "armscii8"];

const UNICODE: &[&str] = &["utf8mb4", "utf8mb3", "utf8", "ascii"];

impl Format {
    /// How the values of a column are written, and what is selected for it.
    pub(crate) fn of(column: &Column, quoted: &str) -> (Format, String) {
        let text = || match column.charset.as_deref() {
            None | Some("binary") => Format::Bytes,
            Some(charset) if UNICODE.contains(&charset) => Format::Text(charset.to_owned()),
            Some(charset) if NOT_ASCII.contains(&charset) => Format::Coded(charset.to_owned()),
            Some(charset) => Format::Ascii(charset.to_owned()),
        };
        let plain = |format| (format, quoted.to_owned());
        match column.kind.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "integer" | "bigint" | "decimal" | "numeric"
            | "year" => plain(Format::Plain),
            // The server prints six digits of a FLOAT, and all of a DOUBLE. Multiplied it keeps the sign of zero.
            "float" => (Format::Float, format!("{quoted}*1e0")),
            "double" | "real" => plain(Format::Float),
            "date" | "time" | "datetime" | "timestamp" | "json" if column.charset.is_none() => {
                plain(Format::Text("utf8mb4".to_owned()))
            }
            "enum" if has_empty_member(&column.full_kind) => (
                Format::Member(Box::new(text())),
                format!("IF({quoted}+0=0,'0',CONCAT(_binary'x',{quoted}))"),
            ),
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set"
            | "json" => plain(text()),
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "bit" | "vector"
            | "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
            | "multipolygon" | "geometrycollection" | "geomcollection" => plain(Format::Bytes),
            // UUID, INET6 and whatever comes are sent as the text that they are read from.
            _ => plain(Format::Text(column.charset.clone().unwrap_or_else(|| "utf8mb4".to_owned()))),
        }
    }

    /// Appends a value.
    #[inline]
    pub(crate) fn append(&self, value: Option<&[u8]>, out: &mut Vec<u8>) {
        let Some(value) = value else {
            out.extend_from_slice(b"NULL");
            return;
        };
        match self {
            Format::Plain => out.extend_from_slice(value),
            Format::Float => float(value, out),
            Format::Text(_) if str::from_utf8(value).is_ok() => quoted(value, out),
            Format::Ascii(_) if is_printable_ascii(value) => quoted(value, out),
            Format::Text(charset) | Format::Ascii(charset) | Format::Coded(charset) => {
                if !value.is_empty() {
                    out.push(b'_');
                    out.extend_from_slice(charset.as_bytes());
                    out.push(b' ');
                }
                hexadecimal(value, out);
            }
            Format::Bytes => hexadecimal(value, out),
            Format::Member(format) => match value {
                [_, member @ ..] if value != b"0" => format.append(Some(member), out),
                _ => out.push(b'0'),
            },
        }
    }
}

/// Tells whether an ENUM has the member `''`.
fn has_empty_member(full_kind: &str) -> bool {
    let mut rest = full_kind.trim_start_matches(|character| character != '(');
    // Members are in quotes, with quotes in them doubled.
    while let Some((_, after)) = rest.split_once('\'') {
        let mut length = 0;
        rest = after;
        loop {
            let Some((inner, after)) = rest.split_once('\'') else { return false };
            length += inner.len();
            rest = after;
            match after.strip_prefix('\'') {
                Some(more) => {
                    length += 1;
                    rest = more;
                }
                None => break,
            }
        }
        if length == 0 {
            return true;
        }
    }
    false
}

/// Appends a number that floats. Without an exponent the server reads it as a decimal, which has no negative zero and a
/// limited number of digits.
fn float(value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(value);
    let is_negative_zero =
        value.first() == Some(&b'-') && value.iter().skip(1).all(|byte| matches!(byte, b'0' | b'.'));
    if is_negative_zero || (value.len() > 60 && !value.contains(&b'e')) {
        out.extend_from_slice(b"e0");
    }
}

/// Appends a text in quotes; what has a meaning in scripts or at the end of lines is escaped.
fn quoted(value: &[u8], out: &mut Vec<u8>) {
    out.reserve(value.len() + 2);
    out.push(b'\'');
    let mut rest = value;
    loop {
        let run = clean(rest);
        let (before, after) = rest.split_at_checked(run).unwrap_or((rest, &[]));
        out.extend_from_slice(before);
        let Some((special, after)) = after.split_first() else { break };
        match special {
            0 => out.extend_from_slice(b"\\0"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0x1a => out.extend_from_slice(b"\\Z"),
            b'\'' => out.extend_from_slice(b"\\'"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            other => out.push(*other),
        }
        rest = after;
    }
    out.push(b'\'');
}

/// How many bytes come before the first one that may have to be escaped; eight are looked at at once.
fn clean(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // A byte below the limit, and a byte that is zero, borrow into their highest bit. A false alarm only comes from a
    // true one below it, which is found first.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let mut at = 0;
    let mut words = bytes.chunks_exact(8);
    for chunk in words.by_ref() {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or([0; 8]));
        let found = below(word, 0x20)
            | below(word ^ (ONES * u64::from(b'\'')), 1)
            | below(word ^ (ONES * u64::from(b'\\')), 1);
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let is_special = |byte: &u8| *byte < 0x20 || matches!(byte, b'\'' | b'\\');
    at + words.remainder().iter().position(is_special).unwrap_or(words.remainder().len())
}

fn is_printable_ascii(value: &[u8]) -> bool {
    value.iter().all(|byte| (0x20..0x7f).contains(byte))
}

/// The two digits of every byte.
const DIGITS: [[u8; 2]; 256] = digits();

#[allow(clippy::indexing_slicing, reason = "made by the compiler, which would not take a wrong index")]
const fn digits() -> [[u8; 2]; 256] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut digits = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        digits[byte] = [HEX[byte >> 4], HEX[byte & 15]];
        byte += 1;
    }
    digits
}

/// Appends bytes as `0x…`, which the server reads as a binary string; nothing at all as `''`.
fn hexadecimal(value: &[u8], out: &mut Vec<u8>) {
    if value.is_empty() {
        out.extend_from_slice(b"''");
        return;
    }
    out.extend_from_slice(b"0x");
    let start = out.len();
    out.resize(start + value.len() * 2, 0);
    let space = out.get_mut(start..).unwrap_or_default();
    for (pair, byte) in space.chunks_exact_mut(2).zip(value) {
        pair.copy_from_slice(DIGITS.get(usize::from(*byte)).unwrap_or(&[0; 2]));
    }
}

#[cfg(test)]
mod tests;
