#![allow(clippy::unwrap_used, reason = "tests")]

use tempfile::TempDir;

use super::*;
use crate::inspect::fixture::{Elf, linux, plugin, route};

const HOST: Interface = Interface { major: 1, minor: 0 };

fn write(dir: &TempDir, file: &str, name: &str, version: &str) -> PathBuf {
    let path = dir.path().join(file);
    fs::write(&path, Elf::plugin(plugin(name, version)).bytes()).unwrap();
    path
}

fn find(dirs: &[&TempDir]) -> Discovery {
    let dirs: Vec<_> = dirs.iter().map(|dir| dir.path().to_owned()).collect();
    discover_for(&linux(), &dirs, HOST)
}

fn serving(found: &Discovery) -> Vec<String> {
    let one = |it: &Candidate| format!("{} {}", it.name(), it.version());
    found.plugins.iter().map(one).collect()
}

fn reasons(found: &Discovery) -> Vec<&str> {
    found.shadowed.iter().map(|it| it.reason.as_str()).collect()
}

#[test]
fn plugins_of_all_directories_serve_sorted_by_name() {
    let (a, b) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write(&a, "libz.so", "zebra", "1.0.0");
    write(&b, "libm.so", "mole", "0.1.0");
    write(&b, "liba.so", "ant", "2.0.0");
    let found = find(&[&a, &b]);
    assert_eq!(serving(&found), ["ant 2.0.0", "mole 0.1.0", "zebra 1.0.0"]);
    assert!(found.shadowed.is_empty() && found.rejected.is_empty());
}

#[test]
fn the_higher_version_serves_and_the_other_says_when_it_takes_over() {
    let dir = TempDir::new().unwrap();
    let old = write(&dir, "libecho.so", "echo", "1.0.0");
    let new = write(&dir, "libecho2.so", "echo", "2.0.0");
    let found = find(&[&dir]);
    assert_eq!(serving(&found), ["echo 2.0.0"]);
    assert_eq!(
        reasons(&found),
        ["echo 1.0.0 is not loaded: libecho2.so holds echo 2.0.0; \
          it takes over when that file is removed"]
    );
    let shadowed = &found.shadowed[0];
    assert_eq!((&shadowed.candidate.path, &shadowed.by_path), (&old, &new));
    assert_eq!(shadowed.by_version, Version::new(2, 0, 0));
    assert!(!shadowed.same_content);

    fs::remove_file(new).unwrap();
    assert_eq!(serving(&find(&[&dir])), ["echo 1.0.0"]);
}

#[test]
fn versions_compare_by_their_numbers_and_a_release_beats_its_candidate() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a.so", "echo", "1.9.0");
    write(&dir, "b.so", "echo", "1.10.0-rc.1");
    write(&dir, "c.so", "echo", "1.10.0");
    let found = find(&[&dir]);
    assert_eq!(serving(&found), ["echo 1.10.0"]);
    assert_eq!(
        reasons(&found),
        [
            "echo 1.10.0-rc.1 is not loaded: c.so holds echo 1.10.0; \
             it takes over when that file is removed",
            "echo 1.9.0 is not loaded: c.so holds echo 1.10.0; \
             it takes over when that file and b.so are removed",
        ]
    );
}

#[test]
fn of_equal_versions_the_earlier_directory_serves_then_the_first_file_name() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    // Different contents of one version.
    let content = |word: &str| [plugin("echo", "1.0.0"), route(word)].concat();
    let put = |dir: &TempDir, file: &str, word: &str| {
        let path = dir.path().join(file);
        fs::write(&path, Elf::plugin(content(word)).bytes()).unwrap();
        path
    };
    put(&second, "a.so", "one");
    put(&first, "c.so", "two");
    let b = put(&first, "b.so", "three");
    let found = find(&[&first, &second]);
    assert_eq!(found.plugins[0].path, b);
    assert_eq!(
        reasons(&found),
        [
            "echo 1.0.0 is not loaded: b.so holds the same version and comes first; \
             it takes over when that file is removed"
                .to_owned(),
            format!(
                "echo 1.0.0 is not loaded: {} holds the same version and comes first; \
                 it takes over when that file and {} are removed",
                b.display(),
                first.path().join("c.so").display()
            ),
        ]
    );
}

#[test]
fn a_second_copy_of_a_file_is_known_as_the_same_content() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a.so", "echo", "1.0.0");
    write(&dir, "b.so", "echo", "1.0.0");
    let found = find(&[&dir]);
    assert!(found.shadowed[0].same_content);
    assert_eq!(
        reasons(&found),
        ["echo 1.0.0 is not loaded: a.so holds the same content; \
          it takes over when that file is removed"]
    );
}

#[test]
fn a_bad_file_is_rejected_and_the_others_serve() {
    let dir = TempDir::new().unwrap();
    write(&dir, "libecho.so", "echo", "1.0.0");
    fs::write(dir.path().join("text.so"), "hello").unwrap();
    fs::write(dir.path().join("foreign.dll"), "").unwrap();
    fs::create_dir(dir.path().join("dir.so")).unwrap();
    let found = find(&[&dir]);
    assert_eq!(serving(&found), ["echo 1.0.0"]);
    let rejected: Vec<_> = found
        .rejected
        .iter()
        .map(|it| it.error.to_string())
        .collect();
    let at = |name: &str| dir.path().join(name).display().to_string();
    assert_eq!(
        rejected,
        [
            format!(
                "{}: is a directory, not a library; move it away, or name a file in it",
                at("dir.so")
            ),
            format!("{}: is empty; copy it again", at("foreign.dll")),
            format!(
                "{}: is not a library: it begins like no ELF, PE or Mach-O file; \
                 put a compiled plugin there",
                at("text.so")
            ),
        ]
    );
}

