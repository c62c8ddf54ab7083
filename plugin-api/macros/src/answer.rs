//! What a handler answers: a value, or a stream of them.
//!
//! A macro sees names, not types. So a stream is what the return type calls one: `impl Stream<Item = …>`, boxed or within a `Result` if wanted.

use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Error, GenericArgument, ImplItemFn, PathArguments, Result, ReturnType, Token, Type,
    TypeParamBound,
};

/// What a handler answers.
pub(crate) enum Answer {
    /// A value: the return type, a `Result`.
    Value(Type),
    /// A stream.
    Stream {
        /// What its items are: a `Result`.
        item: Type,
        /// Whether it comes in a `Result`.
        fallible: bool,
    },
}

impl Answer {
    pub(crate) fn of(function: &ImplItemFn) -> Result<Self> {
        let ReturnType::Type(_, ty) = &function.sig.output else {
            let message = "a handler returns `Result<T>`, or a stream of them";
            return Err(Error::new(function.sig.span(), message));
        };
        let Some(bounds) = stream(ty) else {
            return Ok(Self::Value((**ty).clone()));
        };
        let Some(item) = item(bounds) else {
            let message = "a stream's items are named: `impl Stream<Item = Result<T>>`";
            return Err(Error::new(ty.span(), message));
        };
        Ok(Self::Stream {
            item,
            fallible: is_named(ty, "Result"),
        })
    }
}

/// Whether a type's last segment is that word.
pub(crate) fn is_named(ty: &Type, word: &str) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == word))
}

type Bounds = Punctuated<TypeParamBound, Token![+]>;

/// The bounds of the `impl Stream` or `dyn Stream` that a type is, or holds.
fn stream(ty: &Type) -> Option<&Bounds> {
    let bounds = match ty {
        Type::ImplTrait(it) => &it.bounds,
        Type::TraitObject(it) => &it.bounds,
        Type::Paren(it) => return stream(&it.elem),
        Type::Group(it) => return stream(&it.elem),
        Type::Path(path) => {
            return path
                .path
                .segments
                .iter()
                .flat_map(|segment| arguments(&segment.arguments))
                .find_map(|argument| match argument {
                    GenericArgument::Type(ty) => stream(ty),
                    _ => None,
                });
        }
        _ => return None,
    };
    bounds
        .iter()
        .any(|bound| trait_arguments(bound).is_some())
        .then_some(bounds)
}

/// The type of a stream's items.
fn item(bounds: &Bounds) -> Option<Type> {
    bounds
        .iter()
        .filter_map(trait_arguments)
        .flat_map(arguments)
        .find_map(|argument| match argument {
            GenericArgument::AssocType(it) if it.ident == "Item" => Some(it.ty.clone()),
            _ => None,
        })
}

/// The arguments of a bound that names `Stream`.
fn trait_arguments(bound: &TypeParamBound) -> Option<&PathArguments> {
    match bound {
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last()?;
            (last.ident == "Stream").then_some(&last.arguments)
        }
        _ => None,
    }
}

fn arguments(of: &PathArguments) -> impl Iterator<Item = &GenericArgument> {
    match of {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    }
    .into_iter()
    .flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn answer(signature: &str) -> Result<Answer> {
        Answer::of(&syn::parse_str(&format!("{signature} {{}}")).unwrap())
    }

    #[test]
    fn a_stream_is_seen_bare_boxed_and_within_a_result() {
        for (signature, is_fallible) in [
            ("fn f(&self) -> impl Stream<Item = Result<u8>>", false),
            (
                "fn f(&self) -> impl futures::Stream<Item = Result<u8>> + Send + '_",
                false,
            ),
            (
                "fn f(&self) -> Pin<Box<dyn Stream<Item = Result<u8>> + Send + '_>>",
                false,
            ),
            (
                "fn f(&self) -> Result<impl Stream<Item = Result<u8>>>",
                true,
            ),
            (
                "async fn f(&self) -> Result<impl Stream<Item = Result<u8>>, Error>",
                true,
            ),
            (
                "async fn f(&self) -> Result<Pin<Box<dyn Stream<Item = Result<u8>>>>>",
                true,
            ),
        ] {
            let Answer::Stream { item, fallible } = answer(signature).unwrap() else {
                panic!("no stream: {signature}")
            };
            assert_eq!(item.to_token_stream().to_string(), "Result < u8 >");
            assert_eq!(fallible, is_fallible, "{signature}");
        }
    }

    #[test]
    fn what_names_no_stream_is_a_value() {
        for signature in [
            "fn f(&self) -> Result<u8>",
            "fn f(&self) -> Result<Stream>",
            "fn f(&self) -> Result<impl Iterator<Item = u8>>",
        ] {
            assert!(
                matches!(answer(signature), Ok(Answer::Value(_))),
                "{signature}"
            );
        }
    }

    #[test]
    fn a_stream_without_its_item_and_a_handler_without_an_answer_are_refused() {
        assert!(answer("fn f(&self) -> impl Stream").is_err());
        assert!(answer("fn f(&self)").is_err());
    }
}
