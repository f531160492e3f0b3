//! What lies beside an archive is a part of the backup, whatever it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use cadangkan_catalog::Catalog;
use cadangkan_core::{ErrorKind, NoReporter, Result};
use cadangkan_ops::adopt::adopt;
use cadangkan_ops::backup::{BackupReport, backup};
use cadangkan_ops::source::{Source, Wanted};
use cadangkan_ops::stored::{delete, preserve};
use cadangkan_ops::verify::{VerifyLevel, verify};
use cadangkan_ops::{Context, Database, Place, cleanup};
use cadangkan_storage::Local;

use crate::servers::Farm;
use crate::support::request;

const NOTES: &[u8] = b"who may do what";

struct Field {
    farm: Farm,
    catalog: Catalog,
    report: BackupReport,
}

impl Field {
    fn new() -> Field {
        let farm = Farm::new(200);
        farm.server.write_notes(NOTES);
        let catalog = Catalog::open(&farm.folder.path().join("catalog.db")).unwrap();
        let locks = farm.folder.path().join("locks");
        let context = Context { catalog: Some(&catalog), ..farm.context(&locks, &NoReporter) };
        let database = Database { name: &farm.name, engine: farm.engine.as_ref(), one_of: None };
        let place = Place { name: &farm.name, storage: &farm.storage };
        let report = backup(&context, database, &[place], &request()).unwrap();
        Field { farm, catalog, report }
    }

    fn with<T>(&self, work: impl FnOnce(&Context<'_>, Place<'_>) -> T) -> T {
        let locks = self.farm.folder.path().join("locks");
        let context = Context { catalog: Some(&self.catalog), ..self.farm.context(&locks, &NoReporter) };
        work(&context, Place { name: &self.farm.name, storage: &self.farm.storage })
    }

    fn verify(&self) -> Result<()> {
        let id = self.report.manifest.backup_id;
        self.with(|context, place| verify(context, &self.farm.name, id, place, VerifyLevel::Checksum))
            .map(drop)
    }

    fn leftovers(&self) -> Vec<String> {
        let database = Database { name: &self.farm.name, engine: self.farm.engine.as_ref(), one_of: None };
        let plan = self.with(|context, place| cleanup::plan(context, database, &[place])).unwrap();
        plan.items.into_iter().map(|item| item.leftover.location).collect()
    }

    /// The path of a file of the backup, by the ending of its name.
    fn file(&self, ending: &str) -> PathBuf {
        let mut folder = vec![self.farm.folder.path().join("backups")];
        let mut found = Vec::new();
        while let Some(next) = folder.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folder.push(path) } else { found.push(path) }
            }
        }
        found.retain(|path| path.to_string_lossy().ends_with(ending));
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }
}

#[test]
fn it_lies_beside_the_archive_and_is_in_the_manifest() {
    let field = Field::new();
    let path = field.file(".notes.txt");
    assert_eq!(fs::read(&path).unwrap(), NOTES);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let manifest = &field.report.manifest;
    let [side] = &manifest.side_files[..] else { panic!("{manifest:?}") };
    assert_eq!((side.kind.as_str(), side.size_bytes), ("notes", NOTES.len() as u64));
    let base = manifest.archive.file.split('.').next().unwrap();
    assert_eq!(side.file, format!("{base}.notes.txt"));
    assert!(side.checksum.to_string().starts_with("sha256:"));
    field.verify().unwrap();
    assert_eq!(field.leftovers(), Vec::<String>::new());
}

#[test]
fn damage_to_it_is_found_and_keeps_nobody_from_the_archive() {
    let changes: [fn(&PathBuf); 2] =
        [|path| fs::write(path, b"who may do whau").unwrap(), |path| fs::remove_file(path).unwrap()];
    for change in changes {
        let field = Field::new();
        change(&field.file(".notes.txt"));
        let error = field.verify().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{error}");
        assert!(error.to_string().contains(".notes.txt"), "{error}");
        field.with(|context, place| {
            let source = Source::stored(context, &field.farm.name, Wanted::Newest, &[place]).unwrap();
            cadangkan_ops::restore::read_through(context, &source).unwrap();
        });
    }
}

#[test]
fn it_goes_with_the_backup_and_stays_with_it() {
    let field = Field::new();
    let (id, name) = (field.report.manifest.backup_id, &field.farm.name);
    field.with(|context, place| preserve(context, name, id, &[place], true)).unwrap();
    field.verify().unwrap();
    field.with(|context, place| preserve(context, name, id, &[place], false)).unwrap();
    // The catalog is made anew from what lies there.
    let adopted = field.with(adopt).unwrap();
    assert_eq!((adopted.adopted, adopted.refused.len()), (1, 0), "{adopted:?}");
    field.verify().unwrap();
    let folder = field.file(".notes.txt").parent().unwrap().to_owned();
    field.with(|context, place| delete(context, name, id, &[place])).unwrap();
    assert_eq!(fs::read_dir(folder).map_or(0, Iterator::count), 0, "nothing is left");
}

#[test]
fn without_a_manifest_it_is_a_leftover() {
    let field = Field::new();
    fs::remove_file(field.file(".meta.json")).unwrap();
    let left = field.leftovers();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.iter().any(|path| path.ends_with(".notes.txt")), "{left:?}");
    let storage: &Local = &field.farm.storage;
    let database = Database { name: &field.farm.name, engine: field.farm.engine.as_ref(), one_of: None };
    field.with(|context, place| cleanup::cleanup(context, database, &[place])).unwrap();
    assert!(cadangkan_storage::Storage::list(storage, "farm").unwrap().is_empty());
}
