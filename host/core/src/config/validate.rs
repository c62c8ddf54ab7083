//! Holds values against the shape of the file, and finds all that is wrong with them at once.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::config::problem::{ConfigProblem, Origin};
use crate::config::shape::Shape;
use crate::config::tree::{Path, Tree};
use crate::config::{names, seconds, special, words};

/// The strategies that every router has.
pub(super) const STRATEGIES: [&str; 3] = ["least_loaded", "round_robin", "sticky"];

/// Deeper values may not be read again once they are written: the TOML crate stops at 80.
const MAX_DEPTH: usize = 64;

/// One check of a tree.
pub(super) struct Check<'a> {
    pub(super) tree: &'a Tree,
    strategies: Vec<String>,
    problems: Vec<ConfigProblem>,
}

impl<'a> Check<'a> {
    /// `strategies` are known besides the router's own.
    pub(super) fn new(tree: &'a Tree, strategies: &[String]) -> Self {
        let mut strategies: Vec<String> = STRATEGIES
            .into_iter()
            .map(str::to_owned)
            .chain(strategies.iter().cloned())
            .collect();
        strategies.sort();
        Self {
            tree,
            strategies,
            problems: Vec::new(),
        }
    }

    /// All that is wrong with the tree.
    pub(super) fn tree(mut self) -> Vec<ConfigProblem> {
        if let Shape::Table(fields) = Shape::config() {
            self.fields(&self.tree.root, fields, &mut Path::new());
            self.routing();
        }
        self.problems
    }

    fn value(&mut self, value: &Value, shape: &Shape, path: &mut Path) {
        match (shape, value) {
            (Shape::Table(fields), Value::Object(table)) => self.fields(table, fields, path),
            (Shape::Named(inner), Value::Object(table)) => self.named(table, inner, path),
            (Shape::List(inner), Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    self.value(item, inner, path);
                    path.pop();
                }
            }
            (Shape::Own, Value::Object(_)) | (Shape::Free, _) => self.free(value, path),
            (Shape::Fallback(fields), Value::Object(table)) => self.fallback(table, fields, path),
            (Shape::Interceptor(fields), Value::Object(table)) => {
                self.interceptor(table, fields, path);
            }
            (Shape::Interceptor(_), Value::String(plugin)) => self.plugin_name(plugin, path),
            (shape, value) => {
                if let Some(reason) = fault(shape, value, &self.strategies) {
                    let message = mistake(path, shape, value, &reason);
                    self.report(self.tree.place(path), message);
                }
            }
        }
    }

    pub(super) fn fields(
        &mut self,
        table: &Map<String, Value>,
        fields: &BTreeMap<String, Shape>,
        path: &mut Path,
    ) {
        for (key, value) in table {
            path.push(key.clone());
            match fields.get(key) {
                Some(shape) => self.value(value, shape, path),
                None => self.report(self.tree.key_place(path), unknown(path, fields)),
            }
            path.pop();
        }
    }

    fn named(&mut self, table: &Map<String, Value>, shape: &Shape, path: &mut Path) {
        let (what, fault): (_, fn(&str) -> _) = match path[..] {
            [_] => ("plugin", names::plugin_fault),
            _ => ("route", names::route_fault),
        };
        for (name, value) in table {
            path.push(name.clone());
            if let Some(fault) = fault(name) {
                let message = format!("{name:?} is no name for a {what}: {fault}");
                self.report(self.tree.key_place(path), message);
            }
            self.value(value, shape, path);
            path.pop();
        }
    }

    /// A plugin's own options may be anything that TOML can hold; only a program can give them something else.
    fn free(&mut self, value: &Value, path: &mut Path) {
        let fault = match value {
            _ if path.len() > MAX_DEPTH => {
                "is inside of more than 64 others, which TOML's readers refuse; write it flatter"
            }
            Value::Null => "is null, which TOML cannot hold; leave it out",
            Value::Number(number) if number.is_u64() && number.as_i64().is_none() => {
                "is too large; write a number that a signed integer of 64 bits holds"
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    self.free(item, path);
                    path.pop();
                }
                return;
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    path.push(key.clone());
                    self.free(field, path);
                    path.pop();
                }
                return;
            }
            _ => return,
        };
        let message = format!("{} {fault}", words::dotted(path));
        self.report(self.tree.place(path), message);
    }

    pub(super) fn report(&mut self, origin: Origin, message: String) {
        self.problems.push(ConfigProblem::new(origin, message));
    }
}

/// The sentence about a value that is wrong for a reason; the reason ends with what would be right.
pub(super) fn mistake(path: &[String], shape: &Shape, value: &Value, reason: &str) -> String {
    let key = words::dotted(path);
    let shown = words::shown(value);
    match reason {
        "" => format!("{key} is {shown}; {}", shape.hint(&key)),
        reason => format!("{key} is {shown}{reason}"),
    }
}

/// What is wrong with a single value: empty if it is of another kind altogether, else the rest of the sentence.
fn fault(shape: &Shape, value: &Value, strategies: &[String]) -> Option<String> {
    match (shape, value) {
        (Shape::Seconds { zero }, Value::Number(_) | Value::String(_)) => {
            let reason = match seconds::read(value) {
                Ok(duration) if *zero || !duration.is_zero() => return None,
                Ok(_) => "it must be more than 0".to_owned(),
                Err(reason) => reason,
            };
            Some(format!(": {reason}; {}", seconds::HINT))
        }
        (Shape::Whole { min, max }, Value::Number(number)) => {
            let fits = number
                .as_u64()
                .is_some_and(|number| number >= *min && number <= *max);
            (!fits).then(String::new)
        }
        (Shape::Number { min, max }, Value::Number(number)) => {
            let fits = number
                .as_f64()
                .is_some_and(|number| number >= *min && number <= *max);
            (!fits).then(String::new)
        }
        (Shape::Switch, Value::Bool(_)) => None,
        (Shape::Text, Value::String(text)) if !text.is_empty() => None,
        (Shape::Strategy, Value::String(text)) if !text.is_empty() => {
            special::strategy(text, strategies)
        }
        (Shape::Words(known), Value::String(text)) => one_of(text, known, "write", "or"),
        _ => Some(String::new()),
    }
}

pub(super) fn one_of<S: AsRef<str>>(
    text: &str,
    known: &[S],
    verb: &str,
    last: &str,
) -> Option<String> {
    if known.iter().any(|word| word.as_ref() == text) {
        return None;
    }
    if let Some(near) = words::nearest(text, known) {
        return Some(format!("; did you mean {near:?}?"));
    }
    let quoted: Vec<String> = known
        .iter()
        .map(|word| format!("{:?}", word.as_ref()))
        .collect();
    Some(format!("; {verb} {}", words::list(&quoted, last)))
}

fn unknown(path: &[String], fields: &BTreeMap<String, Shape>) -> String {
    let key = path.last().map_or("", String::as_str);
    let known: Vec<&str> = fields.keys().map(String::as_str).collect();
    let what = if path.len() == 1 { "section" } else { "option" };
    let near = words::nearest(key, &known);
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known are {}", words::list(&known, "and")),
    };
    let own = match path {
        [plugins, name, _] if plugins == "plugins" && near.is_none() => {
            let section = words::dotted(&[plugins.as_str(), name.as_str(), "config"]);
            format!("; the plugin's own options go into [{section}]")
        }
        _ => String::new(),
    };
    format!("{} is no {what}; {hint}{own}", words::dotted(path))
}
