//! What is shown of figures.

use serde_json::json;

use super::*;

#[test]
fn calls_are_shown_with_units_and_own_metrics_with_numbers() {
    let metrics = json!({ "routes": [{
        "route": "scan_it",
        "calls": 9,
        "errors": { "overloaded": 1 },
        "retries": 2,
        "fallbacks": 3,
        "rejected": 4,
        "under_way": 5,
        "waiting": 6,
        "latency": { "count": 1, "p50": 0.001 },
        "agents": [
            { "name": "scan", "owner": "scan", "calls": 7, "errors": {}, "retries": 3, "under_way": 1, "ejected": true, "ejections": 2, "latency": {} },
            { "name": "spare", "owner": null, "calls": 0, "errors": {}, "retries": 0, "under_way": 0, "ejected": false, "ejections": 0, "latency": {} },
        ],
    }], "plugins": [{
        "plugin": "scan",
        "calls": {
            "calls": 1200,
            "errors": { "failed": 1, "timeout": 2 },
            "latency": { "count": 75, "sum": 1.0, "min": 1e-6, "p50": 0.0000125, "p90": 0.002, "p99": 1.5, "p999": null, "max": 31.0 },
        },
        "metrics": {
            "pages": { "kind": "counter", "value": 17.0 },
            "process_time": { "kind": "histogram", "value": { "count": 3, "sum": 0.5, "p50": 0.0123456, "max": 0.25 } },
        },
    }] });
    let shown = tables(&metrics);
    let lines: Vec<Vec<&str>> = shown
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    assert_eq!(
        lines[1],
        [
            "scan_it",
            "9",
            "1 (1 overloaded)",
            "2",
            "3",
            "4",
            "5",
            "6",
            "1.00 ms",
            "-",
            "-",
            "-",
            "-"
        ]
    );
    assert_eq!(
        lines[4],
        [
            "scan", "scan_it", "scan", "7", "0", "3", "1", "2, now", "-", "-", "-", "-", "-"
        ]
    );
    assert_eq!(lines[5], [""; 0], "nobody called the other one");
    assert_eq!(
        lines[7],
        [
            "scan",
            "1200",
            "3 (2 timeout, 1 failed)",
            "12.5 µs",
            "2.00 ms",
            "1.50 s",
            "-",
            "31.0 s"
        ]
    );
    assert_eq!(
        lines[10],
        ["scan", "pages", "counter", "17", "-", "-", "-", "-", "-"]
    );
    assert_eq!(
        lines[11],
        [
            "scan",
            "process_time",
            "histogram",
            "3 values",
            "0.01235",
            "-",
            "-",
            "-",
            "0.2500"
        ]
    );
}

#[test]
fn numbers_keep_four_digits() {
    let shown = [0.0, -2.0, 1234.5678, 99999.5, 0.000000123456].map(number);
    assert_eq!(shown, ["0", "-2", "1235", "100000", "1.235e-7"]);
}

#[test]
fn a_host_without_plugins_says_so() {
    assert!(tables(&json!({ "routes": [], "plugins": [] })).starts_with("nothing was counted"));
}
