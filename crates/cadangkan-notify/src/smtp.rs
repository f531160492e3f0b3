//! SMTP as a client that hands in one message (RFC 5321, 3207, 4954), blocking.
//!
//! Our own since it is a few lines, and since every wait and every reply has a limit here, of a line as of the whole; what came
//! before TLS is not believed after it; and nobody waits for a goodbye.

mod stream;

use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_http::tls;
use rustls::pki_types::ServerName;
use serde::Deserialize;

use crate::text::cut;
use stream::Stream;

/// The most bytes of one reply.
const LONGEST_REPLY: usize = 16 << 10;

/// How a server is reached.
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) authorities: Option<PathBuf>,
    pub(crate) login: Option<(String, String)>,
}

/// How what is sent is kept from others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Security {
    #[default]
    /// TLS from the second command on; refused where the server has none.
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Not at all.
    #[serde(rename = "none")]
    Nothing,
}

/// A message on its way.
pub(crate) struct Mail<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a [String],
    /// Headers and body; lines end in CR and LF.
    pub(crate) content: &'a [u8],
    /// Whether one address that the server refuses keeps it from the others.
    pub(crate) all_or_nobody: bool,
}

impl Server {
    /// Hands a message in; `name` is what this machine is called.
    pub(crate) fn hand_in(&self, mail: &Mail<'_>, name: &str, limit: Duration) -> Result<()> {
        self.converse(mail, name, Instant::now() + limit)
            .map_err(|error| error.context("server", format!("{}:{}", self.host, self.port)))
    }

    fn converse(&self, mail: &Mail<'_>, name: &str, deadline: Instant) -> Result<()> {
        let mut talk = self.connect(deadline)?;
        let name = if name.contains('.') && is_plain(name) { name.to_owned() } else { talk.stream.literal() };
        talk.expect(2).map_err(|error| match error.kind() {
            ErrorKind::Timeout if self.security != Security::Tls => error.hint(
                "check `port`; one that waits for TLS from the first byte, usually 465, needs `tls: tls`",
            ),
            _ => error,
        })?;
        let mut offers = talk.command(&format!("EHLO {name}"), 2)?;
        if self.security == Security::StartTls {
            if !offers.has("STARTTLS") {
                let message = "the server has no TLS on this port";
                return Err(Error::new(ErrorKind::Unsupported, message)
                    .hint("set `tls: tls` and the port for it, usually 465"));
            }
            talk.command("STARTTLS", 2)?;
            talk = self.encrypt(talk)?;
            offers = talk.command(&format!("EHLO {name}"), 2)?;
        }
        if let Some(login) = &self.login {
            log_in(&mut talk, &offers, login)?;
        }
        talk.command(&format!("MAIL FROM:<{}>", mail.from), 2)?;
        let mut accepted = 0;
        let mut refused = None;
        for address in mail.to {
            match talk.command(&format!("RCPT TO:<{address}>"), 2) {
                Ok(_) => accepted += 1,
                Err(error) if error.kind() != ErrorKind::Denied || mail.all_or_nobody => {
                    return Err(error.context("recipient", address));
                }
                Err(error) => refused = Some(error.context("recipient", address)),
            }
        }
        if let Some(error) = refused.filter(|_| accepted == 0) {
            return Err(error);
        }
        talk.command("DATA", 3)?;
        talk.stream.send(&dotted(mail.content))?;
        talk.expect(2)?;
        // It is taken; whether the server says goodbye does not matter.
        let _ = talk.stream.send(b"QUIT\r\n");
        Ok(())
    }

    fn connect(&self, deadline: Instant) -> Result<Talk> {
        let unknown = |error| {
            Error::new(ErrorKind::Unreachable, "the host's name is not known")
                .source(error)
                .retryable()
                .hint("check `host`, and the machine's DNS")
        };
        let addresses = (self.host.as_str(), self.port).to_socket_addrs().map_err(unknown)?;
        let mut failure = None;
        for address in addresses {
            let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            match TcpStream::connect_timeout(&address, left) {
                Ok(socket) => {
                    let stream = Stream::plain(socket, deadline);
                    let talk = Talk { stream, buffer: Vec::new() };
                    return if self.security == Security::Tls { self.encrypt(talk) } else { Ok(talk) };
                }
                Err(error) => failure = Some(error),
            }
        }
        let failure = failure.unwrap_or_else(|| std::io::ErrorKind::NotFound.into());
        Err(stream::failed(failure).hint("check `host` and `port`, and a firewall in between"))
    }

