//! The calls that are compared, each with the same bytes.

use std::borrow::Cow;
use std::convert::Infallible;
use std::hint::black_box;
use std::task::Waker;
use std::time::{Duration, Instant};

use agentsys_host::Payload;
use agentsys_loader::{Data, Invoked};
use bytes::Bytes;
use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::target::{Copy, NoTask, Target, View};

/// As the router's own defaults.
const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_CONCURRENT: usize = 10;

/// So many inputs are made before the clock runs, since making them is no part of a call. They fit into the processor's
/// caches. Answers are dropped while it runs.
const BATCH_LEN: u64 = 256;
const BATCH: BatchSize = BatchSize::NumIterations(BATCH_LEN);

const PAGE: usize = 4096;

/// The rows of the table: the name in criterion's files, and the name for readers.
pub(crate) const ROWS: [(&str, &str); 11] = [
    (
        "raw_copy",
        "C call through `libloading`: copies the input to the caller's buffer",
    ),
    (
        "raw_view",
        "C call through `libloading`: answers pointer and length",
    ),
    ("bytes", "no call: a clone of the `Bytes`, and its drop"),
    ("seam_echo", "bare seam, plain handler: answers its input"),
    (
        "seam_fresh",
        "bare seam, plain handler: answers a copy in its own memory",
    ),
    (
        "seam_address",
        "bare seam, plain handler: looks at its input, answers 8 bytes",
    ),
    (
        "seam_async",
        "bare seam, async handler: answers its input at its first poll",
    ),
    (
        "routed_closure",
        "routed, a closure of the host's: answers its input",
    ),
    ("routed_echo", "routed, plain handler: answers its input"),
    (
        "routed_async",
        "routed, async handler: answers its input at its first poll",
    ),
    (
        "tower",
        "`tower`, timeout and concurrency limit round a plain function: answers its input",
    ),
];

/// Measures all rows at one size.
pub(crate) fn measure(criterion: &mut Criterion, target: &Target, size: usize) {
    let mut group = criterion.benchmark_group("seam");
    group.throughput(Throughput::Bytes(size as u64));
    let input = Bytes::from(vec![7; size]);
    raw(&mut group, target, &input);
    bare(&mut group, target, &input);
    routed(&mut group, target, &input);
    tower(&mut group, target, &input);
    group.finish();
}

fn raw(group: &mut BenchmarkGroup<'_, WallTime>, target: &Target, input: &Bytes) {
    // SAFETY: the fixture's functions have these types.
    let (copy, view) = unsafe {
        let copy = target
            .library
            .get::<Copy>(b"bench_copy\0")
            .expect("the fixture's function");
        let view = target
            .library
            .get::<View>(b"bench_view\0")
            .expect("the fixture's function");
        (*copy, *view)
    };
    let mut output = vec![0_u8; input.len() + 2 * PAGE];
    // Half a page off: where two large buffers lie alike in their pages, some processors copy many times slower.
    let off = (input.as_ptr().addr() + PAGE / 2).wrapping_sub(output.as_ptr().addr()) % PAGE;
    let output = &mut output[off..][..input.len()];
    group.bench_function(id("raw_copy", input), |b| {
        b.iter(|| {
            let input = black_box(input);
            // SAFETY: both buffers have the input's length.
            unsafe { copy(input.as_ptr(), input.len(), output.as_mut_ptr()) }
        });
    });
    group.bench_function(id("raw_view", input), |b| {
        b.iter(|| {
            let input = black_box(input);
            let answer = view(input.as_ptr(), input.len());
            (answer.data, answer.len)
        });
    });
    group.bench_function(id("bytes", input), |b| b.iter(|| black_box(input).clone()));
}

fn bare(group: &mut BenchmarkGroup<'_, WallTime>, target: &Target, input: &Bytes) {
    let instance = &target.instance;
    let mut bench = |row, route| {
        let handler = target.handler(route);
        let make = || Data {
            bytes: input.clone(),
            content_type: Cow::Borrowed("application/octet-stream"),
        };
        let call = |data| match instance.invoke(handler, &NoTask, data, Some(Waker::noop())) {
            Invoked::Ready(Ok(answer)) => _ = black_box(answer.bytes.as_ptr()),
            other => panic!("no answer: {other:?}"),
        };
        group.bench_function(id(row, input), |b| b.iter_batched(make, call, BATCH));
    };
    bench("seam_echo", "bench_echo");
    bench("seam_fresh", "bench_fresh");
    bench("seam_address", "bench_address");
    bench("seam_async", "bench_echo_async");
}

fn routed(group: &mut BenchmarkGroup<'_, WallTime>, target: &Target, input: &Bytes) {
    let router = target.host.router();
    let mut bench = |row, route| {
        let make = || Payload::from(input.clone());
        let call = async |data| {
            let answer = router.route_task(route, data).await.expect("an answer");
            black_box(answer.bytes().as_ptr());
        };
        group.bench_function(id(row, input), |b| {
            b.to_async(&target.runtime).iter_batched(make, call, BATCH);
        });
    };
    bench("routed_closure", "closure");
    bench("routed_echo", "bench_echo");
    bench("routed_async", "bench_echo_async");
}

fn tower(group: &mut BenchmarkGroup<'_, WallTime>, target: &Target, input: &Bytes) {
    let service = ServiceBuilder::new()
        .concurrency_limit(MAX_CONCURRENT)
        .timeout(TIMEOUT)
        .service_fn(|data: Bytes| std::future::ready(Ok::<_, Infallible>(data)));
    group.bench_function(id("tower", input), |b| {
        b.to_async(&target.runtime).iter_custom(async |times| {
            let mut service = service.clone();
            let mut inputs: Vec<Bytes> = Vec::new();
            let mut elapsed = Duration::ZERO;
            for begin in (0..times).step_by(BATCH_LEN as usize) {
                inputs.extend((begin..times.min(begin + BATCH_LEN)).map(|_| input.clone()));
                let begun = Instant::now();
                for data in inputs.drain(..) {
                    let ready = service.ready().await.expect("a place");
                    let answer = ready.call(data).await.expect("an answer");
                    black_box(answer.as_ptr());
                }
                elapsed += begun.elapsed();
            }
            elapsed
        });
    });
}

fn id(row: &str, input: &Bytes) -> BenchmarkId {
    BenchmarkId::new(row, input.len())
}
