//! The XML of answers.

use serde::Deserialize;

/// Why something was refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Refusal {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Of List Blobs.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Listing {
    pub(crate) blobs: Blobs,
    pub(crate) next_marker: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Blobs {
    #[serde(rename = "Blob")]
    pub(crate) all: Vec<Blob>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Blob {
    pub(crate) name: String,
    pub(crate) properties: Properties,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Properties {
    #[serde(rename = "Content-Length")]
    pub(crate) size: u64,
    #[serde(rename = "Last-Modified")]
    pub(crate) modified: String,
    /// `directory` where the account has a hierarchy.
    #[serde(rename = "ResourceType")]
    pub(crate) resource: String,
}

/// Of Get Block List.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct BlockList {
    pub(crate) uncommitted_blocks: Blocks,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Blocks {
    #[serde(rename = "Block")]
    pub(crate) all: Vec<Block>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct Block {
    pub(crate) name: String,
    pub(crate) size: u64,
}

/// Reads an answer, which may begin with a mark of its byte order.
pub(crate) fn parse<T: for<'a> Deserialize<'a>>(body: &[u8]) -> Result<T, quick_xml::DeError> {
    quick_xml::de::from_reader(body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read() {
        let text = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"c\"><Prefix>x/</Prefix>
            <Blobs><Blob><Name>x/a &amp; b</Name><Properties><Last-Modified>Wed, 26 Nov 2025 18:00:00 GMT</Last-Modified>
            <Content-Length>7</Content-Length><BlobType>BlockBlob</BlobType></Properties><Metadata/></Blob>
            <Blob><Name>x/c</Name><Properties><ResourceType>directory</ResourceType></Properties></Blob></Blobs>
            <NextMarker>t&amp;1</NextMarker></EnumerationResults>";
        let list: Listing = parse(text.as_bytes()).unwrap();
        let found: Vec<_> =
            list.blobs.all.iter().map(|blob| (blob.name.as_str(), blob.properties.size)).collect();
        assert_eq!(found, [("x/a & b", 7), ("x/c", 0)]);
        assert_eq!(
            (list.next_marker.as_str(), list.blobs.all[1].properties.resource.as_str()),
            ("t&1", "directory")
        );
        let empty = b"<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>";
        assert!(parse::<Listing>(empty).unwrap().blobs.all.is_empty());
    }

    #[test]
    fn anything_is_an_answer_or_an_error() {
        for text in ["", "<", "<html>", "no", "<Error><Code>X</Code>", "\u{feff}<a/>"] {
            let _ = parse::<Refusal>(text.as_bytes());
            let _ = parse::<Listing>(text.as_bytes());
            let _ = parse::<BlockList>(text.as_bytes());
        }
    }
}
