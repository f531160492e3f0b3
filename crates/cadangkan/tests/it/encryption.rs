//! Keys from the command line, the configuration, the environment and a terminal.

use std::os::unix::fs::PermissionsExt;

use crate::support::{Home, Ran, make_shop};

const PASSPHRASE: &str = "correct horse battery staple";

fn write_secret(home: &Home, name: &str, text: &str) {
    std::fs::write(home.path(name), text).unwrap();
    std::fs::set_permissions(home.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn with_passphrase(home: &Home, arguments: &[&str], passphrase: &str) -> Ran {
    Ran::of(home.command(arguments).env("CADANGKAN_PASSPHRASE", passphrase))
}

#[test]
fn the_configuration_encrypts_and_opens_and_the_environment_opens_elsewhere() {
    let home = Home::with_shop();
    write_secret(&home, ".cadangkan/backup.txt", &format!("{PASSPHRASE}\n"));
    home.configure(
        "defaults: { encryption: { passphrase_file: backup.txt, kdf: pbkdf2, kdf_iterations: 2000 } }\n",
    );
    let report = home.json(&["backup", "shop"]);
    assert_eq!(report["encryption"]["cipher"], "aes-256-gcm");
    assert_eq!(report["encryption"]["keys"][0]["iterations"], 2000);
    let file = report["archive"]["file"].as_str().unwrap();
    assert!(file.ends_with(".sqlite.zst.enc"), "{file}");
    home.good(&["restore", "shop", "--to", "here.db"]);
    assert_eq!(std::fs::read(home.path("here.db")).unwrap(), std::fs::read(home.path("shop.db")).unwrap());
    // On another machine there is the file alone.
    let other = Home::empty();
    let archive = home.files(".cadangkan").into_iter().find(|path| path.ends_with(file)).unwrap();
    std::fs::copy(archive, other.path("found.enc")).unwrap();
    let arguments = ["restore", "--file", "found.enc", "--to", "there.db"];
    let ran = other.run(&arguments);
    assert_eq!(ran.code, 17, "{}", ran.stderr);
    assert!(ran.stderr.contains("CADANGKAN_PASSPHRASE"), "{}", ran.stderr);
    assert_eq!(with_passphrase(&other, &arguments, "another passphrase").code, 17);
    assert_eq!(with_passphrase(&other, &arguments, PASSPHRASE).code, 0);
    assert_eq!(std::fs::read(other.path("there.db")).unwrap(), std::fs::read(home.path("shop.db")).unwrap());
}

#[test]
fn what_protects_nothing_or_does_not_fit_is_refused_before_anything_is_made() {
    let home = Home::with_shop();
    home.good(&["key", "generate", "pair.txt"]);
    home.good(&["key", "generate", "sym.key", "--symmetric"]);
    write_secret(&home, "short.txt", "short");
    write_secret(&home, "open.txt", "a passphrase that others can read");
    std::fs::set_permissions(home.path("open.txt"), std::fs::Permissions::from_mode(0o644)).unwrap();
    for (arguments, code, part) in [
        (&["--passphrase-file", "short.txt"][..], 3, "fewer than 12 characters"),
        (&["--passphrase-file", "open.txt"], 8, "chmod 600"),
        (&["--passphrase-file", "none.txt"], 4, "none.txt"),
        (&["--encrypt"], 2, "CADANGKAN_PASSPHRASE"),
        (&["--recipient", "age1nonsense"], 2, "not a public key"),
        (&["--key-file", "pair.txt"], 3, "not a key"),
        (&["--key-file", "sym.key", "--cipher", "age"], 3, "key files"),
        (&["--key-file", "sym.key", "--cipher", "rot13"], 2, "aes-256-gcm"),
        (&["--hide-names"], 2, "required"),
        (&["--no-encrypt", "--key-file", "sym.key"], 2, "cannot be used with"),
    ] {
        let ran = home.run(&[&["backup", "shop"][..], arguments].concat());
        assert_eq!(ran.code, code, "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(part), "{arguments:?}: {}", ran.stderr);
    }
    assert_eq!(home.json(&["backups", "list"]), serde_json::json!([]));
    home.good(&["backup", "shop", "--passphrase-file", "short.txt", "--weak-passphrase"]);
    for wrong in
        ["cipher: rot13", "recipients: [age1x]", "kdf: md5", "kdf_memory: 90TB", "passphras: x", "cipher: []"]
    {
        home.configure(&format!("defaults: {{ encryption: {{ {wrong} }} }}\n"));
        let ran = home.run(&["config", "validate"]);
        assert_eq!(ran.code, 3, "{wrong}: {}", ran.stdout);
        assert!(ran.stderr.contains("config.yaml:1:"), "{wrong}: {}", ran.stderr);
    }
}

#[test]
fn keys_of_stored_backups_change_and_what_is_left_is_said() {
    let home = Home::with_shop();
    home.good(&["key", "generate", "one.txt"]);
    home.good(&["key", "generate", "other.txt"]);
    let public = |name: &str| {
        let text = std::fs::read_to_string(home.path(name)).unwrap();
        text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned()
    };
    assert_eq!(std::fs::metadata(home.path("one.txt")).unwrap().permissions().mode() & 0o777, 0o600);
    home.good(&["backup", "shop", "--recipient", &public("one.txt")]);
    home.good(&["backup", "shop", "--recipient", &public("other.txt")]);
    let ran = home.run(&["key", "add", "shop", "--recipient", &public("other.txt"), "--key-file", "one.txt"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("Changed 1 stored backup; 1 was so already"), "{}", ran.stdout);
    home.configure("defaults: { encryption: { key_file: ../sym.key } }\n");
    home.good(&["key", "generate", "sym.key", "--symmetric"]);
    let ran = home.run(&["key", "rotate", "shop", "--key-file", "one.txt"]);
    assert_eq!(ran.code, 15, "{}", ran.stderr);
    assert!(ran.stdout.contains("Changed 1 stored backup; 1 is left"), "{}", ran.stdout);
    assert!(ran.stderr.contains("run it again"), "{}", ran.stderr);
    assert_eq!(home.run(&["key", "rotate", "shop", "--key-file", "other.txt"]).code, 0);
    home.good(&["restore", "shop", "--to", "back.db"]);
    let list = home.json(&["key", "list", "shop"]);
    assert_eq!(list["backups"].as_array().unwrap().len(), 1, "{list}");
}

#[test]
fn the_kit_has_secrets_only_when_asked_and_only_for_its_owner() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    write_secret(&home, "backup.txt", PASSPHRASE);
    home.configure(
        "databases: { shop: { sqlite: { path: ../shop.db }, encryption: { passphrase_file: ../backup.txt } } }\n",
    );
    for (name, secret) in [("a.txt", false), ("b.txt", true), ("a.pdf", false), ("b.pdf", true)] {
        let more = if secret { &["--with-secrets"][..] } else { &[] };
        home.good(&[&["key", "kit", "shop", "--to", name][..], more].concat());
        let bytes = std::fs::read(home.path(name)).unwrap();
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert_eq!(has(PASSPHRASE), secret, "{name}");
        assert!(has("cadangkan adopt home") && has("backups"), "{name}");
        assert_eq!(bytes.starts_with(b"%PDF-"), name.ends_with(".pdf"));
        assert_eq!(std::fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(home.run(&["key", "kit", "shop", "--to", "a.pdf"]).code, 5);
}
