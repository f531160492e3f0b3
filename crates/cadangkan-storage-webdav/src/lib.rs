//! Backups on a WebDAV server (RFC 4918): Nextcloud, ownCloud, Apache, nginx, storage boxes, `rclone serve`.

mod answers;
mod client;
mod failure;
mod folders;
mod probe;
mod reader;
mod settings;
mod storage;
mod stream;
mod writer;

use cadangkan_core::settings::{Field, FieldKind, SettingsError};
use cadangkan_storage::{Backoff, Storage, StorageDescriptor};
use serde_json::Value;

pub use storage::WebDav;

/// Backups in a folder of a WebDAV server.
pub static WEBDAV: StorageDescriptor = StorageDescriptor {
    id: "webdav",
    display_name: "WebDAV server",
    fields: &[
        Field {
            required: true,
            ..field("address", FieldKind::Text, "The folder that keeps the backups: https://host/dav/backups")
        },
        field("user", FieldKind::Text, "The user to log in as"),
        field("password", FieldKind::Secret, "The user's password"),
        field("token", FieldKind::Secret, "A token (Bearer), in place of a user"),
        field_or("timeout", FieldKind::Duration, "60s", "Longest wait without any progress"),
        field("ca_file", FieldKind::Path, "Certificates of the authorities of the server, in PEM"),
        field_or(
            "allow_http",
            FieldKind::Boolean,
            "false",
            "Whether a URL without TLS to another machine is taken",
        ),
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
    Ok(Box::new(WebDav::open(settings, Backoff::PATIENT)?))
}
