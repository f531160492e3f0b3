//! Colours and marks.

use cadangkan_core::Level;

/// How text is shown: with colours or without, with Unicode marks or in ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    colors: bool,
    unicode: bool,
}

/// A colour or weight, by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Success.
    Green,
    /// Failure.
    Red,
    /// Worth a look.
    Yellow,
    /// Less important than the rest.
    Dim,
    /// More important than the rest.
    Bold,
}

impl Paint {
    /// The parameter of the SGR control function, ECMA-48 8.3.117.
    fn code(self) -> &'static str {
        match self {
            Paint::Green => "32",
            Paint::Red => "31",
            Paint::Yellow => "33",
            Paint::Dim => "2",
            Paint::Bold => "1",
        }
    }
}

impl Style {
    /// Chooses both, in tests.
    #[cfg(test)]
    pub(crate) fn new(colors: bool, unicode: bool) -> Self {
        Style { colors, unicode }
    }

    /// Finds out what fits: colours on a terminal, unless `--no-color`, `NO_COLOR` (<https://no-color.org>) or
    /// `TERM=dumb` say otherwise; Unicode marks where the locale is UTF-8.
    pub(crate) fn detect(
        no_color: bool,
        terminal: bool,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Self {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        let dumb = environment("TERM").is_some_and(|term| term == "dumb");
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Style {
            colors: terminal && !no_color && !dumb && set("NO_COLOR").is_none(),
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
        }
    }

    /// Whether colours are shown.
    #[cfg(test)]
    pub(crate) fn has_colors(self) -> bool {
        self.colors
    }

    /// Whether marks outside of ASCII are shown.
    pub(crate) fn has_unicode(self) -> bool {
        self.unicode
    }

    /// Paints text, when colours are shown.
    pub(crate) fn paint(self, paint: Paint, text: &str) -> String {
        if self.colors { format!("\u{1b}[{}m{text}\u{1b}[0m", paint.code()) } else { text.to_owned() }
    }

    /// Paints text green.
    pub(crate) fn green(self, text: &str) -> String {
        self.paint(Paint::Green, text)
    }

    /// Paints text red.
    pub(crate) fn red(self, text: &str) -> String {
        self.paint(Paint::Red, text)
    }

    /// Paints text yellow.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint(Paint::Yellow, text)
    }

    /// Shows text dimmed.
    pub(crate) fn dim(self, text: &str) -> String {
        self.paint(Paint::Dim, text)
    }

    /// Shows text bold.
    pub(crate) fn bold(self, text: &str) -> String {
        self.paint(Paint::Bold, text)
    }

    /// The mark of success: `✓`.
    pub(crate) fn good_mark(self) -> String {
        self.green(if self.unicode { "✓" } else { "+" })
    }

    /// The mark of failure: `✗`.
    pub(crate) fn bad_mark(self) -> String {
        self.red(if self.unicode { "✗" } else { "x" })
    }

    /// The mark of a warning: `⚠`.
    pub(crate) fn warning_mark(self) -> String {
        self.yellow(if self.unicode { "⚠" } else { "!" })
    }
}

/// How much a line matters that this program said, by the mark at its beginning.
pub(crate) fn level_of(line: &str) -> Level {
    match line.split_once(' ').map(|(mark, _)| mark) {
        Some("✗" | "x") => Level::Error,
        Some("⚠" | "!") => Level::Warning,
        _ => Level::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(no_color: bool, terminal: bool, variables: &[(&str, &str)]) -> Style {
        Style::detect(no_color, terminal, &|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colours_only_where_wanted() {
        assert!(detected(false, true, &[]).has_colors());
        assert!(!detected(true, true, &[]).has_colors());
        assert!(!detected(false, false, &[]).has_colors());
        assert!(!detected(false, true, &[("NO_COLOR", "1")]).has_colors());
        assert!(detected(false, true, &[("NO_COLOR", "")]).has_colors());
        assert!(!detected(false, true, &[("TERM", "dumb")]).has_colors());
        assert_eq!(Style::new(false, true).red("x"), "x");
        assert_eq!(Style::new(true, true).red("x"), "\u{1b}[31mx\u{1b}[0m");
    }

    #[test]
    fn marks_follow_the_locale() {
        assert!(detected(false, true, &[("LANG", "de_DE.UTF-8")]).has_unicode());
        assert!(detected(false, true, &[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]).has_unicode());
        assert!(!detected(false, true, &[("LANG", "en_US.UTF-8"), ("LC_ALL", "C")]).has_unicode());
        assert!(!detected(false, true, &[]).has_unicode());
        let (plain, unicode) = (Style::new(false, false), Style::new(false, true));
        assert_eq!([plain.good_mark(), plain.bad_mark(), plain.warning_mark()].concat(), "+x!");
        assert_eq!([unicode.good_mark(), unicode.bad_mark(), unicode.warning_mark()].concat(), "✓✗⚠");
    }
}
