//! Payloads and typed handlers: what goes in and what comes out.

use agentsys_host::{ContentType, Payload};
use agentsys_loader::{HANDLER_PROCESS, Instance};
use agentsys_router::ErrorKind;
use bytes::Bytes;

use crate::harness::loader::{self, NoServices, SomeTask, outcome, text};
use crate::harness::{Place, Setup, TestHost};

async fn host() -> TestHost {
    Setup::with(&["typed", "misbehaves", "echo"]).start().await
}

#[tokio::test]
async fn a_typed_handler_takes_and_gives_json() {
    let host = host().await;
    for route in ["total", "total_later"] {
        let order = r#"{"lines": [{"amount": 2, "price": 10}, {"amount": 1, "price": 5}]}"#;
        let answer = host
            .router()
            .route_task(route, Payload::json(order))
            .await
            .unwrap();
        assert!(
            answer
                .to_str()
                .unwrap()
                .starts_with(r#"{"total":25,"before":"#)
        );
        assert_eq!(*answer.content_type(), ContentType::JSON);
    }
}

#[tokio::test]
async fn input_that_does_not_fit_names_the_field_and_the_handler_is_not_called() {
    let host = host().await;
    for route in ["total", "total_later"] {
        let error = host
            .call(route, r#"{"lines": [{"amount": "two", "price": 10}]}"#)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.is_retryable()),
            (ErrorKind::InvalidInput, false)
        );
        assert_eq!(
            error.message(),
            "the input does not fit at `lines[0].amount`: invalid type: string \"two\", expected u32 \
             at line 1 column 27"
        );
    }
    let error = host.call("total", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let answer = host.call("total", r#"{"lines": []}"#).await.unwrap();
    assert_eq!(answer, r#"{"total":0,"before":0}"#);
}

#[tokio::test]
async fn text_and_bytes_pass_as_they_are() {
    let host = host().await;
    let text = host
        .router()
        .route_task("shout", "\"grüße\"")
        .await
        .unwrap();
    assert_eq!(
        (text.to_str().unwrap(), text.content_type()),
        ("\"GRÜSSE\"", &ContentType::TEXT)
    );
    let bytes = host
        .router()
        .route_task("reverse", vec![0_u8, 1, 255])
        .await
        .unwrap();
    assert_eq!(
        (&bytes.bytes()[..], bytes.content_type()),
        (&[255, 1, 0][..], &ContentType::BYTES)
    );
    let error = host
        .router()
        .route_task("shout", vec![0xff_u8])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn content_types_of_all_sorts_come_through_in_both_directions() {
    let host = host().await;
    for name in ["text/csv", "application/json", "application/x-of-ours; v=2"] {
        let sent = || Payload::new("x", ContentType::new(name));
        assert_eq!(host.call("content_type", sent()).await.unwrap(), name);
        let answer = host.router().route_task("echo", sent()).await.unwrap();
        assert_eq!(answer.content_type().as_str(), name);
    }
}

#[tokio::test]
async fn bytes_that_a_plugin_hands_back_are_the_very_same() {
    let host = host().await;
    let sent = Bytes::from(vec![7; 1 << 20]);
    let answer = host
        .router()
        .route_task("echo", sent.clone())
        .await
        .unwrap();
    assert_eq!(
        answer.bytes().as_ptr(),
        sent.as_ptr(),
        "not copied on the way in, nor out"
    );
}

#[tokio::test]
async fn a_large_answer_stays_readable_after_its_plugin_was_stopped() {
    let host = host().await;
    let answer = host.router().route_task("large", "1000000").await.unwrap();
    host.shutdown().await;
    assert_eq!(answer.bytes().len(), 1_000_000);
    assert!(
        answer
            .bytes()
            .iter()
            .enumerate()
            .all(|(at, byte)| *byte == (at % 251) as u8)
    );
}

#[tokio::test]
async fn an_answer_that_is_not_the_json_it_claims_comes_as_it_is() {
    let host = host().await;
    let answer = host.router().route_task("claims_json", "").await.unwrap();
    assert_eq!(
        (answer.to_str().unwrap(), answer.content_type()),
        ("{\"rows\": [1, ", &ContentType::JSON)
    );
    host.assert_serves().await;
}

#[tokio::test]
async fn an_answer_that_no_json_can_say_is_an_error() {
    let host = host().await;
    let error = host.call("cannot_be_json", "").await.unwrap_err();
    assert_eq!(error.message(), "the answer cannot be written as JSON");
    assert_eq!(error.causes().collect::<Vec<_>>(), ["key must be a string"]);
    host.assert_serves().await;
}

#[tokio::test]
async fn a_plugins_own_process_takes_data_in_and_gives_data_back() {
    let answer = process("typed").await.unwrap();
    assert_eq!(
        (&answer.bytes[..], answer.content_type.as_ref()),
        (&b"processed data"[..], "text/plain")
    );
}

#[tokio::test]
async fn a_plugin_without_a_process_says_so() {
    let failure = process("configured").await.unwrap_err();
    assert_eq!(failure.kind, agentsys_loader::failure_kind::NOT_FOUND);
    assert_eq!(
        failure.message,
        "plugin configured has no `process`: call one of its routes"
    );
}

/// Calls a plugin's `process`, which no route leads to, with the loader alone.
async fn process(plugin: &str) -> agentsys_loader::Outcome {
    let place = Place::new();
    let (generation, _) = loader::open(&place, plugin, NoServices);
    let instance = Instance::create(&generation).unwrap();
    outcome(instance.initialize(Bytes::new())).await.unwrap();
    outcome(instance.invoke(HANDLER_PROCESS, &SomeTask, text("data"), None)).await
}
