//! The first packets of a connection (manual of the protocol, "Connection Phase Packets").

use crate::Version;
use crate::bytes::{Reader, put_counted};
use crate::capability as can;

/// `utf8mb4_general_ci`, which all servers have.
const UTF8MB4: u8 = 45;
/// The longest packet that we take.
const LONGEST: u32 = 1 << 30;
/// Servers send less than a hundred bytes of challenge.
const LONGEST_CHALLENGE: usize = 255;

/// What a server says first.
#[derive(Clone, Debug)]
pub(crate) struct Greeting {
    pub(crate) version: Version,
    pub(crate) connection_id: u32,
    pub(crate) capabilities: u32,
    /// The plugin that the server prefers.
    pub(crate) plugin: String,
    pub(crate) challenge: Vec<u8>,
}

impl Greeting {
    /// Reads a packet of version 10. The error says what is wrong.
    pub(crate) fn read(body: &[u8]) -> Result<Greeting, String> {
        let cut = || "a greeting that is cut off".to_owned();
        let mut reader = Reader::new(body);
        match reader.u8() {
            Some(10) => {}
            Some(other) => return Err(format!("it greets with version {other} of its protocol, not 10")),
            None => return Err(cut()),
        }
        let text = String::from_utf8_lossy(reader.until_zero()).into_owned();
        let connection_id = reader.u32().ok_or_else(cut)?;
        let first = reader.bytes(8).ok_or_else(cut)?;
        let _filler = reader.u8().ok_or_else(cut)?;
        let low = reader.u16().ok_or_else(cut)?;
        let _charset_and_status = reader.bytes(3).ok_or_else(cut)?;
        let high = reader.u16().ok_or_else(cut)?;
        let length = usize::from(reader.u8().ok_or_else(cut)?);
        let _reserved = reader.bytes(10).ok_or_else(cut)?;
        let capabilities = u32::from(low) | u32::from(high) << 16;
        if capabilities & can::NEEDED != can::NEEDED {
            return Err("it is older than MySQL 5.5 and MariaDB 5.5".to_owned());
        }
        let second = reader.bytes(length.saturating_sub(8).max(13)).ok_or_else(cut)?;
        let mut challenge = [first, second].concat();
        // The zero that ends it is no part of it.
        if challenge.last() == Some(&0) {
            challenge.pop();
        }
        challenge.truncate(LONGEST_CHALLENGE);
        let plugin = String::from_utf8_lossy(reader.until_zero()).into_owned();
        let version = Version::read(&text, capabilities & can::LONG_PASSWORD == 0);
        Ok(Greeting { version, connection_id, capabilities, plugin, challenge })
    }
}

/// What we say first, and what of it the request for TLS has as well.
pub(crate) struct Response<'a> {
    pub(crate) capabilities: u32,
    pub(crate) user: &'a str,
    pub(crate) database: Option<&'a str>,
    pub(crate) plugin: &'a str,
    pub(crate) answer: &'a [u8],
}

impl Response<'_> {
    /// The packet that asks to go on in TLS.
    pub(crate) fn request_for_tls(capabilities: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        out.extend(capabilities.to_le_bytes());
        out.extend(LONGEST.to_le_bytes());
        out.push(UTF8MB4);
        out.extend([0; 23]);
        out
    }

    /// The packet itself. None of its texts has a zero byte.
    pub(crate) fn write(&self) -> Vec<u8> {
        let has = |bit| self.capabilities & bit != 0;
        let mut out = Response::request_for_tls(self.capabilities);
        let text = |out: &mut Vec<u8>, text: &str| {
            out.extend_from_slice(text.as_bytes());
            out.push(0);
        };
        text(&mut out, self.user);
        if has(can::PLUGIN_AUTH_LENENC) {
            put_counted(&mut out, self.answer);
        } else {
            let answer = self.answer.get(..255).unwrap_or(self.answer);
            out.extend(u8::try_from(answer.len()));
            out.extend_from_slice(answer);
        }
        if has(can::CONNECT_WITH_DB) {
            text(&mut out, self.database.unwrap_or_default());
        }
        text(&mut out, self.plugin);
        if has(can::CONNECT_ATTRS) {
            let mut attributes = Vec::new();
            for (name, value) in ATTRIBUTES {
                put_counted(&mut attributes, name.as_bytes());
                put_counted(&mut attributes, value.as_bytes());
            }
            put_counted(&mut out, &attributes);
        }
        out
    }
}

/// What administrators see of us, in `performance_schema.session_connect_attrs`.
const ATTRIBUTES: [(&str, &str); 3] = [
    ("program_name", "cadangkan"),
    ("_client_name", env!("CARGO_PKG_NAME")),
    ("_client_version", env!("CARGO_PKG_VERSION")),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What MariaDB 10.11 says.
    pub(super) fn greeting() -> Vec<u8> {
        let mut bytes =
            b"\x0a5.5.5-10.11.14-MariaDB\0\x2a\0\0\0abcdefgh\0\xfe\xff\x2d\x02\0\xff\x81\x15".to_vec();
        bytes.extend([0; 10]);
        bytes.extend(b"ijklmnopqrst\0mysql_native_password\0");
        bytes
    }

    #[test]
    fn reads_a_greeting() {
        let greeting = Greeting::read(&greeting()).unwrap();
        assert_eq!(greeting.version.to_string(), "MariaDB 10.11.14");
        assert_eq!((greeting.connection_id, greeting.plugin.as_str()), (42, "mysql_native_password"));
        assert_eq!(greeting.challenge, b"abcdefghijklmnopqrst");
        assert!(greeting.capabilities & can::SSL != 0);
    }

    #[test]
    fn what_is_cut_or_old_is_an_error() {
        let whole = greeting();
        for length in 0..whole.len() - 23 {
            assert!(Greeting::read(&whole[..length]).is_err(), "{length}");
        }
        let mut old = whole.clone();
        let at = old.windows(2).position(|pair| pair == b"\xff\x81").unwrap();
        old[at] = 0;
        assert!(Greeting::read(&old).unwrap_err().contains("older"));
        assert!(Greeting::read(b"\x09x").unwrap_err().contains("version 9"));
    }

    #[test]
    fn the_response_has_only_what_the_server_knows() {
        let response = |capabilities| {
            let response =
                Response { capabilities, user: "ann", database: Some("d"), plugin: "p", answer: b"xy" };
            response.write()[32..].to_vec()
        };
        assert_eq!(response(0), b"ann\0\x02xyp\0");
        assert_eq!(response(can::CONNECT_WITH_DB | can::PLUGIN_AUTH_LENENC), b"ann\0\x02xyd\0p\0");
        let name = b"\x0cprogram_name\x09cadangkan";
        assert!(response(can::CONNECT_ATTRS).windows(name.len()).any(|part| part == name));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Greeting::read(&[b"\x0a".as_slice(), &bytes].concat());
        }
    }
}
