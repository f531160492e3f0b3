//! Spans as OTLP/HTTP has them in JSON (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>): identifiers as hexadecimal
//! digits, 64-bit numbers as text, enumerations as numbers.

use cadangkan_core::{Level, Timestamp};
use serde_json::{Value, json};

use super::settings::list;
use super::spans::{Message, Span};

/// What is no call of another service: `SPAN_KIND_INTERNAL`.
const KIND_INTERNAL: u8 = 1;
/// `STATUS_CODE_ERROR`.
const STATUS_ERROR: u8 = 2;

/// The body of a request that carries spans.
pub(super) fn request(resource: &[(String, Value)], spans: &[Span]) -> Value {
    let scope = json!({ "name": "cadangkan", "version": env!("CARGO_PKG_VERSION") });
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes(resource) },
        "scopeSpans": [{ "scope": scope, "spans": spans }],
    }] })
}

/// What sends them: what is known of itself, and what the environment says, which wins
/// (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
pub(super) fn resource(
    environment: &dyn Fn(&str) -> Option<String>,
    own: impl IntoIterator<Item = (&'static str, String)>,
) -> Vec<(String, Value)> {
    let mut all = vec![("service.name".to_owned(), json!("cadangkan"))];
    all.extend(own.into_iter().map(|(key, value)| (key.to_owned(), json!(value))));
    let given = environment("OTEL_RESOURCE_ATTRIBUTES").map(|text| list(&text)).unwrap_or_default();
    let named = environment("OTEL_SERVICE_NAME").filter(|name| !name.is_empty());
    let named = named.map(|name| ("service.name".to_owned(), name));
    for (key, value) in given.into_iter().chain(named) {
        all.retain(|(present, _)| *present != key);
        all.push((key, json!(value)));
    }
    all
}

fn span(span: &Span) -> Value {
    let mut value = json!({
        "traceId": span.trace, "spanId": span.id, "name": span.name, "kind": KIND_INTERNAL,
        "startTimeUnixNano": nanoseconds(span.begun_at), "endTimeUnixNano": nanoseconds(span.ended_at),
        "attributes": attributes(&span.attributes), "events": span.messages.iter().map(event).collect::<Vec<_>>(),
        "status": match &span.failure {
            Some(why) => json!({ "code": STATUS_ERROR, "message": why }),
            None => json!({}),
        },
    });
    if let (Some(map), Some(parent)) = (value.as_object_mut(), &span.parent) {
        map.insert("parentSpanId".to_owned(), json!(parent));
    }
    value
}

fn event(message: &Message) -> Value {
    let facts = [("log.severity", json!(message.level)), ("log.message", json!(message.text))];
    let name = if message.level == Level::Error { "error" } else { "warning" };
    json!({ "timeUnixNano": nanoseconds(message.at), "name": name, "attributes": attributes(&facts) })
}

fn nanoseconds(time: Timestamp) -> String {
    time.as_nanosecond().max(0).to_string()
}

fn attributes<K: AsRef<str>>(all: &[(K, Value)]) -> Value {
    all.iter().map(|(key, value)| json!({ "key": key.as_ref(), "value": any_value(value) })).collect()
}

fn any_value(value: &Value) -> Value {
    match value {
        Value::Bool(is) => json!({ "boolValue": is }),
        Value::Number(number) if number.is_f64() => json!({ "doubleValue": number }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Array(values) => {
            json!({ "arrayValue": { "values": values.iter().map(any_value).collect::<Vec<_>>() } })
        }
        Value::String(text) => json!({ "stringValue": text }),
        other => json!({ "stringValue": other.to_string() }),
    }
}
