//! The engines and storages of this program: the one place that names them.

use cadangkan_core::settings::SettingsError;
use cadangkan_engine::Descriptor;
use cadangkan_notify::ChannelDescriptor;
use cadangkan_storage::StorageDescriptor;
use serde_json::Value;

/// All engines, in the order in which they are shown.
#[cfg(not(test))]
pub(crate) static ENGINES: &[&Descriptor] =
    &[&cadangkan_engine_sqlite::SQLITE, &cadangkan_engine_postgres::POSTGRES, &cadangkan_engine_mysql::MYSQL];

/// With a server that needs no server, for the unit tests.
#[cfg(test)]
pub(crate) static ENGINES: &[&Descriptor] = &[
    &cadangkan_engine_sqlite::SQLITE,
    &cadangkan_engine_postgres::POSTGRES,
    &cadangkan_engine_mysql::MYSQL,
    &tests::FAKE_SERVER,
];

/// All storages, in the order in which they are shown.
pub(crate) static STORAGES: &[&StorageDescriptor] = &[
    &cadangkan_storage::LOCAL,
    &cadangkan_storage_s3::S3,
    &cadangkan_storage_s3::B2,
    &cadangkan_storage_gcs::GCS,
    &cadangkan_storage_azure::AZURE,
    &cadangkan_storage_sftp::SFTP,
    &cadangkan_storage_webdav::WEBDAV,
    &cadangkan_storage_ftp::FTP,
    &cadangkan_storage_rclone::RCLONE,
    // One that takes a secret and needs no server.
    #[cfg(test)]
    &tests::FAKE_STORAGE,
];

/// All channels for notifications, in the order in which they are shown.
pub(crate) use cadangkan_notify::CHANNELS;

/// The storage that is there without configuration, and the field that holds its folder.
pub(crate) static HOME_STORAGE: (&StorageDescriptor, &str) = (&cadangkan_storage::LOCAL, "path");

/// Finds an engine by the word that the configuration uses.
pub(crate) fn engine(id: &str) -> Option<&'static Descriptor> {
    ENGINES.iter().copied().find(|engine| engine.id == id)
}

/// Other words for an engine, that a person may type for it.
pub(crate) fn other_names(id: &str) -> &'static [&'static str] {
    match id {
        "mysql" => &["mariadb"],
        _ => &[],
    }
}

/// Finds a storage by the word that the configuration uses.
pub(crate) fn storage(id: &str) -> Option<&'static StorageDescriptor> {
    STORAGES.iter().copied().find(|storage| storage.id == id)
}

/// Finds a kind of channel by the word that the configuration uses.
pub(crate) fn channel(id: &str) -> Option<&'static ChannelDescriptor> {
    CHANNELS.iter().copied().find(|channel| channel.id == id)
}

/// A command that adds a database, to show where somebody may need it.
pub(crate) fn example_add() -> String {
    ENGINES.first().map_or_else(|| "cadangkan add --help".to_owned(), |engine| example_add_of(engine))
}

/// A command that adds a database of this kind.
pub(crate) fn example_add_of(engine: &Descriptor) -> String {
    let required = engine.fields.iter().filter(|field| field.required);
    let flags: Vec<_> =
        required.map(|field| format!("--{} <{}>", field.name.replace('_', "-"), field.name)).collect();
    // A server needs no field, but its databases are told apart by this one.
    let flags = if flags.is_empty() { "--database <database>".to_owned() } else { flags.join(" ") };
    format!("cadangkan add {} <name> {flags}", engine.id)
}

/// Reads a URL or a path into an engine and its settings.
pub(crate) fn parse_url(url: &str) -> Option<(&'static Descriptor, Result<Value, SettingsError>)> {
    ENGINES.iter().find_map(|engine| (engine.parse_url)(url).map(|settings| (*engine, settings)))
}

/// Reads a URL or a path into a storage and its settings.
pub(crate) fn parse_storage_url(
    url: &str,
) -> Option<(&'static StorageDescriptor, Result<Value, SettingsError>)> {
    STORAGES.iter().find_map(|storage| (storage.parse_url)(url).map(|settings| (*storage, settings)))
}

/// A command that adds a storage, to show where somebody may need it.
pub(crate) fn example_add_storage() -> String {
    let example = STORAGES.first().map(|storage| example_add_storage_of(storage, "usb"));
    example.unwrap_or_else(|| "cadangkan storage add --help".to_owned())
}

/// A command that adds a storage of this kind.
pub(crate) fn example_add_storage_of(storage: &StorageDescriptor, name: &str) -> String {
    let required = storage.fields.iter().filter(|field| field.required);
    let flags = required.map(|field| format!(" --{} <{}>", field.name.replace('_', "-"), field.name));
    format!("cadangkan storage add {} {name}{}", storage.id, flags.collect::<String>())
}

