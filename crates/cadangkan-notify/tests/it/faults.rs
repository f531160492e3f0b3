//! Servers that refuse, break off, hang and drip.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use cadangkan_core::ErrorKind;
use cadangkan_notify::{Undelivered, pause};
use cadangkan_testkit::scripted::Scripted;
use serde_json::json;

use crate::support::{LIMIT, hostile, message, open};

const SECRET: &str = "mArKeD-uRl-7f3a";

fn failure(url: &str, limit: Duration) -> Undelivered {
    let channel = open("slack", &json!({ "webhook_url": format!("{url}/{SECRET}") }), None);
    let undelivered = channel.send(&message(vec![hostile()]), limit).unwrap_err();
    let told = format!("{:?} {:?}", undelivered.error, undelivered.error.advice());
    assert!(!told.contains(SECRET), "{told}");
    undelivered
}

#[test]
fn a_refusal_says_why_and_whether_it_may_pass() {
    for (status, headers, passes, wait) in [
        (429, "retry-after: 120\r\n", true, Some(120)),
        (429, "retry-after: soon\r\n", true, None),
        (500, "", true, None),
        (503, "", true, None),
        (404, "", false, None),
        (400, "", false, None),
        (302, "location: https://elsewhere\r\n", false, None),
    ] {
        let server = Scripted::start(vec![(status, headers.to_owned(), "no\u{1b}[31m service".to_owned())]);
        let undelivered = failure(&server.url, LIMIT);
        let said = undelivered.error.to_string();
        assert!(
            said.starts_with(&format!("the server says {status} no\u{fffd}[31m service (host: 127.0.0.1")),
            "{said}"
        );
        assert_eq!(undelivered.error.is_retryable(), passes, "{status}");
        assert_eq!(undelivered.wait, wait.map(Duration::from_secs));
    }
}

#[test]
fn an_endless_answer_is_cut() {
    let server = Scripted::start(vec![(500, String::new(), "x".repeat(3_000_000))]);
    assert!(failure(&server.url, LIMIT).error.to_string().len() < 500);
}

#[test]
fn a_connection_that_is_cut_or_refused_may_pass() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| drop(listener.accept().unwrap()));
        let undelivered = failure(&url, LIMIT);
        assert_eq!(undelivered.error.kind(), ErrorKind::Unreachable);
        assert!(undelivered.error.is_retryable());
    });
    drop(listener);
    assert!(failure(&url, LIMIT).error.is_retryable());
}

#[test]
fn a_server_that_hangs_or_drips_is_left_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let limit = Duration::from_secs(1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for drips in [false, true] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut buffer = [0; 65536];
                let _ = stream.read(&mut buffer).unwrap();
                // Each byte comes long before any one wait is over.
                while drips && stream.write_all(b"H").is_ok() {
                    std::thread::sleep(Duration::from_millis(100));
                }
                while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
            }
        });
        for _ in 0..2 {
            let begun = Instant::now();
            let undelivered = failure(&url, limit);
            // Far below any of the limits that are set for servers that answer.
            assert!(begun.elapsed() < Duration::from_secs(8));
            assert!(undelivered.error.is_retryable(), "{:?}", undelivered.error);
        }
    });
}

#[test]
fn pauses_grow_to_an_hour_and_last_as_long_as_was_asked() {
    let passing = |wait: Option<u64>| Undelivered {
        error: cadangkan_core::Error::new(ErrorKind::Unreachable, "x").retryable(),
        wait: wait.map(Duration::from_secs),
    };
    let minutes = |attempts, wait| pause(attempts, &passing(wait)).as_secs() / 60;
    let usual: Vec<_> = [0, 1, 2, 3, 6, 7, 8, u64::MAX].map(|attempts| minutes(attempts, None)).into();
    assert_eq!(usual, [1, 1, 2, 4, 32, 60, 60, 60]);
    assert_eq!((minutes(1, Some(600)), minutes(1, Some(1_000_000)), minutes(4, Some(60))), (10, 60, 8));
    let refused = Undelivered { error: cadangkan_core::Error::new(ErrorKind::Denied, "x"), wait: None };
    assert_eq!(pause(1, &refused).as_secs(), 3600);
}
