//! The signature of a request by the account's key. Source: Azure Storage, "Authorize with Shared Key".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;

/// What of a request is signed.
pub(crate) struct Signable<'a> {
    pub(crate) method: &'a str,
    pub(crate) account: &'a str,
    /// Encoded, from the first slash on.
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'static str, String)],
    /// Their names are in lower case.
    pub(crate) headers: &'a [(String, String)],
    /// Of the body.
    pub(crate) length: usize,
}

/// The headers that are signed without their names, in their order; the length follows the second one.
const PLAIN: [&str; 10] = [
    "content-encoding",
    "content-language",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// Makes the header `Authorization`.
pub(crate) fn authorization(request: &Signable<'_>, key: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text(request).as_bytes());
    format!("SharedKey {}:{}", request.account, BASE64.encode(tag.as_ref()))
}

fn text(request: &Signable<'_>) -> String {
    let mut text = format!("{}\n", request.method);
    for (index, name) in PLAIN.iter().enumerate() {
        if index == 2 && request.length > 0 {
            text.push_str(&request.length.to_string());
        }
        if index == 2 {
            text.push('\n');
        }
        let value = request.headers.iter().find(|(other, _)| other == name);
        text.push_str(value.map_or("", |(_, value)| value));
        text.push('\n');
    }
    let mut named: Vec<_> = request.headers.iter().filter(|(name, _)| name.starts_with("x-ms-")).collect();
    named.sort_unstable();
    for (name, value) in named {
        text.push_str(&format!("{name}:{}\n", value.trim()));
    }
    text.push_str(&format!("/{}{}", request.account, request.path));
    let mut query: Vec<_> = request.query.iter().collect();
    query.sort_unstable();
    for (name, value) in query {
        text.push_str(&format!("\n{name}:{value}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: Azure Storage, "Authorize with Shared Key", the example of List Containers, in the version of its text.
    #[test]
    fn the_text_is_the_published_one() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let request = Signable {
            method: "GET",
            account: "myaccount",
            path: "/mycontainer",
            query: &[
                ("restype", "container".to_owned()),
                ("comp", "metadata".to_owned()),
                ("timeout", "20".to_owned()),
            ],
            headers: &[
                header("x-ms-version", "2014-02-14"),
                header("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"),
            ],
            length: 0,
        };
        assert_eq!(
            text(&request),
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2014-02-14\n\
             /myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
        );
        let body = Signable { method: "PUT", query: &[], length: 11, ..request };
        assert!(text(&body).starts_with("PUT\n\n\n11\n\n\n\n\n\n\n\n\nx-ms-date:"), "{}", text(&body));
    }
}
