//! The functions that a host calls, for any type of plugin: the author's code behind a wall that no panic passes.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use abi_stable::library::{
    __call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult,
};
use abi_stable::prefix_type::WithMetadata;
#[cfg(not(feature = "seam-older"))]
use abi_stable::std_types::RStr;
use abi_stable::std_types::{ROption, RString};
use agentsys_abi::bridge::{Failure, ForeignStream, Handed, catch};
use agentsys_abi::call::{HANDLER_ADDED, HANDLER_PROCESS, RawCall, RawReply};
use agentsys_abi::error::{RawError, kind};
use agentsys_abi::host::RawHost;
use agentsys_abi::module::{PluginModule, PluginModuleRef};
use agentsys_abi::payload::RawPayload;
#[cfg(not(feature = "seam-older"))]
use agentsys_abi::routing::{RawAgents, RawOutcome, RawSelection, RawTask, RawVerdict};
use agentsys_abi::waker::RawWaker;
use serde_json::{Value, json};

use crate::config::{self, ConfigProblem};
use crate::generation;
use crate::handler::{Call, Handler, start};
use crate::instance::Instance;
use crate::interceptor::InterceptorOf;
#[cfg(not(feature = "seam-older"))]
use crate::logs;
use crate::panics;
use crate::plugin::Plugin;
use crate::schema::SchemaOf;
use crate::strategy::StrategyOf;

/// A plugin as `#[plugin]` describes it.
pub trait Entry: Plugin {
    /// The record in the file's section; naming it here keeps the linker from dropping it.
    const RECORD: &'static [u8];
    /// How many threads it asks for its blocking handlers; 0: as the host sees fit.
    const BLOCKING_THREADS: u32;
    /// Its handlers, in the order of their numbers.
    fn handlers() -> &'static [Handler<Self>];
    /// Its strategy, if it has one.
    fn strategy() -> Option<StrategyOf<Self>>;
    /// Its interceptor, if it is one.
    fn interceptor() -> Option<InterceptorOf<Self>>;
}

/// The records that the file of a plugin would hold.
#[must_use]
pub fn records<P: Entry>() -> Vec<&'static [u8]> {
    let routes = P::handlers().iter().map(|handler| handler.record);
    std::iter::once(P::RECORD).chain(routes).collect()
}

/// The root module of a plugin that is linked into a program.
#[must_use]
pub fn linked<P: Entry>() -> PluginModuleRef {
    Functions::<P>::LINKED
}

/// What the library exports under abi_stable's name for it.
#[must_use]
pub const fn header<P: Entry>() -> LibHeader {
    // SAFETY: `root` returns what it makes of a `PluginModuleRef`.
    unsafe { LibHeader::from_constructor::<PluginModuleRef>(root::<P>, CheckTypeLayout::Yes) }
}

extern "C" fn root<P: Entry>() -> RootModuleResult {
    __call_root_module_loader(|| Functions::<P>::MODULE)
}

struct Functions<P>(PhantomData<P>);

impl<P: Entry> Functions<P> {
    const MODULE: PluginModuleRef =
        PluginModuleRef(const { &WithMetadata::new(Self::FUNCTIONS) }.static_as_prefix());

    /// For a plugin that is linked into a program: nothing of it belongs to one host, and nothing ends with a generation.
    const LINKED: PluginModuleRef = PluginModuleRef(
        const {
            &WithMetadata::new(PluginModule {
                bind: bind_linked,
                close: close_linked,
                #[cfg(not(feature = "seam-older"))]
                set_log_level: set_log_level_linked,
                ..Self::FUNCTIONS
            })
        }
        .static_as_prefix(),
    );

