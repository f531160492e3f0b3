//! Encrypted files: what opens them, what does not, and what no change of a file can bring about.

use std::io::Read;

use cadangkan_archive::{
    CipherKind, DataKey, Envelope, FileRole, Identities, Kdf, KeyFile, PrivateKey, Recipient, Recipients,
    SealedFile, Sealer, Wrap, WrapKind, WrongKey, seal_bytes,
};
use cadangkan_core::{ErrorKind, Result};
use proptest::prelude::*;
use zeroize::Zeroizing;

const CHUNK: usize = 64 << 10;
/// Costs nothing, so that tests are quick.
const CHEAP: Kdf = Kdf::Argon2id { memory_kib: 64, passes: 1, lanes: 1 };

fn passphrase(text: &str) -> Recipient {
    Recipient::Passphrase(Zeroizing::new(text.to_owned()), CHEAP)
}

fn knowing(passphrase: &str) -> Identities {
    let mut identities = Identities::default();
    identities.add_passphrase(Zeroizing::new(passphrase.to_owned()));
    identities
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|number| (number / 7 % 251) as u8).collect()
}

fn open(bytes: &[u8], role: FileRole<'_>, identities: &Identities) -> Result<Vec<u8>> {
    let file = SealedFile::open(bytes, bytes.len() as u64, role, |wraps| identities.unwrap(wraps))?;
    file.open_bytes(bytes)
}

#[test]
fn every_length_comes_back_and_every_range_of_it() {
    let (key, keys) = (DataKey::generate().unwrap(), keys_for("correct horse"));
    for length in [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5] {
        let plain = content(length);
        let wraps = Recipients::new(&keys).unwrap().wrap(&key).unwrap();
        let mut sealer = Sealer::new(&key, FileRole::Archive, &wraps).unwrap();
        let mut sealed = Vec::new();
        for piece in plain.chunks(1000) {
            sealed.extend_from_slice(sealer.update(piece).unwrap());
        }
        sealed.append(&mut sealer.finish().unwrap());
        assert!(SealedFile::is_one(&sealed));
        let identities = knowing("correct horse");
        assert!(open(&sealed, FileRole::Archive, &identities).unwrap() == plain, "{length}");
        let file = SealedFile::open(sealed.as_slice(), sealed.len() as u64, FileRole::Archive, |wraps| {
            identities.unwrap(wraps)
        })
        .unwrap();
        assert_eq!(file.plain_bytes(), length as u64);
        let borders = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, length, length + 10];
        for (start, end) in borders.iter().flat_map(|start| borders.map(|end| (*start, end))) {
            if start > end {
                continue;
            }
            let range = start as u64..end as u64;
            let stored = file.stored(&range);
            let stored = &sealed[stored.start as usize..stored.end as usize];
            let mut read = Vec::new();
            file.reader(stored, &range).read_to_end(&mut read).unwrap();
            let expected = plain.get(start.min(length)..end.min(length)).unwrap();
            assert!(read == expected, "{start}..{end} of {length}");
            assert!(stored.len() <= end.min(length).saturating_sub(start) + 2 * (CHUNK + 16));
        }
    }
}

fn keys_for(text: &str) -> Vec<Recipient> {
    vec![passphrase(text)]
}

