//! What stands in `#[route(…)]`, and what of it goes into the route's record: a host refuses there what is refused here.

use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitInt, LitStr, Result, Token, parenthesized};

use crate::json;

const MAX_WEIGHT: u32 = 1000;
const MAX_LABELS: usize = 32;
const MAX_LABEL_NAME_LEN: usize = 64;
const MAX_LABEL_LEN: usize = 256;

/// `#[route("name")]`, with options behind it where wanted.
pub(crate) struct RouteOptions {
    pub(crate) name: LitStr,
    pub(crate) blocking: bool,
    pub(crate) logged: bool,
    idempotent: bool,
    weight: Option<u32>,
    max_concurrent: Option<u32>,
    labels: Vec<(String, String)>,
}

impl RouteOptions {
    /// The members of the record, each with a comma before it. What is as it would be without is left out.
    pub(crate) fn members(&self) -> String {
        let mut members = String::new();
        if let Some(weight) = self.weight {
            members.push_str(&format!(r#","weight":{weight}"#));
        }
        if let Some(most) = self.max_concurrent {
            members.push_str(&format!(r#","max_concurrent":{most}"#));
        }
        if self.idempotent {
            members.push_str(r#","idempotent":true"#);
        }
        if !self.labels.is_empty() {
            let labels = self.labels.iter();
            let labels = labels.map(|(name, text)| json::string(name) + ":" + &json::string(text));
            let labels: Vec<String> = labels.collect();
            members.push_str(&format!(r#","labels":{{{}}}"#, labels.join(",")));
        }
        members
    }

    fn option(&mut self, option: &Ident, input: ParseStream<'_>) -> Result<()> {
        match option.to_string().as_str() {
            "blocking" => self.blocking = true,
            "logged" => self.logged = true,
            "idempotent" => self.idempotent = true,
            "weight" => {
                let message = "a weight is 1 to 1000";
                self.weight = Some(number(input, 1..=MAX_WEIGHT, message)?);
            }
            "max_concurrent" => {
                let message =
                    "`max_concurrent` is 1 or more: leave it out for as many as the route allows";
                self.max_concurrent = Some(number(input, 1..=u32::MAX, message)?);
            }
            "labels" => {
                let labels;
                parenthesized!(labels in input);
                let labels = labels.parse_terminated(Label::parse, Token![,])?;
                for Label { name, text, at } in labels {
                    if self.labels.iter().any(|(other, _)| *other == name) {
                        let message = format!("label `{name}` is there already");
                        return Err(Error::new(at, message));
                    }
                    if self.labels.len() == MAX_LABELS {
                        let message = format!("a route has at most {MAX_LABELS} labels");
                        return Err(Error::new(at, message));
                    }
                    self.labels.push((name, text));
                }
            }
            _ => {
                let message = "known options: blocking, logged, weight = 2, max_concurrent = 4, idempotent, labels(name = \"text\")";
                return Err(Error::new(option.span(), message));
            }
        }
        Ok(())
    }
}

impl Parse for RouteOptions {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: LitStr = input.parse()?;
        if !crate::is_name(&name.value()) {
            let message = "a route's name is 1 to 64 of a to z, 0 to 9, `_` and `-`, and begins with a letter or digit";
            return Err(Error::new(name.span(), message));
        }
        let mut options = Self {
            name,
            blocking: false,
            logged: false,
            idempotent: false,
            weight: None,
            max_concurrent: None,
            labels: Vec::new(),
        };
        let mut seen: Vec<Ident> = Vec::new();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let option: Ident = input.parse()?;
            if seen.contains(&option) {
                let message = format!("`{option}` is there already");
                return Err(Error::new(option.span(), message));
            }
            options.option(&option, input)?;
            seen.push(option);
        }
        Ok(options)
    }
}

/// `= 7`.
fn number(
    input: ParseStream<'_>,
    within: std::ops::RangeInclusive<u32>,
    message: &str,
) -> Result<u32> {
    input.parse::<Token![=]>()?;
    let literal = input
        .parse::<LitInt>()
        .map_err(|error| Error::new(error.span(), message))?;
    let number = literal.base10_parse().ok();
    number
        .filter(|number| within.contains(number))
        .ok_or_else(|| Error::new(literal.span(), message))
}

/// `name = "text"`, or `"name" = "text"` for a name that is no identifier.
struct Label {
    name: String,
    text: String,
    at: proc_macro2::Span,
}

impl Parse for Label {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let (name, at) = if input.peek(LitStr) {
            let name: LitStr = input.parse()?;
            (name.value(), name.span())
        } else {
            let name = Ident::parse_any(input)?;
            (name.unraw().to_string(), name.span())
        };
        if name.is_empty() || name.len() > MAX_LABEL_NAME_LEN || name.contains(char::is_control) {
            let message =
                "a label's name is 1 to 64 bytes, without control characters: labels(zone = \"a\")";
            return Err(Error::new(at, message));
        }
        input.parse::<Token![=]>()?;
        let text = input.parse::<LitStr>().map_err(|error| {
            Error::new(error.span(), format!("a label is a text: {name} = \"…\""))
        })?;
        if text.value().len() > MAX_LABEL_LEN || text.value().contains(char::is_control) {
            let message = "a label's text is at most 256 bytes, without control characters";
            return Err(Error::new(text.span(), message));
        }
        Ok(Self {
            name,
            text: text.value(),
            at,
        })
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;

    use super::*;

    fn parsed(tokens: &str) -> Result<RouteOptions> {
        syn::parse2(tokens.parse::<TokenStream>().unwrap())
    }

    fn error(tokens: &str) -> String {
        match parsed(tokens) {
            Ok(_) => panic!("no error: {tokens}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_said_goes_into_the_record_and_the_rest_is_left_out() {
        assert_eq!(parsed(r#""x""#).unwrap().members(), "");
        let plain = parsed(r#""x", blocking, logged,"#).unwrap();
        assert_eq!(
            (plain.members(), plain.blocking, plain.logged),
            (String::new(), true, true)
        );
        let all = parsed(
            r#""x", weight = 1_000, max_concurrent = 4, idempotent, labels(zone = "a", type = "1", "disk.kind" = "\"",)"#,
        );
        assert_eq!(
            all.unwrap().members(),
            r#","weight":1000,"max_concurrent":4,"idempotent":true,"labels":{"zone":"a","type":"1","disk.kind":"\""}"#
        );
    }

    #[test]
    fn a_weight_is_1_to_1000() {
        for wrong in ["0", "1001", "-1", "1.5", "\"2\"", "99999999999999999999999"] {
            let message = error(&format!(r#""x", weight = {wrong}"#));
            assert_eq!(message, "a weight is 1 to 1000", "{wrong}");
        }
    }

    #[test]
    fn a_limit_of_none_at_all_is_refused() {
        assert_eq!(
            error(r#""x", max_concurrent = 0"#),
            "`max_concurrent` is 1 or more: leave it out for as many as the route allows"
        );
    }

    #[test]
    fn labels_have_a_name_once_and_a_text() {
        assert_eq!(
            error(r#""x", labels(zone = "a", zone = "b")"#),
            "label `zone` is there already"
        );
        assert_eq!(
            error(r#""x", labels(priority = 1)"#),
            "a label is a text: priority = \"…\""
        );
        assert!(error(r#""x", labels("" = "a")"#).starts_with("a label's name is"));
        assert!(error(r#""x", labels(a = "\n")"#).starts_with("a label's text is"));
        let many: String = (0..33).map(|number| format!("l{number} = \"\",")).collect();
        assert_eq!(
            error(&format!(r#""x", labels({many})"#)),
            "a route has at most 32 labels"
        );
    }

    #[test]
    fn an_option_that_is_unknown_or_there_twice_is_named() {
        assert!(error(r#""x", heavy"#).starts_with("known options: blocking"));
        assert_eq!(
            error(r#""x", weight = 1, weight = 2"#),
            "`weight` is there already"
        );
        assert!(error(r#""No Route""#).starts_with("a route's name is"));
    }
}
