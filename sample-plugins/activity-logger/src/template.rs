//! A text line's format, with placeholders in braces.

use std::fmt;

/// The format of a text line, unless the config has another.
pub(crate) const DEFAULT: &str = "{time} {level} {message}";

/// A format that was read: text and placeholders in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub(crate) parts: Vec<Part>,
}

/// One piece of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// Written as it is.
    Text(String),
    /// Written anew for each entry.
    Field(Field),
}

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Time,
    Level,
    Agent,
    Activity,
    Error,
    Kind,
    Causes,
    Details,
    Message,
}

/// Why a line format was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// There is no such placeholder.
    #[error("the placeholder {{{name}}} is unknown; known are {}", Known)]
    Unknown {
        /// What stands between the braces.
        name: String,
    },

    /// A brace is never closed.
    #[error("the {{ at character {position} is never closed; write {{{{ for a brace")]
    Open {
        /// Where it is, in characters from 1.
        position: usize,
    },

    /// A brace closes nothing.
    #[error("the }} at character {position} closes nothing; write }}}} for a brace")]
    Close {
        /// Where it is, in characters from 1.
        position: usize,
    },

    /// The format has a character that would break the line or command a terminal.
    #[error(
        "character {position} of the format is a control character; one entry is one line of text"
    )]
    Control {
        /// Where it is, in characters from 1.
        position: usize,
    },

    /// The format has no placeholder, so that every line would be the same.
    #[error("the format has no placeholder; known are {}", Known)]
    Constant,
}

impl Template {
    /// Reads a format. A tab is text as any other.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn parse(format: &str) -> Result<Template, TemplateError> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut chars = format.chars().zip(1..).peekable();
        while let Some((c, position)) = chars.next() {
            match c {
                '{' | '}' if chars.next_if(|(next, _)| *next == c).is_some() => text.push(c),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some(('}', _)) => break,
                            Some(('{', _)) | None => return Err(TemplateError::Open { position }),
                            Some((c, _)) => name.push(c),
                        }
                    }
                    let field = Field::named(&name).ok_or(TemplateError::Unknown { name })?;
                    if !text.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                    }
                    parts.push(Part::Field(field));
                }
                '}' => return Err(TemplateError::Close { position }),
                c if c.is_control() && c != '\t' => {
                    return Err(TemplateError::Control { position });
                }
                c => text.push(c),
            }
        }
        if parts.is_empty() {
            return Err(TemplateError::Constant);
        }
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Template { parts })
    }
}

impl Default for Template {
    /// `{time} {level} {message}`.
    fn default() -> Self {
        Template::parse(DEFAULT).expect("the default is a format")
    }
}

impl Field {
    const NAMES: [(&'static str, Field); 9] = [
        ("time", Field::Time),
        ("level", Field::Level),
        ("agent", Field::Agent),
        ("activity", Field::Activity),
        ("error", Field::Error),
        ("kind", Field::Kind),
        ("causes", Field::Causes),
        ("details", Field::Details),
        ("message", Field::Message),
    ];

    fn named(name: &str) -> Option<Field> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, field)| *field)
    }
}

/// The placeholders that there are, as a list.
struct Known;

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, _)) in Field::NAMES.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{{{name}}}")?;
        }
        Ok(())
    }
}
