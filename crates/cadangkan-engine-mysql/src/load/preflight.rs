//! What will not work, said before anything is touched.

use std::collections::BTreeMap;

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_engine::{LoadMode, LoadRequest};
use cadangkan_mywire::Flavor;

use super::look::Look;
use super::plan::{Was, Way, tables};
use crate::script::Kind;

/// Shorter statements than this are common in backups: theirs are about 1 MiB.
const PACKET: usize = 4 << 20;

/// Checks what is known without reading the backup; returns what a person should know.
///
/// # Errors
/// `Denied` for missing privileges and read-only servers, `Conflict` for names that fall together.
pub(super) fn check(look: &Look, way: Way, request: &LoadRequest) -> Result<Vec<String>> {
    if look.read_only {
        return Err(Error::new(ErrorKind::Denied, "the server is read-only")
            .context("server", &look.version)
            .hint("restore to the server that it is a replica of, or set read_only off"));
    }
    refuse_missing_privileges(look, way, request)?;
    let mut warnings = Vec::new();
    warnings.extend(other_server(look, request));
    warnings.extend(names(look, request)?);
    if look.max_packet < PACKET {
        warnings.push(format!(
            "max_allowed_packet is {} bytes: a row that is longer cannot be restored",
            look.max_packet
        ));
    }
    if let Some(present) = &look.present {
        let has_triggers = present.objects.iter().any(|object| object.kind == Kind::Trigger);
        if request.mode == LoadMode::Data && has_triggers {
            warnings.push("triggers of the target apply to the rows that are added".to_owned());
        }
        if request.mode == LoadMode::Data {
            warnings.push(
                "tables of engines without transactions keep the rows when the restore fails".to_owned(),
            );
        }
        if matches!(way, Way::Beside(_)) {
            if let Some(referrer) = present.referrers.first() {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "foreign keys of another database lead into the target, and would follow its old tables",
                )
                .context("table", referrer)
                .hint("use `--mode clean` or `--mode recreate`, or drop those foreign keys first"));
            }
            if present.connections > 0 {
                warnings.push(
                    "sessions that use the target go on: between the swap of the tables and the new triggers, writes fire none"
                        .to_owned(),
                );
            }
            if present.objects.iter().any(|object| matches!(object.kind, Kind::Function | Kind::Procedure)) {
                warnings.push(
                    "privileges on single routines are lost, as the server drops them with the routine"
                        .to_owned(),
                );
            }
        }
    }
    if matches!(way, Way::Made) && !request.attributes.contains_key("charset") {
        warnings.push(
            "the database gets the server's own character set, as the backup does not say it".to_owned(),
        );
    }
    Ok(warnings)
}

fn refuse_missing_privileges(look: &Look, way: Way, request: &LoadRequest) -> Result<()> {
    let rows: &[&str] = &["INSERT", "SELECT"];
    let all: &[&str] = &["INSERT", "SELECT", "CREATE", "DROP", "ALTER", "INDEX"];
    let needed = if request.mode == LoadMode::Data { rows } else { all };
    let missing = look.grants.missing(&look.name, needed);
    if !missing.is_empty() {
        return Err(Error::new(ErrorKind::Denied, "the user lacks privileges on the target")
            .context("database", &look.name)
            .context("missing", missing.join(", "))
            .hint(format!("GRANT {} ON `{}`.* TO the user", missing.join(", "), look.name)));
    }
    if matches!(way, Way::Beside(_)) {
        let beside = format!("{}_cadangkan_x", look.name);
        let missing = look.grants.missing(&beside, all);
        if !missing.is_empty() {
            return Err(Error::new(ErrorKind::Denied, "the user cannot make a database beside the target")
                .context("missing", missing.join(", "))
                .hint(format!(
                    "GRANT ALL ON `{}\\_%`.* TO the user, or use `--mode recreate` or `--mode clean`",
                    look.name
                )));
        }
    }
    Ok(())
}

/// What to know when the backup is of another kind of server, or of a newer one.
fn other_server(look: &Look, request: &LoadRequest) -> Option<String> {
    let flavor = request.attribute("flavor")?;
    let version = request.attribute("version").unwrap_or_default();
    let is_mariadb = flavor.to_ascii_lowercase().contains("maria");
    if is_mariadb != (look.version.flavor == Flavor::MariaDb) {
        return Some(format!(
            "the backup is of {flavor} {version} and the target is {}: what it cannot have is refused once the definitions are read, before anything is dropped",
            look.version
        ));
    }
    let mut parts = version.split(['.', '-']).map(|part| part.parse::<u16>().unwrap_or(0));
    let theirs = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    let ours = (look.version.number.0, look.version.number.1);
    (theirs > ours).then(|| {
        format!("the backup is of {flavor} {version}, which is newer than the target's {}", look.version)
    })
}

/// What becomes of names where the two servers treat their case differently.
fn names(look: &Look, request: &LoadRequest) -> Result<Option<String>> {
    let theirs = request
        .attributes
        .get("lower_case_table_names")
        .and_then(|value| value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok())));
    if look.lower_case == 0 && theirs.is_some_and(|theirs| theirs != 0) {
        let text = "the backup is of a server that does not mind the case of names (lower_case_table_names), and this one does: routines, triggers and programs that write a table's name in another case do not find it";
        return Ok(Some(text.to_owned()));
    }
    if look.lower_case == 0 || theirs.is_none_or(|theirs| theirs != 0) {
        return Ok(None);
    }
    let mut lowered = BTreeMap::new();
    let mut is_changed = false;
    for table in tables(&request.objects).filter(|table| request.selection.has_table(table)) {
        let lower = table.name.to_lowercase();
        is_changed |= lower != table.name;
        if let Some(other) = lowered.insert(lower, &table.name) {
            return Err(Error::new(ErrorKind::Conflict, "two tables have the same name on this server")
                .context("tables", format!("{other}, {}", table.name))
                .context("lower_case_table_names", look.lower_case)
                .hint("restore to a server with lower_case_table_names = 0, or leave one out with --exclude-tables"));
        }
    }
    Ok((is_changed && look.lower_case == 1)
        .then(|| "the server makes names of tables lower case (lower_case_table_names = 1)".to_owned()))
}

/// Tells whether nothing in the target is lost when a load of all of it begins.
pub(super) fn starts_empty(way: Way, was: Was) -> bool {
    way == Way::Made || (way == Way::Inside && was == Was::Empty)
}
