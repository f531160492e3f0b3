use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::SslMode;

/// A machine with two folders: one for all, one for a person.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Machine {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("etc")).unwrap();
        Machine(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn read(&self, given: &Settings) -> Result<OptionFiles> {
        read(given, self)
    }
}

impl cadangkan_wire::Environment for Machine {
    fn variable(&self, _name: &str) -> Option<OsString> {
        None
    }

    fn home(&self) -> Option<PathBuf> {
        Some(self.0.path().to_owned())
    }

    fn user(&self) -> Option<String> {
        None
    }
}

impl Environment for Machine {
    fn system_option_files(&self) -> Vec<PathBuf> {
        vec![self.path("etc/my.cnf"), self.path("etc/none.cnf")]
    }
}

#[test]
fn later_files_count_more_and_other_groups_nothing() {
    let machine = Machine::new();
    machine.write("etc/my.cnf", "[mysqld]\nport=1\n[client]\nport=2\nuser=all\n!includedir more\n", 0o644);
    fs::create_dir(machine.path("etc/more")).unwrap();
    machine.write("etc/more/b.cnf", "[mysql]\nhost=b\nno-such-option\n", 0o644);
    machine.write("etc/more/a.cnf", "[client-mariadb]\nhost=a\nssl_ca=/ca\n", 0o644);
    machine.write("etc/more/c.txt", "[client]\nhost=c\n", 0o644);
    machine.write(".my.cnf", "[client]\nuser = me\npassword='p # w'\n[client_x]\nuser=x\n", 0o600);
    let found = machine.read(&Settings::default()).unwrap();
    let settings = &found.settings;
    assert_eq!((settings.host.as_deref(), settings.port), (Some("b"), Some(2)));
    assert_eq!((settings.user.as_deref(), settings.ssl_ca.as_deref()), (Some("me"), Some(Path::new("/ca"))));
    assert_eq!(settings.password.as_ref().unwrap().expose(), "p # w");
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);

    let suffix = Settings { defaults_group_suffix: Some("_x".into()), ..Settings::default() };
    assert_eq!(machine.read(&suffix).unwrap().settings.user.as_deref(), Some("x"));
    let none = Settings { no_defaults: Some(true), ..Settings::default() };
    assert_eq!(machine.read(&none).unwrap().settings, Settings::default());

    machine.write("extra.cnf", "[client]\nuser=extra\nport=9\nskip-ssl\n", 0o600);
    let extra = Settings { defaults_extra_file: Some(machine.path("extra.cnf")), ..Settings::default() };
    let settings = machine.read(&extra).unwrap().settings;
    assert_eq!((settings.user.as_deref(), settings.port), (Some("me"), Some(9)));
    assert_eq!(settings.ssl_mode, Some(SslMode::Disabled));
    let only = Settings { defaults_file: Some(machine.path("extra.cnf")), ..Settings::default() };
    assert_eq!(machine.read(&only).unwrap().settings.host, None);
}

