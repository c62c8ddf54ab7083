//! `#[plugin]`: the entry and the record of `impl Plugin for …`.

use std::env;

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Error, ImplItem, ItemImpl, LitInt, LitStr, Result};

use crate::json;

#[derive(Default)]
struct Options {
    name: Option<LitStr>,
    version: Option<LitStr>,
    blocking_threads: Option<LitInt>,
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
    let has_process = item
        .items
        .iter()
        .any(|item| matches!(item, ImplItem::Fn(f) if f.sig.ident == "process"));
    let (before, after) = record_json(&options, has_process)?;
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
            }

            // abi_stable's name for a library's header: `abi_stable::library::ROOT_MODULE_LOADER_NAME`.
            #[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
            static HEADER: __agentsys_sdk::LibHeader = __agentsys_sdk::header::<#this>();

            // Two plugins in one library would both define the name above. This one says so in the linker's words.
            #[unsafe(export_name = "a_library_holds_one_agentsys_plugin_but_this_one_links_two")]
            static GUARD: u8 = 0;
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
        } else {
            return Err(meta.error("known options: name, version, blocking_threads"));
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

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 64
        && name.starts_with(plain)
        && name.chars().all(|c| plain(c) || c == '-' || c == '_')
}

/// The record's JSON before and after what only the SDK's constants know.
fn record_json(options: &Options, has_process: bool) -> Result<(String, String)> {
    let package = |key: &str| env::var(format!("CARGO_PKG_{key}")).unwrap_or_default();
    let given = |option: &Option<LitStr>, key: &str| {
        option.as_ref().map_or_else(|| package(key), LitStr::value)
    };
    let name = given(&options.name, "NAME");
    if !is_name(&name) {
        let message = format!(
            "the package's name `{name}` cannot be a plugin's: say #[plugin(name = \"…\")]"
        );
        return Err(Error::new(proc_macro2::Span::call_site(), message));
    }
    let authors = package("AUTHORS");
    let authors = authors.split(':').filter(|author| !author.is_empty());
    let capabilities: &[&str] = if has_process { &["process"] } else { &[] };
    let before = format!(
        r#"{{"name":{},"version":{},"license":{},"description":{},"authors":{},"capabilities":{},"dependencies":[],"interface":""#,
        json::string(&name),
        json::string(&given(&options.version, "VERSION")),
        json::string(&package("LICENSE")),
        json::string(&package("DESCRIPTION")),
        json::strings(authors),
        json::strings(capabilities.iter().copied()),
    );
    Ok((before, "\"}".to_owned()))
}
