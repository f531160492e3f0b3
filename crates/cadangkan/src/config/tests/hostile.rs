use super::*;

#[test]
fn a_small_file_cannot_become_a_large_tree() {
    let mut laughs = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (name, of) in
        ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip(["a", "b", "c", "d", "e", "f", "g", "h"])
    {
        let list = vec![format!("*{of}"); 9].join(", ");
        laughs.push_str(&format!("{name}: &{name} [{list}]\n"));
    }
    let mistakes = Machine::new(&laughs).mistakes();
    assert!(mistakes.contains("larger or more deeply nested") || mistakes.contains("alias"), "{mistakes}");
    assert!(mistakes.len() < 10_000, "{}", mistakes.len());
}

#[test]
fn deep_nesting_is_refused() {
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(10_000)] {
        let mistakes = Machine::new(&text).mistakes();
        let first = mistakes.lines().next().unwrap_or_default();
        assert!(first.contains("deeply nested"), "{first}");
    }
}

#[test]
fn odd_files_are_refused_with_a_reason() {
    let machine = Machine::new("");
    std::fs::write(machine.path("config.yaml"), b"a: \xff\xfe").unwrap();
    assert!(machine.load().unwrap_err().message().contains("UTF-8"));
    std::fs::write(machine.path("config.yaml"), vec![b'#'; 5 * 1024 * 1024]).unwrap();
    assert!(machine.load().unwrap_err().message().contains("too large"));
    std::fs::remove_file(machine.path("config.yaml")).unwrap();
    std::fs::create_dir(machine.path("config.yaml")).unwrap();
    assert!(machine.load().is_err());
}

/// Whatever the text, there is a configuration or a list of mistakes, never a panic.
#[test]
fn no_text_makes_it_panic() {
    let seed = super::samples::uncommented();
    let odd =
        ["*a", "&a", "!!binary x", "|", "{", "]", ": ", "\t", "\0", "é", "${", "<<: *a", "? ", "---\n", "~"];
    let borders: Vec<usize> = seed.char_indices().map(|(index, _)| index).collect();
    for (round, border) in borders.iter().enumerate().step_by(11) {
        let (before, after) = seed.split_at(*border);
        let insert = odd[round % odd.len()];
        for text in [format!("{before}{insert}{after}"), before.to_owned()] {
            let _ = Machine::new(&text).mistakes();
        }
    }
}

/// Neither the value of a variable nor what follows the key of a secret is shown.
#[test]
fn secrets_stay_secret() {
    let text = "\
defaults: { compression: '${SECRET}', level: '${SECRET}', memory: '${SECRET}', check: '${SECRET}' }
timezone: ${SECRET}
databases: { shop: { sqlite: { path: '', busy_timeout: '${SECRET}' }, file_name: '${SECRET}', storage: ['${SECRET}'] } }
";
    let machine = Machine::new(text).variable("SECRET", "hunter2");
    let error = machine.load().unwrap_err();
    let shown = format!("{}{:?}{}", machine.mistakes(), error, crate::ui::error::to_json(&error));
    assert!(!shown.contains("hunter2"), "{shown}");
    machine.write(".env", "A='hunter2");
    assert!(!machine.mistakes().contains("hunter2"));
}
