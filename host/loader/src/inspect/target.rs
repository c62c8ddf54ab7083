//! Which machine a file is built for, and which one this is.

use std::fmt;

use object::macho::{FatArch32, FatArch64};
use object::read::macho::{FatArch, MachOFatFile};
use object::{Architecture, File, Object};
use serde::Serialize;

use super::error::Fault;

/// How a compiled file is laid out, and so for which systems it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Linux and most other Unixes.
    Elf,
    /// Windows.
    Pe,
    /// macOS.
    MachO,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Elf => "ELF (Linux)",
            Format::Pe => "PE (Windows)",
            Format::MachO => "Mach-O (macOS)",
        })
    }
}

/// What a machine can load.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) format: Format,
    pub(crate) architecture: String,
}

impl Target {
    /// What this machine can load.
    pub(crate) fn host() -> Self {
        let format = if cfg!(windows) {
            Format::Pe
        } else if cfg!(target_vendor = "apple") {
            Format::MachO
        } else {
            Format::Elf
        };
        Self {
            format,
            architecture: with_byte_order(
                std::env::consts::ARCH.to_owned(),
                cfg!(target_endian = "little"),
            ),
        }
    }
}

/// The format of a file, by its first bytes.
pub(super) fn format(bytes: &[u8]) -> Result<Format, Fault> {
    const ELF: &[u8] = b"\x7fELF";
    match bytes {
        [] => Err(Fault::Empty),
        [0x7f, b'E', b'L', b'F', ..] => Ok(Format::Elf),
        _ if ELF.starts_with(bytes) => Ok(Format::Elf),
        [b'M', b'Z', ..] => Ok(Format::Pe),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => {
            Ok(Format::MachO)
        }
        [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..] => Ok(Format::MachO),
        _ if bytes.starts_with(b"!<arch>\n") => Err(Fault::NotShared {
            kind: "a static library",
        }),
        _ => Err(Fault::NotALibrary),
    }
}

/// The part of the file that the host would load: all of it, unless it is a universal file of macOS.
pub(super) fn image<'data>(host: &Target, bytes: &'data [u8]) -> Result<&'data [u8], Fault> {
    match bytes {
        [0xca, 0xfe, 0xba, 0xbe, ..] => slice::<FatArch32>(host, bytes),
        [0xca, 0xfe, 0xba, 0xbf, ..] => slice::<FatArch64>(host, bytes),
        _ => Ok(bytes),
    }
}

fn slice<'data, Fat: FatArch>(host: &Target, bytes: &'data [u8]) -> Result<&'data [u8], Fault> {
    let fat = MachOFatFile::<Fat>::parse(bytes).map_err(Fault::malformed)?;
    let name = |arch: &Fat| rust_name(arch.architecture());
    let of_host = |arch: &&Fat| name(arch) == host.architecture;
    match fat.arches().iter().find(of_host) {
        Some(arch) => arch.data(bytes).map_err(Fault::malformed),
        None => Err(Fault::Architecture {
            architecture: fat
                .arches()
                .iter()
                .map(name)
                .collect::<Vec<_>>()
                .join(" and "),
            host: host.architecture.clone(),
        }),
    }
}

/// The processor that a file is built for, as Rust names it.
pub(super) fn architecture(file: &File<'_>) -> String {
    with_byte_order(rust_name(file.architecture()), file.is_little_endian())
}

fn rust_name(architecture: Architecture) -> String {
    match architecture {
        Architecture::Unknown => "an unknown processor".to_owned(),
        Architecture::I386 => "x86".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Some processors run with either order, and Rust gives both one name.
fn with_byte_order(architecture: String, little: bool) -> String {
    if little {
        architecture
    } else {
        format!("{architecture} (big-endian)")
    }
}
