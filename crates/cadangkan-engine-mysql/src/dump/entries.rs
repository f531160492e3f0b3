//! Entries of the script: an object's definition with the settings that it was made under.

/// Collects entries as texts of about one frame each, cut where entries end.
#[derive(Debug, Default)]
pub(super) struct Entries {
    texts: Vec<Vec<u8>>,
    text: Vec<u8>,
}

/// Definitions are cut into frames of about this size.
const FRAME_BYTES: usize = 1 << 20;

/// What an entry is of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Title<'a> {
    /// In capitals: `VIEW`.
    pub(super) kind: &'a str,
    pub(super) name: &'a str,
    /// The table of a trigger.
    pub(super) table: Option<&'a str>,
}

/// The settings of the session that made an object.
#[derive(Clone, Debug, Default)]
pub(super) struct Made {
    pub(super) sql_mode: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) client: String,
    pub(super) collation: String,
}

impl Title<'_> {
    /// The comment line that tells a load what follows.
    pub(super) fn line(&self) -> String {
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let table = self.table.map(|table| format!(" table={}", quote(table))).unwrap_or_default();
        format!("-- Cadangkan: kind={} name={}{table}\n", self.kind, quote(self.name))
    }
}

impl Made {
    /// The statement that makes these settings.
    fn set(&self) -> String {
        let mut parts = Vec::new();
        let mode = self.sql_mode.as_deref().unwrap_or("NO_AUTO_VALUE_ON_ZERO");
        parts.push(format!("sql_mode = '{}'", word(mode)));
        parts.extend(self.time_zone.as_ref().map(|zone| format!("time_zone = '{}'", word(zone))));
        parts.push(format!("character_set_client = {}", word(&self.client)));
        parts.push(format!("collation_connection = {}", word(&self.collation)));
        format!("SET {};\n", parts.join(", "))
    }
}

impl Entries {
    /// Adds statements that are plain: none has a `;` but at its end.
    pub(super) fn add(&mut self, title: &Title<'_>, statements: &[u8]) {
        self.text.extend_from_slice(title.line().as_bytes());
        self.text.extend_from_slice(statements);
        self.text.extend_from_slice(b"\n");
        self.cut();
    }

    /// Adds a definition with the settings that it was made under; `around` are statements before and after it.
    pub(super) fn add_made(
        &mut self,
        title: &Title<'_>,
        made: &Made,
        around: (&str, &str),
        definition: &[u8],
    ) {
        let text = &mut self.text;
        text.extend_from_slice(title.line().as_bytes());
        text.extend_from_slice(made.set().as_bytes());
        text.extend_from_slice(around.0.as_bytes());
        text.extend_from_slice(b"DELIMITER ;;\n");
        text.extend_from_slice(definition);
        // The last line may be a comment.
        text.extend_from_slice(b"\n;;\nDELIMITER ;\n");
        text.extend_from_slice(around.1.as_bytes());
        text.extend_from_slice(b"\n");
        self.cut();
    }

    /// Adds whole entries.
    pub(super) fn add_entries(&mut self, entries: &[u8]) {
        self.text.extend_from_slice(entries);
        self.cut();
    }

    /// What was added so far.
    pub(super) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let last = Some(self.text.as_slice()).filter(|text| !text.is_empty());
        self.texts.iter().map(Vec::as_slice).chain(last)
    }

    /// The texts.
    pub(super) fn finish(mut self) -> Vec<Vec<u8>> {
        if !self.text.is_empty() {
            self.texts.push(self.text);
        }
        self.texts
    }

    fn cut(&mut self) {
        if self.text.len() >= FRAME_BYTES {
            self.texts.push(std::mem::take(&mut self.text));
        }
    }
}

/// A word as it may stand in a statement: names of modes, zones, character sets and collations have nothing else.
fn word(text: &str) -> String {
    let fits = |character: &char| character.is_ascii_alphanumeric() || "_,+-:/ ".contains(*character);
    text.chars().filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Header;

    #[test]
    fn a_load_reads_the_lines() {
        let title = Title { kind: "TRIGGER", name: "it's \"a\"\n;", table: Some("t`") };
        let line = title.line();
        assert_eq!(line.matches('\n').count(), 1);
        let header = Header::read(line.as_bytes()).unwrap();
        assert_eq!((header.kind.as_str(), header.name.as_str()), ("TRIGGER", "it's \"a\"\n;"));
        assert_eq!(header.table.as_deref(), Some("t`"));
    }

    #[test]
    fn settings_come_before_the_definition() {
        let mut entries = Entries::default();
        let made = Made { client: "latin1".into(), collation: "latin1_bin'".into(), ..Made::default() };
        entries.add_made(&Title { kind: "VIEW", name: "v", table: None }, &made, ("", ""), b"CREATE VIEW v");
        let text = String::from_utf8(entries.finish().concat()).unwrap();
        assert_eq!(
            text,
            "-- Cadangkan: kind=VIEW name=\"v\"\nSET sql_mode = 'NO_AUTO_VALUE_ON_ZERO', character_set_client = \
             latin1, collation_connection = latin1_bin;\nDELIMITER ;;\nCREATE VIEW v\n;;\nDELIMITER ;\n\n"
        );
        assert!(Entries::default().finish().is_empty());
    }
}
