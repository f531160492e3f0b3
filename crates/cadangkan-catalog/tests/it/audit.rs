use cadangkan_core::Ticket;
use serde_json::json;

use crate::support::{HOSTILE, at, catalog};

#[test]
fn entries_are_kept_as_they_were_newest_first() {
    let (_place, catalog) = catalog();
    for (second, text) in (0..).zip(HOSTILE) {
        // The clock goes backwards; the order does not.
        catalog.audit(at(-second), text, text, text, None, Some(&json!({ text: text }))).unwrap();
    }
    let ticket = Ticket::new("OPS-7").unwrap();
    catalog.audit(at(0), "cli:root@host", "delete", "shop/2026-01-15-143022", Some(&ticket), None).unwrap();
    let entries = catalog.audit_entries(u64::MAX).unwrap();
    assert_eq!(entries.len(), HOSTILE.len() + 1);
    assert!(entries.is_sorted_by(|newer, older| newer.id > older.id));
    assert_eq!((entries[0].ticket.as_deref(), &entries[0].detail), (Some("OPS-7"), &None));
    for ((second, text), entry) in (0..).zip(HOSTILE).zip(entries.iter().rev()) {
        assert_eq!((&*entry.initiator, &*entry.action, &*entry.subject), (text, text, text));
        assert_eq!(entry.detail, Some(json!({ text: text })));
        assert_eq!((&entry.ticket, entry.at), (&None, at(-second)));
    }
    assert_eq!(catalog.audit_entries(2).unwrap(), entries[..2]);
    assert!(catalog.audit_entries(0).unwrap().is_empty());
}
