//! Pages that many nouns share: a list, the sheet of one thing, and what will be done before it is.
//!
//! A page that is only a table fills a [`Listing`]; one of facts and tables a [`Sheet`]; whoever deletes,
//! clears or goes back shows a [`Confirm`] first. What needs a shape of its own has a template of its own.

use std::borrow::Cow;

use askama::Template;

use crate::cell::Cell;
use crate::chart::Chart;
use crate::shell::Shell;
use crate::terms::Badge;

/// A heading of a table.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) text: &'static str,
    pub(crate) is_number: bool,
}

impl Head {
    pub(crate) fn text(text: &'static str) -> Self {
        Self { text, is_number: false }
    }

    pub(crate) fn number(text: &'static str) -> Self {
        Self { text, is_number: true }
    }
}

/// Headings and rows; the first cell of a row names it.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) heads: Vec<Head>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// A button that leads to another page.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) href: String,
    pub(crate) text: Cow<'static, str>,
    /// `primary`, `danger`, or nothing.
    pub(crate) look: &'static str,
}

impl Action {
    pub(crate) fn new(href: impl Into<String>, text: impl Into<Cow<'static, str>>) -> Self {
        Self { href: href.into(), text: text.into(), look: "" }
    }

    /// The one thing to do here.
    pub(crate) fn primary(self) -> Self {
        Self { look: "primary", ..self }
    }

    /// Something is lost by it.
    pub(crate) fn danger(self) -> Self {
        Self { look: "danger", ..self }
    }
}

/// A field that narrows a list.
#[derive(Clone, Debug)]
pub(crate) struct Narrow {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) value: String,
    /// Word, text and whether it is chosen; for a field of free text none.
    pub(crate) choices: Vec<(String, String, bool)>,
    /// `text`, or `datetime-local`.
    pub(crate) kind: &'static str,
}

impl Narrow {
    pub(crate) fn text(name: &'static str, label: &'static str, value: Option<String>) -> Self {
        Self { name, label, value: value.unwrap_or_default(), choices: Vec::new(), kind: "text" }
    }

    /// A time in UTC, to the minute.
    pub(crate) fn time(name: &'static str, label: &'static str, value: Option<String>) -> Self {
        Self { kind: "datetime-local", ..Self::text(name, label, value) }
    }

    /// A choice of these words and texts; `any` stands for none of them.
    pub(crate) fn choice(
        name: &'static str,
        label: &'static str,
        value: Option<String>,
        any: &'static str,
        words: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let value = value.unwrap_or_default();
        let words = std::iter::once((String::new(), any.to_owned())).chain(words);
        let choices = words.map(|(word, text)| {
            let is_chosen = word == value;
            (word, text, is_chosen)
        });
        Self { name, label, choices: choices.collect(), value, kind: "text" }
    }
}

/// A list.
#[derive(Template)]
#[template(path = "kit/listing.html")]
pub(crate) struct Listing {
    pub(crate) shell: Shell,
    pub(crate) title: &'static str,
    pub(crate) intro: &'static str,
    pub(crate) actions: Vec<Action>,
    /// The path of the list, that its filters are sent to.
    pub(crate) path: &'static str,
    pub(crate) narrows: Vec<Narrow>,
    /// The button of the filters.
    pub(crate) apply: &'static str,
    pub(crate) table: Table,
    /// What is said when there is no row.
    pub(crate) empty: &'static str,
    /// Without a row there is not yet what the first run makes: the way there is shown.
    pub(crate) begins: bool,
    pub(crate) pager: Pager,
}

/// The ways to other pages of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pager {
    /// How many there are, where that is known.
    pub(crate) count: String,
    /// The address of the first page, when this is another.
    pub(crate) first: Option<String>,
    pub(crate) next: Option<String>,
    /// What is next is older; else it comes later in the order of ids.
    pub(crate) is_by_time: bool,
}

impl Pager {
    /// Of what stands with the newest first.
    pub(crate) fn by_time(newest: Option<String>, older: Option<String>) -> Self {
        Self { count: String::new(), first: newest, next: older, is_by_time: true }
    }

    /// Of what stands in the order of its ids.
    pub(crate) fn by_id(count: String, first: Option<String>, next: Option<String>) -> Self {
        Self { count, first, next, is_by_time: false }
    }
}

