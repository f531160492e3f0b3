//! What was loaded, held against what was backed up.

use std::collections::HashMap;

use cadangkan_core::{Error, ErrorKind, Fingerprint, ObjectKind, ObjectName, ObjectReport, Result};
use cadangkan_engine::LoadReport;

use crate::restore::RestorePlan;
use crate::source::Source;

/// Holds what was loaded against what was backed up; returns what was proved, for people.
pub(crate) fn prove(source: &Source<'_>, plan: &RestorePlan, loaded: &LoadReport) -> Result<Vec<String>> {
    let mut proofs = Vec::new();
    if source.manifest().is_some() {
        proofs.push(match plan.load.needs {
            None if !source.is_part() => {
                "every stored byte is the one that was backed up (SHA-256)".to_owned()
            }
            _ => "every frame that was read is the one that was backed up (BLAKE3)".to_owned(),
        });
    }
    if let (Some(expected), Some(found)) = (image_fingerprint(source), loaded.image) {
        if expected != found {
            return Err(Error::new(ErrorKind::NotEqual, "the restored database is not equal to its backup")
                .context("expected", expected)
                .context("found", found)
                .hint("the target was left as it was; check the disk it lies on, then try again"));
        }
        proofs.push(format!("all {} pages read back equal (fingerprint)", found.rows()));
    }
    proofs.extend(prove_tables(source, &loaded.objects)?);
    proofs.extend(loaded.check.as_ref().map(|check| format!("{check} found no fault")));
    Ok(proofs)
}

/// Holds every table that was loaded against what the backup says of it; returns what was proved, for people.
fn prove_tables(source: &Source<'_>, loaded: &[ObjectReport]) -> Result<Option<String>> {
    let Some(manifest) = source.manifest().filter(|_| !loaded.is_empty()) else { return Ok(None) };
    let backed_up: HashMap<_, _> = manifest.objects.iter().map(|object| (&object.name, object)).collect();
    let (mut rows, mut fingerprints) = (0, 0);
    for found in loaded {
        let expected = backed_up.get(&found.name).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "a table was loaded that the backup does not name")
                .context("table", &found.name)
        })?;
        if expected.rows.is_some() && expected.rows != found.rows {
            let count =
                |rows: Option<u64>| rows.map_or_else(|| "unknown".to_owned(), |rows| rows.to_string());
            return Err(unequal(&found.name, count(expected.rows), count(found.rows)));
        }
        if let (Some(expected), Some(fingerprint)) = (expected.fingerprint, found.fingerprint) {
            if expected != fingerprint {
                return Err(unequal(&found.name, expected.to_string(), fingerprint.to_string()));
            }
            fingerprints += 1;
        }
        rows += found.rows.unwrap_or_default();
    }
    Ok(Some(if fingerprints == loaded.len() {
        format!("all {rows} rows of {} tables read back equal (fingerprints)", loaded.len())
    } else {
        format!("{rows} rows in {} tables, as many as were backed up", loaded.len())
    }))
}

fn unequal(table: &ObjectName, expected: String, found: String) -> Error {
    Error::new(ErrorKind::NotEqual, "a restored table is not equal to its backup")
        .context("table", table)
        .context("expected", expected)
        .context("found", found)
}

fn image_fingerprint(source: &Source<'_>) -> Option<Fingerprint> {
    let objects = &source.manifest()?.objects;
    objects.iter().find(|object| object.kind == ObjectKind::IMAGE)?.fingerprint
}
