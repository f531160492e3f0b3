//! Views, in an order in which each finds what it reads.

use std::collections::{BTreeMap, BTreeSet};

use cadangkan_core::{Control, Result, ResultExt};
use cadangkan_mywire::{Connection, identifier};

use super::entries::{Entries, Made, Title};
use super::own_name::{names_read, names_read_elsewhere, without};
use super::shows::{Shown, show};
use crate::catalog::{Relations, Schema};
use crate::session::is;

/// One view.
pub(super) struct View {
    pub(super) name: String,
    made: Made,
    definition: Vec<u8>,
    /// What it may read: views and functions.
    pub(super) reads: BTreeSet<String>,
    /// What it may read in other databases, in lower case.
    pub(super) reads_elsewhere: BTreeSet<(String, String)>,
}

impl View {
    /// Adds its definition.
    pub(super) fn add_to(&self, entries: &mut Entries) {
        let title = Title { kind: "VIEW", name: &self.name, table: None };
        entries.add_made(&title, &self.made, ("", ""), &self.definition);
    }
}

/// What became of the views.
#[derive(Default)]
pub(super) struct Found {
    /// Those that are kept, in their order.
    pub(super) views: Vec<View>,
    /// Those that this user may not see.
    pub(super) denied: Vec<String>,
    /// What is said of those that were left out.
    pub(super) warnings: Vec<String>,
}

/// Reads the views; `functions` says for each stored function which names stand in it. Views that read something that was
/// excluded are left out too: they could not be made again.
pub(super) fn read(
    connection: &mut Connection,
    schema: &Schema,
    relations: &Relations,
    functions: &BTreeMap<String, BTreeSet<String>>,
    control: &Control<'_>,
) -> Result<Found> {
    let (mut views, mut found) = (Vec::new(), Found::default());
    for name in &relations.views {
        let sql = format!("SHOW CREATE VIEW {}", identifier(name));
        // View, Create View, character_set_client, collation_connection.
        let mut shown: Shown = match show(connection, &sql, control) {
            Err(error) if is(&error, &[1142, 1143, 1227, 1044]) => {
                found.denied.push(format!("the definition of view {name} (SHOW VIEW)"));
                continue;
            }
            shown => shown.context("view", name)?,
        };
        shown.skip();
        let definition = shown.bytes()?;
        let made = Made { client: shown.text()?, collation: shown.text()?, ..Made::default() };
        let reads = names_read(&definition, &schema.name);
        let reads_elsewhere = names_read_elsewhere(&definition, &schema.name);
        let definition = without(&definition, &schema.name);
        views.push(View { name: name.clone(), made, definition, reads, reads_elsewhere });
    }
    found.warnings = leave_out(&mut views, &relations.excluded);
    let reads: Vec<_> = views.iter().map(|view| (view.name.as_str(), &view.reads)).collect();
    let places = order(&reads, functions);
    let mut views: Vec<_> = views.into_iter().map(Some).collect();
    found.views = places.into_iter().filter_map(|place| views.get_mut(place)?.take()).collect();
    Ok(found)
}

/// Takes out the views that read what was excluded, and those that read these; says which.
fn leave_out(views: &mut Vec<View>, excluded: &BTreeSet<String>) -> Vec<String> {
    let (mut gone, mut warnings) = (excluded.clone(), Vec::new());
    loop {
        let reads_gone =
            |view: &View| view.reads.iter().find(|name| gone.contains(&name.to_lowercase())).cloned();
        let next = views.iter().enumerate().find_map(|(place, view)| Some((place, reads_gone(view)?)));
        let Some((place, what)) = next else { return warnings };
        let view = views.remove(place);
        warnings.push(format!("view {} is left out: it reads {what}, which is left out", view.name));
        gone.insert(view.name.to_lowercase());
    }
}

/// Puts what is read before what reads it, otherwise by name; where the names go in a circle, which those of views alone
/// cannot, by name too.
pub(super) fn order(
    views: &[(&str, &BTreeSet<String>)],
    functions: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<usize> {
    let places: BTreeMap<String, usize> =
        views.iter().enumerate().map(|(place, (name, _))| (name.to_lowercase(), place)).collect();
    let mut state = vec![State::New; views.len()];
    let mut ordered = Vec::new();
    for first in 0..views.len() {
        // Depth first, without recursion: chains of views may be long.
        let mut path = vec![(first, false)];
        while let Some((place, is_left)) = path.pop() {
            let Some(state) = state.get_mut(place) else { continue };
            if is_left {
                if *state != State::Done {
                    *state = State::Done;
                    ordered.push(place);
                }
                continue;
            }
            if *state != State::New {
                continue;
            }
            *state = State::Begun;
            path.push((place, true));
            let Some((_, reads)) = views.get(place) else { continue };
            let needed = through_functions(reads, functions);
            let needed: BTreeSet<_> = needed.iter().filter_map(|name| places.get(name)).collect();
            path.extend(needed.into_iter().rev().map(|place| (*place, false)));
        }
    }
    ordered
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Begun,
    Done,
}

/// The names, in lower case, that a view reads itself or by functions that it calls.
fn through_functions(
    reads: &BTreeSet<String>,
    functions: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = reads.iter().map(|name| name.to_lowercase()).collect();
    let mut new: Vec<String> = names.iter().cloned().collect();
    while let Some(name) = new.pop() {
        for inner in functions.get(&name).into_iter().flatten() {
            if names.insert(inner.clone()) {
                new.push(inner.clone());
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(views: &[(&str, &[&str])], functions: &[(&str, &[&str])]) -> Vec<String> {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let reads: Vec<_> = views.iter().map(|(name, reads)| (*name, set(reads))).collect();
        let reads: Vec<_> = reads.iter().map(|(name, reads)| (*name, reads)).collect();
        let functions = functions.iter().map(|(name, inner)| ((*name).to_owned(), set(inner))).collect();
        order(&reads, &functions).into_iter().map(|place| views[place].0.to_owned()).collect()
    }

    #[test]
    fn what_is_read_comes_first() {
        assert_eq!(ordered(&[("a", &["m"]), ("m", &["z", "t"]), ("z", &[])], &[]), ["z", "m", "a"]);
        assert_eq!(ordered(&[("a", &["F"]), ("b", &[])], &[("f", &["g"]), ("g", &["b"])]), ["b", "a"]);
        assert_eq!(ordered(&[("a", &["b"]), ("b", &["a"]), ("c", &["a"])], &[]).len(), 3);
        assert_eq!(ordered(&[("b", &[]), ("c", &[])], &[]), ["b", "c"]);
    }
}
