use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::SslMode;

/// A machine with variables and a home folder.
#[derive(Default)]
struct Machine {
    variables: BTreeMap<&'static str, String>,
    home: Option<tempfile::TempDir>,
}

impl Machine {
    fn with_home() -> Machine {
        Machine { home: Some(tempfile::tempdir().unwrap()), ..Machine::default() }
    }

    fn set(&mut self, name: &'static str, value: &str) {
        self.variables.insert(name, value.to_owned());
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.home.as_ref().unwrap().path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

impl Environment for Machine {
    fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(name).map(OsString::from)
    }

    fn home(&self) -> Option<PathBuf> {
        self.home.as_ref().map(|home| home.path().to_owned())
    }

    fn user(&self) -> Option<String> {
        Some("os-user".to_owned())
    }
}

fn variable(target: &Target, name: &str) -> Option<OsString> {
    let variables = target.libpq_environment();
    let found: Vec<_> = variables.iter().filter(|(variable, _)| *variable == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    found[0].1.clone()
}

fn text(text: &str) -> Option<OsString> {
    Some(OsString::from(text))
}

#[test]
fn what_is_given_counts_most_then_the_service_then_variables() {
    let mut machine = Machine::with_home();
    machine.write(".pg_service.conf", "[shop]\nhost=of.service\nport=2\ndbname=of_service\n");
    machine.set("PGHOST", "of.variable");
    machine.set("PGPORT", "3");
    machine.set("PGDATABASE", "of_variable");
    machine.set("PGUSER", "of_variable");
    machine.set("PGSSLMODE", "verify-ca");
    machine.set("PGOPTIONS", "");
    let given = Settings {
        host: Some("given".into()),
        service: Some("shop".into()),
        password: Some(Secret::new("hunter2")),
        ..Settings::default()
    };
    let target = Target::resolve(&given, &machine).unwrap();
    assert_eq!((target.host(), target.port()), ("given".into(), 2));
    assert_eq!((target.database(), target.user()), ("of_service", "of_variable"));
    assert_eq!((target.sslmode, target.connect_timeout()), (SslMode::VerifyCa, DEFAULT_TIMEOUT));
    assert_eq!(target.options, None);
    assert!(!format!("{target:?}").contains("hunter2"));

    machine.set("PGSERVICE", "none");
    let error = Target::resolve(&Settings::default(), &machine).unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("none"), "{error:?}");
    machine.set("PGSERVICE", "");
    machine.set("PGPORT", "many");
    let error = Target::resolve(&Settings::default(), &machine).unwrap_err();
    assert!(error.kind() == ErrorKind::Configuration && error.to_string().contains("PGPORT"), "{error:?}");
}

#[test]
fn the_system_user_and_a_socket_are_the_defaults() {
    let machine = Machine::default();
    let target =
        Target::resolve(&Settings { port: Some(1.into()), ..Settings::default() }, &machine).unwrap();
    assert_eq!((target.user(), target.database(), target.host()), ("os-user", "os-user", "localhost".into()));
    let local = Settings { host: Some("/run/od d".into()), ..Settings::default() };
    let local = Target::resolve(&local, &machine).unwrap();
    assert_eq!(local.unix_socket(), Some(PathBuf::from("/run/od d/.s.PGSQL.5432")));
    assert_eq!(variable(&local, "PGHOST"), text("/run/od d"));
    assert_eq!(variable(&local, "PGSSLMODE"), text("disable"));
    let settings = Settings { hostaddr: Some("db.example".into()), ..Settings::default() };
    assert_eq!(Target::resolve(&settings, &machine).unwrap_err().kind(), ErrorKind::Configuration);
}

#[test]
fn the_password_file_is_asked_for_each_database() {
    let machine = Machine::with_home();
    machine.write(".pgpass", "db:5432:shop:ann:one\nlocalhost:*:*:ann:socket\ndb:*:*:ann:other\n");
    let given = |host: &str| Settings {
        host: Some(host.into()),
        user: Some("ann".into()),
        database: Some("shop".into()),
        ..Settings::default()
    };
    let target = Target::resolve(&given("db"), &machine).unwrap();
    assert_eq!(target.password().unwrap().expose(), "one");
    assert_eq!(target.with_database("blog").password().unwrap().expose(), "other");
    assert_eq!(variable(&target.with_database("blog"), "PGPASSWORD"), text("other"));
    let local = Target::resolve(&given("/var/run/postgresql"), &machine).unwrap();
    assert_eq!(local.password().unwrap().expose(), "socket");
    assert!(Target::resolve(&given("elsewhere"), &machine).unwrap().password().is_none());
    let own = Settings { password: Some(Secret::new("mine")), ..given("db") };
    assert_eq!(Target::resolve(&own, &machine).unwrap().password().unwrap().expose(), "mine");
}

#[test]
fn programs_of_libpq_get_the_same_and_nothing_else() {
    let mut machine = Machine::with_home();
    machine.set("PGHOSTADDR", "192.0.2.7");
    let rest = "ann:p%20w@db.example:6000/sh%22op?sslmode=verify-full&sslrootcert=/r";
    let settings = Settings::from_url(&format!("postgres://{rest}"));
    let target = Target::resolve(&settings.unwrap(), &machine).unwrap();
    let expected = [
        ("PGHOST", text("db.example")),
        ("PGHOSTADDR", text("192.0.2.7")),
        ("PGPORT", text("6000")),
        ("PGUSER", text("ann")),
        ("PGPASSWORD", text("p w")),
        ("PGDATABASE", text("sh\"op")),
        ("PGSSLMODE", text("verify-full")),
        ("PGSSLROOTCERT", text("/r")),
        ("PGSSLCERT", None),
        ("PGCONNECT_TIMEOUT", text("10")),
        ("PGSERVICE", None),
        ("PGSERVICEFILE", None),
        ("PGPASSFILE", None),
        ("PGOPTIONS", None),
        ("PGCLIENTENCODING", None),
        ("PGTARGETSESSIONATTRS", None),
    ];
    for (name, value) in expected {
        assert_eq!(variable(&target, name), value, "{name}");
    }
    let tunnel = target.through("127.0.0.1:7000".parse().unwrap()).with_client_encoding("LATIN1");
    assert_eq!(variable(&tunnel, "PGHOST"), text("db.example"));
    assert_eq!(variable(&tunnel, "PGHOSTADDR"), text("127.0.0.1"));
    assert_eq!(variable(&tunnel, "PGPORT"), text("7000"));
    assert_eq!(variable(&tunnel, "PGCLIENTENCODING"), text("LATIN1"));
}

#[test]
fn several_servers_have_ports_addresses_and_passwords_of_their_own() {
    let mut machine = Machine::with_home();
    machine.write(".pgpass", "a:1:*:ann:one\nb:2:*:ann:two\n");
    machine.set("PGHOST", "a,b");
    machine.set("PGPORT", "1,2");
    machine.set("PGTARGETSESSIONATTRS", "primary");
    let given = Settings { user: Some("ann".into()), ..Settings::default() };
    let target = Target::resolve(&given, &machine).unwrap();
    assert_eq!((target.host().into_owned(), target.port(), target.is_several()), ("a,b".to_owned(), 1, true));
    assert_eq!(variable(&target, "PGHOST"), text("a"));
    assert_eq!(variable(&target, "PGTARGETSESSIONATTRS"), None);
    assert_eq!(variable(&target, "PGPASSWORD"), text("one"));
    for (name, value) in [("PGPORT", "1,2,3"), ("PGHOSTADDR", "192.0.2.1"), ("PGTARGETSESSIONATTRS", "x")] {
        let before = machine.variables.get(name).cloned();
        machine.set(name, value);
        let error = Target::resolve(&given, &machine).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{name}");
        machine.set(name, &before.unwrap_or_default());
    }
    assert!(Target::resolve(&given, &machine).is_ok());
}
