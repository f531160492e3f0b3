//! A service on this machine that answers one request, for what asks services for tokens.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread::Builder;

/// A service that answers its requests one after the other, each with a status and a body.
#[derive(Debug)]
pub struct Scripted {
    /// Where it is: `http://127.0.0.1:…`.
    pub url: String,
    requests: Receiver<String>,
}

impl Scripted {
    /// Begins to listen; after the last answer nothing listens any more. An answer is a status, headers that each end in
    /// CR and LF, and a body.
    pub fn start(answers: Vec<(u16, String, String)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (tell, requests) = channel();
        let work = move || {
            for (status, headers, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !is_whole(&request) {
                    let mut buffer = [0; 65536];
                    let count = stream.read(&mut buffer).unwrap();
                    assert!(count > 0, "a request ends early");
                    request.extend_from_slice(&buffer[..count]);
                }
                tell.send(String::from_utf8_lossy(&request).into_owned()).unwrap();
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n"
                );
                stream.write_all((head + &body).as_bytes()).unwrap();
            }
        };
        let _ = Builder::new().name("scripted".into()).spawn(work).unwrap();
        Scripted { url, requests }
    }

    /// One that answers once.
    pub fn once(status: u16, body: &str) -> Self {
        Self::start(vec![(status, String::new(), body.to_owned())])
    }

    /// Returns the next request, once it came.
    pub fn request(&self) -> String {
        self.requests.recv().unwrap()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
    request.len() >= end + 4 + length.unwrap_or(0)
}
