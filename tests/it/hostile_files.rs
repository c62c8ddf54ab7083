//! Files that are no plugins for this host: each costs one line, and the host serves on.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use agentsys_host::inspect;
use agentsys_router::ErrorKind;
use object::{Object, ObjectSection};

use crate::harness::{Place, Setup, library};

/// Starts a host on `echo` and the file that `make` puts at the given path. The file must be reported with just that
/// line, by the host and by an inspection alike, and `echo` must serve.
async fn refused(file: &str, line: &str, make: impl FnOnce(&Path)) {
    let place = Place::new();
    place.add("echo");
    let path = place.plugins().join(file);
    make(&path);
    let host = Setup::at(place).start().await;
    let line = format!("DIR/{file}: {line}");
    assert_eq!(host.failure(file), line);
    assert_eq!(host.status(file).path, Some(path.clone()));
    let inspected = inspect(&path).map_err(|error| host.place.shorten(&error.to_string()));
    if let Err(error) = inspected {
        assert_eq!(error, line);
    }
    host.assert_serves().await;
    host.shutdown().await;
}

/// As [`refused`], with a file of these bytes.
async fn bytes_refused(file: &str, bytes: &[u8], line: &str) {
    refused(file, line, |path| fs::write(path, bytes).unwrap()).await;
}

/// The bytes of `echo`, changed.
fn echo(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = fs::read(library("echo")).unwrap();
    change(&mut bytes);
    bytes
}

/// The bytes of `echo`, its section changed.
fn echo_section(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    echo(|bytes| {
        let range = {
            let file = object::File::parse(&**bytes).unwrap();
            let section = file.section_by_name(".agentsy").unwrap();
            section.file_range().unwrap()
        };
        let (start, len) = (range.0 as usize, range.1 as usize);
        change(&mut bytes[start..start + len]);
    })
}

#[tokio::test]
async fn a_file_that_is_no_library_is_refused() {
    let line =
        "is not a library: it begins like no ELF, PE or Mach-O file; put a compiled plugin there";
    bytes_refused("notes.so", b"buy milk", line).await;
}

#[tokio::test]
async fn an_empty_file_is_refused() {
    bytes_refused("empty.so", b"", "is empty; copy it again").await;
}

#[tokio::test]
async fn a_file_cut_within_its_header_is_refused() {
    for len in [2, 20, 63] {
        let cut = echo(|bytes| bytes.truncate(len));
        let line = format!(
            "is truncated: its header ends at byte 64, the file at byte {len}; copy it again"
        );
        bytes_refused("cut.so", &cut, &line).await;
    }
}

#[tokio::test]
async fn a_file_cut_before_its_section_table_is_refused() {
    let whole = echo(|_| ());
    // ELF: where the section table begins. It ends the file, and one entry has 64 bytes.
    let table = usize::try_from(u64::from_le_bytes(whole[40..48].try_into().unwrap())).unwrap();
    for len in [64, whole.len() / 2, table] {
        let line = format!(
            "is truncated: its section table ends at byte {}, the file at byte {len}; copy it again",
            table + 64
        );
        bytes_refused("cut.so", &whole[..len], &line).await;
    }
}

#[tokio::test]
async fn a_file_that_lacks_its_last_byte_is_refused() {
    let whole = echo(|_| ()).len();
    let cut = echo(|bytes| bytes.truncate(whole - 1));
    let len = whole - 1;
    let line = format!(
        "is truncated: its section table ends at byte {whole}, the file at byte {len}; copy it again"
    );
    bytes_refused("cut.so", &cut, &line).await;
}

#[tokio::test]
async fn a_library_for_another_processor_is_refused() {
    const AARCH64: u16 = 183;
    let foreign = echo(|bytes| bytes[18..20].copy_from_slice(&AARCH64.to_le_bytes()));
    let host = std::env::consts::ARCH;
    let line = format!("built for aarch64, this host runs {host}; use a build for {host}");
    bytes_refused("foreign.so", &foreign, &line).await;
}

#[tokio::test]
async fn a_library_for_another_system_is_refused() {
    let line = "built as PE (Windows), this host loads ELF (Linux); use a build for this system";
    bytes_refused("foreign.dll", b"MZ\x90\x00", line).await;
    let line = "built as Mach-O (macOS), this host loads ELF (Linux); use a build for this system";
    bytes_refused("foreign.dylib", b"\xcf\xfa\xed\xfe", line).await;
}

