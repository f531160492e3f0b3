//! One configured name that stands for many databases: here each file of a folder.

use std::path::PathBuf;
use std::sync::Mutex;

use cadangkan_archive::Manifest;
use cadangkan_catalog::{BackupFilter, RunFilter, RunKind, RunStatus};
use cadangkan_core::{Control, Error, ErrorKind, Event, NoReporter, Pattern, Reporter, Result};
use cadangkan_engine::{DatabaseInfo, Databases, DumpRequest, Engine, Server, ServerSnapshot, Snapshot};
use cadangkan_engine_sqlite::SQLITE;
use cadangkan_ops::around::{Around, AroundRun, End};
use cadangkan_ops::backup::{BackupReport, BackupRequest};
use cadangkan_ops::choice::{Choice, Side};
use cadangkan_ops::server::{ServerReport, ServerRequest, backup, plan};
use cadangkan_ops::source::{Source, Wanted};
use serde_json::json;

use crate::support::{World, request};

struct Folder(PathBuf, Databases);

/// A folder all files of which are seen at one moment, the last one first.
struct AtOnce(Folder);

struct AllOfThem(Mutex<Vec<Begun>>);

type Begun = (String, Result<Box<dyn Snapshot>>);

impl Server for AtOnce {
    fn meant(&self) -> &Databases {
        self.0.meant()
    }

    fn names(&self, control: &Control<'_>) -> Result<Vec<String>> {
        self.0.names(control)
    }

    fn sizes(&self, control: &Control<'_>) -> Result<Vec<DatabaseInfo>> {
        self.0.sizes(control)
    }

    fn database(&self, name: &str) -> Box<dyn Engine> {
        self.0.database(name)
    }

    fn begin_snapshot(
        &self,
        databases: &[(String, DumpRequest)],
        control: &Control<'_>,
    ) -> Result<Option<Box<dyn ServerSnapshot>>> {
        let begin = |(name, request): &(String, DumpRequest)| {
            (name.clone(), self.database(name).begin_snapshot(request, control))
        };
        Ok(Some(Box::new(AllOfThem(Mutex::new(databases.iter().rev().map(begin).collect())))))
    }
}

impl ServerSnapshot for AllOfThem {
    fn databases(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }

    fn open(&self, database: &str, _control: &Control<'_>) -> Result<Box<dyn Snapshot>> {
        let mut views = self.0.lock().unwrap();
        let place = views.iter().position(|(name, _)| name == database).unwrap();
        views.remove(place).1
    }
}

impl Folder {
    fn in_world(world: &World, names: &[&str]) -> Self {
        let databases = Databases::of(vec![Pattern("*.db".to_owned())]);
        let folder = Folder(world.folder.join("server"), databases);
        std::fs::create_dir(&folder.0).unwrap();
        names.iter().for_each(|name| folder.make(name));
        folder
    }

    fn make(&self, name: &str) {
        rusqlite::Connection::open(self.0.join(name)).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Server for Folder {
    fn meant(&self) -> &Databases {
        &self.1
    }

    fn names(&self, control: &Control<'_>) -> Result<Vec<String>> {
        control.check()?;
        let entries = std::fs::read_dir(&self.0).map_err(|error| Error::io("cannot list", error))?;
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().path().display().to_string()).collect();
        names.sort();
        Ok(names)
    }

    fn sizes(&self, control: &Control<'_>) -> Result<Vec<DatabaseInfo>> {
        let tables = |name: &str| {
            let file = rusqlite::Connection::open(name).unwrap();
            let count: Option<u32> =
                file.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0)).ok();
            count.map(u64::from)
        };
        let info = |name: String| DatabaseInfo { tables: tables(&name), name, ..DatabaseInfo::default() };
        Ok(self.names(control)?.into_iter().map(info).collect())
    }

    fn database(&self, name: &str) -> Box<dyn Engine> {
        (SQLITE.open)(&json!({ "path": name })).unwrap()
    }
}

fn back_up(
    world: &World,
    server: &dyn Server,
    reporter: &dyn Reporter,
) -> Result<ServerReport<BackupReport>> {
    let locks = world.folder.join("locks");
    backup(&world.context(reporter, &locks), &world.name, server, &[world.place()], &all(request()))
}

