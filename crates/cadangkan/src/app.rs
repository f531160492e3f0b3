//! What every command is given: the process, the flags, and ways to reach configuration, catalog and people.

use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cadangkan_catalog::{BackupFilter, Catalog, DefinitionKind, JobId};
use cadangkan_core::settings::{Field, FieldKind};
use cadangkan_core::{
    Cancel, Clock as _, Control, Error, ErrorKind, Level, Name, Result, ResultExt, Timestamp,
};
use cadangkan_ops::naming::FileNameTemplate;
use cadangkan_ops::nearby::Nearby;
use cadangkan_ops::{Context, Place};
use cadangkan_storage::Storage;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use crate::cli::{Global, OutputFormat};
use crate::config::{self, Config, Sources};
use crate::daemon::is_worth_another_try;
use crate::encryption::KeyHolder;
use crate::environment::environment;
use crate::inventory::{DatabaseEntry, Definitions, Inventory, StorageEntry};
use crate::process::{Process, Signals, SystemClock};
use crate::traces::Traced;
use crate::ui::progress::{Output, Watcher};
use crate::ui::prompt::{Answers, Prompter};
use crate::ui::{CANNOT_PRINT, Style, write_json};

/// The program around a command.
pub(crate) struct App {
    pub(crate) global: Global,
    pub(crate) process: Process,
    pub(crate) cancel: Cancel,
    pub(crate) clock: SystemClock,
    pub(crate) watcher: Arc<Watcher>,
    /// The job that this process does, when the scheduler began it.
    pub(crate) job: Option<JobId>,
    /// How results look.
    pub(crate) style: Style,
    /// How messages look.
    pub(crate) message_style: Style,
    /// What signals do.
    pub(crate) signals: Signals,
    /// Whether results are left to whoever does several things.
    pub(crate) is_part: bool,
    /// Whether that job is tried again when this attempt fails.
    pub(crate) tries_again: AtomicBool,
    /// What is traced, once that is known.
    pub(crate) traced: OnceLock<Option<Traced>>,
    /// When this process began.
    pub(crate) begun_at: Timestamp,
    /// The exit code of a command that was run for somebody.
    pub(crate) passed_on: OnceLock<u8>,
}

/// Configuration and catalog, opened for one command.
pub(crate) struct Session {
    pub(crate) home: PathBuf,
    pub(crate) inventory: Inventory,
    catalog: Option<Catalog>,
    holder: String,
    initiator: String,
    locks: PathBuf,
    /// What opens encrypted backups.
    pub(crate) keys: KeyHolder,
}

/// Whether a command can do without the catalog.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CatalogNeed {
    /// It cannot.
    Required,
    /// A restore goes on without it, and says so.
    Optional,
}

impl App {
    /// Puts together what `main` has looked at.
    pub(crate) fn new(
        global: Global,
        process: Process,
        job: Option<JobId>,
        watcher: Watcher,
        (style, message_style): (Style, Style),
    ) -> Self {
        App {
            global,
            process,
            cancel: Cancel::default(),
            clock: SystemClock,
            job,
            watcher: Arc::new(watcher),
            style,
            message_style,
            signals: Signals::default(),
            is_part: false,
            tries_again: AtomicBool::new(false),
            traced: OnceLock::new(),
            begun_at: SystemClock.now(),
            passed_on: OnceLock::new(),
        }
    }

    /// The same program for one of several things that are done: it prints no results and asks nothing; where several are done at
    /// once, it shows no progress either.
    pub(crate) fn part(&self, at_once: bool) -> Self {
        let lines: Box<dyn Write + Send> = Box::new(std::io::stderr());
        let output = match self.global.output {
            OutputFormat::Json => Output::Json(lines),
            OutputFormat::Table => Output::Quiet(lines),
        };
        let quiet = || Arc::new(Watcher::new(output, self.message_style, false, Box::new(|| Duration::ZERO)));
        App {
            global: self.global.clone(),
            process: Process { can_ask: false, ..self.process.clone() },
            cancel: self.cancel.clone(),
            clock: SystemClock,
            job: self.job,
            watcher: if at_once { quiet() } else { Arc::clone(&self.watcher) },
            style: self.style,
            message_style: self.message_style,
            signals: Signals::default(),
            is_part: true,
            tries_again: AtomicBool::new(false),
            traced: OnceLock::new(),
            begun_at: self.begun_at,
            passed_on: OnceLock::new(),
        }
    }

    /// Tells whether the scheduler tries this run again after a failure of a kind.
    pub(crate) fn is_tried_again(&self, kind: ErrorKind) -> bool {
        self.tries_again.load(Ordering::SeqCst) && is_worth_another_try(kind)
    }

