//! Fixtures for benchmarks, built as users build plugins: `cargo bench` builds no examples.

use std::path::PathBuf;
use std::process::Command;

/// Builds them and names their files.
pub(crate) fn build<const N: usize>(names: [&str; N]) -> [PathBuf; N] {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--release", "--package", env!("CARGO_PKG_NAME")]);
    for name in names {
        command.args(["--example", name]);
    }
    let output = command
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "the fixtures were not built");
    let messages = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let messages: Vec<serde_json::Value> = messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    names.map(|name| {
        let mut found = messages
            .iter()
            .filter(|message| message["target"]["name"] == name)
            .filter_map(|message| message["filenames"][0].as_str());
        PathBuf::from(found.next_back().expect("cargo names the fixture's file"))
    })
}
