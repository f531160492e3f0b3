//! What the fuzzers run, on a few thousand inputs in every test run.

#[allow(unreachable_pub, reason = "it is the library of another crate")]
#[path = "../../../../fuzz/src/lib.rs"]
mod targets;

use cadangkan_archive::CodecKind;
use proptest::prelude::*;

use crate::support::{Numbers, build, codec, sample_frames};

type Target = fn(&[u8]);

const TARGETS: [Target; 9] = [
    targets::manifest,
    targets::index,
    targets::frame,
    targets::text,
    targets::sequential_zstd,
    targets::sequential_gzip,
    targets::sequential_xz,
    targets::sequential_zlib,
    targets::sequential_none,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for target in TARGETS {
            target(&bytes);
        }
    }

    #[test]
    fn any_text_is_survived(text in "[0-9a-fsh:_+ -]{0,80}") {
        targets::text(text.as_bytes());
    }
}

/// Changes bytes, cuts, repeats and joins.
fn mutate(numbers: &mut Numbers, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        match numbers.below(5) {
            0 => bytes.truncate(at),
            1 => bytes.extend_from_slice(&seed[..at.min(seed.len())]),
            2 => bytes.insert(at, numbers.next() as u8),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
        }
    }
    bytes
}

#[test]
fn damaged_files_are_survived() {
    let mut numbers = Numbers(21);
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/v1/image.sqlite.zst.meta.json");
    let manifest = std::fs::read(golden).unwrap();
    for kind in CodecKind::ALL {
        let built = build(codec(kind), &sample_frames());
        let index = zstd::decode_all(&built.summary.index[..]).unwrap();
        for _ in 0..300 {
            targets::sequential(kind, &mutate(&mut numbers, &built.archive));
            targets::index(&mutate(&mut numbers, &built.summary.index));
            // Past the checksum of the compressed file: damage in the lines themselves.
            targets::index(&zstd::encode_all(&mutate(&mut numbers, &index)[..], 1).unwrap());
            targets::manifest(&mutate(&mut numbers, &manifest));
            targets::frame(&mutate(&mut numbers, &built.archive));
        }
    }
}