#[test]
fn each_of_several_recipients_opens_it_and_nobody_else() {
    let (private, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let (file, other_file) = (KeyFile::generate().unwrap(), KeyFile::generate().unwrap());
    let recipients = [
        passphrase("correct horse"),
        Recipient::PublicKey(private.public()),
        Recipient::KeyFile(file.clone()),
        Recipient::Passphrase(
            Zeroizing::new("battery staple".into()),
            Kdf::Pbkdf2Sha256 { iterations: 1000 },
        ),
    ];
    let data_key = DataKey::generate().unwrap();
    let wraps = Recipients::new(&recipients).unwrap().wrap(&data_key).unwrap();
    assert_eq!(wraps.len(), 4);
    let sealed = seal_bytes(&data_key, FileRole::Index, &wraps, b"rows").unwrap();
    let having = |text: &str| {
        let mut identities = Identities::default();
        identities.add_file(text).unwrap();
        identities
    };
    let remarks =
        format!("# made by somebody\n\n{}\n{}\n", *other.to_text().unwrap(), *private.to_text().unwrap());
    for identities in [
        knowing("correct horse"),
        knowing("battery staple"),
        having(&private.to_text().unwrap()),
        having(&remarks),
        having(&file.to_text()),
    ] {
        assert_eq!(open(&sealed, FileRole::Index, &identities).unwrap(), b"rows");
    }
    for identities in [
        Identities::default(),
        knowing("Correct horse"),
        having(&other.to_text().unwrap()),
        having(&other_file.to_text()),
    ] {
        let error = open(&sealed, FileRole::Index, &identities).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongKey, "{error}");
        let WrongKey(kinds) = error.cause().unwrap();
        assert_eq!(kinds.len(), 4);
        assert!(error.chain().join(": ").contains(&private.public().to_string()));
    }
}

#[test]
fn a_wrong_passphrase_is_told_from_damage() {
    let data_key = DataKey::generate().unwrap();
    let wraps = Recipients::new(&keys_for("correct horse")).unwrap().wrap(&data_key).unwrap();
    let sealed = seal_bytes(&data_key, FileRole::Archive, &wraps, &content(100)).unwrap();
    let wrong = open(&sealed, FileRole::Archive, &knowing("wrong")).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::WrongKey);
    for position in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[position] ^= 0x10;
        let error = open(&damaged, FileRole::Archive, &knowing("correct horse")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DamagedBackup, "byte {position}: {error}");
    }
}

#[test]
fn nothing_secret_is_shown() {
    let (key_file, pair) = (KeyFile::generate().unwrap(), PrivateKey::generate().unwrap());
    let file_text = key_file.to_text();
    let pair_text = pair.to_text().unwrap();
    let all = [
        passphrase("correct horse"),
        Recipient::KeyFile(key_file.clone()),
        Recipient::PublicKey(pair.public()),
    ];
    let data_key = DataKey::generate().unwrap();
    let prepared = Recipients::new(&all).unwrap();
    let wraps = prepared.wrap(&data_key).unwrap();
    let mut identities = knowing("correct horse");
    identities.add_file(&pair_text).unwrap();
    let shown = format!("{all:?} {prepared:?} {identities:?} {key_file:?} {pair:?} {data_key:?}");
    for secret in ["correct", "horse", file_text.trim(), pair_text.trim()] {
        assert!(!shown.contains(secret), "{shown}");
    }
    let kinds: Vec<_> = wraps.iter().map(|wrap| wrap.kind.describe()).collect();
    let public = format!("the private key to {}", pair.public());
    assert!(kinds[0] == "a passphrase" && kinds[2] == public, "{kinds:?}");
    assert!(prepared.are_those_of(&wraps).unwrap() && !prepared.are_those_of(&wraps[1..]).unwrap());
    assert_eq!(Recipients::new(&[]).unwrap_err().kind(), ErrorKind::Configuration);
}

#[test]
fn nobody_is_kept_busy_by_a_thousand_passphrases() {
    let many: Vec<_> = (0..17).map(|number| passphrase(&format!("passphrase number {number}"))).collect();
    assert_eq!(Recipients::new(&many).unwrap_err().kind(), ErrorKind::Configuration);
    let data_key = DataKey::generate().unwrap();
    let most = Recipients::new(&many[..16]).unwrap().wrap(&data_key).unwrap();
    assert!(knowing("passphrase number 15").unwrap(&most).is_ok());
    let one_more = Recipients::new(&many[16..]).unwrap();
    let error = one_more.wrap_beside(most.clone(), &data_key).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let forged = [most, one_more.wrap(&data_key).unwrap()].concat();
    let error = knowing("passphrase number 0").unwrap(&forged).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DamagedBackup);
}

