//! The prompter on a real terminal: what is shown, and what Ctrl-C does.

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::fd::AsFd;

use rustix::fs::{Mode as FileMode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::*;

/// A terminal and the keyboard and screen behind it.
fn terminal() -> (File, File) {
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    let name = ptsname(&keyboard, Vec::new()).unwrap();
    let terminal = open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, FileMode::empty()).unwrap();
    (terminal.into(), keyboard.into())
}

/// Asks on a terminal, types `keys` once the question is shown, and returns the answer and the screen.
fn typed<T>(keys: &str, question: impl FnOnce(&mut Prompter<'_>) -> Result<T>) -> (Result<T>, String) {
    let (terminal, mut keyboard) = terminal();
    let before = tcgetattr(&terminal).unwrap();
    let mut input = BufReader::new(terminal.try_clone().unwrap());
    let mut output = terminal.try_clone().unwrap();
    let (result, screen) = std::thread::scope(|scope| {
        let person = scope.spawn(|| {
            let mut screen = String::new();
            let mut byte = [0];
            while !screen.contains(": ") && keyboard.read(&mut byte).unwrap() > 0 {
                screen.push(char::from(byte[0]));
            }
            keyboard.write_all(keys.as_bytes()).unwrap();
            screen
        });
        let answers = Answers::Terminal(terminal.as_fd());
        let result = question(&mut Prompter::new(&mut input, &mut output, answers, Style::default()));
        (result, person.join().unwrap())
    });
    let after = tcgetattr(&terminal).unwrap();
    assert_eq!(before.local_modes, after.local_modes, "the terminal is as it was");
    assert!(after.local_modes.contains(LocalModes::ECHO | LocalModes::ISIG));
    // An end mark, so that reading what is left on the screen cannot wait for more.
    (&terminal).write_all(b"\x04end\n").unwrap();
    let mut rest = String::new();
    let mut byte = [0];
    while !rest.ends_with("\u{4}end") && keyboard.read(&mut byte).unwrap() > 0 {
        rest.push(char::from(byte[0]));
    }
    (result, screen + &rest)
}

#[test]
fn answers_are_edited_and_shown() {
    let (result, screen) = typed("Adda\u{7f}\u{7f}a\n", |prompt| prompt.ask("Name", None));
    assert_eq!(result.unwrap(), "Ada");
    assert!(screen.contains("Adda"), "{screen:?}");
}

#[test]
fn hidden_answers_do_not_reach_the_screen() {
    let (result, screen) = typed("hunter2\n", |prompt| prompt.ask_hidden("Password"));
    assert_eq!(result.unwrap(), "hunter2");
    assert!(screen.contains("Password: ") && !screen.contains("hunter"), "{screen:?}");
}

#[test]
fn interrupting_ends_the_question() {
    for keys in ["\u{3}", "half\u{3}"] {
        let (result, _) = typed(keys, |prompt| prompt.ask_hidden("Password"));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
        let (result, _) = typed(keys, |prompt| prompt.ask("Name", Some("x")));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    }
}

#[test]
fn the_end_of_the_input_is_a_no() {
    let (result, _) = typed("\u{4}", |prompt| prompt.confirm("Sure: "));
    assert!(!result.unwrap());
}
