use std::collections::BTreeMap;

use cadangkan_core::BackupId;

use super::collect::{Event, Made, Part, Total};
use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A report with text in it that wants to be more than text.
fn report(backups: usize) -> Report {
    let time = at("2026-03-05T10:00:00Z");
    let event = |status, message: Option<&str>| Event {
        at: time,
        status,
        backup_id: Some("2026-03-05-100000".to_owned()),
        place: Some("/srv/a&b".to_owned()),
        message: message.map(str::to_owned),
    };
    let made = |_| Made {
        backup_id: BackupId::new(time),
        at: time,
        database: None,
        trigger: "manual".to_owned(),
        state: "good".to_owned(),
        size_bytes: Some(12_345_678),
        storages: vec!["home".to_owned(), "offsite".to_owned()],
        verified_at: Some(time),
    };
    let total = Total {
        backups: backups as u64,
        size_bytes: 5,
        failed: 1,
        verifications: 1,
        restores: 1,
        ..Total::default()
    };
    let part = Part {
        name: "shop".to_owned(),
        engine: Some("An engine"),
        labels: BTreeMap::from([("client".to_owned(), "<b>\"acme\" & 'sons'</b>".to_owned())]),
        total,
        backups: (0..backups).map(made).collect(),
        failures: vec![event("failed", Some("<script>alert(1)</script>\u{1b}[31m ünï 本"))],
        left_out: vec![event("missed", Some("<i>nothing was there"))],
        verifications: vec![event("completed", None)],
        restores: vec![event("completed", Some(&"long ".repeat(60)))],
    };
    Report {
        month: "2026-03".to_owned(),
        from: at("2026-03-01T00:00:00Z"),
        until: at("2026-04-01T00:00:00Z"),
        zone: "UTC".to_owned(),
        made_at: at("2026-04-01T06:00:00Z"),
        is_whole: true,
        total,
        databases: vec![part],
    }
}

#[test]
fn months_begin_and_end_in_the_zone() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let now = at("2026-04-30T22:30:00Z");
    let asked = month(Some(parse_month("2026-03").unwrap()), now, &zone).unwrap();
    // Summer time begins in it.
    assert_eq!((asked.from, asked.until), (at("2026-02-28T23:00:00Z"), at("2026-03-31T22:00:00Z")));
    // There it is May already.
    assert_eq!(month(None, now, &zone).unwrap().name, "2026-04");
    assert_eq!(month(None, at("2026-01-15T00:00:00Z"), &zone).unwrap().name, "2025-12");
    for wrong in ["", "2026", "2026-13", "2026-1", "26-01", "2026-01-01", "2026/01", "\u{662}\u{660}26-01"] {
        parse_month(wrong).unwrap_err();
    }
    month(Some(parse_month("9999-12").unwrap()), now, &zone).map(drop).unwrap_err();
}

#[test]
fn text_in_html_is_only_text() {
    let page = html::page(&report(2), &TimeZone::UTC);
    for part in ["<script", "\u{1b}", "<b>", "<i>", "'sons'", "src=", "href=", "url("] {
        assert!(!page.contains(part), "{part}: {page}");
    }
    for part in
        ["&lt;script&gt;alert(1)", "\\u{1b}[31m ünï 本", "&lt;b&gt;&quot;acme&quot; &amp; &#39;sons&#39;"]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert_eq!(page.matches("<table>").count(), page.matches("</table>").count());
}

#[test]
fn lines_fit_on_a_page_and_pages_follow() {
    let report = report(200);
    let lines = text::lines(&report, &TimeZone::UTC);
    for line in &lines {
        assert!(line.text.chars().count() <= text::COLUMNS, "{}", line.text);
        assert!(!line.text.contains('\u{1b}'), "{}", line.text);
    }
    let joined: String = lines.iter().map(|line| line.text.as_str()).collect();
    assert!(joined.contains("<script>alert(1)") && joined.contains("12 MB"), "{joined}");
    let pdf = paper::write(&lines);
    let of = |word: &[u8]| pdf.windows(word.len()).filter(|window| *window == word).count();
    assert!(pdf.starts_with(b"%PDF-") && of(b"/MediaBox") > 2, "{}", of(b"/MediaBox"));
    assert_eq!(of(b"(Page "), of(b"/MediaBox"));
}
