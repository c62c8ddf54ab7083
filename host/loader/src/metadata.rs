//! What a plugin says of itself, as the host uses it.
//!
//! The records come from a file that nobody has vouched for yet, so names and versions are checked here, once: whatever
//! holds a [`PluginRecord`] may use its name in logs, tables and paths.

#![forbid(unsafe_code)]

mod interface;
mod route;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

pub use interface::{Interface, InterfaceMismatch, InvalidInterface};
pub(crate) use route::RawRoute;
pub use route::{MAX_LABELS, MAX_WEIGHT, Mode, RouteOptions, RouteRecord};

/// The longest name of a plugin or a route, in bytes.
pub const MAX_NAME_LEN: usize = 64;

/// All that a plugin's file says without being run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The plugin itself.
    pub plugin: PluginRecord,
    /// Its routes, in the order of the file.
    pub routes: Vec<RouteRecord>,
}

/// The record of the plugin itself. Fields that a newer SDK adds are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawPlugin")]
pub struct PluginRecord {
    /// The plugin's name; see [`check_name`].
    pub name: String,
    /// The plugin's own version.
    pub version: Version,
    /// An SPDX expression, or empty.
    pub license: String,
    /// One line, or empty.
    pub description: String,
    /// Names, perhaps with an address in `<>`.
    pub authors: Vec<String>,
    /// The version of the seam it was built for.
    pub interface: Interface,
    /// The version of the SDK it was built with, or empty.
    pub sdk: String,
    /// What compiled it, as `rustc --version` says, or empty.
    pub rustc: String,
    /// What it can do beyond its routes, such as `process`.
    pub capabilities: Vec<String>,
    /// The plugins it needs.
    pub dependencies: Vec<Dependency>,
}

/// A plugin that another one needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// The needed plugin's name.
    pub name: String,
    /// The versions that will do; any, where the record names none.
    pub version: VersionReq,
}

/// A record says something that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// A name is empty, too long or has a character that it may not have.
    #[error(
        "has a bad {of} name {name:?}: a name is 1 to 64 of a-z, 0-9, _ and -, \
         and begins with a letter or digit; rename it"
    )]
    Name {
        /// What is named: `plugin`, `route` or `dependency`.
        of: &'static str,
        /// The name, perhaps shortened.
        name: String,
    },
    /// The plugin's version is not a semantic version.
    #[error("has a bad version {version:?}: {detail}; write it like 1.2.3")]
    Version {
        /// The version, perhaps shortened.
        version: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The interface version is not one.
    #[error("has a bad interface version {interface:?}: {detail}; rebuild it with a current SDK")]
    Interface {
        /// The interface version, perhaps shortened.
        interface: String,
        /// What is wrong with it.
        detail: InvalidInterface,
    },
    /// The versions that a dependency may have are not a semantic version requirement.
    #[error(
        "has a bad version {version:?} for its dependency {name}: {detail}; write it like ^1.2"
    )]
    Requirement {
        /// The dependency's name.
        name: String,
        /// The requirement, perhaps shortened.
        version: String,
        /// What is wrong with it.
        detail: String,
    },
    /// What a route says of its agents cannot be.
    #[error("has a bad {option} {found:?} for its route {route}: {rule}")]
    RouteOption {
        /// The route's name, perhaps shortened.
        route: String,
        /// Which option.
        option: &'static str,
        /// What it says, perhaps shortened.
        found: String,
        /// What would do.
        rule: &'static str,
    },
}

/// Checks the name of a plugin, route or dependency (`of`): `[a-z0-9][a-z0-9_-]*`, at most [`MAX_NAME_LEN`] bytes.
///
/// # Errors
/// [`MetadataError::Name`].
pub fn check_name(of: &'static str, name: &str) -> Result<(), MetadataError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let good = name.len() <= MAX_NAME_LEN
        && name.bytes().next().is_some_and(plain)
        && name
            .bytes()
            .all(|byte| plain(byte) || byte == b'_' || byte == b'-');
    if good {
        return Ok(());
    }
    Err(MetadataError::Name {
        of,
        name: shorten(name),
    })
}

/// The plugin record as it is written.
#[derive(Deserialize)]
pub(crate) struct RawPlugin {
    name: String,
    version: String,
    #[serde(default)]
    license: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    authors: Vec<String>,
    interface: String,
    #[serde(default)]
    sdk: String,
    #[serde(default)]
    rustc: String,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default)]
    dependencies: Vec<RawDependency>,
}

#[derive(Deserialize)]
struct RawDependency {
    name: String,
    version: Option<String>,
}

impl TryFrom<RawPlugin> for PluginRecord {
    type Error = MetadataError;

    fn try_from(raw: RawPlugin) -> Result<Self, MetadataError> {
        check_name("plugin", &raw.name)?;
        Ok(PluginRecord {
            version: raw.version.parse().map_err(|error: semver::Error| {
                MetadataError::Version {
                    version: shorten(&raw.version),
                    detail: error.to_string(),
                }
            })?,
            interface: raw
                .interface
                .parse()
                .map_err(|detail| MetadataError::Interface {
                    interface: shorten(&raw.interface),
                    detail,
                })?,
            dependencies: raw
                .dependencies
                .into_iter()
                .map(Dependency::try_from)
                .collect::<Result<_, _>>()?,
            name: raw.name,
            license: raw.license,
            description: raw.description,
            authors: raw.authors,
            sdk: raw.sdk,
            rustc: raw.rustc,
            capabilities: raw.capabilities,
        })
    }
}

impl TryFrom<RawDependency> for Dependency {
    type Error = MetadataError;

    fn try_from(raw: RawDependency) -> Result<Self, MetadataError> {
        check_name("dependency", &raw.name)?;
        let version = match raw.version {
            None => VersionReq::STAR,
            Some(text) => {
                text.parse()
                    .map_err(|error: semver::Error| MetadataError::Requirement {
                        name: raw.name.clone(),
                        version: shorten(&text),
                        detail: error.to_string(),
                    })?
            }
        };
        Ok(Dependency {
            name: raw.name,
            version,
        })
    }
}

/// What of a hostile text goes into a message: its beginning. The caller prints it with `{:?}`, which keeps it on one line.
fn shorten(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests;
