use cadangkan_catalog::{BackupFilter, BackupRecord, BackupSort, BackupStatus, Catalog};
use cadangkan_core::{BackupId, ErrorKind, RunId};

use crate::support::{HOSTILE, at, backup, catalog, name};

fn ids(catalog: &Catalog, filter: &BackupFilter) -> Vec<(String, BackupId, String)> {
    let records = catalog.backups(filter).unwrap();
    records
        .into_iter()
        .map(|record| (record.database.to_string(), record.id, record.storage.to_string()))
        .collect()
}

fn of(record: &BackupRecord) -> (String, BackupId, String) {
    (record.database.to_string(), record.id, record.storage.to_string())
}

#[test]
fn a_record_is_kept_whole_and_replaced_whole() {
    let (_place, catalog) = catalog();
    let mut record = backup("shop", 0);
    catalog.record_backup(&record).unwrap();
    assert_eq!(catalog.backups(&BackupFilter::default()).unwrap(), [record.clone()]);
    record = BackupRecord {
        original: None,
        archive_key: "other".into(),
        engine: "mysql".into(),
        kind: "incremental".into(),
        trigger: "daily".into(),
        schedule: Some("nightly".into()),
        status: BackupStatus::Damaged,
        created_at: at(5),
        completed_at: at(6),
        size_bytes: 0,
        raw_bytes: i64::MAX.unsigned_abs(),
        tables: None,
        codec: "xz".into(),
        selection: Some("[{}]".to_owned()),
        preserved: true,
        keep_until: Some(at(99)),
        suspect: vec!["table t is gone".into()],
        tags: vec!["b".into(), "a".into(), "b".into()],
        ticket: Some("OPS-1".into()),
        verified_at: Some(at(7)),
        verified_level: Some("read".into()),
        checksum: "sha256:ff".into(),
        run: Some(RunId(12)),
        ..record
    };
    catalog.record_backup(&record).unwrap();
    assert_eq!(catalog.backups(&BackupFilter::default()).unwrap(), [record.clone()]);
    record.tags = vec!["c".into()];
    catalog.record_backup(&record).unwrap();
    let tagged = |tag: &str| BackupFilter { tag: Some(tag.into()), ..BackupFilter::default() };
    assert_eq!((ids(&catalog, &tagged("a")).len(), ids(&catalog, &tagged("c")).len()), (0, 1));
}

