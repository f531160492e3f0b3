//! Storages that nobody has configured, by their URL or path.

use std::path::{Path, PathBuf};

use cadangkan_core::settings::{FieldKind, SettingsError};
use cadangkan_core::{Error, ErrorKind, Name, Result};
use cadangkan_ops::source::Source;
use cadangkan_ops::{Context, Place};
use cadangkan_storage::{Key, Storage, StorageDescriptor};
use serde_json::Value;

use crate::app::{App, Places};
use crate::commands::StorageUrl;
use crate::registry;
use crate::ui::escape;

/// Tells whether a text is meant as a URL or a path, and not as a name.
pub(crate) fn is_url(text: &str) -> bool {
    text.contains(['/', ':']) || text.starts_with(['.', '~'])
}

/// Reads the URL of a storage into its kind and its settings, with absolute paths.
pub(crate) fn settings(app: &App, url: &StorageUrl) -> Result<(&'static StorageDescriptor, Value)> {
    let unknown = || {
        let kinds = registry::STORAGES.iter().map(|storage| storage.id).collect::<Vec<_>>().join(", ");
        Error::new(ErrorKind::Usage, "not the URL or path of a storage that this program knows")
            .context("url", escape(&url.to_string()))
            .hint(format!("there is: {kinds}"))
    };
    let (provider, settings) = registry::parse_storage_url(url.as_str()).ok_or_else(unknown)?;
    let mut settings = app.absolute_paths(provider.fields, settings.map_err(wrong)?)?;
    // The same place is written in one way.
    for field in provider.fields.iter().filter(|field| field.kind == FieldKind::Path) {
        let Some(Value::String(path)) = settings.get_mut(field.name) else { continue };
        *path = Path::new(path).components().collect::<PathBuf>().to_string_lossy().into_owned();
    }
    Ok((provider, settings))
}

fn open(app: &App, url: &StorageUrl) -> Result<Box<dyn Storage>> {
    let (provider, settings) = settings(app, url)?;
    (provider.open)(&settings).map_err(wrong)
}

fn wrong(error: SettingsError) -> Error {
    let key = error.path.join(".");
    let message = if key.is_empty() { error.message } else { format!("`{key}`: {}", error.message) };
    Error::new(ErrorKind::Usage, message)
}

/// What a URL stands for.
pub(crate) struct Opened {
    places: Places,
    /// The archive, where it is the URL of one and not of a folder.
    archive: Option<Key>,
}

/// Opens the URL of an archive, or of a folder with backups.
pub(crate) fn open_backups(app: &App, url: &StorageUrl) -> Result<Opened> {
    let name = Name::new("url")?;
    if let Some((above, key)) = split(url.as_str())
        && let Ok(storage) = open(app, &StorageUrl::of_text(&above))
        && matches!(storage.stat(&key), Ok(Some(_)))
    {
        return Ok(Opened { places: Places::one(name, storage), archive: Some(key) });
    }
    Ok(Opened { places: Places::one(name, open(app, url)?), archive: None })
}

impl Opened {
    /// As ops takes it.
    pub(crate) fn list(&self) -> Vec<Place<'_>> {
        self.places.list()
    }

    /// Opens the archive, or the newest backup in the folder.
    pub(crate) fn source<'a>(
        &self,
        context: &Context<'_>,
        list: &[Place<'a>],
        database: Option<&Name>,
    ) -> Result<Source<'a>> {
        let [place] = list else { return Err(Error::new(ErrorKind::Internal, "not one storage")) };
        match &self.archive {
            Some(key) => Source::at(context, *place, key.clone()),
            None => Source::newest_in(context, *place, database),
        }
    }
}

/// Takes the last segment off a URL or a path; what follows a `?` belongs to both.
fn split(url: &str) -> Option<(String, Key)> {
    let (base, query) = url.split_once('?').map_or((url, ""), |(base, query)| (base, query));
    let (above, name) = base.rsplit_once('/')?;
    let key = Key::new(name).ok()?;
    let above = match above {
        "" => "/".to_owned(),
        above if above.ends_with('/') => return None,
        above if above.contains("://") => above.to_owned(),
        above => format!("{above}/"),
    };
    Some((if query.is_empty() { above } else { format!("{above}?{query}") }, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_segment_is_taken_off() {
        for (url, expected) in [
            ("s3://bucket/shop/a.zst", Some(("s3://bucket/shop", "a.zst"))),
            ("s3://bucket/a.zst?region=x", Some(("s3://bucket?region=x", "a.zst"))),
            ("s3://bucket", None),
            ("/a.zst", Some(("/", "a.zst"))),
            ("disk/a.zst", Some(("disk/", "a.zst"))),
            ("./a.zst", Some(("./", "a.zst"))),
            ("/disk/", None),
            ("..", None),
        ] {
            let found = split(url);
            let found = found.as_ref().map(|(above, key)| (above.as_str(), key.as_str()));
            assert_eq!(found, expected, "{url}");
        }
        assert!(is_url("/disk") && is_url("~") && is_url("s3://bucket") && !is_url("home"));
        assert!(is_url("rclone:x,pass=secret"));
    }
}
