use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cadangkan_core::settings::FieldKind;
use cadangkan_core::{Error, ErrorKind, Result};

use super::mistake::{Mistake, Mistakes};
use super::model::Config;
use super::node::{Node, Position};
use super::place::{Place, Sources, locate};
use super::{check, dotenv, parse, variables};
use crate::registry;
use crate::ui::suggest;

/// What `config validate` found.
#[derive(Debug)]
pub(crate) struct Validation {
    /// The file that was read; it may not be there, which is no mistake.
    pub(crate) place: Place,
    /// Every mistake, when there are any.
    pub(crate) mistakes: Option<Mistakes>,
    /// What a person should know besides.
    pub(crate) warnings: Vec<String>,
}

/// Reads the configuration with the chosen profile.
///
/// A file that is not there is an empty configuration, unless it was asked for by name. Fails with `Configuration`
/// and all [`Mistakes`] as the source, and with `NotFound` for an unknown profile.
pub(crate) fn load(sources: &Sources<'_>) -> Result<Config> {
    let source = Source::read(sources)?;
    let mut mistakes = Vec::new();
    let root = source.parse(&mut mistakes);
    let Some(root) = root else { return Err(source.fail(mistakes)) };
    let mut config = source.check(root, sources.profile, sources, &mut mistakes)?;
    if !mistakes.is_empty() {
        return Err(source.fail(mistakes));
    }
    config.warnings = source.warnings();
    config.profile = sources.profile.map(str::to_owned);
    Ok(config)
}

/// Looks for every mistake in the file, also in profiles that were not chosen.
pub(crate) fn validate(sources: &Sources<'_>) -> Result<Validation> {
    let source = Source::read(sources)?;
    let mut mistakes = Vec::new();
    if let Some(root) = source.parse(&mut mistakes) {
        let config = source.check(root.clone(), sources.profile, sources, &mut mistakes)?;
        for profile in config.profiles.iter().filter(|name| sources.profile != Some(name.as_str())) {
            // Its variables may only be set where it is used.
            let mut found = Vec::new();
            source.check(root.clone(), Some(profile), sources, &mut found)?;
            mistakes.extend(found.into_iter().filter(|mistake| !mistake.variable));
        }
    }
    let warnings = source.warnings();
    let mistakes = (!mistakes.is_empty()).then(|| source.mistakes(mistakes));
    Ok(Validation { place: source.place, mistakes, warnings })
}

/// The texts of the configuration and of the `.env` beside it.
struct Source {
    place: Place,
    text: String,
    env_text: String,
}

impl Source {
    fn read(sources: &Sources<'_>) -> Result<Source> {
        let place = locate(sources)?;
        let text = match read_text(&place.file)? {
            Some(text) => text,
            None if place.named => {
                return Err(Error::new(ErrorKind::NotFound, "the configuration file is not there")
                    .context("path", place.file.display())
                    .hint("check the path given by --config, or make the file with `cadangkan init`"));
            }
            None => String::new(),
        };
        let env_text = read_text(&place.env_file())?.unwrap_or_default();
        Ok(Source { place, text, env_text })
    }

    fn parse(&self, mistakes: &mut Vec<Mistake>) -> Option<Node> {
        parse::parse(&self.text, mistakes).map_err(|mistake| mistakes.push(mistake)).ok()
    }

    /// Lays the profile over the tree, fills in variables, and checks all rules.
    fn check(
        &self,
        mut root: Node,
        profile: Option<&str>,
        sources: &Sources<'_>,
        mistakes: &mut Vec<Mistake>,
    ) -> Result<Config> {
        if let Some(profile) = profile {
            let mut over = find_profile(&root, profile, &self.place.file)?.clone();
            over.keep(check::PROFILE_KEYS);
            over.mark_profile();
            root.merge(over);
        }
        let file = self.env_variables(mistakes);
        let lookup = |name: &str| (sources.environment)(name).or_else(|| file.get(name).cloned());
        let profiles = root.take("profiles");
        variables::fill(&mut root, &lookup, mistakes);
        root.put_back(profiles);
        Ok(check::check(&root, sources, &self.place, mistakes))
    }