#[test]
fn many_are_recorded_all_or_none() {
    let (_place, catalog) = catalog();
    let too_large = BackupRecord { size_bytes: u64::MAX, ..backup("shop", 1) };
    let error = catalog.record_backups(&[backup("shop", 0), too_large]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(catalog.count_backups(&BackupFilter::default()).unwrap(), (0, 0));
    let many: Vec<_> = (0..10_000).map(|second| backup("shop", second)).collect();
    catalog.record_backups(&many).unwrap();
    assert_eq!(catalog.count_backups(&BackupFilter::default()).unwrap(), (10_000, 10_000_000));
    assert_eq!(catalog.backups(&BackupFilter::default()).unwrap(), many);
}

#[test]
fn each_filter_takes_what_it_says() {
    let (_place, catalog) = catalog();
    let plain = backup("shop", 0);
    let mut other = BackupRecord {
        storage: name("offsite"),
        status: BackupStatus::Missing,
        trigger: "daily".into(),
        schedule: Some("nightly".into()),
        tags: vec!["release".into(), "1.0".into()],
        ..backup("blog", 100)
    };
    other.size_bytes = 10;
    catalog.record_backups(&[plain.clone(), other.clone()]).unwrap();
    let all = BackupFilter::default();
    let only_other = [
        BackupFilter { database: Some(name("blog")), ..all.clone() },
        BackupFilter { original: Some("/srv/blog.db".into()), ..all.clone() },
        BackupFilter { since: Some(at(1)), ..all.clone() },
        BackupFilter { since: Some(at(100)), ..all.clone() },
        BackupFilter { status: Some(BackupStatus::Missing), ..all.clone() },
        BackupFilter { trigger: Some("daily".into()), ..all.clone() },
        BackupFilter { tag: Some("release".into()), ..all.clone() },
        BackupFilter { storage: Some(name("offsite")), ..all.clone() },
        BackupFilter { offset: 1, ..all.clone() },
        BackupFilter { descending: true, limit: Some(1), ..all.clone() },
        BackupFilter { sort: BackupSort::Size, limit: Some(1), ..all.clone() },
    ];
    for filter in &only_other {
        assert_eq!(ids(&catalog, filter), [of(&other)], "{filter:?}");
    }
    let only_plain = [
        BackupFilter { until: Some(at(100)), ..all.clone() },
        BackupFilter { sort: BackupSort::Size, descending: true, limit: Some(1), ..all.clone() },
        BackupFilter { since: Some(at(0)), until: Some(at(1)), ..all.clone() },
    ];
    for filter in &only_plain {
        assert_eq!(ids(&catalog, filter), [of(&plain)], "{filter:?}");
    }
    let nothing = [
        BackupFilter { tag: Some("rel".into()), ..all.clone() },
        BackupFilter { tag: Some("release".into()), database: Some(name("shop")), ..all.clone() },
        BackupFilter { limit: Some(0), ..all.clone() },
        BackupFilter { offset: u64::MAX, ..all.clone() },
        BackupFilter { until: Some(at(0)), ..all.clone() },
    ];
    for filter in &nothing {
        assert!(ids(&catalog, filter).is_empty(), "{filter:?}");
    }
    let counted = BackupFilter { database: Some(name("blog")), limit: Some(0), offset: 7, ..all };
    assert_eq!(catalog.count_backups(&counted).unwrap(), (1, 10), "a count has no pages");
}

#[test]
fn hostile_texts_match_themselves_and_nothing_else() {
    let (_place, catalog) = catalog();
    let records: Vec<_> = (0..)
        .zip(HOSTILE)
        .map(|(second, text)| BackupRecord {
            archive_key: text.into(),
            original: Some(text.into()),
            trigger: text.into(),
            tags: vec![text.into(), format!("{text}{text}x")],
            ticket: Some(text.into()),
            ..backup("shop", second)
        })
        .collect();
    catalog.record_backups(&records).unwrap();
    for (record, text) in records.iter().zip(HOSTILE) {
        let by_trigger = BackupFilter { trigger: Some(text.into()), ..BackupFilter::default() };
        let by_tag = BackupFilter { tag: Some(text.into()), ..BackupFilter::default() };
        let by_original = BackupFilter { original: Some(text.into()), ..BackupFilter::default() };
        let by_ticket = BackupFilter { ticket: Some(text.into()), ..BackupFilter::default() };
        for filter in [by_trigger, by_tag, by_original, by_ticket] {
            assert_eq!(catalog.backups(&filter).unwrap(), std::slice::from_ref(record), "{text:?}");
        }
        catalog
            .set_verified(&record.database, record.id, &record.storage, BackupStatus::Good, at(0), text)
            .unwrap();
    }
    assert_eq!(catalog.count_backups(&BackupFilter::default()).unwrap().0, HOSTILE.len() as u64);
}

#[test]
fn copies_in_several_storages_are_one_backup() {
    let (_place, catalog) = catalog();
    let home = backup("shop", 0);
    let offsite = BackupRecord { storage: name("offsite"), ..home.clone() };
    catalog.record_backups(&[offsite.clone(), home.clone()]).unwrap();
    let (shop, id) = (name("shop"), home.id);
    assert_eq!(catalog.backup_copies(&shop, id).unwrap(), [home.clone(), offsite.clone()]);
    catalog.set_preserved(&shop, id, true).unwrap();
    assert!(catalog.backup_copies(&shop, id).unwrap().iter().all(|copy| copy.preserved));
    let missing = BackupStatus::Missing;
    catalog.set_verified(&shop, id, &home.storage, missing, at(9), "checksum").unwrap();
    let copies = catalog.backup_copies(&shop, id).unwrap();
    assert_eq!((copies[0].status, copies[0].verified_at), (missing, Some(at(9))));
    assert_eq!((copies[1].status, copies[1].verified_at), (BackupStatus::Good, None));
    assert_eq!(
        catalog.newest_backup(&shop, false).unwrap().unwrap().storage,
        offsite.storage,
        "a good copy first"
    );
    assert!(catalog.forget_backup(&shop, id, &home.storage).unwrap());
    assert!(!catalog.forget_backup(&shop, id, &home.storage).unwrap());
    assert!(catalog.backup_exists(&shop, id).unwrap());
    assert!(catalog.forget_backup(&shop, id, &offsite.storage).unwrap());
    assert!(!catalog.backup_exists(&shop, id).unwrap());
}

#[test]
fn forgetting_takes_the_tags_along() {
    let (_place, catalog) = catalog();
    let tagged = BackupRecord { tags: vec!["t".into()], ..backup("shop", 0) };
    catalog.record_backup(&tagged).unwrap();
    catalog.forget_backup(&tagged.database, tagged.id, &tagged.storage).unwrap();
    catalog.record_backup(&backup("shop", 0)).unwrap();
    let filter = BackupFilter { tag: Some("t".into()), ..BackupFilter::default() };
    assert!(catalog.backups(&filter).unwrap().is_empty());
}

#[test]
fn what_is_not_there_is_not_found() {
    let (_place, catalog) = catalog();
    let (shop, id) = (name("shop"), BackupId::new(at(0)));
    catalog.record_backup(&backup("blog", 0)).unwrap();
    let errors = [
        catalog.set_preserved(&shop, id, true).unwrap_err(),
        catalog.set_verified(&shop, id, &name("home"), BackupStatus::Good, at(0), "read").unwrap_err(),
        catalog.set_verified(&name("blog"), id, &name("x"), BackupStatus::Good, at(0), "read").unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.advice().is_some());
    }
    assert!(catalog.backup_copies(&shop, id).unwrap().is_empty());
    assert!(catalog.newest_backup(&shop, false).unwrap().is_none());
    assert!(catalog.last_size(&shop, None, None).unwrap().is_none());
    assert!(!catalog.backup_exists(&shop, id).unwrap());
}

