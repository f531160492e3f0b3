//! Names of stored objects: `<database>/<yyyy>/<mm>/<base>.<extension>`.

use std::hash::{BuildHasher, Hasher, RandomState};

use cadangkan_archive::CipherKind;
use cadangkan_core::{BackupId, Error, ErrorKind, Name, Result, Ticket};
use cadangkan_storage::Key;

/// Ends the key of a manifest.
pub const MANIFEST_SUFFIX: &str = ".meta.json";
/// Ends the key of an index.
pub const INDEX_SUFFIX: &str = ".index";

/// The most bytes of an archive's file name: endings are put behind it, and file systems end at 255.
const LONGEST_FILE_NAME: usize = 220;

/// How file names are made; checked when it is configured.
///
/// `{database}`, `{trigger}` (also spelled `{type}`), `{timestamp}` (`20260115_143022`, UTC) and `{id}` (six
/// random hex digits) are filled in, and what there may be none of: `{ticket}`, `{server}` (its host) and
/// `{profile}`; an empty one goes with the separator before it. It has `{timestamp}` and `{id}`, so that no two
/// backups get one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileNameTemplate(String);

/// What the fields of a template are filled with.
#[derive(Clone, Copy, Debug)]
pub struct FileNameFields<'a> {
    /// The configured name.
    pub database: &'a Name,
    /// Which database it is, where that name stands for many.
    pub one_of: Option<&'a str>,
    /// Whether all of these are in it.
    pub combined: bool,
    /// Why the backup was made.
    pub trigger: &'a str,
    /// Its id.
    pub backup_id: BackupId,
    /// The ticket that asked for it.
    pub ticket: Option<&'a Ticket>,
    /// The host of its server, or the path of a socket.
    pub server: Option<&'a str>,
    /// The profile of the configuration.
    pub profile: Option<&'a str>,
}

impl Default for FileNameTemplate {
    fn default() -> Self {
        FileNameTemplate("{database}_{trigger}_{timestamp}_{id}".to_owned())
    }
}

impl FileNameTemplate {
    const FIELDS: [&str; 5] = ["database", "trigger", "type", "timestamp", "id"];
    /// What there may be none of.
    const OPTIONAL: [&str; 3] = ["ticket", "server", "profile"];

    /// Checks a template.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        let wrong = |what: String| {
            Error::new(ErrorKind::Configuration, format!("the file name template {what}"))
                .context("template", text.escape_debug())
                .hint("for example {database}_{trigger}_{timestamp}_{id}")
        };
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (field, behind) =
                after.split_once('}').ok_or_else(|| wrong("has a '{' without '}'".into()))?;
            if before.contains('}')
                || !Self::FIELDS.iter().chain(&Self::OPTIONAL).any(|known| *known == field)
            {
                return Err(wrong(format!("has an unknown field {{{field}}}")));
            }
            rest = behind;
        }
        if !["{timestamp}", "{id}"].iter().all(|field| text.contains(field)) {
            return Err(wrong("needs {timestamp} and {id}, so that no two backups get one name".into()));
        }
        let shortest = Self::OPTIONAL.iter().fold(text.clone(), |text, field| fill(&text, field, None));
        let plain = |text: String| Key::new(text).is_ok();
        if rest.contains('}')
            || text.contains('/')
            || text.len() > 100
            || !plain(shortest)
            || !plain(text.clone())
        {
            return Err(wrong("is not a plain file name of at most 100 bytes".into()));
        }
        Ok(FileNameTemplate(text))
    }

    /// Fills in the fields.
    fn base(&self, fields: &FileNameFields<'_>) -> String {
        // What follows a dot is one of many.
        let one_of = match fields.one_of {
            Some(name) => format!(".{}", safe(name)),
            None if fields.combined => "_combined".to_owned(),
            None => String::new(),
        };
        // A socket is one of this machine.
        let server = fields.server.map(|host| if host.starts_with('/') { "localhost" } else { host });
        let optional = [fields.ticket.map(Ticket::to_string), server.map(safe), fields.profile.map(safe)];
        let optional = Self::OPTIONAL.iter().zip(optional);
        optional
            .fold(self.0.clone(), |text, (field, value)| fill(&text, field, value.as_deref()))
            .replace("{database}", &format!("{}{one_of}", fields.database))
            .replace("{trigger}", fields.trigger)
            .replace("{type}", fields.trigger)
            .replace("{timestamp}", &fields.backup_id.file_timestamp())
            .replace("{id}", &random_hex_digits())
    }
}

/// Where in a storage an archive goes, and what it is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveName {
    /// In the folders of its database, year and month.
    InFolders(FileNameTemplate),
    /// At the top of the storage: for a folder that somebody named for this one backup.
    Flat(FileNameTemplate),
    /// At the top of the storage, under a name that somebody chose, without endings.
    Exact(String),
}

