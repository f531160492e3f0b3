use std::time::Duration;

/// How often and how soon a run that failed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// How often it is tried, the first time among them; at least 1.
    pub attempts: u32,
    /// How long until the second try; each wait after that is twice as long.
    pub delay: Duration,
    /// The longest wait.
    pub max_delay: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Retry { attempts: 3, delay: Duration::from_secs(60), max_delay: Duration::from_secs(3600) }
    }
}

impl Retry {
    /// How long to wait after so many tries that failed; `None` when there is no other.
    pub(crate) fn wait_after(&self, attempts: u32) -> Option<Duration> {
        if attempts >= self.attempts {
            return None;
        }
        let doubled = attempts.saturating_sub(1).min(30);
        Some(self.delay.saturating_mul(1 << doubled).min(self.max_delay))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit() {
        let retry =
            Retry { attempts: 6, delay: Duration::from_secs(60), max_delay: Duration::from_secs(300) };
        let waits: Vec<_> = (1..=6).map(|tried| retry.wait_after(tried).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(60), Some(120), Some(240), Some(300), Some(300), None]);
    }
}