#[test]
fn a_higher_version_that_this_host_cannot_speak_with_does_not_stand_in_the_way() {
    let dir = TempDir::new().unwrap();
    write(&dir, "a.so", "echo", "1.0.0");
    let json = r#"{"name":"echo","version":"2.0.0","interface":"2.1"}"#;
    let record = crate::inspect::fixture::record(agentsys_abi::record::KIND_PLUGIN, json);
    fs::write(dir.path().join("b.so"), Elf::plugin(record).bytes()).unwrap();
    let found = find(&[&dir]);
    assert_eq!(serving(&found), ["echo 1.0.0"]);
    assert!(found.rejected[0].error.to_string().ends_with(
        "built for interface 2.1, this host speaks 1.x: \
         update the host or rebuild the plugin against it"
    ));
}

#[test]
fn only_libraries_that_are_not_hidden_are_looked_at() {
    for name in [
        "libecho.so",
        "echo.dll",
        "ECHO.DLL",
        "libecho.dylib",
        "dir/x.so",
    ] {
        assert!(is_library_name(Path::new(name)), "{name}");
    }
    for name in [
        ".libecho.so",
        ".libecho.so.swp",
        ".so",
        "libecho.so~",
        "libecho.so.tmp",
        "libecho.so.1",
        "libecho.a",
        "README",
        "..",
        "",
    ] {
        assert!(!is_library_name(Path::new(name)), "{name}");
    }
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join(".libecho.so.Ab12"), "half").unwrap();
    fs::write(dir.path().join("libecho.so.tmp"), "half").unwrap();
    let found = find(&[&dir]);
    assert!(found.plugins.is_empty() && found.rejected.is_empty());
}

#[test]
fn a_directory_that_cannot_be_listed_is_reported_and_the_others_go_on() {
    let dir = TempDir::new().unwrap();
    write(&dir, "libecho.so", "echo", "1.0.0");
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let gone = dir.path().join("gone");
    let dirs = [gone.clone(), file.clone(), dir.path().to_owned()];
    let found = discover_for(&linux(), &dirs, HOST);
    assert_eq!(serving(&found), ["echo 1.0.0"]);
    let errors: Vec<_> = found
        .unreadable_dirs
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        errors,
        [
            format!(
                "{}: there is no such directory; \
                 create it, or take it out of the plugin directories",
                gone.display()
            ),
            format!(
                "{}: is not a directory; name the directory that holds the plugins",
                file.display()
            ),
        ]
    );
}

#[test]
fn a_directory_named_twice_is_read_once() {
    let dir = TempDir::new().unwrap();
    write(&dir, "libecho.so", "echo", "1.0.0");
    let found = find(&[&dir, &dir]);
    assert_eq!((found.plugins.len(), found.shadowed.len()), (1, 0));
}

#[cfg(unix)]
#[test]
fn links_are_followed_and_dangling_ones_rejected() {
    use std::os::unix::fs::symlink;
    let (dir, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let target = write(&elsewhere, "real.so", "echo", "1.0.0");
    symlink(target, dir.path().join("libecho.so")).unwrap();
    symlink("nowhere.so", dir.path().join("gone.so")).unwrap();
    let found = find(&[&dir]);
    assert_eq!(serving(&found), ["echo 1.0.0"]);
    assert!(found.rejected[0].error.to_string().ends_with(
        "gone.so: is a link to nowhere.so, which does not exist; mend or remove the link"
    ));
}

#[test]
fn what_was_found_can_be_put_together_again_from_its_files() {
    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    write(&second, "a.so", "echo", "1.0.0");
    write(&first, "c.so", "echo", "1.0.0");
    write(&first, "b.so", "ant", "0.9.0");
    fs::write(second.path().join("text.so"), "hello").unwrap();
    let dirs = [first.path(), second.path(), Path::new("gone")].map(Path::to_owned);
    let (mut good, mut bad, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
    for listed in list_libraries(&dirs) {
        match listed {
            Ok(files) => {
                files
                    .iter()
                    .for_each(|path| match inspect_candidate_for(&linux(), path, HOST) {
                        Ok(candidate) => good.push(candidate),
                        Err(rejected) => bad.push(rejected),
                    })
            }
            Err(dir) => unreadable.push(dir),
        }
    }
    let together = Discovery::of(good, bad, unreadable);
    let found = discover_for(&linux(), &dirs, HOST);
    assert_eq!(serving(&together), ["ant 0.9.0", "echo 1.0.0"]);
    assert_eq!(format!("{together:?}"), format!("{found:?}"));
}

#[cfg(unix)]
#[test]
fn a_rejected_file_tells_whether_it_is_missing_or_could_not_be_read() {
    let dir = TempDir::new().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::os::unix::fs::symlink("nowhere.so", at("link.so")).unwrap();
    // A link to itself cannot be read, whoever asks.
    std::os::unix::fs::symlink("loop.so", at("loop.so")).unwrap();
    fs::write(at("text.so"), "hello").unwrap();
    let told = |name: &str| {
        let rejected = inspect_candidate(&at(name), HOST).unwrap_err();
        (rejected.is_missing(), rejected.is_unread())
    };
    assert_eq!(told("gone.so"), (true, false));
    assert_eq!(told("link.so"), (true, false));
    assert_eq!(told("loop.so"), (false, true));
    assert_eq!(told("text.so"), (false, false));
}