    const FUNCTIONS: PluginModule = PluginModule {
        bind,
        describe: Self::describe,
        check_config: Self::check_config,
        create: Self::create,
        initialize: Self::initialize,
        invoke: Self::invoke,
        cleanup: Self::cleanup,
        destroy: Self::destroy,
        close,
        #[cfg(not(feature = "seam-older"))]
        set_log_level,
        #[cfg(not(feature = "seam-older"))]
        blocking_threads: P::BLOCKING_THREADS,
        #[cfg(not(feature = "seam-older"))]
        save_state: Self::save_state,
        #[cfg(not(feature = "seam-older"))]
        restore_state: Self::restore_state,
        #[cfg(not(feature = "seam-older"))]
        select_agent: Self::select_agent,
        #[cfg(not(feature = "seam-older"))]
        before_task: Self::before_task,
        #[cfg(not(feature = "seam-older"))]
        after_task: Self::after_task,
        #[cfg(feature = "seam-newer")]
        next_field: 7,
        #[cfg(feature = "seam-newer")]
        next_function,
    };

    unsafe extern "C" fn describe() -> RString {
        let described = catch(|| {
            let handlers: Vec<Value> = P::handlers()
                .iter()
                .map(|handler| {
                    debug_assert!(!handler.record.is_empty());
                    json!({
                        "route": handler.route,
                        "input_schema": (handler.input_schema)(),
                        "items_schema": (handler.items_schema)(),
                        "output_schema": (handler.output_schema)(),
                        "streams": handler.streams,
                        "takes_items": handler.takes_items,
                    })
                })
                .collect();
            debug_assert!(!P::RECORD.is_empty());
            json!({
                "config_schema": SchemaOf::<P::Config>::new().schema(),
                "strategy": P::strategy().is_some(),
                "interceptor": P::interceptor().is_some(),
                "handlers": handlers,
            })
        });
        described.map_or_else(|_| RString::new(), |json| json.to_string().into())
    }

    unsafe extern "C" fn check_config(config: *mut RawPayload) -> RString {
        // SAFETY: the host hands over a payload.
        let config = unsafe { Handed::new(&*config).take() };
        let checked = panics::catch(
            || "the check of the config".to_owned(),
            || config::check::<P::Config>(&config).map(drop),
        );
        let problems = match checked {
            Ok(Ok(())) => return RString::new(),
            Ok(Err(problems)) => problems,
            Err(error) => vec![ConfigProblem {
                path: Vec::new(),
                message: error.message().to_owned(),
            }],
        };
        serde_json::to_string(&problems)
            .unwrap_or_else(|error| error.to_string())
            .into()
    }

    unsafe extern "C" fn create(host: RawHost) -> *const () {
        // SAFETY: the host is valid until the generation is closed.
        let made = catch(|| unsafe { Instance::<P>::new(host) });
        made.map_or(std::ptr::null(), |instance| Arc::into_raw(instance).cast())
    }

    unsafe extern "C" fn initialize(
        instance: *const (),
        config: *mut RawPayload,
        waker: *const RawWaker,
    ) -> RawReply {
        // SAFETY: the host hands over a payload, and an instance that it has not destroyed.
        let (config, instance) = unsafe { (Handed::new(&*config).take(), Self::claim(instance)) };
        let scope = instance.host().scope().cloned();
        let work = || async move { instance.initialize(config).await };
        start("initialize".into(), scope, waker, work)
    }

    unsafe extern "C" fn invoke(
        instance: *const (),
        call: *mut RawCall,
        waker: *const RawWaker,
    ) -> RawReply {
        // SAFETY: the host hands over a call with its payload, and an instance that it has not destroyed; neither
        // `instance` is dropped here nor the call used after it returns.
        let (instance, payload, raw) = unsafe {
            let instance = ManuallyDrop::new(Arc::from_raw(instance.cast::<Instance<P>>()));
            (instance, Handed::new(&(*call).payload), &*call)
        };
        let call = |route, logged| Call {
            instance: &instance,
            raw,
            payload,
            waker,
            items: raw.items,
            route,
            logged,
        };
        match P::handlers().get(raw.handler as usize) {
            Some(handler) if raw.items.is_null() || handler.takes_items => {
                (handler.invoke)(call(handler.route, handler.logged))
            }
            Some(_) => takes_no_items(raw),
            None if !raw.items.is_null() => takes_no_items(raw),
            None if raw.handler == HANDLER_PROCESS => {
                call("process", false).run_async(|running, payload| async move {
                    running.plugin()?.process(running.context(), payload).await
                })
            }
            None => match instance.host().added_handler(raw.handler) {
                Some((route, handler)) => call("", false).run_added(&route, handler),
                None => no_handler(raw.handler),
            },
        }
    }

