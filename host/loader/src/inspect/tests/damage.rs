//! Truncated and changed files: whatever the bytes are, an inspection answers in one line.

use super::*;

/// Inspects a file in which anything may be wrong.
fn survive(host: &Target, bytes: &[u8]) -> Result<Inspected, InspectError> {
    let answer = inspect_for(host, Path::new("x"), bytes);
    if let Err(error) = &answer {
        let message = error.to_string();
        assert!(!message.contains(char::is_control), "{message:?}");
    }
    answer
}

fn cut_to(len: usize) -> String {
    refusal(&echo().bytes()[..len])
}

#[test]
fn a_truncated_library_names_the_part_that_is_missing() {
    assert_eq!(
        cut_to(2),
        "is truncated: its header ends at byte 64, the file at byte 2; copy it again"
    );
    assert_eq!(
        cut_to(40),
        "is truncated: its header ends at byte 64, the file at byte 40; copy it again"
    );
    let whole = echo().bytes().len();
    assert_eq!(
        cut_to(whole - 1),
        format!(
            "is truncated: its section table ends at byte {whole}, the file at byte {}; \
             copy it again",
            whole - 1
        )
    );
}

#[test]
fn a_segment_and_a_section_beyond_the_end_are_truncations() {
    let mut bytes = echo().bytes();
    let len = bytes.len();
    bytes[96..104].copy_from_slice(&10_000_u64.to_le_bytes());
    assert_eq!(
        refusal(&bytes),
        format!(
            "is truncated: a segment ends at byte 10000, the file at byte {len}; copy it again"
        )
    );
    let mut bytes = echo().bytes();
    let size_of_first_section = len - 2 * 64 + 32;
    bytes[size_of_first_section..][..8].fill(0xff);
    assert_eq!(
        refusal(&bytes),
        format!(
            "is truncated: a section ends at byte 18446744073709551615, \
             the file at byte {len}; copy it again"
        )
    );
}

#[test]
fn a_file_that_has_its_length_before_its_content_is_not_wholly_written() {
    let mut bytes = echo().bytes();
    let tail = bytes.len() - 4 * 64;
    bytes[tail..].fill(0);
    assert_eq!(
        refusal(&bytes),
        "is not wholly written: its section table is blank; copy it again"
    );
}

#[test]
fn a_truncated_dll_and_dylib_are_incomplete_at_every_length() {
    let dylib = macho(ARM64, &plugin("a", "1.0.0"));
    let files = [
        pe(&plugin("a", "1.0.0")),
        universal(&[(ARM64, dylib.clone())]),
        dylib,
        echo().bytes(),
    ];
    for whole in &files {
        assert_eq!(is_complete(whole), Ok(()));
        for len in 4..whole.len() {
            assert!(
                is_complete(&whole[..len]).is_err(),
                "{len} of {}",
                whole.len()
            );
        }
    }
}

#[test]
fn changed_bytes_of_any_format_never_panic() {
    let records = [plugin("a", "1.0.0"), route("r")].concat();
    let dylib = macho(ARM64, &records);
    for (format, architecture, file) in [
        (Format::Elf, "x86_64", Elf::plugin(records.clone()).bytes()),
        (Format::Pe, "x86_64", pe(&records)),
        (
            Format::MachO,
            "aarch64",
            universal(&[(ARM64, dylib.clone())]),
        ),
        (Format::MachO, "aarch64", dylib),
    ] {
        let host = Target {
            format,
            architecture: architecture.into(),
        };
        assert!(survive(&host, &file).is_ok());
        for at in 0..file.len() {
            for value in [0x00, 0x01, 0x7f, 0x80, 0xff, file[at] ^ 0x10] {
                let mut changed = file.clone();
                changed[at] = value;
                let _ = survive(&host, &changed);
            }
        }
    }
}

/// A library as a linker makes it, with symbols, relocations and notes.
#[cfg(target_os = "linux")]
fn linked() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let (source, library) = (dir.path().join("x.c"), dir.path().join("libx.so"));
    let records = [plugin("linked", "1.0.0"), route("r")].concat();
    let list: Vec<_> = records.iter().map(u8::to_string).collect();
    std::fs::write(
        &source,
        format!(
            "__attribute__((section(\"{SECTION}\"), used)) const unsigned char r[] = {{{}}};\n\
             static int n;\n\
             int count(void) {{ return ++n; }}\n",
            list.join(",")
        ),
    )
    .unwrap();
    let status = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-g", "-o"])
        .args([&library, &source])
        .status()
        .unwrap();
    assert!(status.success());
    std::fs::read(library).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_linked_library_is_read_and_survives_every_truncation_and_change() {
    let whole = linked();
    let host = Target::host();
    let inspected = survive(&host, &whole).unwrap();
    assert_eq!(inspected.metadata.plugin.name, "linked");

    for len in (0..whole.len()).step_by(64) {
        let error = survive(&host, &whole[..len]).unwrap_err();
        assert!(
            matches!(error.fault, Fault::Empty | Fault::Incomplete(_)),
            "cut to {len}: {error}"
        );
    }
    // A fixed sequence of positions and values (Knuth's linear congruence).
    let mut state = 1_u64;
    for _ in 0..4000 {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = (state >> 33) as usize % whole.len();
        let mut changed = whole.clone();
        changed[at] ^= (state >> 20) as u8 | 1;
        let _ = survive(&host, &changed);
    }
}
