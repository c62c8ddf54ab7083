//! A host on a plugin directory of its own.

use std::fs;
use std::future::Future;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use agentsys_host::{
    Host, HostBuilder, Payload, PluginOptions, PluginState, PluginStatus, TaskError, TaskOptions,
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{Journal, PATIENCE, library, logs};

/// A plugin's options with that config.
pub(crate) fn options(config: Value) -> PluginOptions {
    PluginOptions::default().config(config)
}

/// A directory with plugins, a state directory and a journal; gone with the last clone.
#[derive(Clone)]
pub(crate) struct Place(Arc<TempDir>);

impl Place {
    pub(crate) fn new() -> Self {
        let place = Self(Arc::new(TempDir::new().unwrap()));
        fs::create_dir(place.plugins()).unwrap();
        place
    }

    pub(crate) fn plugins(&self) -> PathBuf {
        self.0.path().join("plugins")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.0.path().join("state")
    }

    pub(crate) fn journal(&self) -> Journal {
        Journal::new(self.0.path().join("journal"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Puts a compiled plugin there under its own name.
    pub(crate) fn add(&self, name: &str) -> PathBuf {
        let library = library(name);
        self.add_as(name, &library.file_name().unwrap().to_string_lossy())
    }

    /// Puts a compiled plugin there under another name.
    pub(crate) fn add_as(&self, name: &str, file: &str) -> PathBuf {
        let path = self.plugins().join(file);
        fs::copy(library(name), &path).unwrap();
        path
    }

    /// Puts a compiled plugin in the place of another file, in one step.
    pub(crate) fn put(&self, name: &str, file: &str) -> PathBuf {
        let fresh = self.add_as(name, &format!("{file}.fresh"));
        let path = self.plugins().join(file);
        fs::rename(fresh, &path).unwrap();
        path
    }

    /// The copies that hosts left here.
    pub(crate) fn copies(&self) -> Vec<PathBuf> {
        let dirs = fs::read_dir(self.state().join("generations")).unwrap();
        let dirs = dirs
            .map(|dir| dir.unwrap().path())
            .filter(|dir| dir.is_dir());
        let files = dirs.flat_map(|dir| fs::read_dir(dir).unwrap());
        let files = files.map(|file| file.unwrap().path());
        files
            .filter(|file| {
                file.extension()
                    .is_some_and(|it| it == std::env::consts::DLL_EXTENSION)
            })
            .collect()
    }

    /// A host's words with this place's plugin directory as `DIR`.
    pub(crate) fn shorten(&self, text: &str) -> String {
        text.replace(&self.plugins().display().to_string(), "DIR")
    }
}

/// A host that is not started yet.
pub(crate) struct Setup {
    pub(crate) place: Place,
    builder: HostBuilder,
}

impl Setup {
    /// A host with these plugins.
    pub(crate) fn with(plugins: &[&str]) -> Self {
        let place = Place::new();
        for plugin in plugins {
            place.add(plugin);
        }
        Self::at(place)
    }

    /// A host on a place that is there already.
    pub(crate) fn at(place: Place) -> Self {
        let builder = Host::builder()
            .plugin_dir(place.plugins())
            .state_dir(place.state());
        Self { place, builder }
    }

    pub(crate) fn plugin(self, name: &str, options: PluginOptions) -> Self {
        self.tune(|builder| builder.plugin_options(name, options))
    }

    /// Tells a plugin where the journal is.
    pub(crate) fn journal(self, plugin: &str) -> Self {
        let journal = self.place.journal().path().to_owned();
        self.plugin(plugin, options(serde_json::json!({ "journal": journal })))
    }

    pub(crate) fn tune(mut self, change: impl FnOnce(HostBuilder) -> HostBuilder) -> Self {
        self.builder = change(self.builder);
        self
    }

    pub(crate) async fn start(self) -> TestHost {
        logs::capture();
        let host = self.builder.build().await.unwrap();
        TestHost {
            host,
            place: self.place,
        }
    }
}

/// A running host.
pub(crate) struct TestHost {
    host: Host,
    pub(crate) place: Place,
}

impl Deref for TestHost {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl TestHost {
    /// Routes a task; its answer as text.
    pub(crate) async fn call(
        &self,
        route: &str,
        data: impl Into<Payload>,
    ) -> Result<String, TaskError> {
        let answer = self.router().route_task(route, data).await?;
        Ok(answer.to_str().unwrap().to_owned())
    }

    /// Routes a task on a thread of its own, where a handler that blocks does not hold the test.
    pub(crate) fn call_apart(&self, route: &'static str) -> JoinHandle<Result<Payload, TaskError>> {
        let host = self.host.clone();
        tokio::spawn(async move {
            host.route_apart(route, "".into(), TaskOptions::default())
                .await
        })
    }

    pub(crate) fn status(&self, name: &str) -> PluginStatus {
        let mut all = self.plugins();
        let at = all.iter().position(|plugin| plugin.name == name);
        all.remove(at.unwrap_or_else(|| panic!("no plugin {name} in {all:#?}")))
    }

    /// Waits for what no event tells. Meanwhile the test's own threads, which called plugins too, let go of what they have of them.
    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(
                began.elapsed() < PATIENCE,
                "it does not come to this: {what}; {:#?}",
                self.plugins()
            );
            agentsys_host::pass_by();
            tokio::spawn(async { agentsys_host::pass_by() });
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// A call of a route that waits: calls it until one does. It is one that changes nothing.
    pub(crate) async fn waiting_call<'a>(
        &'a self,
        route: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<String, TaskError>> + Send + 'a>> {
        let began = Instant::now();
        loop {
            let mut call = Box::pin(self.call(route, ""));
            match futures_util::poll!(&mut call) {
                Poll::Pending => return call,
                Poll::Ready(answer) => drop(answer.unwrap()),
            }
            assert!(began.elapsed() < PATIENCE, "no call of {route} waits");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Why what serves of a plugin is not the newest, with the plugin directory as `DIR`.
    pub(crate) fn held_back(&self, name: &str) -> String {
        let status = self.status(name);
        self.place.shorten(&status.held_back.unwrap_or_default())
    }

    /// Why a plugin does not run, with the plugin directory as `DIR`.
    pub(crate) fn failure(&self, name: &str) -> String {
        let status = self.status(name);
        assert_eq!(status.state, PluginState::Failed, "{status:?}");
        self.place.shorten(&status.reason.unwrap())
    }

    /// That `echo` answers: the host goes on.
    pub(crate) async fn assert_serves(&self) {
        assert_eq!(self.call("echo", "still here").await.unwrap(), "still here");
    }
}