    unsafe extern "C" fn cleanup(instance: *const (), waker: *const RawWaker) -> RawReply {
        // SAFETY: the host names an instance that it has not destroyed.
        let instance = unsafe { Self::claim(instance) };
        let scope = instance.host().scope().cloned();
        let work = || async move { instance.cleanup().await };
        start("cleanup".into(), scope, waker, work)
    }

    #[cfg(not(feature = "seam-older"))]
    unsafe extern "C" fn save_state(instance: *const (), waker: *const RawWaker) -> RawReply {
        // SAFETY: the host names an instance that it has not destroyed.
        let instance = unsafe { Self::claim(instance) };
        let scope = instance.host().scope().cloned();
        let work = || async move { instance.save_state().await };
        start("save_state".into(), scope, waker, work)
    }

    #[cfg(not(feature = "seam-older"))]
    unsafe extern "C" fn restore_state(
        instance: *const (),
        state: *mut RawPayload,
        from: RStr<'_>,
        waker: *const RawWaker,
    ) -> RawReply {
        // SAFETY: the host hands over a payload, and an instance that it has not destroyed.
        let (state, instance) = unsafe { (Handed::new(&*state).take(), Self::claim(instance)) };
        let (scope, from) = (instance.host().scope().cloned(), from.as_str().to_owned());
        let work = || async move { instance.restore_state(state, from).await };
        start("restore_state".into(), scope, waker, work)
    }

    #[cfg(not(feature = "seam-older"))]
    unsafe extern "C" fn select_agent(
        instance: *const (),
        task: *const RawTask<'_>,
        agents: *const RawAgents,
        waker: *const RawWaker,
    ) -> RawSelection {
        let select = || {
            // SAFETY: the host names an instance that it has not destroyed, and lends the rest until this returns.
            let (instance, task, agents) = unsafe { (Self::borrow(instance), &*task, &*agents) };
            match P::strategy() {
                // SAFETY: as above.
                Some(strategy) => unsafe { strategy.select(&instance, task, agents, waker) },
                None => RawSelection::Err(lacks("strategy").into()),
            }
        };
        // What passes the walls within can only be the SDK's own fault.
        catch(select).unwrap_or_else(|message| {
            RawSelection::Err(Failure::panicked("the plugin", &message).into())
        })
    }

    #[cfg(not(feature = "seam-older"))]
    unsafe extern "C" fn before_task(
        instance: *const (),
        task: *const RawTask<'_>,
        data: *const RawPayload,
        waker: *const RawWaker,
    ) -> RawVerdict {
        let look = || {
            // SAFETY: as for `select_agent`.
            let (instance, task) = unsafe { (Self::borrow(instance), &*task) };
            match P::interceptor() {
                // SAFETY: as above.
                Some(it) => unsafe { it.before(&instance, task, data, waker) },
                None => RawVerdict::Refuse(lacks("interceptor").into()),
            }
        };
        catch(look).unwrap_or_else(|message| {
            RawVerdict::Refuse(Failure::panicked("the plugin", &message).into())
        })
    }

    #[cfg(not(feature = "seam-older"))]
    unsafe extern "C" fn after_task(
        instance: *const (),
        task: *const RawTask<'_>,
        outcome: *const RawOutcome<'_>,
        waker: *const RawWaker,
    ) -> RawReply {
        let look = || {
            // SAFETY: as for `select_agent`.
            let (instance, task, outcome) = unsafe { (Self::borrow(instance), &*task, &*outcome) };
            match P::interceptor() {
                // SAFETY: as above.
                Some(it) => unsafe { it.after(&instance, task, outcome, waker) },
                None => RawReply::Err(lacks("interceptor").into()),
            }
        };
        catch(look).unwrap_or_else(|message| {
            RawReply::Err(Failure::panicked("the plugin", &message).into())
        })
    }

