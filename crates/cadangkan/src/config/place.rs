use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Name, Result};

/// Where the configuration comes from. Only `main` fills this from the real process.
#[derive(Clone, Copy)]
pub(crate) struct Sources<'a> {
    /// What `--config` or `CADANGKAN_CONFIG` gave.
    pub(crate) file: Option<&'a Path>,
    /// What `--profile` or `CADANGKAN_PROFILE` gave.
    pub(crate) profile: Option<&'a str>,
    /// Looks up a variable of the environment.
    pub(crate) environment: &'a dyn Fn(&str) -> Option<String>,
    /// The home folder of the user.
    pub(crate) user_home: Option<&'a Path>,
    /// Storages that the catalog knows, so that the file may refer to them.
    pub(crate) created_storages: &'a [Name],
    /// Checks a template of file names.
    pub(crate) check_file_name: fn(&str) -> Result<()>,
}

impl std::fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").field("file", &self.file).field("profile", &self.profile).finish()
    }
}

/// Where things lie on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The folder of the catalog, of locks and of the backups that have no other place.
    pub(crate) home: PathBuf,
    /// The configuration file, or where it would be.
    pub(crate) file: PathBuf,
    /// Whether that file is there.
    pub(crate) exists: bool,
    /// Whether the file was asked for by name, so that it must be there.
    pub(crate) named: bool,
}

impl Place {
    /// The folder that the configuration file lies in; relative paths in it begin there.
    pub(crate) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(&self.home)
    }

    /// The file of variables beside the configuration.
    pub(crate) fn env_file(&self) -> PathBuf {
        self.folder().join(".env")
    }
}

/// Finds the home folder and the configuration file, without reading it.
///
/// The home folder is `CADANGKAN_HOME`, else the folder of `--config`, else `~/.cadangkan`. The file is `--config`,
/// else `config.yaml`, `config.yml` or `config.json` in the home folder, the first that is there.
pub(crate) fn locate(sources: &Sources<'_>) -> Result<Place> {
    let absolute = |path: &Path| {
        let path = expand_home(path, sources.user_home);
        std::path::absolute(&path).map_err(|error| {
            Error::io("cannot tell which folder this is", error).context("path", path.display())
        })
    };
    let variable = (sources.environment)("CADANGKAN_HOME").filter(|home| !home.is_empty());
    let named = sources.file.map(absolute).transpose()?;
    let home = match (variable, named.as_deref().and_then(Path::parent), sources.user_home) {
        (Some(home), _, _) => absolute(Path::new(&home))?,
        (None, Some(folder), _) => folder.to_owned(),
        (None, None, Some(user_home)) => absolute(&user_home.join(".cadangkan"))?,
        (None, None, None) => {
            return Err(Error::new(ErrorKind::Configuration, "cannot find a home folder")
                .hint("set HOME, or set CADANGKAN_HOME to the folder that Cadangkan may use"));
        }
    };
    if let Some(file) = named {
        return Ok(Place { exists: file.exists(), named: true, home, file });
    }
    let names = ["config.yaml", "config.yml", "config.json"];
    let found = names.iter().map(|name| home.join(name)).find(|file| file.exists());
    let exists = found.is_some();
    Ok(Place { file: found.unwrap_or_else(|| home.join("config.yaml")), home, exists, named: false })
}

/// Puts the user's home folder in the place of a leading `~`.
fn expand_home(path: &Path, user_home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~"), user_home) {
        (Ok(rest), Some(home)) if rest.as_os_str().is_empty() => home.to_owned(),
        (Ok(rest), Some(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// Makes a configured path absolute: `~` is the user's home folder, relative ones begin at `base`.
pub(crate) fn resolve_path(path: &str, base: &Path, user_home: Option<&Path>) -> PathBuf {
    base.join(expand_home(Path::new(path), user_home))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: Option<&str>, variable: Option<&str>, user_home: Option<&str>) -> Result<Place> {
        let environment = |_: &str| variable.map(str::to_owned);
        locate(&Sources {
            file: file.map(Path::new),
            profile: None,
            environment: &environment,
            user_home: user_home.map(Path::new),
            created_storages: &[],
            check_file_name: |_| Ok(()),
        })
    }

    #[test]
    fn the_nearest_wish_wins() {
        let home = |place: Result<Place>| place.map(|place| (place.home, place.file)).unwrap();
        let paths = |home: &str, file: &str| (PathBuf::from(home), PathBuf::from(file));
        assert_eq!(home(place(None, None, Some("/u"))), paths("/u/.cadangkan", "/u/.cadangkan/config.yaml"));
        assert_eq!(home(place(None, Some("/v"), Some("/u"))), paths("/v", "/v/config.yaml"));
        assert_eq!(home(place(None, Some("~/v"), Some("/u"))), paths("/u/v", "/u/v/config.yaml"));
        assert_eq!(
            home(place(None, Some(""), Some("/u"))),
            paths("/u/.cadangkan", "/u/.cadangkan/config.yaml")
        );
        assert_eq!(home(place(Some("/etc/c.yaml"), None, None)), paths("/etc", "/etc/c.yaml"));
        assert_eq!(home(place(Some("/etc/c.yaml"), Some("/v"), None)), paths("/v", "/etc/c.yaml"));
        assert!(place(None, None, None).unwrap_err().advice().unwrap().contains("CADANGKAN_HOME"));
    }

    #[test]
    fn paths_begin_at_the_configuration() {
        let resolved = |path: &str| resolve_path(path, Path::new("/etc/c"), Some(Path::new("/u")));
        assert_eq!(resolved("a/b"), Path::new("/etc/c/a/b"));
        assert_eq!(resolved("/a"), Path::new("/a"));
        assert_eq!(resolved("~"), Path::new("/u"));
        assert_eq!(resolved("~/a"), Path::new("/u/a"));
        assert_eq!(resolved("~other/a"), Path::new("/etc/c/~other/a"));
    }
}
