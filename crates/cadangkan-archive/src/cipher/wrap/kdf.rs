use std::num::NonZeroU32;

use cadangkan_core::{Error, ErrorKind, Result};
use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::KEY_BYTES;

/// The most memory that is spent on a passphrase, in KiB: what somebody may be made to spend by a file of somebody else.
const MOST_MEMORY: u32 = 4 << 20;
const MOST_PASSES: u32 = 100;
const MOST_LANES: u32 = 64;
const MOST_ITERATIONS: u32 = 100_000_000;
/// The least that PBKDF2 is allowed to cost (OWASP, Password Storage: 600,000 for SHA-256; older files may have less).
const LEAST_ITERATIONS: u32 = 1_000;

/// How a key is made of a passphrase, and what that costs. It stands beside each wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kdf", rename_all = "kebab-case")]
pub enum Kdf {
    /// Argon2id, version 1.3 (RFC 9106).
    Argon2id {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over it.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// PBKDF2 with HMAC-SHA-256 (RFC 8018): slower to open for us than for who guesses with special machines, but every
    /// machine has it.
    Pbkdf2Sha256 {
        /// Rounds.
        iterations: u32,
    },
}

impl Default for Kdf {
    /// The second of the two that RFC 9106 (section 4) recommends: 64 MiB, three passes, four lanes.
    fn default() -> Self {
        Kdf::Argon2id { memory_kib: 64 << 10, passes: 3, lanes: 4 }
    }
}

impl Kdf {
    /// PBKDF2 as OWASP recommends it: 600,000 rounds.
    pub const PBKDF2: Kdf = Kdf::Pbkdf2Sha256 { iterations: 600_000 };

    /// Refuses costs that protect nothing, or that nobody would choose.
    pub fn check(self) -> Result<()> {
        let fits = match self {
            Kdf::Argon2id { memory_kib, passes, lanes } => {
                (8..=MOST_MEMORY).contains(&memory_kib)
                    && (1..=MOST_PASSES).contains(&passes)
                    && (1..=MOST_LANES).contains(&lanes)
                    && memory_kib >= 8 * lanes
            }
            Kdf::Pbkdf2Sha256 { iterations } => (LEAST_ITERATIONS..=MOST_ITERATIONS).contains(&iterations),
        };
        if fits {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Configuration, "a passphrase would cost too little or too much")
            .context("cost", format!("{self:?}"))
            .hint("leave the cost out to get the recommended one"))
    }

    /// Makes the key.
    pub(super) fn derive(self, passphrase: &str, salt: &str) -> Result<Zeroizing<[u8; KEY_BYTES]>> {
        self.check()?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        match self {
            Kdf::Argon2id { memory_kib, passes, lanes } => {
                let failed = |error: argon2::Error| match error {
                    argon2::Error::OutOfMemory => {
                        let message = "making a key of the passphrase takes more memory than there is";
                        Error::new(ErrorKind::Unsupported, message)
                            .context("memory in MiB", memory_kib >> 10)
                            .hint("open it on a machine with more; new backups take less with `kdf_memory`")
                    }
                    error => Error::new(ErrorKind::Internal, "no key can be made of the passphrase")
                        .context("reason", error),
                };
                let params =
                    argon2::Params::new(memory_kib, passes, lanes, Some(KEY_BYTES)).map_err(failed)?;
                let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
                argon2
                    .hash_password_into(passphrase.as_bytes(), salt.as_bytes(), key.as_mut_slice())
                    .map_err(failed)?;
            }
            Kdf::Pbkdf2Sha256 { iterations } => {
                pbkdf2(iterations, passphrase.as_bytes(), salt.as_bytes(), key.as_mut_slice());
            }
        }
        Ok(key)
    }
}

/// PBKDF2 with HMAC-SHA-256 (RFC 8018).
pub(in crate::cipher) fn pbkdf2(iterations: u32, passphrase: &[u8], salt: &[u8], key: &mut [u8]) {
    let iterations = NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN);
    derive(PBKDF2_HMAC_SHA256, iterations, salt, passphrase, key);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9106 has vectors with associated data only; this one is of the reference program:
    /// `printf passphrase | argon2 abcdefghijklmnopqrstuv -id -t 3 -k 65536 -p 4 -l 32 -r`.
    #[test]
    fn argon2id_is_the_reference_programs() {
        let kdf = Kdf::Argon2id { memory_kib: 65536, passes: 3, lanes: 4 };
        let key = kdf.derive("passphrase", "abcdefghijklmnopqrstuv").unwrap();
        assert_eq!(hex(&*key), "fcc744bb249e9f8c68caa1031c07d0119652943aee001c311077b03adbde5133");
    }

    #[test]
    fn pbkdf2_is_that_of_rfc_7914() {
        // RFC 7914, section 11; its keys are 64 bytes long, of which these are the first half.
        let kdf = Kdf::Pbkdf2Sha256 { iterations: 80_000 };
        let key = kdf.derive("Password", "NaCl").unwrap();
        assert_eq!(hex(&*key), "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56");
    }

    #[test]
    fn costs_that_a_hostile_file_asks_for_are_refused() {
        for kdf in [
            Kdf::Argon2id { memory_kib: u32::MAX, passes: 3, lanes: 4 },
            Kdf::Argon2id { memory_kib: 65536, passes: u32::MAX, lanes: 4 },
            Kdf::Argon2id { memory_kib: 65536, passes: 0, lanes: 4 },
            Kdf::Argon2id { memory_kib: 65536, passes: 1, lanes: 0 },
            Kdf::Argon2id { memory_kib: 16, passes: 1, lanes: 64 },
            Kdf::Pbkdf2Sha256 { iterations: u32::MAX },
            Kdf::Pbkdf2Sha256 { iterations: 1 },
        ] {
            assert!(kdf.derive("passphrase", "salt salt").is_err(), "{kdf:?}");
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
