//! Tablespaces: folders on the server that a backup only names.

use cadangkan_core::{Control, Level, Result};
use cadangkan_engine::LoadRequest;
use cadangkan_pgwire::{Connection, identifier, literal};
use serde::Deserialize;
use serde_json::Value;

use super::statement::explain;

/// One tablespace, as the backup's attributes describe it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Tablespace {
    name: String,
    owner: String,
    location: String,
    options: Option<String>,
    comment: Option<String>,
    #[serde(default)]
    grants: Vec<Grant>,
}

/// Who else may make things in a tablespace.
#[derive(Clone, Debug, Deserialize)]
struct Grant {
    /// None is everyone.
    role: Option<String>,
    /// Whether the role may let others.
    grantable: bool,
}

/// Lists the tablespaces of a backup, where it says enough of them to make them.
pub(super) fn of(request: &LoadRequest) -> Vec<Tablespace> {
    let list = request.attributes.get("tablespaces").and_then(Value::as_array);
    let all = list.into_iter().flatten().filter_map(|value| Tablespace::deserialize(value).ok());
    let no_privileges = request.options.no_privileges;
    all.map(|one| if no_privileges { Tablespace { grants: Vec::new(), ..one } } else { one }).collect()
}

/// Makes those tablespaces that are missing, and takes them off the list of missing ones.
///
/// What cannot be made is said: the folder must be there, empty, and the server's own (manual, CREATE TABLESPACE).
/// What would lie there then goes to the database's own tablespace.
pub(super) fn make(
    connection: &mut Connection,
    tablespaces: &[Tablespace],
    missing: &mut Vec<String>,
    control: &Control<'_>,
) -> Result<()> {
    for tablespace in tablespaces {
        if !missing.contains(&tablespace.name) {
            continue;
        }
        let problem = if connection.in_transaction() {
            Some("not within one transaction".to_owned())
        } else {
            connection.execute(&statement(tablespace), control).err().map(|error| error.chain().join(": "))
        };
        control.check()?;
        match problem {
            None => {
                missing.retain(|name| *name != tablespace.name);
                for more in tablespace.details() {
                    connection
                        .execute(&more, control)
                        .map_err(|error| explain(error, "tablespace", &more))?;
                }
            }
            Some(problem) => {
                let name = &tablespace.name;
                let text = format!(
                    "the tablespace {name} is not made, what lies there goes to the database's own: {problem}"
                );
                control.message(Level::Warning, &text);
            }
        }
    }
    Ok(())
}

impl Tablespace {
    /// Statements for what CREATE TABLESPACE cannot say.
    fn details(&self) -> Vec<String> {
        let name = identifier(&self.name);
        let grant = |grant: &Grant| {
            let role = grant.role.as_deref().map_or_else(|| "PUBLIC".to_owned(), identifier);
            let option = if grant.grantable { " WITH GRANT OPTION" } else { "" };
            format!("GRANT CREATE ON TABLESPACE {name} TO {role}{option}")
        };
        let comment = self.comment.iter();
        let comment = comment.map(|text| format!("COMMENT ON TABLESPACE {name} IS {}", literal(text)));
        self.grants.iter().map(grant).chain(comment).collect()
    }
}

fn statement(tablespace: &Tablespace) -> String {
    let Tablespace { name, owner, location, options, .. } = tablespace;
    // Numbers and names with numbers: anything else does not come from a server.
    let plain = |text: &&String| {
        text.chars().all(|character| character.is_ascii_alphanumeric() || "_=., ".contains(character))
    };
    let with = options.as_ref().filter(plain).map(|options| format!(" WITH ({options})")).unwrap_or_default();
    format!(
        "CREATE TABLESPACE {} OWNER {} LOCATION {}{with}",
        identifier(name),
        identifier(owner),
        literal(location)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_no_server_has_are_left_out() {
        let mut tablespace = Tablespace {
            name: "fa\"st".into(),
            owner: "me".into(),
            location: "/ssd's".into(),
            options: Some("seq_page_cost=1.5".into()),
            comment: Some("it's".into()),
            grants: vec![
                Grant { role: None, grantable: false },
                Grant { role: Some("a\"b".into()), grantable: true },
            ],
        };
        let expected =
            "CREATE TABLESPACE \"fa\"\"st\" OWNER \"me\" LOCATION '/ssd''s' WITH (seq_page_cost=1.5)";
        assert_eq!(statement(&tablespace), expected);
        let expected = [
            "GRANT CREATE ON TABLESPACE \"fa\"\"st\" TO PUBLIC",
            "GRANT CREATE ON TABLESPACE \"fa\"\"st\" TO \"a\"\"b\" WITH GRANT OPTION",
            "COMMENT ON TABLESPACE \"fa\"\"st\" IS 'it''s'",
        ];
        assert_eq!(tablespace.details(), expected);
        tablespace.options = Some("x=1); DROP TABLE t; --".into());
        assert!(statement(&tablespace).ends_with("'/ssd''s'"));
    }
}
