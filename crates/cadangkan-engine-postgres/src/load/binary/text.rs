//! Values that are sent as bytes.

/// Most values of a table are shorter.
const SHORT: usize = 32;

/// Appends a text without its escapes up to the byte `end`, and returns what follows that.
///
/// Only the escapes that the server itself writes are known (manual, COPY, "Text Format").
pub(super) fn unescaped<'a>(mut rest: &'a [u8], end: u8, out: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let length = memchr::memchr3(b'\t', b'\n', b'\\', rest)?;
        let (plain, after) = rest.split_at_checked(length)?;
        put(plain, rest, out);
        rest = match after {
            [found, after @ ..] if *found == end => return Some(after),
            [b'\\', escaped, after @ ..] => {
                out.push(match escaped {
                    b'b' => 8,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'v' => 11,
                    b'f' => 12,
                    b'r' => b'\r',
                    b'\\' => b'\\',
                    _ => return None,
                });
                after
            }
            _ => return None,
        };
    }
}

/// Appends `text`, with which `rest` begins: copying a fixed length is cheaper than copying the right one.
fn put(text: &[u8], rest: &[u8], out: &mut Vec<u8>) {
    match rest.first_chunk::<SHORT>() {
        Some(chunk) if text.len() <= SHORT => {
            let end = out.len() + text.len();
            out.extend_from_slice(chunk);
            out.truncate(end);
        }
        _ => out.extend_from_slice(text),
    }
}

/// Appends the bytes that are written as `\\x` and two digits each.
pub(super) fn bytes(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let digits = value.strip_prefix(b"\\\\x")?;
    let (pairs, rest) = digits.as_chunks::<2>();
    out.reserve(pairs.len());
    for [high, low] in pairs {
        out.push(digit(*high)? << 4 | digit(*low)?);
    }
    rest.is_empty().then_some(())
}

/// Appends the 16 bytes of a UUID in its one written form.
pub(super) fn uuid(value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if value.len() != 36 {
        return None;
    }
    let (mut begin, lengths) = (0, [8, 4, 4, 4, 12]);
    for length in lengths {
        let (pairs, _) = value.get(begin..begin + length)?.as_chunks::<2>();
        for [high, low] in pairs {
            out.push(digit(*high)? << 4 | digit(*low)?);
        }
        begin += length;
        if value.get(begin).is_some_and(|byte| *byte != b'-') {
            return None;
        }
        begin += 1;
    }
    Some(())
}

pub(super) fn bool(value: &[u8]) -> Option<[u8; 1]> {
    match value {
        b"t" => Some([1]),
        b"f" => Some([0]),
        _ => None,
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}
