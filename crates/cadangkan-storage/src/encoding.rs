//! Percent-encoding (RFC 3986, section 2.1), as signatures want it too.

use std::fmt::Write as _;

/// Encodes a value of a query: all but letters, digits and `-._~`.
pub fn encode(text: &str) -> String {
    encode_but(text, "-._~")
}

/// Encodes a path, whose slashes stay.
pub fn encode_path(text: &str) -> String {
    encode_but(text, "-._~/")
}

/// Decodes what a listing or a URL has encoded; `None` when it is no text.
///
/// Where `plus` says so, a `+` is a space, as servers write them in lists.
pub fn decode(text: &str, plus: bool) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high * 16 + low).ok()?
            }
            b'+' if plus => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn encode_but(text: &str, plain: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let character = char::from(byte);
        if byte.is_ascii_alphanumeric() || byte.is_ascii() && plain.contains(character) {
            encoded.push(character);
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        let text = "a/b c+é~%";
        assert_eq!(encode_path(text), "a/b%20c%2B%C3%A9~%25");
        assert_eq!(encode("a/b"), "a%2Fb");
        assert_eq!(decode(&encode(text), true).as_deref(), Some(text));
        assert_eq!(decode("a+b", true).as_deref(), Some("a b"));
        assert_eq!(decode("a+b", false).as_deref(), Some("a+b"));
        for broken in ["%", "%4", "%zz", "%ff"] {
            assert_eq!(decode(broken, false), None, "{broken}");
        }
    }
}
