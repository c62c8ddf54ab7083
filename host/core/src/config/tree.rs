//! The values of one layer, or of several laid over each other, with the place of each.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::config::problem::Origin;

/// The keys that lead to a value; an element of a list has its index as its key.
pub(super) type Path = Vec<String>;

/// The places of a value.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    /// Where its key is written.
    pub(super) key: Origin,
    /// Where it is written itself.
    pub(super) value: Origin,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) root: Map<String, Value>,
    pub(super) spots: BTreeMap<Path, Spot>,
}

/// A value that a table of a later layer replaced.
#[derive(Debug)]
pub(super) struct Displaced {
    pub(super) path: Path,
    pub(super) value: Value,
    pub(super) origin: Origin,
}

impl Tree {
    /// One value at one path, all of it from one place.
    pub(super) fn single(path: &[String], value: Value, origin: &Origin) -> Self {
        let mut tree = Self::default();
        for end in 1..=path.len() {
            tree.mark(path[..end].to_vec(), origin);
        }
        tree.mark_below(path, &value, origin);
        let mut value = value;
        for key in path.iter().skip(1).rev() {
            value = Value::Object(Map::from_iter([(key.clone(), value)]));
        }
        if let Some(first) = path.first() {
            tree.root.insert(first.clone(), value);
        }
        tree
    }

    fn mark(&mut self, path: Path, origin: &Origin) {
        let (key, value) = (origin.clone(), origin.clone());
        self.spots.insert(path, Spot { key, value });
    }

    fn mark_below(&mut self, path: &[String], value: &Value, origin: &Origin) {
        let children: Vec<(String, &Value)> = match value {
            Value::Object(fields) => fields.iter().map(|(key, v)| (key.clone(), v)).collect(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, v)| (index.to_string(), v))
                .collect(),
            _ => Vec::new(),
        };
        for (key, child) in children {
            let below = [path, &[key]].concat();
            self.mark_below(&below, child, origin);
            self.mark(below, origin);
        }
    }

    /// Lays another layer over this one: tables are joined, all else is replaced. Returns what was no table though the
    /// later layer has one there.
    pub(super) fn merge(&mut self, layer: Self) -> Vec<Displaced> {
        let mut replaced = Vec::new();
        merge_into(&mut self.root, layer.root, &mut Vec::new(), &mut replaced);
        let mut displaced = Vec::new();
        for (path, by_table) in replaced {
            let origin = self.place(&path);
            if let Some(value) = by_table {
                displaced.push(Displaced {
                    path: path.clone(),
                    value,
                    origin,
                });
            }
            self.forget(&path);
        }
        for (path, spot) in layer.spots {
            // What is still there is a table that was joined: it stays where it was first.
            self.spots.entry(path).or_insert(spot);
        }
        displaced
    }

    fn forget(&mut self, path: &[String]) {
        let below: Vec<Path> = self
            .spots
            .range(path.to_vec()..)
            .map(|(key, _)| key)
            .take_while(|key| key.starts_with(path))
            .cloned()
            .collect();
        for key in below {
            self.spots.remove(&key);
        }
    }

    /// Moves a key of a section to its other name. `false` if both are there.
    pub(super) fn rename(&mut self, section: &str, from: &str, to: &str) -> bool {
        let Some(Value::Object(fields)) = self.root.get_mut(section) else {
            return true;
        };
        if fields.contains_key(from) && fields.contains_key(to) {
            return false;
        }
        if let Some(value) = fields.remove(from) {
            fields.insert(to.to_owned(), value);
        }
        if let Some(spot) = self.spots.remove(&[section, from].map(str::to_owned)[..]) {
            self.spots
                .insert([section, to].map(str::to_owned).to_vec(), spot);
        }
        true
    }

    /// The table at a path, if there is one.
    pub(super) fn table(&self, path: &[String]) -> Option<&Map<String, Value>> {
        path.iter()
            .try_fold(&self.root, |table, key| table.get(key)?.as_object())
    }

    /// Where the value at a path is, or else the nearest thing around it.
    pub(super) fn place<S: AsRef<str>>(&self, path: &[S]) -> Origin {
        self.nearest(path)
            .map_or(Origin::Default, |spot| spot.value.clone())
    }

    /// Where the key of a path is, or else the nearest thing around it.
    pub(super) fn key_place<S: AsRef<str>>(&self, path: &[S]) -> Origin {
        match self.nearest(path) {
            Some(spot) if self.spots.contains_key(&owned(path)) => spot.key.clone(),
            Some(spot) => spot.value.clone(),
            None => Origin::Default,
        }
    }

    fn nearest<S: AsRef<str>>(&self, path: &[S]) -> Option<&Spot> {
        (1..=path.len())
            .rev()
            .find_map(|end| self.spots.get(&owned(&path[..end])))
    }
}

pub(super) fn owned<S: AsRef<str>>(path: &[S]) -> Path {
    path.iter().map(|key| key.as_ref().to_owned()).collect()
}

/// Notes each path that was replaced, with its old value where a table took the place of something else.
fn merge_into(
    base: &mut Map<String, Value>,
    layer: Map<String, Value>,
    path: &mut Path,
    replaced: &mut Vec<(Path, Option<Value>)>,
) {
    for (key, new) in layer {
        path.push(key.clone());
        match (base.get_mut(&key), new) {
            (Some(Value::Object(old)), Value::Object(new)) => merge_into(old, new, path, replaced),
            (Some(old), new) => {
                let by_table = new.is_object();
                let old = std::mem::replace(old, new);
                replaced.push((path.clone(), by_table.then_some(old)));
            }
            (None, new) => {
                base.insert(key, new);
            }
        }
        path.pop();
    }
}