#[test]
fn a_file_does_not_open_in_the_place_of_another() {
    let data_key = DataKey::generate().unwrap();
    let wraps = Recipients::new(&keys_for("correct horse")).unwrap().wrap(&data_key).unwrap();
    let identities = knowing("correct horse");
    let roles = [
        FileRole::Archive,
        FileRole::Index,
        FileRole::Manifest,
        FileRole::Side("users"),
        FileRole::Side("gtid"),
    ];
    for made in roles {
        let sealed = seal_bytes(&data_key, made, &wraps, b"x").unwrap();
        for opened in roles {
            assert_eq!(open(&sealed, opened, &identities).is_ok(), made == opened, "{made:?} as {opened:?}");
        }
    }
}

#[test]
fn nothing_of_two_files_of_one_content_is_equal() {
    let data_key = DataKey::generate().unwrap();
    let wraps = Recipients::new(&keys_for("correct horse")).unwrap().wrap(&data_key).unwrap();
    let plain = content(CHUNK);
    let seal = || seal_bytes(&data_key, FileRole::Archive, &wraps, &plain).unwrap();
    let (one, other) = (seal(), seal());
    let chunk = |bytes: &[u8]| bytes[bytes.len() - CHUNK - 16..].to_vec();
    let equal = chunk(&one).iter().zip(chunk(&other)).filter(|(one, other)| **one == *other).count();
    assert!(equal < CHUNK / 64, "{equal} of {CHUNK} bytes are equal");
}

#[test]
fn a_removed_wrap_opens_no_more_and_newer_ones_do() {
    let data_key = DataKey::generate().unwrap();
    let old = Recipients::new(&keys_for("old passphrase")).unwrap().wrap(&data_key).unwrap();
    let sealed = seal_bytes(&data_key, FileRole::Archive, &old, b"rows").unwrap();
    let found = knowing("old passphrase").unwrap(&old).unwrap();
    let new = Recipients::new(&keys_for("new passphrase")).unwrap().wrap(&found).unwrap();
    let newer = |wraps: &[Wrap], identities: &Identities| {
        let file = SealedFile::open(sealed.as_slice(), sealed.len() as u64, FileRole::Archive, |_| {
            identities.unwrap(wraps)
        })?;
        file.open_bytes(&sealed)
    };
    assert_eq!(newer(&new, &knowing("new passphrase")).unwrap(), b"rows");
    assert_eq!(newer(&new, &knowing("old passphrase")).unwrap_err().kind(), ErrorKind::WrongKey);
    assert!(matches!(new[0].kind, WrapKind::Passphrase { kdf, .. } if kdf == CHEAP));
}

#[test]
fn the_form_of_age_comes_back_whole_and_in_ranges_and_damage_is_told_from_a_wrong_key() {
    let recipients = Recipients::new(&keys_for("correct horse")).unwrap();
    let envelope = Envelope::new(CipherKind::Age, &recipients).unwrap();
    let identities = knowing("correct horse");
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5] {
        let plain = content(length);
        let sealed = envelope.seal(FileRole::Archive, &plain).unwrap();
        assert!(SealedFile::is_one(&sealed));
        let newer = |_: &[Wrap]| identities.unwrap(envelope.keys().unwrap());
        let file =
            SealedFile::open(sealed.as_slice(), sealed.len() as u64, FileRole::Archive, newer).unwrap();
        assert!(file.open_bytes(&sealed).unwrap() == plain, "{length}");
        let range = length as u64 / 3..length as u64;
        let stored = file.stored(&range);
        let mut read = Vec::new();
        let stored = &sealed[stored.start as usize..stored.end as usize];
        file.reader(stored, &range).read_to_end(&mut read).unwrap();
        assert!(read == plain[length / 3..], "{length}");
    }
    // Alone, by its own header.
    let sealed = envelope.seal(FileRole::Archive, b"rows").unwrap();
    assert_eq!(open(&sealed, FileRole::Archive, &identities).unwrap(), b"rows");
    assert_eq!(open(&sealed, FileRole::Archive, &knowing("wrong")).unwrap_err().kind(), ErrorKind::WrongKey);
    let key = identities.unwrap(envelope.keys().unwrap()).unwrap();
    for position in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[position] ^= 0x04;
        let opened =
            SealedFile::open(
                damaged.as_slice(),
                damaged.len() as u64,
                FileRole::Archive,
                |_| Ok(key.clone()),
            );
        let error = opened.and_then(|file| file.open_bytes(&damaged)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DamagedBackup, "byte {position}: {error}");
    }
}

