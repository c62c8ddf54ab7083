//! Bytes cross the seam, and the router before it, without being copied: seen by where they lie.

use std::borrow::Cow;
use std::sync::Arc;

use agentsys_host::Payload;
use agentsys_loader::{Data, Generation, Instance};
use bytes::Bytes;

use crate::harness::loader::{NoServices, SomeTask, handler, open, outcome};
use crate::harness::{Place, Setup};

/// From what fits into a cache line to what nobody wants copied.
const SIZES: [usize; 4] = [64, 1 << 10, 64 << 10, 1 << 20];

async fn call(
    instance: &Arc<Instance>,
    generation: &Generation,
    route: &str,
    bytes: Bytes,
) -> Data {
    let content_type = Cow::Borrowed("application/octet-stream");
    let data = Data {
        bytes,
        content_type,
    };
    let number = handler(generation, route);
    outcome(instance.invoke(number, &SomeTask, data, None))
        .await
        .unwrap()
}

async fn initialized(generation: &Generation) -> Arc<Instance> {
    let instance = Instance::create(generation).unwrap();
    outcome(instance.initialize(Bytes::new())).await.unwrap();
    instance
}

#[tokio::test]
async fn a_handler_sees_the_callers_own_bytes() {
    let (generation, _) = open(&Place::new(), "bench_target", NoServices);
    let instance = initialized(&generation).await;
    for size in SIZES {
        let bytes = Bytes::from(vec![7; size]);
        let answer = call(&instance, &generation, "bench_address", bytes.clone()).await;
        assert_eq!(
            *answer.bytes,
            bytes.as_ptr().addr().to_ne_bytes(),
            "{size} bytes"
        );
    }
}

#[tokio::test]
async fn an_input_that_is_the_answer_comes_back_as_the_callers_own_bytes() {
    let (generation, _) = open(&Place::new(), "bench_target", NoServices);
    let instance = initialized(&generation).await;
    for (size, route) in SIZES
        .into_iter()
        .flat_map(|size| [(size, "bench_echo"), (size, "bench_echo_async")])
    {
        let bytes = Bytes::from(vec![7; size]);
        let answer = call(&instance, &generation, route, bytes.clone()).await;
        assert_eq!(
            answer.bytes.as_ptr(),
            bytes.as_ptr(),
            "{route}, {size} bytes"
        );
        assert_eq!(answer.content_type, "application/octet-stream");
    }
}

#[tokio::test]
async fn a_routed_task_is_not_copied_either() {
    let host = Setup::with(&["bench_target"]).start().await;
    for size in SIZES {
        let bytes = Bytes::from(vec![7; size]);
        let answer = host
            .router()
            .route_task("bench_address", Payload::from(bytes.clone()))
            .await;
        assert_eq!(
            **answer.unwrap().bytes(),
            bytes.as_ptr().addr().to_ne_bytes(),
            "{size} bytes"
        );
    }
}