/// Asks for everything that is meant.
fn all(backup: BackupRequest) -> ServerRequest {
    ServerRequest { backup, choice: Choice::default(), schema_only: Vec::new(), combined: false }
}

fn last_run(world: &World) -> (RunStatus, String) {
    let filter = RunFilter { kind: Some(RunKind::Backup), limit: Some(1), ..RunFilter::default() };
    let run = world.catalog.runs(&filter).unwrap().remove(0);
    (run.status, run.error.map(|error| error.message).unwrap_or_default())
}

#[test]
fn each_database_is_a_backup_of_its_own_and_a_new_one_is_in_the_next() {
    let world = World::new();
    let server = Folder::in_world(&world, &["a.db", "b.db"]);
    let first = back_up(&world, &server, &NoReporter).unwrap();
    assert!(first.error().is_none());
    server.make("c.db");
    let second = back_up(&world, &server, &NoReporter).unwrap();
    let manifests: Vec<&Manifest> =
        first.done.iter().chain(&second.done).map(|report| &report.manifest).collect();
    let of: Vec<_> = manifests.iter().map(|manifest| manifest.database.rsplit('/').next().unwrap()).collect();
    assert_eq!(of, ["a.db", "b.db", "a.db", "b.db", "c.db"]);
    let mut ids: Vec<_> = manifests.iter().map(|manifest| manifest.backup_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "every backup has an id of its own, also within one second");
    assert_eq!(world.catalog.originals(&world.name).unwrap().len(), 3);
    assert_eq!(world.catalog.backups(&BackupFilter::default()).unwrap().len(), 5);
    assert_eq!(last_run(&world).0, RunStatus::Completed);
    let (place, newest) = (world.place(), first.done[0].manifest.backup_id);
    world.with_context(|context| {
        for catalog in [context.catalog, None] {
            let context = cadangkan_ops::Context { catalog, ..*context };
            let open = |name: &str| {
                let path = server.path(name);
                let source = Source::stored(&context, &world.name, Wanted::NewestOf(&path), &[place]);
                source.map(|source| source.manifest().unwrap().clone())
            };
            let found = open("a.db").unwrap();
            assert_eq!((found.database, found.backup_id > newest), (server.path("a.db"), true));
            assert_eq!(open("c.db").unwrap().database, server.path("c.db"));
            assert_eq!(open("gone.db").unwrap_err().kind(), ErrorKind::NotFound);
        }
    });
}

#[test]
fn one_that_fails_does_not_stop_the_others_and_is_not_forgotten() {
    let world = World::new();
    let server = Folder::in_world(&world, &["a.db", "c.db"]);
    std::fs::write(server.0.join("b.db"), "SQLite format 3\0 and nothing else").unwrap();
    let report = back_up(&world, &server, &NoReporter).unwrap();
    assert_eq!((report.done.len(), report.failed.len()), (2, 1));
    let error = report.error().unwrap();
    assert_eq!(error.kind(), ErrorKind::Partial);
    assert!(error.to_string().contains("1 of 3") && error.to_string().contains("b.db"), "{error}");
    assert!(error.advice().is_some_and(|advice| advice.contains("b.db")));
    // The last database was fine; the last run says that not all were.
    assert_eq!(last_run(&world), (RunStatus::Partial, "1 of 3 databases failed".to_owned()));
    let dry =
        world.with_context(|context| plan(context, &world.name, &server, &[world.place()], &all(request())));
    let dry = dry.unwrap();
    assert_eq!((dry.done.len(), dry.failed.len()), (2, 1));
    assert_eq!(world.catalog.backups(&BackupFilter::default()).unwrap().len(), 2, "a dry run makes nothing");
}

