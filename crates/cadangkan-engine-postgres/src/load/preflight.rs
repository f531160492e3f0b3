//! What will fail or may fail, found out before anything is touched.

use std::collections::BTreeSet;

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_engine::{LoadMode, LoadRequest};
use cadangkan_pgwire::{Connection, literal};
use serde_json::{Map, Value};

use super::database::Shape;
use super::look::{Look, column, open};
use super::plan::Way;
use crate::catalog::one_row;

/// What was found that does not keep the load from going on.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) warnings: Vec<String>,
    pub(super) missing_tablespaces: Vec<String>,
}

/// Holds what the backup needs against what the server has.
///
/// # Errors
/// The first thing that is sure to fail, with the others beside it.
pub(super) fn check(look: &Look, way: Way, request: &LoadRequest, control: &Control<'_>) -> Result<Findings> {
    let mut there = open(&look.maintenance, control)?;
    let mut findings = Findings::default();
    let mut failures = Vec::new();
    if way != Way::Inside {
        failures.extend(may_make_databases(look, way));
        failures.extend(shape_is_possible(look, &shape(request, look), &mut there, &mut findings, control)?);
    }
    compare_versions(look, request, &mut findings);
    if request.mode != LoadMode::Data {
        failures.extend(extensions(&mut there, request, &mut findings, control)?);
        failures.extend(roles(&mut there, request, &mut findings, control)?);
        failures.extend(owners(look, &mut there, request, &mut findings, control)?);
        tablespaces(&mut there, request, &mut findings, control)?;
    }
    if way == Way::Inside {
        compare_present(look, request, &mut findings);
    }
    let mut failures = failures.into_iter();
    match failures.next() {
        None => Ok(findings),
        Some(first) => Err(failures.fold(first, |first, other| first.context("also", other))),
    }
}

/// What a new database is made with: as the backup says; where it says nothing, as the old database is.
pub(super) fn shape(request: &LoadRequest, look: &Look) -> Shape {
    let attributes = &request.attributes;
    let text = |key: &str| attributes.get(key).and_then(Value::as_str).map(str::to_owned);
    let present = look.present.as_ref();
    let given = attributes.contains_key("encoding");
    let of_old = |value: fn(&super::look::Present) -> &str| {
        present.filter(|_| !given).map(|present| value(present).to_owned())
    };
    Shape {
        encoding: text("encoding").or_else(|| of_old(|present| &present.encoding)),
        collate: text("collate").or_else(|| of_old(|present| &present.collate)),
        ctype: text("ctype").or_else(|| of_old(|present| &present.collate)),
        provider: text("locale_provider"),
        locale: text("locale").or_else(|| text("icu_locale")),
        owner: present.filter(|present| present.owned || look.superuser).map(|present| present.owner.clone()),
    }
}

fn may_make_databases(look: &Look, way: Way) -> Option<Error> {
    if !look.createdb {
        return Some(
            Error::new(ErrorKind::Denied, "this role may not make databases")
                .context("role", &look.user)
                .hint("let it (ALTER ROLE … CREATEDB), or restore into a database that is there, empty or with `--mode clean`"),
        );
    }
    let owned = look.superuser || look.present.as_ref().is_none_or(|present| present.owned);
    (!owned && way != Way::Beside(None)).then(|| {
        Error::new(ErrorKind::Denied, "only its owner may rename or drop a database")
            .context("database", look.name())
            .context("role", &look.user)
            .hint("restore as its owner, or to another database with `--to`")
    })
}

