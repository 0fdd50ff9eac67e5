//! Logging in with an admin token, and out.

use std::net::IpAddr;

use askama::Template;
use axum::Extension;
use axum::extract::FromRequest as _;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, StatusCode};
use relay_domain::Secret;

use crate::entry::{peer, set_session};
use crate::fault::{Fault, PageResult};
use crate::form::{Form, OpenForm, is_local};
use crate::format::Format;
use crate::preferences::Preferences;
use crate::query::Query;
use crate::shell::{Shell, page, see_other};
use crate::state::Console;
use crate::visit::Visit;
use crate::words::words;

words! {
    LoginWords {
        title => "Log in" / "登录";
        token => "Admin token" / "管理 token";
        hint => "It begins with rma- and was printed when the server first started, or set as RELAY_MANAGER_ADMIN_TOKEN." / "以 “rma-” 开头，在服务器第一次启动时打印，或由 RELAY_MANAGER_ADMIN_TOKEN 指定。";
        submit => "Log in" / "登录";
        missing => "Enter a token." / "请输入 token。";
        unknown => "This token is not known here. Check that it is whole, and not a consumer key." / "无法识别该 token，请检查是否完整，以及是否误用了使用方 key。";
        throttled(wait) => "Too many attempts from your address. Try again in {wait}." / "该地址的登录尝试过于频繁，请在 {wait}后重试。";
    }
}

/// The login page.
#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct Login {
    pub(crate) t: LoginWords,
    pub(crate) shell: Shell,
    pub(crate) back: String,
    pub(crate) fault: Option<String>,
}

impl Login {
    fn new(preferences: Preferences, here: &str, back: Option<String>, fault: Option<String>) -> Self {
        Self {
            t: LoginWords(preferences.language),
            shell: Shell::bare(preferences, here),
            back: back.filter(|back| is_local(back)).unwrap_or_else(|| "/".to_owned()),
            fault,
        }
    }
}

/// `GET /login`
pub(crate) async fn show(Extension(preferences): Extension<Preferences>, uri: http::Uri, query: Query) -> Response {
    let here = uri.path_and_query().map_or("/login", |path| path.as_str());
    page(&Login::new(preferences, here, query.text("back"), None))
}

/// `POST /login`: `token`, and where to go afterwards.
pub(crate) async fn log_in(
    State(console): State<Console>,
    Extension(preferences): Extension<Preferences>,
    request: Request,
) -> PageResult {
    let headers = request.headers().clone();
    let address = peer(request.extensions());
    let OpenForm(form) = OpenForm::from_request(request, &console).await?;
    let refused = |status, why| {
        let mut response = page(&Login::new(preferences, "/login", Some(form.back()), Some(why)));
        *response.status_mut() = status;
        response
    };
    let t = LoginWords(preferences.language);
    let Some(token) = form.text("token") else {
        return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, t.missing().to_owned()));
    };
    if let Err(wait) = console.throttle.attempt(address, console.control.now()) {
        let wait = wait.max(std::time::Duration::from_secs(1));
        let mut response = refused(StatusCode::TOO_MANY_REQUESTS, t.throttled(Format(preferences.language).span(wait)));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        return Ok(response);
    }
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(secret) = console.control.log_in(&Secret::new(&token), user_agent).await? else {
        log_refusal(address);
        return Ok(refused(StatusCode::UNAUTHORIZED, t.unknown().to_owned()));
    };
    console.throttle.succeeded(address);
    let mut response = see_other(&form.back());
    set_session(&mut response, Some(&secret), &headers);
    Ok(response)
}

fn log_refusal(address: IpAddr) {
    tracing::warn!(%address, "somebody tried to log in to the console with an unknown token");
}

/// `POST /logout`: ends this session, or with `everywhere` all of this token.
pub(crate) async fn log_out(
    State(console): State<Console>,
    visit: Visit,
    headers: http::HeaderMap,
    Form(form): Form,
) -> Result<Response, Fault> {
    if form.flag("everywhere") {
        console.control.log_out_everywhere(&visit.session).await?;
    } else {
        console.control.log_out(&visit.session).await?;
    }
    let mut response = see_other("/login?done=logged-out").into_response();
    set_session(&mut response, None, &headers);
    Ok(response)
}

#[cfg(test)]
pub(crate) fn samples(language: crate::words::Language) -> Vec<String> {
    let preferences = Preferences { language, ..Preferences::default() };
    let fault = LoginWords(language).throttled("3 min");
    let pages = [
        Login::new(preferences, "/login", None, None),
        Login::new(preferences, "/login?done=logged-out", Some("/decisions".into()), Some(fault)),
    ];
    pages.iter().map(crate::pages::rendering::render).collect()
}
