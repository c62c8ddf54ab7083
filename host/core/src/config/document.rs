//! TOML text becomes a tree of values, each with its line and column.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::problem::{ConfigProblem, Origin};
use crate::config::shape::Shape;
use crate::config::tree::{Path, Spot, Tree};
use crate::config::words;

/// The elements of a longer list have the place of the list.
const MAX_PLACED: usize = 1000;

/// Reads a document, or says all that is wrong with its syntax.
pub(super) fn read(name: &FilePath, text: &str, problems: &mut Vec<ConfigProblem>) -> Option<Tree> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let places = Places::new(name, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        let mut last_line = 0;
        let mut errors: Vec<_> = errors
            .iter()
            .map(|error| (error.span().unwrap_or(0..0), error.message()))
            .collect();
        errors.sort_by_key(|(span, _)| span.start);
        for (span, message) in errors {
            let (line, _) = places.line_and_column(span.start);
            // What follows on the same line is mostly the same mistake.
            if line > last_line {
                let message = syntax(message, text.get(span.clone()));
                problems.push(ConfigProblem::new(places.origin(span.start), message));
                last_line = line;
            }
        }
        return None;
    }
    let mut reader = Reader {
        places,
        spots: BTreeMap::new(),
        problems,
    };
    let root = reader.table(table.get_ref(), &mut Path::new());
    Some(Tree {
        root,
        spots: reader.spots,
    })
}

/// One value of TOML; `None` if the text is none, or one that JSON cannot hold.
pub(super) fn value(text: &str) -> Option<Value> {
    let value = DeValue::parse(text.trim()).ok()?;
    let mut problems = Vec::new();
    let mut reader = Reader {
        places: Places::new(FilePath::new(""), ""),
        spots: BTreeMap::new(),
        problems: &mut problems,
    };
    let value = reader.value(&value, &mut Path::new());
    if problems.is_empty() { value } else { None }
}

/// The keys of `router.routes."my route".timeout`.
pub(super) fn key(text: &str) -> Option<Path> {
    if text.contains(['\n', '\r']) {
        return None;
    }
    let document = format!("{text} = 0");
    let table = DeTable::parse(&document).ok()?;
    let mut table = table.get_ref();
    let mut path = Path::new();
    loop {
        let (key, value) = table.iter().next()?;
        path.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            // The text itself may have held a value, and a comment after it.
            _ if value.span().start == document.len() - 1 => return Some(path),
            _ => return None,
        }
    }
}

fn syntax(message: &str, at: Option<&str>) -> String {
    match at.map(str::trim) {
        Some(key) if message == "duplicate key" && !key.is_empty() => {
            format!("{key} is given twice; keep one of them")
        }
        _ => format!("not TOML: {message}"),
    }
}

struct Reader<'a> {
    places: Places<'a>,
    spots: BTreeMap<Path, Spot>,
    problems: &'a mut Vec<ConfigProblem>,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, path: &mut Path) -> Map<String, Value> {
        let mut fields = Map::new();
        for (key, value) in table {
            path.push(key.get_ref().to_string());
            self.mark(path, key.span(), value.span());
            if let Some(value) = self.value(value, path) {
                fields.insert(key.get_ref().to_string(), value);
            }
            path.pop();
        }
        fields
    }

    /// `None` if the value cannot be kept, which is then a problem.
    fn value(&mut self, value: &Spanned<DeValue<'_>>, path: &mut Path) -> Option<Value> {
        Some(match value.get_ref() {
            DeValue::String(text) => Value::String(text.to_string()),
            DeValue::Boolean(on) => Value::Bool(*on),
            DeValue::Datetime(when) => Value::String(when.to_string()),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Value::from(number),
                    Err(_) => return self.refuse(path, value.span(), &number.to_string()),
                }
            }
            DeValue::Float(number) => {
                let finite = number.as_str().parse().ok().and_then(Number::from_f64);
                match finite {
                    Some(finite) => Value::Number(finite),
                    None => return self.refuse(path, value.span(), number.as_str()),
                }
            }
            DeValue::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    path.push(index.to_string());
                    if items.len() <= MAX_PLACED {
                        self.mark(path, item.span(), item.span());
                    }
                    list.extend(self.value(item, path));
                    path.pop();
                }
                Value::Array(list)
            }
            DeValue::Table(table) => Value::Object(self.table(table, path)),
        })
    }

    fn refuse(&mut self, path: &Path, span: Range<usize>, shown: &str) -> Option<Value> {
        let key = words::dotted(path);
        let hint = Shape::config().at(path).unwrap_or(&Shape::Free).hint(&key);
        self.problems.push(ConfigProblem::new(
            self.places.origin(span.start),
            format!("{key} is {shown}; {hint}"),
        ));
        None
    }

    fn mark(&mut self, path: &Path, key: Range<usize>, value: Range<usize>) {
        let spot = Spot {
            key: self.places.origin(key.start),
            value: self.places.origin(value.start),
        };
        self.spots.insert(path.clone(), spot);
    }
}

/// Lines and columns of a text, each found without reading it again.
pub(super) struct Places<'a> {
    name: &'a FilePath,
    line_starts: Vec<usize>,
    /// How many characters begin before each byte.
    characters: Vec<u32>,
}

impl<'a> Places<'a> {
    pub(super) fn new(name: &'a FilePath, text: &str) -> Self {
        let mut line_starts = vec![0];
        let mut characters = Vec::with_capacity(text.len() + 1);
        let mut count = 0;
        for (offset, byte) in text.bytes().enumerate() {
            characters.push(count);
            if text.is_char_boundary(offset + 1) {
                count += 1;
            }
            if byte == b'\n' {
                line_starts.push(offset + 1);
            }
        }
        characters.push(count);
        Self {
            name,
            line_starts,
            characters,
        }
    }

    fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.characters.len() - 1);
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let before = self.characters[offset] - self.characters[self.line_starts[line - 1]];
        (line, before as usize + 1)
    }

    pub(super) fn origin(&self, offset: usize) -> Origin {
        let (line, column) = self.line_and_column(offset);
        Origin::File {
            path: PathBuf::from(self.name),
            line,
            column,
        }
    }
}