/// A file with many of them would have us spend the cost of each, before its tag can be looked at.
#[test]
fn a_passphrase_of_age_stands_alone() {
    let recipients = Recipients::new(&[passphrase("correct horse")]).unwrap();
    let sealed =
        Envelope::new(CipherKind::Age, &recipients).unwrap().seal(FileRole::Archive, b"rows").unwrap();
    let stanza_begins = sealed.windows(3).position(|bytes| bytes == b"-> ").unwrap();
    let stanza_ends = sealed.windows(4).position(|bytes| bytes == b"\n---").unwrap() + 1;
    let stanza = &sealed[stanza_begins..stanza_ends];
    let x25519 = format!("-> X25519 {}\n{}\n", "A".repeat(43), "A".repeat(43));
    for more in [stanza, x25519.as_bytes(), b"-> other words\n\n"] {
        let file = [&sealed[..stanza_ends], more, &sealed[stanza_ends..]].concat();
        let opened = SealedFile::open(file.as_slice(), file.len() as u64, FileRole::Archive, |wraps| {
            panic!("{} wraps were tried", wraps.len())
        });
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::DamagedBackup);
    }
}

#[test]
fn age_refuses_whom_it_cannot_keep_a_key_for() {
    let file = Recipient::KeyFile(KeyFile::generate().unwrap());
    let public = Recipient::PublicKey(PrivateKey::generate().unwrap().public());
    for recipients in [vec![file], vec![passphrase("correct horse"), public]] {
        let recipients = Recipients::new(&recipients).unwrap();
        let error = Envelope::new(CipherKind::Age, &recipients).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    }
}

fn openssl(text: &str) -> Result<Envelope> {
    let kdf = Kdf::Pbkdf2Sha256 { iterations: 1000 };
    let passphrase = Recipient::Passphrase(Zeroizing::new(text.to_owned()), kdf);
    Envelope::new(CipherKind::OpenSsl, &Recipients::new(&[passphrase]).unwrap())
}

#[test]
fn the_form_of_openssl_comes_back_whole_and_in_ranges() {
    for length in [0, 1, 15, 16, 17, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5] {
        let envelope = openssl("correct horse").unwrap();
        let plain = content(length);
        let sealed = envelope.seal(FileRole::Archive, &plain).unwrap();
        assert!(SealedFile::is_one(&sealed) && sealed.len() == (length / 16 + 2) * 16);
        let opened = |bytes: &[u8], role| {
            SealedFile::open(bytes, bytes.len() as u64, role, |_| Ok(envelope.data_key().clone()))
        };
        let file = opened(&sealed, FileRole::Archive).unwrap();
        assert!(file.open_bytes(&sealed).unwrap() == plain && !file.proves_itself(), "{length}");
        let points = [0, 1, 16, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, length];
        let points = points.map(|point| point.min(length) as u64);
        for (start, end) in points.iter().flat_map(|start| points.map(|end| (*start, end))) {
            let range = start..end.max(start);
            let stored = file.stored(&range);
            let mut read = Vec::new();
            let stored = &sealed[stored.start as usize..stored.end as usize];
            file.reader(stored, &range).read_to_end(&mut read).unwrap();
            assert!(read == plain[range.start as usize..range.end as usize], "{length}: {range:?}");
        }
        for wrong in
            [opened(&sealed[..sealed.len() - 16], FileRole::Archive), opened(&sealed, FileRole::Index)]
        {
            assert_eq!(wrong.unwrap_err().kind(), ErrorKind::DamagedBackup);
        }
        let mut damaged = sealed.clone();
        *damaged.last_mut().unwrap() ^= 1;
        assert_eq!(file.open_bytes(&damaged).unwrap_err().kind(), ErrorKind::DamagedBackup);
    }
}

