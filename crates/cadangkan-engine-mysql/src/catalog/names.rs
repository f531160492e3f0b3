use cadangkan_core::{Error, ErrorKind, Pattern, Result, Selection};

use super::Relations;

/// Fails with `NotFound` when a plain name of the selection matches nothing, or all of it nothing; with `Unsupported`
/// when it is about schemas.
pub(crate) fn check_names(relations: &Relations, selection: &Selection) -> Result<()> {
    if !selection.schemas.is_empty() || !selection.exclude_schemas.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported, "MySQL has no schemas inside of a database")
            .hint("name tables, or add each database by itself"));
    }
    let tables = relations.tables.iter().map(|table| table.name.name.as_str());
    let others = relations.views.iter().chain(&relations.sequences).map(String::as_str);
    let names: Vec<&str> = tables.chain(others).collect();
    let is_missing =
        |pattern: &&Pattern| !pattern.is_glob() && !names.iter().any(|name| pattern.matches(name));
    if let Some(pattern) = selection.tables.iter().find(is_missing) {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no table \"{}\"", pattern.0))
            .hint("names are matched to the letter, without the database before them"));
    }
    if selection.is_of_tables() && names.is_empty() {
        return Err(Error::new(ErrorKind::NotFound, "the selection matches no table")
            .hint("names are matched to the letter, `*` stands for any run of characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_must_match_something() {
        let relations = Relations { views: vec!["v".into()], ..Relations::default() };
        let pick = |name: &str| Selection { tables: vec![Pattern(name.to_owned())], ..Selection::default() };
        assert!(check_names(&relations, &pick("v")).is_ok());
        let kind = |relations: &Relations, selection| check_names(relations, &selection).unwrap_err().kind();
        assert_eq!(kind(&relations, pick("w")), ErrorKind::NotFound);
        assert_eq!(kind(&Relations::default(), pick("*")), ErrorKind::NotFound);
        let schemas = Selection { schemas: vec![Pattern("x".into())], ..Selection::default() };
        assert_eq!(kind(&relations, schemas), ErrorKind::Unsupported);
    }
}