    fn encrypt(&self, talk: Talk) -> Result<Talk> {
        if !talk.buffer.is_empty() {
            let message = "the server says more before TLS than it may: somebody may be in between";
            return Err(Error::new(ErrorKind::Denied, message));
        }
        let config = tls::client_config(self.authorities.as_deref())?;
        let name = ServerName::try_from(self.host.clone())
            .map_err(|_| Error::new(ErrorKind::Configuration, "`host` is no name that a certificate has"))?;
        Ok(Talk { stream: talk.stream.encrypt(config, name)?, buffer: Vec::new() })
    }
}

/// A connection, and what was read of the next reply.
struct Talk {
    stream: Stream,
    buffer: Vec<u8>,
}

/// What the server says.
struct Reply(Vec<String>);

impl Reply {
    /// Whether an extension is offered.
    fn has(&self, word: &str) -> bool {
        self.words(word).is_some()
    }

    /// What stands behind an extension's name.
    fn words(&self, word: &str) -> Option<&str> {
        let behind = |line: &String| {
            let (first, rest) = line.split_once([' ', '=']).unwrap_or((line, ""));
            first.eq_ignore_ascii_case(word).then_some(rest.len())
        };
        self.0.iter().find_map(|line| line.get(line.len() - behind(line)?..))
    }
}

impl Talk {
    /// Sends a line, and expects a reply of a class.
    fn command(&mut self, line: &str, class: u16) -> Result<Reply> {
        self.stream.send(format!("{line}\r\n").as_bytes())?;
        self.expect(class)
    }

    fn expect(&mut self, class: u16) -> Result<Reply> {
        let (code, reply) = self.reply()?;
        if code / 100 == class {
            return Ok(reply);
        }
        let message = format!("the mail server says {code} {}", cut(&reply.0.join(" "), 300));
        let error = Error::new(ErrorKind::Denied, message);
        Err(match code {
            400..=499 => error.with_kind(ErrorKind::Unreachable).retryable(),
            530 | 534 | 535 | 538 => error.hint("check `user` and `password`"),
            _ => error,
        })
    }

    /// Reads one reply, of one or more lines: `250-first`, `250 last`.
    fn reply(&mut self) -> Result<(u16, Reply)> {
        let mut lines = Vec::new();
        let mut bytes = 0;
        loop {
            let line = self.line()?;
            bytes += line.len() + 2;
            let wrong =
                || Error::new(ErrorKind::Unsupported, "what answers is no mail server").hint("check `port`");
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok()).ok_or_else(wrong)?;
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.get(3..4) != Some("-") {
                return Ok((code, Reply(lines)));
            }
            if bytes > LONGEST_REPLY {
                return Err(too_long());
            }
        }
    }

    fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.buffer.len() > LONGEST_REPLY {
                return Err(too_long());
            }
            self.stream.read(&mut self.buffer)?;
        }
    }
}

fn too_long() -> Error {
    Error::new(ErrorKind::Unsupported, "the mail server does not come to an end")
}

fn log_in(talk: &mut Talk, offers: &Reply, (user, password): &(String, String)) -> Result<()> {
    let mechanisms = offers.words("AUTH").unwrap_or_default().to_ascii_uppercase();
    let has = |wanted: &str| mechanisms.split_whitespace().any(|offered| offered == wanted);
    if has("PLAIN") {
        let text = BASE64.encode(format!("\0{user}\0{password}"));
        return talk.command(&format!("AUTH PLAIN {text}"), 2).map(drop);
    }
    if has("LOGIN") {
        talk.command("AUTH LOGIN", 3)?;
        talk.command(&BASE64.encode(user), 3)?;
        return talk.command(&BASE64.encode(password), 2).map(drop);
    }
    Err(Error::new(ErrorKind::Unsupported, "the server takes no user and password")
        .hint("leave `user` and `password` out, or check `port`"))
}

/// The content as it is sent: a line that begins with a dot gets a second one, and a dot alone ends it.
fn dotted(content: &[u8]) -> Vec<u8> {
    let mut sent = Vec::with_capacity(content.len() + 8);
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            sent.push(b'.');
        }
        sent.extend_from_slice(line);
    }
    if !sent.ends_with(b"\r\n") {
        sent.extend_from_slice(b"\r\n");
    }
    sent.extend_from_slice(b".\r\n");
    sent
}

fn is_plain(name: &str) -> bool {
    name.len() <= 255 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_a_dot_does_not_end_the_message() {
        assert_eq!(dotted(b"a\r\n.\r\n.b"), b"a\r\n..\r\n..b\r\n.\r\n");
        assert_eq!(dotted(b""), b"\r\n.\r\n");
    }

    #[test]
    fn extensions_have_words() {
        let reply = Reply(vec!["host at your service".into(), "AUTH=PLAIN LOGIN".into(), "starttls".into()]);
        assert_eq!(reply.words("auth"), Some("PLAIN LOGIN"));
        assert!(reply.has("STARTTLS") && !reply.has("SIZE"));
    }
}
