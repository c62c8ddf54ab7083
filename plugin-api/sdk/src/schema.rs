//! JSON schemas, where a type has one.
//!
//! A handler's types need no schema; those that derive [`JsonSchema`] have it shown. Stable Rust cannot ask whether a
//! type implements a trait, but for a concrete type method lookup can: an inherent method whose bound holds
//! is preferred to a trait's method. The macros call `SchemaOf::<T>::new().schema()` with `NoSchema` in scope.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde_json::Value;

/// Asks for the schema of `T`.
pub struct SchemaOf<T>(PhantomData<T>);

impl<T> SchemaOf<T> {
    /// The question.
    #[must_use]
    #[allow(
        clippy::new_without_default,
        reason = "only the macros' expansion makes one"
    )]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: JsonSchema> SchemaOf<T> {
    /// The schema.
    #[must_use]
    pub fn schema(&self) -> Option<Value> {
        Some(schemars::schema_for!(T).to_value())
    }
}

/// The answer for a type without a schema.
pub trait NoSchema {
    /// None.
    fn schema(&self) -> Option<Value>;
}

impl<T> NoSchema for SchemaOf<T> {
    fn schema(&self) -> Option<Value> {
        None
    }
}
