//! Backups on an FTP server (RFC 959), with TLS (RFC 4217) or without, in passive mode.
//!
//! The protocol is spoken here: so every wait has a limit, the address for data is always the server's own, and a
//! transfer counts only when the server has said so or the size is right.

mod failure;
mod files;
mod pool;
mod probe;
mod reader;
mod reply;
mod session;
mod settings;
mod socket;
mod storage;
mod walk;
mod writer;

use cadangkan_core::settings::{Field, FieldKind, SettingsError};
use cadangkan_storage::{Backoff, Storage, StorageDescriptor};
use serde_json::Value;

pub use storage::Ftp;

/// Backups in a folder of an FTP server.
pub static FTP: StorageDescriptor = StorageDescriptor {
    id: "ftp",
    display_name: "FTP server",
    fields: &[
        Field { required: true, ..field("host", FieldKind::Text, "The server's name or address") },
        field("port", FieldKind::Integer, "Its port; 21, or 990 with `tls: implicit`"),
        Field { required: true, ..field("user", FieldKind::Text, "The user to log in as") },
        field("password", FieldKind::Secret, "The user's password"),
        Field {
            required: true,
            ..field(
                "path",
                FieldKind::Text,
                "The folder on the server that keeps the backups; relative ones begin where the login does",
            )
        },
        field_or(
            "tls",
            FieldKind::Text,
            "explicit",
            "`explicit` (AUTH TLS), `implicit` (from the first byte), or `none`",
        ),
        field("ca_file", FieldKind::Path, "Certificates of the authorities of the server, in PEM"),
        field_or(
            "allow_plain",
            FieldKind::Boolean,
            "false",
            "Whether `tls: none` to another machine is taken",
        ),
        field_or("timeout", FieldKind::Duration, "60s", "Longest wait without any progress"),
    ],
    open,
    parse_url: settings::parse_url,
};

const fn field(name: &'static str, kind: FieldKind, help: &'static str) -> Field {
    Field { name, kind, required: false, default: None, help }
}

const fn field_or(name: &'static str, kind: FieldKind, default: &'static str, help: &'static str) -> Field {
    Field { default: Some(default), ..field(name, kind, help) }
}

fn open(settings: &Value) -> Result<Box<dyn Storage>, SettingsError> {
    Ok(Box::new(Ftp::open(settings, Backoff::PATIENT)?))
}
