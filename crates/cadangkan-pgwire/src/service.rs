use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Result};

use crate::{Environment, Settings};

/// Where Debian's libpq looks when `PGSYSCONFDIR` is not set; other builds differ, and then the variable helps.
const SYSTEM_FOLDERS: [&str; 2] = ["/etc/postgresql-common", "/etc/sysconfig/pgsql"];

/// Looks a service up (manual, "The Connection Service File"): first in the person's file, then in the system's.
pub(crate) fn look_up(service: &str, environment: &dyn Environment) -> Result<Settings> {
    let files = files(environment);
    for file in &files {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(Error::io("cannot read the connection service file", error)
                    .context("path", file.display())
                    .hint("make the file readable, or set PGSERVICEFILE to another one"));
            }
        };
        if let Some(settings) = find(&text, service).map_err(|mistake| wrong(file, mistake))? {
            return Ok(settings);
        }
    }
    let looked: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    Err(Error::new(ErrorKind::NotFound, "no connection service file has this service")
        .context("service", service)
        .context("files", looked.join(", "))
        .hint("check the name of the service, or set PGSERVICEFILE to the file that has it"))
}

fn files(environment: &dyn Environment) -> Vec<PathBuf> {
    let own = match environment.variable("PGSERVICEFILE") {
        Some(file) => Some(PathBuf::from(file)),
        None => environment.home().map(|home| home.join(".pg_service.conf")),
    };
    let folders = match environment.variable("PGSYSCONFDIR") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => SYSTEM_FOLDERS.map(PathBuf::from).to_vec(),
    };
    own.into_iter().chain(folders.into_iter().map(|folder| folder.join("pg_service.conf"))).collect()
}

fn wrong(file: &Path, (line, message): (usize, String)) -> Error {
    Error::new(ErrorKind::Configuration, format!("the connection service file has a mistake: {message}"))
        .context("path", file.display())
        .context("line", line)
        .hint("each line is `parameter=value`, below the service's name in brackets")
}

/// Finds a service's section in the text of a file; a mistake comes with its line.
fn find(text: &str, service: &str) -> Result<Option<Settings>, (usize, String)> {
    let mut found: Option<Settings> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            if found.is_some() {
                break;
            }
            found = (name == service).then(Settings::default);
        } else if let Some(settings) = &mut found {
            set(settings, line).map_err(|message| (index + 1, message))?;
        }
    }
    Ok(found)
}

fn set(settings: &mut Settings, line: &str) -> Result<(), String> {
    if line.starts_with("ldap") {
        return Err("services kept in LDAP are not supported".to_owned());
    }
    let (keyword, value) = line.split_once('=').ok_or("a line has no `=`")?;
    if keyword == "service" {
        return Err("a service cannot name another service".to_owned());
    }
    settings.fill(keyword, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# ours\n[other]\nhost=a\nnonsense\n\n[shop]\n host=b.example \nport=5433\nport=1\n\
                        password=x=y\n[last]\nbad line\n";

    #[test]
    fn only_the_named_section_counts() {
        let settings = find(FILE, "shop").unwrap().unwrap();
        assert_eq!((settings.host.as_deref(), settings.port), (Some("b.example"), Some(5433.into())));
        assert_eq!(settings.password.unwrap().expose(), "x=y");
        assert_eq!(find(FILE, "none").unwrap(), None);
        assert_eq!(find(FILE, "last").unwrap_err().0, 12);
        assert_eq!(find("[a]\nservice=b\n", "a").unwrap_err().0, 2);
        assert!(find("[a]\nldap:x\n", "a").unwrap_err().1.contains("LDAP"));
        assert!(find("[a]\ncolour=red\n", "a").unwrap_err().1.contains("`colour`"));
    }
}
