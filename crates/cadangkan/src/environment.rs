//! The one place that reads the environment.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use zeroize::Zeroizing;

use crate::secrets::{KEY_VARIABLE, PASSPHRASE_VARIABLE};

/// Variables of ours that are secrets themselves.
pub(crate) const SECRETS: [&str; 2] = [KEY_VARIABLE, PASSPHRASE_VARIABLE];

/// The variable that says from which level on something is said.
pub(crate) const LEVELS_VARIABLE: &str = "CADANGKAN_LOG";

static TAKEN: OnceLock<BTreeMap<&str, Zeroizing<String>>> = OnceLock::new();

/// Takes our secrets out of the environment, so that no program which is started gets them: database tools, `ssh`, an editor.
///
/// To be called once, before there is any thread.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn take_secrets() {
    TAKEN.get_or_init(|| {
        let taken =
            SECRETS.into_iter().filter_map(|name| Some((name, Zeroizing::new(std::env::var(name).ok()?))));
        let taken = taken.collect();
        for name in SECRETS {
            remove(name);
        }
        taken
    });
}

#[allow(unsafe_code, reason = "the standard library cannot know that there is no other thread")]
fn remove(name: &str) {
    // SAFETY: `main` does this first of all, when no other thread can read or change the environment.
    unsafe { std::env::remove_var(name) }
}

/// Looks up a variable of the environment, as it was when the program began.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn environment(name: &str) -> Option<String> {
    let taken = TAKEN.get().and_then(|taken| taken.get(name)).map(|secret| String::clone(secret));
    taken.or_else(|| std::env::var(name).ok())
}
