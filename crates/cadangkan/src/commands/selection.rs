use cadangkan_core::{Pattern, Selection};

use crate::commands::parse_pattern;
use crate::config::BackupOptions;

/// Flags that say which objects are meant.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Selection (names or globs such as 'log_*', separated by commas)")]
pub(crate) struct SelectionArgs {
    /// Only these tables, with their indexes and triggers
    #[arg(long, value_name = "TABLES", value_delimiter = ',', value_parser = parse_pattern)]
    tables: Vec<Pattern>,
    /// Not these tables
    #[arg(long, value_name = "TABLES", value_delimiter = ',', value_parser = parse_pattern)]
    exclude_tables: Vec<Pattern>,
    /// These tables without their rows; without a list, all of them
    #[arg(long, value_name = "TABLES", value_delimiter = ',', value_parser = parse_pattern, num_args = 0..=1, default_missing_value = "*")]
    exclude_data: Vec<Pattern>,
    /// Only what is in these schemas
    #[arg(long, value_name = "SCHEMAS", value_delimiter = ',', value_parser = parse_pattern)]
    schemas: Vec<Pattern>,
    /// Nothing of these schemas
    #[arg(long, value_name = "SCHEMAS", value_delimiter = ',', value_parser = parse_pattern)]
    exclude_schemas: Vec<Pattern>,
    /// Definitions without rows
    #[arg(long, conflicts_with = "data_only")]
    schema_only: bool,
    /// Rows without definitions
    #[arg(long)]
    data_only: bool,
}

impl SelectionArgs {
    /// The objects that are meant.
    pub(crate) fn selection(&self) -> Selection {
        self.options(false).selection()
    }

    /// What is wished of a backup; `globals` stands among other flags.
    pub(crate) fn options(&self, globals: bool) -> BackupOptions {
        let SelectionArgs { tables, exclude_tables, exclude_data, schemas, exclude_schemas, .. } =
            self.clone();
        let (schema_only, data_only) = (self.schema_only, self.data_only);
        BackupOptions {
            tables,
            exclude_tables,
            exclude_data,
            schemas,
            exclude_schemas,
            schema_only,
            data_only,
            globals,
            ..BackupOptions::default()
        }
    }
}
