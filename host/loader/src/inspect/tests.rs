//! What each kind of file is answered with.

#![allow(clippy::unwrap_used, reason = "tests")]

mod damage;
mod sections;

use super::fixture::{AARCH64, Elf, linux, macho, pe, plugin, route, universal};
use super::*;

const ARM64: u32 = 0x0100_000c;
const AMD64: u32 = 0x0100_0007;

fn on_linux(bytes: &[u8]) -> Result<Inspected, InspectError> {
    inspect_for(&linux(), Path::new("x.so"), bytes)
}

/// The message, without the path that it begins with.
fn refusal(bytes: &[u8]) -> String {
    let message = on_linux(bytes).unwrap_err().to_string();
    message.strip_prefix("x.so: ").unwrap().to_owned()
}

fn echo() -> Elf {
    Elf::plugin([plugin("echo", "1.2.3"), route("echo")].concat())
}

#[test]
fn a_plugin_is_read_with_its_routes() {
    let bytes = echo().bytes();
    let inspected = on_linux(&bytes).unwrap();
    assert_eq!(inspected.metadata.plugin.name, "echo");
    assert_eq!(inspected.metadata.plugin.version.to_string(), "1.2.3");
    assert_eq!(inspected.metadata.routes[0].name, "echo");
    assert_eq!(inspected.format, Format::Elf);
    assert_eq!(inspected.architecture, "x86_64");
    assert_eq!(inspected.len, bytes.len() as u64);
    assert_eq!(
        inspected.content_hash.to_string(),
        blake3::hash(&bytes).to_string()
    );
}

#[test]
fn an_inspection_is_written_as_json() {
    let json = serde_json::to_value(on_linux(&echo().bytes()).unwrap()).unwrap();
    assert_eq!(json["metadata"]["plugin"]["interface"], "1.0");
    assert_eq!(json["metadata"]["routes"][0]["mode"], "async");
    assert_eq!(json["format"], "elf");
    assert_eq!(json["content_hash"].as_str().unwrap().len(), 64);
}

#[test]
fn a_message_begins_with_the_files_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.so");
    std::fs::write(&path, b"").unwrap();
    assert_eq!(
        inspect(&path).unwrap_err().to_string(),
        format!("{}: is empty; copy it again", path.display())
    );
}

#[cfg(target_os = "linux")]
#[test]
fn the_bytes_that_were_inspected_are_returned() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.so");
    std::fs::write(&path, Elf::host().bytes()).unwrap();
    let (inspected, bytes) = read_and_inspect(&path).unwrap();
    assert_eq!(*bytes, Elf::host().bytes());
    assert_eq!(inspected.content_hash, ContentHash::of(&bytes));
}

#[test]
fn a_dll_is_read_on_windows() {
    let host = Target {
        format: Format::Pe,
        architecture: "x86_64".into(),
    };
    // PE files end with padding.
    let bytes = pe(&[plugin("echo", "1.0.0"), vec![0; 100]].concat());
    let inspected = inspect_for(&host, Path::new("x.dll"), &bytes).unwrap();
    assert_eq!(inspected.metadata.plugin.name, "echo");
    assert_eq!(inspected.format, Format::Pe);
}

#[test]
fn a_dylib_is_read_on_macos_and_of_a_universal_one_the_part_for_this_machine() {
    let host = Target {
        format: Format::MachO,
        architecture: "aarch64".into(),
    };
    let inspect = |bytes: &[u8]| inspect_for(&host, Path::new("x.dylib"), bytes);
    let arm = macho(ARM64, &plugin("for-arm", "1.0.0"));
    let amd = macho(AMD64, &plugin("for-amd", "1.0.0"));
    assert_eq!(inspect(&arm).unwrap().metadata.plugin.name, "for-arm");

    let both = universal(&[(AMD64, amd.clone()), (ARM64, arm)]);
    assert_eq!(inspect(&both).unwrap().metadata.plugin.name, "for-arm");

    assert_eq!(
        inspect(&universal(&[(AMD64, amd)]))
            .unwrap_err()
            .to_string(),
        "x.dylib: built for x86_64, this host runs aarch64; use a build for aarch64"
    );
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    assert_eq!(refusal(b""), "is empty; copy it again");
}

#[test]
fn a_text_file_is_not_a_library() {
    assert_eq!(
        refusal(b"#!/bin/sh\necho hello\n"),
        "is not a library: it begins like no ELF, PE or Mach-O file; put a compiled plugin there"
    );
}

#[test]
fn a_library_for_another_system_is_refused_with_both() {
    assert_eq!(
        refusal(&pe(&plugin("echo", "1.0.0"))),
        "built as PE (Windows), this host loads ELF (Linux); use a build for this system"
    );
    assert_eq!(
        refusal(&macho(AMD64, &plugin("echo", "1.0.0"))),
        "built as Mach-O (macOS), this host loads ELF (Linux); use a build for this system"
    );
}

#[test]
fn a_library_for_another_processor_is_refused_with_both() {
    let machine = AARCH64;
    let bytes = Elf { machine, ..echo() }.bytes();
    assert_eq!(
        refusal(&bytes),
        "built for aarch64, this host runs x86_64; use a build for x86_64"
    );
}

#[test]
fn an_unknown_processor_is_refused() {
    let bytes = Elf {
        machine: 0xfff0,
        ..echo()
    }
    .bytes();
    assert_eq!(
        refusal(&bytes),
        "built for an unknown processor, this host runs x86_64; use a build for x86_64"
    );
}

#[test]
fn what_is_compiled_but_no_shared_library_is_named() {
    let advice = "not a shared library; build it with crate-type = [\"cdylib\"]";
    for (kind, name) in [
        (1, "an object file"),
        (2, "an executable"),
        (4, "a core dump"),
        (0xfe00, "another kind of file"),
    ] {
        let bytes = Elf { kind, ..echo() }.bytes();
        assert_eq!(refusal(&bytes), format!("is {name}, {advice}"));
    }
    let pie = Elf {
        pie: true,
        ..echo()
    }
    .bytes();
    assert_eq!(refusal(&pie), format!("is an executable, {advice}"));
    let archive = b"!<arch>\nlib.o/";
    assert_eq!(refusal(archive), format!("is a static library, {advice}"));
}

#[cfg(target_os = "linux")]
#[test]
fn this_test_program_is_an_executable() {
    let program = std::env::current_exe().unwrap();
    let error = inspect(&program).unwrap_err();
    assert!(
        matches!(
            &error.fault,
            Fault::NotShared {
                kind: "an executable"
            }
        ),
        "{error}"
    );
}

#[test]
fn a_library_without_our_section_is_not_a_plugin() {
    let bytes = Elf {
        section: ".text",
        ..echo()
    }
    .bytes();
    assert_eq!(
        refusal(&bytes),
        "is a shared library but not an AgentSys plugin; build it with the agentsys-plugin crate"
    );
}

#[test]
fn another_interface_version_is_refused_with_the_path() {
    let inspected = on_linux(&echo().bytes()).unwrap();
    let path = Path::new("libecho.so");
    let host = |major| Interface { major, minor: 0 };
    assert!(inspected.check_interface(path, host(1)).is_ok());
    assert_eq!(
        inspected
            .check_interface(path, host(2))
            .unwrap_err()
            .to_string(),
        "libecho.so: built for interface 1.0, this host speaks 2.x: \
         update the host or rebuild the plugin against it"
    );
}
