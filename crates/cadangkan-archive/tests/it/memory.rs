//! Memory on hostile input, measured from outside: a child process reads what tries to fill it, and tells the
//! most that it ever used, C code included. Linux only, where `/proc` knows that.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::process::Command;

use cadangkan_archive::{
    CodecKind, DataKey, Index, IndexEntry, Kdf, PIECE, Recipient, Recipients, SequentialReader,
};
use cadangkan_core::ErrorKind;
use zeroize::Zeroizing;

use crate::support::{build, codec};

const MIB: usize = 1 << 20;
const BOMB: u64 = 64 << 20;

#[test]
fn hostile_input_does_not_fill_the_memory() {
    // What a case may add to the peak, in MiB: its buffers, and a little for the allocator.
    for (case, limit) in
        [("index_line", 8), ("index_claims", 8), ("stream_bomb", 8), ("frame_bomb", 8), ("windows", 8)]
    {
        let name = format!("memory::{case}");
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name, "--ignored", "--nocapture", "--test-threads=1"])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success(), "{case}: {text}{}", String::from_utf8_lossy(&child.stderr));
        let added = text.split("peak added: ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let added: usize = added.unwrap().parse().unwrap();
        assert!(added <= limit * MIB, "{case} added {added} bytes to the peak");
    }
}

/// A backup that was made on a larger machine says so on a small one.
#[test]
fn a_passphrase_that_takes_more_memory_than_there_is_is_an_error() {
    let status = Command::new("sh")
        .args(["-c", "ulimit -v 2000000; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "memory::costly_passphrase", "--ignored", "--test-threads=1"])
        .output()
        .unwrap();
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
}

#[test]
#[ignore = "run by another test, with little memory"]
fn costly_passphrase() {
    let kdf = Kdf::Argon2id { memory_kib: 4 << 20, passes: 1, lanes: 1 };
    let passphrase = Recipient::Passphrase(Zeroizing::new("correct horse".to_owned()), kdf);
    let recipients = Recipients::new(&[passphrase]).unwrap();
    let error = recipients.wrap(&DataKey::generate().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains("memory in MiB: 4096"), "{error}");
}

/// Prints by how much the most memory ever used grew during `work`.
fn measure(work: impl FnOnce()) {
    let peak = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    };
    let before = peak();
    work();
    println!("peak added: {} bytes", peak() - before);
}

/// Much of one byte, in a few kilobytes.
fn bomb(kind: CodecKind, begin: &[u8]) -> Vec<u8> {
    let data = begin.chain(std::io::repeat(b' ').take(BOMB));
    compress(kind, data)
}

fn compress(kind: CodecKind, mut data: impl Read) -> Vec<u8> {
    match kind {
        CodecKind::Zstd => zstd::encode_all(data, 1).unwrap(),
        CodecKind::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
            std::io::copy(&mut data, &mut encoder).unwrap();
            encoder.finish().unwrap()
        }
        CodecKind::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            std::io::copy(&mut data, &mut encoder).unwrap();
            encoder.finish().unwrap()
        }
        CodecKind::Zlib | CodecKind::None => panic!("not needed"),
    }
}

#[test]
#[ignore = "run by hostile_input_does_not_fill_the_memory"]
fn index_line() {
    let bytes = bomb(CodecKind::Zstd, b"{\"format\":");
    measure(|| assert_eq!(Index::read(&bytes[..]).unwrap_err().kind(), ErrorKind::DamagedBackup));
}

#[test]
#[ignore = "run by hostile_input_does_not_fill_the_memory"]
fn index_claims() {
    let header = r#"{"format":"cadangkan-index","version":1,"codec":"zstd","objects":4294967295}"#;
    let bytes = compress(CodecKind::Zstd, format!("{header}\n{{\"object\":0,\"name\":\"x\"}}\n").as_bytes());
    measure(|| assert_eq!(Index::read(&bytes[..]).unwrap_err().kind(), ErrorKind::DamagedBackup));
}

#[test]
#[ignore = "run by hostile_input_does_not_fill_the_memory"]
fn stream_bomb() {
    let bombs = [CodecKind::Zstd, CodecKind::Gzip].map(|kind| (kind, bomb(kind, b"")));
    measure(|| {
        for (kind, bytes) in bombs {
            let mut reader = SequentialReader::new(kind, &bytes[..]).unwrap();
            let (mut piece, mut total) = (Vec::new(), 0);
            while reader.next(&mut piece).unwrap().is_some() {
                total += piece.len();
            }
            assert_eq!(total as u64, BOMB);
            assert!(piece.capacity() <= PIECE + 1);
        }
    });
}

/// What an index says about a frame, and a frame that gives far more.
fn short_entry(kind: CodecKind, stored: &[u8]) -> IndexEntry {
    let mut entry = build(codec(kind), &[vec![b' '; 1000]]).index.entries()[0].clone();
    entry.stored_len = stored.len() as u64;
    entry
}

#[test]
#[ignore = "run by hostile_input_does_not_fill_the_memory"]
fn frame_bomb() {
    let bombs = [CodecKind::Zstd, CodecKind::Gzip, CodecKind::Xz].map(|kind| {
        let bytes = compress(kind, std::io::repeat(b' ').take(32 << 20));
        (kind, short_entry(kind, &bytes), bytes)
    });
    measure(|| {
        for (kind, mut entry, bytes) in bombs {
            let mut out = Vec::new();
            let mut decoder = kind.decoder().unwrap();
            assert_eq!(
                decoder.decode(&entry, &bytes, &mut out).unwrap_err().kind(),
                ErrorKind::DamagedBackup
            );
            assert!(out.capacity() <= 1001, "{kind}");
            entry.raw_len = u64::MAX;
            assert_eq!(
                decoder.decode(&entry, &bytes, &mut out).unwrap_err().kind(),
                ErrorKind::DamagedBackup
            );
            assert!(out.capacity() <= 1001, "{kind}");
        }
    });
}

#[test]
#[ignore = "run by hostile_input_does_not_fill_the_memory"]
fn windows() {
    // A zstd frame that asks for a window of 2 GiB (RFC 8878, 3.1.1.1.2): exponent 21.
    let zstd = [&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00][..], &[0; 100]].concat();
    // An xz stream whose block asks for a dictionary of 4 GiB; the header's checksum is made right again.
    let mut xz = build(codec(CodecKind::Xz), &[vec![b' '; 1000]]).archive;
    let header = 12..12 + (usize::from(xz[12]) + 1) * 4 - 4;
    let dictionary =
        xz[header.clone()].windows(2).position(|pair| pair == [0x21, 0x01]).unwrap() + header.start + 2;
    xz[dictionary] = 40;
    let mut checksum = flate2::Crc::new();
    checksum.update(&xz[header.clone()]);
    (&mut xz[header.end..header.end + 4]).write_all(&checksum.sum().to_le_bytes()).unwrap();
    measure(|| {
        for (kind, bytes) in [(CodecKind::Zstd, zstd), (CodecKind::Xz, xz)] {
            let mut reader = SequentialReader::new(kind, &bytes[..]).unwrap();
            let error = reader.next(&mut Vec::new()).unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::DamagedBackup), "{error:?}");
            let entry = short_entry(kind, &bytes);
            assert!(kind.decoder().unwrap().decode(&entry, &bytes, &mut Vec::new()).is_err());
        }
    });
}
