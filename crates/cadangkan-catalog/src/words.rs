//! Enums that are kept as words.

use cadangkan_core::{Error, ErrorKind};

/// Makes an enum that is kept as a word: `as_str`, `FromStr`, serde.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        pub enum $name { $($(#[$word_doc])* #[serde(rename = $word)] $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// The word that is kept and shown.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = cadangkan_core::Error;

            fn from_str(text: &str) -> cadangkan_core::Result<Self> {
                let found = $name::ALL.iter().find(|value| value.as_str() == text);
                found.copied().ok_or_else(|| $crate::words::unknown_word(text, &[$($word,)*]))
            }
        }
    };
}
pub(crate) use words;

pub(crate) fn unknown_word(text: &str, words: &[&str]) -> Error {
    Error::new(ErrorKind::Usage, "not a known word")
        .context("text", text.escape_debug())
        .hint(format!("one of: {}", words.join(", ")))
}
