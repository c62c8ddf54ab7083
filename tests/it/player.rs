//! A plugin, linked into the tests, that plays any part: its config says what it does, and `part` makes as many plugins of it as a test wants,
//! each with a version and needs of its own.
//!
//! All that players do is noted on the `Stage` of their test. They share the test's process, so a stage is found by a number in their config.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use agentsys_abi::record::{FORMAT, KIND_PLUGIN, MAGIC};
use agentsys_host::{Host, HostBuilder, Linked, LinkedPlugin, PluginOptions, PluginStatus};
use agentsys_plugin::prelude::{
    Context, Error, Payload, Plugin, Result, plugin, plugin_config, routes,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::harness::PATIENCE;

static STAGES: Mutex<BTreeMap<u64, Weak<Shared>>> = Mutex::new(BTreeMap::new());

/// What the players of one test share.
#[derive(Clone)]
pub(crate) struct Stage(Arc<Shared>);

struct Shared {
    number: u64,
    began: Instant,
    journal: watch::Sender<Vec<String>>,
    tries: Mutex<HashMap<String, u32>>,
    open: watch::Sender<bool>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(1);
        let stage = Self(Arc::new(Shared {
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            began: Instant::now(),
            journal: watch::Sender::default(),
            tries: Mutex::default(),
            open: watch::Sender::new(false),
        }));
        let mut stages = STAGES.lock().unwrap();
        stages.insert(stage.0.number, Arc::downgrade(&stage.0));
        stage
    }

    /// The number by which a config names it.
    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// The options of a player here that behaves as the config says.
    pub(crate) fn acts(&self, mut config: Value) -> PluginOptions {
        config["stage"] = json!(self.0.number);
        PluginOptions::default().config(config)
    }

    /// The options of one without a fault.
    pub(crate) fn plays(&self) -> PluginOptions {
        self.acts(json!({}))
    }

    /// Lets those go on whose config says that they wait.
    pub(crate) fn open(&self) {
        self.0.open.send_replace(true);
    }

    /// What the players did so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.journal.borrow().clone()
    }

    /// How many lines end so.
    pub(crate) fn count(&self, end: &str) -> usize {
        self.lines()
            .iter()
            .filter(|line| line.ends_with(end))
            .count()
    }

    /// Waits until that line is there.
    pub(crate) async fn wait_for(&self, line: &str) {
        let mut lines = self.0.journal.subscribe();
        let seen = lines.wait_for(|lines| lines.iter().any(|noted| noted == line));
        let seen = tokio::time::timeout(PATIENCE, seen).await.is_ok();
        assert!(seen, "no line {line:?} in {:?}", self.lines());
    }

    /// Waits until every player that was initialized has been dropped.
    pub(crate) async fn all_dropped(&self) {
        let mut lines = self.0.journal.subscribe();
        let count = |lines: &[String], end| lines.iter().filter(|line| line.ends_with(end)).count();
        let all = lines.wait_for(|lines| count(lines, " initialized") == count(lines, " dropped"));
        let all = tokio::time::timeout(PATIENCE, all).await.is_ok();
        assert!(all, "some are left: {:#?}", self.lines());
    }

    fn of(number: u64) -> Result<Self> {
        let stages = STAGES.lock().unwrap();
        let stage = stages.get(&number).and_then(Weak::upgrade);
        stage
            .map(Self)
            .ok_or_else(|| Error::failed("there is no such stage"))
    }

    fn note(&self, line: String) {
        self.0.journal.send_modify(|lines| lines.push(line));
    }

    /// How many times that player tried to be initialized, this time included.
    fn tries(&self, name: &str) -> u32 {
        let mut tries = self.0.tries.lock().unwrap();
        let tries = tries.entry(name.to_owned()).or_default();
        *tries += 1;
        *tries
    }
}

#[plugin_config]
pub(crate) struct Part {
    stage: u64,
    /// So many first tries of `initialize` fail.
    #[default = 0]
    fails: u32,
    /// Whether the tries that fail panic instead.
    #[default = false]
    panics: bool,
    /// From this try on, `initialize` waits until the stage is open; 0: it never waits.
    #[default = 0]
    waits_from: u32,
    /// Whether each try notes the time.
    #[default = false]
    timed: bool,
}

pub(crate) struct Player {
    name: String,
    stage: Stage,
}

#[plugin(name = "player", version = "1.0.0")]
impl Plugin for Player {
    type Config = Part;

