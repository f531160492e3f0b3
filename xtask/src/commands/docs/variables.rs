//! The variables by which pages find servers of storages: `$SFTP_PORT` and all else that the list says of `sftp`.

use std::path::Path;

use anyhow::Result;

use crate::pages::Example;
use crate::servers::State;
use crate::servers::services::{self, Service};

/// Returns the variables of the servers that a page needs, or the name of one that is not there.
pub(super) fn of(
    examples: &[Example],
    state: Option<&Path>,
) -> Result<Result<Vec<(String, String)>, String>> {
    let known = match state.and_then(Path::parent) {
        Some(folder) => State::read(folder)?.services,
        None => Vec::new(),
    };
    let mut variables = Vec::new();
    for kind in services::ALL.iter().filter(|kind| names(examples, kind.name)) {
        match known.iter().find(|service| service.name == kind.name && service.port != 0) {
            Some(service) => variables.extend(variables_of(service)),
            None => return Ok(Err(kind.name.to_owned())),
        }
    }
    Ok(Ok(variables))
}

fn names(examples: &[Example], name: &str) -> bool {
    let mark = format!("${}_PORT", name.to_uppercase());
    examples.iter().any(|example| example.command.contains(&mark))
}

fn variables_of(service: &Service) -> impl Iterator<Item = (String, String)> {
    let settings = service.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let all = settings.chain([("port", service.port.to_string())]);
    all.map(|(name, value)| (format!("{}_{}", service.name, name).to_uppercase(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_needs_the_server_whose_port_it_names() {
        let page = |command: &str| [Example { command: command.to_owned(), ..Example::default() }];
        assert_eq!(of(&page("cadangkan list --storage sftp"), None).unwrap(), Ok(Vec::new()));
        assert_eq!(of(&page("sftp -P $SFTP_PORT"), None).unwrap(), Err("sftp".to_owned()));
    }
}
