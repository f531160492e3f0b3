use std::time::Duration;

use cadangkan_core::{Name, Timestamp};

/// How long after its time a run begins, from nothing to `most`: so that a hundred that are due at once do not all begin
/// at once. The same run always waits as long, also after a restart.
pub(crate) fn delay(database: &Name, schedule: &str, due: Timestamp, most: Duration) -> Duration {
    let whole = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    let parts = [database.as_str().as_bytes(), b"\0", schedule.as_bytes(), &due.as_second().to_le_bytes()];
    let hash = parts.concat().iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        // FNV-1a: any hash that never changes does.
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The upper half is spread better than the lower.
    Duration::from_millis((hash >> 16).checked_rem(whole.saturating_add(1)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_spread_and_always_the_same() {
        let due = Timestamp::from_second(1_800_000_000).unwrap();
        let most = Duration::from_secs(600);
        let of = |index: u32| delay(&Name::new(format!("db{index}")).unwrap(), "main", due, most);
        let all: Vec<Duration> = (0..1000).map(of).collect();
        assert!(all.iter().all(|delay| *delay <= most));
        for minute in 0..10 {
            let within = |delay: &&Duration| delay.as_secs() / 60 == minute;
            let count = all.iter().filter(within).count();
            assert!((50..200).contains(&count), "{count} in minute {minute}");
        }
        assert_eq!(of(7), of(7));
        assert_eq!(delay(&Name::new("a").unwrap(), "main", due, Duration::ZERO), Duration::ZERO);
    }
}
