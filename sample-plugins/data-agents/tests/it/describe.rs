use data_agents::{ColumnSummary, Format, Limits, Summary, Table, describe};
use serde_json::json;

use crate::support::{assert_close, csv, data, expected, json, penguins};

#[test]
fn figures_agree_with_pandas() {
    let cases = expected("describe_");
    assert!(cases.len() > 20, "the expected files are there");
    for (name, content) in cases {
        let file = match name.as_str() {
            "penguins" => data("penguins.csv"),
            case => data("cases").join(case).with_extension("csv"),
        };
        let bytes = std::fs::read(file).unwrap();
        let table = Table::parse(&bytes, Format::Csv, Limits::default()).unwrap();
        let summary = serde_json::to_value(describe(&table)).unwrap();
        assert_close(&summary, &content["summary"], &name);
    }
}

#[test]
fn the_json_has_the_agreed_shape_and_the_columns_order() {
    let summary = describe(&csv("z,a\n1,x\n2,\n").unwrap());
    assert_eq!(
        serde_json::to_string(&summary).unwrap(),
        concat!(
            r#"{"rows":2,"columns":{"#,
            r#""z":{"type":"number","count":2,"missing":0,"mean":1.5,"std":0.7071067811865476,"#,
            r#""min":1.0,"p25":1.25,"p50":1.5,"p75":1.75,"max":2.0},"#,
            r#""a":{"type":"text","count":1,"missing":1,"distinct":1,"top":"x","freq":1}}}"#
        )
    );
}

#[test]
fn a_summary_survives_the_way_through_json() {
    let summary = describe(&csv(&penguins()).unwrap());
    let text = serde_json::to_string(&summary).unwrap();
    assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary);
}

#[test]
fn a_table_as_json_has_the_summary_of_the_same_table_as_csv() {
    let from_csv = csv("n,t\n1,x\n,y\n2.5,NA\n").unwrap();
    let from_json = json(r#"[{"n": 1, "t": "x"}, {"n": null, "t": "y"}, {"n": 2.5}]"#).unwrap();
    assert_eq!(describe(&from_json), describe(&from_csv));
}

#[test]
fn penguins_as_json_have_the_summary_of_penguins_as_csv() {
    let rows = crate::support::process(&json!(penguins()), &json!([])).unwrap();
    assert_eq!(
        describe(&json(&rows).unwrap()),
        describe(&csv(&penguins()).unwrap())
    );
}

#[test]
fn an_empty_array_has_no_columns() {
    let summary = describe(&json("[]").unwrap());
    assert_eq!(
        serde_json::to_string(&summary).unwrap(),
        r#"{"rows":0,"columns":{}}"#
    );
}

#[test]
fn the_top_among_equally_frequent_values_is_the_first_in_the_table() {
    let summary = describe(&csv("t\nb\na\nc\na\nc\n").unwrap());
    let ColumnSummary::Text(text) = &summary.columns[0].1 else {
        panic!("a text column");
    };
    assert_eq!((text.top.as_deref(), text.freq), (Some("a"), Some(2)));
}
