//! The records in a plugin section; see [`agentsys_abi::record`] for their format.

use agentsys_abi::record::{FORMAT, HEADER_LEN, KIND_PLUGIN, KIND_ROUTE, MAGIC};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::Fault;
use crate::metadata::{Metadata, PluginRecord, RawPlugin, RawRoute, RouteRecord};

/// The most records that one file may hold.
pub const MAX_RECORDS: usize = 4096;

/// A plugin section that cannot be read. Offsets are in bytes from the section's beginning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SectionFault {
    /// Neither a record nor zero bytes.
    #[error(
        "has a damaged plugin section: no record begins at byte {offset}; copy or build it again"
    )]
    Magic {
        /// Where a record was expected.
        offset: usize,
    },
    /// The section ends within a record.
    #[error(
        "has a damaged plugin section: the record at byte {offset} ends at byte {end}, \
         the section at byte {len}; copy or build it again"
    )]
    Length {
        /// Where the record begins.
        offset: usize,
        /// Where it says that it ends.
        end: u64,
        /// The section's length.
        len: usize,
    },
    /// A newer, or an impossible, format of records.
    #[error("record format {found}; this host reads {FORMAT}; update the host")]
    Format {
        /// The format that a record names.
        found: u16,
    },
    /// A record's text is not UTF-8.
    #[error("has a damaged plugin section: not UTF-8 at byte {offset}; copy or build it again")]
    NotUtf8 {
        /// The first byte that is wrong.
        offset: usize,
    },
    /// A record's text is not a JSON object.
    #[error(
        "has a damaged plugin section: not a JSON object in the record at byte {offset}: {detail}; \
         copy or build it again"
    )]
    NotJson {
        /// Where the record begins.
        offset: usize,
        /// What the JSON parser says, with its line and column in the text.
        detail: String,
    },
    /// A field is missing or of another type.
    #[error("has a wrong {record} record: {detail}; rebuild it with a current SDK")]
    Field {
        /// `plugin` or `route`.
        record: &'static str,
        /// Which field, and what is wrong.
        detail: String,
    },
    /// There is a section but no plugin record in it.
    #[error("has a plugin section without a plugin record; mark one type in it with #[plugin]")]
    NoPlugin,
    /// Two crates with a plugin each were linked into one library.
    #[error("links two plugins: {first} and {second}; build each as a library of its own")]
    TwoPlugins {
        /// The plugin that comes first in the section.
        first: String,
        /// The next one.
        second: String,
    },
    /// Two routes have one name.
    #[error("has two routes named {name}; rename one of them")]
    TwoRoutes {
        /// The name.
        name: String,
    },
    /// More records than any plugin has.
    #[error("has more than {MAX_RECORDS} records; split it into several plugins")]
    TooMany,
}

/// The records read so far.
#[derive(Default)]
pub(super) struct Records {
    plugin: Option<PluginRecord>,
    routes: Vec<RouteRecord>,
    count: usize,
}

impl Records {
    /// Reads all records of one section.
    pub(super) fn read(&mut self, section: &[u8]) -> Result<(), Fault> {
        let mut at = 0;
        while let Some(zeros) = section[at..].iter().position(|byte| *byte != 0) {
            let record = Record::parse(section, at + zeros)?;
            at = record.end;
            self.count += 1;
            if self.count > MAX_RECORDS {
                return Err(SectionFault::TooMany.into());
            }
            self.take(&record)?;
        }
        Ok(())
    }

    /// What the records say together.
    pub(super) fn metadata(self) -> Result<Metadata, SectionFault> {
        let mut names: Vec<_> = self.routes.iter().map(|route| &route.name).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let name = pair[0].clone();
            return Err(SectionFault::TwoRoutes { name });
        }
        Ok(Metadata {
            plugin: self.plugin.ok_or(SectionFault::NoPlugin)?,
            routes: self.routes,
        })
    }

    fn take(&mut self, record: &Record<'_>) -> Result<(), Fault> {
        match record.kind {
            KIND_PLUGIN => {
                let next = PluginRecord::try_from(record.json::<RawPlugin>("plugin")?)?;
                if let Some(first) = &self.plugin {
                    return Err(Fault::Section(SectionFault::TwoPlugins {
                        first: first.name.clone(),
                        second: next.name,
                    }));
                }
                self.plugin = Some(next);
            }
            KIND_ROUTE => {
                let raw = record.json::<RawRoute>("route")?;
                self.routes.push(RouteRecord::try_from(raw)?);
            }
            // A newer SDK may say more than this host knows.
            _ => {}
        }
        Ok(())
    }
}

struct Record<'data> {
    kind: u16,
    start: usize,
    text: &'data [u8],
    end: usize,
}

impl<'data> Record<'data> {
    fn parse(section: &'data [u8], start: usize) -> Result<Self, SectionFault> {
        let cut = |size: u64| SectionFault::Length {
            offset: start,
            end: start as u64 + size,
            len: section.len(),
        };
        let rest = &section[start..];
        if !rest.starts_with(&MAGIC) && !MAGIC.starts_with(rest) {
            return Err(SectionFault::Magic { offset: start });
        }
        let Some((header, rest)) = rest.split_first_chunk::<HEADER_LEN>() else {
            return Err(cut(HEADER_LEN as u64));
        };
        let [.., f0, f1, k0, k1, l0, l1, l2, l3] = *header;
        let found = u16::from_le_bytes([f0, f1]);
        if found != FORMAT {
            return Err(SectionFault::Format { found });
        }
        let len = u32::from_le_bytes([l0, l1, l2, l3]);
        let text = usize::try_from(len).ok().and_then(|len| rest.get(..len));
        let text = text.ok_or_else(|| cut(HEADER_LEN as u64 + u64::from(len)))?;
        Ok(Self {
            kind: u16::from_le_bytes([k0, k1]),
            start,
            text,
            end: start + HEADER_LEN + text.len(),
        })
    }

    fn json<T: DeserializeOwned>(&self, record: &'static str) -> Result<T, SectionFault> {
        let text = std::str::from_utf8(self.text).map_err(|error| SectionFault::NotUtf8 {
            offset: self.start + HEADER_LEN + error.valid_up_to(),
        })?;
        let not_json = |detail: String| SectionFault::NotJson {
            offset: self.start,
            detail,
        };
        let value: Value =
            serde_json::from_str(text).map_err(|error| not_json(error.to_string()))?;
        if !value.is_object() {
            return Err(not_json("it is another value".to_owned()));
        }
        serde_path_to_error::deserialize(value).map_err(|error| SectionFault::Field {
            record,
            detail: one_line(&error.to_string()),
        })
    }
}

/// A message that may quote what stood in the file, fit to print.
fn one_line(text: &str) -> String {
    const MOST: usize = 200;
    let line: String = text
        .chars()
        .take(MOST)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if line.len() < text.len() {
        line + "…"
    } else {
        line
    }
}
