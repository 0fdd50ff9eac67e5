//! The decision log (spec §7).

pub(crate) mod explain;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod stream;

use relay_control::decisions::{Filter, Verdict};
use relay_domain::Timestamp;
use utoipa::IntoParams;

use crate::query::Query;

/// Which decisions are meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `filter` reads")]
struct DecisionQuery {
    /// Of this consumer key.
    consumer: Option<String>,
    /// Of this group.
    logical_group_id: Option<String>,
    /// For this model.
    public_model: Option<String>,
    /// Over this route.
    route_id: Option<String>,
    /// To this host.
    host_id: Option<String>,
    /// That ended so: `complete`, `truncated`, `error_in_stream`, `client_gone`, `idle_cut`, `failed`, `resolved`,
    /// `interrupted`, or `open` while the request is served.
    #[param(pattern = "^(complete|truncated|error_in_stream|client_gone|idle_cut|failed|resolved|interrupted|open)$")]
    verdict: Option<String>,
    /// Of this binding.
    sticky_key: Option<String>,
    /// With this id.
    request_id: Option<String>,
    /// From this time on.
    from: Option<Timestamp>,
    /// Before this time.
    to: Option<Timestamp>,
}

fn filter(query: &mut Query) -> Filter {
    Filter {
        consumer: query.text("consumer"),
        logical_group_id: query.text("logical_group_id"),
        public_model: query.text("public_model"),
        route_id: query.text("route_id"),
        host_id: query.text("host_id"),
        verdict: query.parsed("verdict", verdict),
        sticky_key: query.text("sticky_key"),
        request_id: query.text("request_id"),
        from: query.time("from"),
        to: query.time("to"),
    }
}

/// The word of a verdict, or `open`.
fn verdict(text: &str) -> Result<String, String> {
    let words = || Verdict::ALL.map(Verdict::as_str).into_iter().chain(["open"]);
    let known = words().find(|word| *word == text);
    known.map(str::to_owned).ok_or_else(|| format!("must be one of {}", words().collect::<Vec<_>>().join(", ")))
}
