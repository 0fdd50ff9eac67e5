//! What a browser remembers for its user: language and colors. Nothing of it is secret or trusted.

use axum::response::{IntoResponse, Response};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::form::OpenForm;
use crate::shell::see_other;
use crate::words::{Language, accepted};

const LANGUAGE: &str = "relay_language";
const THEME: &str = "relay_theme";

/// Light, dark, or as the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// The word in cookies, forms and styles.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    fn named(word: &str) -> Option<Self> {
        [Self::System, Self::Light, Self::Dark].into_iter().find(|theme| theme.as_str() == word)
    }
}

/// How pages are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    pub(crate) language: Language,
    pub(crate) theme: Theme,
}

impl Preferences {
    /// What the cookies say; the browser's own language where they say nothing.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let language = cookie(headers, LANGUAGE).and_then(Language::named);
        Self {
            language: language.unwrap_or_else(|| accepted(headers)),
            theme: cookie(headers, THEME).and_then(Theme::named).unwrap_or_default(),
        }
    }
}

/// A cookie's value.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lists = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lists.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(own, value)| (own == name).then_some(value))
}

/// `POST /preferences`: `language`, `theme`, and where to go back to.
pub(crate) async fn save(form: OpenForm) -> Response {
    let chosen = [
        (LANGUAGE, form.0.text("language").and_then(|word| Language::named(&word)).map(Language::as_str)),
        (THEME, form.0.text("theme").and_then(|word| Theme::named(&word)).map(Theme::as_str)),
    ];
    let mut response = see_other(&form.0.back()).into_response();
    for (name, value) in chosen {
        let Some(value) = value else { continue };
        let cookie = format!("{name}={value}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly");
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}
