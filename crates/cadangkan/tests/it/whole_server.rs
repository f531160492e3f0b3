//! A whole server of PostgreSQL as one configured database.

use std::hash::{BuildHasher, RandomState};

use cadangkan_testkit::servers::{PostgresServer, postgres_main};
use serde_json::Value;

use crate::support::Home;

/// A name with what quotes, globs, paths, terminals and file names mind.
const ODD: &str = "o'\"dd {id} ../näm\u{7}e";

/// Databases with one prefix, dropped at the end with what restores made of them.
struct Databases {
    server: PostgresServer,
    prefix: String,
}

impl Databases {
    fn new(server: PostgresServer, names: &[&str]) -> Self {
        let prefix = format!("w{:08x}_", RandomState::new().hash_one(1) >> 32);
        let databases = Databases { server, prefix };
        names.iter().for_each(|name| databases.make(name));
        databases
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn make(&self, name: &str) {
        let name = self.name(name);
        self.server.psql("postgres", &format!("CREATE DATABASE \"{}\"", name.replace('"', "\"\"")));
        let text = name.replace('\'', "''");
        self.server.psql(&name, &format!("CREATE TABLE who (name text); INSERT INTO who VALUES ('{text}')"));
    }

    fn who(&self, name: &str) -> String {
        self.server.psql(&self.name(name), "SELECT name FROM who ORDER BY 1").trim().to_owned()
    }

    fn matching(&self) -> Vec<String> {
        let sql = format!("SELECT datname FROM pg_database WHERE starts_with(datname, '{}')", self.prefix);
        self.server.psql("postgres", &sql).lines().map(str::to_owned).collect()
    }

    /// Adds the server to a home folder as `prod`.
    fn add(&self, home: &Home, user: &str, more: &[&str]) {
        let url = self.server.url_of("postgres").replace("//postgres:", &format!("//{user}:"));
        let all = self.name("*");
        let fixed = ["add", "postgres", "prod", "--url", &url, "--databases", &all];
        home.good(&[&fixed[..], more].concat());
    }
}

impl Drop for Databases {
    fn drop(&mut self) {
        for name in self.matching() {
            // What cannot be dropped goes with the server.
            let _ = self.server.drop_database(&name);
        }
        let role = self.prefix.trim_end_matches('_');
        let _ = self.server.try_psql("postgres", &format!("DROP ROLE IF EXISTS {role}"));
    }
}

/// The databases of what was backed up or listed.
fn names(list: &Value) -> Vec<String> {
    let mut names: Vec<_> =
        list.as_array().unwrap().iter().map(|one| one["database"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn all_databases_are_backed_up_also_new_ones_and_each_comes_back_alone() {
    let Some(server) = postgres_main() else { return };
    let all = Databases::new(server, &["app", ODD, "skip_1"]);
    let home = Home::empty();
    all.add(&home, "postgres", &["--exclude-databases", &all.name("skip_*")]);
    let expected = |names: &[&str]| {
        let mut names: Vec<_> = names.iter().map(|name| all.name(name)).collect();
        names.sort();
        names
    };
    let test = home.good(&["test", "prod"]);
    assert!(test.contains("databases 2"), "{test}");
    let scan = home.json(&["scan", "prod"]);
    assert_eq!(scan["meant"].as_array().unwrap().len(), 2);
    assert!(home.good(&["info", "prod"]).contains(&format!("/{}", all.name("*"))));

    let dry = home.json(&["backup", "prod", "--dry-run"]);
    assert_eq!(names(&dry["databases"]), expected(&["app", ODD]));
    assert_eq!(home.json(&["backups", "list", "prod"]), serde_json::json!([]));
    let first = home.json(&["backup", "prod"]);
    assert_eq!(names(&first["databases"]), expected(&["app", ODD]));
    all.make("new");
    let text = home.good(&["backup", "prod"]);
    assert!(text.contains("Total: 3 of 3 databases"), "{text}");
    assert!(!text.contains('\u{7}'), "no name reaches the terminal as it is");
    let listed = home.json(&["backups", "list", "prod"]);
    assert_eq!(names(&listed), expected(&["app", "app", ODD, ODD, "new"]));
    let table = home.good(&["backups", "list", "prod"]);
    assert!(table.to_lowercase().contains("database") && table.contains(&all.name("new")), "{table}");
    let app = all.name("app");
    assert_eq!(home.json(&["backups", "list", "prod", "--database", &app]).as_array().unwrap().len(), 2);
    assert!(
        !home.good(&["backups", "list", "prod", "--database", &app]).contains(&app),
        "one needs no column"
    );
    for path in home.files(".cadangkan/backups") {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(name.starts_with("prod.w") && path.components().count() < 20, "{path:?}");
    }

    over_itself(&all, &home);
    elsewhere(&all, &home);
}

fn over_itself(all: &Databases, home: &Home) {
    let app = all.name("app");
    let ran = home.run(&["restore", "prod", "--yes", "--output", "json"]);
    let error = ran.error();
    assert_eq!((ran.code, error["code"].as_str()), (2, Some("usage")), "{error}");
    assert!(error["hint"].as_str().unwrap().contains(&app), "{error}");
    assert_eq!(home.run(&["verify", "prod"]).code, 2, "one that is whole says nothing of the others");
    let newest = home.json(&["backups", "list", "prod", "--database", &app])[0]["backup_id"].clone();
    assert_eq!(home.json(&["verify", "prod", "--database", &app])[0]["backup_id"], newest);
    all.server.psql(&app, "INSERT INTO who VALUES ('by mistake')");
    let report = home.json(&["restore", "prod", "--database", &app, "--yes"]);
    assert_eq!(report["backup_id"], newest);
    assert_eq!(all.who("app"), app);
    assert_eq!(all.who("new"), all.name("new"), "the others are as they were");
    // The old one is kept, is no part of the next backup, and is found.
    let kept: Vec<_> = all.matching().into_iter().filter(|name| name.contains("_before_")).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(home.json(&["scan", "prod"])["meant"].as_array().unwrap().len(), 3);
    let left = home.json(&["cleanup", "prod", "--dry-run"]);
    assert_eq!(left["items"][0]["location"].as_str(), Some(kept[0].as_str()), "{left}");
    home.good(&["cleanup", "prod", "--yes"]);
    assert!(!all.matching().contains(&kept[0]));
}

fn elsewhere(all: &Databases, home: &Home) {
    let odd = all.name(ODD);
    let to = all.server.url_of(&all.name("copy"));
    all.server.psql("postgres", &format!("CREATE DATABASE {}", all.name("copy")));
    home.good(&["restore", "prod", "--database", &odd, "--to", &to]);
    assert_eq!(all.who("copy"), odd);
    // A database of the server is restored over only when that is asked for, whatever its backup was of.
    let ran = home.run(&["restore", "prod", "--database", &odd, "--to", &to, "--output", "json"]);
    assert_eq!(ran.error()["code"], "conflict", "{}", ran.stderr);
    // An id needs no name: the backup knows of which database it is.
    let listed = home.json(&["backups", "list", "prod", "--database", &odd]);
    let id = listed[0]["backup_id"].as_str().unwrap();
    all.server.psql(&odd, "INSERT INTO who VALUES ('by mistake')");
    home.good(&["restore", "prod", "--from", id, "--yes", "--drop-old"]);
    assert_eq!(all.who(ODD), odd);
    // Also one that is gone comes back.
    all.server.drop_database(&all.name("new")).unwrap();
    home.good(&["restore", "prod", "--database", &all.name("new"), "--yes"]);
    assert_eq!(all.who("new"), all.name("new"));
    // What the catalog knew comes back from the storage.
    for file in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        let _ = std::fs::remove_file(home.path(".cadangkan").join(file));
    }
    home.good(&["adopt", "home"]);
    assert_eq!(home.json(&["backups", "list", "prod", "--database", &odd]), listed_again(&listed));
}

/// What a list is after an adoption: nothing was verified.
fn listed_again(listed: &Value) -> Value {
    let mut listed = listed.clone();
    for one in listed.as_array_mut().unwrap() {
        one["verified_at"] = Value::Null;
        one["verified_level"] = Value::Null;
    }
    listed
}

#[test]
fn the_databases_of_one_backup_are_chosen() {
    let Some(server) = postgres_main() else { return };
    let all = Databases::new(server, &["app", "app_archive", "app_secondary", "other", "skip"]);
    let home = Home::empty();
    all.add(&home, "postgres", &["--exclude-databases", &all.name("skip")]);
    let text = format!("# ours\n{}\n{}\n", all.name("other"), all.name("*_sec*"));
    std::fs::write(home.path("list"), text).unwrap();
    let (app, other, some) = (all.name("app"), all.name("other"), all.name("app*"));
    let cases: &[(&[&str], &[&str])] = &[
        (&["--databases", &app], &["app", "app_archive"]),
        (&["--databases", &app, "--no-companions"], &["app"]),
        (&["--databases-file", "list"], &["app_secondary", "other"]),
        (&["--databases", &some, "--primary"], &["app", "app_archive"]),
        (&["--secondary"], &["app_secondary"]),
        (&["--exclude-db", &some], &["other"]),
    ];
    for (flags, expected) in cases {
        let made = home.json(&[&["backup", "prod"][..], flags].concat());
        let expected: Vec<_> = expected.iter().map(|name| all.name(name)).collect();
        assert_eq!(names(&made["databases"]), expected, "{flags:?}");
    }
    let listed = home.json(&["backups", "list", "prod", "--database", &other]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let first = listed[1]["backup_id"].as_str().unwrap();
    all.server.psql(&other, "UPDATE who SET name = 'changed'");
    home.good(&["restore", "prod", "--from", first, "--drop-old", "--yes"]);
    assert_eq!(all.who("other"), other);
    let wrong = home.run(&["backup", "prod", "--databases", &all.name("nobody")]);
    assert!(wrong.code != 0 && wrong.stderr.contains(&all.name("nobody")), "{}", wrong.stderr);
}

#[test]
fn one_that_cannot_be_read_makes_the_run_partial_and_the_others_are_good() {
    let Some(server) = postgres_main() else { return };
    let all = Databases::new(server, &["a", "denied", "z"]);
    let role = all.prefix.trim_end_matches('_').to_owned();
    let denied = all.name("denied");
    all.server.psql(
        "postgres",
        &format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'pw'; GRANT pg_read_all_data TO {role};
             REVOKE CONNECT ON DATABASE {denied} FROM PUBLIC"
        ),
    );
    let home = Home::empty();
    all.add(&home, &role, &[]);
    let ran = home.run(&["backup", "prod", "--output", "json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, ran.error()["code"].as_str()), (15, Some("partial")), "{}", ran.stderr);
    assert_eq!(names(&report["databases"]), [all.name("a"), all.name("z")]);
    assert_eq!(names(&report["failed"]), std::slice::from_ref(&denied));
    assert_eq!(report["failed"][0]["error"]["code"], "denied", "{report}");
    assert_eq!((&report["summary"]["succeeded"], &report["summary"]["failed"]), (&2.into(), &1.into()));
    let text = home.run(&["backup", "prod"]).stdout;
    assert!(text.contains(&format!("✗ {denied}: ")) && text.contains("Total: 2 of 3 databases"), "{text}");
    assert!(ran.error()["context"].to_string().contains(&denied), "{}", ran.stderr);
    // The last one was good; that is not what the status says.
    let status = home.good(&["status", "prod"]);
    assert!(status.contains("failed") && status.contains("1 of 3 databases"), "{status}");
    home.good(&["verify", "prod", "--database", &all.name("z")]);
    let ran = home.run(&["restore", "prod", "--database", &denied, "--yes", "--output", "json"]);
    assert_eq!(ran.error()["code"], "not_found", "{}", ran.stderr);
}

#[test]
fn the_configuration_takes_lists_and_names_mistakes() {
    let config = |databases: &str| {
        format!("version: 1\ndatabases:\n  prod:\n    postgres:\n      host: 127.0.0.1\n      {databases}\n")
    };
    let home = Home::configured(&config("databases: [app, 'a,b']"));
    assert!(home.good(&["info", "prod"]).contains("127.0.0.1:5432/app,a,b"));
    home.configure(&config("exclude_databases: x"));
    let ran = home.run(&["info", "prod"]);
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("exclude_databases"), "{}", ran.stderr);
}
