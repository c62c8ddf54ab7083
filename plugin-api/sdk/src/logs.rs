//! The author's `tracing` events, handed to the host.
//!
//! A plugin has its own copy of `tracing`, which knows nothing of the host's subscriber. So the SDK
//! installs one of its own, which passes events and the fields of the spans round them on, at the host's level.
//!
//! A subscriber is installed for good, and a library's statics are never dropped. So what is installed is a gate in the library itself; the registry behind it,
//! which is large, ends with the generation.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard, TryLockError};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::metadata::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::span::Current;
use tracing_subscriber::layer::{Context, Layered, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

use crate::generation;

static MAX_LEVEL: AtomicU32 = AtomicU32::new(0);

/// Installs the subscriber. Does nothing where the author's code has installed one.
pub(crate) fn install(level: u32) {
    MAX_LEVEL.store(level, Ordering::Relaxed);
    *behind_for_change() = Some(tracing_subscriber::registry().with(Forward(ToHost)));
    if tracing::subscriber::set_global_default(Gate).is_err() {
        end();
    }
}

/// Ends the subscriber: what is logged from here on goes nowhere.
pub(crate) fn end() {
    let ended = behind_for_change().take();
    // Outside the lock: fields of spans are the author's values.
    drop(ended);
}

/// Takes another level of the host's.
#[cfg(not(feature = "seam-older"))]
pub(crate) fn set_level(level: u32) {
    MAX_LEVEL.store(level, Ordering::Relaxed);
    tracing::callsite::rebuild_interest_cache();
}

/// The subscriber, as long as there is one.
static BEHIND: RwLock<Option<Forwarding>> = RwLock::new(None);

type Forwarding = Layered<Forward<ToHost>, Registry>;

fn behind_for_change() -> RwLockWriteGuard<'static, Option<Forwarding>> {
    BEHIND.write().unwrap_or_else(PoisonError::into_inner)
}

/// What stands for the subscriber.
struct Gate;

impl Gate {
    /// Asks the subscriber; where there is none, the answer is `otherwise`.
    fn ask<R>(&self, otherwise: R, ask: impl FnOnce(&Forwarding) -> R) -> R {
        // Not waited for: who holds it for a change ends it, and a field's own `Debug` may ask while it is asked.
        let behind = match BEHIND.try_read() {
            Ok(behind) => behind,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return otherwise,
        };
        behind.as_ref().map_or(otherwise, ask)
    }
}

impl Subscriber for Gate {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        self.ask(Interest::never(), |behind| {
            behind.register_callsite(metadata)
        })
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.ask(false, |behind| behind.enabled(metadata))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.ask(Some(LevelFilter::OFF), Subscriber::max_level_hint)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        // Never 0, and none that is known: the subscriber is gone.
        self.ask(Id::from_u64(u64::MAX), |behind| behind.new_span(span))
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.ask((), |behind| behind.record(span, values));
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.ask((), |behind| behind.record_follows_from(span, follows));
    }

    fn event(&self, event: &Event<'_>) {
        self.ask((), |behind| behind.event(event));
    }

    fn enter(&self, span: &Id) {
        self.ask((), |behind| behind.enter(span));
    }

    fn exit(&self, span: &Id) {
        self.ask((), |behind| behind.exit(span));
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.ask(span.clone(), |behind| behind.clone_span(span))
    }

    fn try_close(&self, span: Id) -> bool {
        self.ask(false, |behind| behind.try_close(span))
    }

    fn current_span(&self) -> Current {
        self.ask(Current::none(), Subscriber::current_span)
    }
}

/// Where events go.
pub(crate) trait Sink: 'static {
    /// The most detailed level that is wanted: 0 none, 1 error, to 5 trace.
    fn max_level(&self) -> u32;
    /// One event, with the fields of the spans round it.
    fn line(&self, level: u32, target: &str, message: &str, fields: Map<String, Value>);
}

struct ToHost;

impl Sink for ToHost {
    fn max_level(&self) -> u32 {
        MAX_LEVEL.load(Ordering::Relaxed)
    }

    fn line(&self, level: u32, target: &str, message: &str, fields: Map<String, Value>) {
        let json = Value::Object(fields).to_string();
        generation::log(level, target, message, &json);
    }
}

/// Hands events on.
pub(crate) struct Forward<S>(pub(crate) S);

impl<K: Sink, S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Forward<K> {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        code(metadata.level()) <= self.0.max_level()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match self.0.max_level() {
            0 => LevelFilter::OFF,
            1 => LevelFilter::ERROR,
            2 => LevelFilter::WARN,
            3 => LevelFilter::INFO,
            4 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        })
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context
            .event_scope(event)
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .iter()
            .rev()
        {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.0.extend(outer.0.clone());
            }
        }
        event.record(&mut fields);
        let message = match fields.0.remove("message") {
            Some(Value::String(message)) => message,
            Some(other) => other.to_string(),
            None => event.metadata().name().to_owned(),
        };
        let metadata = event.metadata();
        let level = code(metadata.level());
        self.0.line(level, metadata.target(), &message, fields.0);
    }
}

fn code(level: &Level) -> u32 {
    match *level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

/// An event's or a span's fields as JSON.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}
