//! The XML of answers.

use serde::Deserialize;

/// Why something was refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) region: Option<String>,
}

/// Of ListObjectsV2.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Objects {
    pub(crate) contents: Vec<Object>,
    pub(crate) is_truncated: bool,
    pub(crate) next_continuation_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) last_modified: String,
}

/// Of ListObjectVersions.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Versions {
    #[serde(rename = "Version")]
    pub(crate) versions: Vec<Version>,
    #[serde(rename = "DeleteMarker")]
    pub(crate) marks: Vec<Version>,
    pub(crate) is_truncated: bool,
    pub(crate) next_key_marker: Option<String>,
    pub(crate) next_version_id_marker: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Version {
    pub(crate) key: String,
    pub(crate) version_id: String,
}

/// Of CreateMultipartUpload.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Begun {
    pub(crate) upload_id: String,
}

/// Of CompleteMultipartUpload, CopyObject and UploadPartCopy, which may also be a refusal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Completed {
    #[serde(rename = "ETag")]
    pub(crate) tag: String,
    #[serde(rename = "ChecksumSHA256")]
    pub(crate) checksum: Option<String>,
    #[serde(rename = "Code")]
    pub(crate) code: Option<String>,
}

/// Of ListMultipartUploads.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Uploads {
    #[serde(rename = "Upload")]
    pub(crate) uploads: Vec<Unfinished>,
    pub(crate) is_truncated: bool,
    pub(crate) next_key_marker: Option<String>,
    pub(crate) next_upload_id_marker: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Unfinished {
    pub(crate) key: String,
    pub(crate) upload_id: String,
}

/// Of ListParts.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Parts {
    #[serde(rename = "Part")]
    pub(crate) parts: Vec<Part>,
    pub(crate) is_truncated: bool,
    pub(crate) next_part_number_marker: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Part {
    pub(crate) part_number: u32,
    pub(crate) size: u64,
    #[serde(rename = "ETag")]
    pub(crate) tag: String,
    #[serde(rename = "ChecksumSHA256")]
    pub(crate) checksum: Option<String>,
}

/// Reads an answer.
pub(crate) fn parse<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, quick_xml::DeError> {
    quick_xml::de::from_reader(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read() {
        let text = br#"<?xml version="1.0"?><ListBucketResult>
            <Name>b</Name><Prefix>x/</Prefix><IsTruncated>true</IsTruncated>
            <NextContinuationToken>t&amp;1</NextContinuationToken>
            <Contents><Key>x/a%20b</Key><LastModified>2026-11-26T18:00:00.000Z</LastModified><Size>7</Size>
              <Owner><ID>o</ID></Owner></Contents>
            <Contents><Key>x/c</Key><Size>8</Size></Contents></ListBucketResult>"#;
        let list: Objects = parse(text).unwrap();
        assert_eq!(list.contents.len(), 2);
        assert_eq!((list.contents[0].key.as_str(), list.contents[1].size), ("x/a%20b", 8));
        assert_eq!(list.next_continuation_token.as_deref(), Some("t&1"));
        assert!(list.is_truncated && parse::<Objects>(b"<ListBucketResult/>").unwrap().contents.is_empty());
    }

    #[test]
    fn anything_is_an_answer_or_an_error() {
        for text in ["", "<", "<html>", "no", "<Error><Code>X</Code>", "\u{feff}<a/>"] {
            let _ = parse::<Refusal>(text.as_bytes());
            let _ = parse::<Objects>(text.as_bytes());
        }
        let refusal: Refusal =
            parse(b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>").unwrap();
        assert_eq!((refusal.code.as_str(), refusal.message.as_str()), ("NoSuchKey", "gone"));
    }
}
