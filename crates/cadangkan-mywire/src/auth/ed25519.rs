use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use ring::digest::{Context, SHA512};

/// Signs a challenge by Ed25519 (RFC 8032, section 5.1.6), but with the password itself where a seed of 32 bytes
/// stands there (MariaDB's documentation, "Authentication Plugin - ed25519"). Ring, which signs by seeds of this
/// length only, cannot do that.
pub(super) fn sign(password: &[u8], challenge: &[u8]) -> [u8; 64] {
    let challenge = challenge.get(..32).unwrap_or(challenge);
    let expanded = hash(&[password]);
    let (half, prefix) = halves(&expanded);
    let secret = Scalar::from_bytes_mod_order(clamp_integer(half));
    let public = EdwardsPoint::mul_base(&secret).compress();
    let once = Scalar::from_bytes_mod_order_wide(&hash(&[&prefix, challenge]));
    let commitment = EdwardsPoint::mul_base(&once).compress();
    let question = hash(&[commitment.as_bytes(), public.as_bytes(), challenge]);
    let response = once + Scalar::from_bytes_mod_order_wide(&question) * secret;
    let mut signature = [0; 64];
    let (first, second) = signature.split_at_mut(32);
    first.copy_from_slice(commitment.as_bytes());
    second.copy_from_slice(response.as_bytes());
    signature
}

fn hash(parts: &[&[u8]]) -> [u8; 64] {
    let mut context = Context::new(&SHA512);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; 64];
    for (to, from) in bytes.iter_mut().zip(context.finish().as_ref()) {
        *to = *from;
    }
    bytes
}

fn halves(bytes: &[u8; 64]) -> ([u8; 32], [u8; 32]) {
    let (mut first, mut second) = ([0; 32], [0; 32]);
    let (left, right) = bytes.split_at(32);
    first.copy_from_slice(left);
    second.copy_from_slice(right);
    (first, second)
}
