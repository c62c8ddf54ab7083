//! What a plugin says of itself without being run.
//!
//! A host must know a file's name, version and routes before a person or the config has admitted it, so before any of
//! its code may run. The SDK's macros therefore put *records* into a section of their own, and the host reads
//! them from the file's bytes.
//!
//! A record is a header of 16 bytes and a JSON object in UTF-8:
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | [`MAGIC`] |
//! | 8..10 | [`FORMAT`], little endian |
//! | 10..12 | the kind: [`KIND_PLUGIN`] or [`KIND_ROUTE`], little endian |
//! | 12..16 | the length of the JSON in bytes, little endian |
//!
//! Records stand one after another; a linker may put zero bytes between them.

/// The section's name in ELF and PE files. PE holds at most 8 bytes.
pub const SECTION: &str = ".agentsy";

/// The section's name in Mach-O files, in the segment `__DATA`.
pub const SECTION_MACHO: &str = "__agentsy";

/// The first bytes of each record.
pub const MAGIC: [u8; 8] = *b"AGENTSYS";

/// The version of the record's format.
pub const FORMAT: u16 = 1;

/// The kind of the one record that describes the plugin itself.
pub const KIND_PLUGIN: u16 = 1;

/// The kind of a record that describes one route.
pub const KIND_ROUTE: u16 = 2;

/// The length of a record's header in bytes.
pub const HEADER_LEN: usize = 16;

/// The number of bytes of the record that [`record`] makes of these parts.
#[must_use]
pub const fn record_len(json: &[&str]) -> usize {
    let mut len = HEADER_LEN;
    let mut part = 0;
    while part < json.len() {
        len += json[part].len();
        part += 1;
    }
    len
}

/// A whole record, its JSON joined from parts, at compile time.
///
/// # Panics
/// If `N` is not [`record_len`] of the same parts: a build failure, since only constants call it.
#[must_use]
pub const fn record<const N: usize>(kind: u16, json: &[&str]) -> [u8; N] {
    assert!(N == record_len(json), "N is record_len of the same parts");
    let mut bytes = [0; N];
    let at = put(&mut bytes, 0, &MAGIC);
    let at = put(&mut bytes, at, &FORMAT.to_le_bytes());
    let at = put(&mut bytes, at, &kind.to_le_bytes());
    let mut at = put(&mut bytes, at, &((N - HEADER_LEN) as u32).to_le_bytes());
    let mut part = 0;
    while part < json.len() {
        at = put(&mut bytes, at, json[part].as_bytes());
        part += 1;
    }
    bytes
}

const fn put<const N: usize>(bytes: &mut [u8; N], mut at: usize, what: &[u8]) -> usize {
    let mut i = 0;
    while i < what.len() {
        bytes[at] = what[i];
        at += 1;
        i += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_its_header_and_the_joined_json() {
        const PARTS: &[&str] = &["{\"name\":\"", "echo", "\"}"];
        const BYTES: [u8; record_len(PARTS)] = record(KIND_PLUGIN, PARTS);
        assert_eq!(&BYTES[..8], b"AGENTSYS");
        assert_eq!(&BYTES[8..16], [1, 0, 1, 0, 15, 0, 0, 0]);
        assert_eq!(&BYTES[16..], br#"{"name":"echo"}"#);
    }
}
