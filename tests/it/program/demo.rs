//! The demo: the main job on real data, from a checkout.

use crate::harness::{Ended, Place, agentsys};

#[test]
fn the_demo_routes_the_penguins_and_says_how_to_go_on() {
    let place = Place::new();
    let state = place.state();
    let output = agentsys(&["demo", "--state-dir"])
        .arg(&state)
        .output()
        .unwrap();
    let Ended {
        code,
        stdout,
        stderr,
    } = output.into();
    assert_eq!(code, Some(0), "{stderr}");
    // pandas: `penguins.dropna()` has 333 rows, whose body mass has this mean and these quartiles.
    let mass = stdout
        .lines()
        .find(|line| line.starts_with("body_mass_g"))
        .unwrap();
    let mass: Vec<&str> = mass.split_whitespace().collect();
    let pandas = [
        "333", "0", "4207.06", "805.22", "2700.00", "3550.00", "4050.00", "4775.00", "6300.00",
    ];
    assert_eq!(mass[1..], pandas);
    for told in [
        "data-agents",
        "echo",
        "analyze_data, process_data",
        "report, report_get",
        "task_demo: ",
        "task_demo_result: ",
        r#"Agent 'report-agent' - started: {"report":"demo"}"#,
        r#"Agent 'report-agent' - processed: {"report":"demo","rows":333}"#,
        r#"Agent 'report-agent' - finished: {"report":"demo"}"#,
        "agentsys.toml run &",
        "call analyze_data --file",
    ] {
        assert!(stdout.contains(told), "no {told:?} in {stdout}");
    }
    for left in [
        "demo/penguins.csv",
        "demo/plugins/libecho.so",
        "demo/plugins/libdata_agents.so",
        "demo/plugins/libactivity_logger.so",
        "demo/plugins/libreport_agent.so",
        "demo/agentsys.toml",
        "demo/activity.log",
    ] {
        assert!(state.join(left).is_file(), "{left}");
    }

    // What it says how to go on with, goes on: the report of the run before is there.
    let config = state.join("demo/agentsys.toml");
    let command = [
        "--config",
        config.to_str().unwrap(),
        "call",
        "report_get",
        "--data",
        r#"{"id":"demo"}"#,
        "--plugins",
        state.join("demo/plugins").to_str().unwrap(),
    ]
    .map(str::to_owned);
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let again: Ended = agentsys(&command).output().unwrap().into();
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let report: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (&report["id"], &report["rows"]),
        (&"demo".into(), &333.into())
    );
}
