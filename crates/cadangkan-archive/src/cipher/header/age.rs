//! The header of a file in the form of age (C2SP, age-encryption.org/v1), that its tools open.

use std::io::Read;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use cadangkan_core::Result;
use ring::hmac;

use super::{Header, damaged, take};
use crate::cipher::DataKey;
use crate::cipher::chunk::ChunkKey;
use crate::cipher::data_key::{chacha_key, derive, random};
use crate::cipher::wrap::{Wrap, WrapKind};

/// The first bytes: as many as our own magic has.
pub(super) const MAGIC: [u8; 16] = *b"age-encryption.o";
const VERSION: &str = "age-encryption.org/v1";
/// A body of a stanza is cut into lines of this many characters.
const LINE: usize = 64;
/// Bytes of the payload's nonce behind the header.
const NONCE: usize = 16;

/// The header, read or to be written.
pub(in crate::cipher) struct Age {
    pub(super) keys: Vec<Wrap>,
    /// Bytes before the first chunk.
    pub(in crate::cipher) length: usize,
    /// What the tag is of.
    text: Vec<u8>,
    tag: Vec<u8>,
    nonce: [u8; NONCE],
}

impl Age {
    /// Makes the header of a new file, and its bytes.
    pub(in crate::cipher) fn make(data_key: &DataKey, keys: &[Wrap]) -> Result<(Self, Vec<u8>)> {
        let mut text = format!("{VERSION}\n");
        for wrap in keys {
            let arguments = match &wrap.kind {
                WrapKind::AgeX25519 { share } => format!("X25519 {}", STANDARD_NO_PAD.encode(share)),
                WrapKind::AgeScrypt { salt, work } => {
                    format!("scrypt {} {work}", STANDARD_NO_PAD.encode(salt))
                }
                _ => continue,
            };
            text.push_str(&format!("-> {arguments}\n{}\n", STANDARD_NO_PAD.encode(wrap.sealed())));
        }
        text.push_str("---");
        let tag = hmac::sign(&header_key(data_key)?, text.as_bytes()).as_ref().to_vec();
        let nonce = random()?;
        let bytes = [text.as_bytes(), b" ", STANDARD_NO_PAD.encode(&tag).as_bytes(), b"\n", &nonce].concat();
        let (length, text) = (bytes.len(), text.into_bytes());
        Ok((Age { keys: keys.to_vec(), length, text, tag, nonce }, bytes))
    }

    /// Reads the header from behind its magic.
    pub(super) fn read(reader: &mut dyn Read) -> Result<Self> {
        let mut text = MAGIC.to_vec();
        let mut keys = Vec::new();
        let mut last = line(reader, &mut text)?;
        if format!("{}{last}", String::from_utf8_lossy(&MAGIC)) != VERSION {
            return Err(unreadable());
        }
        loop {
            last = line(reader, &mut text)?;
            let Some(arguments) = last.strip_prefix("-> ").map(str::to_owned) else { break };
            let mut body = String::new();
            loop {
                let part = line(reader, &mut text)?;
                body.push_str(&part);
                if part.len() < LINE {
                    break;
                }
            }
            keys.push(stanza(&arguments, &body).ok_or_else(unreadable)?);
        }
        // So the specification has it; else one file could have many, and each costs what it says.
        if keys.len() > 1 && keys.iter().any(|key| matches!(key.kind, WrapKind::AgeScrypt { .. })) {
            return Err(damaged("the header of an encrypted file has other keys beside a passphrase"));
        }
        let tag = last.strip_prefix("--- ").and_then(|tag| STANDARD_NO_PAD.decode(tag).ok());
        let tag = tag.ok_or_else(unreadable)?;
        let length = text.len() + NONCE;
        // The tag is of all up to the three dashes.
        text.truncate(text.len() - last.len() - 1 + 3);
        let nonce = take(reader, NONCE)?.try_into().map_err(|_| unreadable())?;
        Ok(Age { keys, length, text, tag, nonce })
    }

    /// What seals or opens the chunks behind it.
    pub(in crate::cipher) fn chunk_key(&self, data_key: &DataKey) -> Result<ChunkKey> {
        hmac::verify(&header_key(data_key)?, &self.text, &self.tag)
            .map_err(|_| damaged("the header of an encrypted file was changed"))?;
        let key = derive(&self.nonce, data_key.age_file_key(), "payload")?;
        Ok(ChunkKey::new(chacha_key(&key)?, Vec::new()))
    }
}

fn header_key(data_key: &DataKey) -> Result<hmac::Key> {
    let key = derive(&[], data_key.age_file_key(), "header")?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, key.as_slice()))
}

/// Reads a stanza: what this program does not know is kept as what nobody here opens.
fn stanza(arguments: &str, body: &str) -> Option<Wrap> {
    let sealed = STANDARD_NO_PAD.decode(body).ok()?;
    let words: Vec<_> = arguments.split(' ').collect();
    let kind = match words.as_slice() {
        ["X25519", share] => WrapKind::AgeX25519 { share: bytes(share)? },
        ["scrypt", salt, work] => WrapKind::AgeScrypt { salt: bytes(salt)?, work: work.parse().ok()? },
        _ => WrapKind::Other(serde_json::Map::from_iter([("kind".to_owned(), arguments.into())])),
    };
    Some(Wrap::of_stanza(kind, sealed))
}

fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Reads one line, and not a byte more; adds it to `text`, and gives it without its end.
fn line(reader: &mut dyn Read, text: &mut Vec<u8>) -> Result<String> {
    let from = text.len();
    loop {
        let byte = take(reader, 1)?;
        text.extend_from_slice(&byte);
        if byte == b"\n" {
            break;
        }
        if text.len() > Header::LONGEST {
            return Err(damaged("the header of an encrypted file is too long"));
        }
    }
    let line = text.get(from..text.len() - 1).unwrap_or_default();
    String::from_utf8(line.to_vec()).map_err(|_| unreadable())
}

fn unreadable() -> cadangkan_core::Error {
    damaged("the header of an encrypted file cannot be read")
}
