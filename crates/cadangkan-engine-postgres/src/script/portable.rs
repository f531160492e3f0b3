//! What no other server takes back.

use std::borrow::Cow;

use super::statement::Statement;

/// An option of columns that only one build knows: Debian's PostgreSQL 17.12 keeps a number of its own with every
/// column of a table. Its own pg_dump leaves it out, that of version 18 writes it, and other servers refuse a table
/// with it (`unrecognized parameter "pg_attver"`). It means nothing outside of the catalog that it was read from.
const OF_ONE_BUILD: &str = "pg_attver";

/// A statement without the options that only the server knows of which it is; `None` when nothing is left of it.
///
/// pg_dump sets a column's options with a statement of its own (`dumpTableSchema` in its pg_dump.c):
/// `ALTER TABLE ONLY public.t ALTER COLUMN c SET (pg_attver=26849072, n_distinct=-0.5)`.
pub(crate) fn portable(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(OF_ONE_BUILD) {
        return Some(Cow::Borrowed(text));
    }
    let statement = Statement::read(text);
    let Some((head, options)) = column_options(&statement) else { return Some(Cow::Borrowed(text)) };
    let kept: Vec<_> =
        options.iter().filter(|(name, _)| name != OF_ONE_BUILD).map(|(_, text)| *text).collect();
    match (kept.len(), options.len()) {
        (0, _) => None,
        (left, all) if left == all => Some(Cow::Borrowed(text)),
        _ => Some(Cow::Owned(format!("{head} ({})", kept.join(", ")))),
    }
}

/// Reads what stands before the options of a column, and each option with its name.
fn column_options<'a>(statement: &Statement<'a>) -> Option<(&'a str, Vec<(String, &'a str)>)> {
    let mut cursor = statement.cursor();
    let is_column = cursor.take_any(&["ALTER TABLE ONLY", "ALTER FOREIGN TABLE ONLY"]).is_some()
        && cursor.name().is_some()
        && cursor.take_words("ALTER COLUMN")
        && cursor.identifier().is_some()
        && cursor.take_word("SET");
    let head = cursor.text_from(0);
    let mut options = Vec::new();
    if !is_column || !cursor.take_symbol("(") {
        return None;
    }
    while !cursor.is_at_end() {
        let from = cursor.index();
        let name = cursor.identifier()?.into_owned();
        while !cursor.is_symbol(",") && !cursor.is_symbol(")") && !cursor.is_at_end() {
            cursor.skip();
        }
        options.push((name, cursor.text_from(from)));
        if cursor.take_symbol(")") {
            return cursor.is_at_end().then_some((head, options));
        }
        cursor.take_symbol(",");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_of_one_build_is_left_out() {
        let set = "ALTER TABLE ONLY public.\"o''d \"\"x\" ALTER COLUMN \"pg_attver\" SET";
        assert_eq!(portable(&format!("{set} (pg_attver=26849072)")), None);
        let several = format!("{set} (pg_attver=1, n_distinct=-0.5, n_distinct_inherited=2)");
        assert_eq!(portable(&several).unwrap(), format!("{set} (n_distinct=-0.5, n_distinct_inherited=2)"));
        let foreign = "ALTER FOREIGN TABLE ONLY f.t ALTER COLUMN a SET (n_distinct=1, pg_attver=2)";
        assert_eq!(
            portable(foreign).unwrap(),
            "ALTER FOREIGN TABLE ONLY f.t ALTER COLUMN a SET (n_distinct=1)"
        );
    }

    #[test]
    fn everything_else_stays_to_the_letter() {
        for text in [
            "ALTER TABLE ONLY public.t ALTER COLUMN c SET (n_distinct=-0.5)",
            "ALTER TABLE ONLY public.t ALTER COLUMN c SET (n_distinct=1) -- pg_attver",
            "ALTER TABLE ONLY public.t ALTER COLUMN pg_attver SET (n_distinct=1)",
            "ALTER TABLE ONLY public.t ALTER COLUMN pg_attver SET DEFAULT (pg_attver())",
            "CREATE VIEW public.v AS\n SELECT 1 AS \"x SET (pg_attver=1) y\"",
            "COMMENT ON COLUMN public.t.c IS 'ALTER COLUMN c SET (pg_attver=1)'",
            "ALTER TABLE ONLY public.t ALTER COLUMN c SET (pg_attver",
        ] {
            assert_eq!(portable(text).as_deref(), Some(text), "{text}");
        }
    }
}
