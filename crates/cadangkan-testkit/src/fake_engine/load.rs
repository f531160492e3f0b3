use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use cadangkan_core::{Control, Error, ErrorKind, ObjectKind, ObjectName, ObjectReport, Result};
use cadangkan_engine::{Load, LoadMode, LoadPlan, LoadReport, LoadRequest, Piece};

use super::engine::refuse_unknown;
use super::text::{Parser, damaged};
use super::{FakeServer, Fault, Rows, Tables, object};

pub(super) fn plan(server: &FakeServer, request: &LoadRequest) -> Result<LoadPlan> {
    let present = server.lock().databases.values().map(BTreeMap::len).sum::<usize>();
    if request.mode == LoadMode::Fresh && present > 0 {
        return Err(Error::new(ErrorKind::Conflict, "the server is not empty").hint("use mode replace"));
    }
    if !request.objects.is_empty() {
        refuse_unknown(&request.selection, &request.objects)?;
    }
    let is_needed = |name: &ObjectName| name.database.is_none() || request.selection.has_table(name);
    let names = request.objects.iter().map(|object| object.name.clone());
    Ok(LoadPlan {
        steps: vec!["load into the fake server".to_owned()],
        present: (present > 0).then(|| format!("{present} tables")),
        present_bytes: None,
        destructive: present > 0,
        needs: (!request.selection.is_everything() && !request.objects.is_empty())
            .then(|| names.filter(is_needed).collect()),
        warnings: Vec::new(),
        detail: Arc::new(request.clone()),
    })
}

pub(super) fn begin(server: &FakeServer, plan: &LoadPlan) -> Result<Box<dyn Load>> {
    let Some(request) = plan.detail.downcast_ref::<LoadRequest>() else {
        return Err(Error::new(ErrorKind::Internal, "the plan is another engine's"));
    };
    Ok(Box::new(FakeLoad { server: server.clone(), request: request.clone(), staged: Mutex::default() }))
}

struct FakeLoad {
    server: FakeServer,
    request: LoadRequest,
    staged: Mutex<Staged>,
}

#[derive(Default)]
struct Staged {
    /// Pieces without an index, which come in order.
    stream: Parser,
    /// What whole frames held.
    databases: BTreeMap<String, Tables>,
}

impl Staged {
    fn add(&mut self, databases: BTreeMap<String, Tables>) {
        for (database, tables) in databases {
            let staged = self.databases.entry(database).or_default();
            for (table, rows) in tables {
                staged.entry(table).or_default().extend(rows);
            }
        }
    }
}

impl FakeLoad {
    /// Compares the rows that came with those that the backup says it has.
    fn refuse_missing(&self, staged: &Staged) -> Result<()> {
        for expected in self.request.objects.iter().filter(|object| object.kind == ObjectKind::TABLE) {
            let database = staged.databases.get(expected.name.database.as_deref().unwrap_or_default());
            let rows = database.and_then(|tables| tables.get(&expected.name.name)).map_or(0, Vec::len);
            let is_meant =
                self.request.selection.has_table(&expected.name) && !self.request.selection.schema_only;
            if is_meant && expected.rows.is_some_and(|expected| expected != rows as u64) {
                return Err(damaged().context("table", &expected.name));
            }
        }
        Ok(())
    }
}

impl Load for FakeLoad {
    fn connections(&self) -> usize {
        2
    }

    fn load(&self, piece: &Piece<'_>, control: &Control<'_>) -> Result<()> {
        control.check()?;
        let mut staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner);
        if piece.object.is_none() {
            return staged.stream.feed(piece.data);
        }
        let mut frame = Parser::default();
        frame.feed(piece.data)?;
        frame.end()?;
        staged.add(frame.databases);
        Ok(())
    }

    fn finish(&mut self, control: &Control<'_>) -> Result<LoadReport> {
        control.check()?;
        let mut staged = std::mem::take(self.staged.get_mut().unwrap_or_else(PoisonError::into_inner));
        staged.stream.end()?;
        let stream = std::mem::take(&mut staged.stream.databases);
        staged.add(stream);
        for (database, tables) in &mut staged.databases {
            tables.retain(|table, rows| {
                if self.request.selection.schema_only {
                    rows.clear();
                }
                self.request.selection.has_table(&object(database, table))
            });
        }
        staged.databases.retain(|_, tables| !tables.is_empty());
        self.refuse_missing(&staged)?;
        if self.server.take_fault(|fault| *fault == Fault::LoseLoadedRow).is_some() {
            let mut tables = staged.databases.values_mut().flat_map(BTreeMap::values_mut);
            tables.find(|rows| !rows.is_empty()).map(Vec::pop);
        }
        let counted = |(database, tables): (&String, &Tables)| {
            let report = |(table, rows): (&String, &Rows)| ObjectReport {
                rows: Some(rows.len() as u64),
                ..ObjectReport::new(ObjectKind::TABLE, object(database, table))
            };
            tables.iter().map(report).collect::<Vec<_>>()
        };
        let objects = match self.request.selection.schema_only {
            true => Vec::new(),
            false => staged.databases.iter().flat_map(counted).collect(),
        };
        let tables = staged.databases.values().map(|tables| tables.len() as u64).sum();
        let check = self.request.check.then(|| "fake check".to_owned());
        *self.staged.get_mut().unwrap_or_else(PoisonError::into_inner) = staged;
        Ok(LoadReport { tables, objects, image: None, check })
    }

    fn commit(self: Box<Self>) -> Result<Vec<String>> {
        let staged = self.staged.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.server.lock();
        state.changes += 1;
        if self.request.mode != LoadMode::Replace {
            for (database, tables) in staged.databases {
                state.databases.entry(database).or_default().extend(tables);
            }
            return Ok(Vec::new());
        }
        let old = std::mem::replace(&mut state.databases, staged.databases);
        if self.request.drop_old {
            return Ok(Vec::new());
        }
        let name = format!("before-restore-{}", state.changes);
        let note = format!("the old databases are kept as {name}");
        state.kept.insert(name, old);
        Ok(vec![note])
    }

    fn abort(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}
