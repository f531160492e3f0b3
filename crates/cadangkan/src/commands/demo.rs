//! The whole story on a sample database: backed up, proved, damaged, restored, proved again.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cadangkan_archive::{Codec, CodecKind, Identities, Trigger};
use cadangkan_catalog::Catalog;
use cadangkan_core::{
    Error, ErrorKind, Name, ObjectReport, Result, Selection, format_bytes, format_duration,
};
use cadangkan_engine::{DumpRequest, LoadMode};
use cadangkan_engine_sqlite::sample;
use cadangkan_ops::backup::{BackupReport, BackupRequest, Origin, backup};
use cadangkan_ops::naming::{ArchiveName, FileNameTemplate};
use cadangkan_ops::restore::{RestoreRequest, Target, plan, restore};
use cadangkan_ops::source::{Source, Wanted};
use cadangkan_ops::verify::{VerifyLevel, verify};
use cadangkan_ops::{Context, Database, Place};
use serde_json::{Value, json};

use crate::app::{App, Places};
use crate::commands::DatabaseUrl;
use crate::commands::backup::{open_folder, open_url};
use crate::registry;

/// Arguments of `demo`.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan demo\n  cadangkan demo --folder ./demo    # keep everything, to look at"
)]
pub(crate) struct DemoArgs {
    /// Do it in this new folder and keep everything [default: a temporary folder, removed at the end]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// How large the sample is: 1 is about 100,000 rows
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    scale: u32,
}

/// Where the story takes place.
struct Stage<'a> {
    app: &'a App,
    context: Context<'a>,
    database: Database<'a>,
    file: PathBuf,
    places: &'a Places,
}

/// Tells the story.
pub(crate) fn run(app: &App, args: &DemoArgs) -> Result<()> {
    if app.global.dry_run {
        return Err(Error::new(ErrorKind::Usage, "the demo cannot be told without doing it")
            .hint("it works in a temporary folder, and leaves nothing behind unless --folder is given"));
    }
    let temporary = match &args.folder {
        Some(folder) => {
            std::fs::create_dir(folder).map_err(|error| {
                Error::io("cannot make the folder of the demo", error)
                    .context("path", folder.display())
                    .hint("name a folder that does not exist yet, in one that does")
            })?;
            None
        }
        None => Some(
            tempfile::Builder::new()
                .prefix("cadangkan-demo-")
                .tempdir()
                .map_err(|error| Error::io("cannot make a temporary folder", error))?,
        ),
    };
    let folder = temporary
        .as_ref()
        .map_or_else(|| args.folder.clone().unwrap_or_default(), |folder| folder.path().to_owned());
    let folder =
        std::path::absolute(folder).map_err(|error| Error::io("cannot tell which folder this is", error))?;
    let told = tell(app, args, &folder);
    if let Some(temporary) = temporary {
        temporary.close().map_err(|error| Error::io("cannot remove the temporary folder", error))?;
    }
    let value = told?;
    app.print(&value, || ending(app, args))
}

fn tell(app: &App, args: &DemoArgs, folder: &Path) -> Result<Value> {
    let file = folder.join("shop.db");
    app.say(&app.message_style.bold("1. A shop: customers, orders, products, text in several scripts, blobs, views, triggers, full-text search"));
    let made = sample::create(&file, args.scale)?;
    app.say(&format!("   {} with {} rows at {}", format_bytes(made.bytes), made.rows, file.display()));

    let name = Name::new("shop")?;
    let (engine, _) = open_url(app, &DatabaseUrl::of_path(&file))?;
    let catalog = Catalog::open(&folder.join("catalog.db"))?;
    let places = Places::one(Name::new("home")?, open_folder(app, &folder.join("backups"))?);
    let (locks, keys) = (folder.join("locks"), Identities::default());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let stage = Stage {
        app,
        context: Context {
            catalog: Some(&catalog),
            control: app.control(),
            locks: &locks,
            workers: cores,
            memory: 256 << 20,
            initiator: "demo",
            ticket: None,
            profile: None,
            keys: &keys,
            holder: "the demo",
            around: None,
        },
        database: Database { name: &name, engine: engine.as_ref(), one_of: None },
        file,
        places: &places,
    };
    let (report, before) = stage.back_up()?;
    let verified = stage.validate(&report)?;
    stage.damage(&before)?;
    let restored = stage.restore(&report)?;
    let equal = stage.prove(&before)?;
    Ok(json!({
        "rows": made.rows,
        "database_bytes": made.bytes,
        "backup_bytes": report.manifest.archive.size_bytes,
        "backup_seconds": report.manifest.duration_seconds,
        "validate_seconds": verified.as_secs_f64(),
        "restore_seconds": restored,
        "tables_equal": equal,
        "folder": args.folder,
    }))
}