#[test]
fn one_view_of_all_is_begun_once_and_its_order_is_kept() {
    struct WritesMeanwhile<'a>(&'a Folder);
    impl Reporter for WritesMeanwhile<'_> {
        fn report(&self, event: &Event<'_>) {
            if matches!(event, Event::Step { name: "dump" }) {
                let file = rusqlite::Connection::open(self.0.path("a.db")).unwrap();
                file.execute_batch("INSERT INTO t VALUES (1)").unwrap();
            }
        }
    }
    let world = World::new();
    let server = AtOnce(Folder::in_world(&world, &["a.db", "c.db"]));
    let file = rusqlite::Connection::open(server.0.path("a.db")).unwrap();
    file.execute_batch("PRAGMA journal_mode = WAL; INSERT INTO t VALUES (0)").unwrap();
    std::fs::write(server.0.0.join("b.db"), "SQLite format 3\0 and nothing else").unwrap();
    let with_rows = BackupRequest { dump: DumpRequest { fingerprints: true, ..request().dump }, ..request() };
    let report = world.with_context(|context| {
        let reporter = WritesMeanwhile(&server.0);
        let context = cadangkan_ops::Context {
            control: Control { reporter: &reporter, ..context.control },
            ..*context
        };
        backup(&context, &world.name, &server, &[world.place()], &all(with_rows)).unwrap()
    });
    let of: Vec<_> = report.done.iter().map(|done| done.manifest.database.clone()).collect();
    assert_eq!(of, [server.0.path("c.db"), server.0.path("a.db")]);
    assert_eq!(
        report.failed.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(),
        [server.0.path("b.db")]
    );
    let objects = &report.done[1].manifest.objects;
    let table = objects.iter().find(|object| object.name.name == "t").unwrap();
    assert_eq!(table.rows, Some(1), "it is not of the moment at which all began");
    let rows: u32 = file.query_row("SELECT COUNT(*) FROM t", [], |row| row.get(0)).unwrap();
    assert!(rows > 1, "nothing was written meanwhile");
}

#[test]
fn when_all_fail_it_is_not_partial_and_a_list_that_cannot_be_had_leaves_a_run() {
    let world = World::new();
    let server = Folder::in_world(&world, &[]);
    std::fs::write(server.0.join("b.db"), "SQLite format 3\0 and nothing else").unwrap();
    let error = back_up(&world, &server, &NoReporter).unwrap().error().unwrap();
    assert_ne!(error.kind(), ErrorKind::Partial, "{error}");
    std::fs::remove_dir_all(&server.0).unwrap();
    assert_eq!(back_up(&world, &server, &NoReporter).unwrap_err().kind(), ErrorKind::NotFound);
    let (status, message) = last_run(&world);
    assert_eq!(status, RunStatus::Failed);
    assert!(message.contains("cannot list"), "{message}");
}

#[test]
fn a_stop_stops_all_and_keeps_what_was_complete() {
    struct StopAtSecond<'a>(&'a World, Mutex<u32>);
    impl Reporter for StopAtSecond<'_> {
        fn report(&self, event: &Event<'_>) {
            if matches!(event, Event::Step { name: "dump" }) {
                let mut dumps = self.1.lock().unwrap();
                *dumps += 1;
                if *dumps == 2 {
                    self.0.cancel.cancel();
                }
            }
        }
    }
    let world = World::new();
    let server = Folder::in_world(&world, &["a.db", "b.db", "c.db"]);
    let error = back_up(&world, &server, &StopAtSecond(&world, Mutex::new(0))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(world.catalog.backups(&BackupFilter::default()).unwrap().len(), 1);
    assert_eq!(last_run(&world).0, RunStatus::Cancelled);
}

