//! One JSON Schema for the whole file, the plugins' own options included, for editors.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::config::sections::Config;

/// What is known of a plugin for the schema of the file.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct PluginSchema {
    /// The plugin's name, as in `[plugins.NAME]`.
    pub name: String,
    /// The library that serves it, if it is known: other sections that name this library get the same options.
    pub library: Option<String>,
    /// The JSON Schema of the plugin's own options, if it has one.
    pub config_schema: Option<Value>,
}

impl PluginSchema {
    /// A plugin of which only the name is known.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Sets [`library`](Self::library).
    #[must_use]
    pub fn library(mut self, library: impl Into<String>) -> Self {
        self.library = Some(library.into());
        self
    }

    /// Sets [`config_schema`](Self::config_schema).
    #[must_use]
    pub fn config_schema(mut self, schema: Value) -> Self {
        self.config_schema = Some(schema);
        self
    }
}

/// The JSON Schema (draft 2020-12) of the whole file. `[plugins.NAME.config]` of each plugin here is held to that
/// plugin's own schema; other plugins may have any options.
pub fn schema(plugins: &[PluginSchema]) -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Config>().to_value();
    schema["title"] = json!("agentsys.toml");
    other_name_of_storage_path(&mut schema);
    schema["properties"]["plugins"]["propertyNames"] =
        json!({ "pattern": "^[a-z0-9][a-z0-9_-]{0,63}$" });
    schema["$defs"]["RouterSection"]["properties"]["routes"]["propertyNames"] =
        json!({ "minLength": 1, "maxLength": 255 });
    let mut named = Map::new();
    let mut libraries = Map::new();
    for plugin in plugins {
        let mut section = json!({ "$ref": "#/$defs/PluginSection" });
        if let Some(own) = &plugin.config_schema {
            let name = format!("{}.config", plugin.name);
            let place = format!("#/$defs/{}", escaped(&name));
            schema["$defs"][&name] = moved(own.clone(), &place);
            let config = json!({ "properties": { "config": { "$ref": &place } } });
            section["properties"] = config["properties"].clone();
            let library = plugin.library.as_ref().unwrap_or(&plugin.name);
            let of_library = json!({
                "if": { "properties": { "library": { "const": library } }, "required": ["library"] },
                "then": config,
            });
            libraries.insert(library.clone(), of_library);
        }
        named.insert(plugin.name.clone(), section);
    }
    let sections = &mut schema["properties"]["plugins"];
    if !libraries.is_empty() {
        let conditions: Vec<Value> = libraries.into_iter().map(|(_, v)| v).collect();
        sections["additionalProperties"]["allOf"] = Value::Array(conditions);
    }
    if !named.is_empty() {
        sections["properties"] = Value::Object(named);
    }
    schema
}

fn other_name_of_storage_path(schema: &mut Value) {
    let section = &mut schema["$defs"]["StorageSection"];
    let mut alias = section["properties"]["storage_path"].clone();
    alias["description"] = json!("Another name of storage_path; give only one of them.");
    section["properties"]["base_path"] = alias;
    section["not"] = json!({ "required": ["storage_path", "base_path"] });
}

/// A schema that was a document of its own, as part of another at `place`: its references to itself follow it.
fn moved(mut schema: Value, place: &str) -> Value {
    let mut id = None;
    if let Value::Object(fields) = &mut schema {
        fields.remove("$schema");
        if let Some(Value::String(own)) = fields.remove("$id") {
            id = Some(own.trim_end_matches('#').to_owned());
        }
    }
    follow(&mut schema, place, id.as_deref());
    schema
}

fn follow(schema: &mut Value, place: &str, id: Option<&str>) {
    let Value::Object(fields) = schema else {
        return;
    };
    // A part with a name of its own refers to itself by that.
    if fields.get("$id").is_some_and(Value::is_string) {
        return;
    }
    for (keyword, value) in fields {
        match keyword.as_str() {
            "$ref" | "$dynamicRef" => {
                if let Value::String(target) = value {
                    let own = id.and_then(|id| target.strip_prefix(id)).unwrap_or(target);
                    if own.is_empty() || own == "#" {
                        *target = place.to_owned();
                    } else if let Some(pointer) = own.strip_prefix("#/") {
                        *target = format!("{place}/{pointer}");
                    }
                }
            }
            // Values, not schemas.
            "const" | "enum" | "default" | "examples" | "required" => {}
            "properties" | "patternProperties" | "$defs" | "definitions" | "dependentSchemas" => {
                if let Value::Object(schemas) = value {
                    schemas
                        .values_mut()
                        .for_each(|schema| follow(schema, place, id));
                }
            }
            _ => match value {
                Value::Array(schemas) => {
                    schemas
                        .iter_mut()
                        .for_each(|schema| follow(schema, place, id));
                }
                schema => follow(schema, place, id),
            },
        }
    }
}

/// A key as a part of a JSON pointer in a URI.
fn escaped(key: &str) -> String {
    let mut escaped = String::new();
    for byte in key.bytes() {
        match byte {
            b'~' => escaped.push_str("~0"),
            b'/' => escaped.push_str("~1"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
                escaped.push(char::from(byte));
            }
            other => escaped.push_str(&format!("%{other:02X}")),
        }
    }
    escaped
}