impl Stage<'_> {
    fn heading(&self, text: &str) {
        self.app.finish_progress();
        self.app.say(&format!("\n{}", self.app.message_style.bold(text)));
    }

    fn good(&self, text: &str) {
        self.app.finish_progress();
        self.app.say(&format!("   {} {text}", self.app.message_style.good_mark()));
    }

    fn fingerprints(&self) -> Result<Vec<ObjectReport>> {
        self.database.engine.fingerprint(&Selection::default(), &self.app.control())
    }

    fn back_up(&self) -> Result<(BackupReport, Vec<ObjectReport>)> {
        self.heading("2. Back it up, while it could be written to");
        let before = self.fingerprints()?;
        let request = BackupRequest {
            dump: DumpRequest { check: true, fingerprints: true, ..DumpRequest::default() },
            codec: Codec::new(CodecKind::Zstd, None)?,
            name: ArchiveName::InFolders(FileNameTemplate::default()),
            trigger: Trigger::Manual,
            tags: vec!["demo".to_owned()],
            keep_for: None,
            origin: Origin::default(),
            shrink_guard: None,
            encryption: None,
            wait: Duration::ZERO,
        };
        let report = backup(&self.context, self.database, &self.places.list(), &request)?;
        let archive = &report.manifest.archive;
        let took = format_duration(Duration::from_secs_f64(report.manifest.duration_seconds.max(0.0)));
        let (size, raw) = (format_bytes(archive.size_bytes), format_bytes(archive.raw_bytes));
        self.good(&format!("backup {}: {size} from {raw} in {took}", report.manifest.backup_id));
        Ok((report, before))
    }

    fn validate(&self, report: &BackupReport) -> Result<Duration> {
        self.heading("3. Validate the backup: read everything, compare every hash");
        let began = Instant::now();
        let id = report.manifest.backup_id;
        for place in self.places.list() {
            let seen = verify(&self.context, self.database.name, id, place, VerifyLevel::Read)?;
            self.good(&format!(
                "{} frames decoded to {}, all as written",
                seen.frames,
                format_bytes(seen.raw_bytes)
            ));
        }
        Ok(began.elapsed())
    }

    fn damage(&self, before: &[ObjectReport]) -> Result<()> {
        self.heading("4. Damage the original");
        for accident in sample::damage(&self.file)? {
            self.app.say(&format!("   {} {accident}", self.app.message_style.bad_mark()));
        }
        let after = self.fingerprints()?;
        let equal = before.iter().filter(|table| after.contains(table)).count();
        self.app.say(&format!("   {} of {} tables are still what they were", equal, before.len()));
        if equal == before.len() {
            return Err(Error::new(ErrorKind::Internal, "the damage did no damage"));
        }
        Ok(())
    }

    fn restore(&self, report: &BackupReport) -> Result<f64> {
        self.heading("5. Restore it over the damaged one");
        let list: Vec<Place<'_>> = self.places.list();
        let source =
            Source::stored(&self.context, self.database.name, Wanted::Id(report.manifest.backup_id), &list)?;
        let request = RestoreRequest { mode: LoadMode::Replace, check: true, ..RestoreRequest::default() };
        let target = Target { name: Some(self.database.name), engine: self.database.engine };
        let plan = plan(&self.context, &source, target, &request)?;
        let restored = restore(&self.context, &source, target, &plan, None, Duration::ZERO)?;
        for proof in &restored.proofs {
            self.good(proof);
        }
        for note in &restored.notes {
            self.app.say(&format!("   {note}"));
        }
        Ok(restored.duration_seconds)
    }

    fn prove(&self, before: &[ObjectReport]) -> Result<usize> {
        self.heading("6. Prove that every table is equal, by fingerprints of all its rows");
        let after = self.fingerprints()?;
        for (expected, found) in before.iter().zip(&after) {
            if expected != found {
                return Err(Error::new(ErrorKind::NotEqual, "a restored table is not equal")
                    .context("table", &expected.name));
            }
        }
        if before.len() != after.len() {
            return Err(Error::new(ErrorKind::NotEqual, "tables are missing after the restore"));
        }
        let rows: u64 = after.iter().filter_map(|table| table.rows).sum();
        self.good(&format!("{} tables with {rows} rows are equal", after.len()));
        Ok(after.len())
    }
}

fn ending(app: &App, args: &DemoArgs) -> String {
    let kept = match &args.folder {
        Some(folder) => format!("Everything is kept in {}.", folder.display()),
        None => "Nothing was left behind.".to_owned(),
    };
    format!(
        "\n{} The damaged database is back, proved. {kept}\n\nNow with yours:\n  {}\n  cadangkan backup <name>\n  cadangkan restore <name> --dry-run\n",
        app.style.good_mark(),
        registry::example_add()
    )
}