impl ArchiveName {
    /// Checks a name that somebody chose.
    pub fn exact(name: &str) -> Result<Self> {
        if name.contains('/') || name.len() > 200 || Key::new(name).is_err() {
            return Err(Error::new(ErrorKind::Usage, "not a plain file name of at most 200 bytes")
                .context("name", name.escape_debug())
                .hint("name the folder with --to-dir, and the file without a folder"));
        }
        Ok(ArchiveName::Exact(name.to_owned()))
    }

    /// Makes the key of an archive; `extension` is without its dot, for example `sqlite.zst`.
    ///
    /// Fails with `Configuration` when what fills the template makes a name too long for a file.
    pub fn key(&self, fields: &FileNameFields<'_>, extension: &str) -> Result<Key> {
        let (year, month) = fields.backup_id.year_month();
        let key = match self {
            ArchiveName::InFolders(template) => {
                Key::new(format!("{}/{year}/{month}/{}.{extension}", fields.database, template.base(fields)))
            }
            ArchiveName::Flat(template) => Key::new(format!("{}.{extension}", template.base(fields))),
            ArchiveName::Exact(name) => Key::new(format!(
                "{}.{extension}",
                name.strip_suffix(&format!(".{extension}")).unwrap_or(name)
            )),
        }?;
        let length = key.file_name().len();
        if length <= LONGEST_FILE_NAME {
            return Ok(key);
        }
        Err(Error::new(ErrorKind::Configuration, "the name of the backup's file would be too long")
            .context("bytes", format!("{length}, at most {LONGEST_FILE_NAME}"))
            .hint("use fewer fields in `file_name`"))
    }
}

/// The key of a file that lies beside an archive: the archive's, with another ending instead of its `extension`; that of a
/// cipher stays.
pub(crate) fn side_key(archive: &Key, extension: &str, ending: &str) -> Result<Key> {
    let name = archive.file_name();
    let base = name.strip_suffix(&format!(".{extension}")).unwrap_or(name);
    let cipher = CipherKind::extension_of(name).map(|cipher| format!(".{cipher}"));
    archive.sibling(&format!("{base}.{ending}{}", cipher.unwrap_or_default()))
}

/// The folder of a storage under which all backups of a database lie.
pub fn database_folder(database: &Name) -> String {
    database.to_string()
}

/// Puts a value in the place of a field; without one, the separator before the field goes too, or the one behind it
/// at the beginning.
fn fill(text: &str, field: &str, value: Option<&str>) -> String {
    let field = format!("{{{field}}}");
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        return text.replace(&field, value);
    }
    let mut text = text.to_owned();
    for separator in ["_", "-", "."] {
        text = text.replace(&format!("{separator}{field}"), "");
        text = text.strip_prefix(&format!("{field}{separator}")).map(str::to_owned).unwrap_or(text);
    }
    text.replace(&field, "")
}

/// What of a server's database name may stand in a file name: enough to know it by. The manifest has it whole.
fn safe(name: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    name.chars().take(40).map(|character| if plain(character) { character } else { '_' }).collect()
}

