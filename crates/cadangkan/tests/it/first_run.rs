//! What somebody sees who starts the program for the first time.

use crate::pty::Terminal;
use crate::support::{Home, make_shop};

#[test]
fn without_a_terminal_it_says_what_there_is() {
    let home = Home::empty();
    let welcome = home.good(&[] as &[&str]);
    assert!(welcome.starts_with("Welcome to Cadangkan. Nothing is configured yet.\n"), "{welcome}");
    for command in
        ["cadangkan demo", "cadangkan add sqlite <name> --path <path>", "cadangkan init", "cadangkan help"]
    {
        assert!(welcome.contains(command), "{command}: {welcome}");
    }
    // Once there is something, its status is what one wants to see.
    make_shop(&home.path("shop.db"));
    home.good(&["add", "sqlite", "shop", "--path", "shop.db"]);
    assert!(home.good(&[] as &[&str]).starts_with("Databases:  1 (1 active)"));
}

#[test]
fn the_guide_leads_to_a_first_backup() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    let mut terminal = Terminal::start(&home, &[], &[]);
    terminal.answer("What would you like to do? [1-4]: ", "9");
    terminal.expect("please type a number from 1 to 4");
    terminal.answer("[1-4]: ", "1");
    terminal.answer("What kind of database? [1-3]: ", "1");
    // Answers that do not do are asked for again.
    terminal.answer("What to call it [production]: ", "my shop");
    terminal.expect("\"my shop\" is not a usable name");
    terminal.answer("What to call it [production]: ", "");
    terminal.answer("The database's file: ", "nowhere.db");
    terminal.expect("does not exist");
    terminal.answer("The database's file: ", "shop.db");
    terminal.answer("Back it up now? [y/N] ", "y");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("Backup complete") && screen.contains("Backup ID:  "), "{screen}");
    assert_eq!(screen.matches("Next steps:").count(), 1, "{screen}");
    assert_eq!(home.json(&["backups", "list", "production"]).as_array().unwrap().len(), 1);
}

#[test]
fn the_guide_writes_a_configuration_or_shows_the_commands() {
    let home = Home::empty();
    let mut terminal = Terminal::start(&home, &[], &[]);
    terminal.answer("[1-4]: ", "4");
    let (code, screen) = terminal.end();
    assert!(code == 0 && screen.contains("Usage: cadangkan"), "{screen}");
    let mut terminal = Terminal::start(&home, &[], &[]);
    terminal.answer("[1-4]: ", "3");
    assert_eq!(terminal.end().0, 0);
    assert!(home.path(".cadangkan/config.yaml").exists());
}

#[test]
fn what_is_missing_is_asked_for() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    let mut terminal = Terminal::start(&home, &["add", "sqlite", "shop"], &[]);
    terminal.answer("The database's file: ", "~/shop.db");
    let (code, screen) = terminal.end();
    assert!(code == 0 && screen.contains("Added shop"), "{screen}");
}

#[test]
fn questions_are_answered_on_the_terminal() {
    let home = Home::with_shop();
    home.back_up();
    // Also who wants quiet is told what the question is about.
    let mut terminal = Terminal::start(&home, &["restore", "shop", "--quiet"], &[]);
    terminal.expect("This replaces what is in the target.");
    terminal.answer("Continue? [y/N] ", "n");
    let (code, screen) = terminal.end();
    assert!(code == 130 && screen.contains("nothing was changed"), "{screen}");
    let mut terminal = Terminal::start(&home, &["restore", "shop"], &[]);
    terminal.answer("Continue? [y/N] ", "y");
    let (code, screen) = terminal.end();
    assert!(code == 0 && screen.contains("Restore complete"), "{screen}");
    assert!(screen.contains("\u{1b}[32m✓\u{1b}[0m"), "{screen:?}");

    home.good(&["remove", "shop", "--yes"]);
    home.good(&["add", "sqlite", "shop", "--path", "shop.db", "--production"]);
    for (typed, code) in [("yes", 130), ("shop", 0)] {
        let mut terminal = Terminal::start(&home, &["restore", "shop", "--no-color"], &[]);
        terminal.expect("This is a production database.");
        terminal.answer("Type shop to go on: ", typed);
        let (ended, screen) = terminal.end();
        assert_eq!(ended, code, "{screen}");
    }
}
