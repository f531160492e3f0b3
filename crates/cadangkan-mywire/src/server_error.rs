use std::fmt;

use cadangkan_core::Error;

/// Longer texts of a server are cut here, in bytes: they stand in messages and logs.
const LONGEST_TEXT: usize = 8 << 10;

/// The server's own error (manual, "Error Messages and Common Problems").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// The server's number of it, such as 1045.
    pub code: u16,
    /// SQLSTATE, five characters; empty where the server has said none yet.
    pub state: String,
    /// What happened.
    pub message: String,
}

impl ServerError {
    /// Reads what follows the first byte of an error's packet.
    pub(crate) fn read(body: &[u8]) -> Option<ServerError> {
        let (code, rest) = body.split_first_chunk()?;
        // Before the login there is no SQLSTATE yet, and no mark of it.
        let marked = rest.strip_prefix(b"#").and_then(|rest| rest.split_at_checked(5));
        let (state, message) = marked.unwrap_or((b"", rest));
        Some(ServerError { code: u16::from_le_bytes(*code), state: text(state), message: text(message) })
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (error {}", self.message, self.code)?;
        if !self.state.is_empty() {
            write!(f, ", SQLSTATE {}", self.state)?;
        }
        f.write_str(")")
    }
}

impl std::error::Error for ServerError {}

/// Finds the server's error among the sources of an error.
pub fn server_error(error: &Error) -> Option<&ServerError> {
    error.cause()
}

/// A server's text, which before the login may be in any encoding.
fn text(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes.get(..LONGEST_TEXT).unwrap_or(bytes)).into_owned();
    if bytes.len() > LONGEST_TEXT {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_and_survives_others() {
        let error = ServerError::read(b"\x15\x04#28000Access denied").unwrap();
        assert_eq!((error.code, error.state.as_str()), (1045, "28000"));
        assert_eq!(error.to_string(), "Access denied (error 1045, SQLSTATE 28000)");
        let early = ServerError::read(b"\x10\x04Too many connections").unwrap();
        assert_eq!(early.to_string(), "Too many connections (error 1040)");
        assert_eq!(ServerError::read(b"\x10\x04#12").unwrap().message, "#12");
        assert_eq!(ServerError::read(b"\x10"), None);
        let long = [b"\x10\x04".as_slice(), &[0xff; 20_000]].concat();
        assert!(ServerError::read(&long).unwrap().message.ends_with('…'));
    }
}
