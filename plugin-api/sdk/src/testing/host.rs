//! The host of a test.

use std::fmt;
use std::time::Duration;

use agentsys_abi::module::LinkedPlugin;
use agentsys_host::storage::{Namespace, Scan, StorageConfig, Value as Stored};
use agentsys_host::{
    ContentType, ErrorKind as HostKind, Host, HostBuilder, Linked, Metric, Payload as HostPayload,
    PluginOptions, PluginState, TaskError,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::fakes::Asked;
use super::log::{Log, Logged};
use crate::error::{Error, ErrorKind, Result};
use crate::payload::{FromPayload, IntoPayload, Payload};
use crate::scope::{self, Captured};

/// Makes a [`TestHost`].
#[must_use]
pub struct TestHostBuilder {
    linked: std::result::Result<Linked, String>,
    name: Option<String>,
    options: PluginOptions,
    host: HostBuilder,
    asked: Asked,
    stored: Vec<(Vec<u8>, Result<Payload>)>,
    intercepts: bool,
    strategy_of: Vec<String>,
}

/// A host with one plugin, linked into the test. It stays on the thread of its test.
pub struct TestHost {
    host: Host,
    plugin: String,
    log: Log,
    asked: Asked,
    _captured: Captured,
}

impl TestHost {
    /// A host for the plugin of that type. The plugins that it needs are not asked for: a test plays their routes.
    pub fn of<P: LinkedPlugin>() -> TestHostBuilder {
        TestHostBuilder {
            linked: Linked::of::<P>().map_err(|fault| fault.to_string()),
            name: None,
            options: PluginOptions::default(),
            host: Host::builder(),
            asked: Asked::default(),
            stored: Vec::new(),
            intercepts: false,
            strategy_of: Vec::new(),
        }
    }
}

impl TestHostBuilder {
    /// The plugin's config; what is not given has its default.
    pub fn config(mut self, config: Value) -> Self {
        self.options = self.options.config(config);
        self
    }

    /// The name under which the plugin runs; its own unless set.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many instances serve; 1 unless set.
    pub fn instances(mut self, instances: usize) -> Self {
        self.options = self.options.instances(instances);
        self
    }

    /// How long a call of the plugin's routes may take; 30 s unless set. With paused time that costs nothing.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.timeout(timeout);
        self
    }

    /// Plays another route: `answer` is given what the plugin sends there. [`TestHost::calls`] has it too.
    pub fn fake<T, Kind>(
        mut self,
        route: &str,
        answer: impl Fn(Payload) -> Result<T> + Send + Sync + 'static,
    ) -> Self
    where
        T: IntoPayload<Kind>,
    {
        let answer = move |data| answer(data)?.into_payload();
        self.host = self.host.agent(route, self.asked.agent(route, answer));
        self
    }

    /// Plays another plugin's `process`, under that plugin's name.
    pub fn fake_plugin<T, Kind>(
        self,
        name: &str,
        answer: impl Fn(Payload) -> Result<T> + Send + Sync + 'static,
    ) -> Self
    where
        T: IntoPayload<Kind>,
    {
        self.fake(&format!("plugin:{name}"), answer)
    }

    /// Puts a value into the plugin's namespace before it starts, as if it had stored it in an earlier life.
    pub fn stored<Kind>(mut self, key: impl AsRef<[u8]>, value: impl IntoPayload<Kind>) -> Self {
        self.stored
            .push((key.as_ref().to_owned(), value.into_payload()));
        self
    }

    /// Has the plugin stand before and after every task of the test, as its [`Interceptor`](crate::Interceptor) says.
    pub fn intercepting(mut self) -> Self {
        self.intercepts = true;
        self
    }

    /// Has the plugin choose who does the tasks of a route, as its [`RoutingStrategy`](crate::RoutingStrategy) says. It is asked where there are at least two agents: [`fake`](Self::fake) may play several of one route.
    pub fn strategy_of(mut self, route: impl Into<String>) -> Self {
        self.strategy_of.push(route.into());
        self
    }

    /// Starts the host, and initializes the plugin.
    ///
    /// # Errors
    /// Where the config does not fit, `initialize` fails, or the test does not run on a current-thread runtime.
    pub async fn start(self) -> Result<TestHost> {
        let runtime = Handle::current();
        if runtime.runtime_flavor() != RuntimeFlavor::CurrentThread {
            let message = "a TestHost wants a current-thread runtime: #[tokio::test] as it is";
            return Err(Error::new(ErrorKind::Internal, message));
        }
        let linked = self
            .linked
            .map_err(Error::invalid_input)?
            .without_dependencies();
        let library = linked.metadata().plugin.name.clone();
        let plugin = self.name.unwrap_or_else(|| library.clone());
        let storage = agentsys_host::storage::Storage::open(StorageConfig::memory().max_size(None));
        let namespace = storage.namespace(&plugin)?;
        for (key, value) in self.stored {
            namespace.put(key, to_stored(value?)).await?;
        }
        let log = Log::default();
        let captured = scope::capture(log.dispatch());
        let mut builder = self.host;
        if self.intercepts {
            builder = builder.intercept(&plugin);
        }
        for route in &self.strategy_of {
            builder = builder.strategy_of(route, &plugin);
        }
        let host = builder
            .runtime(runtime)
            .shared_storage(storage)
            .linked(linked)
            .plugin_options(&plugin, self.options.library(library))
            .build()
            .await?;
        let test = TestHost {
            host,
            plugin,
            log,
            asked: self.asked,
            _captured: captured,
        };
        match test.status() {
            (PluginState::Running, _) => Ok(test),
            (_, reason) => Err(Error::failed(reason.unwrap_or_default())),
        }
    }
}