#[test]
fn openssl_refuses_whom_and_what_it_does_not_know() {
    let public = Recipient::PublicKey(PrivateKey::generate().unwrap().public());
    let file = Recipient::KeyFile(KeyFile::generate().unwrap());
    for recipients in [vec![public], vec![file], vec![passphrase("correct horse")]] {
        let recipients = Recipients::new(&recipients).unwrap();
        let error = Envelope::new(CipherKind::OpenSsl, &recipients).unwrap_err();
        assert!(error.kind() == ErrorKind::Configuration && error.advice().is_some(), "{error}");
    }
    for text in ["two\nlines", &"long".repeat(300)] {
        assert_eq!(openssl(text).unwrap_err().kind(), ErrorKind::Configuration);
    }
}

/// A file of four chunks, and another one under the same data key.
fn two_files() -> (DataKey, Vec<u8>, Vec<u8>, Vec<u8>) {
    let data_key = DataKey::generate().unwrap();
    let wraps = Recipients::new(&[Recipient::KeyFile(KeyFile::generate().unwrap())]).unwrap();
    let wraps = wraps.wrap(&data_key).unwrap();
    let plain = content(3 * CHUNK + 100);
    let other: Vec<u8> = plain.iter().map(|byte| !byte).collect();
    let seal = |plain: &[u8]| seal_bytes(&data_key, FileRole::Archive, &wraps, plain).unwrap();
    let (one, two) = (seal(&plain), seal(&other));
    (data_key, plain, one, two)
}

/// Bytes of a header that differ from file to file: magic, length, cipher and salt.
const HEADER: usize = 100;

#[derive(Clone, Debug)]
enum Mutation {
    Flip { at: usize, bit: u8 },
    Cut { at: usize },
    Append { bytes: Vec<u8> },
    Remove { at: usize, count: usize },
    Repeat { at: usize, count: usize },
    Swap { one: usize, other: usize },
    OtherChunk { number: usize },
    OtherHeader,
    Zero { at: usize, count: usize },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let chunk = 0..4_usize;
    let aligned = (0..4_usize).prop_map(|number| number * (CHUNK + 16));
    let anywhere = 0..200_000_usize;
    let place = prop_oneof![aligned, anywhere.clone()];
    let count = prop_oneof![Just(CHUNK + 16), 1..70_000_usize];
    prop_oneof![
        4 => (anywhere, 0..8_u8).prop_map(|(at, bit)| Mutation::Flip { at, bit }),
        2 => place.clone().prop_map(|at| Mutation::Cut { at }),
        1 => proptest::collection::vec(any::<u8>(), 1..40).prop_map(|bytes| Mutation::Append { bytes }),
        2 => (place.clone(), count.clone()).prop_map(|(at, count)| Mutation::Remove { at, count }),
        2 => (place.clone(), count.clone()).prop_map(|(at, count)| Mutation::Repeat { at, count }),
        2 => (chunk.clone(), chunk.clone()).prop_map(|(one, other)| Mutation::Swap { one, other }),
        2 => chunk.prop_map(|number| Mutation::OtherChunk { number }),
        1 => Just(Mutation::OtherHeader),
        1 => (place, count).prop_map(|(at, count)| Mutation::Zero { at, count }),
    ]
}

