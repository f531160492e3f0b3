//! Tables of extensions whose rows are the user's, with an extension made for it.

use std::fs;
use std::path::PathBuf;

use cadangkan_engine::{DumpRequest, LoadMode};
use cadangkan_testkit::servers::{PostgresServer, postgres};

use crate::load_support::{fresh, told};
use crate::support::{dump, engine, load};

const SCRIPT: &str = "CREATE TABLE settings (name text PRIMARY KEY, value text, standard boolean NOT NULL DEFAULT false);
    INSERT INTO settings VALUES ('colour', 'red', true), ('size', '1', true);
    CREATE TABLE notes (id serial PRIMARY KEY, note text, twice text GENERATED ALWAYS AS (note || note) STORED);
    CREATE TABLE fixed (a int);
    INSERT INTO fixed VALUES (1);
    CREATE SEQUENCE numbers;
    SELECT pg_extension_config_dump('settings', 'WHERE NOT standard AND value <> ''it''''s''');
    SELECT pg_extension_config_dump('notes', '');
    SELECT pg_extension_config_dump('notes_id_seq', '');
    SELECT pg_extension_config_dump('numbers', '');";

/// What the user has in them.
const ROWS: &str = "INSERT INTO \"Ext\".settings VALUES ('own', E'\\\\.\\n'), ('left out', 'it''s');
    UPDATE \"Ext\".settings SET value = 'blue' WHERE name = 'colour';
    INSERT INTO \"Ext\".notes (note) VALUES ('one'), (NULL); SELECT setval('\"Ext\".numbers', 77);
    INSERT INTO \"Ext\".fixed VALUES (2);";

const CONTENT: &str = "SELECT * FROM \"Ext\".settings ORDER BY name; SELECT * FROM \"Ext\".notes ORDER BY id;
    SELECT last_value, is_called FROM \"Ext\".numbers; SELECT last_value FROM \"Ext\".notes_id_seq; SELECT * FROM \"Ext\".fixed";

/// The files of an extension among those of a server; removed at the end.
struct Extension {
    name: String,
    files: Vec<PathBuf>,
}

impl Extension {
    /// None where the server's files cannot be written.
    #[allow(clippy::print_stdout, reason = "says that it was skipped")]
    fn install(server: &PostgresServer, mark: &str) -> Option<Extension> {
        let shared =
            server.psql("postgres", "SELECT setting FROM pg_catalog.pg_config() WHERE name = 'SHAREDIR'");
        let inside = server.psql("postgres", "SHOW data_directory");
        // A server may run in a root of its own.
        let data = server.data_dir.to_str().unwrap();
        let root = data.strip_suffix(inside.trim()).unwrap();
        let folder = PathBuf::from(format!("{root}{}/extension", shared.trim()));
        let name = mark.replace("test", "extension");
        let files = [
            (format!("{name}.control"), "default_version = '1.0'\nrelocatable = false\n"),
            (format!("{name}--1.0.sql"), SCRIPT),
        ];
        let extension = Extension { files: files.iter().map(|(file, _)| folder.join(file)).collect(), name };
        for (path, (_, text)) in extension.files.iter().zip(&files) {
            if let Err(error) = fs::write(path, text) {
                println!("skipped on PostgreSQL {}: {}: {error}", server.version, path.display());
                return None;
            }
        }
        Some(extension)
    }
}

impl Drop for Extension {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
    }
}

#[test]
fn rows_of_the_user_come_back_and_no_others() {
    for server in postgres() {
        let source = server.database();
        let Some(extension) = Extension::install(&server, &source.name) else { continue };
        source.psql(&format!(
            "CREATE SCHEMA \"Ext\"; CREATE EXTENSION {} SCHEMA \"Ext\"; {ROWS}",
            extension.name
        ));
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let rows =
            |name| dumped.objects.iter().find(|object| object.name.name == name).map(|object| object.rows);
        assert_eq!((rows("settings"), rows("notes"), rows("fixed")), (Some(Some(1)), Some(Some(2)), None));
        let target = server.database();
        load(&*engine(&target), &dumped, &fresh(&dumped)).unwrap_or_else(|error| panic!("{}", told(&error)));
        let expected = "colour|red|t\nown|\\.\n|f\nsize|1|t\n1|one|oneone\n2||\n77|t\n2\n1\n";
        assert_eq!(target.psql(CONTENT), expected, "PostgreSQL {}", server.version);
        assert_eq!(target.schema(), source.schema());
        // Over what is there: the rows of the backup alone, beside what is not the user's.
        target.psql("DELETE FROM \"Ext\".settings WHERE name = 'own'; INSERT INTO \"Ext\".settings VALUES ('new', 'x'); UPDATE \"Ext\".notes SET note = 'changed'");
        load(&*engine(&target), &dumped, &dumped.request(LoadMode::Clean))
            .unwrap_or_else(|error| panic!("{}", told(&error)));
        assert_eq!(target.psql(CONTENT), expected, "PostgreSQL {}", server.version);
    }
}
