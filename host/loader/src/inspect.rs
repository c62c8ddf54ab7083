//! What a file is and says, found out from its bytes alone.
//!
//! A file in a plugin directory may be anything: half copied, built for another machine, or made to do harm. So it is
//! read, never mapped or opened as a library, and whatever is wrong becomes one line that an operator can act on.

#![forbid(unsafe_code)]

mod complete;
mod error;
mod read;
mod records;
mod target;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use agentsys_abi::record::{SECTION, SECTION_MACHO};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, File, Object, ObjectKind, ObjectSection, elf};
use serde::{Serialize, Serializer};

use crate::metadata::{Interface, Metadata};
pub use complete::{Incomplete, is_complete};
pub use error::{Fault, InspectError};
pub use read::{FileBytes, MAX_FILE_LEN};
pub use records::{MAX_RECORDS, SectionFault};
pub use target::Format;
pub(crate) use target::Target;

/// What a plugin file is and says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspected {
    /// What its records say.
    pub metadata: Metadata,
    /// How the file is laid out.
    pub format: Format,
    /// The processor it is built for, as Rust names it: `x86_64`.
    pub architecture: String,
    /// The hash of the whole file.
    pub content_hash: ContentHash,
    /// The length of the file in bytes.
    pub len: u64,
}

impl Inspected {
    /// Checks that this plugin, read from `path`, can serve on a host that speaks `host`.
    ///
    /// # Errors
    /// [`Fault::Interface`] if the major versions differ.
    pub fn check_interface(&self, path: &Path, host: Interface) -> Result<(), InspectError> {
        let checked = self.metadata.plugin.interface.check(host);
        checked.map_err(|mismatch| InspectError::new(path, mismatch))
    }
}

/// Inspects the file at `path`.
///
/// # Errors
/// If it is not a plugin that this machine can load; see [`Fault`]. The interface version is not judged here: see
/// [`Inspected::check_interface`].
pub fn inspect(path: &Path) -> Result<Inspected, InspectError> {
    read_and_inspect(path).map(|(inspected, _)| inspected)
}

/// Inspects the file at `path` and returns its bytes too, so that what is loaded is what was inspected.
///
/// # Errors
/// As [`inspect`].
pub fn read_and_inspect(path: &Path) -> Result<(Inspected, FileBytes), InspectError> {
    let bytes = read_bytes(path)?;
    let inspected = inspect_bytes(path, &bytes)?;
    Ok((inspected, bytes))
}

pub(crate) fn read_bytes(path: &Path) -> Result<FileBytes, InspectError> {
    read::read(path).map_err(|fault| InspectError::new(path, fault))
}

/// Inspects a file's bytes. The path is for messages only.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_bytes(path: &Path, bytes: &[u8]) -> Result<Inspected, InspectError> {
    inspect_for(&Target::host(), path, bytes)
}

pub(crate) fn inspect_for(
    host: &Target,
    path: &Path,
    bytes: &[u8],
) -> Result<Inspected, InspectError> {
    parse(host, bytes).map_err(|fault| InspectError::new(path, fault))
}

fn parse(host: &Target, bytes: &[u8]) -> Result<Inspected, Fault> {
    let format = target::format(bytes)?;
    if format != host.format {
        let host = host.format;
        return Err(Fault::Format { format, host });
    }
    is_complete(bytes)?;
    let image = target::image(host, bytes)?;
    let file = File::parse(image).map_err(Fault::malformed)?;
    let architecture = target::architecture(&file);
    if architecture != host.architecture {
        return Err(Fault::Architecture {
            architecture,
            host: host.architecture.clone(),
        });
    }
    if let Some(kind) = other_than_shared(&file, image) {
        return Err(Fault::NotShared { kind });
    }
    Ok(Inspected {
        metadata: metadata(&file)?,
        format,
        architecture,
        content_hash: ContentHash::of(bytes),
        len: bytes.len() as u64,
    })
}

/// What the file is, if it is not a shared library.
fn other_than_shared(file: &File<'_>, image: &[u8]) -> Option<&'static str> {
    match file.kind() {
        ObjectKind::Dynamic => {
            let executable = match file {
                File::Elf32(_) => is_pie::<elf::FileHeader32<Endianness>>(image),
                File::Elf64(_) => is_pie::<elf::FileHeader64<Endianness>>(image),
                _ => None,
            };
            (executable == Some(true)).then_some("an executable")
        }
        ObjectKind::Executable => Some("an executable"),
        ObjectKind::Relocatable => Some("an object file"),
        ObjectKind::Core => Some("a core dump"),
        _ => Some("another kind of file"),
    }
}

/// Whether an ELF file is a position-independent executable, whose header calls it a shared library too.
fn is_pie<Elf: FileHeader<Endian = Endianness>>(image: &[u8]) -> Option<bool> {
    let header = Elf::parse(image).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, image).ok()?;
    let dynamic = segments
        .iter()
        .find_map(|segment| segment.dynamic(endian, image).ok().flatten())?;
    Some(dynamic.iter().any(|entry| {
        entry.tag(endian) == elf::DT_FLAGS_1 && entry.d_val(endian).into() & elf::DF_1_PIE.0 != 0
    }))
}

/// The metadata in the plugin section. A linker may have made several sections of that name.
fn metadata(file: &File<'_>) -> Result<Metadata, Fault> {
    let name = match file {
        File::MachO32(_) | File::MachO64(_) => SECTION_MACHO,
        _ => SECTION,
    };
    let mut sections = file
        .sections()
        .filter(|section| section.name_bytes() == Ok(name.as_bytes()))
        .peekable();
    if sections.peek().is_none() {
        return Err(Fault::NotAPlugin);
    }
    let mut records = records::Records::default();
    for section in sections {
        records.read(section.data().map_err(Fault::malformed)?)?;
    }
    Ok(records.metadata()?)
}

/// What records say that come from no file.
pub(crate) fn metadata_of(records: &[&[u8]]) -> Result<Metadata, Fault> {
    let mut read = records::Records::default();
    for record in records {
        read.read(record)?;
    }
    Ok(read.metadata()?)
}

/// The hash of a file's whole content (BLAKE3), written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(blake3::Hash);

impl ContentHash {
    /// The hash of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes))
    }

    /// The first 16 digits: enough for file names and logs.
    #[must_use]
    pub fn short(&self) -> String {
        self.0.to_hex()[..16].to_owned()
    }
}

/// From hexadecimal digits, as it is displayed.
impl FromStr for ContentHash {
    type Err = blake3::HexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        blake3::Hash::from_hex(text).map(Self)
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentHash({self})")
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
