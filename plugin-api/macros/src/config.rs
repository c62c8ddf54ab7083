//! `#[plugin_config]`: a struct that is read, described and checked.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Field, Fields, ItemStruct, Meta, Result};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !options.is_empty() {
        return Err(Error::new(
            options.span(),
            "#[plugin_config] takes no options",
        ));
    }
    let mut item: ItemStruct = syn::parse2(item)?;
    let name = item.ident.clone();
    let Fields::Named(fields) = &mut item.fields else {
        let message = "a config is a struct with named fields";
        return Err(Error::new(item.span(), message));
    };
    let mut defaults = Vec::new();
    let mut checks = Vec::new();
    for field in &mut fields.named {
        if let Some((function, text)) = default(field)? {
            let path = format!("{name}::{function}");
            field
                .attrs
                .push(syn::parse_quote!(#[serde(default = #path)]));
            defaults.push(text);
        }
        checks.extend(rules(field)?);
    }
    Ok(quote! {
        #[derive(
            ::agentsys_plugin::__private::serde::Deserialize,
            ::agentsys_plugin::__private::serde::Serialize,
            ::agentsys_plugin::__private::schemars::JsonSchema,
            ::core::clone::Clone,
            ::core::fmt::Debug,
        )]
        #[serde(crate = "::agentsys_plugin::__private::serde", deny_unknown_fields)]
        #[schemars(crate = "::agentsys_plugin::__private::schemars")]
        #item

        impl #name {
            #(#defaults)*
        }

        impl ::agentsys_plugin::PluginConfig for #name {
            fn problems(&self) -> ::std::vec::Vec<::std::string::String> {
                #[allow(unused_mut, reason = "a config need not have rules")]
                let mut problems = ::std::vec::Vec::new();
                #(#checks)*
                problems
            }
        }
    })
}

/// The function that makes the field's default, from `#[default = …]`.
fn default(field: &mut Field) -> Result<Option<(syn::Ident, TokenStream)>> {
    let Some(attribute) = take(field, "default") else {
        return Ok(None);
    };
    let value = value(&attribute)?;
    let ty = &field.ty;
    let function = format_ident!("__default_{}", field_name(field));
    let text = quote! {
        #[doc(hidden)]
        fn #function() -> #ty {
            #value
        }
    };
    Ok(Some((function, text)))
}

/// The checks of `#[range(…)]`, `#[length(…)]` and `#[check = …]`.
fn rules(field: &mut Field) -> Result<Vec<TokenStream>> {
    let key = field_name(field);
    let ident = field.ident.clone();
    let mut checks = Vec::new();
    if let Some(attribute) = take(field, "range") {
        let (min, max) = bounds(&attribute)?;
        for (bound, symbol, words) in [(&min, quote!(<), "at least"), (&max, quote!(>), "at most")]
        {
            if let Some(bound) = bound {
                checks.push(quote! {
                    if self.#ident #symbol #bound {
                        problems.push(::std::format!("`{}` is {}; it must be {} {}", #key, self.#ident, #words, #bound));
                    }
                });
            }
        }
        let (min, max) = (
            min.map(|min| quote!(min = #min)),
            max.map(|max| quote!(max = #max)),
        );
        let both = [min, max].into_iter().flatten();
        field
            .attrs
            .push(syn::parse_quote!(#[schemars(range(#(#both),*))]));
    }
    if let Some(attribute) = take(field, "length") {
        let (min, max) = bounds(&attribute)?;
        for (bound, symbol, words) in [(&min, quote!(<), "at least"), (&max, quote!(>), "at most")]
        {
            if let Some(bound) = bound {
                checks.push(quote! {
                    if self.#ident.len() #symbol #bound {
                        problems.push(::std::format!("`{}` has length {}; it must be {} {}", #key, self.#ident.len(), #words, #bound));
                    }
                });
            }
        }
        let (min, max) = (
            min.map(|min| quote!(min = #min)),
            max.map(|max| quote!(max = #max)),
        );
        let both = [min, max].into_iter().flatten();
        field
            .attrs
            .push(syn::parse_quote!(#[schemars(length(#(#both),*))]));
    }
    if let Some(attribute) = take(field, "check") {
        let function = value(&attribute)?;
        checks.push(quote! {
            if let ::core::result::Result::Err(problem) = #function(&self.#ident) {
                problems.push(::std::format!("`{}`: {}", #key, problem));
            }
        });
    }
    Ok(checks)
}

fn field_name(field: &Field) -> String {
    field
        .ident
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
        .trim_start_matches("r#")
        .to_owned()
}

fn take(field: &mut Field, name: &str) -> Option<Attribute> {
    let at = field
        .attrs
        .iter()
        .position(|attribute| attribute.path().is_ident(name))?;
    Some(field.attrs.remove(at))
}

fn value(attribute: &Attribute) -> Result<Expr> {
    match &attribute.meta {
        Meta::NameValue(pair) => Ok(pair.value.clone()),
        other => Err(Error::new(other.span(), "write it as `#[name = value]`")),
    }
}

fn bounds(attribute: &Attribute) -> Result<(Option<Expr>, Option<Expr>)> {
    let (mut min, mut max) = (None, None);
    attribute.parse_nested_meta(|meta| {
        if meta.path.is_ident("min") {
            min = Some(meta.value()?.parse()?);
        } else if meta.path.is_ident("max") {
            max = Some(meta.value()?.parse()?);
        } else {
            return Err(meta.error("known bounds: min, max"));
        }
        Ok(())
    })?;
    if min.is_none() && max.is_none() {
        return Err(Error::new(attribute.span(), "give `min`, `max` or both"));
    }
    Ok((min, max))
}
