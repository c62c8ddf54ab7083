//! Files as they are on a disk: missing, unreadable, too large, or no text.

use std::fs;
use std::path::Path;

use crate::config::{Config, Sources};

/// What is wrong with a file of this content, without the directory.
fn mistakes(content: &[u8]) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("agentsys.toml");
    fs::write(&path, content).expect("a file");
    message(&path)
}

fn message(path: &Path) -> String {
    let errors = Sources::new().file(path).load().expect_err("it is wrong");
    errors
        .to_string()
        .replace(&path.display().to_string(), "agentsys.toml")
}

#[test]
fn a_file_is_read_and_its_problems_have_its_path() {
    insta::assert_snapshot!(mistakes(b"[router]\r\ntimeout = 0\r\n"), @r#"agentsys.toml:2:11: router.timeout is 0: it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
}

#[test]
fn a_byte_order_mark_moves_no_column() {
    insta::assert_snapshot!(mistakes(b"\xef\xbb\xbfrouter = 5\n"), @"agentsys.toml:1:10: router is 5; write a table, [router]");
}

#[test]
fn columns_are_counted_in_characters() {
    insta::assert_snapshot!(mistakes("plugins = { \"é\" = 1 }".as_bytes()), @r#"
    agentsys.toml:1:13: "é" is no name for a plugin: write it with a-z, 0-9, _ and - only
    agentsys.toml:1:19: plugins."é" is 1; write a table, [plugins."é"]
    "#);
}

#[test]
fn a_file_that_must_be_there_is_missed() {
    insta::assert_snapshot!(message(Path::new("/nowhere/agentsys.toml")), @"agentsys.toml: there is no such file; write it, or give the path of another");
}

#[test]
fn a_file_that_need_not_be_there_is_not() {
    let loaded = Sources::new()
        .file_if_exists("/nowhere/agentsys.toml")
        .load()
        .expect("it need not be there");
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.files.is_empty());
}

#[test]
fn a_directory_is_no_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("agentsys.toml");
    fs::create_dir(&path).expect("a directory");
    insta::assert_snapshot!(message(&path), @"agentsys.toml: it is a directory; give the path of a file, as agentsys.toml");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_cannot_be_opened_says_why() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("agentsys.toml");
    std::os::unix::fs::symlink(&path, &path).expect("a link to itself");
    insta::assert_snapshot!(message(&path), @"agentsys.toml: it cannot be read: Too many levels of symbolic links (os error 40)");
}

#[test]
fn a_file_that_is_not_utf_8_has_the_place_of_the_first_wrong_byte() {
    insta::assert_snapshot!(mistakes(b"[router]\nname = \"\xc3\xa9\xff\"\n"), @"agentsys.toml:2:10: this byte is not UTF-8; save the file as UTF-8");
}

#[test]
fn a_file_of_more_than_a_mebibyte_is_refused() {
    insta::assert_snapshot!(mistakes(&vec![b'#'; 1024 * 1024 + 1]), @"agentsys.toml: it is larger than 1 MiB, which no configuration is; give the path of another file");
}

#[test]
fn a_file_of_a_mebibyte_is_read_with_the_place_of_each_value() {
    let items = "0,".repeat(500 * 1024);
    let toml = format!("[plugins.x.config]\né = [{items}]\n[router]\ntimeout = 0\n");
    let toml = toml.replacen('é', "\"é\"", 1);
    insta::assert_snapshot!(mistakes(toml.as_bytes()), @r#"agentsys.toml:4:11: router.timeout is 0: it must be more than 0; write seconds as a number (30.0) or text such as "30s", "500ms", "2m""#);
}

#[test]
fn keys_and_lists_nested_without_end_are_refused() {
    insta::assert_snapshot!(mistakes(format!("{}a = 1", "a.".repeat(200_000)).as_bytes()), @"agentsys.toml:1:1: not TOML: recursion limit");
    insta::assert_snapshot!(mistakes(format!("a = {}", "[".repeat(200_000)).as_bytes()), @"agentsys.toml:1:85: not TOML: cannot recurse further; max recursion depth met");
}
