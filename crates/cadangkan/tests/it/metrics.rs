//! What Prometheus gets.

use crate::support::Home;

fn value(text: &str, sample: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(&format!("{sample} ")))?;
    Some(line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[test]
fn they_say_what_is_there() {
    let home = Home::with_shop();
    let of = |name: &str| format!("{name}{{database=\"shop\",engine=\"sqlite\"}}");
    let before = home.good(&["metrics"]);
    assert_eq!(value(&before, &of("cadangkan_backup_last_success_timestamp_seconds")), None);
    assert_eq!(value(&before, &of("cadangkan_health_score")), Some(0.0));
    let id = home.back_up();
    std::fs::rename(home.path("shop.db"), home.path("gone.db")).unwrap();
    assert_eq!(home.run(&["backup", "shop"]).code, 4);
    let text = home.good(&["metrics"]);
    let record = &home.json(&["backups", "list"])[0];
    assert_eq!(record["backup_id"], id.as_str());
    let expected = [
        (of("cadangkan_backup_last_size_bytes"), record["size_bytes"].as_f64()),
        (of("cadangkan_backup_last_raw_bytes"), record["raw_bytes"].as_f64()),
        (of("cadangkan_backup_copies"), Some(1.0)),
        (of("cadangkan_backups"), Some(1.0)),
        (of("cadangkan_backup_last_failed"), Some(1.0)),
        (of("cadangkan_backup_suspect"), Some(0.0)),
        (of("cadangkan_backup_last_verified_timestamp_seconds"), None),
        ("cadangkan_runs_total{database=\"shop\",kind=\"backup\",result=\"completed\"}".into(), Some(1.0)),
        ("cadangkan_runs_total{database=\"shop\",kind=\"backup\",result=\"failed\"}".into(), Some(1.0)),
        ("cadangkan_storage_used_bytes{storage=\"home\"}".into(), record["size_bytes"].as_f64()),
    ];
    for (sample, expected) in expected {
        assert_eq!(value(&text, &sample), expected, "{sample}\n{text}");
    }
    let made = value(&text, &of("cadangkan_backup_last_success_timestamp_seconds")).unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    assert!((now - 3600.0..now).contains(&made), "{made}");
}

#[test]
fn the_text_is_well_formed() {
    let home = Home::with_shop();
    home.back_up();
    let text = home.good(&["metrics"]);
    let (mut family, mut seen) = (String::new(), Vec::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            family = help.split(' ').next().unwrap().to_owned();
            assert!(!seen.contains(&family), "{family} comes twice");
            seen.push(family.clone());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let counts = if family.ends_with("_total") { "counter" } else { "gauge" };
            assert_eq!(kind, format!("{family} {counts}"));
        } else {
            let (name, rest) = line.split_once('{').unwrap();
            let (_, number) = rest.rsplit_once("} ").unwrap();
            assert_eq!(name, family);
            assert!(number.parse::<f64>().unwrap().is_finite(), "{line}");
        }
    }
}

/// All but what is free, which changes while one looks.
fn steady(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with("cadangkan_storage_free_bytes{")).collect()
}

#[test]
fn a_file_is_replaced_at_once_and_others_may_read_it() {
    let home = Home::with_shop();
    home.back_up();
    std::fs::create_dir(home.path("textfile")).unwrap();
    std::fs::write(home.path("textfile/c.prom"), "old").unwrap();
    let printed = home.good(&["metrics"]);
    assert_eq!(steady(&home.good(&["metrics", "--file", "textfile/c.prom", "--dry-run"])), steady(&printed));
    assert_eq!(std::fs::read_to_string(home.path("textfile/c.prom")).unwrap(), "old");
    assert_eq!(home.good(&["metrics", "--file", "textfile/c.prom"]), "");
    let written = std::fs::read_to_string(home.path("textfile/c.prom")).unwrap();
    assert_eq!(steady(&written), steady(&printed));
    let mode =
        std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(home.path("textfile/c.prom")).unwrap());
    assert_eq!(mode & 0o777, 0o644);
    assert_eq!(home.files("textfile").len(), 1);
    let ran = home.run(&["metrics", "--file", "nowhere/c.prom"]);
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("cannot write the metrics"), "{}", ran.stderr);
}
