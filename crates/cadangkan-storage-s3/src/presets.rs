//! What differs between those who offer S3.

/// One who offers S3, or a program that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provider {
    /// Amazon.
    Aws,
    /// Cloudflare R2.
    R2,
    /// Backblaze B2, by its S3 protocol.
    B2,
    /// MinIO, wherever it runs.
    Minio,
    /// Wasabi.
    Wasabi,
    /// DigitalOcean Spaces.
    Spaces,
    /// Anything else that is named by its endpoint.
    Other,
}

/// The rules of a provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// The endpoint's host, with `{region}` and `{account}`; empty when it has to be given.
    pub(crate) endpoint: &'static str,
    /// The region when none is given; empty when one has to be.
    pub(crate) region: &'static str,
    /// Whether the bucket stands in the path and not before the host's name.
    pub(crate) path_style: bool,
    /// Whether all parts of an upload but the last must have one size.
    pub(crate) equal_parts: bool,
    /// Whether `If-None-Match` keeps two writers apart.
    pub(crate) conditional: bool,
    /// Whether the server keeps SHA-256 sums and gives them back.
    pub(crate) checksums: bool,
    /// Whether objects have tags.
    pub(crate) tags: bool,
}

impl Provider {
    pub(crate) fn rules(self) -> Rules {
        // What most have in common.
        let rules = Rules {
            endpoint: "",
            region: "us-east-1",
            path_style: true,
            equal_parts: false,
            conditional: true,
            checksums: true,
            tags: true,
        };
        match self {
            Self::Aws => Rules { endpoint: "s3.{region}.amazonaws.com", path_style: false, ..rules },
            Self::R2 => Rules {
                endpoint: "{account}.r2.cloudflarestorage.com",
                region: "auto",
                equal_parts: true,
                checksums: false,
                tags: false,
                ..rules
            },
            Self::B2 => Rules {
                endpoint: "s3.{region}.backblazeb2.com",
                region: "",
                conditional: false,
                checksums: false,
                tags: false,
                ..rules
            },
            Self::Wasabi => {
                Rules { endpoint: "s3.{region}.wasabisys.com", conditional: false, checksums: false, ..rules }
            }
            Self::Spaces => Rules {
                endpoint: "{region}.digitaloceanspaces.com",
                region: "",
                conditional: false,
                checksums: false,
                ..rules
            },
            Self::Minio | Self::Other => rules,
        }
    }
}
