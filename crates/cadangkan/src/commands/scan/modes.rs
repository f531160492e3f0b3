use std::collections::BTreeMap;

use cadangkan_core::{Control, ErrorKind, Result};
use cadangkan_engine::Server;
use cadangkan_ops::choice::{Choice, Side};
use serde::Serialize;

use super::few;
use crate::app::App;
use crate::commands::backup::databases::DatabaseArgs;
use crate::config::BackupOptions;
use crate::ui::table::{Align, Table};

/// What the ways to back up a whole server take, with what is configured.
#[derive(Debug, Serialize)]
pub(super) struct Modes {
    /// By `--all`.
    all: Vec<String>,
    /// By `--primary`.
    primary: Vec<String>,
    /// By `--secondary`.
    secondary: Vec<String>,
    /// What goes along when one of these is named alone.
    companions: BTreeMap<String, Vec<String>>,
}

impl Modes {
    /// Asks the server for its databases, and chooses among them as a backup does.
    pub(super) fn look(
        server: &dyn Server,
        configured: &BackupOptions,
        control: &Control<'_>,
    ) -> Result<Modes> {
        let choice = DatabaseArgs::default().choice(configured)?;
        let names = server.names(control)?;
        let taken = |choice: Choice| match choice.choose_among(&names, server, control) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            chosen => chosen,
        };
        let all = taken(Choice { all: true, ..choice.clone() })?;
        let companions = all.iter().map(|name| (name.clone(), choice.companions_of(name, &all)));
        Ok(Modes {
            companions: companions.filter(|(_, companions)| !companions.is_empty()).collect(),
            primary: taken(Choice { side: Some(Side::Primary), ..choice.clone() })?,
            secondary: taken(Choice { side: Some(Side::Secondary), ..choice })?,
            all,
        })
    }

    /// A line for each way.
    pub(super) fn text(&self, app: &App) -> String {
        let mut table =
            Table::new([("with", Align::Left), ("databases", Align::Right), ("which", Align::Left)]);
        for (flag, names) in
            [("--all", &self.all), ("--primary", &self.primary), ("--secondary", &self.secondary)]
        {
            table.row([flag.into(), names.len().to_string().into(), few(names).into()]);
        }
        for (name, companions) in &self.companions {
            let along: Vec<_> = std::iter::once(name).chain(companions).cloned().collect();
            let flag = format!("--databases {name}");
            table.row([flag.into(), along.len().to_string().into(), few(&along).into()]);
        }
        table.render(app.style)
    }
}
