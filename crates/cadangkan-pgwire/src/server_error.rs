use std::fmt;

use cadangkan_core::Error;
use fallible_iterator::FallibleIterator;
use postgres_protocol::message::backend::ErrorFields;

/// Longer texts of a server are cut here, in bytes: they stand in messages and logs.
const LONGEST_TEXT: usize = 8 << 10;

/// The server's own error, with its SQLSTATE and fields (manual, "Error and Notice Message Fields").
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerError {
    /// `ERROR`, `FATAL` or `PANIC`; `WARNING` and less in a notice.
    pub severity: String,
    /// SQLSTATE, five characters (manual, appendix "PostgreSQL Error Codes").
    pub code: String,
    /// What happened.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What the server advises.
    pub hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub position: Option<u32>,
    /// What the server was doing: the call stack, or the line of a COPY.
    pub context: Option<String>,
    /// The schema it is about.
    pub schema: Option<String>,
    /// The table it is about.
    pub table: Option<String>,
    /// The column it is about.
    pub column: Option<String>,
    /// The constraint it is about.
    pub constraint: Option<String>,
}

impl ServerError {
    /// Reads the fields of an error or a notice; unknown ones are left out, as the protocol asks for.
    pub(crate) fn read(mut fields: ErrorFields<'_>) -> ServerError {
        let mut error = ServerError::default();
        // Fields that are cut off are as good as missing: what was read so far still says more than nothing.
        while let Ok(Some(field)) = fields.next() {
            let text = text(field.value_bytes());
            match field.type_() {
                b'S' if error.severity.is_empty() => error.severity = text,
                // The same word as `S`, but never translated; since 9.6.
                b'V' => error.severity = text,
                b'C' => error.code = text,
                b'M' => error.message = text,
                b'D' => error.detail = Some(text),
                b'H' => error.hint = Some(text),
                b'P' => error.position = text.parse().ok(),
                b'W' => error.context = Some(text),
                b's' => error.schema = Some(text),
                b't' => error.table = Some(text),
                b'c' => error.column = Some(text),
                b'n' => error.constraint = Some(text),
                _ => {}
            }
        }
        error
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.message)?;
        for more in [&self.detail, &self.context].into_iter().flatten() {
            write!(f, "; {more}")?;
        }
        write!(f, " (SQLSTATE {})", self.code)
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
    use bytes::BytesMut;
    use postgres_protocol::message::backend::Message;

    use super::*;

    fn read(body: &[u8]) -> ServerError {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        let mut bytes = BytesMut::from([b"E", length.as_slice(), body].concat().as_slice());
        match Message::parse(&mut bytes).unwrap().unwrap() {
            Message::ErrorResponse(body) => ServerError::read(body.fields()),
            _ => panic!("no error"),
        }
    }

    #[test]
    fn fields_are_read_and_bounded() {
        let error = read(b"SFEHLER\0VERROR\0C42P01\0Mno \xff table\0P17\0ssh\"op\0tor\0q?\0\0");
        assert_eq!((error.severity.as_str(), error.code.as_str()), ("ERROR", "42P01"));
        assert_eq!((error.position, error.schema.as_deref()), (Some(17), Some("sh\"op")));
        assert_eq!(error.to_string(), "ERROR: no \u{fffd} table (SQLSTATE 42P01)");
        let long = read(&[b"M", vec![b'x'; 1 << 20].as_slice(), b"\0\0"].concat());
        assert!(long.message.len() < LONGEST_TEXT + 10);
    }

    #[test]
    fn broken_fields_are_no_panic() {
        for body in [b"".as_slice(), b"S", b"SERROR", b"\0\0\0", b"MERROR\0X", &[0xff; 40]] {
            read(body);
        }
    }

    #[test]
    fn is_found_below_other_errors() {
        let inner = Error::new(cadangkan_core::ErrorKind::Io, "inner")
            .source(ServerError { code: "42501".into(), ..ServerError::default() });
        let outer = Error::new(cadangkan_core::ErrorKind::Io, "outer").source(inner);
        assert_eq!(server_error(&outer).unwrap().code, "42501");
        assert!(server_error(&Error::new(cadangkan_core::ErrorKind::Io, "other")).is_none());
    }
}