fn shape_is_possible(
    look: &Look,
    shape: &Shape,
    there: &mut Connection,
    findings: &mut Findings,
    control: &Control<'_>,
) -> Result<Option<Error>> {
    let needed = match shape.provider.as_deref() {
        Some("i") => 150_000,
        Some("b") => 170_000,
        _ => 0,
    };
    let hint = "make an empty database with another locale yourself, and restore into it";
    if look.version < needed {
        let message = "the backup's database has a locale provider that this server does not have";
        return Ok(Some(
            Error::new(ErrorKind::Unsupported, message).context("server", look.version / 10_000).hint(hint),
        ));
    }
    if needed == 150_000 {
        let icu = "SELECT EXISTS (SELECT FROM pg_catalog.pg_collation WHERE collprovider = 'i')";
        if !one_row(there, icu, control)?.flag() {
            let message = "the backup's database has an ICU locale, and the server was built without ICU";
            return Ok(Some(Error::new(ErrorKind::Unsupported, message).hint(hint)));
        }
    }
    // The server only tells when it makes the database: what it imported once is all that can be asked.
    if let Some(collate) = shape.collate.as_deref().filter(|name| !matches!(*name, "C" | "POSIX" | "")) {
        let plain = |text: &str| text.to_ascii_lowercase().replace('-', "");
        let sql = "SELECT DISTINCT collcollate FROM pg_catalog.pg_collation WHERE collprovider = 'c' AND collcollate IS NOT NULL
                   UNION SELECT datcollate FROM pg_catalog.pg_database";
        let known = column(there, sql, control)?;
        if !known.iter().any(|name| plain(name) == plain(collate)) {
            findings.warnings.push(format!(
                "the server may not have the locale {collate}; making the database fails then"
            ));
        }
    }
    Ok(None)
}

fn compare_versions(look: &Look, request: &LoadRequest, findings: &mut Findings) {
    let of_backup =
        request.attributes.get("server_version_num").and_then(Value::as_u64).unwrap_or_default() / 10_000;
    let of_server = u64::from(look.version / 10_000);
    if of_backup > of_server {
        findings.warnings.push(format!(
            "the backup is of PostgreSQL {of_backup} and the server is {of_server}: definitions that use what is new since then fail, such as syntax, functions, settings and collations"
        ));
    }
}

fn compare_present(look: &Look, request: &LoadRequest, findings: &mut Findings) {
    let Some(present) = &look.present else { return };
    let text = |key: &str| request.attribute(key);
    if let Some(encoding) = text("encoding").filter(|encoding| *encoding != present.encoding) {
        findings.warnings.push(format!(
            "the target's encoding is {}, the backup's {encoding}: characters that it does not have make rows fail",
            present.encoding
        ));
    }
    if let Some(collate) = text("collate").filter(|collate| *collate != present.collate) {
        findings.warnings.push(format!(
            "the target's collation is {}, the backup's {collate}: text may be sorted in another order",
            present.collate
        ));
    }
    if request.mode == LoadMode::Clean && present.default_privileges && !request.options.no_privileges {
        findings.warnings.push(
            "the target's default privileges apply to what is made again, beside the privileges of the backup; mode replace gives those of the backup alone"
                .to_owned(),
        );
    }
    if !present.owned && !look.superuser {
        findings
            .warnings
            .push(format!("{} does not own the database, which belongs to {}", look.user, present.owner));
    }
}

fn extensions(
    there: &mut Connection,
    request: &LoadRequest,
    findings: &mut Findings,
    control: &Control<'_>,
) -> Result<Option<Error>> {
    let available = column(there, "SELECT name FROM pg_catalog.pg_available_extensions", control)?;
    let missing = without(names(&request.attributes, "extensions"), &available);
    if missing.is_empty() {
        return Ok(None);
    }
    let list = missing.join(", ");
    if request.selection.is_of_tables() {
        findings
            .warnings
            .push(format!("the server does not have the extensions {list}: tables that use them fail"));
        return Ok(None);
    }
    Ok(Some(
        Error::new(ErrorKind::Unsupported, "the server does not have extensions that the backup uses")
            .context("extensions", list)
            .hint("install their packages on the server; they need not be created in a database"),
    ))
}

