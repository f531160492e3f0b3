//! The fields of an engine or a storage on the command line: a flag for each, made from its descriptor.

use std::collections::BTreeMap;

use cadangkan_core::settings::{Field, FieldKind, SettingsError};
use cadangkan_core::{Error, ErrorKind, Result};
use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Map, Value};

use crate::app::App;
use crate::commands::secret;
use crate::secrets;

/// What was typed for fields.
#[derive(Debug)]
pub(crate) struct Typed {
    fields: BTreeMap<String, String>,
    /// The secret that is read from the standard input.
    from_stdin: Option<&'static Field>,
}

impl Typed {
    /// Reads the flags that [`args`] made.
    pub(crate) fn read(fields: &'static [Field], matches: &ArgMatches) -> Self {
        let text = |key: &str| matches.get_one::<String>(key).cloned();
        Typed {
            fields: typed_keys(fields).filter_map(|key| text(&key).map(|text| (key, text))).collect(),
            from_stdin: secrets::secret_fields(fields).find(|field| matches.get_flag(&stdin_flag(field))),
        }
    }

    /// Lays what was typed over `map`, and asks for what is required and missing when somebody can answer.
    pub(crate) fn settings(
        &self,
        app: &App,
        fields: &[Field],
        mut map: Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        for field in fields {
            for source in secrets::keys_of(field) {
                if let Some(text) = self.fields.get(&source) {
                    map.insert(source, typed(field, text)?);
                }
            }
            if self.from_stdin.is_some_and(|secret| secret.name == field.name) {
                let secret = secret::read(app, field)?;
                map.insert(field.name.to_owned(), Value::from(secret));
            }
            if !is_given(field, &map) && field.required {
                map.insert(field.name.to_owned(), typed(field, &ask(app, field)?)?);
            }
        }
        Ok(map)
    }
}

/// Tells whether a field, or where its secret comes from, is in settings.
pub(crate) fn is_given(field: &Field, map: &Map<String, Value>) -> bool {
    secrets::keys_of(field).iter().any(|key| map.contains_key(key))
}

/// Refuses a secret that is given twice, and makes paths absolute.
pub(crate) fn finish(app: &App, fields: &[Field], map: Map<String, Value>) -> Result<Value> {
    refuse_two_sources(fields, &map)?;
    app.absolute_paths(fields, Value::Object(map))
}

/// Takes the settings that a URL stood for, and warns of a secret in it.
pub(crate) fn of_url(
    app: &App,
    fields: &[Field],
    kind: &str,
    parsed: Option<Result<Value, SettingsError>>,
) -> Result<Map<String, Value>> {
    let other = || Error::new(ErrorKind::Usage, format!("not a URL of {kind}"));
    let parsed = parsed.ok_or_else(other)?;
    let Value::Object(map) = parsed.map_err(|error| Error::new(ErrorKind::Usage, error.message))? else {
        return Ok(Map::new());
    };
    if let Some(field) = secrets::secret_fields(fields).find(|field| map.contains_key(field.name)) {
        let flag = dashes(field.name);
        app.warn(&format!(
            "the {} in the URL is in the history of your shell now, and was in the list of processes; --{flag}-stdin keeps it out",
            field.name
        ));
    }
    Ok(map)
}

/// Asks for a secret that need not be given. An empty answer is none.
pub(crate) fn ask_for_optional(app: &App, field: &Field, map: &mut Map<String, Value>) -> Result<()> {
    let question = format!("{} [none]", capitalised(field.help));
    let secret = app.with_prompter(|prompter| prompter.ask_hidden(&question))?;
    if !secret.is_empty() {
        map.insert(field.name.to_owned(), Value::from(secret));
    }
    Ok(())
}

fn refuse_two_sources(fields: &[Field], map: &Map<String, Value>) -> Result<()> {
    for field in secrets::secret_fields(fields) {
        let keys = secrets::keys_of(field);
        let given: Vec<_> = keys.iter().filter(|key| map.contains_key(*key)).map(String::as_str).collect();
        if given.len() > 1 {
            let message = format!("the {} is given twice", field.name);
            return Err(Error::new(ErrorKind::Usage, message).context("given", given.join(" and ")));
        }
    }
    Ok(())
}