    fn env_variables(&self, mistakes: &mut Vec<Mistake>) -> BTreeMap<String, String> {
        dotenv::parse(&self.env_text).unwrap_or_else(|error| {
            let position = Position { line: error.line, column: 0, length: 0 };
            mistakes.push(Mistake { env_file: true, ..Mistake::new(position, error.message) });
            BTreeMap::new()
        })
    }

    fn mistakes(&self, list: Vec<Mistake>) -> Mistakes {
        let engines = registry::ENGINES.iter().flat_map(|engine| engine.fields);
        let storages = registry::STORAGES.iter().flat_map(|storage| storage.fields);
        let channels = registry::CHANNELS.iter().flat_map(|channel| channel.fields);
        let secrets = engines.chain(storages).chain(channels).filter(|field| field.kind == FieldKind::Secret);
        // Headers have secrets in variables, as those of hooks do, and their places are worth seeing.
        let secret_keys: Vec<&str> =
            secrets.map(|field| field.name).filter(|name| *name != "headers").collect();
        Mistakes::new(&self.place, list, &self.text, &secret_keys)
    }

    fn fail(&self, list: Vec<Mistake>) -> Error {
        let mistakes = self.mistakes(list);
        let message = match mistakes.list.len() {
            1 => "the configuration has a mistake".to_owned(),
            number => format!("the configuration has {number} mistakes"),
        };
        Error::new(ErrorKind::Configuration, message)
            .context("path", self.place.file.display())
            .source(mistakes)
            .hint("change the file, then run `cadangkan config validate`")
    }

    fn warnings(&self) -> Vec<String> {
        let files = [self.place.file.clone(), self.place.env_file()];
        files.iter().filter_map(|file| too_open(file)).collect()
    }
}

fn find_profile<'a>(root: &'a Node, wanted: &str, file: &Path) -> Result<&'a Node> {
    let profiles = root.entry("profiles").map(|entry| entry.node.entries()).unwrap_or_default();
    if let Some(profile) = profiles.iter().find(|entry| entry.key == wanted) {
        return Ok(&profile.node);
    }
    let names = || profiles.iter().map(|entry| entry.key.as_str());
    let hint = match suggest::nearest(wanted, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if profiles.is_empty() => {
            "the configuration has no profiles; add some under `profiles:`".to_owned()
        }
        None => format!("there is: {}", names().collect::<Vec<_>>().join(", ")),
    };
    Err(Error::new(ErrorKind::NotFound, format!("there is no profile \"{}\"", wanted.escape_debug()))
        .context("path", file.display())
        .hint(hint))
}

/// Reads a whole text; `None` when there is no such file.
fn read_text(path: &PathBuf) -> Result<Option<String>> {
    let fail = |error| Error::io("cannot read the configuration", error).context("path", path.display());
    let size = match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(fail)?.len(),
    };
    if usize::try_from(size).map_or(true, |size| size > parse::MAX_BYTES) {
        return Err(Error::new(ErrorKind::Configuration, "the configuration file is too large")
            .context("path", path.display())
            .hint("at most 4 MiB are read"));
    }
    let bytes = std::fs::read(path).map_err(fail)?;
    String::from_utf8(bytes).map(Some).map_err(|error| {
        Error::new(ErrorKind::Configuration, "the configuration file is not UTF-8 text")
            .context("path", path.display())
            .source(error.utf8_error())
    })
}

/// Warns of a file that others than its owner may change.
#[cfg(unix)]
fn too_open(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    let shown = path.display();
    (mode & 0o022 != 0).then(|| format!("others may change {shown}; run: chmod 600 {shown}"))
}

#[cfg(not(unix))]
fn too_open(_path: &Path) -> Option<String> {
    None
}
