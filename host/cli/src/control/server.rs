//! The host's end of the control socket: one lock, one listener, a task for each connection.

use std::{
    fs, io, os::unix::net::UnixListener as StdListener, path::Path, sync::Arc, time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{UnixListener, UnixStream},
    task::{JoinError, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    address::{ControlDirectory, admits},
    answer::Answer,
    connection::{self, Stop},
    error::ControlError,
    frame::FrameLimits,
    lock::StateLock,
    message::Request,
};

/// How long the farewell to a peer that is not served may take, and the last answers at the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the host's end allows its peers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerLimits {
    /// For each message.
    pub(crate) frame: FrameLimits,
    /// Connections at once; 256 by default. A further one is refused.
    pub(crate) connections: usize,
    /// How long a connection may stay open without a request; 60 seconds by default.
    pub(crate) idle: Duration,
    /// How long requests under way may go on after the shutdown; 10 seconds by default.
    pub(crate) drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            frame: FrameLimits::default(),
            connections: 256,
            idle: Duration::from_secs(60),
            drain: Duration::from_secs(10),
        }
    }
}

/// A control socket that is open, and the claim on its state directory.
#[derive(Debug)]
pub(crate) struct ControlServer {
    // In the order of their dropping: nobody can connect any more, then the next host may start.
    listener: StdListener,
    socket: SocketFile,
    lock: StateLock,
}

impl ControlServer {
    /// Claims `state_dir` (made where it is missing) and opens the socket. Programs that connect
    /// from now on wait until [`serve`](Self::serve) runs, so bind before loading plugins.
    ///
    /// # Errors
    /// [`ControlError::AlreadyRunning`] if another host has the directory; the others if the
    /// directory is not private, or the system refuses.
    pub(crate) fn bind(state_dir: &Path) -> Result<Self, ControlError> {
        let directory = Arc::new(ControlDirectory::create(state_dir)?);
        let lock = StateLock::acquire(&directory, state_dir)?;
        match listen(&directory) {
            Ok(listener) => Ok(Self {
                listener,
                socket: SocketFile(directory),
                lock,
            }),
            Err(source) => Err(ControlError::Listen {
                path: directory.socket_path(),
                source,
            }),
        }
    }

    /// Answers requests with `handler` until `shutdown`, on the runtime on which it is polled.
    /// Then the socket is gone at once, requests under way have [`ServerLimits::drain`] to end,
    /// and the claim on the state directory is handed back: drop it when the host is down.
    ///
    /// The handler's future is dropped if its peer hangs up.
    ///
    /// # Errors
    /// [`ControlError::Listen`] if the runtime cannot watch the socket.
    pub(crate) async fn serve<H, F>(
        self,
        handler: H,
        limits: ServerLimits,
        shutdown: CancellationToken,
    ) -> Result<StateLock, ControlError>
    where
        H: Fn(Request, Bytes) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let Self {
            listener,
            socket,
            lock,
        } = self;
        let listener = UnixListener::from_std(listener).map_err(|source| ControlError::Listen {
            path: socket.0.socket_path(),
            source,
        })?;
        let handler = Arc::new(handler);
        let stop = Stop {
            soft: shutdown.clone(),
            hard: CancellationToken::new(),
        };
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = connections.join_next() => note(ended),
                accepted = listener.accept() => match accepted {
                    Ok((mut stream, _)) => match admit(&stream, connections.len(), &limits) {
                        Ok(()) => {
                            let (handler, stop) = (Arc::clone(&handler), stop.clone());
                            connections.spawn(async move {
                                let ServerLimits { frame, idle, .. } = limits;
                                connection::serve(stream, &*handler, &frame, idle, &stop).await;
                            });
                        }
                        Err(reason) => {
                            tracing::warn!("a program was refused at the control socket: {reason}");
                            let refusal = connection::refuse(&mut stream, &limits.frame, &reason);
                            let _ = timeout(FAREWELL, refusal).await;
                        }
                    },
                    Err(error) => {
                        // Out of descriptors, most likely: waiting lets some be closed.
                        tracing::warn!("the control socket cannot accept a program: {error}");
                        sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        drop((listener, socket));
        drain(connections, &stop, limits.drain).await;
        Ok(lock)
    }
}

/// The socket's file, removed on dropping.
#[derive(Debug)]
struct SocketFile(Arc<ControlDirectory>);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // One that cannot be removed is replaced by the next host.
        let _ = fs::remove_file(self.0.socket_address());
    }
}

/// Listens; under the lock, so that a socket which is there already is a dead host's.
fn listen(directory: &ControlDirectory) -> io::Result<StdListener> {
    let address = directory.socket_address();
    match fs::remove_file(&address) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = StdListener::bind(&address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Whether a new connection is served, or why not.
fn admit(stream: &UnixStream, connections: usize, limits: &ServerLimits) -> Result<(), String> {
    let peer = stream
        .peer_cred()
        .map_err(|error| format!("the host cannot tell who is asking: {error}"))?
        .uid();
    let own = rustix::process::geteuid().as_raw();
    if !admits(peer, own) {
        return Err(format!(
            "this host answers the user with id {own} only, and not {peer}"
        ));
    }
    if connections >= limits.connections {
        return Err(format!(
            "{connections} programs are connected to this host: try again later"
        ));
    }
    Ok(())
}

/// Waits for the connections to end, at first patiently, then by giving up what is under way.
async fn drain(mut connections: JoinSet<()>, stop: &Stop, patience: Duration) {
    if timeout(patience, all_ended(&mut connections))
        .await
        .is_err()
    {
        stop.hard.cancel();
        let _ = timeout(FAREWELL, all_ended(&mut connections)).await;
        connections.shutdown().await;
    }
}

async fn all_ended(connections: &mut JoinSet<()>) {
    while let Some(ended) = connections.join_next().await {
        note(ended);
    }
}

fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!("answering a program at the control socket failed: {error}");
    }
}
