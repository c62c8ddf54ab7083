//! `#[plugin]`: the entry and the record of `impl Plugin for …`.

use std::env;

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, ImplItem, ItemImpl, LitInt, LitStr, Result, Token};

use crate::{is_name, json};

#[derive(Default)]
struct Options {
    name: Option<LitStr>,
    version: Option<LitStr>,
    blocking_threads: Option<LitInt>,
    depends: Vec<LitStr>,
}

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = parse(options)?;
    let item: ItemImpl = syn::parse2(item)?;
    let is_plugin = item.trait_.as_ref().is_some_and(|(_, path, _)| {
        path.segments
            .last()
            .is_some_and(|segment| segment.ident == "Plugin")
    });
    if !is_plugin {
        let message = "#[plugin] stands on `impl Plugin for YourType`";
        return Err(Error::new(item.span(), message));
    }
    if !item.generics.params.is_empty() {
        let message = "a plugin is one concrete type: it has no generics";
        return Err(Error::new(item.generics.span(), message));
    }
    let this = &item.self_ty;
    let has = |name: &str| {
        let mut items = item.items.iter();
        items.any(|item| matches!(item, ImplItem::Fn(f) if f.sig.ident == name))
    };
    let mut capabilities = Vec::new();
    if has("process") {
        capabilities.push("process");
    }
    if has("save_state") {
        capabilities.push("state");
    }
    let name = plugin_name(&options)?;
    let header = format!("agentsys_plugin_{}", name.replace('-', "_"));
    let (before, after) = record_json(&options, &name, &capabilities)?;
    let blocking_threads = match &options.blocking_threads {
        Some(threads) => threads.base10_parse::<u32>()?,
        None => 0,
    };
    Ok(quote! {
        #item

        const _: () = {
            use ::agentsys_plugin::__private as __agentsys_sdk;

            #[cfg(panic = "abort")]
            compile_error!("a plugin is built with panic = \"unwind\": an abort would end the host with it");

            const JSON: &[&str] = &[#before, __agentsys_sdk::INTERFACE, "\",\"sdk\":\"", ::agentsys_plugin::SDK_VERSION, "\",\"rustc\":\"", __agentsys_sdk::RUSTC_VERSION, #after];
            #[used]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__agentsy"))]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".agentsy"))]
            static RECORD: [u8; __agentsys_sdk::record_len(JSON)] = __agentsys_sdk::record(__agentsys_sdk::KIND_PLUGIN, JSON);

            impl __agentsys_sdk::Entry for #this {
                const RECORD: &'static [u8] = &RECORD;
                const BLOCKING_THREADS: u32 = #blocking_threads;
                fn handlers() -> &'static [__agentsys_sdk::Handler<Self>] {
                    #[allow(unused_imports, reason = "only a plugin without routes needs it")]
                    use __agentsys_sdk::NoRoutes as _;
                    __agentsys_sdk::HandlersOf::<#this>::new().handlers()
                }
                fn strategy() -> ::std::option::Option<__agentsys_sdk::StrategyOf<Self>> {
                    #[allow(unused_imports, reason = "only a plugin without a strategy needs it")]
                    use __agentsys_sdk::NoStrategy as _;
                    __agentsys_sdk::HandlersOf::<#this>::new().strategy()
                }
                fn interceptor() -> ::std::option::Option<__agentsys_sdk::InterceptorOf<Self>> {
                    #[allow(unused_imports, reason = "only a plugin that does not intercept needs it")]
                    use __agentsys_sdk::NoInterceptor as _;
                    __agentsys_sdk::HandlersOf::<#this>::new().interceptor()
                }
            }

            impl __agentsys_sdk::LinkedPlugin for #this {
                fn records() -> ::std::vec::Vec<&'static [u8]> {
                    __agentsys_sdk::records::<#this>()
                }
                fn module() -> __agentsys_sdk::PluginModuleRef {
                    __agentsys_sdk::linked::<#this>()
                }
            }

            // The seam's name for this plugin's header, `agentsys_abi::header_name`: another plugin in the same program has another.
            #[unsafe(export_name = #header)]
            static HEADER: __agentsys_sdk::LibHeader = __agentsys_sdk::header::<#this>();
        };
    })
}

fn parse(options: TokenStream) -> Result<Options> {
    let mut parsed = Options::default();
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("name") {
            parsed.name = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("version") {
            parsed.version = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("blocking_threads") {
            parsed.blocking_threads = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("depends") {
            let list;
            syn::parenthesized!(list in meta.input);
            let list = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?;
            parsed.depends.extend(list);
        } else {
            return Err(meta.error("known options: name, version, blocking_threads, depends"));
        }
        Ok(())
    });
    syn::parse::Parser::parse2(parser, options)?;
    if let Some(name) = &parsed.name
        && !is_name(&name.value())
    {
        let message = "a plugin's name is a to z, 0 to 9, `-` and `_`, at most 64, and begins with a letter or digit";
        return Err(Error::new(name.span(), message));
    }
    Ok(parsed)
}

fn package(key: &str) -> String {
    env::var(format!("CARGO_PKG_{key}")).unwrap_or_default()
}

fn given(option: Option<&LitStr>, key: &str) -> String {
    option.map_or_else(|| package(key), LitStr::value)
}

fn plugin_name(options: &Options) -> Result<String> {
    let name = given(options.name.as_ref(), "NAME");
    if is_name(&name) {
        return Ok(name);
    }
    let message =
        format!("the package's name `{name}` cannot be a plugin's: say #[plugin(name = \"…\")]");
    Err(Error::new(proc_macro2::Span::call_site(), message))
}

/// A plugin that this one needs, as `"name"` or `"name ^1.2"`, written as JSON.
fn dependency(text: &LitStr) -> Result<String> {
    let value = text.value();
    let (name, version) = match value.trim().split_once(' ') {
        Some((name, version)) => (name, version.trim()),
        None => (value.trim(), "*"),
    };
    if !is_name(name) {
        let message = format!("`{name}` is no plugin's name; write \"name\" or \"name ^1.2\"");
        return Err(Error::new(text.span(), message));
    }
    if let Err(error) = semver::VersionReq::parse(version) {
        let message = format!("`{version}` is no range of versions: {error}; write \"name ^1.2\"");
        return Err(Error::new(text.span(), message));
    }
    Ok(format!(
        r#"{{"name":{},"version":{}}}"#,
        json::string(name),
        json::string(version)
    ))
}

/// The record's JSON before and after what only the SDK's constants know.
fn record_json(options: &Options, name: &str, capabilities: &[&str]) -> Result<(String, String)> {
    let authors = package("AUTHORS");
    let authors = authors.split(':').filter(|author| !author.is_empty());
    let dependencies = options.depends.iter().map(dependency);
    let dependencies = dependencies.collect::<Result<Vec<String>>>()?;
    let before = format!(
        r#"{{"name":{},"version":{},"license":{},"description":{},"authors":{},"capabilities":{},"dependencies":[{}],"interface":""#,
        json::string(name),
        json::string(&given(options.version.as_ref(), "VERSION")),
        json::string(&package("LICENSE")),
        json::string(&package("DESCRIPTION")),
        json::strings(authors),
        json::strings(capabilities.iter().copied()),
        dependencies.join(","),
    );
    Ok((before, "\"}".to_owned()))
}
