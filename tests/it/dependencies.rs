//! What we link is licensed as `.deny.toml` allows: the part of `cargo deny` that needs no network.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

#[test]
fn every_dependency_has_a_licence_that_we_allow() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let config = std::fs::read_to_string(root.join(".deny.toml")).unwrap();
    let (allowed, excepted) = (list(&config, "allow = ["), list(&config, "exceptions = ["));
    assert!(allowed.contains("MIT"), "{allowed:?}");

    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = [
        "tree",
        "--workspace",
        "--locked",
        "--prefix",
        "none",
        "--format",
        "{p}\t{l}",
    ];
    let tree = Command::new(cargo)
        .current_dir(&root)
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        tree.status.success(),
        "{}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let tree = String::from_utf8(tree.stdout).unwrap();
    let mut refused = BTreeSet::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let (package, licence) = line.trim_end_matches(" (*)").split_once('\t').unwrap();
        let name = package.split(' ').next().unwrap();
        if !(is_allowed(licence, &allowed) || excepted.contains(name)) {
            refused.insert(format!("{name}: {licence}"));
        }
    }
    assert!(refused.is_empty(), "not allowed by .deny.toml: {refused:?}");
}

/// The quoted words of a list in the config.
fn list<'a>(config: &'a str, begin: &str) -> BTreeSet<&'a str> {
    let inside = config
        .split_once(begin)
        .unwrap()
        .1
        .split_once("\n]")
        .unwrap()
        .0;
    inside
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .collect()
}

/// Whether one alternative of a licence expression is allowed in all its parts.
fn is_allowed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    // `A OR B AND C` with the parentheses gone: every part must be allowed, or one of a plain choice.
    plain.split(" AND ").all(|part| {
        part.split(" OR ")
            .any(|licence| allowed.contains(licence.trim()))
    })
}

#[test]
fn a_licence_expression_is_read_part_by_part() {
    let allowed = BTreeSet::from(["MIT", "Unicode-3.0"]);
    assert!(is_allowed("MIT/Apache-2.0", &allowed));
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0", &allowed));
    assert!(!is_allowed("MIT AND GPL-3.0", &allowed));
    assert!(!is_allowed("GPL-3.0", &allowed));
}
