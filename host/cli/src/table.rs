//! Tables and colours on the terminal.

use std::fmt;

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Row};

use crate::text::plain;

/// A table without borders, so that its columns can be cut by other programs.
pub(crate) struct Table(comfy_table::Table);

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(
            head.iter()
                .map(|name| name.to_uppercase())
                .collect::<Vec<_>>(),
        );
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self(table)
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.0.add_row(Row::from(
            cells
                .iter()
                .map(|cell| plain(cell).into_owned())
                .collect::<Vec<_>>(),
        ));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.trim_fmt())
    }
}

/// What a line is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    Red,
    Green,
    Yellow,
    Dim,
}

/// The text in that colour, where colours are shown at all.
pub(crate) fn paint(text: &str, colour: Option<Colour>, colours: bool) -> String {
    let code = match colour {
        Some(colour) if colours => match colour {
            Colour::Red => "31",
            Colour::Green => "32",
            Colour::Yellow => "33",
            Colour::Dim => "2",
        },
        _ => return text.to_owned(),
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
