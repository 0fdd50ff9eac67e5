//! `explain`: why a request went where it went, in the order it was decided, or where one would go.

use serde_json::Value;

use super::Exit;
use super::api::Api;
use crate::client::{encode, with_query};
use crate::output::{Output, printable};

/// Which request.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// Id of a past request: the X-Request-ID of its answer
    #[arg(required_unless_present = "model", conflicts_with = "model")]
    request_id: Option<String>,
    /// Plan the past request in the fleet of this generation instead of its own
    #[arg(long, value_name = "N", requires = "request_id")]
    at_generation: Option<u64>,
    /// Where a request for this model would go, if it came now
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// … to this group; with --key it may be left out
    #[arg(long, value_name = "GROUP", requires = "model")]
    group: Option<String>,
    /// … of this conversation, by the id that its client sends
    #[arg(long, value_name = "ID", requires = "model", conflicts_with = "subject")]
    conversation: Option<String>,
    /// … of this user or conversation, as the group's scope has it
    #[arg(long, value_name = "ID", requires = "model")]
    subject: Option<String>,
    /// … sticky by user, conversation or none [default: as the group has it]
    #[arg(long, value_name = "SCOPE", requires = "model")]
    scope: Option<String>,
    /// … with this consumer key (its id)
    #[arg(long, value_name = "KEY", requires = "model")]
    key: Option<String>,
    /// For whom the text is: a customer's names no host, route or group
    #[arg(long, value_name = "WHO", value_enum, default_value_t = Audience::Operator)]
    audience: Audience,
    #[command(flatten)]
    api: Api,
}

/// For whom a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Audience {
    /// With hosts, routes and reasons.
    Operator,
    /// To be forwarded to whoever made the request.
    Customer,
}

pub(super) async fn run(args: ExplainArgs, output: Output) -> anyhow::Result<Exit> {
    let audience = args.audience;
    let explained = if let Some(id) = &args.request_id {
        past(args.api, id, args.at_generation).await?
    } else {
        let query = [
            ("public_model", args.model),
            ("logical_group_id", args.group),
            ("conversation", args.conversation),
            ("subject_id", args.subject),
            ("scope", args.scope),
            ("key_id", args.key),
        ];
        args.api.client()?.get(&with_query("/api/v1/explain", &query)).await?
    };
    let text = match audience {
        Audience::Operator => "text",
        Audience::Customer => "customer_text",
    };
    output.value(&explained, || printable(explained[text].as_str().unwrap_or_default()))?;
    Ok(Exit::Done)
}

async fn past(api: Api, id: &str, at_generation: Option<u64>) -> anyhow::Result<Value> {
    let path = format!("/api/v1/decisions/{}/explain", encode(id));
    let path = with_query(&path, &[("at_generation", at_generation.map(|number| number.to_string()))]);
    Ok(api.client()?.get(&path).await?)
}

/// Microseconds as milliseconds with one place; nothing when unknown.
pub(super) fn milliseconds(us: &Value) -> String {
    us.as_u64().map(|us| format!("{}.{}", us / 1000, us % 1000 / 100)).unwrap_or_default()
}
