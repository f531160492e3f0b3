//! Signature version 4 of one request. Source: AWS, "Create a signed AWS API request".

use cadangkan_core::Timestamp;
use reqsign_aws_core::Credential;
use ring::{digest, hmac};

use crate::request::hex;

/// What of a request is signed.
pub(crate) struct Signable<'a> {
    pub(crate) method: &'a str,
    /// Encoded, from the first slash on.
    pub(crate) path: &'a str,
    /// Encoded, in order of the names.
    pub(crate) query: &'a str,
    /// In order of their names, which are in lower case.
    pub(crate) headers: &'a [(String, String)],
    /// The body's SHA-256 in hexadecimal.
    pub(crate) body_hash: &'a str,
}

/// When a request is signed, as `x-amz-date` writes it.
pub(crate) fn date(time: Timestamp) -> String {
    time.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// Makes the header `Authorization`.
pub(crate) fn authorization(
    request: &Signable<'_>,
    credential: &Credential,
    region: &str,
    time: Timestamp,
) -> String {
    let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let headers: String =
        request.headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
    let Signable { method, path, query, body_hash, .. } = request;
    let canonical = format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{body_hash}");
    let day = time.strftime("%Y%m%d").to_string();
    let scope = format!("{day}/{region}/s3/aws4_request");
    let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", date(time));

    let secret = format!("AWS4{}", credential.secret_access_key);
    let mut key = mac(secret.as_bytes(), &day);
    for word in [region, "s3", "aws4_request"] {
        key = mac(key.as_ref(), word);
    }
    let signature = hex(mac(key.as_ref(), &text).as_ref());
    let id = &credential.access_key_id;
    format!("AWS4-HMAC-SHA256 Credential={id}/{scope},SignedHeaders={names},Signature={signature}")
}

fn mac(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: Amazon S3, "Signature calculations for the Authorization header", GET Object.
    #[test]
    fn the_published_example_is_signed_alike() {
        let credential = Credential {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            ..Credential::default()
        };
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = [
            header("host", "examplebucket.s3.amazonaws.com"),
            header("range", "bytes=0-9"),
            header("x-amz-content-sha256", empty),
            header("x-amz-date", "20130524T000000Z"),
        ];
        let request =
            Signable { method: "GET", path: "/test.txt", query: "", headers: &headers, body_hash: empty };
        let time: Timestamp = "2013-05-24T00:00:00Z".parse().unwrap();
        let signed = authorization(&request, &credential, "us-east-1", time);
        assert!(
            signed.ends_with("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
            "{signed}"
        );
    }
}
