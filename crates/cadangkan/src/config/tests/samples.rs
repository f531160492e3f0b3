use super::*;

/// The sample with all its examples switched on.
pub(super) fn uncommented() -> String {
    let uncomment = |line: &str| {
        let Some((indent, rest)) = line.split_once("# ") else { return line.to_owned() };
        // Sentences stay comments; examples are keys, with or without a value.
        let key = rest.trim_start().split_once(':').map(|(key, _)| key);
        let is_key = key.is_some_and(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
        if indent.trim().is_empty() && is_key { format!("{indent}{rest}") } else { line.to_owned() }
    };
    sample().lines().map(|line| uncomment(line) + "\n").collect()
}

#[test]
fn the_sample_works_as_it_stands() {
    let machine = Machine::new(sample());
    assert_eq!(machine.mistakes(), "");
    let config = machine.load().unwrap();
    assert_eq!((config.storages.len(), config.databases.len()), (1, 0));
    // What it writes out as defaults are the defaults.
    let (given, built_in) = (config.defaults, Defaults::default());
    assert_eq!(given.compression.value, built_in.compression.value);
    assert_eq!(given.level.value, Some(built_in.compression.value.default_level()));
    assert_eq!(given.check.value, built_in.check.value);
    assert_eq!(given.fingerprints.value, built_in.fingerprints.value);
}

#[test]
fn all_its_examples_work() {
    let text = uncommented();
    for profile in [None, Some("laptop")] {
        let machine = Machine { profile, ..Machine::new(&text) };
        assert_eq!(machine.mistakes(), "");
        let config = machine.load().unwrap();
        assert_eq!((config.storages.len(), config.databases.len()), (2, 2), "{text}");
        assert_eq!(config.profiles, ["laptop"]);
        assert!(config.timezone.is_some());
        assert_eq!(config.defaults.memory.value, Defaults::default().memory.value);
    }
    // Every key there is stands in the sample, so that nothing is left unexplained.
    for key in DATABASE_KEYS.iter().chain(STORAGE_KEYS).chain(CHANNEL_KEYS) {
        assert!(text.contains(&format!("{key}:")), "{key}");
    }
}
