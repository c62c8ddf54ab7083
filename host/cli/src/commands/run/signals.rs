//! The signals that end a host: on Unix heard on a thread of their own.

#[cfg(unix)]
pub(in crate::commands) use unix::Signals;

#[cfg(unix)]
mod unix {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::{Handle, Signals as Heard};
    use tokio::sync::mpsc;

    use crate::exit::Failure;

    /// Hears SIGINT and SIGTERM until it is dropped.
    pub(in crate::commands) struct Signals {
        heard: mpsc::UnboundedReceiver<&'static str>,
        handle: Handle,
    }

    impl Signals {
        /// Signals are heard from here on, and do not end the process by themselves.
        pub(in crate::commands) fn listen() -> Result<Self, Failure> {
            let failed = |error| Failure::new(format!("signals cannot be listened for: {error}"));
            let mut signals = Heard::new([SIGINT, SIGTERM]).map_err(failed)?;
            let handle = signals.handle();
            let (tell, heard) = mpsc::unbounded_channel();
            std::thread::Builder::new()
                .name("agentsys-signals".to_owned())
                .spawn(move || {
                    for signal in signals.forever() {
                        let name = if signal == SIGINT {
                            "SIGINT"
                        } else {
                            "SIGTERM"
                        };
                        if tell.send(name).is_err() {
                            return;
                        }
                    }
                })
                .map_err(failed)?;
            Ok(Self { heard, handle })
        }

        /// The next one.
        pub(in crate::commands) async fn next(&mut self) -> &'static str {
            match self.heard.recv().await {
                Some(signal) => signal,
                // The thread is gone: no signal will be heard any more.
                None => std::future::pending().await,
            }
        }
    }

    impl Drop for Signals {
        fn drop(&mut self) {
            self.handle.close();
        }
    }
}

#[cfg(not(unix))]
pub(in crate::commands) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(in crate::commands) fn listen() -> Result<Self, crate::exit::Failure> {
        Ok(Self)
    }

    pub(in crate::commands) async fn next(&mut self) -> &'static str {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        "Ctrl-C"
    }
}