impl TestHost {
    /// Calls one of the plugin's routes, or any other of the host's. [`read`](crate::ReadPayload::read) makes a typed value of the answer.
    ///
    /// # Errors
    /// What the handler failed with.
    pub async fn call<Kind>(&self, route: &str, data: impl IntoPayload<Kind>) -> Result<Payload> {
        let data = to_host(data.into_payload()?);
        let answer = self.host.router().route_task(route, data).await;
        answer
            .map(from_host)
            .map_err(|error| from_task_error(&error))
    }

    /// Calls the plugin's own `process`.
    ///
    /// # Errors
    /// What it failed with.
    pub async fn process<Kind>(&self, data: impl IntoPayload<Kind>) -> Result<Payload> {
        let data = to_host(data.into_payload()?);
        let answer = self.host.plugin(&self.plugin)?.process(data).await;
        answer
            .map(from_host)
            .map_err(|error| from_task_error(&error))
    }

    /// What the plugin has stored under a key.
    ///
    /// # Errors
    /// Where the key cannot be one.
    pub async fn stored(&self, key: impl AsRef<[u8]>) -> Result<Option<Payload>> {
        Ok(self.namespace().await?.get(key).await?.map(from_stored))
    }

    /// As [`stored`](Self::stored), as a typed value.
    ///
    /// # Errors
    /// As [`stored`](Self::stored); or where the value is of another type.
    pub async fn stored_as<T: DeserializeOwned + 'static>(
        &self,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<T>> {
        self.stored(key).await?.map(T::from_payload).transpose()
    }

    /// The keys that the plugin has stored something under, in order; what is no text in them is shown as well as can be.
    ///
    /// # Errors
    /// Where there are more than a million.
    pub async fn stored_keys(&self) -> Result<Vec<String>> {
        let page = self
            .namespace()
            .await?
            .scan(Scan::default().limit(1_000_000))
            .await?;
        if page.more {
            return Err(Error::failed("more than a million keys are stored"));
        }
        let keys = page.entries.iter();
        Ok(keys
            .map(|(key, _)| String::from_utf8_lossy(key).into_owned())
            .collect())
    }

