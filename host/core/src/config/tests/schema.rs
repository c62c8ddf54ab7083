//! The JSON Schema says what the checks say.

use serde_json::{Value, json};

use super::{load, mistakes};
use crate::config::shape::Shape;
use crate::config::{Config, Loaded, PluginSchema, render, schema};

fn from_toml(text: &str) -> Value {
    toml::from_str(text).expect("it is TOML")
}

fn validator(plugins: &[PluginSchema]) -> jsonschema::Validator {
    jsonschema::draft202012::new(&schema(plugins)).expect("it is a schema")
}

fn limits() -> PluginSchema {
    PluginSchema::new("limits").config_schema(json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "rows": { "$ref": "#/$defs/Rows" },
            "$ref": { "type": "string" },
            "mode": { "const": { "$ref": "#/$defs/Rows" } },
            "inner": { "$ref": "#" },
        },
        "additionalProperties": false,
        "$defs": { "Rows": { "type": "integer", "maximum": 5 } },
    }))
}

#[test]
fn it_is_a_schema_of_draft_2020_12() {
    assert!(jsonschema::draft202012::meta::is_valid(&schema(
        &[limits()]
    )));
    assert_eq!(
        schema(&[])["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
}

#[test]
fn the_default_config_is_right_by_the_schema() {
    let text = render(&Loaded::from(Config::default()), true);
    let validator = validator(&[]);
    let errors: Vec<String> = validator
        .iter_errors(&from_toml(&text))
        .map(|error| error.to_string())
        .collect();
    assert_eq!(errors, [""; 0]);
}

#[test]
fn schema_and_checks_agree() {
    let validator = validator(&[]);
    for right in [
        "[router]\ntimeout = \"1.5 h\"",
        "[storage]\nbase_path = \"x\"\nflush_interval = 0",
        "[router]\nfallback = { answer = [1] }\nretry_budget = 1\nbackoff = 0\nmax_queue = 0",
        "[router.routes.x]\nfallback = { route = \"y\" }\nstrategy = \"plugin:z\"\nidempotent = true",
        "[router]\ninterceptors = [\"a\", { plugin = \"b\", required = true }, { plugin = \"c\" }]",
        "[plugins.a-1]\nrestart = \"on_failure\"\n[plugins.a-1.config]\nx = [1, { y = 2 }]",
    ] {
        load(right);
        assert!(validator.is_valid(&from_toml(right)), "{right}");
    }
    for wrong in [
        "[router]\ntimeout = 0",
        "[router]\ntimeout = \"5\"",
        "[router]\ntimeout = 31536001",
        "[router]\nretry_count = 101",
        "[router]\nretry_count = 1.5",
        "[router.routes.x]\nweight = 1",
        "[host]\nplugin_dirs = [\"\"]",
        "[router]\nretry_budget = -0.5",
        "[router]\neject_time = 0",
        "[router]\nfallback = \"x\"",
        "[router]\nfallback = {}",
        "[router]\nfallback = { route = \"x\", answer = 1 }",
        "[router]\nfallback = { root = \"x\" }",
        "[router]\ninterceptors = [\"A\"]",
        "[router]\ninterceptors = [{ required = true }]",
        "[router]\ninterceptors = [{ plugin = \"a\", needed = true }]",
        "[storage]\nbase_path = \"x\"\nstorage_path = \"y\"",
        "[storage]\nstorage_type = \"s3\"",
        "[plugins.A]",
        "[plugins.a]\nconfig = 5",
        "[cache]",
    ] {
        mistakes(wrong);
        assert!(!validator.is_valid(&from_toml(wrong)), "{wrong}");
    }
}

#[test]
fn a_plugins_own_options_are_held_to_its_own_schema() {
    let validator = validator(&[limits(), PluginSchema::new("free")]);
    for (right, toml) in [
        (true, "[plugins.limits.config]\nrows = 5"),
        (false, "[plugins.limits.config]\nrows = 6"),
        (false, "[plugins.limits.config]\ncolumns = 6"),
        (true, "[plugins.limits.config]\n\"$ref\" = \"x\""),
        (false, "[plugins.limits.config]\n\"$ref\" = 5"),
        (true, "[plugins.limits.config.inner.inner]\nrows = 5"),
        (false, "[plugins.limits.config.inner.inner]\nrows = 6"),
        (
            true,
            "[plugins.limits.config]\nmode = { \"$ref\" = \"#/$defs/Rows\" }",
        ),
        (false, "[plugins.limits]\ninstances = 0"),
        (true, "[plugins.free.config]\nrows = 6"),
        (false, "[plugins.free]\nrows = 6"),
        (true, "[plugins.other.config]\nrows = 6"),
        (
            false,
            "[plugins.other]\nlibrary = \"limits\"\nconfig = { rows = 6 }",
        ),
        (
            true,
            "[plugins.other]\nlibrary = \"limits\"\nconfig = { rows = 5 }",
        ),
    ] {
        assert_eq!(validator.is_valid(&from_toml(toml)), right, "{toml}");
    }
}

#[test]
fn a_schema_that_refers_to_itself_by_its_id_may_move_too() {
    let plugin = PluginSchema::new("x").library("lib").config_schema(json!({
        "$id": "https://example.org/x",
        "properties": { "a": { "anyOf": [{ "$ref": "https://example.org/x#/definitions/A" }] } },
        "definitions": { "A": { "type": "string" } },
    }));
    let validator = validator(&[plugin]);
    let right = from_toml("[plugins.x.config]\na = \"text\"");
    let wrong = from_toml("[plugins.y]\nlibrary = \"lib\"\nconfig = { a = 5 }");
    assert!(validator.is_valid(&right) && !validator.is_valid(&wrong));
}

#[test]
fn every_option_but_a_plugins_own_has_a_kind_and_a_bound() {
    fn walk(shape: &Shape, path: &str) {
        match shape {
            Shape::Table(fields) => fields
                .iter()
                .for_each(|(key, field)| walk(field, &format!("{path}.{key}"))),
            Shape::Named(inner) | Shape::List(inner) => walk(inner, &format!("{path}.*")),
            Shape::Own => assert_eq!(path, ".plugins.*.config"),
            Shape::Fallback(fields) | Shape::Interceptor(fields) => fields
                .iter()
                .for_each(|(key, field)| walk(field, &format!("{path}.{key}"))),
            Shape::Free => assert!(path.ends_with(".fallback.answer"), "{path} may be anything"),
            Shape::Whole { max, .. } => assert!(*max < u64::from(u32::MAX), "{path}"),
            _ => {}
        }
    }
    walk(Shape::config(), "");
}
