//! The decision log (spec §7).

pub(crate) mod explain;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod stream;

use relay_control::decisions::{Filter, Verdict};
use relay_domain::Timestamp;
use utoipa::IntoParams;

use crate::query::Filters;

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

/// The filters of the list and of the stream.
const FILTERS: [&str; 10] = [
    "consumer",
    "logical_group_id",
    "public_model",
    "route_id",
    "host_id",
    "verdict",
    "sticky_key",
    "request_id",
    "from",
    "to",
];

fn filter(filters: &mut Filters) -> Filter {
    Filter {
        consumer: filters.text("consumer"),
        logical_group_id: filters.text("logical_group_id"),
        public_model: filters.text("public_model"),
        route_id: filters.text("route_id"),
        host_id: filters.text("host_id"),
        verdict: filters.parsed("verdict", verdict),
        sticky_key: filters.text("sticky_key"),
        request_id: filters.text("request_id"),
        from: filters.time("from"),
        to: filters.time("to"),
    }
}

/// The word of a verdict, or `open`.
fn verdict(text: &str) -> Result<String, String> {
    let words = || Verdict::ALL.map(Verdict::as_str).into_iter().chain(["open"]);
    let known = words().find(|word| *word == text);
    known.map(str::to_owned).ok_or_else(|| format!("must be one of {}", words().collect::<Vec<_>>().join(", ")))
}
