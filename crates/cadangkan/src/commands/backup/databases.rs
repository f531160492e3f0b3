use std::path::{Path, PathBuf};

use cadangkan_core::{Control, Error, ErrorKind, Pattern, Result};
use cadangkan_engine::Server;
use cadangkan_ops::choice::{Choice, Side};

use crate::app::App;
use crate::commands::parse_pattern;
use crate::config::BackupOptions;

/// Flags that say which databases of a whole server are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Databases of a whole server (names or globs, separated by commas)")]
pub(crate) struct DatabaseArgs {
    /// These databases instead of those that are configured; a single one that is named brings its companions
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = parse_pattern)]
    databases: Vec<Pattern>,
    /// Those that a file names, one per line
    #[arg(long, value_name = "FILE")]
    databases_file: Vec<PathBuf>,
    /// All databases of the server instead of those that are configured; without a name, every configured database that is enabled
    #[arg(long, conflicts_with_all = ["databases", "databases_file"])]
    all: bool,
    /// Choose them from a list on the terminal
    #[arg(long)]
    choose: bool,
    /// Only those that are not secondary: whose names do not end in _secondary
    #[arg(long, conflicts_with = "secondary")]
    primary: bool,
    /// Only those whose names end in _secondary
    #[arg(long)]
    secondary: bool,
    /// A single one without its companions, such as shop_archive
    #[arg(long, requires = "databases")]
    no_companions: bool,
    /// Not these databases
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = parse_pattern)]
    exclude_db: Vec<Pattern>,
    /// Not those that a file names, one per line
    #[arg(long, value_name = "FILE")]
    exclude_db_file: Vec<PathBuf>,
    /// Not databases without tables
    #[arg(long)]
    exclude_empty: bool,
    /// Not the server's own databases: they are never taken, with or without this
    #[arg(long)]
    exclude_system: bool,
    /// All in one archive, instead of one for each
    #[arg(long)]
    combined: bool,
    /// Of these databases definitions alone
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = parse_pattern)]
    schema_only_db: Vec<Pattern>,
}

impl DatabaseArgs {
    /// The choice that flags and configuration make together.
    pub(crate) fn choice(&self, configured: &BackupOptions) -> Result<Choice> {
        let mut databases = self.databases.clone();
        databases.extend(read_files(&self.databases_file)?);
        let mut exclude = self.exclude_db.clone();
        exclude.extend(read_files(&self.exclude_db_file)?);
        let side = [(self.primary, Side::Primary), (self.secondary, Side::Secondary)];
        let is_alone = !self.no_companions && self.databases_file.is_empty();
        Ok(Choice {
            all: self.all,
            databases,
            companions: if is_alone { configured.companions() } else { Vec::new() },
            side: side.into_iter().find_map(|(is_wanted, side)| is_wanted.then_some(side)),
            secondary_suffix: configured.secondary_suffix().to_owned(),
            exclude,
            exclude_empty: self.exclude_empty || configured.exclude_empty,
            exact: None,
        })
    }

    /// The databases whose rows are left out.
    pub(super) fn schema_only(&self, configured: &BackupOptions) -> Vec<Pattern> {
        let nearer = &self.schema_only_db;
        if nearer.is_empty() { configured.schema_only_databases.clone() } else { nearer.clone() }
    }

    /// Whether all go into one archive.
    pub(super) fn combined(&self, configured: &BackupOptions) -> bool {
        self.combined || configured.combined
    }

    /// Whether a person is asked.
    pub(super) fn asks(&self) -> bool {
        self.choose
    }

    /// Refuses what has no meaning for a single database.
    pub(super) fn refuse_for_one(&self, name: &str) -> Result<()> {
        if *self == DatabaseArgs::default() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Usage, format!("\"{name}\" is one database, not a server with several"))
            .hint("leave out what chooses databases, or add the server: its `databases` take names and globs, `*` is all"))
    }
}

/// Lets a person choose among the databases that a choice takes.
pub(super) fn choose(
    app: &App,
    choice: &Choice,
    server: &dyn Server,
    control: &Control<'_>,
) -> Result<Choice> {
    let names = choice.choose(server, control)?;
    let chosen = app.with_prompter(|prompter| prompter.choose_several("Which databases", &names))?;
    let is_chosen = |(place, name): (usize, String)| chosen.contains(&place).then_some(name);
    let chosen: Vec<_> = names.into_iter().enumerate().filter_map(is_chosen).collect();
    Ok(Choice { exact: Some(chosen), ..Choice::default() })
}

/// Reads names and globs, one per line; what follows a `#` is a comment.
fn read_files(files: &[PathBuf]) -> Result<Vec<Pattern>> {
    let mut patterns = Vec::new();
    for file in files {
        let found = patterns_of(&read(file)?);
        if found.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "the file names no database")
                .context("file", file.display())
                .hint("one name or glob stands in each line"));
        }
        patterns.extend(found);
    }
    Ok(patterns)
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        Error::io("cannot read the list of databases", error).context("file", file.display())
    })
}

fn patterns_of(text: &str) -> Vec<Pattern> {
    let names = text.lines().map(|line| match line.trim_start().starts_with('#') {
        true => "",
        // A name may have a `#` inside.
        false => line.split(" #").next().unwrap_or_default().trim(),
    });
    names.filter(|name| !name.is_empty()).map(|name| Pattern(name.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_name_or_a_glob_in_each_line() {
        let text = "# all shops\r\nshop_*\n\n  wiki   # and this\na#b\n   # nothing\n";
        let names: Vec<_> = patterns_of(text).into_iter().map(|pattern| pattern.0).collect();
        assert_eq!(names, ["shop_*", "wiki", "a#b"]);
    }

    #[test]
    fn flags_lie_over_what_is_configured() {
        let configured = BackupOptions {
            secondary_suffix: Some("_copy".to_owned()),
            companions: Some(vec!["_old".to_owned()]),
            schema_only_databases: vec![Pattern("logs".to_owned())],
            ..BackupOptions::default()
        };
        let args = DatabaseArgs { secondary: true, ..DatabaseArgs::default() };
        let choice = args.choice(&configured).unwrap();
        assert_eq!((choice.side, choice.secondary_suffix.as_str()), (Some(Side::Secondary), "_copy"));
        assert_eq!((choice.companions, args.schema_only(&configured).len()), (vec!["_old".to_owned()], 1));
        let plain = DatabaseArgs::default().choice(&BackupOptions::default()).unwrap();
        assert_eq!((plain.companions.len(), plain.secondary_suffix.as_str()), (3, "_secondary"));
        assert!(
            DatabaseArgs::default().refuse_for_one("shop").is_ok() && args.refuse_for_one("shop").is_err()
        );
    }
}
