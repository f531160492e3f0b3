//! Backblaze B2 in its own words.
//!
//! B2 is spoken to by its S3 API, which Backblaze recommends for new programs (its documentation, "S3-Compatible API");
//! what differs is how things are called, and that a bucket keeps all versions of everything.

use std::sync::Arc;

use cadangkan_core::Clock;
use cadangkan_core::settings::{Field, FieldKind, SettingsError, mistake};
use cadangkan_storage::{Backoff, Storage, StorageDescriptor, read_place};
use serde_json::{Map, Value};

use crate::config::{
    CA_FILE, CONNECTIONS, LEGAL_HOLD, LOCK_DAYS, LOCK_MODE, PART_SIZE_MIB, PREFIX, SSE_CUSTOMER_KEY,
    SystemClock, TIMEOUT, field, field_or,
};
use crate::storage::Bucket;

/// Backups in a bucket of Backblaze B2.
pub static B2: StorageDescriptor = StorageDescriptor {
    id: "b2",
    display_name: "Backblaze B2",
    fields: &[
        Field { required: true, ..field("bucket", FieldKind::Text, "The bucket; it must exist") },
        Field {
            required: true,
            ..field("region", FieldKind::Text, "The region in the bucket's endpoint, such as us-west-004")
        },
        field("key_id", FieldKind::Text, "The id of the application key; default where AWS's tools look"),
        field("application_key", FieldKind::Secret, "The application key itself"),
        PREFIX,
        field(
            "endpoint",
            FieldKind::Text,
            "Another server than that of the region, such as https://host:9000",
        ),
        PART_SIZE_MIB,
        CONNECTIONS,
        TIMEOUT,
        CA_FILE,
        field("sse", FieldKind::Text, "Whose key encrypts on the server: s3 for B2's own, or customer"),
        SSE_CUSTOMER_KEY,
        LOCK_MODE,
        LOCK_DAYS,
        LEGAL_HOLD,
        field_or(
            "delete_versions",
            FieldKind::Boolean,
            "true",
            "Whether deleting removes all versions; else they stay, and are paid for",
        ),
    ],
    open,
    parse_url,
};

/// What B2 calls otherwise: its word, and that of S3.
const WORDS: [(&str, &str); 2] = [("key_id", "access_key"), ("application_key", "secret_key")];

fn open(settings: &Value) -> Result<Box<dyn Storage>, SettingsError> {
    Ok(Box::new(Bucket::open_b2(settings, Arc::new(SystemClock), Backoff::PATIENT)?))
}

impl Bucket {
    /// Makes a storage from settings in B2's words, without connecting; what fails is tried again as `backoff` says.
    pub fn open_b2(settings: &Value, clock: Arc<dyn Clock>, backoff: Backoff) -> Result<Self, SettingsError> {
        let given = settings.as_object().cloned().unwrap_or_default();
        if let Some(key) = given.keys().find(|key| !B2.fields.iter().any(|field| field.name == *key)) {
            return Err(mistake(key, "a bucket of B2 has no such key"));
        }
        let mut of_s3: Map<String, Value> =
            given.into_iter().map(|(key, value)| (in_words(&key, true), value)).collect();
        of_s3.insert("provider".to_owned(), Value::from("b2"));
        of_s3.entry("delete_versions").or_insert(Value::Bool(true));
        Bucket::open(&Value::Object(of_s3), clock, backoff).map_err(|error| SettingsError {
            path: error.path.iter().map(|key| in_words(key, false)).collect(),
            message: WORDS.iter().fold(error.message, |text, (ours, theirs)| text.replace(theirs, ours)),
        })
    }
}

/// A key in the words of S3, or in those of B2.
fn in_words(key: &str, of_s3: bool) -> String {
    let same = |(ours, theirs): &(&'static str, &'static str)| match of_s3 {
        true => (*ours == key).then_some(*theirs),
        false => (*theirs == key).then_some(*ours),
    };
    WORDS.iter().find_map(same).unwrap_or(key).to_owned()
}

/// Reads `b2://bucket/folder?region=…&key_id=…`.
fn parse_url(url: &str) -> Option<Result<Value, SettingsError>> {
    Some(read_place(url.strip_prefix("b2://")?, ["bucket", "prefix"], B2.fields).map(Value::Object))
}
