//! What the server answers to a command (RFC 959, section 4.2).

use std::fmt;
use std::io::{self, BufRead};
use std::time::{Duration, Instant};

/// The longest reply, in bytes.
const LONGEST: usize = 64 << 10;

/// An answer: its code, and its text, lines of which are kept apart.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) text: String,
}

impl Reply {
    /// Reads one, of one line or more, within some time.
    pub(crate) fn read(input: &mut impl BufRead, limit: Duration) -> io::Result<Reply> {
        let begun = Instant::now();
        let mut text = String::new();
        let mut code = None;
        loop {
            let line = read_line(input, LONGEST - text.len().min(LONGEST), Some((begun, limit)))?
                .ok_or(io::ErrorKind::UnexpectedEof)?;
            let line = String::from_utf8_lossy(&line);
            let (number, rest) = line.split_at_checked(3).unwrap_or(("", &line));
            let number: Option<u16> = number.parse().ok().filter(|number| (100..700).contains(number));
            text.push_str(if number.is_some() && (code.is_none() || code == number) {
                rest.get(1..).unwrap_or_default()
            } else {
                &line
            });
            match (code, number) {
                (None, Some(number)) if rest.starts_with('-') => code = Some(number),
                (None, Some(code)) if rest.is_empty() || rest.starts_with(' ') => {
                    return Ok(Reply { code, text });
                }
                (None, _) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "this is no server of FTP"));
                }
                (Some(code), Some(number))
                    if code == number && (rest.is_empty() || rest.starts_with(' ')) =>
                {
                    return Ok(Reply { code, text });
                }
                _ => {}
            }
            text.push('\n');
        }
    }

    /// Whether what was asked for is done, is to go on, or has begun: the first digit of the code.
    pub(crate) fn class(&self) -> u16 {
        self.code / 100
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text.replace('\n', " ").escape_debug())
    }
}

/// Reads a line without its end; `None` when there is none any more.
pub(crate) fn read_line(
    input: &mut impl BufRead,
    longest: usize,
    by: Option<(Instant, Duration)>,
) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    loop {
        if by.is_some_and(|(begun, limit)| begun.elapsed() > limit) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let found = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            found => found?,
        };
        if found.is_empty() {
            return Ok(if line.is_empty() { None } else { Some(line) });
        }
        let end = found.iter().position(|byte| *byte == b'\n');
        let taken = found.get(..end.unwrap_or(found.len())).unwrap_or_default();
        line.extend_from_slice(taken);
        let count = taken.len() + usize::from(end.is_some());
        input.consume(count);
        if line.len() > longest {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the server sends a line without an end"));
        }
        if end.is_some() {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(Some(line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> io::Result<Reply> {
        Reply::read(&mut text.as_bytes(), Duration::from_secs(5))
    }

    #[test]
    fn replies_of_one_line_and_of_more_are_read() {
        let reply = read("226 Done.\r\nrest").unwrap();
        assert_eq!((reply.code, reply.text.as_str(), reply.class()), (226, "Done.", 2));
        // A line within begins with another number, and one with a space.
        let reply =
            read("211-Features:\r\n MLST size*;\r\n226 not the end\r\n211-still\r\n211 End\r\n").unwrap();
        assert_eq!(reply.text, "Features:\n MLST size*;\n226 not the end\nstill\nEnd");
        assert_eq!(read("200\n").unwrap().text, "");
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        for bad in ["", "SSH-2.0-OpenSSH\r\n", "22 x\r\n", "999 x\r\n", "220-never\r\n ends\r\n", "ééé\r\n"]
        {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert!(read(&format!("220 {}\r\n", "x".repeat(LONGEST))).is_err());
        assert!(read(&format!("220-x\r\n{}220 x\r\n", " y\r\n".repeat(LONGEST))).is_err());
    }
}
