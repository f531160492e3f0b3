//! What a collector of OpenTelemetry gets, held against the protocol and against what the log of a run says.

use std::net::TcpListener;

use cadangkan_testkit::scripted::Scripted;
use serde_json::{Map, Value, json};

use crate::scheduler::make_due;
use crate::support::{Daemon, Home, make_shop};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// A collector that takes so many requests.
fn collector(requests: usize) -> Scripted {
    Scripted::start(vec![(200, String::new(), "{\"partialSuccess\":{}}".to_owned()); requests])
}

fn home(endpoint: &str, more: &str) -> Home {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    configure(&home, endpoint, more);
    home
}

fn configure(home: &Home, endpoint: &str, more: &str) {
    let file = home.path("shop.db");
    home.configure(&format!(
        "traces: {{ endpoint: \"{endpoint}\" {more} }}\ndatabases: {{ shop: {{ sqlite: {{ path: {} }} }} }}\n",
        file.display()
    ));
}

/// The spans in a request, each checked against the protocol.
fn spans(request: &str) -> Vec<Value> {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    assert!(head.to_ascii_lowercase().lines().any(|line| line == "content-type: application/json"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    let of = |value: &Value, key: &str| value[key].as_array().unwrap().clone();
    let mut spans = Vec::new();
    for resource in of(&body, "resourceSpans") {
        assert_eq!(attributes(&resource["resource"])["service.name"], "cadangkan");
        for scope in of(&resource, "scopeSpans") {
            assert_eq!(scope["scope"]["name"], "cadangkan");
            spans.extend(of(&scope, "spans"));
        }
    }
    spans.iter().for_each(|span| well_formed(span, &spans));
    spans
}

/// Checks a span by <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding> and trace.proto.
fn well_formed(span: &Value, all: &[Value]) {
    let known = [
        "traceId",
        "spanId",
        "parentSpanId",
        "name",
        "kind",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "attributes",
        "events",
        "status",
    ];
    let unknown: Vec<_> =
        span.as_object().unwrap().keys().filter(|key| !known.contains(&key.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let is_id = |value: &Value, digits: usize| {
        let text = value.as_str().unwrap();
        assert_eq!(text.len(), digits, "{text}");
        assert!(text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{text}");
        assert!(text.bytes().any(|byte| byte != b'0'), "{text}");
    };
    is_id(&span["traceId"], 32);
    is_id(&span["spanId"], 16);
    assert!(!span["name"].as_str().unwrap().is_empty() && span["kind"] == 1);
    let (begun, ended) = times(span);
    assert!(begun <= ended && begun > 1_600_000_000_000_000_000, "{span}");
    let same = all.iter().filter(|other| other["spanId"] == span["spanId"]).count();
    assert_eq!(same, 1, "{span}");
    attributes(span);
    for event in span["events"].as_array().unwrap() {
        assert!((begun..=ended).contains(&nanoseconds(&event["timeUnixNano"])), "{span}");
        assert!(event["name"].is_string() && !attributes(event).is_empty());
    }
    let status = span["status"].as_object().unwrap();
    assert!(status.is_empty() || (status["code"] == 2 && status["message"].is_string()), "{status:?}");
    let Some(parent) = span.get("parentSpanId") else { return };
    is_id(parent, 16);
    if parent != SPAN {
        let parent = all.iter().find(|other| other["spanId"] == *parent).unwrap();
        assert_eq!(parent["traceId"], span["traceId"]);
        assert!(times(parent).0 <= begun && ended <= times(parent).1, "{span} is not within {parent}");
    }
}

fn nanoseconds(value: &Value) -> u128 {
    value.as_str().unwrap().parse().unwrap()
}

fn times(span: &Value) -> (u128, u128) {
    (nanoseconds(&span["startTimeUnixNano"]), nanoseconds(&span["endTimeUnixNano"]))
}

/// Attributes by their names; 64-bit numbers are text.
fn attributes(of: &Value) -> Map<String, Value> {
    fn plain(value: &Value) -> Value {
        let [(kind, value)] = value.as_object().unwrap().iter().collect::<Vec<_>>()[..] else {
            panic!("{value}")
        };
        match kind.as_str() {
            "stringValue" => json!(value.as_str().unwrap()),
            "intValue" => json!(value.as_str().unwrap().parse::<i64>().unwrap()),
            "boolValue" => json!(value.as_bool().unwrap()),
            "arrayValue" => value["values"].as_array().unwrap().iter().map(plain).collect(),
            other => panic!("{other}"),
        }
    }
    let list = of["attributes"].as_array().unwrap();
    let map: Map<_, _> =
        list.iter().map(|item| (item["key"].as_str().unwrap().to_owned(), plain(&item["value"]))).collect();
    assert_eq!(map.len(), list.len(), "an attribute comes twice: {list:?}");
    map
}

/// The names of what belongs to a span, in order.
fn children<'a>(spans: &'a [Value], parent: &Value) -> Vec<&'a str> {
    let of = spans.iter().filter(|span| span.get("parentSpanId") == parent.get("spanId"));
    of.map(|span| span["name"].as_str().unwrap()).collect()
}

/// The steps of the last run, by its log.
fn steps(home: &Home) -> Vec<String> {
    let log = home.json(&["logs"])[0]["log"].as_array().unwrap().clone();
    let steps = log.iter().filter(|line| line["detail"]["step"] == true);
    steps.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_run_is_a_trace_with_its_steps() {
    let collector = collector(4);
    let home = home(&collector.url, "");
    let id = home.back_up();
    let sent = spans(&collector.request());
    let run = &sent[0];
    assert_eq!((&run["name"], run.get("parentSpanId")), (&json!("backup shop"), None));
    assert_eq!(run["status"], json!({}));
    let record = &home.json(&["backups", "list"])[0];
    let facts = attributes(run);
    for (key, value) in [
        ("db.system.name", json!("sqlite")),
        ("cadangkan.database", json!("shop")),
        ("cadangkan.run.kind", json!("backup")),
        ("cadangkan.run.status", json!("completed")),
        ("cadangkan.run.trigger", json!("manual")),
        ("cadangkan.backup.id", json!(id)),
        ("cadangkan.backup.storages", json!(["home"])),
        ("cadangkan.backup.size_bytes", record["size_bytes"].clone()),
        ("cadangkan.backup.raw_bytes", record["raw_bytes"].clone()),
    ] {
        assert_eq!(facts.get(key), Some(&value), "{key}: {facts:?}");
    }
    let steps_of_backup = steps(&home);
    assert!(steps_of_backup.len() > 5 && steps_of_backup.contains(&"dump".to_owned()), "{steps_of_backup:?}");
    assert_eq!(children(&sent, run), steps_of_backup);
    assert_eq!(sent.len(), steps_of_backup.len() + 1);
    // One step ends where the next begins, and the last with the run.
    for pair in sent[1..].windows(2) {
        assert_eq!(times(&pair[0]).1, times(&pair[1]).0);
    }
    assert_eq!(times(&sent[sent.len() - 1]).1, times(run).1);

    home.good(&["verify", "shop"]);
    home.good(&["restore", "shop", "--to", "copy.db"]);
    let mut traces = vec![run["traceId"].clone()];
    for kind in ["verify", "restore"] {
        let sent = spans(&collector.request());
        assert!(sent[0]["name"].as_str().unwrap().starts_with(kind), "{}", sent[0]["name"]);
        assert_eq!(attributes(&sent[0])["cadangkan.run.kind"], kind);
        assert!(sent.len() > 2);
        traces.push(sent[0]["traceId"].clone());
    }
    // What changes nothing and what is only shown is nothing to be traced.
    home.good(&["backup", "shop", "--dry-run"]);
    home.good(&["status"]);
    std::fs::rename(home.path("shop.db"), home.path("gone.db")).unwrap();
    assert_eq!(home.run(&["backup", "shop"]).code, 4);
    let sent = spans(&collector.request());
    assert_eq!(
        (&sent[0]["status"]["code"], attributes(&sent[0])["cadangkan.run.status"].as_str()),
        (&json!(2), Some("failed"))
    );
    assert_eq!(attributes(&sent[0])["error.type"], "not_found");
    assert_eq!(attributes(&sent[0])["db.system.name"], "sqlite");
    let events = sent[0]["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["name"] == "error"), "{events:?}");
    assert_eq!(sent[sent.len() - 1]["status"]["code"], 2);
    traces.push(sent[0]["traceId"].clone());
    traces.sort_by_key(ToString::to_string);
    traces.dedup();
    assert_eq!(traces.len(), 4);
}

#[test]
fn whoever_began_a_process_is_the_parent() {
    let collector = collector(1);
    let home = home("http://127.0.0.1:1", "");
    let run = |flags: &str| {
        let mut command = home.command(&["backup", "shop"]);
        command.env("TRACEPARENT", format!("00-{TRACE}-{SPAN}-{flags}"));
        // The environment wins.
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("{}/", collector.url));
        command
            .env("OTEL_SERVICE_NAME", "cadangkan")
            .env("OTEL_RESOURCE_ATTRIBUTES", "team=a%20b,service.name=x");
        crate::support::Ran::of(&mut command)
    };
    // Who began it does not wish it to be traced: nobody is asked.
    let ran = run("00");
    assert_eq!((ran.code, ran.stderr.contains("could not be sent")), (0, false), "{}", ran.stderr);
    assert_eq!(run("01").code, 0);
    let request = collector.request();
    let sent = spans(&request);
    assert_eq!((&sent[0]["traceId"], &sent[0]["parentSpanId"]), (&json!(TRACE), &json!(SPAN)));
    assert!(request.contains("\"team\"") && request.contains("\"a b\""), "{request}");
    // Nobody asked for traces where the environment switches them off.
    let mut command = home.command(&["backup", "shop"]);
    command.env("OTEL_SDK_DISABLED", "true");
    assert_eq!(crate::support::Ran::of(&mut command).stderr.matches("trace").count(), 0);
}

#[test]
fn what_the_scheduler_does_belongs_to_its_job() {
    let collector = collector(1);
    let home = home(&collector.url, "");
    home.good(&["schedule", "set", "shop", "--cron", "0 0 29 2 *"]);
    make_due(&home);
    let mut command = home.command(&["daemon"]);
    command.env("TRACEPARENT", format!("00-{TRACE}-{SPAN}-01"));
    let daemon = Daemon::spawn(command);
    let sent = spans(&collector.request());
    daemon.end();
    let job = &sent[0];
    assert_eq!((&job["name"], job.get("parentSpanId")), (&json!("job backup shop"), None));
    // A scheduler goes on for years: what it was begun in is no part of that.
    assert_ne!(job["traceId"], TRACE);
    let facts = attributes(job);
    assert_eq!(
        (&facts["cadangkan.job.schedule"], &facts["cadangkan.job.attempt"]),
        (&json!("main"), &json!(1))
    );
    // The backup, and old ones that go after it, if any.
    let runs = children(&sent, job);
    assert_eq!(runs[0], "backup shop");
    assert!(sent.iter().all(|span| span["traceId"] == job["traceId"]));
}

#[test]
fn a_collector_that_cannot_be_reached_changes_nothing_and_is_told() {
    let refuses = Scripted::start(vec![
        (503, String::new(), "overloaded\u{1b}[31m".to_owned()),
        (
            200,
            String::new(),
            "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"x\"}}".to_owned(),
        ),
        (200, String::new(), String::new()),
    ]);
    let home = home("http://127.0.0.1:1", "");
    assert!(!home.good(&["status"]).contains("traces"));
    let said = |ran: &crate::support::Ran, words: &str| {
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("the trace could not be sent: ") && ran.stderr.contains(words),
            "{}",
            ran.stderr
        );
        let log = home.json(&["logs"]).to_string();
        assert!(log.contains("the trace of this run could not be sent") && log.contains(words), "{log}");
    };
    said(&home.run(&["backup", "shop"]), "the connection to the server was lost or not made");
    configure(&home, &refuses.url, "");
    said(&home.run(&["backup", "shop"]), "the collector answered 503 overloaded");
    said(&home.run(&["backup", "shop"]), "the collector refused some spans");
    // One that takes the connection and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    configure(&home, &format!("http://{}", silent.local_addr().unwrap()), "");
    said(&home.run(&["backup", "shop"]), "the server does not answer in time");
    assert!(
        home.good(&["status"])
            .contains("✗ traces could not be sent, 4 times in a row; `cadangkan logs` says why\n")
    );
    assert_eq!(home.json(&["status"])["unsent_traces"], 4);
    configure(&home, &refuses.url, "");
    assert_eq!(home.run(&["backup", "shop"]).stderr.matches("trace").count(), 0);
    assert_eq!(home.json(&["status"])["unsent_traces"], 0);
    for _ in 0..3 {
        spans(&refuses.request());
    }
}

#[test]
fn headers_reach_the_collector_alone() {
    let collector = collector(1);
    let home = home(&collector.url, ", headers: { x-api-key: \"${KEY}\", plain: mArKeD-too }");
    let ran = |words: &[&str]| {
        let ran = crate::support::Ran::of(home.command(words).env("KEY", "mArKeD"));
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("mArKeD"), "{words:?}: {}", ran.stdout);
        ran
    };
    assert_eq!(ran(&["backup", "shop"]).code, 0);
    let request = collector.request().to_ascii_lowercase();
    assert!(
        request.contains("\r\nx-api-key: marked\r\n") && request.contains("\r\nplain: marked-too\r\n"),
        "{request}"
    );
    ran(&["config", "show"]);
    let exported = ran(&["config", "export"]).stdout;
    assert!(exported.contains("${KEY}") && exported.contains(&collector.url), "{exported}");
    // Nobody listens any more.
    let failed = ran(&["backup", "shop", "--verbose"]);
    assert!(failed.stderr.contains("could not be sent"), "{}", failed.stderr);
    ran(&["logs", "--output", "json"]);
}

#[test]
fn what_a_collector_repeats_of_a_secret_is_not_told() {
    let words = "Bearer mArKeD is no key: POST /SeCrEt-path/v1/traces";
    let refuses = Scripted::start(vec![(403, String::new(), words.to_owned())]);
    let home =
        home(&format!("{}/SeCrEt-path", refuses.url), ", headers: { authorization: \"Bearer mArKeD\" }");
    let ran = home.run(&["backup", "shop"]);
    assert!(ran.stderr.contains("the collector answered 403 *** is no key: POST ***"), "{}", ran.stderr);
    let log = home.good(&["logs", "shop"]);
    assert!(log.contains("answered 403") && !log.contains("mArKeD") && !log.contains("SeCrEt"), "{log}");
}

#[test]
fn mistakes_are_named_with_their_place() {
    let home = Home::configured("x: 1\n");
    for (written, mistake) in [
        ("{}", "`traces` has no `endpoint`"),
        ("{ endpoint: collector }", "`endpoint` is no address that can be sent to"),
        ("{ endpoint: \"http://a:b@127.0.0.1\" }", "`endpoint` has a login in it"),
        (
            "{ endpoint: \"http://elsewhere:4318\", headers: { a: b } }",
            "would go over the network without TLS",
        ),
        ("{ endpoint: \"https://elsewhere\", headers: [a] }", "`headers` must be a map"),
        ("{ endpont: \"https://elsewhere\" }", "did you mean `endpoint`?"),
        ("{ endpoint: \"https://elsewhere\", ca_file: [] }", "`ca_file` must be the path of a file"),
    ] {
        home.configure(&format!("traces: {written}\n"));
        let ran = home.run(&["config", "validate"]);
        assert_eq!(ran.code, 3);
        assert!(ran.stderr.contains(mistake) && ran.stderr.contains("config.yaml:1:"), "{}", ran.stderr);
    }
}