#[test]
fn files_that_are_unsafe_are_told() {
    let machine = Machine::new();
    machine.write("etc/my.cnf", "[client]\nport=2\n", 0o666);
    machine.write(".my.cnf", "[client]\npassword=hunter2\n", 0o640);
    let found = machine.read(&Settings::default()).unwrap();
    assert_eq!((found.settings.port, found.warnings.len()), (None, 2));
    assert!(found.settings.password.is_some());
    let said = found.warnings.concat();
    assert!(said.contains("not read") && said.contains("chmod 600") && !said.contains("hunter2"), "{said}");
    let named = Settings { defaults_file: Some(machine.path("etc/my.cnf")), ..Settings::default() };
    assert_eq!(machine.read(&named).unwrap_err().kind(), ErrorKind::Denied);
    let missing = Settings { defaults_file: Some(machine.path("none")), ..Settings::default() };
    assert_eq!(machine.read(&missing).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn mistakes_have_their_line_and_circles_an_end() {
    let machine = Machine::new();
    machine.write(".my.cnf", "[client]\n\nport = many\npassword=hunter2\n", 0o600);
    let error = machine.read(&Settings::default()).unwrap_err();
    assert!(error.kind() == ErrorKind::Configuration && error.to_string().contains("line: 3"), "{error:?}");
    machine.write(".my.cnf", "!include .my.cnf\n", 0o600);
    let error = machine.read(&Settings::default()).unwrap_err();
    assert!(error.message().contains("without an end"), "{error:?}");
    machine.write(".my.cnf", "!includedir none\n!include none\n", 0o600);
    assert!(machine.read(&Settings::default()).is_ok());
    assert!(
        machine.read(&Settings { defaults_file: Some(machine.path("etc")), ..Settings::default() }).is_ok()
    );
}

/// A machine with a socket.
struct WithSocket(PathBuf);

impl cadangkan_wire::Environment for WithSocket {
    fn variable(&self, _name: &str) -> Option<OsString> {
        Some("never looked at".into())
    }

    fn home(&self) -> Option<PathBuf> {
        None
    }

    fn user(&self) -> Option<String> {
        None
    }
}

impl Environment for WithSocket {
    fn sockets(&self) -> Vec<PathBuf> {
        vec![self.0.clone()]
    }
}

#[test]
fn one_file_is_read_with_what_it_leaves_out() {
    let machine = Machine::new();
    let text = "[mysqld]\nport=1\n[client]\nuser=me\npassword=\"p # w\"\ndefault-character-set=utf8mb4\n\
        [mysql]\nprompt=x\nhost=db\nsocket=/s\n[nightly]\nuser=nightly\nssl-mode=required\nquick\n";
    machine.write("shop.cnf", text, 0o600);
    let read = |group| OptionFile::read(&machine.path("shop.cnf"), group, &machine);
    let file = read(None).unwrap();
    let Settings { host, port, socket, user, .. } = &file.settings;
    assert_eq!(
        (host.as_deref(), *port, socket, user.as_deref()),
        (Some("db"), Some(3306), &None, Some("me"))
    );
    assert_eq!(file.settings.password.as_ref().unwrap().expose(), "p # w");
    assert_eq!(file.unknown, ["default-character-set", "prompt"]);
    assert_eq!(file.groups, ["mysqld", "nightly"]);
    let file = read(Some("nightly")).unwrap();
    assert_eq!(file.settings.user.as_deref(), Some("nightly"));
    assert_eq!(file.settings.ssl_mode, Some(SslMode::Required));
    assert_eq!(file.unknown, ["default-character-set", "prompt", "quick"]);
    let error = read(Some("daily")).unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.advice().unwrap().contains("mysqld, nightly"));
    machine.write("shop.cnf", "[mysqldump]\nuser=x\n", 0o640);
    assert_eq!(read(None).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(read(Some("mysqldump")).unwrap().warnings.is_empty());
    for encrypted in ["Salted__12345678", "\0\0\0\0[client]"] {
        machine.write("shop.cnf", encrypted, 0o600);
        assert_eq!(read(None).unwrap_err().kind(), ErrorKind::Unsupported);
    }
    machine.write("shop.cnf", "[client]\nuser=x\n", 0o602);
    assert_eq!(read(None).unwrap_err().kind(), ErrorKind::Denied);
}

#[test]
fn where_is_said_as_the_clients_understand_it() {
    let machine = Machine::new();
    machine.write("found.sock", "", 0o600);
    let environment = WithSocket(machine.path("found.sock"));
    let found = environment.0.to_str().unwrap();
    for (text, host, port, socket) in [
        ("user=x", None, None, None),
        ("host=db\nport=3307", Some("db"), Some(3307), None),
        ("host=localhost\nport=3307", None, None, Some(found)),
        ("host=localhost\nport=3307\nprotocol=tcp", Some("localhost"), Some(3307), None),
        ("protocol=TCP", Some("localhost"), Some(3306), None),
        ("socket=/a\nport=3307", None, None, Some("/a")),
        ("host=db\nsocket=/a", Some("db"), Some(3306), None),
        ("host=db\nsocket=/a\nprotocol=socket", None, None, Some("/a")),
        ("port=3307", None, None, Some(found)),
    ] {
        machine.write("one.cnf", &format!("[client]\n{text}\n"), 0o600);
        let settings = OptionFile::read(&machine.path("one.cnf"), None, &environment).unwrap().settings;
        assert_eq!((settings.host.as_deref(), settings.port), (host, port), "{text}");
        assert_eq!(settings.socket.as_deref(), socket.map(Path::new), "{text}");
        assert_eq!(settings.protocol, None);
    }
}
