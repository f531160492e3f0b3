use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::{Error, ErrorKind, Name, Result};

/// What asked for an operation: the word of a ticket, a change, an order.
///
/// 1 to 64 characters of `A-Z a-z 0-9 _ . -`, beginning with a letter or a digit, as a [`Name`]: so it is safe in a
/// file name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Ticket(Name);

impl Ticket {
    /// Checks a ticket.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        // Without the text, which may be of any length and from anywhere.
        Name::new(text).map(Ticket).map_err(|_| {
            Error::new(ErrorKind::Usage, "this is not a usable ticket")
                .hint("use 1 to 64 letters, digits, '_', '.' or '-', beginning with a letter or a digit")
        })
    }

    /// The ticket as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Ticket {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ticket::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_no_file_name_should_have_and_does_not_repeat_it() {
        let long = "OPS-".repeat(2500);
        for bad in ["", "../x", "OPS 7", "OPS-7\n", "OPS-🎫", "-7", ".7", "{id}", "a/b", "\u{1b}[31m", &long]
        {
            let error = Ticket::new(bad).unwrap_err();
            assert!(bad.is_empty() || !error.to_string().contains(bad), "{bad:?}");
        }
        for good in ["7", "OPS-7", "INC0012345", "change_2026.11", &"a".repeat(64)] {
            assert_eq!(Ticket::new(good).unwrap().as_str(), good);
        }
    }
}