#[test]
fn order_is_by_the_time_in_the_backup_not_by_when_it_was_recorded() {
    let (_place, catalog) = catalog();
    let shop = name("shop");
    // Recorded in the order in which a clock that is set back would give them.
    let mut second_of_three = backup("shop", 50);
    second_of_three.size_bytes = 77;
    for record in [backup("shop", 100), second_of_three, backup("shop", 0)] {
        catalog.record_backup(&record).unwrap();
    }
    assert_eq!(catalog.newest_backup(&shop, true).unwrap().unwrap().id, BackupId::new(at(100)));
    let damaged = BackupStatus::Damaged;
    catalog.set_verified(&shop, BackupId::new(at(100)), &name("home"), damaged, at(0), "read").unwrap();
    assert_eq!(catalog.newest_backup(&shop, true).unwrap().unwrap().id, BackupId::new(at(50)));
    assert_eq!(catalog.newest_backup(&shop, false).unwrap().unwrap().id, BackupId::new(at(100)));
    assert_eq!(catalog.last_size(&shop, None, None).unwrap(), Some((77, 4000)));
    assert_eq!(catalog.last_size(&shop, Some("/srv/shop.db"), None).unwrap(), Some((77, 4000)));
    assert_eq!(catalog.last_size(&shop, Some("another"), None).unwrap(), None);
    assert_eq!(catalog.last_size(&shop, None, Some("combined")).unwrap(), None);
}

