//! `#[plugin_config]`: a struct that is read, described and checked.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, Field, Fields, ItemStruct, Lit, LitStr, Meta, Result, Type};

use crate::conditions;

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
            fn problems(&self) -> ::std::vec::Vec<::agentsys_plugin::ConfigProblem> {
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
    let (value, ty, conditions) = (value(&attribute)?, &field.ty, conditions(&field.attrs));
    let function = format_ident!("__default_{}", field_name(field));
    let text = quote! {
        #(#conditions)*
        #[doc(hidden)]
        fn #function() -> #ty {
            #value
        }
    };
    Ok(Some((function, text)))
}

/// The checks of `#[range(…)]`, `#[length(…)]`, `#[pattern = …]` and `#[check = …]`. What an `Option` does not hold is not checked.
fn rules(field: &mut Field) -> Result<Vec<TokenStream>> {
    let key = key(field);
    let mut checks = Vec::new();
    if let Some(attribute) = take(field, "range") {
        let (min, max) = bounds(&attribute)?;
        for (bound, symbol, words) in sides(min.as_ref(), max.as_ref()) {
            checks.push(quote! {
                if *value #symbol #bound {
                    let problem = ::std::format!("must be {} {}, and is {}", #words, #bound, value);
                    problems.push(::agentsys_plugin::ConfigProblem::of(#key, problem));
                }
            });
        }
        describe(field, &quote!(range), min.as_ref(), max.as_ref());
    }
    if let Some(attribute) = take(field, "length") {
        let (min, max) = bounds(&attribute)?;
        for (bound, symbol, words) in sides(min.as_ref(), max.as_ref()) {
            checks.push(quote! {
                if value.len() #symbol #bound {
                    let problem = ::std::format!("must have a length of {} {}, and has {}", #words, #bound, value.len());
                    problems.push(::agentsys_plugin::ConfigProblem::of(#key, problem));
                }
            });
        }
        describe(field, &quote!(length), min.as_ref(), max.as_ref());
    }
    if let Some(attribute) = take(field, "pattern") {
        let pattern = pattern(&attribute)?;
        checks.push(quote! {
            if !::agentsys_plugin::__private::matches(#pattern, value) {
                let problem = ::std::format!("must match {}, and is {:?}", #pattern, value);
                problems.push(::agentsys_plugin::ConfigProblem::of(#key, problem));
            }
        });
        field
            .attrs
            .push(syn::parse_quote!(#[schemars(regex(pattern = #pattern))]));
    }
    if let Some(attribute) = take(field, "check") {
        let function = value(&attribute)?;
        checks.push(quote! {
            if let ::core::result::Result::Err(problem) = #function(value) {
                let problem = ::std::string::ToString::to_string(&problem);
                problems.push(::agentsys_plugin::ConfigProblem::of(#key, problem));
            }
        });
    }
    let (ident, conditions) = (&field.ident, conditions(&field.attrs));
    let pattern = if is_option(&field.ty) {
        quote!(::core::option::Option::Some(value))
    } else {
        quote!(value)
    };
    let check = |check| {
        quote! {
            #(#conditions)*
            {
                #[allow(irrefutable_let_patterns, reason = "refutable where the field is an `Option`")]
                if let #pattern = &self.#ident {
                    #check
                }
            }
        }
    };
    Ok(checks.into_iter().map(check).collect())
}

/// A regular expression, seen to be one.
fn pattern(attribute: &Attribute) -> Result<LitStr> {
    let Expr::Lit(literal) = value(attribute)? else {
        return Err(Error::new(
            attribute.span(),
            "a pattern is a text: \"^[a-z]+$\"",
        ));
    };
    let Lit::Str(text) = literal.lit else {
        return Err(Error::new(
            attribute.span(),
            "a pattern is a text: \"^[a-z]+$\"",
        ));
    };
    match regex_lite::Regex::new(&text.value()) {
        Ok(_) => Ok(text),
        Err(error) => {
            let message = format!("this is no regular expression: {error}");
            Err(Error::new(text.span(), message))
        }
    }
}

fn sides<'a>(
    min: Option<&'a Expr>,
    max: Option<&'a Expr>,
) -> impl Iterator<Item = (&'a Expr, TokenStream, &'static str)> {
    let min = min.map(|min| (min, quote!(<), "at least"));
    let max = max.map(|max| (max, quote!(>), "at most"));
    min.into_iter().chain(max)
}

/// Puts the same bounds into the schema.
fn describe(field: &mut Field, rule: &TokenStream, min: Option<&Expr>, max: Option<&Expr>) {
    let min = min.map(|min| quote!(min = #min));
    let max = max.map(|max| quote!(max = #max));
    let both = min.into_iter().chain(max);
    field
        .attrs
        .push(syn::parse_quote!(#[schemars(#rule(#(#both),*))]));
}

fn is_option(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "Option"),
        _ => false,
    }
}

fn field_name(field: &Field) -> String {
    let name = field.ident.as_ref().map(ToString::to_string);
    name.unwrap_or_default().trim_start_matches("r#").to_owned()
}

/// The key as an operator writes it: serde's name for the field, where it has another.
fn key(field: &Field) -> String {
    let mut key = field_name(field);
    for attribute in field
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"))
    {
        // Whatever else stands there is serde's to judge.
        let _ = attribute.parse_nested_meta(|meta| {
            if meta.input.peek(syn::Token![=]) {
                let value: Expr = meta.value()?.parse()?;
                if let (true, Expr::Lit(literal)) = (meta.path.is_ident("rename"), &value)
                    && let Lit::Str(name) = &literal.lit
                {
                    key = name.value();
                }
            }
            Ok(())
        });
    }
    key
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
