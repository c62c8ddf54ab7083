//! The example of how to embed a host: it runs, and says what its page says.

use std::process::Command;

use crate::harness::{Place, example};

#[test]
fn the_example_of_an_embedder_runs() {
    let place = Place::new();
    place.add("echo");
    let output = Command::new(example("agentsys-host", "embed"))
        .arg(place.plugins())
        .arg(place.state())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "plugin echo is running\nshout answers HELLO\necho answers hello\n"
    );
}
