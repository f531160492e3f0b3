use std::collections::BTreeMap;

use cadangkan_core::{Control, Result};
use cadangkan_engine::{DumpRequest, ServerSnapshot, Snapshot};

use super::aside::Aside;
use super::{MysqlSnapshot, asked, refuse};
use crate::config::Config;
use crate::view::Views;

/// A snapshot of several databases of a server.
pub(crate) struct MysqlServerSnapshot {
    views: Views,
    config: Config,
    aside: Aside,
    requests: BTreeMap<String, DumpRequest>,
}

impl MysqlServerSnapshot {
    /// Opens the view.
    pub(crate) fn begin(
        config: &Config,
        databases: &[(String, DumpRequest)],
        control: &Control<'_>,
    ) -> Result<Self> {
        databases.iter().try_for_each(|(_, request)| refuse(request))?;
        let target = config.target()?.with_database(None);
        let meant: Vec<_> =
            databases.iter().map(|(name, request)| (name.as_str(), &request.selection)).collect();
        let views = Views::begin(&asked(config, &target, &meant), control)?;
        let requests = databases.iter().cloned().collect();
        Ok(MysqlServerSnapshot { views, config: config.clone(), aside: Aside::new(target), requests })
    }
}

impl ServerSnapshot for MysqlServerSnapshot {
    fn databases(&self) -> Vec<String> {
        self.views.databases().to_vec()
    }

    fn open(&self, database: &str, control: &Control<'_>) -> Result<Box<dyn Snapshot>> {
        let open = || {
            let view = self.views.open(database, control)?;
            let request = self.requests.get(database).cloned().unwrap_or_default();
            MysqlSnapshot::of(view, &self.config, &self.aside, &request, control)
        };
        Ok(Box::new(open().map_err(|error| self.config.explain(error))?))
    }
}