/// A part of a sheet.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) title: &'static str,
    pub(crate) hint: String,
    pub(crate) facts: Vec<(&'static str, Cell)>,
    pub(crate) table: Option<Table>,
    /// What is said when the table has no row.
    pub(crate) empty: &'static str,
    /// What is said in place of the table or text until it is opened; nothing leaves it open.
    pub(crate) folded: String,
    /// On a phone each row of the table is a block of lines.
    pub(crate) is_stacked: bool,
    /// Text to copy, with its id in the page.
    pub(crate) code: Option<(&'static str, String)>,
    pub(crate) charts: Vec<Chart>,
    pub(crate) actions: Vec<Action>,
    /// The address of its page and how often, when it is to refresh itself.
    pub(crate) refresh: Option<(String, &'static str)>,
    /// Where what takes its place is asked for, once the page stands.
    pub(crate) later: Option<String>,
}

impl Part {
    pub(crate) fn new(title: &'static str) -> Self {
        Self {
            title,
            hint: String::new(),
            facts: Vec::new(),
            table: None,
            empty: "",
            folded: String::new(),
            is_stacked: false,
            code: None,
            charts: Vec::new(),
            actions: Vec::new(),
            refresh: None,
            later: None,
        }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..self }
    }

    pub(crate) fn facts(self, facts: Vec<(&'static str, Cell)>) -> Self {
        Self { facts, ..self }
    }

    pub(crate) fn table(self, table: Table, empty: &'static str) -> Self {
        Self { table: Some(table), empty, ..self }
    }

    /// Table and text are opened by who wants to read them; `summary` says what they are.
    pub(crate) fn folded(self, summary: impl Into<String>) -> Self {
        Self { folded: summary.into(), ..self }
    }

    /// A table of names and values that are read row by row.
    pub(crate) fn stacked(self, table: Table) -> Self {
        Self { is_stacked: true, ..self.table(table, "") }
    }

    pub(crate) fn actions(self, actions: Vec<Action>) -> Self {
        Self { actions, ..self }
    }

    pub(crate) fn charts(self, charts: Vec<Chart>) -> Self {
        Self { charts, ..self }
    }

    /// Refreshes itself out of this page, every five seconds.
    pub(crate) fn live(self, page: impl Into<String>) -> Self {
        self.live_every(page, "5s")
    }

    /// Refreshes itself out of this page, so often.
    pub(crate) fn live_every(self, page: impl Into<String>, span: &'static str) -> Self {
        Self { refresh: Some((page.into(), span)), ..self }
    }

    /// Gives way to what stands at this address: for what takes longer than a page may.
    pub(crate) fn later(self, address: impl Into<String>) -> Self {
        Self { later: Some(address.into()), ..self }
    }

    pub(crate) fn code(self, id: &'static str, text: String) -> Self {
        Self { code: Some((id, text)), ..self }
    }
}

/// Everything about one thing.
#[derive(Template)]
#[template(path = "kit/sheet.html")]
pub(crate) struct Sheet {
    pub(crate) shell: Shell,
    pub(crate) noun: &'static str,
    pub(crate) name: String,
    pub(crate) badges: Vec<Badge>,
    /// Back to the list: address and text.
    pub(crate) back: Option<(&'static str, &'static str)>,
    pub(crate) actions: Vec<Action>,
    pub(crate) parts: Vec<Part>,
}

/// A box to tick.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    /// It is not done without.
    pub(crate) is_required: bool,
}

/// What a button will do, before it does it.
#[derive(Template)]
#[template(path = "kit/confirm.html")]
pub(crate) struct Confirm {
    pub(crate) shell: Shell,
    pub(crate) title: String,
    pub(crate) sentences: Vec<String>,
    /// What is probably not meant, a line each.
    pub(crate) warnings: Vec<String>,
    /// What will change, if there is more to say than sentences.
    pub(crate) parts: Vec<Part>,
    /// Where the form is sent.
    pub(crate) action: String,
    pub(crate) hidden: Vec<(&'static str, String)>,
    pub(crate) check: Option<Check>,
    /// Empty when there is nothing to do.
    pub(crate) button: &'static str,
    pub(crate) is_danger: bool,
    /// Address and text of the way back.
    pub(crate) cancel: (String, &'static str),
}
