use std::collections::BTreeSet;

use super::*;

const DOCS: &str = include_str!("../../../../docs/metrics.md");
const DASHBOARD: &str = include_str!("../../../../deploy/grafana/cadangkan.json");
const ALERTS: &str = include_str!("../../../../deploy/prometheus/alerts.yaml");

/// Every name of a metric of ours in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'));
    words.filter(|word| word.starts_with("cadangkan_")).collect()
}

/// Every name that the program writes, by its own source.
fn written() -> BTreeSet<&'static str> {
    let lines = include_str!("../metrics.rs").lines().filter(|line| !line.starts_with("use "));
    lines.flat_map(names).collect()
}

#[test]
fn every_metric_is_documented_and_every_documented_one_exists() {
    assert_eq!(names(DOCS), written());
}

#[test]
fn the_dashboard_and_the_alerts_use_what_exists() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(panels.len() > 5 && panels.iter().all(|panel| panel["targets"][0]["expr"].is_string()));
    let alerts: serde_json::Value = serde_saphyr::from_str(ALERTS).unwrap();
    let rules = alerts["groups"][0]["rules"].as_array().unwrap();
    assert!(
        rules.len() > 4 && rules.iter().all(|rule| rule["alert"].is_string() && rule["expr"].is_string())
    );
    for text in [DASHBOARD, ALERTS] {
        let unknown: Vec<_> = names(text).into_iter().filter(|name| !written().contains(name)).collect();
        assert_eq!(unknown, [""; 0]);
    }
}

#[test]
fn labels_are_escaped() {
    let mut text = Text::default();
    text.family("x", "gauge", "Something");
    text.sample(&[("a", &"b\"\\\n"), ("c", &1)], 1.5);
    assert_eq!(text.0, "# HELP x Something\n# TYPE x gauge\nx{a=\"b\\\"\\\\\\n\",c=\"1\"} 1.5\n");
}
