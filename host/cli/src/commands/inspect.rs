//! `agentsys inspect`: what a file says of itself, read from its bytes.

use std::fmt::Write;

use agentsys_host::Inspected;

use crate::args::Inspect;
use crate::exit::Failure;
use crate::text::{count, plain};

use super::particulars::particulars;
use super::{write_json, write_out};

pub(crate) fn inspect(args: &Inspect) -> Result<(), Failure> {
    let inspected = agentsys_host::inspect(&args.file).map_err(Failure::new)?;
    if args.json {
        return write_json(&inspected);
    }
    write_out(describe(&inspected).as_bytes())
}

fn describe(inspected: &Inspected) -> String {
    let plugin = &inspected.metadata.plugin;
    let mut text = format!("{} {}\n", plugin.name, plugin.version);
    let mut line = |key: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {key:<13} {}", plain(value));
        }
    };
    line("description", &plugin.description);
    line("licence", &plugin.license);
    line("authors", &plugin.authors.join(", "));
    line("interface", &plugin.interface.to_string());
    line(
        "built with",
        &format!("agentsys-plugin {}, {}", plugin.sdk, plugin.rustc),
    );
    line(
        "file",
        &format!(
            "{} for {}, {} bytes",
            inspected.format, inspected.architecture, inspected.len
        ),
    );
    line("content", &inspected.content_hash.to_string());
    line("offers", &plugin.capabilities.join(", "));
    let needs = plugin.dependencies.iter();
    let needs: Vec<String> = needs
        .map(|need| format!("{} {}", need.name, need.version))
        .collect();
    line("needs", &needs.join(", "));
    let routes = &inspected.metadata.routes;
    line("routes", &count(routes.len(), "route"));
    let width = routes
        .iter()
        .map(|route| route.name.len())
        .max()
        .unwrap_or(0);
    for route in routes {
        let description = plain(&route.description).replace('\n', " ");
        let said = serde_json::to_value(&route.options).unwrap_or_default();
        let said = match particulars(&said) {
            said if said.is_empty() => said,
            said => format!(" ({said})"),
        };
        let line = format!("    {:<width$}  {description}{said}", route.name);
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