fn roles(
    there: &mut Connection,
    request: &LoadRequest,
    findings: &mut Findings,
    control: &Control<'_>,
) -> Result<Option<Error>> {
    let options = &request.options;
    let wanted = names(&request.attributes, "roles");
    if wanted.is_empty() || (options.no_owner && options.no_privileges) || options.globals {
        return Ok(None);
    }
    let missing = without(wanted, &column(there, "SELECT rolname FROM pg_catalog.pg_roles", control)?);
    if !missing.is_empty() && !request.selection.is_of_tables() {
        let error = Error::new(ErrorKind::NotFound, "the server does not have roles that own things in the backup or are granted some")
            .context("roles", missing.join(", "))
            .hint("create them, restore them with `--globals`, or leave owners and privileges out with `--no-owner --no-privileges`");
        return Ok(Some(error));
    }
    if !missing.is_empty() {
        findings.warnings.push(format!("the server does not have the roles {}", missing.join(", ")));
    }
    Ok(None)
}

/// Finds owners to whom this role may give nothing: it must be able to become them, which from version 16 on is an
/// option of its membership (manual, ALTER TABLE, Notes; GRANT, `SET`).
fn owners(
    look: &Look,
    there: &mut Connection,
    request: &LoadRequest,
    findings: &mut Findings,
    control: &Control<'_>,
) -> Result<Option<Error>> {
    if look.superuser || request.options.no_owner {
        return Ok(None);
    }
    // Backups of earlier versions of this program do not say which of the roles own something.
    let known = request.attributes.contains_key("owners");
    let wanted = names(&request.attributes, if known { "owners" } else { "roles" });
    let list: Vec<_> = wanted.iter().map(|role| literal(role)).collect();
    let sql = format!(
        "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN ({}) AND NOT pg_catalog.pg_has_role(oid, '{}') ORDER BY 1",
        if list.is_empty() { "NULL".to_owned() } else { list.join(", ") },
        if look.version >= 160_000 { "SET" } else { "MEMBER" }
    );
    let foreign = column(there, &sql, control)?.join(", ");
    if foreign.is_empty() {
        return Ok(None);
    }
    let advice = "`--no-owner` leaves owners out";
    if known && !request.selection.is_of_tables() {
        let message = "this role may not give things to those whom they belong to in the backup";
        return Ok(Some(
            Error::new(ErrorKind::Denied, message)
                .context("role", &look.user)
                .context("owners", foreign)
                .hint(format!("{advice}; or make the role a member of them, or restore as a superuser")),
        ));
    }
    findings.warnings.push(format!(
        "{} is not a member of {foreign}: what belongs to them cannot be given to them; {advice}",
        look.user
    ));
    Ok(None)
}

fn tablespaces(
    there: &mut Connection,
    request: &LoadRequest,
    findings: &mut Findings,
    control: &Control<'_>,
) -> Result<()> {
    let present = column(there, "SELECT spcname FROM pg_catalog.pg_tablespace", control)?;
    let missing = without(names(&request.attributes, "tablespaces"), &present);
    if !missing.is_empty() && request.options.globals {
        let list = missing.join(", ");
        findings
            .warnings
            .push(format!("the tablespaces {list} are made, where their folders are there and empty"));
    } else if !missing.is_empty() {
        findings.warnings.push(format!(
            "the server does not have the tablespaces {}: what lies there goes to the database's own",
            missing.join(", ")
        ));
    }
    findings.missing_tablespaces = missing;
    Ok(())
}

/// A list of names among the attributes; each stands alone or as the `name` of a map.
fn names(attributes: &Map<String, Value>, key: &str) -> Vec<String> {
    let list = attributes.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let name = |value: &Value| value.as_str().or_else(|| value.get("name")?.as_str()).map(str::to_owned);
    list.iter().filter_map(name).collect()
}

fn without(wanted: Vec<String>, present: &[String]) -> Vec<String> {
    let present: BTreeSet<_> = present.iter().collect();
    wanted.into_iter().filter(|name| !present.contains(name)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_stand_alone_or_in_maps() {
        let attributes = json!({ "extensions": ["a", { "name": "b", "version": "1" }, 7], "roles": "x" });
        let attributes = attributes.as_object().unwrap();
        assert_eq!(names(attributes, "extensions"), ["a", "b"]);
        assert!(names(attributes, "roles").is_empty() && names(attributes, "tablespaces").is_empty());
        assert_eq!(without(names(attributes, "extensions"), &["a".to_owned()]), ["b"]);
    }
}
