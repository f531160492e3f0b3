use std::num::NonZeroU32;

use cadangkan_core::{Error, ErrorKind, Result};
use ring::pbkdf2::{PBKDF2_HMAC_SHA512, derive};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::Ed25519KeyPair;

use crate::explain::not_mysql;

/// More rounds than this only keep us busy: 2^10 times 2^10, two thirds of a second.
const MOST_DOUBLINGS: u8 = 10;
const CHALLENGE: usize = 32;

/// A login by MariaDB's `parsec` (MariaDB's documentation, "Authentication Plugin - PARSEC"): the password becomes a
/// key by PBKDF2, with the salt that the server keeps, and the key signs the server's challenge and our own.
pub(crate) struct Parsec {
    challenge: Vec<u8>,
}

impl Parsec {
    pub(crate) fn new(challenge: &[u8]) -> Result<Parsec> {
        match challenge.get(..CHALLENGE) {
            Some(challenge) => Ok(Parsec { challenge: challenge.to_vec() }),
            None => Err(not_mysql("a challenge that is too short")),
        }
    }

    /// Answers the server's salt.
    pub(crate) fn answer(&self, password: &str, salt: &[u8]) -> Result<Vec<u8>> {
        let mut own = [0; CHALLENGE];
        SystemRandom::new()
            .fill(&mut own)
            .map_err(|_| Error::new(ErrorKind::Internal, "the system gives no random numbers"))?;
        self.answer_with(password, salt, &own)
    }

    pub(super) fn answer_with(&self, password: &str, salt: &[u8], own: &[u8]) -> Result<Vec<u8>> {
        let (doublings, salt) = match salt.split_first_chunk() {
            Some(([b'P', doublings], salt)) if *doublings <= MOST_DOUBLINGS => (*doublings, salt),
            _ => return Err(not_mysql("a salt of an unknown kind")),
        };
        let rounds = NonZeroU32::new(1024 << doublings).unwrap_or(NonZeroU32::MIN);
        let mut seed = [0; 32];
        derive(PBKDF2_HMAC_SHA512, rounds, salt, password.as_bytes(), &mut seed);
        let key = Ed25519KeyPair::from_seed_unchecked(&seed)
            .map_err(|_| Error::new(ErrorKind::Internal, "a key cannot be made"))?;
        let signature = key.sign(&[self.challenge.as_slice(), own].concat());
        Ok([own, signature.as_ref()].concat())
    }
}
