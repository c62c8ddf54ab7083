//! Our rows: a host with a plugin of four instances, and four closures on another of its routes.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use agentsys_host::{Host, Payload, PluginOptions, RoutePolicy, Strategy, agent_fn_sync};
use bytes::Bytes;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::built::build;
use crate::rounds::Row;
use crate::{AGENTS, SIZE, policy};

pub(crate) struct Ours {
    host: Host,
    runtime: Rc<Runtime>,
    _dir: TempDir,
}

impl Ours {
    pub(crate) fn start() -> Self {
        let [file] = build(["bench_target"]);
        let dir = TempDir::new().expect("a temporary directory");
        let plugins = dir.path().join("plugins");
        std::fs::create_dir(&plugins).expect("a plugin directory");
        let name = file.file_name().expect("a file's name");
        std::fs::copy(&file, plugins.join(name)).expect("a copy");
        let runtime = runtime();
        let host = Host::builder()
            .plugin_dir(plugins)
            .state_dir(dir.path().join("host"))
            .plugin_options("bench-target", PluginOptions::default().instances(AGENTS))
            .build();
        let host = runtime.block_on(host).expect("a host");
        for number in 0..AGENTS {
            let closure = agent_fn_sync(
                format!("closure-{number}"),
                "Answers with its input.",
                |_: &_, data: Payload| Ok(data),
            );
            let closure = host.router().register_agent("closures", Arc::new(closure));
            runtime.block_on(closure).expect("a route");
        }
        let routes = host.router().routes();
        let counted = |name| {
            let mut routes = routes.iter();
            routes
                .find(|route| &*route.name == name)
                .map(|route| route.agents.len())
        };
        assert_eq!(
            [counted("bench_echo"), counted("closures")],
            [Some(AGENTS); 2]
        );
        Self {
            host,
            runtime,
            _dir: dir,
        }
    }

    /// Calls of a route that answers its input, each tried so many times more if need be.
    pub(crate) fn row(&self, name: &str, route: &'static str, retries: u32) -> Row {
        let (router, runtime) = (self.host.router().clone(), self.runtime.clone());
        let policy = RoutePolicy::default()
            .timeout(policy::TIMEOUT)
            .max_concurrent(policy::MAX_CONCURRENT)
            .strategy(Strategy::LeastLoaded)
            .retry_count(retries);
        let input = Bytes::from(vec![7; SIZE]);
        let run = move |calls| {
            router.set_policy(route, policy.clone());
            runtime.block_on(batches(calls, &input, async |data: Bytes| {
                let answer = router.route_task(route, Payload::from(data)).await;
                black_box(answer.expect("an answer").bytes().as_ptr());
            }))
        };
        Row {
            name: name.to_owned(),
            run: Box::new(run),
        }
    }

    pub(crate) fn stop(self) {
        self.runtime.block_on(self.host.shutdown());
    }
}

pub(crate) fn runtime() -> Rc<Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    Rc::new(runtime.expect("a runtime"))
}

/// Makes so many inputs at a time before the clock runs, and drops the answers while it runs.
const BATCH: u64 = 256;

/// The time that the calls alone take.
pub(crate) async fn batches(
    calls: u64,
    input: &Bytes,
    mut call: impl AsyncFnMut(Bytes),
) -> Duration {
    let mut inputs: Vec<Bytes> = Vec::new();
    let mut elapsed = Duration::ZERO;
    for begin in (0..calls).step_by(BATCH as usize) {
        inputs.extend((begin..calls.min(begin + BATCH)).map(|_| input.clone()));
        let begun = std::time::Instant::now();
        for data in inputs.drain(..) {
            call(data).await;
        }
        elapsed += begun.elapsed();
    }
    elapsed
}
