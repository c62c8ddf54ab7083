//! Notes the compiler's version, for the record that each plugin carries of itself.

use std::env;
use std::process::Command;

fn main() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().ok();
    let version = version.and_then(|output| String::from_utf8(output.stdout).ok());
    let version = version.as_deref().map_or("unknown", str::trim);
    println!("cargo::rustc-env=AGENTSYS_RUSTC_VERSION={version}");
    println!("cargo::rerun-if-changed=build.rs");
}
