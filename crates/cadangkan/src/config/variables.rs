use serde_json::Value;

use super::mistake::Mistake;
use super::node::{Content, Node};

/// Fills variables into every text of a tree; names each one that is not set.
///
/// `${NAME}` is the variable, `${NAME:-text}` is `text` when it is unset or empty, `$${` is a plain `${`. Keys and
/// what comes out of a variable are left as they are.
pub(super) fn fill(node: &mut Node, lookup: &dyn Fn(&str) -> Option<String>, mistakes: &mut Vec<Mistake>) {
    match &mut node.content {
        Content::List(items) => items.iter_mut().for_each(|item| fill(item, lookup, mistakes)),
        Content::Map(entries) => {
            entries.iter_mut().for_each(|entry| fill(&mut entry.node, lookup, mistakes));
        }
        Content::Scalar(Value::String(text)) if text.contains("${") => match fill_text(text, lookup) {
            Ok(filled) => {
                node.template = Some(std::mem::replace(text, filled));
            }
            Err((message, hint)) => {
                mistakes.push(Mistake { variable: true, ..Mistake::new(node.position, message).hint(hint) });
                node.unfilled = true;
            }
        },
        Content::Scalar(_) => {}
    }
}

fn fill_text(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, (String, String)> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            filled.push_str(before);
            filled.push_str("${");
            rest = after;
            continue;
        }
        filled.push_str(before);
        let Some((inside, behind)) = after.split_once('}') else {
            return Err(("`${` has no closing `}`".into(), "write $${ for a plain ${".into()));
        };
        filled.push_str(&value_of(inside, lookup)?);
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn value_of(inside: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, (String, String)> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if !is_name(name) {
        let hint = "write ${NAME} or ${NAME:-default}, and $${ for a plain ${";
        return Err((format!("`${{{inside}}}` does not name a variable"), hint.into()));
    }
    match (lookup(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err((
            format!("the variable {name} is not set"),
            format!("set it in the environment or in .env beside this file, or write ${{{name}:-default}}"),
        )),
    }
}

/// Tells whether a text is a usable name of a variable.
pub(super) fn is_name(text: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.chars().all(plain) && text.chars().next().is_some_and(|first| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let lookup = |name: &str| match name {
            "A" => Some("one".to_owned()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${A}".to_owned()),
            _ => None,
        };
        fill_text(text, &lookup).map_err(|(message, _)| message)
    }

    #[test]
    fn fills_defaults_and_escapes() {
        let cases = [
            ("${A}", "one"),
            ("x-${A}-${A}", "x-one-one"),
            ("${B:-two}${EMPTY:-three}", "twothree"),
            ("${EMPTY}|${B:-}", "|"),
            ("$${A} $A $ $$", "${A} $A $ $$"),
            ("$$${A}", "$${A}"),
            ("${NESTED}", "${A}"),
            ("${B:-a:-b}", "a:-b"),
        ];
        for (text, expected) in cases {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn names_what_is_missing() {
        assert_eq!(filled("${B}").unwrap_err(), "the variable B is not set");
        assert_eq!(filled("${B").unwrap_err(), "`${` has no closing `}`");
        assert_eq!(filled("${}").unwrap_err(), "`${}` does not name a variable");
        assert_eq!(filled("${a b}").unwrap_err(), "`${a b}` does not name a variable");
    }
}
