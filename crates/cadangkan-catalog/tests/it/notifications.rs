use cadangkan_catalog::NewNotification;
use serde_json::json;

use crate::support::{HOSTILE, at, catalog, name};

#[test]
fn what_is_due_is_claimed_once_and_comes_back_when_nobody_says_how_it_went() {
    let (_place, catalog) = catalog();
    let (ops, boss) = (name("ops"), name("boss"));
    let events: Vec<_> = HOSTILE.iter().map(|text| json!({ *text: text })).collect();
    let new: Vec<_> =
        events.iter().map(|event| NewNotification { channel: &ops, event, due_at: at(0) }).collect();
    catalog.put_notifications(at(0), &new).unwrap();
    let later = NewNotification { channel: &boss, event: &events[0], due_at: at(100) };
    catalog.put_notifications(at(0), &[later]).unwrap();
    let claimed = catalog.claim_notifications(at(1), at(61)).unwrap();
    assert_eq!(claimed.iter().map(|one| one.event.clone()).collect::<Vec<_>>(), events);
    assert!(claimed.iter().all(|one| one.attempts == 1 && one.channel == "ops" && one.due_at == at(0)));
    assert!(catalog.claim_notifications(at(60), at(120)).unwrap().is_empty());
    let again = catalog.claim_notifications(at(61), at(120)).unwrap();
    assert_eq!((again.len(), again[0].attempts), (events.len(), 2));
    let ids: Vec<_> = again.iter().map(|one| one.id).collect();
    catalog.notifications_delivered(&ids[..3], at(62)).unwrap();
    catalog.notifications_failed(&ids[3..5], at(70), "down").unwrap();
    catalog.notifications_given_up(&ids[5..], at(63), "gone").unwrap();
    let states = catalog.channel_states().unwrap();
    assert_eq!((states[0].channel.as_str(), states[0].waiting, &states[0].delivered_at), ("boss", 1, &None));
    assert_eq!((states[1].waiting, states[1].given_up, states[1].delivered_at), (2, 5, Some(at(62))));
    assert_eq!(states[1].error.as_deref(), Some("gone"));
    let third = catalog.claim_notifications(at(70), at(130)).unwrap();
    assert_eq!(third.iter().map(|one| one.id).collect::<Vec<_>>(), ids[3..5]);
    // A month later what is over is forgotten.
    catalog.put_notifications(at(40 * 86_400), &[]).unwrap();
    let states = catalog.channel_states().unwrap();
    assert_eq!((states[1].waiting, states[1].given_up, states[1].delivered_at), (2, 0, None));
}

#[test]
fn what_is_held_waits_for_others_but_not_for_ever() {
    let (_place, catalog) = catalog();
    let ops = name("ops");
    let event = json!({});
    let longest = 300 * 1_000_000;
    let mut taken = Vec::new();
    // One every twenty seconds, each held for thirty.
    for second in (0..=400).step_by(20) {
        let new = NewNotification { channel: &ops, event: &event, due_at: at(second + 30) };
        catalog.put_notifications(at(second), &[new]).unwrap();
        catalog.hold_notifications(&ops, at(second), at(second + 30), longest).unwrap();
        let claimed = catalog.claim_notifications(at(second + 19), at(second + 1000)).unwrap();
        taken.push(claimed.len());
    }
    // The first was due after 30 seconds and waited 300 more; then all that were there go together.
    let all: Vec<_> = [vec![0; 16], vec![17], vec![0; 4]].concat();
    assert_eq!(taken, all);
    assert_eq!(catalog.claim_notifications(at(430), at(2000)).unwrap().len(), 4);
}

#[test]
fn failures_are_counted_until_they_end() {
    let (_place, catalog) = catalog();
    let shop = "shop";
    assert_eq!(catalog.end_failures(shop).unwrap(), 0);
    assert_eq!([(); 3].map(|()| catalog.count_failure(shop).unwrap()), [1, 2, 3]);
    assert_eq!(catalog.count_failure("other").unwrap(), 1);
    assert_eq!((catalog.end_failures(shop).unwrap(), catalog.end_failures(shop).unwrap()), (3, 0));
}