#[test]
fn what_is_chosen_is_taken_and_nothing_else() {
    let world = World::new();
    let names = ["a", "a_dmart", "a_temp", "b_secondary", "b_secondary_dmart", "c", "tmp_1"];
    let server = Folder::in_world(&world, &names);
    rusqlite::Connection::open(server.0.join("void")).unwrap().execute_batch("VACUUM").unwrap();
    let patterns = |names: &[&str]| -> Vec<Pattern> {
        names.iter().map(|name| Pattern(format!("{}/{name}", server.0.display()))).collect()
    };
    let wish = Choice {
        companions: ["_dmart", "_temp", "_archive"].map(str::to_owned).to_vec(),
        secondary_suffix: "_secondary".to_owned(),
        ..Choice::default()
    };
    let everything = Choice { all: true, ..wish.clone() };
    let named = |names: &[&str]| Choice { databases: patterns(names), ..wish.clone() };
    let chosen = |choice: &Choice| {
        world.with_context(|context| choice.choose(&server, &context.control)).map(|paths| {
            paths.iter().map(|path| path.rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
        })
    };
    let of = |choice: Choice| chosen(&choice).unwrap().join(" ");
    assert_eq!(of(everything.clone()), "a a_dmart a_temp b_secondary b_secondary_dmart c tmp_1 void");
    let excluding = |names: &[&str]| Choice { exclude: patterns(names), ..everything.clone() };
    assert_eq!(of(excluding(&["tmp_*", "b_*", "gone"])), "a a_dmart a_temp c void");
    assert!(!of(Choice { exclude_empty: true, ..everything.clone() }).contains("void"));
    assert_eq!(of(named(&["a"])), "a a_dmart a_temp", "companions that are there come along");
    assert_eq!(of(Choice { exclude: patterns(&["a_temp"]), ..named(&["a"]) }), "a a_dmart");
    assert_eq!(of(named(&["a", "c"])), "a c");
    assert_eq!(of(named(&["b_*"])), "b_secondary b_secondary_dmart");
    let side = |side| Choice { side: Some(side), ..everything.clone() };
    assert_eq!(of(side(Side::Primary)), "a a_dmart a_temp c tmp_1 void");
    assert_eq!(of(side(Side::Secondary)), "b_secondary b_secondary_dmart");
    for (wrong, word) in [
        (named(&["a", "gone"]), "gone"),
        (Choice { side: Some(Side::Secondary), ..named(&["c"]) }, "--databases, --secondary"),
        (Choice { exclude: patterns(&["*"]), ..everything.clone() }, "--exclude-db"),
        (Choice { exclude_empty: true, ..named(&["void"]) }, "--exclude-empty"),
        (wish.clone(), "databases"),
    ] {
        let error = chosen(&wrong).unwrap_err();
        let said = format!("{error} {}", error.advice().unwrap());
        assert!(error.kind() == ErrorKind::NotFound && said.contains(word), "{word}: {said}");
    }
}

/// Writes down what is done around runs; `before` fails when it is told to.
#[derive(Default)]
struct Written {
    fails: bool,
    said: Mutex<Vec<String>>,
}

impl Around for Written {
    fn before(&self, run: &AroundRun<'_>, _: &Control<'_>) -> Result<()> {
        self.said.lock().unwrap().push(format!("before {} {:?}", run.database, run.id.is_some()));
        if self.fails { Err(Error::new(ErrorKind::Hook, "it does not want")) } else { Ok(()) }
    }

    fn after(&self, _: &AroundRun<'_>, end: &End<'_>, _: &Control<'_>) -> Result<()> {
        self.said.lock().unwrap().push(format!("{} {}", end.status, end.made.len()));
        Err(Error::new(ErrorKind::Hook, "it did not work afterwards"))
    }
}

#[test]
fn what_is_done_around_a_server_is_done_once() {
    let world = World::new();
    let server = Folder::in_world(&world, &["a.db", "b.db"]);
    let written = Written::default();
    let back_up_with = |written: &Written| {
        world.with_context(|context| {
            let context = cadangkan_ops::Context { around: Some(written), ..*context };
            backup(&context, &world.name, &server, &[world.place()], &all(request()))
        })
    };
    assert_eq!(back_up_with(&written).unwrap().done.len(), 2);
    assert_eq!(*written.said.lock().unwrap(), ["before shop false", "completed 2"]);
    // The last run tells what failed afterwards.
    assert_eq!(last_run(&world).0, RunStatus::Failed);
    assert!(last_run(&world).1.contains("it did not work afterwards"));
    std::fs::write(server.0.join("c.db"), "SQLite format 3\0 and nothing else").unwrap();
    back_up_with(&written).unwrap();
    assert_eq!(written.said.lock().unwrap()[3], "partial 2");
    let written = Written { fails: true, ..Written::default() };
    assert_eq!(back_up_with(&written).unwrap_err().kind(), ErrorKind::Hook);
    assert_eq!(*written.said.lock().unwrap(), ["before shop false", "failed 0"]);
    assert!(last_run(&world).1.contains("it does not want"));
}
