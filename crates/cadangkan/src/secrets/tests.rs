use std::os::unix::fs::PermissionsExt;

use cadangkan_core::ErrorKind;
use serde_json::json;

use super::*;
use crate::registry::tests::FAKE_SERVER;

const SECRET: &str = "hunter2 ☂ \"'$";

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        Home(tempfile::tempdir().unwrap())
    }

    fn keyring(&self, variable: Option<&str>) -> Keyring {
        Keyring {
            home: self.0.path().to_owned(),
            key_file: self.key_file(),
            variable: variable.map(str::to_owned),
        }
    }

    fn key_file(&self) -> PathBuf {
        self.0.path().join("master.key")
    }
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn settings() -> Value {
    json!({ "host": "db", "password": SECRET, "token": "t" })
}

fn seal(keyring: &Keyring, owner: &Name) -> Value {
    keyring.seal(Owner::database(owner), FAKE_SERVER.fields, &settings()).unwrap()
}

fn open(keyring: &Keyring, owner: &Name, settings: &Value) -> Result<Value> {
    keyring.open(Owner::database(owner), FAKE_SERVER.fields, settings)
}

#[test]
fn what_is_sealed_opens_and_shows_nothing() {
    let (home, prod) = (Home::new(), name("prod"));
    let keyring = home.keyring(None);
    let sealed = seal(&keyring, &prod);
    let text = sealed.to_string();
    assert!(!text.contains("hunter2") && text.contains("v1:"), "{text}");
    assert_eq!(sealed["host"], "db");
    assert_eq!(open(&keyring, &prod, &sealed).unwrap(), settings());
    // Sealed once more nothing changes, and the same secret never looks the same twice.
    assert_eq!(keyring.seal(Owner::database(&prod), FAKE_SERVER.fields, &sealed).unwrap(), sealed);
    assert_ne!(seal(&keyring, &prod)["password"], sealed["password"]);
    let file = home.key_file();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // Nothing else was left in the folder, and the key in the variable is the same key.
    assert_eq!(std::fs::read_dir(home.0.path()).unwrap().count(), 1);
    let key = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(open(&home.keyring(Some(key.trim())), &prod, &sealed).unwrap(), settings());
    assert!(!format!("{keyring:?} {:?}", home.keyring(Some(&key))).contains(key.trim()));
}

#[test]
fn a_sealed_secret_belongs_to_one_field_of_one_thing() {
    let (home, prod) = (Home::new(), name("prod"));
    let keyring = home.keyring(None);
    let sealed = seal(&keyring, &prod);
    let other = open(&keyring, &name("test"), &sealed).unwrap_err();
    assert!(other.message().contains("belongs to something else"), "{other:?}");
    let storage = keyring.open(Owner::storage(&prod), FAKE_SERVER.fields, &sealed);
    assert_eq!(storage.unwrap_err().kind(), ErrorKind::Configuration);
    let swapped = json!({ "host": "db", "password": sealed["token"], "token": sealed["password"] });
    assert!(open(&keyring, &prod, &swapped).is_err());
}

#[test]
fn the_key_that_is_needed_is_named() {
    let (home, prod) = (Home::new(), name("prod"));
    let sealed = seal(&home.keyring(None), &prod);
    let id = sealed["password"]["sealed"].as_str().unwrap().split(':').nth(1).unwrap().to_owned();
    let missing = open(&Home::new().keyring(None), &prod, &sealed).unwrap_err();
    let other = open(&home.keyring(Some(&"ab".repeat(32))), &prod, &sealed).unwrap_err();
    for error in [missing, other] {
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(&id), "{error}");
        let advice = error.advice().unwrap();
        assert!(advice.contains(&id) && advice.contains("cadangkan edit prod --password-stdin"), "{advice}");
    }
    let storage = Owner::storage(&prod);
    let lost = Home::new().keyring(None).open(storage, FAKE_SERVER.fields, &sealed).unwrap_err();
    assert!(lost.advice().unwrap().contains("cadangkan storage edit prod --secret password"), "{lost:?}");
    let bad = open(&home.keyring(Some("not a key")), &prod, &sealed).unwrap_err();
    assert!(bad.message().contains(KEY_VARIABLE) && !format!("{bad:?}").contains("not a key\""), "{bad:?}");
}

