//! AES-256-GCM over one secret, bound to its owner and field.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cadangkan_core::{Error, ErrorKind, Result};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use super::key::Key;
use super::{KEY_VARIABLE, Owner};

const VERSION: &str = "v1";

/// Seals a secret: `v1:<id of the key>:<base64 of nonce, ciphertext and tag>`.
pub(super) fn seal(plain: &str, owner: Owner<'_>, field: &str, key: &Key) -> Result<String> {
    let mut nonce = [0; NONCE_LEN];
    SystemRandom::new().fill(&mut nonce).map_err(|_| broken())?;
    let mut text = plain.as_bytes().to_vec();
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound_to(owner, field), &mut text)
        .map_err(|_| broken())?;
    let bytes = [nonce.as_slice(), &text].concat();
    Ok(format!("{VERSION}:{}:{}", key.id(), STANDARD.encode(bytes)))
}

/// Opens what [`seal`] made. `key` is only looked for once the text is known to be one of ours.
pub(super) fn open(
    sealed: &str,
    owner: Owner<'_>,
    field: &str,
    key: impl FnOnce() -> Result<Option<Key>>,
) -> Result<String> {
    let again = format!("`cadangkan edit {} --{}-stdin`", owner.name, field.replace('_', "-"));
    let (id, bytes) = parts(sealed).ok_or_else(|| {
        let message = format!("the sealed {field} is of a kind that this program cannot read");
        Error::new(ErrorKind::Configuration, message)
            .hint(format!("use the version of the program that sealed it, or give it again: {again}"))
    })?;
    let other_key = |found: Option<String>| {
        let message = match found {
            None => format!("the {field} is sealed, and the master key is not there"),
            Some(_) => format!("the {field} is sealed with another master key"),
        };
        let error = Error::new(ErrorKind::Configuration, message).context("sealed with key", id);
        let error = found.into_iter().fold(error, |error, found| error.context("present key", found));
        error.hint(format!(
            "bring back the master.key that has the id {id} from a backup of the home folder, or put it into {KEY_VARIABLE}\nor give the secret again: {again}"
        ))
    };
    let key = key()?.ok_or_else(|| other_key(None))?;
    if key.id() != id {
        return Err(other_key(Some(key.id())));
    }
    let changed = || {
        let message = format!("the sealed {field} was changed, or belongs to something else");
        Error::new(ErrorKind::Configuration, message).hint(format!("give it again: {again}"))
    };
    let (nonce, text) = bytes.split_at_checked(NONCE_LEN).ok_or_else(changed)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| changed())?;
    let mut text = text.to_vec();
    let plain =
        cipher(&key)?.open_in_place(nonce, bound_to(owner, field), &mut text).map_err(|_| changed())?;
    String::from_utf8(plain.to_vec()).map_err(|_| changed())
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
    UnboundKey::new(&AES_256_GCM, &key.0).map(LessSafeKey::new).map_err(|_| broken())
}

fn broken() -> Error {
    Error::new(ErrorKind::Internal, "a secret cannot be sealed")
}
