use cadangkan_core::settings::SettingsError;
use serde_json::Value;

use super::mistake::Mistake;
use super::node::{Content, Node, list_position};

/// As many mistakes as are looked for in one part.
const MOST: usize = 50;

/// Reads one part of the configuration, and names every mistake in it.
///
/// The reader stops at the first mistake; so what is wrong is taken out, or gives way to the `spare` value of its key,
/// and the rest is read again. What is then missing is no mistake of its own. `node` is where `value` came from, for
/// the places.
pub(super) fn decode<T>(
    node: &Node,
    mut value: Value,
    read: &dyn Fn(&Value) -> Result<T, SettingsError>,
    spare: &dyn Fn(&str) -> Option<Value>,
    mistakes: &mut Vec<Mistake>,
) -> Option<T> {
    let mut spared: Vec<String> = Vec::new();
    // Loses what `value` loses, so that positions in lists lead to the same places in both.
    let mut node = node.clone();
    for _ in 0..MOST {
        let error = match read(&value) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        // What comes of a spare value, or of what was taken out, says nothing about the file.
        let about = error.path.first().map(String::as_str).or(missing_field(&error.message));
        if about.is_some_and(|key| spared.iter().any(|other| other == key)) {
            return None;
        }
        let place = nearest(&node, &error.path);
        if let Some(read_again) = retyped(place, &error.message)
            && replace(&mut value, &error.path, read_again)
        {
            continue;
        }
        if !place.unfilled {
            mistakes.push(explain(place, &error));
        }
        let (key, more) = error.path.split_first()?;
        let other = spare(key).filter(|_| more.is_empty());
        let gone = match other {
            Some(other) => replace(&mut value, &error.path, other),
            None => remove(&mut value, &error.path),
        };
        if !gone {
            return None;
        }
        node.remove(&error.path);
        if more.is_empty() {
            spared.push(key.clone());
        }
    }
    None
}

fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// The node at a path, or the one around it when there is none.
fn nearest<'a>(node: &'a Node, path: &[String]) -> &'a Node {
    let whole = (0..=path.len()).rev().find_map(|length| node.find(path.get(..length)?));
    whole.unwrap_or(node)
}

/// What a variable gave is text; where a number or a boolean is expected, it is read as one.
fn retyped(node: &Node, message: &str) -> Option<Value> {
    node.template.as_ref()?;
    if !message.starts_with("invalid type: string") {
        return None;
    }
    let text = node.text()?;
    let number = text.parse::<i64>().map(Value::from).ok();
    number.or_else(|| text.parse::<bool>().map(Value::from).ok())
}

fn explain(node: &Node, error: &SettingsError) -> Mistake {
    if let Some(field) = missing_field(&error.message) {
        return Mistake::new(node.position, format!("`{field}` is missing"));
    }
    let what = match error.path.as_slice() {
        [.., key, last] if list_position(last).is_some() => format!("an item of `{key}`"),
        [.., key] => format!("`{key}`"),
        [] => "this".to_owned(),
    };
    if let Some(wanted) = wanted_kind(&error.message) {
        let plain = matches!(node.content, Content::Scalar(Value::Number(_) | Value::Bool(_)));
        let hint = (wanted == "text" && plain).then(|| "put it in quotes".to_owned());
        let message = format!("{what} must be {wanted}, not {}", node.kind());
        return Mistake::new(node.position, message).maybe_hint(hint);
    }
    Mistake::new(node.position, node.hide_filled(format!("{what}: {}", error.message)))
}

/// What was wanted where a value has the wrong type, in words of the file. The original names the value too, which
/// may be a secret.
fn wanted_kind(message: &str) -> Option<&str> {
    let wanted = message.strip_prefix("invalid type: ")?.rsplit_once(", expected ")?.1;
    Some(match wanted {
        "a string" | "string" => "text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "i8" | "i16" | "i32" | "i64" | "isize" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "a map" => "a map",
        other if other.starts_with("struct ") => "a map",
        other => other,
    })
}

fn slot<'a>(value: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, segment| match value {
        Value::Object(map) => map.get_mut(segment),
        Value::Array(items) => items.get_mut(list_position(segment)?),
        _ => None,
    })
}

fn replace(value: &mut Value, path: &[String], by: Value) -> bool {
    match slot(value, path) {
        Some(slot) => {
            *slot = by;
            true
        }
        None => false,
    }
}

fn remove(value: &mut Value, path: &[String]) -> bool {
    let Some((last, before)) = path.split_last() else { return false };
    match slot(value, before) {
        Some(Value::Object(map)) => map.shift_remove(last).is_some(),
        Some(Value::Array(items)) => match list_position(last) {
            Some(position) if position < items.len() => {
                items.remove(position);
                true
            }
            _ => false,
        },
        _ => false,
    }
}
