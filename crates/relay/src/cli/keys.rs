//! `key`: consumer keys, made and changed on a running server.

use std::collections::BTreeMap;

use anyhow::bail;
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::Exit;
use super::api::{Api, Page};
use super::nouns::{self, NounCommand, flat_facts};
use crate::client::encode;
use crate::output::{Output, field};

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Make a key; its secret is shown this once
    Create {
        /// Its id, which names the consumer everywhere; made up when left out
        id: Option<String>,
        #[command(flatten)]
        terms: Terms,
        #[command(flatten)]
        api: Api,
    },
    /// List them
    List {
        #[command(flatten)]
        page: Page,
        #[command(flatten)]
        api: Api,
    },
    /// Show one
    Show {
        /// Its id
        id: String,
        #[command(flatten)]
        api: Api,
    },
    /// Change what is named of one; the rest stays
    Update {
        /// Its id
        id: String,
        #[command(flatten)]
        terms: Terms,
        #[command(flatten)]
        api: Api,
    },
    /// Give one a new secret, shown this once; the present one is good for a while more
    Rotate {
        /// Its id
        id: String,
        /// How long both secrets are good; 0s ends the present one at once
        #[arg(long, value_name = "SPAN", default_value = "24h")]
        overlap: String,
        #[command(flatten)]
        api: Api,
    },
    /// Refuse one from now on
    Disable {
        /// Its id
        id: String,
        #[command(flatten)]
        api: Api,
    },
    /// Accept one again
    Enable {
        /// Its id
        id: String,
        #[command(flatten)]
        api: Api,
    },
    /// Remove one; its decisions stay in the log
    Delete {
        /// Its id
        id: String,
        #[command(flatten)]
        api: Api,
    },
}

/// What a key may do; a blank text takes a restriction away.
#[derive(Debug, clap::Args)]
pub(crate) struct Terms {
    /// A name for people
    #[arg(long)]
    label: Option<String>,
    /// A group that it may call; repeat it, the order counts
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// A public model that it may call, or a prefix such as gpt-5*; repeat it
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<String>,
    /// An address or range that it may be used from; repeat it
    #[arg(long = "allow-ip", value_name = "ADDRESS")]
    allowed_ips: Vec<String>,
    /// When it ends, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    expires_at: Option<String>,
    /// What its requests are bound by when they name no conversation
    #[arg(long, value_name = "ID")]
    subject_id: Option<String>,
    /// Host user for managed routes
    #[arg(long, value_name = "USER")]
    subscription_user: Option<String>,
    /// Whether answers carry the X-Relay-* fields
    #[arg(long, value_name = "BOOL")]
    expose_routing: Option<bool>,
    /// A limit: rpm, tpm, tpd or concurrency, such as rpm=600; repeat it. All limits are replaced
    #[arg(long = "limit", value_name = "NAME=N", value_parser = limit)]
    limits: Vec<(String, u64)>,
    /// Take all limits away
    #[arg(long, conflicts_with = "limits")]
    no_limits: bool,
    /// A budget, such as money=25.00/month or tokens=5000000/day; repeat it. All budgets are replaced
    #[arg(long = "budget", value_name = "KIND=N/PERIOD", value_parser = budget)]
    budgets: Vec<Value>,
    /// Take all budgets away
    #[arg(long, conflicts_with = "budgets")]
    no_budgets: bool,
}

/// The limits that there are.
const LIMITS: [&str; 4] = ["rpm", "tpm", "tpd", "concurrency"];

fn limit(text: &str) -> Result<(String, u64), String> {
    let (name, number) = text.split_once('=').ok_or("write it as rpm=600")?;
    let number = number.trim().parse().map_err(|_| format!("{number:?} is no whole number"))?;
    Ok((name.trim().to_owned(), number))
}

fn budget(text: &str) -> Result<Value, String> {
    let form = "write it as money=25.00/month or tokens=5000000/day";
    let (amount, period) = text.rsplit_once('/').ok_or(form)?;
    match amount.split_once('=') {
        Some(("money", money)) => Ok(json!({ "money": money.trim(), "period": period.trim() })),
        Some(("tokens", tokens)) => {
            let tokens: u64 = tokens.trim().parse().map_err(|_| format!("{tokens:?} is no whole number"))?;
            Ok(json!({ "tokens": tokens, "period": period.trim() }))
        }
        _ => Err(form.to_owned()),
    }
}