    /// What the plugin logged so far.
    #[must_use]
    pub fn logs(&self) -> Vec<Logged> {
        self.log.lines()
    }

    /// Whether the plugin logged a message with that text in it.
    #[must_use]
    pub fn logged(&self, text: &str) -> bool {
        self.logs().iter().any(|line| line.message.contains(text))
    }

    /// What a fake route was sent, in order.
    #[must_use]
    pub fn calls(&self, route: &str) -> Vec<Payload> {
        self.asked.of(route)
    }

    /// A metric of the plugin's own; none where it was never measured.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<Metric> {
        let mut plugins = self.host.metrics().plugins.into_iter();
        let plugin = plugins.find(|plugin| plugin.plugin == self.plugin)?;
        plugin.metric(name).cloned()
    }

    /// A counter or a gauge of the plugin's own; 0 where it was never measured.
    #[must_use]
    pub fn counter(&self, name: &str) -> f64 {
        match self.metric(name) {
            Some(Metric::Counter(value) | Metric::Gauge(value)) => value,
            _ => 0.0,
        }
    }

    /// How many times something was measured; 0 where it never was.
    #[must_use]
    pub fn measured(&self, name: &str) -> u64 {
        match self.metric(name) {
            Some(Metric::Histogram(summary)) => summary.count,
            _ => 0,
        }
    }

    /// The whole host, for what this type has no words for.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Cleans the plugin up, and ends the host.
    ///
    /// # Errors
    /// What `cleanup` failed with.
    pub async fn cleanup(&self) -> Result<()> {
        self.host.shutdown().await;
        match self.status() {
            (PluginState::Stopped, None) => Ok(()),
            (_, reason) => Err(Error::failed(reason.unwrap_or_default())),
        }
    }

    fn status(&self) -> (PluginState, Option<String>) {
        let mut plugins = self.host.plugins().into_iter();
        let plugin = plugins.find(|plugin| plugin.name == self.plugin);
        plugin.map_or((PluginState::Failed, None), |plugin| {
            (plugin.state, plugin.reason)
        })
    }

    /// The plugin's; also when the host has ended, and its storage with it.
    async fn namespace(&self) -> Result<Namespace> {
        let storage = self.host.shared_storage();
        storage.connect().await?;
        Ok(storage.namespace(&self.plugin)?)
    }
}

pub(super) fn to_host(payload: Payload) -> HostPayload {
    let content_type = ContentType::new(payload.content_type());
    HostPayload::new(payload.as_slice().to_vec(), content_type)
}

pub(super) fn from_host(payload: HostPayload) -> Payload {
    let (bytes, content_type) = payload.into_parts();
    Payload::with_content_type(bytes, content_type.as_str().into())
}

fn to_stored(payload: Payload) -> Stored {
    Stored::new(
        payload.as_slice().to_vec(),
        payload.content_type().to_owned(),
    )
}

fn from_stored(value: Stored) -> Payload {
    Payload::with_content_type(value.bytes, (*value.content_type).into())
}

pub(super) fn from_task_error(error: &TaskError) -> Error {
    let name = error.kind().as_str();
    let kind = ErrorKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == name);
    Error::new(kind.unwrap_or(ErrorKind::Failed), error.message())
        .with_causes(error.causes())
        .with_retryable(error.is_retryable())
}

pub(super) fn task_error(error: Error) -> TaskError {
    let name = error.kind().as_str();
    let kind = HostKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    TaskError::new(kind.unwrap_or(HostKind::Failed), error.message())
        .with_causes(error.causes().iter().cloned())
        .retryable(error.is_retryable())
}

impl fmt::Debug for TestHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestHost(of {})", self.plugin)
    }
}

impl fmt::Debug for TestHostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestHostBuilder(of {:?})", self.linked)
    }
}
