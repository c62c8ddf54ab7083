//! Libraries made in memory, whose every part a test can choose. They hold what an inspection reads and no code.

#![allow(clippy::unwrap_used, reason = "tests")]

use agentsys_abi::record::{FORMAT, KIND_PLUGIN, KIND_ROUTE, MAGIC, SECTION};

use super::target::{Format, Target};

pub(crate) const X86_64: u16 = 62;
pub(crate) const AARCH64: u16 = 183;

/// A machine that loads what [`Elf`] makes by default.
pub(crate) fn linux() -> Target {
    Target {
        format: Format::Elf,
        architecture: "x86_64".into(),
    }
}

/// A record with this text.
pub(crate) fn record(kind: u16, json: &str) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(FORMAT.to_le_bytes());
    bytes.extend(kind.to_le_bytes());
    bytes.extend(u32::try_from(json.len()).unwrap().to_le_bytes());
    bytes.extend(json.as_bytes());
    bytes
}

/// The record of a plugin built for interface 1.0.
pub(crate) fn plugin(name: &str, version: &str) -> Vec<u8> {
    let json = format!(r#"{{"name":"{name}","version":"{version}","interface":"1.0"}}"#);
    record(KIND_PLUGIN, &json)
}

/// The record of a route.
pub(crate) fn route(name: &str) -> Vec<u8> {
    record(
        KIND_ROUTE,
        &format!(r#"{{"name":"{name}","mode":"async"}}"#),
    )
}

/// An ELF file of 64 bits: header, program headers, dynamic table, section, names, section headers.
pub(crate) struct Elf {
    pub(crate) machine: u16,
    pub(crate) kind: u16,
    pub(crate) pie: bool,
    pub(crate) section: &'static str,
    pub(crate) records: Vec<u8>,
}

impl Elf {
    /// A shared library whose plugin section holds these bytes.
    pub(crate) fn plugin(records: Vec<u8>) -> Self {
        Self {
            machine: X86_64,
            kind: 3,
            pie: false,
            section: SECTION,
            records,
        }
    }

    /// A library called `echo` that the machine which runs the tests could load.
    #[cfg(target_os = "linux")]
    pub(crate) fn host() -> Self {
        let machine = match std::env::consts::ARCH {
            "x86_64" => X86_64,
            "aarch64" => AARCH64,
            "riscv64" => 243,
            other => panic!("no ELF machine is listed here for {other}"),
        };
        Self {
            machine,
            ..Self::plugin(plugin("echo", "1.0.0"))
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        const DYNAMIC: u64 = 64 + 2 * 56;
        const RECORDS: u64 = DYNAMIC + 32;
        let names_at = RECORDS + self.records.len() as u64;
        let names = format!("\0{}\0.names\0", self.section);
        let sections_at = names_at + names.len() as u64;

        let mut out = Bytes::default();
        out.raw(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        out.u16(self.kind).u16(self.machine).u32(1);
        out.u64(0).u64(64).u64(sections_at);
        out.u32(0).u16(64).u16(56).u16(2).u16(64).u16(3).u16(2);
        for (kind, offset, size) in [(1, 0, names_at), (2, DYNAMIC, 32)] {
            out.u32(kind).u32(4).u64(offset).u64(offset).u64(offset);
            out.u64(size).u64(size).u64(8);
        }
        let flags_1 = if self.pie { 0x0800_0000 } else { 0 };
        out.u64(0x6fff_fffb).u64(flags_1).u64(0).u64(0);
        out.raw(&self.records).raw(names.as_bytes());
        out.raw(&[0; 64]);
        let name_of_names = 2 + self.section.len() as u32;
        let len = |bytes: &[u8]| bytes.len() as u64;
        for (name, kind, offset, size) in [
            (1, 1, RECORDS, len(&self.records)),
            (name_of_names, 3, names_at, len(names.as_bytes())),
        ] {
            out.u32(name).u32(kind).u64(2).u64(offset).u64(offset);
            out.u64(size).u32(0).u32(0).u64(1).u64(0);
        }
        out.0
    }
}

/// A DLL for x86-64 with one section.
pub(crate) fn pe(records: &[u8]) -> Vec<u8> {
    const RECORDS: u32 = 64 + 24 + 112 + 40;
    let mut out = Bytes::default();
    out.raw(b"MZ").raw(&[0; 58]).u32(64);
    out.raw(b"PE\0\0").u16(0x8664).u16(1).raw(&[0; 12]);
    out.u16(112).u16(0x2002);
    out.u16(0x20b).raw(&[0; 110]);
    out.raw(SECTION.as_bytes());
    let size = records.len() as u32;
    out.u32(size).u32(0x1000).u32(size).u32(RECORDS);
    out.raw(&[0; 12]).u32(0x4000_0040).raw(records);
    out.0
}

/// A dylib for one processor (CPU type) with one section.
pub(crate) fn macho(cpu: u32, records: &[u8]) -> Vec<u8> {
    const RECORDS: u32 = 32 + 72 + 80;
    let size = records.len() as u64;
    let mut out = Bytes::default();
    out.u32(0xfeed_facf).u32(cpu).u32(0).u32(6);
    out.u32(1).u32(72 + 80).u32(0).u32(0);
    out.u32(0x19)
        .u32(72 + 80)
        .raw(b"__DATA\0\0\0\0\0\0\0\0\0\0");
    out.u64(0).u64(size).u64(RECORDS.into()).u64(size);
    out.u32(3).u32(3).u32(1).u32(0);
    out.raw(b"__agentsy\0\0\0\0\0\0\0")
        .raw(b"__DATA\0\0\0\0\0\0\0\0\0\0");
    out.u64(0).u64(size).u32(RECORDS).raw(&[0; 28]).raw(records);
    out.0
}

/// A universal file of macOS that holds these files, each for its CPU type.
pub(crate) fn universal(files: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut table = 0xcafe_babe_u32.to_be_bytes().to_vec();
    table.extend((files.len() as u32).to_be_bytes());
    let mut at = 8 + 20 * files.len() as u32;
    for (cpu, file) in files {
        for word in [*cpu, 0, at, file.len() as u32, 0] {
            table.extend(word.to_be_bytes());
        }
        at += file.len() as u32;
    }
    table.extend(files.iter().flat_map(|(_, file)| file));
    table
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend(bytes);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
}
