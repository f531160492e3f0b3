use super::*;

fn databases(taken: &str, left_out: Option<&str>) -> Databases {
    let text = |text: &str| Names::Text(text.to_owned());
    Databases::read(Some(text(taken)), left_out.map(text)).unwrap().unwrap()
}

fn pick(databases: &Databases, all: &[&str]) -> Result<Vec<String>> {
    let all: Vec<String> = all.iter().map(|name| (*name).to_owned()).collect();
    databases.pick(&all)
}

#[test]
fn names_and_globs_take_and_leave() {
    let all = ["app", "a,b", "postgres", "tmp_1", "tmp_2"];
    assert_eq!(pick(&databases("*", None), &all).unwrap(), all);
    assert_eq!(pick(&databases("*", Some("tmp_*, postgres")), &all).unwrap(), ["app", "a,b"]);
    assert_eq!(pick(&databases("app,tmp_?,none_*", None), &all).unwrap(), ["app", "tmp_1", "tmp_2"]);
    let list = Databases::read(Some(Names::List(vec!["a,b".to_owned()])), None).unwrap().unwrap();
    assert_eq!(pick(&list, &all).unwrap(), ["a,b"]);
}

#[test]
fn a_name_that_is_missing_and_an_empty_list_fail() {
    for (taken, left_out) in [("app,gone", None), ("none_*", None), ("*", Some("*"))] {
        let error = pick(&databases(taken, left_out), &["app"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{taken}: {error}");
    }
    // What is left out may be gone.
    assert!(pick(&databases("*", Some("gone")), &["app"]).is_ok());
}

#[test]
fn mistakes_name_their_key() {
    let text = |text: &str| Some(Names::Text(text.to_owned()));
    let wrong = |taken, left_out| Databases::read(taken, left_out).unwrap_err().path;
    assert_eq!(wrong(text("a,,b"), None), ["databases"]);
    assert_eq!(wrong(Some(Names::List(Vec::new())), None), ["databases"]);
    assert_eq!(wrong(text("*"), text("")), ["exclude_databases"]);
    assert_eq!(wrong(None, text("tmp_*")), ["exclude_databases"]);
    assert_eq!(Databases::read(None, None), Ok(None));
}

#[test]
fn spelled_names_are_matched_as_they_are_spelled() {
    let odd = databases("o'\"dd,x*", None);
    for (name, meant) in [("o'\"dd", true), ("x\n", true), ("other", false)] {
        assert_eq!(odd.means_spelled(&name.escape_debug().to_string()), meant, "{name:?}");
    }
}