impl Terms {
    /// The fields that were given.
    fn fields(self) -> Map<String, Value> {
        let list = |values: Vec<String>| {
            let values: Vec<String> = values.into_iter().filter(|value| !value.trim().is_empty()).collect();
            json!(values)
        };
        // A patch merges tables: what is not said is taken away by name.
        let mut limits: BTreeMap<String, Value> = LIMITS.map(|name| (name.to_owned(), Value::Null)).into();
        limits.extend(self.limits.iter().map(|(name, limit)| (name.clone(), (*limit).into())));
        let fields = [
            ("label", self.label.map(Value::from)),
            ("logical_groups", (!self.groups.is_empty()).then(|| list(self.groups))),
            ("models", (!self.models.is_empty()).then(|| list(self.models))),
            ("allowed_ips", (!self.allowed_ips.is_empty()).then(|| list(self.allowed_ips))),
            ("expires_at", self.expires_at.map(|time| if time.is_empty() { Value::Null } else { time.into() })),
            ("subject_id", self.subject_id.map(Value::from)),
            ("subscription_user", self.subscription_user.map(Value::from)),
            ("expose_routing", self.expose_routing.map(Value::from)),
            ("limits", (self.no_limits || !self.limits.is_empty()).then(|| json!(limits))),
            ("budgets", (self.no_budgets || !self.budgets.is_empty()).then(|| json!(self.budgets))),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

pub(super) async fn run(command: KeyCommand, output: Output) -> anyhow::Result<Exit> {
    match command {
        KeyCommand::List { page, api } => {
            return nouns::run(&nouns::KEY, NounCommand::List { page, api }, output).await;
        }
        KeyCommand::Show { id, api } => return nouns::run(&nouns::KEY, NounCommand::Show { id, api }, output).await,
        KeyCommand::Create { id, terms, api } => {
            let mut fields = terms.fields();
            if !fields.contains_key("logical_groups") {
                bail!("nothing says which groups the key may call; pass --group");
            }
            fields.extend(id.map(|id| ("key_id".to_owned(), id.into())));
            let made = api.client()?.post("/api/v1/keys", &Value::Object(fields)).await?;
            show_secret(&made, output)?;
        }
        KeyCommand::Rotate { id, overlap, api } => {
            let path = format!("{}/rotate", path(&id));
            let made = api.client()?.post(&path, &json!({ "overlap": overlap })).await?;
            show_secret(&made, output)?;
        }
        KeyCommand::Update { id, terms, api } => {
            let fields = terms.fields();
            if fields.is_empty() {
                bail!("nothing says what to change; `relay-manager key update --help` lists what can be");
            }
            let key = patch(&id, &Value::Object(fields), api).await?;
            output.value(&key, || flat_facts(&key))?;
        }
        KeyCommand::Disable { id, api } => {
            let key = patch(&id, &json!({ "enabled": false }), api).await?;
            output.value(&key, || format!("key {id} is disabled"))?;
        }
        KeyCommand::Enable { id, api } => {
            let key = patch(&id, &json!({ "enabled": true }), api).await?;
            output.value(&key, || format!("key {id} is enabled"))?;
        }
        KeyCommand::Delete { id, api } => {
            api.client()?.delete(&path(&id)).await?;
            output.value(&json!({ "deleted": id }), || format!("key {id} is gone"))?;
        }
    }
    Ok(Exit::Done)
}

fn path(id: &str) -> String {
    format!("/api/v1/keys/{}", encode(id))
}

async fn patch(id: &str, patch: &Value, api: Api) -> anyhow::Result<Value> {
    Ok(api.client()?.patch(&path(id), patch).await?)
}

fn show_secret(made: &Value, output: Output) -> std::io::Result<()> {
    output.value(made, || {
        let until = field(made, "previous_secret_until");
        let until = if until.is_empty() { until } else { format!("\nthe secret before it is good until {until}") };
        format!("key of {}, shown this once: {}{until}", field(made, "key_id"), field(made, "key"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_budgets_are_read_as_they_are_written() {
        assert_eq!(limit("rpm=600"), Ok(("rpm".to_owned(), 600)));
        assert!(limit("rpm").is_err() && limit("rpm=many").is_err());
        assert_eq!(budget("money=25.00/month"), Ok(json!({ "money": "25.00", "period": "month" })));
        assert_eq!(budget("tokens=5/day"), Ok(json!({ "tokens": 5, "period": "day" })));
        assert!(budget("5/day").is_err() && budget("tokens=5").is_err());
    }
}