    /// The instance, for the length of a call.
    ///
    /// # Safety
    /// `instance` must come from `create` and not be destroyed before what this returns is dropped.
    #[cfg(not(feature = "seam-older"))]
    unsafe fn borrow(instance: *const ()) -> ManuallyDrop<Arc<Instance<P>>> {
        // SAFETY: the caller's promise; the claim is the host's, which keeps it.
        ManuallyDrop::new(unsafe { Arc::from_raw(instance.cast::<Instance<P>>()) })
    }

    unsafe extern "C" fn destroy(instance: *const ()) {
        // SAFETY: the host's claim from `create`, given up once.
        let instance = unsafe { Arc::from_raw(instance.cast::<Instance<P>>()) };
        if let Err(message) = catch(|| drop(instance)) {
            let message = format!("dropping the plugin panicked: {message}");
            let _ = catch(|| generation::report("agentsys_plugin", &message));
        }
    }

    /// Another claim on the instance.
    ///
    /// # Safety
    /// `instance` must come from `create` and not be destroyed.
    unsafe fn claim(instance: *const ()) -> Arc<Instance<P>> {
        let instance = instance.cast::<Instance<P>>();
        // SAFETY: the caller's promise.
        unsafe {
            Arc::increment_strong_count(instance);
            Arc::from_raw(instance)
        }
    }
}

/// A host that reads the description does not ask.
#[cold]
#[cfg(not(feature = "seam-older"))]
fn lacks(what: &str) -> Failure {
    Failure::new(kind::NOT_FOUND, format!("the plugin has no {what}"))
}

/// Only handlers of the macro's take items.
#[cold]
fn takes_no_items(call: &RawCall) -> RawReply {
    // SAFETY: the host hands the items over with the call, and nobody else takes them; a host is never unloaded.
    drop(unsafe { ForeignStream::taken(call.items) });
    let message = "this handler takes no items: its argument is no `Items<T>`";
    RawReply::Err(Failure::new(kind::INVALID_INPUT, message).into())
}

/// One that was removed a moment ago, or that there never was.
#[cold]
fn no_handler(number: u32) -> RawReply {
    let failure = if number < HANDLER_ADDED {
        let message = format!("the plugin has no handler number {number}");
        Failure::new(kind::INTERNAL, message)
    } else {
        // Another agent may stand on it.
        Failure {
            retryable: true,
            ..Failure::new(kind::UNAVAILABLE, "the plugin has removed this route")
        }
    };
    RawReply::Err(failure.into())
}

unsafe extern "C" fn bind_linked(_: RawHost) -> ROption<RawError> {
    catch(generation::bind_linked).map_or_else(
        |message| ROption::RSome(Failure::panicked("`bind`", &message).into()),
        |()| ROption::RNone,
    )
}

unsafe extern "C" fn close_linked() {}

#[cfg(not(feature = "seam-older"))]
unsafe extern "C" fn set_log_level_linked(_: u32) {}

unsafe extern "C" fn bind(host: RawHost) -> ROption<RawError> {
    // SAFETY: the host is valid until the generation is closed.
    catch(|| unsafe { generation::bind(host) })
        .unwrap_or_else(|message| ROption::RSome(Failure::panicked("`bind`", &message).into()))
}

unsafe extern "C" fn close() {
    let _ = catch(generation::close);
}

/// A plugin that looks for a field which only a newer host would have finds that this one lacks it.
#[cfg(feature = "seam-newer")]
unsafe extern "C" fn next_function() -> u32 {
    generation::host_has_next_field().into()
}

#[cfg(not(feature = "seam-older"))]
unsafe extern "C" fn set_log_level(level: u32) {
    let _ = catch(|| logs::set_level(level));
}
