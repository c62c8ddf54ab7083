//! The attributes of `agentsys-plugin`, which re-exports them: use them from there.
//!
//! Each one leaves what the author wrote as it is, ordinary Rust, and adds the description that a host
//! reads and the functions that it calls.

mod answer;
mod config;
mod json;
mod plugin;
mod route_options;
mod routes;

use proc_macro::TokenStream;

/// Makes a library of `impl Plugin for …`: the entry that a host looks for, and the record that a host reads from the file
/// without running it. Name, version, licence, description and authors come from `Cargo.toml`.
///
/// Options: `name = "…"` and `version = "…"` in place of the package's; `blocking_threads = n`, how many threads the
/// blocking handlers may use at once; `depends("name", "other ^1.2")`, the plugins that must run before this one, with the versions that will do.
///
/// A file holds one plugin: a host refuses one that links two. A program may link several, and hands them to its host with `HostBuilder::plugin`.
#[proc_macro_attribute]
pub fn plugin(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(plugin::expand(options.into(), item.into()))
}

/// Makes routes of the functions in an `impl` block that carry `#[route("name")]`. A function's doc comment becomes the route's description.
///
/// `#[route("name", blocking)]`: the function may block; it runs on a thread of a bounded pool. `#[route("name", logged)]`: begin, end, duration and error of
/// each call are logged. Both may stand together.
///
/// What the host's router is to know of the function stands there too, and in the file, where it is read before any code runs: `weight = 2` (1 to 1000; 1 unless said) for its share of the
/// route's tasks, `max_concurrent = 4` for how many tasks an instance's agent works on at a time, `idempotent` where to do a task twice does no harm, so that one that timed out may be tried again,
/// and `labels(zone = "a")` for strategies to go by.
///
/// A function that returns `impl Stream<Item = Result<T>>`, or a `Result` of one, answers item by item; a last argument of type `Items<T>` takes items.
#[proc_macro_attribute]
pub fn routes(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(routes::expand(options.into(), item.into()))
}

/// Makes a struct a plugin's config: read from the host's config with unknown keys refused, with a schema, and checked.
///
/// On its fields: `#[default = value]` (a field without one must be given, unless it is an `Option`), `#[range(min = …, max = …)]` for
/// numbers, `#[length(min = …, max = …)]` for what has a `len`, in bytes for text, `#[pattern = "…"]` for text that must match a regular expression, and
/// `#[check = function]` for a rule of your own: `fn(&T) -> Result<(), String>`.
#[proc_macro_attribute]
pub fn plugin_config(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(config::expand(options.into(), item.into()))
}

/// What the name of a plugin or a route may be: a host refuses others.
fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 64
        && name.starts_with(plain)
        && name.chars().all(|c| plain(c) || c == '-' || c == '_')
}

/// The `#[cfg(…)]` among an item's attributes.
fn conditions(attributes: &[syn::Attribute]) -> Vec<syn::Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .cloned()
        .collect()
}

fn expand(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}