#[test]
fn backups_of_one_second_are_in_the_order_of_their_numbers() {
    let (_place, catalog) = catalog();
    let mut record = backup("shop", 0);
    let mut expected = Vec::new();
    for _ in 0..12 {
        expected.push(record.id);
        catalog.record_backup(&record).unwrap();
        record.id = record.id.next();
    }
    let order = |descending| -> Vec<BackupId> {
        let filter = BackupFilter { descending, ..BackupFilter::default() };
        catalog.backups(&filter).unwrap().iter().map(|record| record.id).collect()
    };
    assert_eq!(order(false), expected);
    assert_eq!(catalog.newest_backup(&name("shop"), true).unwrap().unwrap().id, expected[11]);
    expected.reverse();
    assert_eq!(order(true), expected);
}

#[test]
fn the_databases_of_a_server_are_told_apart() {
    let (_place, catalog) = catalog();
    let of = |original: Option<&str>, second| BackupRecord {
        original: original.map(str::to_owned),
        ..backup("prod", second)
    };
    let records =
        [of(Some("b'\";--"), 0), of(Some("a"), 1), of(None, 2), of(Some("a"), 3), backup("shop", 4)];
    catalog.record_backups(&records).unwrap();
    assert_eq!(catalog.originals(&name("prod")).unwrap(), ["a", "b'\";--"]);
    assert!(catalog.originals(&name("none")).unwrap().is_empty());
}

#[test]
fn a_backup_of_several_databases_is_one_of_each() {
    let (_place, catalog) = catalog();
    let several = BackupRecord {
        original: None,
        databases: ["a", "it's \"b\"", "ü, %"].map(str::to_owned).into(),
        ..backup("prod", 1)
    };
    let alone = BackupRecord { original: Some("a".to_owned()), ..backup("prod", 0) };
    catalog.record_backups(&[several.clone(), alone.clone()]).unwrap();
    let copies = catalog.backup_copies(&several.database, several.id).unwrap();
    assert_eq!(copies.first(), Some(&several));
    let of = |original: &str| {
        let filter = BackupFilter { original: Some(original.to_owned()), ..BackupFilter::default() };
        catalog.backups(&filter).unwrap()
    };
    assert_eq!(of("a"), [alone, several.clone()]);
    assert_eq!((of("it's \"b\""), of("ü, %")), (vec![several.clone()], vec![several]));
    assert!(of("b").is_empty() && of("%").is_empty() && of("[]").is_empty());
    assert_eq!(catalog.originals(&name("prod")).unwrap(), ["a", "it's \"b\"", "ü, %"]);
}

#[test]
fn what_health_asks_of_a_long_history_is_asked_of_the_rows_that_tell_it() {
    let (_place, catalog) = catalog();
    let mut kept = vec![backup("shop", 0), backup("shop", 10), backup("shop", 20), backup("other", 10)];
    kept.push(BackupRecord { storage: name("usb"), ..backup("shop", 20) });
    kept[0].verified_at = Some(at(100));
    kept[1].verified_at = Some(at(200));
    kept[1].status = BackupStatus::Damaged;
    for record in &kept {
        catalog.record_backup(record).unwrap();
    }
    let begun = catalog.begun_since(&name("shop"), at(10)).unwrap();
    let times: Vec<_> = begun.iter().map(|(_, time)| *time).collect();
    assert_eq!(times, [at(10), at(20)], "each once, whatever storages have it");
    assert_eq!(begun[0].0, begun[1].0);
    assert_eq!(catalog.last_verified(&name("shop")).unwrap(), Some(at(100)));
    assert_eq!(catalog.last_verified(&name("none")).unwrap(), None);
    let mut databases = catalog.databases_of(&kept[0].checksum).unwrap();
    databases.sort();
    assert_eq!(databases, [name("other"), name("shop")]);
    assert!(catalog.databases_of("sha256:01").unwrap().is_empty());
}
