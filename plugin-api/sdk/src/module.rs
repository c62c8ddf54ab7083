//! The functions that a host calls, for any type of plugin: the author's code behind a wall that no panic passes.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::sync::Arc;

use abi_stable::library::{
    __call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult,
};
use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RString};
use agentsys_abi::bridge::{Failure, Handed, catch};
use agentsys_abi::call::{HANDLER_PROCESS, RawCall, RawReply};
use agentsys_abi::error::{RawError, kind};
use agentsys_abi::host::RawHost;
use agentsys_abi::module::{PluginModule, PluginModuleRef};
use agentsys_abi::payload::RawPayload;
use agentsys_abi::waker::RawWaker;
use serde_json::{Value, json};

use crate::generation;
use crate::handler::{Call, Handler, start};
use crate::instance::Instance;
#[cfg(not(feature = "seam-older"))]
use crate::logs;
use crate::plugin::Plugin;
use crate::schema::SchemaOf;

/// A plugin as `#[plugin]` describes it.
pub trait Entry: Plugin {
    /// The record in the file's section; naming it here keeps the linker from dropping it.
    const RECORD: &'static [u8];
    /// How many threads it asks for its blocking handlers; 0: as the host sees fit.
    const BLOCKING_THREADS: u32;
    /// Its handlers, in the order of their numbers.
    fn handlers() -> &'static [Handler<Self>];
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
    const MODULE: PluginModuleRef = PluginModuleRef(
        const {
            &WithMetadata::new(PluginModule {
                bind,
                describe: Self::describe,
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
                #[cfg(feature = "seam-newer")]
                next_field: 7,
                #[cfg(feature = "seam-newer")]
                next_function,
            })
        }
        .static_as_prefix(),
    );

    unsafe extern "C" fn describe() -> RString {
        let described = catch(|| {
            let handlers: Vec<Value> = P::handlers()
                .iter()
                .map(|handler| {
                    debug_assert!(!handler.record.is_empty());
                    json!({
                        "route": handler.route,
                        "input_schema": (handler.input_schema)(),
                        "output_schema": (handler.output_schema)(),
                    })
                })
                .collect();
            debug_assert!(!P::RECORD.is_empty());
            json!({ "config_schema": SchemaOf::<P::Config>::new().schema(), "handlers": handlers })
        });
        described.map_or_else(|_| RString::new(), |json| json.to_string().into())
    }

    unsafe extern "C" fn create(host: RawHost) -> *const () {
        // SAFETY: the host is valid until the generation is closed.
        let made = catch(|| Arc::new(unsafe { Instance::<P>::new(host) }));
        made.map_or(std::ptr::null(), |instance| Arc::into_raw(instance).cast())
    }

    unsafe extern "C" fn initialize(
        instance: *const (),
        config: *mut RawPayload,
        waker: *const RawWaker,
    ) -> RawReply {
        // SAFETY: the host hands over a payload, and an instance that it has not destroyed.
        let (config, instance) = unsafe { (Handed::new(&*config).take(), Self::claim(instance)) };
        let work = || async move { instance.initialize(config).await };
        start("initialize", waker, work)
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
        let call = |route| Call {
            instance: &instance,
            raw,
            payload,
            waker,
            route,
        };
        match P::handlers().get(raw.handler as usize) {
            Some(handler) => (handler.invoke)(call(handler.route)),
            None if raw.handler == HANDLER_PROCESS => {
                call("process").run_async(|running, payload| async move {
                    running.plugin()?.process(running.context(), payload).await
                })
            }
            None => {
                let message = format!("the plugin has no handler number {}", raw.handler);
                RawReply::Err(Failure::new(kind::INTERNAL, message).into())
            }
        }
    }

    unsafe extern "C" fn cleanup(instance: *const (), waker: *const RawWaker) -> RawReply {
        // SAFETY: the host names an instance that it has not destroyed.
        let instance = unsafe { Self::claim(instance) };
        let work = || async move { instance.cleanup().await };
        start("cleanup", waker, work)
    }

    unsafe extern "C" fn destroy(instance: *const ()) {
        // SAFETY: the host's claim from `create`, given up once.
        let instance = unsafe { Arc::from_raw(instance.cast::<Instance<P>>()) };
        if let Err(message) = catch(|| drop(instance)) {
            generation::log(
                1,
                "agentsys_plugin",
                &format!("dropping the plugin panicked: {message}"),
                "{}",
            );
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