#[tokio::test]
async fn a_library_without_a_plugin_section_is_refused() {
    let line =
        "is a shared library but not an AgentSys plugin; build it with the agentsys-plugin crate";
    refused("libplain_library.so", line, |path| {
        fs::copy(library("plain_library"), path).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_program_is_refused() {
    let line = "is an executable, not a shared library; build it with crate-type = [\"cdylib\"]";
    refused("program.so", line, |path| {
        fs::copy(crate::harness::program(), path).unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_section_without_a_records_beginning_is_refused() {
    let line = "has a damaged plugin section: no record begins at byte 0; copy or build it again";
    bytes_refused(
        "damaged.so",
        &echo_section(|section| section[0] = b'X'),
        line,
    )
    .await;
}

#[tokio::test]
async fn a_record_of_a_newer_format_is_refused() {
    let line = "record format 2; this host reads 1; update the host";
    bytes_refused("damaged.so", &echo_section(|section| section[8] = 2), line).await;
}

#[tokio::test]
async fn a_record_longer_than_its_section_is_refused() {
    let mut whole = 0;
    let damaged = echo_section(|section| {
        whole = section.len();
        section[12..16].copy_from_slice(&100_000_u32.to_le_bytes());
    });
    let line = format!(
        "has a damaged plugin section: the record at byte 0 ends at byte 100016, \
         the section at byte {whole}; copy or build it again"
    );
    bytes_refused("damaged.so", &damaged, &line).await;
}

#[tokio::test]
async fn a_record_that_is_not_json_is_refused() {
    let line = "has a damaged plugin section: not a JSON object in the record at byte 0: \
                expected value at line 1 column 1; copy or build it again";
    bytes_refused(
        "damaged.so",
        &echo_section(|section| section[16] = b'x'),
        line,
    )
    .await;
}

#[tokio::test]
async fn a_record_that_is_not_utf8_is_refused() {
    let line = "has a damaged plugin section: not UTF-8 at byte 17; copy or build it again";
    bytes_refused(
        "damaged.so",
        &echo_section(|section| section[17] = 0xff),
        line,
    )
    .await;
}

#[tokio::test]
async fn a_record_with_a_bad_name_is_refused() {
    let damaged = echo_section(|section| {
        let name = br#"{"name":"echo","version""#;
        let at = section
            .windows(name.len())
            .position(|bytes| bytes == name)
            .unwrap();
        section[at + 9..at + 13].copy_from_slice(b"../e");
    });
    let line = "has a bad plugin name \"../e\": a name is 1 to 64 of a-z, 0-9, _ and -, \
                and begins with a letter or digit; rename it";
    bytes_refused("damaged.so", &damaged, line).await;
}

#[tokio::test]
async fn a_directory_with_a_librarys_name_is_refused() {
    let line = "is a directory, not a library; move it away, or name a file in it";
    refused("x.so", line, |path| fs::create_dir(path).unwrap()).await;
}

#[tokio::test]
async fn a_dangling_link_is_refused() {
    let line = "is a link to gone.so, which does not exist; mend or remove the link";
    refused("x.so", line, |path| symlink("gone.so", path).unwrap()).await;
}

#[tokio::test]
async fn a_socket_is_refused_without_waiting_for_it() {
    let line = "is not a regular file; put the library itself there";
    refused("x.so", line, |path| {
        drop(std::os::unix::net::UnixListener::bind(path).unwrap())
    })
    .await;
}

/// Root may read everything: run as root, this shows only that the host says so of a file that it may not read
/// where that is so. The loader's own tests show the line for any user.
#[tokio::test]
async fn an_unreadable_file_is_refused() {
    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: root may read every file");
        return;
    }
    let line = "cannot be read: permission denied; let the user that runs the host read it";
    refused("secret.so", line, |path| {
        fs::copy(library("echo"), path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o000)).unwrap();
    })
    .await;
}

#[tokio::test]
async fn files_that_are_not_named_like_libraries_are_passed_over() {
    let place = Place::new();
    place.add("echo");
    for file in ["README.md", ".libhidden.so", "libecho.so.tmp", "so"] {
        fs::write(place.plugins().join(file), b"text").unwrap();
    }
    let host = Setup::at(place).start().await;
    assert_eq!(host.plugins().len(), 1);
    host.assert_serves().await;
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_no_reason_not_to_start() {
    let setup = Setup::with(&["echo"]);
    let missing = setup.place.path().join("missing");
    let host = setup
        .tune(|builder| builder.plugin_dir(&missing))
        .start()
        .await;
    let line = format!(
        "{}: there is no such directory; create it, or take it out of the plugin directories",
        missing.display()
    );
    assert_eq!(crate::harness::logged(&line).len(), 1);
    host.assert_serves().await;
    let error = host.call("gone", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
