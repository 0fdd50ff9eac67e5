//! What stands in a table's cell or beside the name of a fact: text, a link, a badge, a moment.

use relay_domain::Timestamp;

use crate::format::{Moment, NOTHING};
use crate::terms::Badge;
use crate::visit::Visit;

/// One cell; `note` stands small below it.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) body: Body,
    pub(crate) note: String,
}

/// What a cell shows.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Text(String),
    /// Stands in for a value.
    Quiet(&'static str),
    /// A short text, and the whole of it in its title.
    Brief {
        text: String,
        whole: String,
    },
    /// Aligned to the right.
    Number(String),
    /// The number that a page is looked at for.
    Count(String),
    /// An id or key, in a fixed width.
    Code(String),
    /// A field by its label, with its name in files below it.
    Field {
        label: &'static str,
        path: String,
    },
    Link {
        href: String,
        text: String,
    },
    Badge(Badge),
    /// A moment with how long ago it was.
    When {
        at: Moment,
        ago: String,
    },
    /// The same in a list whose lines are close together: by the clock, how long ago in its hint.
    Clock {
        at: Moment,
        ago: String,
    },
}

impl Cell {
    fn new(body: Body) -> Self {
        Self { body, note: String::new() }
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(Body::Text(if text.is_empty() { NOTHING.to_owned() } else { text }))
    }

    pub(crate) fn quiet(text: &'static str) -> Self {
        Self::new(Body::Quiet(text))
    }

    pub(crate) fn field(label: &'static str, path: &str) -> Self {
        match label {
            "" => Self::code(path),
            same if same.eq_ignore_ascii_case(path) => Self::text(same),
            label => Self::new(Body::Field { label, path: path.to_owned() }),
        }
    }

    pub(crate) fn brief(text: impl Into<String>, whole: impl Into<String>) -> Self {
        Self::new(Body::Brief { text: text.into(), whole: whole.into() })
    }

    pub(crate) fn number(text: impl Into<String>) -> Self {
        Self::new(Body::Number(text.into()))
    }

    pub(crate) fn count(text: impl Into<String>) -> Self {
        Self::new(Body::Count(text.into()))
    }

    pub(crate) fn code(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::text(text) } else { Self::new(Body::Code(text)) }
    }

    pub(crate) fn link(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Body::Link { href: href.into(), text: text.into() })
    }

    pub(crate) fn badge(badge: Badge) -> Self {
        Self::new(Body::Badge(badge))
    }

    pub(crate) fn when(visit: &Visit, at: Timestamp) -> Self {
        let format = visit.format();
        Self::new(Body::When { at: format.moment(at), ago: format.relative(at, visit.now) })
    }

    pub(crate) fn clock(visit: &Visit, at: Timestamp) -> Self {
        let format = visit.format();
        Self::new(Body::Clock { at: format.moment(at), ago: format.relative(at, visit.now) })
    }

    pub(crate) fn optional_when(visit: &Visit, at: Option<Timestamp>) -> Self {
        at.map_or_else(|| Self::text(""), |at| Self::when(visit, at))
    }

    /// With this below it.
    pub(crate) fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }
}
