use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A machine with variables, a home folder and sockets.
#[derive(Default)]
struct Machine {
    variables: BTreeMap<&'static str, String>,
    home: Option<tempfile::TempDir>,
    sockets: Vec<PathBuf>,
}

impl Machine {
    fn with_options(text: &str) -> Machine {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".my.cnf");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Machine { home: Some(home), ..Machine::default() }
    }
}

impl cadangkan_wire::Environment for Machine {
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

impl Environment for Machine {
    fn sockets(&self) -> Vec<PathBuf> {
        self.sockets.clone()
    }
}

fn resolve(url: &str, machine: &Machine) -> Result<Target> {
    Target::resolve(&Settings::from_url(&format!("mysql://{url}")).unwrap(), machine)
}

#[test]
fn what_is_given_counts_most_then_files_then_variables() {
    let mut machine =
        Machine::with_options("[client]\nhost=of.file\nport=2\npassword=of-file\nssl-mode=required\n");
    machine.variables = BTreeMap::from([
        ("MYSQL_HOST", "of.variable".to_owned()),
        ("MYSQL_TCP_PORT", "3".to_owned()),
        ("MYSQL_PWD", "hunter2".to_owned()),
    ]);
    let target = resolve("given/db", &machine).unwrap();
    assert_eq!((target.host(), target.port(), target.user()), ("given", 2, "os-user"));
    assert_eq!((target.database(), target.ssl_mode()), (Some("db"), SslMode::Required));
    assert_eq!(target.password.as_ref().unwrap().expose(), "of-file");
    assert_eq!(target.with_database(None).database(), None);
    assert_eq!(target.connect_timeout(), DEFAULT_TIMEOUT);
    machine.home = None;
    let target = resolve("", &machine).unwrap();
    assert_eq!((target.host(), target.port()), ("of.variable", 3));
    assert_eq!(target.password.as_ref().unwrap().expose(), "hunter2");
    assert!(!format!("{target:?}").contains("hunter2"));
    machine.variables.insert("MYSQL_TCP_PORT", "many".to_owned());
    let error = resolve("", &machine).unwrap_err();
    assert!(error.kind() == ErrorKind::Configuration && error.to_string().contains("MYSQL_TCP_PORT"));
}

#[test]
fn localhost_is_a_socket_and_a_port_is_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there");
    std::fs::write(&there, "").unwrap();
    let mut machine = Machine::with_options("[client]\nport=3306\n");
    let place = |url: &str, machine: &Machine| {
        let target = resolve(url, machine).unwrap();
        (target.host().to_owned(), target.socket().map(Path::to_owned))
    };
    let local = |socket: Option<&Path>| ("localhost".to_owned(), socket.map(Path::to_owned));
    assert_eq!(place("", &machine), local(None));
    machine.sockets = vec![folder.path().join("not-there"), there.clone()];
    assert_eq!(place("", &machine), local(Some(&there)));
    assert_eq!(place("localhost/db", &machine), local(Some(&there)));
    assert_eq!(place("localhost:3306/db", &machine), local(None));
    assert_eq!(place("localhost?protocol=tcp", &machine), local(None));
    assert_eq!(place("127.0.0.1", &machine).1, None);
    assert_eq!(place("?socket=/a", &machine), local(Some(Path::new("/a"))));
    assert_eq!(place("localhost:1?socket=/a", &machine), local(Some(Path::new("/a"))));
    assert_eq!(place("%2Frun%2Fx", &machine), local(Some(Path::new("/run/x"))));
    assert_eq!(place("db?socket=/a&protocol=tcp", &machine), ("db".to_owned(), None));
    assert_eq!(resolve("db?socket=/a", &machine).unwrap_err().kind(), ErrorKind::Configuration);
    let tunnel = resolve("", &machine).unwrap().through(([127, 0, 0, 1], 7).into());
    assert_eq!(tunnel.socket(), None);

    let file = Machine::with_options("[client]\nsocket=/of/file\nhost=127.0.0.1\n");
    assert_eq!(place("localhost", &file), local(Some(Path::new("/of/file"))));
    assert_eq!(place("", &file).1, None);
    let error = resolve("?protocol=socket", &Machine::default()).unwrap_err();
    assert!(error.message().contains("no Unix socket"), "{error:?}");
}

#[test]
fn what_cannot_be_carried_is_refused() {
    let settings = |host: &str, user: &str| Settings {
        host: Some(host.into()),
        user: Some(user.into()),
        ..Settings::default()
    };
    for (host, user, kind) in [("a,b", "u", ErrorKind::Unsupported), ("a", "u\0", ErrorKind::Configuration)] {
        let error = Target::resolve(&settings(host, user), &Machine::default()).unwrap_err();
        assert_eq!(error.kind(), kind);
    }
}
