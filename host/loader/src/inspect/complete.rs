//! Whether all of a file is there.
//!
//! A file that appears in a directory may still be being copied. Its headers come first and name every part, so a file
//! is complete once each part that they name lies inside it. A linker puts the section table last, so hardly a
//! truncation escapes this.

use std::mem::size_of;

use object::macho::{FatArch32, FatArch64, FatHeader, MachHeader32, MachHeader64};
use object::pe::{IMAGE_NT_SIGNATURE, ImageDosHeader, ImageFileHeader, ImageSectionHeader};
use object::read::ReadRef;
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::read::macho::{FatArch, MachHeader, MachOFatFile, Segment};
use object::{Endianness, LittleEndian as LE, U32, elf};

/// A part of a file is missing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Incomplete {
    /// The file ends before a part that its headers name.
    #[error("is truncated: {what} ends at byte {end}, the file at byte {len}; copy it again")]
    Cut {
        /// The part, with its article.
        what: &'static str,
        /// Where the part ends, in bytes from the file's beginning.
        end: u64,
        /// The file's length in bytes.
        len: u64,
    },
    /// A part has its space but not its content, as in a file whose length was set before it was written.
    #[error("is not wholly written: {what} is blank; copy it again")]
    Blank {
        /// The part, with its article.
        what: &'static str,
    },
}

/// Checks that every part which the headers of an ELF, PE or Mach-O file name lies inside it.
///
/// What the headers say is not judged otherwise, and a file of another format counts as complete.
///
/// # Errors
/// Names the first part that is missing.
pub fn is_complete(bytes: &[u8]) -> Result<(), Incomplete> {
    let parts = Parts(bytes);
    match bytes {
        [0x7f, b'E', b'L', b'F', 1, ..] => parts.elf::<elf::FileHeader32<Endianness>>(),
        [0x7f, b'E', b'L', b'F', ..] => parts.elf::<elf::FileHeader64<Endianness>>(),
        [b'M', b'Z', ..] => parts.pe(),
        [0xfe, 0xed, 0xfa, 0xce, ..] | [0xce, 0xfa, 0xed, 0xfe, ..] => {
            parts.macho::<MachHeader32<Endianness>>()
        }
        [0xfe, 0xed, 0xfa, 0xcf, ..] | [0xcf, 0xfa, 0xed, 0xfe, ..] => {
            parts.macho::<MachHeader64<Endianness>>()
        }
        [0xca, 0xfe, 0xba, 0xbe, ..] => parts.universal::<FatArch32>(),
        [0xca, 0xfe, 0xba, 0xbf, ..] => parts.universal::<FatArch64>(),
        [] | [0x7f] | [0x7f, b'E'] | [0x7f, b'E', b'L'] => parts.within(
            "its header",
            0,
            size_of::<elf::FileHeader64<Endianness>>() as u64,
        ),
        _ => Ok(()),
    }
}

/// The bytes, of which each function checks the parts of one format. Headers that cannot be parsed name no parts: that
/// they cannot is for the parser to say.
struct Parts<'data>(&'data [u8]);

