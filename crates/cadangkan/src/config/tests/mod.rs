//! The whole way of a configuration file, from text to configuration or to mistakes.

mod hostile;
mod mistakes;
mod profiles;
mod reading;
mod samples;
mod secrets;
mod selection;

use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Name, Result};
use tempfile::TempDir;

use super::*;

/// A folder with a configuration, an environment and a user.
struct Machine {
    folder: TempDir,
    variables: Vec<(&'static str, &'static str)>,
    profile: Option<&'static str>,
    created: Vec<Name>,
}

impl Machine {
    fn new(config: &str) -> Self {
        let machine = Machine {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
            profile: None,
            created: Vec::new(),
        };
        machine.write("config.yaml", config);
        machine
    }

    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    fn profile(mut self, profile: &'static str) -> Self {
        self.profile = Some(profile);
        self
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn with<T>(&self, call: impl FnOnce(&Sources<'_>) -> T) -> T {
        let home = self.folder.path().to_str().unwrap().to_owned();
        let environment = |name: &str| match name {
            "CADANGKAN_HOME" => Some(home.clone()),
            _ => self.variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
        };
        call(&Sources {
            file: None,
            profile: self.profile,
            environment: &environment,
            user_home: Some(Path::new("/home/ada")),
            created_storages: &self.created,
            check_file_name,
        })
    }

    fn load(&self) -> Result<Config> {
        self.with(load)
    }

    /// Everything that is wrong, as it is shown, without the path of this test's folder.
    fn mistakes(&self) -> String {
        let validation = self.with(validate).unwrap();
        let text = validation.mistakes.map(|mistakes| mistakes.to_string()).unwrap_or_default();
        text.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn check_file_name(template: &str) -> Result<()> {
    if template.contains("{id}") {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Configuration, "the template needs {id}").hint("for example {database}_{id}"))
}