fn random_hex_digits() -> String {
    // The standard library seeds each hasher at random; six digits only tell apart what one second brought.
    format!("{:06x}", RandomState::new().build_hasher().finish() & 0xff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(database: &Name, backup_id: BackupId) -> FileNameFields<'_> {
        let (one_of, combined, trigger, ticket, server, profile) = (None, false, "manual", None, None, None);
        FileNameFields { database, one_of, combined, trigger, backup_id, ticket, server, profile }
    }

    #[test]
    fn fields_that_are_empty_take_their_separator_along() {
        let (database, backup_id) = (Name::new("shop").unwrap(), "2026-01-15-143022".parse().unwrap());
        let ticket = Ticket::new("OPS-7.a").unwrap();
        let none = fields(&database, backup_id);
        let all = FileNameFields {
            ticket: Some(&ticket),
            server: Some("db.example.com"),
            profile: Some("eu"),
            ..none
        };
        let socket = FileNameFields { server: Some("/run/my sql.sock"), ..none };
        let time = "20260115_143022";
        for (template, fields, expected) in [
            ("{database}_{timestamp}_{ticket}_{id}", all, format!("shop_{time}_OPS-7.a_")),
            ("{database}_{timestamp}_{ticket}_{id}", none, format!("shop_{time}_")),
            ("{ticket}-{database}-{timestamp}_{id}", none, format!("shop-{time}_")),
            ("{profile}.{server}.{ticket}.{timestamp}_{id}", none, format!("{time}_")),
            (
                "{profile}.{server}.{ticket}.{timestamp}_{id}",
                all,
                format!("eu.db_example_com.OPS-7.a.{time}_"),
            ),
            ("{server}{ticket}{timestamp}_{id}", socket, format!("localhost{time}_")),
        ] {
            let name = ArchiveName::InFolders(FileNameTemplate::new(template).unwrap());
            let key = name.key(&fields, "sql.zst").unwrap();
            let id = key.file_name().strip_prefix(&expected).and_then(|id| id.strip_suffix(".sql.zst"));
            assert!(id.is_some_and(|id| id.len() == 6), "{template}: {key}");
        }
    }

    #[test]
    fn a_name_that_no_file_can_have_is_refused_before_anything_is_made() {
        let (database, backup_id) =
            (Name::new("a".repeat(64)).unwrap(), "2026-01-15-143022".parse().unwrap());
        let ticket = Ticket::new("b".repeat(64)).unwrap();
        let fields =
            FileNameFields { ticket: Some(&ticket), one_of: Some("c"), ..fields(&database, backup_id) };
        let template = "{database}{ticket}{type}{timestamp}{id}{ticket}";
        let name = ArchiveName::InFolders(FileNameTemplate::new(template).unwrap());
        let error = name.key(&fields, "sql.zst").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(ArchiveName::Flat(FileNameTemplate::default()).key(&fields, "sql.zst").is_ok());
    }

    #[test]
    fn default_name_is_the_documented_one() {
        let database = Name::new("shop").unwrap();
        let backup_id = "2026-01-15-143022".parse().unwrap();
        let fields = fields(&database, backup_id);
        let key = ArchiveName::InFolders(FileNameTemplate::default()).key(&fields, "sqlite.zst").unwrap();
        let (start, id) = key.as_str().rsplit_once('_').unwrap();
        assert_eq!(start, "shop/2026/01/shop_manual_20260115_143022");
        let id = id.strip_suffix(".sqlite.zst").unwrap();
        assert!(id.len() == 6 && id.chars().all(|digit| digit.is_ascii_hexdigit()), "{id}");
    }

    #[test]
    fn one_of_many_is_known_by_its_file_whatever_its_name_is() {
        let database = Name::new("prod").unwrap();
        let backup_id = "2026-01-15-143022".parse().unwrap();
        let long = "é{id}".repeat(12);
        for (name, expected) in [
            ("app", "prod.app_manual_"),
            ("../../etc", "prod.______etc_manual_"),
            ("a b\n.partial", "prod.a_b__partial_manual_"),
            ("{id}", "prod._id__manual_"),
            ("", "prod._manual_"),
            (&long, "prod.__id__"),
        ] {
            let fields = FileNameFields { one_of: Some(name), ..fields(&database, backup_id) };
            let key = ArchiveName::InFolders(FileNameTemplate::default()).key(&fields, "sql.zst").unwrap();
            assert_eq!(key.folder(), "prod/2026/01", "{name:?}");
            assert!(key.file_name().starts_with(expected) && key.file_name().len() < 150, "{key}");
        }
    }

    #[test]
    fn several_in_one_are_no_single_one_of_any_name() {
        let database = Name::new("prod").unwrap();
        let backup_id = "2026-01-15-143022".parse().unwrap();
        let fields = FileNameFields { combined: true, ..fields(&database, backup_id) };
        let key = ArchiveName::InFolders(FileNameTemplate::default()).key(&fields, "sql.zst").unwrap();
        assert!(key.as_str().starts_with("prod/2026/01/prod_combined_manual_20260115_143022_"), "{key}");
    }

    #[test]
    fn a_chosen_name_gets_its_ending_once() {
        let database = Name::new("shop").unwrap();
        let backup_id = "2026-01-15-143022".parse().unwrap();
        let fields = fields(&database, backup_id);
        for name in ["mine", "mine.sqlite.zst"] {
            let key = ArchiveName::exact(name).unwrap().key(&fields, "sqlite.zst").unwrap();
            assert_eq!(key.as_str(), "mine.sqlite.zst");
        }
        for bad in ["", "a/b", "..", ".hidden", "a\0"] {
            assert!(ArchiveName::exact(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn refuses_templates_that_escape_or_collide() {
        for bad in [
            "",
            "{database}",
            "{timestamp}",
            "../{timestamp}_{id}",
            "a/{timestamp}{id}",
            "{timestamp}{id}{x}",
            "{timestamp}{id}{",
            "{timestamp}{id}}",
            ".{timestamp}{id}",
            "{timestamp}{id}\n",
            "{ticket}.{server}..{timestamp}{id}",
            "{Ticket}{timestamp}{id}",
        ] {
            assert!(FileNameTemplate::new(bad).is_err(), "{bad:?}");
        }
        assert!(FileNameTemplate::new("{id}-{timestamp}-{type}").is_ok());
    }
}
