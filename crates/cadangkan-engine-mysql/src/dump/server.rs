use std::collections::BTreeMap;
use std::sync::Arc;

use cadangkan_core::{Control, Result};
use cadangkan_engine::{DumpRequest, ServerSnapshot, Snapshot};

use super::aside::Aside;
use super::rest::{MysqlRest, Part, Rest};
use super::{MysqlSnapshot, asked, refuse};
use crate::config::Config;
use crate::view::Views;

/// A snapshot of several databases of a server.
pub(crate) struct MysqlServerSnapshot {
    views: Views,
    config: Config,
    aside: Aside,
    requests: BTreeMap<String, DumpRequest>,
    /// What parts of one script have kept for its end.
    rest: Arc<Rest>,
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
        Ok(MysqlServerSnapshot {
            views,
            config: config.clone(),
            aside: Aside::new(target),
            requests,
            rest: Arc::default(),
        })
    }

    fn open_as(
        &self,
        database: &str,
        part: Option<Part>,
        control: &Control<'_>,
    ) -> Result<Box<dyn Snapshot>> {
        let open = || {
            let view = self.views.open(database, control)?;
            let request = self.requests.get(database).cloned().unwrap_or_default();
            MysqlSnapshot::of(view, &self.config, &self.aside, &request, part, control)
        };
        Ok(Box::new(open().map_err(|error| self.config.explain(error))?))
    }
}

impl ServerSnapshot for MysqlServerSnapshot {
    fn databases(&self) -> Vec<String> {
        self.views.databases().to_vec()
    }

    fn open(&self, database: &str, control: &Control<'_>) -> Result<Box<dyn Snapshot>> {
        self.open_as(database, None, control)
    }

    fn open_part(&self, database: &str, control: &Control<'_>) -> Result<Box<dyn Snapshot>> {
        let databases = self.views.databases();
        let is = |name: Option<&String>| name.is_some_and(|name| name == database);
        let (is_first, is_last) = (is(databases.first()), is(databases.last()));
        self.open_as(database, Some(Part { is_first, is_last, rest: Arc::clone(&self.rest) }), control)
    }

    fn open_rest(&self, _control: &Control<'_>) -> Result<Box<dyn Snapshot>> {
        Ok(Box::new(MysqlRest::of(&self.rest)))
    }
}