impl Parts<'_> {
    fn within(&self, what: &'static str, start: u64, size: u64) -> Result<(), Incomplete> {
        let len = self.0.len() as u64;
        let end = start.saturating_add(size);
        if end <= len {
            Ok(())
        } else {
            Err(Incomplete::Cut { what, end, len })
        }
    }

    fn elf<Elf: FileHeader<Endian = Endianness>>(&self) -> Result<(), Incomplete> {
        const TABLE: &str = "its section table";
        self.within("its header", 0, size_of::<Elf>() as u64)?;
        let Ok(header) = Elf::parse(self.0) else {
            return Ok(());
        };
        let Ok(endian) = header.endian() else {
            return Ok(());
        };
        let sections = header.e_shoff(endian).into();
        let section_size = u64::from(header.e_shentsize(endian));
        if sections != 0 {
            // The first entry may hold the counts of both tables.
            self.within(TABLE, sections, section_size)?;
            let count = header.shnum(endian, self.0).unwrap_or(0);
            self.within(TABLE, sections, u64::from(count) * section_size)?;
        }
        let segments = header.e_phoff(endian).into();
        let segment_size = u64::from(header.e_phentsize(endian));
        let count = header.phnum(endian, self.0).unwrap_or(0);
        self.within(
            "its segment table",
            segments,
            u64::from(count) * segment_size,
        )?;

        for segment in header.program_headers(endian, self.0).unwrap_or_default() {
            let (start, size) = segment.file_range(endian);
            if segment.p_type(endian) != elf::PT_NULL && size != 0 {
                self.within("a segment", start, size)?;
            }
        }
        let table = header.section_headers(endian, self.0).unwrap_or_default();
        for section in table {
            let range = section.file_range(endian).unwrap_or_default();
            if section.sh_type(endian) != elf::SHT_NULL {
                self.within("a section", range.0, range.1)?;
            }
        }
        let blank = |section: &Elf::SectionHeader| section.sh_type(endian) == elf::SHT_NULL;
        if table.len() > 1 && table.iter().all(blank) {
            return Err(Incomplete::Blank { what: TABLE });
        }
        Ok(())
    }

    fn pe(&self) -> Result<(), Incomplete> {
        const HEADER: &str = "its header";
        self.within(HEADER, 0, size_of::<ImageDosHeader>() as u64)?;
        let Ok(dos) = ImageDosHeader::parse(self.0) else {
            return Ok(());
        };
        let signature = u64::from(dos.nt_headers_offset());
        self.within(HEADER, signature, 4)?;
        if self.0.read_at::<U32<LE>>(signature).map(|it| it.get(LE)) != Ok(IMAGE_NT_SIGNATURE) {
            return Ok(());
        }
        let start = signature + 4;
        let size = size_of::<ImageFileHeader>() as u64;
        self.within(HEADER, start, size)?;
        let Ok(header) = self.0.read_at::<ImageFileHeader>(start) else {
            return Ok(());
        };
        let table = start + size + u64::from(header.size_of_optional_header.get(LE));
        let count = header.number_of_sections.get(LE);
        let size = u64::from(count) * size_of::<ImageSectionHeader>() as u64;
        self.within("its section table", table, size)?;
        let sections = self
            .0
            .read_slice_at::<ImageSectionHeader>(table, usize::from(count));
        for section in sections.unwrap_or_default() {
            let start = section.pointer_to_raw_data.get(LE);
            let size = section.size_of_raw_data.get(LE);
            if start != 0 {
                self.within("a section", start.into(), size.into())?;
            }
        }
        Ok(())
    }

    fn macho<Mach: MachHeader<Endian = Endianness>>(&self) -> Result<(), Incomplete> {
        let size = size_of::<Mach>() as u64;
        self.within("its header", 0, size)?;
        let Ok(header) = Mach::parse(self.0, 0) else {
            return Ok(());
        };
        let Ok(endian) = header.endian() else {
            return Ok(());
        };
        self.within(
            "its table of commands",
            size,
            header.sizeofcmds(endian).into(),
        )?;
        let Ok(mut commands) = header.load_commands(endian, self.0, 0) else {
            return Ok(());
        };
        while let Ok(Some(command)) = commands.next() {
            if let Ok(Some((segment, _))) = Mach::Segment::from_command(command) {
                let (start, size) = segment.file_range(endian);
                self.within("a segment", start, size)?;
            }
        }
        Ok(())
    }

    fn universal<Fat: FatArch>(&self) -> Result<(), Incomplete> {
        const TABLE: &str = "its table of architectures";
        let header = size_of::<FatHeader>() as u64;
        self.within(TABLE, 0, header)?;
        let count = self.0.read_at::<U32<object::BigEndian>>(4);
        let count = count.map_or(0, |count| count.get(object::BigEndian));
        self.within(TABLE, header, u64::from(count) * size_of::<Fat>() as u64)?;
        let Ok(fat) = MachOFatFile::<Fat>::parse(self.0) else {
            return Ok(());
        };
        for arch in fat.arches() {
            let (start, size) = arch.file_range();
            self.within("the part of an architecture", start, size)?;
        }
        Ok(())
    }
}