    /// Opens configuration and catalog.
    pub(crate) fn session(&self, need: CatalogNeed) -> Result<Session> {
        let home = config::locate(&self.sources(&[]))?.home;
        let catalog = match Catalog::open(&home.join("catalog.db")) {
            Ok(catalog) => Some(catalog),
            Err(error) if need == CatalogNeed::Optional => {
                self.warn(&format!("going on without the catalog: {error}"));
                None
            }
            Err(error) => return Err(error),
        };
        let definitions = catalog.as_ref().map(definitions).transpose()?.unwrap_or_default();
        let config = self.config(&definitions)?;
        config.warnings.iter().for_each(|warning| self.warn(warning));
        let Process { pid, host, user, .. } = &self.process;
        let session = Session {
            inventory: Inventory::new(config, definitions)?,
            catalog,
            holder: format!("pid {pid} on {host}"),
            initiator: match self.job {
                Some(job) => initiator_of_job(self, job),
                None => format!("cli:{user}@{host}"),
            },
            locks: home.join("locks"),
            keys: KeyHolder::new(self.process.can_ask.then_some(self.message_style)),
            home,
        };
        self.traced.get_or_init(|| Traced::of(&session));
        Ok(session)
    }

    /// Reads the configuration file; the catalog's storages may be referred to in it.
    fn config(&self, definitions: &Definitions) -> Result<Config> {
        let created: Vec<Name> = definitions.storages.iter().map(|(name, _)| name.clone()).collect();
        config::load(&self.sources(&created))
    }

    /// Where the configuration comes from.
    pub(crate) fn sources<'a>(&'a self, created_storages: &'a [Name]) -> Sources<'a> {
        Sources {
            file: self.global.config.as_deref(),
            profile: self.global.profile.as_deref(),
            environment: &environment,
            user_home: self.process.user_home.as_deref(),
            created_storages,
            check_file_name: |text| FileNameTemplate::new(text).map(drop),
        }
    }