    async fn initialize(part: Part, host: &agentsys_plugin::Host) -> Result<Self> {
        let (stage, name) = (Stage::of(part.stage)?, host.plugin_name().to_owned());
        let tries = stage.tries(&name);
        if part.timed {
            let time = stage.0.began.elapsed().as_secs();
            stage.note(format!("{name} tries at {time} s"));
        }
        if part.waits_from > 0 && tries >= part.waits_from {
            stage.note(format!("{name} waits"));
            let mut open = stage.0.open.subscribe();
            let _ = open.wait_for(|open| *open).await;
        }
        if tries <= part.fails {
            assert!(!part.panics, "{name} is out of luck");
            return Err(Error::failed(format!("no luck ({tries})")));
        }
        stage.note(format!("{name} initialized"));
        Ok(Self { name, stage })
    }

    async fn process(&self, cx: &Context, data: Payload) -> Result<Payload> {
        let text = String::from_utf8_lossy(data.as_slice()).into_owned();
        let answer = self.play(cx, text).await?;
        Ok(Payload::new(answer.into_bytes().into(), "text/plain"))
    }

    async fn cleanup(&self) -> Result<()> {
        self.stage.note(format!("{} cleaned up", self.name));
        Ok(())
    }
}

#[routes]
impl Player {
    /// Says what it is told to, or does it.
    #[route("play")]
    async fn play(&self, cx: &Context, text: String) -> Result<String> {
        let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
        match verb {
            "panic" => panic!("{} forgot its lines", self.name),
            "fail" => Err(Error::failed("no applause")),
            "sleep" => {
                let seconds = rest.parse().unwrap_or(1);
                tokio::time::sleep(Duration::from_secs(seconds)).await;
                Ok(format!("{} slept", self.name))
            }
            "log" => {
                tracing::info!("{rest}");
                Ok(String::new())
            }
            "count" => {
                cx.metrics().counter("told").increment();
                Ok(String::new())
            }
            "put" => {
                cx.storage().put("said", rest.to_owned()).await?;
                Ok(String::new())
            }
            "get" => match cx.storage().get("said").await? {
                Some(said) => Ok(String::from_utf8_lossy(said.as_slice()).into_owned()),
                None => Err(Error::not_found("nothing was said")),
            },
            "work" => {
                let work = async {
                    loop {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                };
                cx.host().spawn(work)?;
                Ok(String::new())
            }
            "ask" => {
                let answer = cx.route_task(rest, String::new()).await?;
                Ok(String::from_utf8_lossy(answer.as_slice()).into_owned())
            }
            _ => Ok(format!("{} says {text}", self.name)),
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.stage.note(format!("{} dropped", self.name));
    }
}

/// A plugin of that name and version that needs others, each `"name"` or `"name ^1.2"`.
pub(crate) fn part(name: &str, version: &str, needs: &[&str]) -> Linked {
    let needs = needs.iter().map(|need| {
        let (name, version) = need.split_once(' ').unwrap_or((need, "*"));
        json!({ "name": name, "version": version })
    });
    let json = json!({
        "name": name,
        "version": version,
        "interface": agentsys_abi::INTERFACE,
        "capabilities": ["process"],
        "dependencies": needs.collect::<Vec<_>>(),
    });
    let json = json.to_string();
    let mut record = MAGIC.to_vec();
    record.extend(FORMAT.to_le_bytes());
    record.extend(KIND_PLUGIN.to_le_bytes());
    record.extend(u32::try_from(json.len()).unwrap().to_le_bytes());
    record.extend(json.into_bytes());
    let own = Player::records();
    let routes = own.iter().skip(1).copied();
    let records: Vec<&[u8]> = std::iter::once(record.as_slice()).chain(routes).collect();
    Linked::new(&records, Player::module()).unwrap()
}

/// A host without files that stores in memory.
pub(crate) fn bare() -> HostBuilder {
    let memory = agentsys_host::storage::StorageConfig::memory().max_size(None);
    Host::builder().storage(memory)
}

/// The same on the test's own runtime, whose clock it may stop.
pub(crate) fn on_this_runtime() -> HostBuilder {
    bare().runtime(Handle::current())
}

/// What became of that plugin.
pub(crate) fn status(host: &Host, name: &str) -> PluginStatus {
    let all = host.plugins();
    let found = all.iter().find(|plugin| plugin.name == name);
    found
        .unwrap_or_else(|| panic!("no plugin {name} in {all:#?}"))
        .clone()
}

/// Has a plugin's `process` take a text in; its answer as text.
pub(crate) async fn tell(
    host: &Host,
    name: &str,
    text: &str,
) -> std::result::Result<String, String> {
    let answer = host.plugin(name).unwrap().process(text.to_owned()).await;
    let answer = answer.map_err(|error| error.message().to_owned())?;
    Ok(answer.to_str().unwrap().to_owned())
}
