use std::time::Duration;

use cadangkan_core::{Progress, StorageProgress, bytes_per_second, format_bytes, format_duration};

/// How much of a step is done, 0 to 100; totals may be estimates, so what is beyond them counts as all.
pub(super) fn percent(progress: &Progress) -> Option<u64> {
    let of = |done: u64, total: u64| {
        let share = u128::from(done.min(total)) * 100 / u128::from(total);
        u64::try_from(share).unwrap_or(100)
    };
    match (progress.total_bytes, progress.total_objects) {
        (Some(total), _) if total > 0 => Some(of(progress.bytes, total)),
        (_, Some(total)) if total > 0 => Some(of(progress.objects, total)),
        _ => None,
    }
}

/// What there is to say: `47%  234 MB of 500 MB  120 MB/s  3 of 12 tables  2s left`.
pub(super) fn facts(progress: &Progress, took: Duration) -> String {
    let mut facts = Vec::new();
    facts.extend(percent(progress).map(|percent| format!("{percent}%")));
    let done = format_bytes(progress.bytes);
    // A total that was passed was a bad estimate.
    facts.extend(match progress.total_bytes.filter(|total| *total >= progress.bytes) {
        Some(total) => Some(format!("{done} of {}", format_bytes(total))),
        None => (progress.bytes > 0).then_some(done),
    });
    let rate = bytes_per_second(progress.bytes, took);
    facts.extend(rate.map(|rate| format!("{}/s", format_bytes(rate))));
    facts.extend(match progress.total_objects {
        // One thing of one says nothing that the percent does not.
        Some(0 | 1) => None,
        Some(total) => Some(format!("{} of {total} objects", progress.objects)),
        None => (progress.objects > 0).then(|| format!("{} objects", progress.objects)),
    });
    let left = progress.total_bytes.map(|total| total.saturating_sub(progress.bytes));
    if let (Some(left), Some(rate)) = (left.filter(|left| *left > 0), rate) {
        facts.push(format!("{} left", format_duration(Duration::from_secs(left.div_ceil(rate)))));
    }
    facts.join("  ")
}

/// How far each of several storages is: `home 96 MB, cloud 80 MB at 40 MB/s`.
pub(super) fn storages(all: &[StorageProgress<'_>]) -> String {
    let one = |progress: &StorageProgress<'_>| {
        let rate = bytes_per_second(progress.bytes, progress.took);
        let rate = rate.map(|rate| format!(" at {}/s", format_bytes(rate))).unwrap_or_default();
        format!("{} {}{rate}", progress.storage, format_bytes(progress.bytes))
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(bytes: u64, total_bytes: Option<u64>) -> Progress {
        Progress { bytes, total_bytes, ..Progress::default() }
    }

    #[test]
    fn says_what_is_known() {
        let second = Duration::from_secs(1);
        let known =
            Progress { objects: 3, total_objects: Some(12), ..progress(234_000_000, Some(500_000_000)) };
        assert_eq!(facts(&known, second * 2), "46%  234 MB of 500 MB  117 MB/s  3 of 12 objects  3.0s left");
        assert_eq!(facts(&progress(5_000, None), second), "5.0 kB  5.0 kB/s");
        assert_eq!(facts(&progress(0, None), Duration::ZERO), "");
        assert_eq!(facts(&progress(10, Some(5)), second), "100%  10 B  10 B/s");
    }

    #[test]
    fn extremes_are_fine() {
        assert_eq!(percent(&progress(u64::MAX, Some(u64::MAX))), Some(100));
        assert_eq!(percent(&progress(1, Some(0))), None);
        let objects = Progress { objects: 1, total_objects: Some(3), ..Progress::default() };
        assert_eq!(percent(&objects), Some(33));
        assert!(facts(&progress(1, Some(u64::MAX)), Duration::MAX).contains("0%"));
        assert!(facts(&progress(u64::MAX, None), Duration::from_millis(1)).contains("EB"));
    }
}