    /// What long calls are given.
    pub(crate) fn control(&self) -> Control<'_> {
        Control { cancel: &self.cancel, reporter: &*self.watcher, clock: &self.clock }
    }

    /// Prints a result: as JSON when that is asked for, otherwise what `text` makes.
    pub(crate) fn print(&self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
        self.finish_progress();
        if self.is_part {
            return Ok(());
        }
        // Written at once: the standard output would otherwise be flushed at every line.
        let bytes = match self.global.output {
            OutputFormat::Json => {
                let mut bytes = Vec::new();
                write_json(&mut bytes, value)?;
                bytes
            }
            OutputFormat::Table => text().into_bytes(),
        };
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(&bytes).and_then(|()| stdout.flush()).map_err(cannot_print)
    }

    /// Prints a text as it is.
    pub(crate) fn print_text(&self, text: &str) -> Result<()> {
        self.print_bytes(text.as_bytes())
    }

    /// Prints bytes as they are.
    pub(crate) fn print_bytes(&self, bytes: &[u8]) -> Result<()> {
        self.finish_progress();
        std::io::stdout().lock().write_all(bytes).map_err(cannot_print)
    }

    /// Ends the progress of the last step, before results are printed.
    pub(crate) fn finish_progress(&self) {
        self.watcher.finish(true);
    }

    /// Asks a person something. Refused when nobody can answer.
    pub(crate) fn with_prompter<T>(&self, ask: impl FnOnce(&mut Prompter<'_>) -> Result<T>) -> Result<T> {
        let stdin = std::io::stdin();
        let (mut input, mut output) = (stdin.lock(), std::io::stderr().lock());
        let answers = if self.process.can_ask { Answers::Terminal(stdin.as_fd()) } else { Answers::Nobody };
        ask(&mut Prompter::new(&mut input, &mut output, answers, self.message_style))
    }

    /// Says what is about to happen, and goes on only after a yes, or with `--yes`.
    pub(crate) fn confirm(&self, about: &str, question: &str) -> Result<()> {
        self.go_on(about, |prompter| prompter.confirm(question))
    }

    /// Says what is about to happen, and goes on only after a name was typed, or with `--yes`.
    pub(crate) fn confirm_name(&self, about: &str, question: &str, name: &str) -> Result<()> {
        self.go_on(about, |prompter| prompter.confirm_name(question, name))
    }

    fn go_on(&self, about: &str, ask: impl FnOnce(&mut Prompter<'_>) -> Result<bool>) -> Result<()> {
        self.finish_progress();
        if self.process.can_ask && !self.global.yes {
            // Nobody can answer a question without knowing what it is about, whatever else they want to hear.
            self.to_stderr(about);
        } else {
            self.say(about);
        }
        if self.global.yes || self.with_prompter(ask).hint("nothing was changed")? {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Cancelled, "stopped on request").hint("nothing was changed"))
    }

    /// Makes the paths in settings that were typed absolute: `~` is the home folder, relative ones begin in the
    /// working folder.
    pub(crate) fn absolute_paths(&self, fields: &[Field], mut settings: Value) -> Result<Value> {
        let here =
            std::path::absolute(".").map_err(|error| Error::io("cannot tell which folder this is", error))?;
        let keys = fields.iter().filter_map(|field| match field.kind {
            FieldKind::Path => Some(field.name.to_owned()),
            // The file that a secret stands in.
            FieldKind::Secret => Some(format!("{}_file", field.name)),
            _ => None,
        });
        for key in keys {
            let Some(value) = settings.get_mut(&key) else { continue };
            let Some(path) = value.as_str() else { continue };
            let path = config::resolve_path(path, &here, self.process.user_home.as_deref());
            *value = Value::from(path.to_string_lossy().into_owned());
        }
        Ok(settings)
    }

    /// The storages of the catalog, that the file may refer to.
    pub(crate) fn created_storages(&self) -> Result<Vec<Name>> {
        let catalog = Catalog::open(&config::locate(&self.sources(&[]))?.home.join("catalog.db"))?;
        Ok(definitions(&catalog)?.storages.into_iter().map(|(name, _)| name).collect())
    }

    /// Lets the program end as a command did that was run for somebody, unless something else fails.
    pub(crate) fn pass_on(&self, code: u8) {
        self.passed_on.get_or_init(|| code);
    }

    /// Says something to the person, unless they want quiet or a program listens. Goes to stderr, so that it never
    /// mixes with results.
    pub(crate) fn say(&self, text: &str) {
        let person = self.global.output == OutputFormat::Table || self.process.stderr_is_terminal;
        if person && !self.global.quiet {
            self.to_stderr(text);
        }
    }

    /// Says something that should be read even by those who want quiet.
    pub(crate) fn warn(&self, text: &str) {
        self.control().message(Level::Warning, text);
    }

    fn to_stderr(&self, text: &str) {
        // Nobody is left to tell when stderr is closed.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

impl Session {
    /// What ops is given.
    pub(crate) fn context<'a>(&'a self, app: &'a App) -> Context<'a> {
        let defaults = self.inventory.defaults();
        Context {
            catalog: self.catalog.as_ref(),
            control: app.control(),
            locks: &self.locks,
            workers: defaults.workers.value,
            memory: defaults.memory.value,
            initiator: &self.initiator,
            ticket: None,
            profile: self.inventory.config().profile.as_deref(),
            keys: self,
            holder: &self.holder,
            around: None,
        }
    }

    /// The catalog of a session that requires it.
    pub(crate) fn catalog(&self) -> Result<&Catalog> {
        self.catalog.as_ref().ok_or_else(|| Error::new(ErrorKind::Internal, "no catalog is open"))
    }

    /// Who holds the runs of this process.
    pub(crate) fn holder(&self) -> &str {
        &self.holder
    }

    /// The zone that times are shown in.
    pub(crate) fn zone(&self) -> TimeZone {
        self.inventory.zone()
    }

    /// Opens the storages of a database, or the one that was asked for.
    pub(crate) fn places(&self, database: &DatabaseEntry, asked: &[Name]) -> Result<Places> {
        if asked.is_empty() {
            return Places::open(self.inventory.storages_of(database)?);
        }
        let named: Result<Vec<_>> = asked.iter().map(|name| self.inventory.storage(name.as_str())).collect();
        Places::open(named?)
    }

    /// Opens the storages that a backup goes to at once: the one that was asked for, else those of the database whose
    /// turn does not come later.
    pub(crate) fn places_at_once(&self, database: &DatabaseEntry, asked: &[Name]) -> Result<Places> {
        if !asked.is_empty() {
            return self.places(database, asked);
        }
        let mut storages = self.inventory.storages_of(database)?;
        storages.retain(|storage| self.inventory.waits_for(database, &storage.name).is_none());
        if storages.is_empty() {
            let message = "no storage gets a backup of this database at once";
            return Err(Error::new(ErrorKind::Configuration, message)
                .context("database", &database.name)
                .hint("take one of its storages out of `upload_after`, or name one with --storage"));
        }
        Places::open(storages)
    }

    /// Opens one storage by its name, enabled or not.
    pub(crate) fn open_storage(&self, name: &Name) -> Result<Places> {
        Places::open(vec![self.inventory.storage(name.as_str())?])
    }

    /// Opens the storages where backups of a database may lie: those named, else its own, else, for a database
    /// that is not configured any more, all.
    pub(crate) fn places_for(&self, database: &Name, asked: &[Name]) -> Result<Places> {
        match self.inventory.database(database.as_str()) {
            Ok(entry) if asked.is_empty() => Places::open(self.storages_for(entry)?),
            Ok(entry) => self.places(entry, asked),
            Err(_) if !asked.is_empty() => {
                let named = asked.iter().map(|name| self.inventory.storage(name.as_str()));
                Places::open(named.collect::<Result<_>>()?)
            }
            // Without the catalog nobody knows what was added: then any storage may hold it.
            Err(_) if self.catalog.is_none() => self.all_places(),
            Err(error) => {
                let catalog = self.catalog.as_ref();
                let known =
                    catalog.map(|catalog| catalog.newest_backup(database, false)).transpose()?.flatten();
                if known.is_some() { self.all_places() } else { Err(error) }
            }
        }
    }

    /// The storages of a database, and the others that hold backups of it: those may also have gone elsewhere, with --storage,
    /// and where each schedule names its own, the database has none.
    pub(crate) fn storages_for(&self, database: &DatabaseEntry) -> Result<Vec<&StorageEntry>> {
        let own = self.inventory.storages_of(database);
        let mut storages = own.as_ref().map(Vec::clone).unwrap_or_default();
        for storage in self.inventory.storages().iter().filter(|storage| storage.enabled) {
            let there = storages.iter().any(|own| own.name == storage.name);
            if !there && self.holds_backups(&database.name, &storage.name)? {
                storages.push(storage);
            }
        }
        if storages.is_empty() { own } else { Ok(storages) }
    }

    fn holds_backups(&self, database: &Name, storage: &Name) -> Result<bool> {
        let Some(catalog) = &self.catalog else { return Ok(false) };
        let (database, storage) = (Some(database.clone()), Some(storage.clone()));
        let filter = BackupFilter { database, storage, limit: Some(1), ..BackupFilter::default() };
        Ok(!catalog.backups(&filter)?.is_empty())
    }

    /// Opens every storage that is enabled.
    pub(crate) fn all_places(&self) -> Result<Places> {
        Places::open(self.inventory.storages().iter().filter(|storage| storage.enabled).collect())
    }

    /// Says plainly that a database has no backup yet, when the catalog knows of none and a storage could not even
    /// be opened: before the first backup its folder is not there.
    pub(crate) fn no_backup_yet(&self, database: &Name, error: Error) -> Error {
        let newest = self.catalog.as_ref().map(|catalog| catalog.newest_backup(database, false));
        if error.kind() != ErrorKind::Unreachable || !matches!(newest, Some(Ok(None))) {
            return error;
        }
        Error::new(ErrorKind::NotFound, format!("\"{database}\" has no backup yet")).source(error).hint(format!(
            "make one with `cadangkan backup {database}`\nif there should be some, mount the storage and bring them back with `cadangkan adopt <storage>`"
        ))
    }

    /// Where archives of storages elsewhere are kept on this machine, when that is configured.
    pub(crate) fn cache(&self) -> Option<Nearby> {
        let cache = self.inventory.config().cache.as_ref()?;
        Some(Nearby::cache(cache.path.clone(), cache.max_size))
    }

    /// Where `--stage` puts archives when no folder is named.
    pub(crate) fn stage(&self) -> PathBuf {
        self.home.join("stage")
    }

    /// The folder of the configuration, the catalog and the locks.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }
}

/// Who begins the run of a job, as it is recorded.
pub(crate) fn initiator_of_job(app: &App, job: JobId) -> String {
    format!("job:{job}@{}", app.process.host)
}

/// Opened storages with their names.
pub(crate) struct Places(Vec<(Name, Box<dyn Storage>)>);

impl Places {
    /// Opens these storages.
    pub(crate) fn open(entries: Vec<&StorageEntry>) -> Result<Self> {
        entries
            .into_iter()
            .map(|entry| Ok((entry.name.clone(), entry.open()?)))
            .collect::<Result<_>>()
            .map(Places)
    }

    /// Takes a storage that is not configured.
    pub(crate) fn one(name: Name, storage: Box<dyn Storage>) -> Self {
        Places(vec![(name, storage)])
    }

    /// For what needs none.
    pub(crate) fn none() -> Self {
        Places(Vec::new())
    }

    /// As ops takes them.
    pub(crate) fn list(&self) -> Vec<Place<'_>> {
        self.0.iter().map(|(name, storage)| Place { name, storage: storage.as_ref() }).collect()
    }
}

fn definitions(catalog: &Catalog) -> Result<Definitions> {
    let settings = |kind| -> Result<Vec<_>> {
        Ok(catalog
            .definitions(kind)?
            .into_iter()
            .map(|definition| (definition.name, definition.settings))
            .collect())
    };
    Ok(Definitions {
        databases: settings(DefinitionKind::Database)?,
        storages: settings(DefinitionKind::Storage)?,
        database_switches: catalog.pauses(DefinitionKind::Database)?,
        storage_switches: catalog.pauses(DefinitionKind::Storage)?,
    })
}

fn cannot_print(error: std::io::Error) -> Error {
    Error::io(CANNOT_PRINT, error)
}