#[cfg(test)]
pub(crate) mod tests {
    use cadangkan_core::settings::{Field, FieldKind, parse};
    use cadangkan_testkit::fake_engine::FAKE;
    use serde_json::json;

    use super::*;

    const fn field(name: &'static str, kind: FieldKind, required: bool, help: &'static str) -> Field {
        Field { name, kind, required, default: None, help }
    }

    /// A server with a password. Its content is in memory, and the same in every process.
    pub(crate) static FAKE_SERVER: Descriptor = Descriptor {
        fields: &[
            field("host", FieldKind::Text, true, "the server's name or address"),
            field("port", FieldKind::Integer, false, "the server's port"),
            field("user", FieldKind::Text, false, "the user to connect as"),
            field("password", FieldKind::Secret, false, "the user's password"),
            field("token", FieldKind::Secret, false, "a second secret"),
            field("sslrootcert", FieldKind::Path, false, "certificates of authorities"),
        ],
        open,
        parse_url,
        ..FAKE
    };

    /// A folder behind a key and its secret.
    pub(crate) static FAKE_STORAGE: StorageDescriptor = StorageDescriptor {
        id: "vault",
        display_name: "Vault",
        fields: &[
            field("path", FieldKind::Path, true, "the folder"),
            field("key", FieldKind::Text, false, "the key's id"),
            field("secret", FieldKind::Secret, false, "the key's secret"),
        ],
        open: open_storage,
        parse_url: |_| None,
    };

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct RawStorage {
        path: String,
        #[serde(rename = "key")]
        _key: Option<String>,
        secret: Option<String>,
    }

    fn open_storage(settings: &Value) -> Result<Box<dyn cadangkan_storage::Storage>, SettingsError> {
        let raw: RawStorage = parse(settings)?;
        if raw.path.ends_with("echo") {
            let message = format!("the secret is {}", raw.secret.unwrap_or_default());
            return Err(SettingsError { path: vec!["path".to_owned()], message });
        }
        Ok(Box::new(cadangkan_storage::Local::new(raw.path)))
    }

    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        host: String,
        #[serde(rename = "port")]
        _port: Option<u16>,
        #[serde(rename = "user")]
        _user: Option<String>,
        password: Option<String>,
        #[serde(rename = "token")]
        _token: Option<String>,
        #[serde(rename = "sslrootcert")]
        _sslrootcert: Option<String>,
    }

    fn open(settings: &Value) -> Result<Box<dyn cadangkan_engine::Engine>, SettingsError> {
        let raw: Raw = parse(settings)?;
        if raw.host == "echo" {
            // A server that says what it was given, so that tests see that the secret came through.
            let message = format!("the password is {}", raw.password.unwrap_or_default());
            return Err(SettingsError { path: vec!["host".to_owned()], message });
        }
        (FAKE.open)(settings)
    }

    fn parse_url(text: &str) -> Option<Result<Value, SettingsError>> {
        let rest = text.strip_prefix("fake://")?;
        let (user, host) = rest.split_once('@')?;
        let (user, password) = user.split_once(':')?;
        Some(Ok(json!({ "host": host, "user": user, "password": password })))
    }

    #[test]
    fn ids_are_unique_and_found() {
        for found in ENGINES {
            assert_eq!(ENGINES.iter().filter(|other| other.id == found.id).count(), 1);
            assert!(engine(found.id).is_some());
        }
        for found in STORAGES {
            assert_eq!(STORAGES.iter().filter(|other| other.id == found.id).count(), 1);
            assert!(storage(found.id).is_some());
        }
        assert!(engine("oracle").is_none() && storage("tape").is_none());
    }

    /// Each field is a flag, beside those that every command has.
    #[test]
    fn fields_are_no_flags_of_ours() {
        let ours =
            ["config", "profile", "verbose", "quiet", "no_color", "output", "yes", "dry_run", "help", "name"];
        let fields =
            ENGINES.iter().flat_map(|engine| engine.fields.iter().map(|field| (engine.id, field.name)));
        let of_storages =
            STORAGES.iter().flat_map(|storage| storage.fields.iter().map(|field| (storage.id, field.name)));
        for (id, field) in fields.chain(of_storages) {
            assert!(![&ours[..], &["url", "replace"]].concat().contains(&field), "{field} of {id}");
        }
    }

    /// Settings of an engine and options of a database stand in one map, so no engine may be called like an option.
    #[test]
    fn ids_are_no_keys_of_ours() {
        for engine in ENGINES {
            assert!(!crate::config::DATABASE_KEYS.contains(&engine.id));
        }
        for storage in STORAGES {
            assert!(!crate::config::STORAGE_KEYS.contains(&storage.id));
        }
        for channel in CHANNELS {
            assert!(!crate::config::CHANNEL_KEYS.contains(&channel.id));
        }
    }
}
