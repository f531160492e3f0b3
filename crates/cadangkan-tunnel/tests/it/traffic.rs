//! Bytes arrive, all of them, both ways.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use crate::bastion::{Bastion, connect, echo, server};

const MUCH: usize = 100 << 20;

/// Bytes that tell when some are lost, doubled or moved.
fn block(number: usize) -> Vec<u8> {
    let words = (0..8192_u64).map(|word| (number as u64 * 8192 + word).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    words.flat_map(u64::to_le_bytes).collect()
}

fn send_much(mut to: impl Write) -> io::Result<()> {
    (0..MUCH / block(0).len()).try_for_each(|number| to.write_all(&block(number)))
}

/// Reads to the end; fails unless it is exactly what was sent.
fn receive_much(mut from: impl Read) -> io::Result<()> {
    let mut got = vec![0; block(0).len()];
    for number in 0..MUCH / got.len() {
        from.read_exact(&mut got)?;
        assert!(got == block(number), "block {number} is not what was sent");
    }
    assert_eq!(from.read(&mut got)?, 0, "more than was sent");
    Ok(())
}

#[test]
fn bytes_flow_both_ways() {
    let Some(bastion) = Bastion::start() else { return };
    let tunnel = bastion.tunnel(server(echo));
    let mut stream = connect(&tunnel);
    for text in ["a", "\0\u{1}\r\n~.\r\n~?", &"long ".repeat(50_000)] {
        thread::scope(|scope| {
            scope.spawn(|| (&stream).write_all(text.as_bytes()).unwrap());
            let mut got = vec![0; text.len()];
            (&stream).read_exact(&mut got).unwrap();
            assert!(got == text.as_bytes());
        });
    }
    // What is under way arrives although our half is closed.
    stream.write_all(b"the end").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "the end");
}

#[test]
fn connections_are_apart() {
    let Some(bastion) = Bastion::start() else { return };
    let tunnel = bastion.tunnel(server(echo));
    thread::scope(|scope| {
        for number in 0..24 {
            let tunnel = &tunnel;
            scope.spawn(move || {
                let mut stream = connect(tunnel);
                for turn in 0..20 {
                    let text = format!("connection {number:02}, turn {turn:02}");
                    stream.write_all(text.as_bytes()).unwrap();
                    let mut got = vec![0; text.len()];
                    stream.read_exact(&mut got).unwrap();
                    assert_eq!(String::from_utf8(got).unwrap(), text);
                }
            });
        }
    });
}

#[test]
fn much_comes_to_its_end_though_the_server_closes_at_once() {
    let Some(bastion) = Bastion::start() else { return };
    let tunnel = bastion.tunnel(server(|stream: TcpStream| send_much(stream)));
    receive_much(connect(&tunnel)).unwrap();
}

#[test]
fn much_goes_to_its_end_though_we_close_at_once() {
    let Some(bastion) = Bastion::start() else { return };
    let tunnel = bastion.tunnel(server(|mut stream: TcpStream| {
        receive_much(&stream)?;
        stream.write_all(b"all")
    }));
    let mut stream = connect(&tunnel);
    send_much(&stream).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "all");
}
