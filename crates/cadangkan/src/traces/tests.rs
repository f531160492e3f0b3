use cadangkan_core::ErrorKind;
use serde_json::json;

use super::otlp::resource;
use super::settings::{Exporter, list};
use super::{TraceSettings, whole_endpoint};

fn settings() -> TraceSettings {
    TraceSettings {
        endpoint: "http://127.0.0.1:1/v1/traces".parse().unwrap(),
        headers: vec![("a".parse().unwrap(), "b".parse().unwrap())],
        ca_file: None,
        written: json!({}),
    }
}

fn exporter(
    variables: &[(&str, &str)],
    settings: Option<&TraceSettings>,
) -> cadangkan_core::Result<Option<String>> {
    let environment = |name: &str| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let made = Exporter::of(settings, &environment)?;
    Ok(made.map(|made| {
        let headers: Vec<_> =
            made.headers.iter().map(|(name, value)| format!(" {name}={}", value.to_str().unwrap())).collect();
        format!("{}{}", made.endpoint, headers.concat())
    }))
}

#[test]
fn the_environment_wins_over_the_configuration() {
    let of = |variables: &[(&str, &str)]| exporter(variables, Some(&settings())).unwrap();
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(exporter(&[], None).unwrap(), None);
    assert_eq!(of(&[]), some("http://127.0.0.1:1/v1/traces a=b"));
    let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://elsewhere/otlp/");
    let whole = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://host/as/it/is");
    assert_eq!(of(&[base]), some("https://elsewhere/otlp/v1/traces a=b"));
    assert_eq!(of(&[base, whole]), some("https://host/as/it/is a=b"));
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "c=d%20e, f = g");
    assert_eq!(of(&[base, headers]), some("https://elsewhere/otlp/v1/traces c=d e f=g"));
    let of_traces = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "h=i");
    assert_eq!(of(&[base, headers, of_traces]), some("https://elsewhere/otlp/v1/traces h=i"));
    assert_eq!(of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]), some("http://127.0.0.1:1/v1/traces a=b"));
    for off in [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_EXPORTER", "none")] {
        assert_eq!(of(&[base, off]), None);
    }
}

#[test]
fn what_cannot_be_sent_to_is_refused() {
    let kind = |variables: &[(&str, &str)]| exporter(variables, Some(&settings())).unwrap_err().kind();
    for address in
        ["collector:4318", "ftp://elsewhere", "http://", "http://a:b@127.0.0.1", "http://elsewhere:4318"]
    {
        assert_eq!(kind(&[("OTEL_EXPORTER_OTLP_ENDPOINT", address)]), ErrorKind::Configuration, "{address}");
    }
    assert_eq!(kind(&[("OTEL_EXPORTER_OTLP_HEADERS", "a b=c")]), ErrorKind::Configuration);
    assert_eq!(kind(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]), ErrorKind::Unsupported);
}

#[test]
fn traces_have_their_place_below_a_collector() {
    let whole = |base: &str| whole_endpoint(&base.parse().unwrap()).map(|uri| uri.to_string());
    for base in [
        "http://elsewhere:1",
        "http://elsewhere:1/",
        "http://elsewhere:1/v1/traces",
        "http://elsewhere:1/v1/traces/",
    ] {
        assert_eq!(whole(base).as_deref(), Some("http://elsewhere:1/v1/traces"));
    }
    assert_eq!(whole("https://elsewhere/x/y/").as_deref(), Some("https://elsewhere/x/y/v1/traces"));
    assert_eq!(whole("https://a:b@elsewhere"), None);
}

#[test]
fn what_sends_them_is_named_by_the_environment_or_itself() {
    let named = |variables: &[(&str, &str)]| {
        let environment =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let mut all = resource(&environment, [("host.name", "h".to_owned())]);
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(named(&[]), "host.name=\"h\" service.name=\"cadangkan\"");
    let given = ("OTEL_RESOURCE_ATTRIBUTES", "host.name=other,service.name=x,k=%41%zz%4");
    assert_eq!(named(&[given]), "host.name=\"other\" k=\"A%zz%4\" service.name=\"x\"");
    assert!(named(&[given, ("OTEL_SERVICE_NAME", "y")]).ends_with("service.name=\"y\""));
    assert_eq!(list("a=b,,=c,d"), [("a".to_owned(), "b".to_owned())]);
}
