//! `#[routes]`: handlers of the functions that carry `#[route("name")]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, ImplItem, ImplItemFn, ItemImpl, Lit, LitStr, Meta,
    Result, Type,
};

use crate::answer::{self, Answer};
use crate::route_options::RouteOptions;
use crate::{conditions, json};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    if !options.is_empty() {
        return Err(Error::new(options.span(), "#[routes] takes no options"));
    }
    let mut item: ItemImpl = syn::parse2(item)?;
    if item.trait_.is_some() || !item.generics.params.is_empty() {
        let message = "#[routes] stands on `impl YourType`, without generics";
        return Err(Error::new(item.span(), message));
    }
    let mut routes: Vec<Route> = Vec::new();
    for item in &mut item.items {
        if let ImplItem::Fn(function) = item
            && let Some(route) = Route::take(function)?
        {
            // Of two under conditions, one at most is there.
            let same = |other: &Route| {
                other.name().value() == route.name().value() && other.conditions.is_empty()
            };
            if route.conditions.is_empty() && routes.iter().any(same) {
                let message = format!("route `{}` is there already", route.name().value());
                return Err(Error::new(route.name().span(), message));
            }
            routes.push(route);
        }
    }
    if routes.is_empty() {
        let message = "#[routes] needs at least one function with #[route(\"name\")]";
        return Err(Error::new(item.self_ty.span(), message));
    }
    let this = &item.self_ty;
    let records = routes
        .iter()
        .enumerate()
        .map(|(number, route)| route.record(number));
    let handlers = routes
        .iter()
        .enumerate()
        .map(|(number, route)| route.handler(number, this));
    Ok(quote! {
        #item

        const _: () = {
            use ::agentsys_plugin::__private as __agentsys_sdk;
            #[allow(unused_imports, reason = "only types without a schema need it")]
            use __agentsys_sdk::NoSchema as _;
            #(#records)*
            impl __agentsys_sdk::Routes for #this {
                const HANDLERS: &'static [__agentsys_sdk::Handler<Self>] = &[#(#handlers),*];
            }
        };
    })
}

struct Route {
    options: RouteOptions,
    description: String,
    function: syn::Ident,
    is_async: bool,
    takes_context: bool,
    input: Option<Type>,
    /// The type of the argument that takes items.
    items: Option<Type>,
    answer: Answer,
    /// The function's `#[cfg(…)]`: what the macro makes of it stands under them too.
    conditions: Vec<Attribute>,
}

impl Route {
    /// Reads, and removes, the function's `#[route(…)]`, if it has one.
    fn take(function: &mut ImplItemFn) -> Result<Option<Self>> {
        let Some(at) = function
            .attrs
            .iter()
            .position(|attribute| attribute.path().is_ident("route"))
        else {
            return Ok(None);
        };
        let attribute = function.attrs.remove(at);
        let options: RouteOptions = attribute.parse_args()?;
        let signature = &function.sig;
        if !signature.generics.params.is_empty() {
            let message = "a handler has no generics: a host calls it by name";
            return Err(Error::new(signature.generics.span(), message));
        }
        if options.blocking && signature.asyncness.is_some() {
            let message = "a blocking handler is a plain `fn`: an `async fn` must not block";
            return Err(Error::new(signature.asyncness.span(), message));
        }
        let Arguments {
            takes_context,
            input,
            items,
        } = arguments(function)?;
        let answer = Answer::of(function)?;
        let streams = matches!(answer, Answer::Stream { .. });
        if options.blocking && (streams || items.is_some()) {
            let message = "a blocking handler takes one input and answers once: items are for those that await";
            return Err(Error::new(function.sig.span(), message));
        }
        if items.is_some() && !streams && function.sig.asyncness.is_none() {
            let message = "a handler that takes `Items` awaits them: make it an `async fn`, or answer a stream";
            return Err(Error::new(function.sig.span(), message));
        }
        Ok(Some(Self {
            options,
            description: description(&function.attrs),
            function: function.sig.ident.clone(),
            is_async: function.sig.asyncness.is_some(),
            takes_context,
            input,
            items,
            answer,
            conditions: conditions(&function.attrs),
        }))
    }

    fn name(&self) -> &LitStr {
        &self.options.name
    }

