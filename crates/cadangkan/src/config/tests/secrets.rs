use super::*;

fn mistakes(settings: &str) -> String {
    Machine::new(&format!("databases:\n  app:\n    fake: {settings}\n")).mistakes()
}

#[test]
fn a_secret_comes_from_one_place() {
    for good in [
        "{ host: db }",
        "{ host: db, password: x }",
        "{ host: db, password_file: secret }",
        "{ host: db, password_command: 'pass show db', token_file: t }",
        "{ host: db, password_keyring: shop }",
        "{ host: db, password: }",
    ] {
        assert_eq!(mistakes(good), "", "{good}");
    }
    let both = mistakes("{ host: db, password: hunter2, password_file: secret }");
    assert!(both.contains("`password_file` stands beside `password`"), "{both}");
    assert!(!both.contains("hunter2"), "{both}");
    for (wrong, message) in [
        ("{ host: db, password_file: 7 }", "`password_file` must be text, not a number"),
        ("{ host: db, password_command: '' }", "`password_command` must be text"),
        ("{ host: db, password_keyring: [] }", "`password_keyring` must be text"),
        ("{ host: db, password_fiel: x }", "did you mean `password_file`?"),
        ("{ host: db, host_file: x }", "unknown key `host_file`"),
    ] {
        assert!(mistakes(wrong).contains(message), "{wrong}: {}", mistakes(wrong));
    }
}

#[test]
fn sealed_secrets_are_for_the_catalog() {
    let text = mistakes("{ host: db, password: { sealed: 'v1:00000000:AAAA' } }");
    assert!(text.contains("sealed secrets are for the catalog only"), "{text}");
}

#[test]
fn files_of_secrets_begin_at_the_configuration() {
    let machine = Machine::new("databases: { app: { fake: { host: db, password_file: a/b } } }\n");
    let config = machine.load().unwrap();
    let settings = &config.databases[0].settings;
    assert_eq!(settings["password_file"], machine.path("a/b").to_str().unwrap());
    assert_eq!(settings.get("password"), None);
    assert!(!format!("{config:?}").contains("a/b"), "settings are not for logs");
}

#[test]
fn looking_fetches_nothing() {
    // Neither is there; that matters only to what connects.
    let machine = Machine::new(
        "databases: { a: { fake: { host: db, password_file: nowhere } }, b: { fake: { host: db, password_command: 'exit 1' } } }\n",
    );
    assert_eq!(machine.load().unwrap().databases.len(), 2);
}
