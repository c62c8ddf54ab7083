//! The library under test, opened in three ways: as plain C, as a generation of the loader's, as a plugin of a host's.

use std::path::Path;
use std::sync::Arc;

use agentsys_host::{Host, Payload, agent_fn_sync};
use agentsys_loader::{
    CopyStore, Generation, Instance, LogLine, Services, SharedTask, Source, Task, read_and_inspect,
};
use bytes::Bytes;
use libloading::Library;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::built::build;
use crate::services::no_other_services;

/// `bench_copy` of the fixture.
pub(crate) type Copy = unsafe extern "C" fn(*const u8, usize, *mut u8) -> usize;
/// `bench_view` of the fixture.
pub(crate) type View = extern "C" fn(*const u8, usize) -> RawView;

/// A view of bytes, as C returns one.
#[repr(C)]
pub(crate) struct RawView {
    pub(crate) data: *const u8,
    pub(crate) len: usize,
}

pub(crate) struct Target {
    pub(crate) library: Library,
    pub(crate) instance: Arc<Instance>,
    pub(crate) host: Host,
    pub(crate) runtime: Runtime,
    generation: Generation,
    _dir: TempDir,
}

impl Target {
    pub(crate) fn open() -> Self {
        let [file] = build(["bench_target"]);
        let dir = TempDir::new().expect("a temporary directory");
        // SAFETY: a library of our own, which runs nothing when it is opened.
        let library = unsafe { Library::new(&file) }.expect("the fixture opens");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");

        let generation = generation(&file, &dir.path().join("bare"));
        let instance = Instance::create(&generation).expect("an instance");
        runtime.block_on(async {
            let initialized = instance.initialize(Bytes::from_static(b"{}"));
            let outcome = initialized.outcome().await;
            outcome.expect("the instance initializes");
        });

        let plugins = dir.path().join("plugins");
        std::fs::create_dir(&plugins).expect("a plugin directory");
        std::fs::copy(
            &file,
            plugins.join(file.file_name().expect("a file's name")),
        )
        .expect("a copy");
        let host = Host::builder()
            .plugin_dir(plugins)
            .state_dir(dir.path().join("host"))
            .build();
        let host = runtime.block_on(host).expect("a host");
        let closure = agent_fn_sync(
            "closure",
            "Answers with its input.",
            |_: &_, data: Payload| Ok(data),
        );
        let closure = host.router().register_agent("closure", Arc::new(closure));
        runtime.block_on(closure).expect("a route");
        Self {
            library,
            instance,
            host,
            runtime,
            generation,
            _dir: dir,
        }
    }

    /// The number of a route's handler.
    pub(crate) fn handler(&self, route: &str) -> u32 {
        let handlers = &self.generation.description().handlers;
        let at = handlers.iter().position(|handler| handler.route == route);
        at.expect("the fixture has the route")
            .try_into()
            .expect("few handlers")
    }

    pub(crate) fn close(self) {
        self.runtime.block_on(self.host.shutdown());
    }
}

fn generation(file: &Path, state: &Path) -> Generation {
    let (inspected, bytes) = read_and_inspect(file).expect("a plugin");
    let copies = CopyStore::open(state).expect("a state directory");
    let copy = copies
        .copy(&bytes, &inspected.content_hash)
        .expect("a private copy");
    let source = Source {
        path: file,
        inspected: &inspected,
        copy: Arc::new(copy),
        plugin: "bench-target".into(),
        number: 1,
        attribution: &agentsys_loader::Attribution::in_memory(),
    };
    Generation::open(source, Arc::new(NoServices), |_| ()).expect("a generation")
}

/// The task of each bare call.
pub(crate) struct NoTask;

impl Task for NoTask {
    fn id(&self) -> u64 {
        1
    }

    fn hops(&self) -> u32 {
        0
    }

    fn remaining(&self) -> Option<std::time::Duration> {
        None
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn share(&self) -> Arc<dyn SharedTask> {
        Arc::new(Self)
    }
}

/// A host that offers nothing: the bare calls ask for nothing.
struct NoServices;

impl Services for NoServices {
    fn max_log_level(&self) -> u32 {
        0
    }

    fn log(&self, _line: LogLine<'_>) {}

    no_other_services!();
}
