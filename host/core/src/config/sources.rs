//! The layers of a configuration, each laid over the one before: defaults, files, environment, command line.

use std::ffi::OsString;
use std::path::PathBuf;

use serde_json::Value;

use crate::config::loaded::Loaded;
use crate::config::problem::{ConfigErrors, ConfigProblem, Origin};
use crate::config::sections::Config;
use crate::config::shape::Shape;
use crate::config::tree::{Path, Tree};
use crate::config::validate::{Check, mistake};
use crate::config::{document, env, file, words};

/// What a configuration is loaded from. Whatever the order of the calls: files first, then the environment, then the
/// command line; within each, later ones win. Tables are joined, all else is replaced.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Sources {
    documents: Vec<Document>,
    environment: Vec<(OsString, OsString)>,
    options: Vec<CommandLine>,
    strategies: Vec<String>,
}

#[derive(Debug, Clone)]
struct Document {
    name: PathBuf,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    File { required: bool },
    Text(String),
}

#[derive(Debug, Clone)]
struct CommandLine {
    key: String,
    given: Given,
    option: String,
}

#[derive(Debug, Clone)]
enum Given {
    Text(String),
    Value(Value),
}

impl Sources {
    /// Nothing but the defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file that must be there.
    pub fn file(self, path: impl Into<PathBuf>) -> Self {
        self.document(path.into(), Content::File { required: true })
    }

    /// Adds a file if it is there.
    pub fn file_if_exists(self, path: impl Into<PathBuf>) -> Self {
        self.document(path.into(), Content::File { required: false })
    }

    /// Adds the text of a file; messages call it `name`.
    pub fn text(self, name: impl Into<PathBuf>, toml: impl Into<String>) -> Self {
        self.document(name.into(), Content::Text(toml.into()))
    }

    /// Adds environment variables, as of [`std::env::vars_os`]. Those that begin with `AGENTSYS_` and have `__` between
    /// their keys are read: `AGENTSYS_ROUTER__TIMEOUT=5`. Names of plugins and routes that the files have are found with
    /// `_` in place of `-`.
    pub fn environment<K, V>(mut self, variables: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let variables = variables.into_iter().map(|(k, v)| (k.into(), v.into()));
        self.environment.extend(variables);
        self
    }

    /// Sets one value from the command line, as `--set router.timeout=5` does. The key is one of TOML, so that names may
    /// be quoted; the value is one of TOML too, or else text.
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        self.options.push(CommandLine {
            option: format!("--set {key}"),
            key,
            given: Given::Text(value.into()),
        });
        self
    }

    /// Sets one value from an option of the command line; messages call it `option`, as `--plugins`.
    pub fn value(
        mut self,
        key: impl Into<String>,
        value: impl Into<Value>,
        option: impl Into<String>,
    ) -> Self {
        self.options.push(CommandLine {
            key: key.into(),
            given: Given::Value(value.into()),
            option: option.into(),
        });
        self
    }

    /// Adds the name of a strategy that the router knows besides `round_robin` and `least_loaded`.
    pub fn strategy(mut self, name: impl Into<String>) -> Self {
        self.strategies.push(name.into());
        self
    }

    /// Reads all layers, and checks every value of the result.
    ///
    /// # Errors
    /// All that is wrong, at once, each with its place and what would be right.
    pub fn load(self) -> Result<Loaded, ConfigErrors> {
        let mut layers = Layers::default();
        for document in self.documents {
            layers.document(document);
        }
        layers.environment(self.environment);
        for option in self.options {
            layers.option(option);
        }
        let Layers {
            tree,
            files,
            mut problems,
            warnings,
        } = layers;
        problems.extend(Check::new(&tree, &self.strategies).tree());
        ConfigErrors::unless_empty(problems)?;
        let config = decode(&tree)?;
        Ok(Loaded::new(config, tree, files, warnings))
    }

    fn document(mut self, name: PathBuf, content: Content) -> Self {
        self.documents.push(Document { name, content });
        self
    }
}

/// What was checked against the shape decodes; if it ever does not, serde says where.
fn decode(tree: &Tree) -> Result<Config, ConfigErrors> {
    serde_path_to_error::deserialize(Value::Object(tree.root.clone())).map_err(|error| {
        let path: Path = error.path().iter().map(ToString::to_string).collect();
        let message = format!("{}: {}", words::dotted(&path), error.inner());
        ConfigErrors(vec![ConfigProblem::new(tree.place(&path), message)])
    })
}

#[derive(Default)]
struct Layers {
    tree: Tree,
    files: Vec<PathBuf>,
    problems: Vec<ConfigProblem>,
    warnings: Vec<ConfigProblem>,
}

impl Layers {
    fn document(&mut self, document: Document) {
        let text = match document.content {
            Content::Text(text) => text,
            Content::File { required } => match file::text_of(&document.name) {
                Ok(Some(text)) => text,
                Ok(None) if !required => return,
                Ok(None) => {
                    let message = "there is no such file; write it, or give the path of another";
                    return self.wrong(file::whole(&document.name), message);
                }
                Err(problem) => return self.problems.push(problem),
            },
        };
        if let Some(tree) = document::read(&document.name, &text, &mut self.problems) {
            self.layer(tree);
        }
        self.files.push(document.name);
    }

    fn environment(&mut self, mut variables: Vec<(OsString, OsString)>) {
        variables.sort();
        let files = self.tree.clone();
        for (name, value) in variables {
            match env::read(&name, &value, &files) {
                None => {}
                Some(env::Variable::Value {
                    path,
                    value,
                    origin,
                }) => self.layer(Tree::single(&path, value, &origin)),
                Some(env::Variable::Wrong(problem)) => self.problems.push(problem),
                Some(env::Variable::Odd(warning)) => self.warnings.push(warning),
            }
        }
    }

    fn option(&mut self, option: CommandLine) {
        let origin = Origin::CommandLine {
            option: option.option,
        };
        let Some(path) = document::key(&option.key) else {
            let message = format!("{:?} is no key; write it as router.timeout", option.key);
            return self.wrong(origin, message);
        };
        let value = match option.given {
            Given::Value(value) => value,
            Given::Text(text) => env::typed(&text, Shape::config().at(&path)),
        };
        self.layer(Tree::single(&path, value, &origin));
    }

    fn layer(&mut self, mut layer: Tree) {
        if !layer.rename("storage", "base_path", "storage_path") {
            let origin = layer.key_place(&["storage", "base_path"]);
            self.wrong(
                origin,
                "storage.base_path is another name of storage.storage_path, which is given too; keep one of them",
            );
            if let Some(Value::Object(storage)) = layer.root.get_mut("storage") {
                storage.remove("base_path");
            }
        }
        for displaced in self.tree.merge(layer) {
            // In a plugin's own options a table may well replace something else.
            let shape = Shape::config().at(&displaced.path);
            if let Some(
                shape @ (Shape::Table(_) | Shape::Named(_) | Shape::Own | Shape::Fallback(_)),
            ) = shape
            {
                let message = mistake(&displaced.path, shape, &displaced.value, "");
                self.wrong(displaced.origin, message);
            }
        }
    }

    fn wrong(&mut self, origin: Origin, message: impl AsRef<str>) {
        self.problems.push(ConfigProblem::new(origin, message));
    }
}
