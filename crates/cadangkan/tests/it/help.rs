//! The help texts at every level.

use crate::support::Home;

/// The names under a heading of a help text.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| !matches!(*line, "Commands:" | "Engines:" | "Kinds:")).skip(1);
    lines
        .take_while(|line| !line.is_empty())
        // Lines further in go on with the description above them.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

/// Appends the help of a command and of all below it.
fn collect(home: &Home, words: &[String], texts: &mut String) {
    let mut arguments = words.to_vec();
    arguments.push("--help".to_owned());
    let help = home.good(&arguments);
    assert!(help.contains("\nExamples:\n  cadangkan "), "{words:?} has no examples");
    texts.push_str(&format!("$ cadangkan {}\n{help}\n", arguments.join(" ")));
    for name in subcommands(&help) {
        collect(home, &[words, &[name]].concat(), texts);
    }
}

/// All commands that have none below them, as words.
pub(crate) fn leaves(home: &Home) -> Vec<Vec<String>> {
    let (mut found, mut open) = (Vec::new(), vec![Vec::new()]);
    while let Some(words) = open.pop() {
        let below = subcommands(&home.good(&[&words[..], &["--help".to_owned()]].concat()));
        if below.is_empty() {
            found.push(words);
        } else {
            open.extend(below.into_iter().map(|name| [&words[..], &[name]].concat()));
        }
    }
    found
}

#[test]
fn all_help_texts() {
    let home = Home::empty();
    let root = home.good(&["--help"]);
    insta::assert_snapshot!("cadangkan", root);
    let commands = subcommands(&root);
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        let mut texts = String::new();
        collect(&home, std::slice::from_ref(&command), &mut texts);
        insta::assert_snapshot!(command, texts);
    }
}

#[test]
fn short_and_long_ways_give_the_same() {
    let home = Home::empty();
    assert_eq!(home.good(&["help"]), home.good(&["--help"]));
    assert_eq!(home.good(&["help", "backup"]), home.good(&["backup", "--help"]));
    assert_eq!(home.good(&["-V"]), format!("cadangkan {}\n", env!("CARGO_PKG_VERSION")));
    assert!(home.good(&["ls", "-h"]).contains("cadangkan list"));
    // Looking at the help is nothing that leaves traces.
    assert!(!home.path(".cadangkan").exists());
}
