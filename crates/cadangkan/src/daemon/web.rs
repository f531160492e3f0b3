//! What monitoring asks the scheduler over HTTP: whether it lives, whether it is ready, and its metrics. Nothing else, and
//! nothing is changed by it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use cadangkan_core::{Error, Result};

/// The most bytes of a question.
const MOST: usize = 8 * 1024;
/// How long one who asks has for it.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long those who ask keep the scheduler from its other business.
const AT_MOST: Duration = Duration::from_secs(4);

/// What is answered.
pub(super) struct Page {
    /// The status.
    pub(super) status: u16,
    /// The text.
    pub(super) text: String,
}

/// The address that is listened on.
pub(super) struct Web {
    listener: TcpListener,
    /// As it is configured.
    pub(super) address: SocketAddr,
}

impl Web {
    /// Listens at an address.
    pub(super) fn open(address: SocketAddr) -> Result<Self> {
        let failed = |error| {
            Error::io("cannot listen for monitoring", error)
                .context("address", address)
                .hint("`scheduler: { listen: … }` in the configuration says where; another program may have the port")
        };
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Web { listener, address })
    }

    /// To be waited for.
    pub(super) fn socket(&self) -> &impl AsFd {
        &self.listener
    }

    /// Answers those who wait, each with what `page` makes of a path; `None` where there is none.
    pub(super) fn answer(&self, mut page: impl FnMut(&str) -> Option<Page>) {
        let began = Instant::now();
        while began.elapsed() < AT_MOST {
            let Ok((stream, _)) = self.listener.accept() else { return };
            // Nothing is lost with one who went away, or did not ask in time.
            let _ = converse(stream, &mut page);
        }
    }
}

fn converse(mut stream: TcpStream, page: &mut impl FnMut(&str) -> Option<Page>) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let question = read(&mut stream)?;
    let (status, text, is_head) = match asked(&question) {
        None => (400, "this is no question in HTTP\n".to_owned(), false),
        Some((method, _)) if !["GET", "HEAD"].contains(&method) => {
            (405, "GET is answered\n".to_owned(), false)
        }
        Some((method, path)) => {
            let Page { status, text } = page(path).unwrap_or_else(|| Page {
                status: 404,
                text: "there are /livez, /readyz and /metrics\n".to_owned(),
            });
            (status, text, method == "HEAD")
        }
    };
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Service Unavailable",
    };
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes())?;
    if is_head { Ok(()) } else { stream.write_all(text.as_bytes()) }
}

/// Reads up to the end of the head.
fn read(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let (mut question, mut buffer, began) = (Vec::new(), [0; 1024], Instant::now());
    loop {
        let left = PATIENCE.saturating_sub(began.elapsed());
        // A timeout of nothing would be none.
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let count = stream.read(&mut buffer)?;
        question.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let is_whole = question.windows(4).any(|window| window == b"\r\n\r\n");
        if is_whole || count == 0 || question.len() > MOST || left.is_zero() {
            return Ok(question);
        }
    }
}

/// The method and the path of a question.
fn asked(question: &[u8]) -> Option<(&str, &str)> {
    let end = question.windows(2).position(|window| window == b"\r\n")?;
    let line = std::str::from_utf8(question.get(..end)?).ok()?;
    let mut words = line.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let path = target.split('?').next()?;
    (version.starts_with("HTTP/1.") && words.next().is_none()).then_some((method, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_proper_questions_are_taken() {
        assert_eq!(asked(b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n"), Some(("GET", "/metrics")));
        for wrong in [
            &b""[..],
            b"GET /\r\n\r\n",
            b"GET / SSH-2\r\n",
            b"\xff\xfe / HTTP/1.1\r\n",
            b"GET  / HTTP/1.1\r\n",
        ] {
            assert_eq!(asked(wrong), None);
        }
    }

    #[test]
    fn each_gets_an_answer_and_who_is_silent_holds_nobody_up() {
        let web = Web::open("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = web.listener.local_addr().unwrap();
        let silent = TcpStream::connect(address).unwrap();
        let ask = |text: &str| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
            stream
        };
        let mut asking = [
            ask("GET /livez HTTP/1.1\r\n\r\n"),
            ask("GET /etc/passwd HTTP/1.1\r\n\r\n"),
            ask("POST /livez HTTP/1.1\r\n\r\n"),
            ask("HEAD /livez HTTP/1.0\r\n\r\n"),
            ask("nonsense\r\n\r\n"),
        ];
        web.answer(|path| (path == "/livez").then(|| Page { status: 200, text: "ok\n".to_owned() }));
        drop(silent);
        let answers: Vec<String> = asking
            .iter_mut()
            .map(|stream| {
                let mut answer = String::new();
                stream.read_to_string(&mut answer).unwrap();
                answer
            })
            .collect();
        let codes: Vec<_> = answers.iter().map(|answer| answer.split(' ').nth(1).unwrap()).collect();
        assert_eq!(codes, ["200", "404", "405", "200", "400"]);
        assert!(answers[0].ends_with("\r\n\r\nok\n") && answers[3].ends_with("\r\n\r\n"));
    }
}
