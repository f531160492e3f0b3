//! Backups on a host that OpenSSH reaches, by SFTP.
//!
//! `ssh` itself makes the connection, as for tunnels: it knows the person's configuration, agent, hardware keys, jump
//! hosts and known hosts, and a cipher is not ours to keep safe. The protocol above it, version 3 of SFTP, is spoken
//! here, over a socket that is `ssh`'s standard input and output: so every wait has a limit, and many requests are
//! under way at once.

mod answers;
mod complaint;
mod failure;
mod files;
mod packet;
mod pool;
mod probe;
mod reader;
mod session;
mod settings;
mod ssh;
mod storage;
mod walk;
mod writer;

use cadangkan_core::settings::{Field, FieldKind, SettingsError};
use cadangkan_storage::{Storage, StorageDescriptor};
use serde_json::Value;

pub use storage::Sftp;

/// Backups in a folder of an SFTP server.
pub static SFTP: StorageDescriptor = StorageDescriptor {
    id: "sftp",
    display_name: "SFTP server",
    fields: &[
        field("host", FieldKind::Text, true, "The server, or an alias of ~/.ssh/config"),
        field("port", FieldKind::Integer, false, "Its port; 22, or what ~/.ssh/config says"),
        field("user", FieldKind::Text, false, "The user to log in as; yours, or what ~/.ssh/config says"),
        field(
            "path",
            FieldKind::Text,
            true,
            "The folder on the server that keeps the backups; relative ones begin in the user's home",
        ),
        field(
            "key",
            FieldKind::Path,
            false,
            "The private key's file; without it the agent's keys and yours are tried",
        ),
        field("passphrase", FieldKind::Secret, false, "The passphrase of the private key"),
        field("password", FieldKind::Secret, false, "The user's password, where no key is used"),
        field(
            "known_hosts",
            FieldKind::Path,
            false,
            "The file of known hosts to use instead of yours and the system's",
        ),
        field(
            "ssh_config",
            FieldKind::Path,
            false,
            "The configuration of ssh to use instead of ~/.ssh/config",
        ),
        Field {
            name: "timeout",
            kind: FieldKind::Duration,
            required: false,
            default: Some("60s"),
            help: "How long the server may take to answer",
        },
    ],
    open,
    parse_url: settings::parse_url,
};

const fn field(name: &'static str, kind: FieldKind, required: bool, help: &'static str) -> Field {
    Field { name, kind, required, default: None, help }
}

fn open(settings: &Value) -> Result<Box<dyn Storage>, SettingsError> {
    Ok(Box::new(Sftp::new(settings::read(settings)?)))
}
