//! The host's two runtimes.
//!
//! A plugin's function may never return, and nobody can make it. What must go on all the same (deadlines, signals, the
//! control socket, shutdown) runs on the *control* runtime, where no plugin code ever runs. Plugin code runs on the *workers*, or on
//! the threads of an embedder that calls a route.
//!
//! A test wants the opposite: everything on its own runtime, whose clock it may stop. There a plugin that never returns holds up all.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::{Duration, Instant};

use agentsys_loader::{may_block, pass_by};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::HostError;

/// Each thread that may block is bounded where it is asked for; tokio's own bound would let plugins that hang starve all others.
const MOST_BLOCKING_THREADS: usize = 1 << 16;

/// How long a thread that may block waits for more work. Its end is what lets go of the libraries that it ran.
const KEPT_IDLE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Runtimes {
    control: Handle,
    end_control: CancellationToken,
    workers: Workers,
    come_by: ComeBy,
}

/// How a closed library has threads pass by that may have something of it left.
#[derive(Debug, Clone)]
pub(crate) struct ComeBy {
    workers: Handle,
    control: Handle,
    /// Tells those who wait on a thread of the embedder's.
    waiting: Arc<Notify>,
}

impl ComeBy {
    fn new(workers: &Handle, control: &Handle) -> Self {
        Self {
            workers: workers.clone(),
            control: control.clone(),
            waiting: Arc::default(),
        }
    }

    /// Reaches most threads; the caller asks again.
    pub(crate) fn ask(&self) {
        self.waiting.notify_waiters();
        self.control.spawn(async { pass_by() });
        // A worker that sleeps is woken by work, and passes by before it sleeps again. Nobody can choose which one is woken, hence as many pieces of work as
        // there are workers.
        for _ in 0..self.workers.metrics().num_workers() {
            self.workers.spawn(async {
                pass_by();
                tokio::task::yield_now().await;
            });
        }
    }

    /// Waits for something on a thread that no runtime has sleep, the embedder's or one of its own, and meanwhile passes by when asked to.
    pub(crate) async fn while_waiting<F: Future>(&self, work: F) -> F::Output {
        let mut work = pin!(work);
        loop {
            let asked = self.waiting.notified();
            pass_by();
            tokio::select! {
                output = &mut work => return output,
                () = asked => {}
            }
        }
    }
}

#[derive(Debug)]
enum Workers {
    Own(Option<Runtime>),
    /// The embedder's, for all.
    Shared(Handle),
}

impl Runtimes {
    pub(crate) fn start() -> Result<Self, HostError> {
        let failed = |what| move |source: io::Error| HostError::Start { what, source };
        // First what can be thrown away in an async context: a multi-threaded runtime cannot.
        let control = Builder::new_current_thread()
            // A plugin's waker may be woken here.
            .on_thread_park(pass_by)
            .enable_all()
            .build()
            .map_err(failed("control runtime"))?;
        let handle = control.handle().clone();
        let end_control = CancellationToken::new();
        let ended = end_control.clone();
        thread::Builder::new()
            .name("agentsys-control".to_owned())
            .spawn(move || {
                control.block_on(ended.cancelled());
                control.shutdown_background();
            })
            .map_err(failed("control thread"))?;
        let workers = Builder::new_multi_thread()
            .thread_name("agentsys-worker")
            .max_blocking_threads(MOST_BLOCKING_THREADS)
            .thread_keep_alive(KEPT_IDLE)
            // A thread that sleeps must not keep closed libraries in memory.
            .on_thread_park(pass_by)
            .enable_all()
            .build();
        let workers = workers.map_err(|source| {
            end_control.cancel();
            HostError::Start {
                what: "workers",
                source,
            }
        })?;
        Ok(Self {
            come_by: ComeBy::new(workers.handle(), &handle),
            control: handle,
            end_control,
            workers: Workers::Own(Some(workers)),
        })
    }

    /// One runtime, the embedder's own, for all.
    pub(crate) fn shared(handle: Handle) -> Self {
        Self {
            control: handle.clone(),
            end_control: CancellationToken::new(),
            come_by: ComeBy::new(&handle, &handle),
            workers: Workers::Shared(handle),
        }
    }

    /// The runtime on which no plugin code runs.
    pub(crate) fn control(&self) -> &Handle {
        &self.control
    }

    /// Whether this is the thread that keeps everybody's time.
    pub(crate) fn is_control_thread(&self) -> bool {
        let here = Handle::try_current().map(|here| here.id());
        matches!(self.workers, Workers::Own(_)) && here.is_ok_and(|id| id == self.control.id())
    }

    /// The runtime on which plugin code runs.
    pub(crate) fn workers(&self) -> &Handle {
        match &self.workers {
            Workers::Own(runtime) => runtime.as_ref().expect("taken in `drop` alone").handle(),
            Workers::Shared(handle) => handle,
        }
    }

    /// The way to threads that may have something of a closed library.
    pub(crate) fn come_by(&self) -> &ComeBy {
        &self.come_by
    }

    /// Runs a plugin's future on a thread of its own, which may be lost. The future is dropped where the caller gives up, as soon as it awaits.
    pub(crate) fn on_own_thread<F, Fut>(&self, make: F) -> Apart<Fut::Output>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: Send + 'static,
    {
        let given_up = CancellationToken::new();
        let give_up = given_up.clone().drop_guard();
        let work = async move {
            tokio::select! {
                biased;
                () = given_up.cancelled() => None,
                output = async { make().await } => Some(output),
            }
        };
        let task = match &self.workers {
            Workers::Own(_) => {
                let (handle, come_by) = (self.workers().clone(), self.come_by.clone());
                self.workers().spawn_blocking(move || {
                    let _may_block = may_block();
                    // It may wait for long, for a reader say, with what it has of a library that is to be closed.
                    handle.block_on(come_by.while_waiting(work))
                })
            }
            Workers::Shared(handle) => handle.spawn(work),
        };
        Apart {
            task,
            _give_up: give_up,
        }
    }
}

/// Work on a thread of its own, under way from the beginning. It is given up with this.
#[derive(Debug)]
#[must_use = "it is given up when this is dropped"]
pub(crate) struct Apart<T> {
    task: JoinHandle<Option<T>>,
    _give_up: DropGuard,
}

impl<T> Future for Apart<T> {
    /// What it came to, or how it was lost.
    type Output = Result<T, String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.task).poll(cx)) {
            Ok(Some(output)) => Ok(output),
            Ok(None) => Err("the caller gave up".to_owned()),
            Err(error) => Err(error.to_string()),
        })
    }
}

impl Drop for Runtimes {
    fn drop(&mut self) {
        self.end_control.cancel();
        if let Workers::Own(workers) = &mut self.workers
            && let Some(workers) = workers.take()
        {
            // Without waiting: a plugin that never returns holds its thread for good, and this may be an async context.
            workers.shutdown_background();
        }
    }
}

/// The moment after that time; far away for a time that no clock can hold.
pub(crate) fn after(limit: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(60 * 60 * 24 * 365);
    let now = Instant::now();
    now.checked_add(limit).unwrap_or(now + FAR)
}

/// The future's output, unless `limit` is over first. The control runtime keeps the time.
pub(crate) async fn within<F: Future>(
    control: &Handle,
    limit: Duration,
    future: F,
) -> Option<F::Output> {
    let timeout = {
        let _entered = control.enter();
        tokio::time::timeout(limit, future)
    };
    timeout.await.ok()
}
