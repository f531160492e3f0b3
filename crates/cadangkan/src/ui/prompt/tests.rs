use std::io::Cursor;

use super::*;

/// Asks with `input` as the answers; returns the result and what was shown.
fn asked<T>(input: &str, question: impl FnOnce(&mut Prompter<'_>) -> Result<T>) -> (Result<T>, String) {
    let (mut input, mut output) = (Cursor::new(input.as_bytes().to_vec()), Vec::new());
    let style = Style::default();
    let result = question(&mut Prompter::new(&mut input, &mut output, Answers::Input, style));
    (result, String::from_utf8(output).unwrap())
}

#[test]
fn only_a_yes_is_a_yes() {
    let cases =
        [("y\n", true), ("YES\r\n", true), ("\n", false), ("n\n", false), ("", false), ("maybe\ny\n", true)];
    for (input, expected) in cases {
        assert_eq!(asked(input, |prompt| prompt.confirm("Delete it?")).0.unwrap(), expected, "{input:?}");
    }
    assert!(!asked(&"maybe\n".repeat(50), |prompt| prompt.confirm("Delete it?")).0.unwrap());
    let (_, shown) = asked("x\ny\n", |prompt| prompt.confirm("Delete \u{1b}[1mit?"));
    let question = "Delete \\u{1b}[1mit? [y/N] ";
    assert_eq!(shown, format!("{question}please answer y or n\n{question}"));
}

#[test]
fn the_name_must_be_typed() {
    for (input, expected) in
        [("shop\n", true), (" shop \n", true), ("Shop\n", false), ("y\n", false), ("", false)]
    {
        let (result, _) = asked(input, |prompt| prompt.confirm_name("This overwrites shop.", "shop"));
        assert_eq!(result.unwrap(), expected, "{input:?}");
    }
}

#[test]
fn nobody_is_never_asked() {
    let (mut input, mut output) = (Cursor::new(b"y\ny\ny\n".to_vec()), Vec::new());
    let mut prompt = Prompter::new(&mut input, &mut output, Answers::Nobody, Style::default());
    assert!(!prompt.is_interactive());
    let error = prompt.confirm("Delete it?").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.advice().unwrap().contains("--yes"));
    assert!(prompt.confirm_name("a", "b").is_err());
    assert!(prompt.choose("a", &["b".into()]).is_err());
    assert!(prompt.ask("a", Some("b")).is_err());
    assert!(prompt.ask_hidden("a").is_err());
    assert!(output.is_empty());
}

#[test]
fn chooses_within_the_range() {
    let options = ["one".to_owned(), "two".to_owned()];
    let (result, shown) = asked("0\n3\nx\n2\n", |prompt| prompt.choose("Which?", &options));
    assert_eq!(result.unwrap(), 1);
    assert!(shown.starts_with("   1) one\n   2) two\nWhich? [1-2]: please type a number from 1 to 2\n"));
    let error = asked("", |prompt| prompt.choose("Which?", &options)).0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(asked(&"9\n".repeat(50), |prompt| prompt.choose("Which?", &options)).0.is_err());
    assert!(asked(&"1\n".repeat(50), |prompt| prompt.choose("Which?", &[])).0.is_err());
}

#[test]
fn asks_for_text() {
    assert_eq!(asked(" a b \n", |prompt| prompt.ask("Path", None)).0.unwrap(), "a b");
    assert_eq!(asked("\n", |prompt| prompt.ask("Path", Some("x"))).0.unwrap(), "x");
    assert_eq!(asked("\n\na\n", |prompt| prompt.ask("Path", None)).0.unwrap(), "a");
    assert_eq!(asked("last", |prompt| prompt.ask("Path", None)).0.unwrap(), "last");
    assert_eq!(asked("", |prompt| prompt.ask("Path", Some("x"))).0.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(
        asked("a\u{3}", |prompt| prompt.ask("Path", None)).0.unwrap_err().kind(),
        ErrorKind::Cancelled
    );
    assert!(asked(&"a".repeat(LONGEST + 10), |prompt| prompt.ask("Path", None)).0.is_err());
}

#[test]
fn hidden_answers_are_kept_whole() {
    let (result, shown) = asked(" hunter2 \n", |prompt| prompt.ask_hidden("Password"));
    assert_eq!(result.unwrap(), " hunter2 ");
    assert_eq!(shown, "Password: \n");
}

#[test]
fn several_are_picked_by_numbers_and_names() {
    let options = ["shop", "shop_temp", "wiki", "2"].map(str::to_owned);
    let pick = |input: &str| asked(input, |prompt| prompt.choose_several("Which", &options));
    assert_eq!(pick("1,3-4\n").0.unwrap(), [0, 2, 3]);
    assert_eq!(pick("shop_*, 1 , wiki\n").0.unwrap(), [0, 1, 2]);
    assert_eq!(pick("*\n").0.unwrap(), [0, 1, 2, 3]);
    let (picked, shown) = pick("\n0\n5\n3-1\nnone\n");
    assert_eq!(picked.unwrap_err().kind(), ErrorKind::Usage);
    assert!(shown.contains("   2) shop_temp\n") && shown.contains("nothing here is 3-1"), "{shown}");
    assert_eq!(pick("").0.unwrap_err().kind(), ErrorKind::Cancelled);
}
