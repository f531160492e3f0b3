//! From the types of the catalog to what a column can hold.

use cadangkan_core::{Error, ErrorKind, Result, Timestamp};
use serde_json::Value;

/// A time, in microseconds since 1970.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A count, as far as a column can hold it.
pub(crate) fn count(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|source| {
        Error::new(ErrorKind::Usage, "a number is too large for the catalog")
            .context("number", value)
            .source(source)
    })
}

/// A page size or position; what is larger than any table is as good as its end.
pub(crate) fn clamp(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// JSON as it is kept.
pub(crate) fn to_text(value: Option<&Value>) -> Option<String> {
    value.map(Value::to_string)
}
