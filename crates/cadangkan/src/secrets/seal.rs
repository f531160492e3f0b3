//! AES-256-GCM over one secret, bound to its owner and field.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cadangkan_core::{Error, ErrorKind, Result};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, MAX_TAG_LEN, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::key::Key;
use super::{KEY_VARIABLE, Owner};

const VERSION: &str = "v1";

/// Seals a secret: `v1:<id of the key>:<base64 of nonce, ciphertext and tag>`.
pub(super) fn seal(plain: &str, owner: Owner<'_>, field: &str, key: &Key) -> Result<String> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| broken())?;
    // With room for the tag: what grows leaves a copy of the secret behind.
    let mut text = Vec::with_capacity(plain.len() + MAX_TAG_LEN);
    text.extend_from_slice(plain.as_bytes());
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound_to(owner, field), &mut text)
        .map_err(|_| broken())?;
    let bytes = [nonce.as_slice(), &text].concat();
    Ok(format!("{VERSION}:{}:{}", key.id(), STANDARD.encode(bytes)))
}

/// Seals a secret, and opens it again: what cannot be opened is not kept.
pub(super) fn seal_and_open(plain: &str, owner: Owner<'_>, field: &str, key: &Key) -> Result<String> {
    let text = seal(plain, owner, field, key)?;
    if open(&text, owner, field, std::slice::from_ref(key))? == plain {
        return Ok(text);
    }
    Err(Error::new(ErrorKind::Internal, "a sealed secret does not open again"))
}

/// Opens what [`seal`] made, with the one of the keys that it was sealed with.
pub(super) fn open(sealed: &str, owner: Owner<'_>, field: &str, keys: &[Key]) -> Result<String> {
    let again = owner.given_again(field);
    let (id, bytes) = parts(sealed).ok_or_else(|| {
        let message = format!("the sealed {field} is of a kind that this program cannot read");
        Error::new(ErrorKind::Configuration, message)
            .hint(format!("use the version of the program that sealed it, or give it again: {again}"))
    })?;
    let other_key = || {
        let message = match keys {
            [] => format!("the {field} is sealed, and the master key is not there"),
            _ => format!("the {field} is sealed with another master key"),
        };
        let error = Error::new(ErrorKind::Configuration, message).context("sealed with key", id);
        let error = keys.iter().fold(error, |error, key| error.context("present key", key.id()));
        error.hint(format!(
            "bring back the master.key that has the id {id} from a backup of the home folder, or put it into {KEY_VARIABLE}\nor give the secret again: {again}"
        ))
    };
    let key = keys.iter().find(|key| key.id() == id).ok_or_else(other_key)?;
    let changed = || {
        let message = format!("the sealed {field} was changed, or belongs to something else");
        Error::new(ErrorKind::Configuration, message).hint(format!("give it again: {again}"))
    };
    let (nonce, text) = bytes.split_at_checked(NONCE_LEN).ok_or_else(changed)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| changed())?;
    let mut text = Zeroizing::new(text.to_vec());
    let plain =
        cipher(key)?.open_in_place(nonce, bound_to(owner, field), &mut text).map_err(|_| changed())?;
    String::from_utf8(plain.to_vec()).map_err(|_| changed())
}

/// The id of the key that something was sealed with.
pub(super) fn key_id(sealed: &str) -> Option<&str> {
    parts(sealed).map(|(id, _)| id)
}

fn parts(sealed: &str) -> Option<(&str, Vec<u8>)> {
    let (version, rest) = sealed.split_once(':')?;
    let (id, text) = rest.split_once(':')?;
    let readable = version == VERSION && id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((id, STANDARD.decode(text).ok()?)).filter(|_| readable)
}

/// What a sealed secret is bound to: names have no zero bytes, so no two places give the same.
fn bound_to(owner: Owner<'_>, field: &str) -> Aad<Vec<u8>> {
    Aad::from(format!("cadangkan {VERSION}\0{}\0{}\0{field}", owner.kind, owner.name).into_bytes())
}

fn cipher(key: &Key) -> Result<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key.bytes.as_slice()).map(LessSafeKey::new).map_err(|_| broken())
}

fn broken() -> Error {
    Error::new(ErrorKind::Internal, "a secret cannot be sealed")
}