    fn record(&self, number: usize) -> TokenStream {
        let streams = matches!(self.answer, Answer::Stream { .. });
        let mode = match (self.is_async || streams, self.options.blocking) {
            (true, _) => "async",
            (_, true) => "blocking",
            _ => "plain",
        };
        let mut json = format!(
            r#"{{"name":{},"description":{},"mode":"{mode}""#,
            json::string(&self.name().value()),
            json::string(&self.description),
        );
        for (member, is_so) in [("streams", streams), ("takes_items", self.items.is_some())] {
            if is_so {
                json.push_str(&format!(r#","{member}":true"#));
            }
        }
        json.push_str(&self.options.members());
        json.push('}');
        let record = record_name(number);
        let parts = format_ident!("JSON_{number}");
        let conditions = &self.conditions;
        quote! {
            #(#conditions)*
            const #parts: &[&str] = &[#json];
            #(#conditions)*
            #[used]
            #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__agentsy"))]
            #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".agentsy"))]
            static #record: [u8; __agentsys_sdk::record_len(#parts)] = __agentsys_sdk::record(__agentsys_sdk::KIND_ROUTE, #parts);
        }
    }

    fn handler(&self, number: usize, this: &Type) -> TokenStream {
        let record = record_name(number);
        let (route, logged) = (self.name(), self.options.logged);
        let input_schema = match &self.input {
            Some(input) => quote!(|| __agentsys_sdk::SchemaOf::<#input>::new().schema()),
            None => quote!(|| ::core::option::Option::None),
        };
        let items_schema = match &self.items {
            Some(items) => {
                quote!(|| __agentsys_sdk::SchemaOf::<<#items as __agentsys_sdk::Itemized>::Item>::new().schema())
            }
            None => quote!(|| ::core::option::Option::None),
        };
        let (takes_items, streams) = (
            self.items.is_some(),
            matches!(self.answer, Answer::Stream { .. }),
        );
        let output = match &self.answer {
            Answer::Value(output) => quote!(#output),
            Answer::Stream { item, .. } => quote!(#item),
        };
        let invoke = self.invoke(this);
        let conditions = &self.conditions;
        quote! {
            #(#conditions)*
            __agentsys_sdk::Handler {
                route: #route,
                record: &#record,
                input_schema: #input_schema,
                items_schema: #items_schema,
                output_schema: || __agentsys_sdk::SchemaOf::<<#output as __agentsys_sdk::Fallible>::Value>::new().schema(),
                streams: #streams,
                takes_items: #takes_items,
                logged: #logged,
                invoke: #invoke,
            }
        }
    }

    /// The function that calls the author's.
    fn invoke(&self, this: &Type) -> TokenStream {
        let function = &self.function;
        let input = self.input.as_ref().map(
            |input| quote!(<#input as ::agentsys_plugin::FromPayload<_>>::from_payload(payload)?,),
        );
        let drop_payload = self
            .input
            .is_none()
            .then(|| quote!(::core::mem::drop(payload);));
        let context = |context: TokenStream| self.takes_context.then_some(quote!(#context,));
        let take_items = self
            .items
            .is_some()
            .then(|| quote!(let items = call.take_items();));
        let items = self
            .items
            .as_ref()
            .map(|items| quote!(<#items>::of_call(items)));
        let mutable = self.items.is_some().then(|| quote!(mut));
        let await_it = self.is_async.then(|| quote!(.await));
        match &self.answer {
            Answer::Stream { fallible, .. } => {
                let context = context(quote!(running.context()));
                let try_it = fallible.then(|| quote!(?));
                quote! {
                    |#mutable call: __agentsys_sdk::Call<'_, #this>| {
                        #take_items
                        call.run_stream(|running, payload, out| async move {
                            #drop_payload
                            let plugin = running.plugin()?;
                            out.all_of(plugin.#function(#context #input #items) #await_it #try_it).await
                        })
                    }
                }
            }
            Answer::Value(_) if self.is_async => {
                let context = context(quote!(running.context()));
                quote! {
                    |#mutable call: __agentsys_sdk::Call<'_, #this>| {
                        #take_items
                        call.run_async(|running, payload| async move {
                            #drop_payload
                            let plugin = running.plugin()?;
                            let output = plugin.#function(#context #input #items).await?;
                            ::agentsys_plugin::IntoPayload::into_payload(output)
                        })
                    }
                }
            }
            Answer::Value(_) => {
                let context = context(quote!(context));
                quote! {
                    |call: __agentsys_sdk::Call<'_, #this>| call.run(|plugin, context, payload| {
                        let _ = context;
                        #drop_payload
                        let output = plugin.#function(#context #input)?;
                        ::agentsys_plugin::IntoPayload::into_payload(output)
                    })
                }
            }
        }
    }
}

fn record_name(number: usize) -> syn::Ident {
    format_ident!("RECORD_{number}")
}

struct Arguments {
    takes_context: bool,
    input: Option<Type>,
    items: Option<Type>,
}

fn arguments(function: &ImplItemFn) -> Result<Arguments> {
    let message = "a handler takes `&self`, then `&Context` if it wants it, then at most one input, then at most one `Items<T>`";
    let error = || Error::new(function.sig.span(), message);
    let mut inputs = function.sig.inputs.iter();
    match inputs.next() {
        Some(FnArg::Receiver(receiver))
            if receiver.reference.is_some() && receiver.mutability.is_none() => {}
        _ => return Err(error()),
    }
    let mut types: Vec<&Type> = inputs
        .filter_map(|input| match input {
            FnArg::Typed(input) => Some(&*input.ty),
            FnArg::Receiver(_) => None,
        })
        .collect();
    let items = types
        .pop_if(|last| answer::is_named(last, "Items"))
        .cloned();
    let (takes_context, input) = match types.as_slice() {
        [] => (false, None),
        [Type::Reference(_)] => (true, None),
        [Type::Reference(_), input] => (true, Some((*input).clone())),
        [input] => (false, Some((*input).clone())),
        _ => return Err(error()),
    };
    if input
        .as_ref()
        .is_some_and(|input| answer::is_named(input, "Items"))
    {
        return Err(error());
    }
    Ok(Arguments {
        takes_context,
        input,
        items,
    })
}

/// The doc comment as one line per paragraph.
fn description(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        })
        .flat_map(|text| {
            // A block comment is one text of many lines, which may begin with a star.
            let star = if text.contains('\n') { "*" } else { "" };
            let lines = text
                .lines()
                .map(|line| line.trim().trim_start_matches(star).trim().to_owned());
            lines.collect::<Vec<_>>()
        })
        .collect();
    let paragraphs: Vec<String> = lines
        .split(String::is_empty)
        .filter(|paragraph| !paragraph.is_empty())
        .map(|paragraph| paragraph.join(" "))
        .collect();
    paragraphs.join("\n")
}
