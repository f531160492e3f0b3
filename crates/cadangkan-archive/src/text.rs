//! Hexadecimal digits, and values that are kept as text.

use std::fmt::{self, Write as _};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Writes bytes as lower-case hexadecimal digits.
pub(crate) fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            f.write_char(char::from_digit(u32::from(nibble), 16).unwrap_or('0'))?;
        }
    }
    Ok(())
}

/// Reads exactly 64 lower-case hexadecimal digits; upper case is refused, so that a value has one spelling.
pub(crate) fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    Some(bytes)
}

/// Reads a value from its text form, without a copy of the text.
pub(crate) fn deserialize<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
{
    deserializer.deserialize_str(TextVisitor(PhantomData))
}

struct TextVisitor<T>(PhantomData<T>);

impl<T: FromStr<Err: fmt::Display>> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_has_one_spelling() {
        let good = "00ff".repeat(16);
        assert_eq!(parse_hex(&good).map(|bytes| (bytes[0], bytes[31])), Some((0, 255)));
        for bad in [
            "",
            "0",
            good.trim_start_matches('0'),
            &good.to_uppercase(),
            &good.replace('f', "g"),
            &format!("{good}0"),
        ] {
            assert_eq!(parse_hex(bad), None, "{bad}");
        }
    }
}