#[test]
fn every_changed_byte_is_noticed() {
    let (home, prod) = (Home::new(), name("prod"));
    let keyring = home.keyring(None);
    let text = seal(&keyring, &prod)["password"]["sealed"].as_str().unwrap().to_owned();
    for place in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let changed = json!({ "password": { "sealed": String::from_utf8(bytes).unwrap() } });
        assert!(open(&keyring, &prod, &changed).is_err(), "{place}");
    }
    for text in ["", "v1", "v1::", "v2:00000000:AAAA", "v1:00000000:", "v1:0000000g:AAAA", "v1:00000000:A☂"]
    {
        let error = open(&keyring, &prod, &json!({ "password": { "sealed": text } })).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{text}");
    }
}

#[test]
fn processes_that_begin_together_make_one_key() {
    let home = Home::new();
    let names: Vec<_> = (0..8).map(|number| name(&format!("db{number}"))).collect();
    let sealed: Vec<Value> = std::thread::scope(|scope| {
        let sealers: Vec<_> =
            names.iter().map(|name| scope.spawn(|| seal(&home.keyring(None), name))).collect();
        sealers.into_iter().map(|sealer| sealer.join().unwrap()).collect()
    });
    for (name, sealed) in names.iter().zip(&sealed) {
        assert_eq!(open(&home.keyring(None), name, sealed).unwrap(), settings());
    }
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    let (home, prod) = (Home::new(), name("prod"));
    let sealed = seal(&home.keyring(None), &prod);
    std::fs::set_permissions(home.key_file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = open(&home.keyring(None), &prod, &sealed).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.advice().unwrap().contains("chmod 600"), "{error:?}");
    std::fs::set_permissions(home.key_file(), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(home.key_file(), "short\n").unwrap();
    assert_eq!(open(&home.keyring(None), &prod, &sealed).unwrap_err().kind(), ErrorKind::Configuration);
}

#[test]
fn secrets_come_from_files_and_commands() {
    let (home, prod) = (Home::new(), name("prod"));
    let file = home.0.path().join("pass word");
    std::fs::write(&file, "hunter2\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let keyring = home.keyring(None);
    let given = json!({ "host": "db", "password_file": file, "token_command": "echo t" });
    let opened = open(&keyring, &prod, &given).unwrap();
    assert_eq!(opened, json!({ "host": "db", "password": "hunter2", "token": "t" }));
    // Looking without fetching runs and reads nothing.
    let looked = without_fetching(
        FAKE_SERVER.fields,
        &json!({ "host": "db", "password_file": "/nowhere", "token_command": "false" }),
    );
    assert_eq!(looked, json!({ "host": "db", "password": "x", "token": "x" }));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = open(&keyring, &prod, &given).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("mode: 0640"), "{error}");
    let missing = json!({ "password_file": home.0.path().join("nowhere") });
    assert_eq!(open(&keyring, &prod, &missing).unwrap_err().kind(), ErrorKind::NotFound);
    let folder = json!({ "password_file": home.0.path() });
    assert_eq!(open(&keyring, &prod, &folder).unwrap_err().kind(), ErrorKind::Configuration);
    assert!(!home.key_file().exists(), "nothing was sealed, so no key was made");
}

#[test]
fn what_is_piped_in_loses_one_line_break() {
    let read = |text: &[u8]| read_from(text);
    assert_eq!(read(b"hunter2\n").unwrap(), "hunter2");
    assert_eq!(read(b"hunter2\r\n").unwrap(), "hunter2");
    assert_eq!(read(b" a b \n\n").unwrap(), " a b \n");
    for bad in [&b""[..], b"\n", b"a\0b", b"\xff", &[b'a'; LONGEST + 1]] {
        assert_eq!(read(bad).unwrap_err().kind(), ErrorKind::Configuration);
    }
}
