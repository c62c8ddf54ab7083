//! Environment variables become values: `AGENTSYS_ROUTER__TIMEOUT=5` is `router.timeout = 5`.

use std::ffi::OsString;

use serde_json::Value;

use crate::config::document;
use crate::config::problem::{ConfigProblem, Origin};
use crate::config::shape::Shape;
use crate::config::tree::{Path, Tree};

const PREFIX: &str = "AGENTSYS_";
const SEPARATOR: &str = "__";

/// One variable that is ours.
#[derive(Debug)]
pub(super) enum Variable {
    /// It sets a value.
    Value {
        path: Path,
        value: Value,
        origin: Origin,
    },
    /// It sets nothing.
    Wrong(ConfigProblem),
    /// It sets nothing, though whoever wrote it surely meant it to.
    Odd(ConfigProblem),
}

/// Reads one variable. `tree` holds what the files say: names there are found by their upper-case form. `None` if the
/// variable is not ours.
pub(super) fn read(name: &OsString, value: &OsString, tree: &Tree) -> Option<Variable> {
    let name = name.to_str()?;
    let keys = name.strip_prefix(PREFIX)?;
    let origin = Origin::Environment {
        name: name.to_owned(),
    };
    if !keys.contains(SEPARATOR) {
        let meant = meant(keys)?;
        let message = format!("not read; write {PREFIX}{meant}, with two underscores");
        return Some(Variable::Odd(ConfigProblem::new(origin, message)));
    }
    let wrong =
        |message: String| Some(Variable::Wrong(ConfigProblem::new(origin.clone(), message)));
    let Some(text) = value.to_str() else {
        return wrong("its value is not UTF-8".to_owned());
    };
    let keys: Vec<String> = keys.split(SEPARATOR).map(str::to_lowercase).collect();
    if keys.iter().any(String::is_empty) {
        return wrong(format!(
            "a key is empty; write it as {PREFIX}SECTION{SEPARATOR}KEY"
        ));
    }
    match resolve(&keys, tree) {
        Ok(path) => {
            let value = typed(text, Shape::config().at(&path));
            Some(Variable::Value {
                path,
                value,
                origin,
            })
        }
        Err(message) => wrong(message),
    }
}

/// What a person types for a value: TOML where it is that, else the text itself. Where text is wanted, `5` is text too.
pub(super) fn typed(text: &str, shape: Option<&Shape>) -> Value {
    let textual = matches!(shape, Some(Shape::Text | Shape::Strategy | Shape::Words(_)));
    match document::value(text) {
        Some(value) if !textual || value.is_string() => value,
        _ => Value::String(text.to_owned()),
    }
}

/// The variable that was meant by one with single underscores: section and key, if there are such.
fn meant(keys: &str) -> Option<String> {
    let Shape::Table(sections) = Shape::config() else {
        return None;
    };
    let lower = keys.to_lowercase();
    sections.iter().find_map(|(section, shape)| {
        let key = lower.strip_prefix(section.as_str())?.strip_prefix('_')?;
        let Shape::Table(fields) = shape else {
            return None;
        };
        fields.contains_key(key).then(|| {
            let (section, key) = (section.to_uppercase(), key.to_uppercase());
            format!("{section}{SEPARATOR}{key}")
        })
    })
}

/// The path that keys lead to. Where people choose the names, a name that is there already is found with `-` and all else
/// that a variable's name cannot hold taken as `_`, `__` included.
fn resolve(keys: &[String], tree: &Tree) -> Result<Path, String> {
    let mut path = Path::new();
    let mut rest = keys;
    while let Some(first) = rest.first() {
        let (name, taken) = match Shape::config().at(&path) {
            Some(Shape::Named(_) | Shape::Own | Shape::Free) => existing(rest, &path, tree)?,
            _ => (first.clone(), 1),
        };
        path.push(name);
        rest = &rest[taken..];
    }
    Ok(path)
}

/// The name that the first keys mean, and how many keys it takes.
fn existing(keys: &[String], path: &Path, tree: &Tree) -> Result<(String, usize), String> {
    if let Some(table) = tree.table(path) {
        for taken in (1..=keys.len()).rev() {
            let wanted = keys[..taken].join(SEPARATOR);
            let found: Vec<&String> = table.keys().filter(|name| plain(name) == wanted).collect();
            match found[..] {
                [] => {}
                [only] => return Ok((only.clone(), taken)),
                [one, other, ..] => {
                    return Err(format!(
                        "it may mean {one:?} or {other:?}; rename one of them, or set it in the file"
                    ));
                }
            }
        }
    }
    Ok((keys[0].clone(), 1))
}

/// A name as the name of a variable can hold it, in lower case.
fn plain(name: &str) -> String {
    let keep = |c: char| if c.is_alphanumeric() { c } else { '_' };
    name.to_lowercase().chars().map(keep).collect()
}
