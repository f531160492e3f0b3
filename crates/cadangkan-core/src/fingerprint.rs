use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use twox_hash::XxHash3_128;

use crate::{Error, ErrorKind};

/// An order-free hash of an object's rows: two objects with the same rows have the same fingerprint.
///
/// It is the number of rows and the sum, modulo 2^128, of a 128-bit hash (XXH3) of each row. A sum, unlike an
/// exclusive or, also sees rows that occur twice. It proves equality against mistakes and decay; against an
/// attacker the archive's SHA-256 and its cipher stand.
///
/// The pages of a file image count as rows, each hashed with its number as the seed, so that their order matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    rows: u64,
    sum: u128,
}

impl Fingerprint {
    /// Adds one row, given in the engine's canonical bytes; returns its hash.
    pub fn add_row(&mut self, row: &[u8]) -> u128 {
        self.add_hash(XxHash3_128::oneshot(row))
    }

    /// Adds one page of a file image; pages are numbered from 1.
    pub fn add_page(&mut self, number: u64, page: &[u8]) {
        self.add_hash(XxHash3_128::oneshot_with_seed(number, page));
    }

    /// Adds what another part of the same object gave.
    pub fn merge(&mut self, other: Fingerprint) {
        self.rows = self.rows.wrapping_add(other.rows);
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// The number of rows added.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    fn add_hash(&mut self, hash: u128) -> u128 {
        self.merge(Fingerprint { rows: 1, sum: hash });
        hash
    }
}

/// `<rows>:<32 hex digits>`, for example `3:00…2a`.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{:032x}", self.rows, self.sum)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let (rows, sum) = text.split_once(':')?;
            let plain = |part: &str, radix| part.chars().all(|digit| digit.is_digit(radix));
            if sum.len() != 32 || !plain(sum, 16) || !plain(rows, 10) {
                return None;
            }
            Some(Fingerprint { rows: rows.parse().ok()?, sum: u128::from_str_radix(sum, 16).ok()? })
        };
        parse().ok_or_else(|| Error::new(ErrorKind::DamagedBackup, "not a fingerprint").context("text", text))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[&str]) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        for row in rows {
            fingerprint.add_row(row.as_bytes());
        }
        fingerprint
    }

    #[test]
    fn order_is_free_content_and_count_are_not() {
        assert_eq!(of(&["a", "b"]), of(&["b", "a"]));
        assert_ne!(of(&["a", "b"]), of(&["a", "c"]));
        assert_ne!(of(&["a", "a", "b", "b"]), of(&["a", "a", "a", "b"]));
        assert_ne!(of(&[]), of(&[""]));
        let mut merged = of(&["a"]);
        merged.merge(of(&["b", "a"]));
        assert_eq!(merged, of(&["a", "a", "b"]));
    }

    #[test]
    fn order_of_pages_matters() {
        let image = |pages: [&[u8]; 2]| {
            let mut fingerprint = Fingerprint::default();
            fingerprint.add_page(1, pages[0]);
            fingerprint.add_page(2, pages[1]);
            fingerprint
        };
        assert_ne!(image([b"x", b"y"]), image([b"y", b"x"]));
    }

    #[test]
    fn text_form_is_stable() {
        let fingerprint = of(&["a"]);
        assert_eq!(fingerprint.to_string(), "1:a96faf705af16834e6c632b61e964e1f");
        assert_eq!(fingerprint.to_string().parse::<Fingerprint>().unwrap(), fingerprint);
        for bad in ["", "1", "1:", "x:a96faf705af16834e6c632b61e964e1f", "1:+96faf705af16834e6c632b61e964e1f"]
        {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
