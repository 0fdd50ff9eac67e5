//! Why there is no page. A handler gives a [`Fault`]; [`crate::entry`] makes it a page in the
//! visitor's language, since it alone knows who asks.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use relay_control::access::Role;
use relay_control::explain::ExplainError;
use relay_control::fleet_document::Faults;
use relay_control::page::QueryError;
use relay_control::records::StoreError;

use crate::faults;
use crate::pages::fleet::told;
use crate::terms;
use crate::words::{Language, words};

/// A page cannot be shown, or something cannot be done.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Nobody is logged in; where to go afterwards.
    LogIn(String),
    /// There is nothing there.
    NotFound,
    /// The role is less than this.
    Forbidden(Role),
    /// A form without the session's token, or from another site.
    ForeignForm,
    /// A form that could not be read to its end.
    UnreadableForm,
    /// A parameter of the address cannot be read; its name.
    Parameter(&'static str),
    /// A use case refused, in its own words.
    Refused(StatusCode, String),
    /// What was asked for would leave the fleet with faults, and there is no form to say them at.
    Faulty(Faults),
    /// The store or the log cannot be read, in its own words.
    Unavailable(String),
}

/// Outcome of a handler.
pub(crate) type PageResult = Result<Response, Fault>;

words! {
    /// Pages of faults.
    FaultWords {
        not_found => "There is nothing here" / "这里什么也没有";
        not_found_why => "The address is wrong, or what was here is gone." / "地址有误，或者原来的内容已不存在。";
        forbidden => "Your role does not allow this" / "当前角色无权执行此操作";
        forbidden_why(role) => "It needs the role {role}. Ask an administrator for a token with it." / "需要{role}角色，请向管理员申请具有该角色的 token。";
        foreign_form => "The form was not accepted" / "表单未被接受";
        foreign_form_why => "It did not come from this console, or you have logged in anew since. Load the page again and repeat." / "表单不是从本控制台提交的，或者您在此期间重新登录过。请刷新页面后重试。";
        unreadable_form => "The form could not be read" / "无法读取表单";
        unreadable_form_why => "It was cut off, or is larger than 1 MiB." / "表单内容中断，或超过 1 MiB。";
        parameter => "The address cannot be read" / "无法识别该地址";
        parameter_why(name) => "The parameter {name} is not what it should be." / "参数 “{name}” 的取值有误。";
        refused => "This cannot be done" / "无法完成该操作";
        unavailable => "This cannot be read just now" / "暂时无法读取";
    }
}

impl Fault {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::LogIn(_) => StatusCode::SEE_OTHER,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden(_) | Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::UnreadableForm | Self::Parameter(_) => StatusCode::BAD_REQUEST,
            Self::Refused(status, _) => *status,
            Self::Faulty(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Title and reasons.
    pub(crate) fn told(&self, language: Language) -> (&'static str, Vec<String>) {
        let words = FaultWords(language);
        let (title, why) = match self {
            Self::LogIn(_) | Self::NotFound => (words.not_found(), words.not_found_why().to_owned()),
            Self::Forbidden(role) => (words.forbidden(), words.forbidden_why(terms::role(language, role.as_str()))),
            Self::ForeignForm => (words.foreign_form(), words.foreign_form_why().to_owned()),
            Self::UnreadableForm => (words.unreadable_form(), words.unreadable_form_why().to_owned()),
            Self::Parameter(name) => (words.parameter(), words.parameter_why(name)),
            Self::Refused(_, why) => (words.refused(), faults::said(language, why)),
            Self::Faulty(faults) => return (words.refused(), told::by_entry(language, faults)),
            Self::Unavailable(why) => (words.unavailable(), faults::said(language, why)),
        };
        (title, vec![why])
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, source = ?std::error::Error::source(&error), "the store failed");
        Self::Unavailable(error.to_string())
    }
}

impl From<QueryError> for Fault {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Store(error) => error.into(),
            error => {
                tracing::error!(%error, "the decision log cannot be read");
                Self::Unavailable(error.to_string())
            }
        }
    }
}

impl From<ExplainError> for Fault {
    fn from(error: ExplainError) -> Self {
        match error {
            ExplainError::Generation(_) => Self::Parameter("at_generation"),
            ExplainError::Query(error) => error.into(),
        }
    }
}