/// Asks for the value of a field.
pub(crate) fn ask(app: &App, field: &Field) -> Result<String> {
    let flag = field.name.replace('_', "-");
    app.with_prompter(|prompter| match field.kind {
        FieldKind::Secret => prompter.ask_hidden(&capitalised(field.help)),
        _ => prompter.ask(&capitalised(field.help), field.default),
    })
    .map_err(|error| match error.kind() {
        ErrorKind::Usage => Error::new(ErrorKind::Usage, format!("--{flag} is missing")).hint(field.help),
        _ => error,
    })
}

/// The help text of a field as the begin of a question.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The help text of a field within a sentence.
fn small(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Reads what was typed for a field.
pub(crate) fn typed(field: &Field, text: &str) -> Result<Value> {
    let wrong =
        |what| Error::new(ErrorKind::Usage, format!("--{} takes {what}", field.name.replace('_', "-")));
    match field.kind {
        FieldKind::Integer => text.parse::<i64>().map(Value::from).map_err(|_| wrong("a whole number")),
        FieldKind::Boolean => text.parse::<bool>().map(Value::from).map_err(|_| wrong("true or false")),
        FieldKind::Text | FieldKind::Path | FieldKind::Duration | FieldKind::Secret => Ok(Value::from(text)),
    }
}

/// Settings without secrets.
pub(crate) fn shown(fields: &[Field], settings: &Value) -> Value {
    let Value::Object(map) = settings else { return Value::Null };
    let secret =
        |name: &str| fields.iter().any(|field| field.name == name && field.kind == FieldKind::Secret);
    Value::Object(
        map.iter()
            .filter(|(name, _)| !secret(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

/// The keys of settings that are typed as text.
fn typed_keys(fields: &'static [Field]) -> impl Iterator<Item = String> {
    fields.iter().flat_map(|field| {
        let own = usize::from(field.kind == FieldKind::Secret);
        secrets::keys_of(field).into_iter().skip(own)
    })
}

fn stdin_flag(field: &Field) -> String {
    format!("{}_stdin", field.name)
}

/// The flags of fields.
pub(crate) fn args(fields: &'static [Field]) -> impl Iterator<Item = Arg> {
    fields.iter().flat_map(field_args)
}

/// The flags of a field. A secret itself is no flag: it is read from the standard input, a file, a command or a keyring.
fn field_args(field: &'static Field) -> Vec<Arg> {
    if field.kind != FieldKind::Secret {
        let help = match field.default {
            Some(default) => format!("{} [default: {default}]", capitalised(field.help)),
            None => capitalised(field.help),
        };
        return vec![text_arg(field.name.to_owned(), field.name.to_uppercase(), help)];
    }
    let stdin = stdin_flag(field);
    let help = format!("Read {} from the standard input; asked for on a terminal", small(field.help));
    let mut args = vec![Arg::new(stdin.clone()).long(dashes(&stdin)).action(ArgAction::SetTrue).help(help)];
    let elsewhere = [
        ("FILE", "A file that holds it, with mode 0600"),
        ("COMMAND", "A command that prints it"),
        ("ACCOUNT", "The account under which the keyring of the system has it, of the service cadangkan"),
    ];
    let keys = secrets::keys_of(field).into_iter().skip(1);
    args.extend(keys.zip(elsewhere).map(|(key, (value, help))| {
        text_arg(key, value.to_owned(), format!("{help}; looked at whenever it is needed"))
            .conflicts_with(&stdin)
    }));
    args
}

fn text_arg(key: String, value: String, help: String) -> Arg {
    Arg::new(key.clone()).long(dashes(&key)).value_name(value).help(help)
}

/// Writes a key as a flag.
pub(crate) fn dashes(key: &str) -> String {
    key.replace('_', "-")
}
