//! What a server says of its files and folders (RFC 4918, sections 14 and 15).

use cadangkan_core::{Error, ErrorKind, Result, Timestamp};
use cadangkan_storage::encoding::decode;
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// Asks for what [`read`] reads.
pub(crate) const QUESTION: &[u8] = b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\
    <propfind xmlns=\"DAV:\"><prop><resourcetype/><getcontentlength/><getlastmodified/>\
    <quota-available-bytes/><quota-used-bytes/></prop></propfind>";

/// A file or a folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// On the server, decoded, without a slash at its end.
    pub(crate) path: String,
    pub(crate) folder: bool,
    pub(crate) size: Option<u64>,
    pub(crate) modified: Option<Timestamp>,
    pub(crate) available: Option<u64>,
    pub(crate) used: Option<u64>,
}

impl Entry {
    /// A folder of which no more is known.
    pub(crate) fn folder(path: String) -> Self {
        Entry { path, folder: true, size: None, modified: None, available: None, used: None }
    }
}

#[derive(Deserialize)]
struct Multistatus {
    #[serde(default)]
    response: Vec<Response>,
}

#[derive(Deserialize)]
struct Response {
    href: String,
    #[serde(default)]
    propstat: Vec<Propstat>,
}

#[derive(Deserialize)]
struct Propstat {
    prop: Prop,
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Prop {
    resourcetype: Option<Kind>,
    getcontentlength: Option<String>,
    getlastmodified: Option<String>,
    quota_available_bytes: Option<String>,
    quota_used_bytes: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kind {
    collection: Option<IgnoredAny>,
}

/// Reads the answer to PROPFIND.
pub(crate) fn read(body: &[u8]) -> Result<Vec<Entry>> {
    let nonsense = || {
        Error::new(ErrorKind::Unsupported, "the server's answer is not one of WebDAV")
            .hint("correct `address`: it is the address that file managers are given")
    };
    let text = std::str::from_utf8(body).map_err(|_| nonsense())?;
    let found: Multistatus = quick_xml::de::from_str(text).map_err(|error| nonsense().source(error))?;
    found.response.into_iter().map(|response| entry(response).ok_or_else(nonsense)).collect()
}

fn entry(response: Response) -> Option<Entry> {
    let found = response.propstat.into_iter().find(|stat| stat.status.contains(" 200"));
    let prop = found.map(|stat| stat.prop).unwrap_or_default();
    let href = response.href.trim();
    // Some servers give the whole URL.
    let path = match href.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default(),
        None => href,
    };
    let number = |text: Option<String>| text.and_then(|text| text.trim().parse().ok());
    let time = |text: String| DateTimeParser::new().parse_timestamp(text.trim()).ok();
    Some(Entry {
        path: decode(path, false)?.trim_end_matches('/').to_owned(),
        folder: prop.resourcetype.is_some_and(|kind| kind.collection.is_some()),
        size: number(prop.getcontentlength),
        modified: prop.getlastmodified.and_then(time),
        available: number(prop.quota_available_bytes),
        used: number(prop.quota_used_bytes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_various_servers_are_read() {
        // Apache: other prefixes, whole URLs; Nextcloud: quotas, properties that are not there.
        let text = r#"<?xml version="1.0"?>
            <d:multistatus xmlns:d="DAV:" xmlns:lp1="DAV:">
            <d:response><d:href>https://host/dav/a%20b/</d:href>
              <d:propstat><d:prop><d:getcontentlength/></d:prop><d:status>HTTP/1.1 404 Not Found</d:status></d:propstat>
              <d:propstat><d:prop><lp1:resourcetype><d:collection/></lp1:resourcetype>
                <d:quota-available-bytes>-3</d:quota-available-bytes><d:quota-used-bytes>7</d:quota-used-bytes></d:prop>
                <d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>
            <d:response><d:href>/dav/a%20b/%C3%A4</d:href><d:propstat><d:prop><lp1:resourcetype/>
              <lp1:getcontentlength>12</lp1:getcontentlength>
              <lp1:getlastmodified>Thu, 01 Jan 1970 00:01:00 GMT</lp1:getlastmodified></d:prop>
              <d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"#;
        let none = Entry {
            path: String::new(),
            folder: false,
            size: None,
            modified: None,
            available: None,
            used: None,
        };
        let minute = Timestamp::from_second(60).ok();
        let expected = [
            Entry { path: "/dav/a b".into(), folder: true, used: Some(7), ..none },
            Entry { path: "/dav/a b/ä".into(), size: Some(12), modified: minute, ..none },
        ];
        assert_eq!(read(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let bad_href = "<multistatus><response><href>/%ff</href></response></multistatus>";
        for bad in [&b"<html><body>Log in"[..], b"", b"\xff", bad_href.as_bytes()] {
            assert_eq!(read(bad).unwrap_err().kind(), ErrorKind::Unsupported);
        }
    }
}