impl Mutation {
    /// Changes a file; what lies in the header begins at 0, what lies in chunks behind it.
    fn apply(&self, file: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = file.to_vec();
        let header = file.len() - (3 * (CHUNK + 16) + 100 + 16);
        let at = |number: usize| header + number * (CHUNK + 16);
        let chunk = |number: usize| at(number)..at(number + 1).min(file.len());
        match self {
            Mutation::Flip { at, bit } => bytes[at % file.len()] ^= 1 << bit,
            Mutation::Cut { at } => bytes.truncate((header + at) % file.len()),
            Mutation::Append { bytes: more } => bytes.extend_from_slice(more),
            Mutation::Remove { at, count } => {
                let start = (header + at) % file.len();
                bytes.drain(start..(start + count).min(file.len()));
            }
            Mutation::Repeat { at, count } => {
                let start = (header + at) % file.len();
                let again = bytes[start..(start + count).min(file.len())].to_vec();
                bytes.splice(start..start, again);
            }
            Mutation::Swap { one, other } => {
                let (one, other) = (file[chunk(*one)].to_vec(), file[chunk(*other)].to_vec());
                let mut chunks: Vec<_> = (0..4).map(|number| file[chunk(number)].to_vec()).collect();
                for piece in &mut chunks {
                    if *piece == one {
                        piece.clone_from(&other);
                    } else if *piece == other {
                        piece.clone_from(&one);
                    }
                }
                bytes.truncate(header);
                bytes.extend(chunks.concat());
            }
            Mutation::OtherChunk { number } => bytes[chunk(*number)].copy_from_slice(&other[chunk(*number)]),
            Mutation::OtherHeader => bytes[..header].copy_from_slice(&other[..header]),
            Mutation::Zero { at, count } => {
                let start = (header + at) % file.len();
                bytes[start..(start + count).min(file.len())].fill(0);
            }
        }
        bytes
    }
}

/// 100,000 changed files, each changed once or twice: none gives a byte that is not the right one at its place.
#[test]
fn no_change_of_a_file_decrypts_to_wrong_data() {
    let (data_key, plain, file, other) = two_files();
    let other_plain: Vec<u8> = plain.iter().map(|byte| !byte).collect();
    let has_header_of = |bytes: &[u8], file: &[u8]| bytes.get(..HEADER) == file.get(..HEADER);
    let cases = 100_000;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let mutations = proptest::collection::vec(mutation(), 1..3);
    let refused = std::cell::Cell::new(0_u32);
    let tried = runner.run(&mutations, |mutations| {
        let changed = mutations.iter().fold(file.clone(), |bytes, mutation| {
            // A second change may find a file that is shorter.
            if bytes.len() == file.len() { mutation.apply(&bytes, &other) } else { bytes }
        });
        let opened = SealedFile::open(changed.as_slice(), changed.len() as u64, FileRole::Archive, |_| {
            Ok(data_key.clone())
        });
        let mut given = Vec::new();
        let whole = opened.and_then(|opened| {
            let range = 0..opened.plain_bytes();
            let stored = opened.stored(&range);
            let mut reader = opened.reader(&changed[stored.start as usize..], &range);
            reader.read_to_end(&mut given).map_err(|error| cadangkan_core::Error::io("read", error))
        });
        // Under the other file's header its own chunks are the right ones.
        let right = if has_header_of(&changed, &other) { &other_plain } else { &plain };
        prop_assert!(right.starts_with(&given), "{} wrong bytes were given", given.len());
        if changed == file {
            prop_assert!(whole.is_ok() && given == plain);
        } else {
            prop_assert!(whole.is_err());
            refused.set(refused.get() + 1);
        }
        Ok(())
    });
    tried.unwrap();
    assert!(refused.get() > cases * 9 / 10, "{} of {cases} were changed", refused.get());
}
