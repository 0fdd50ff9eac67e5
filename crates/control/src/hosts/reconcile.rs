//! Our decisions joined with what a host billed (sub2api-host-api.md §2.6): what is on one side only, twice, or not
//! the same.
//!
//! Newer hosts bill under the `X-Client-Request-ID` of their answer. Older ones bill under the upstream's
//! `x-request-id`, which they also put on their answer; where an upstream sends none, neither side has a name, and
//! what has none is compared by its sums.
//!
//! Hosts write their rows seconds after the answer, so the last of them are left out. Rows of keys that
//! are not ours are nobody's business here.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use relay_domain::{Host, Timestamp};
use relay_hosts::admin::{RemoteKeyId, UsageFilter, UsageRow};
use relay_ledger::{Decision, Filter};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::progress::Work;
use super::{HostError, admin};
use crate::Control;

/// What happened so short a time ago may not be on the host's bill yet.
const LAG: Duration = Duration::from_mins(1);

/// Rows of either side that are read at most: a bound on memory, told when it is met.
const MOST: usize = 200_000;

/// Decisions read at once.
const PAGE: usize = 1_000;

/// Differences that are listed; all are counted.
const LISTED: usize = 1_000;

/// Sums of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = BillSums)]
pub struct Sums {
    /// Rows.
    pub requests: u64,
    /// Input tokens, cached ones included.
    pub input_tokens: u64,
    /// Output tokens.
    pub output_tokens: u64,
    /// What it cost by the host's word, in USD; of our side, of the rows that were found there.
    pub cost_usd: f64,
}

/// By what the rows of both sides are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JoinedBy {
    /// The host's `X-Client-Request-ID`.
    ClientRequestId,
    /// The upstream's `x-request-id`, which the host hands on.
    UpstreamRequestId,
    /// The host names no row.
    Nothing,
}

/// Rows without a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Unjoined {
    /// Decisions to whose answer the host gave no name.
    pub ours: Sums,
    /// Rows of the host without one.
    pub theirs: Sums,
}

/// One row that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = BillDifference)]
pub struct Difference {
    /// `missing_on_host`, `missing_here`, `double` or `differs`.
    #[schema(value_type = String)]
    pub kind: Cow<'static, str>,
    /// Our id of the request.
    #[schema(required)]
    pub request_id: Option<String>,
    /// The host's.
    pub host_request_id: String,
    /// In words.
    pub message: String,
}

/// The two sides of a host's bill.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Reconciled {
    /// The host.
    pub host_id: String,
    /// From then on.
    pub since: Timestamp,
    /// Until then.
    pub until: Timestamp,
    /// Whether the host names requests in a way that can be joined.
    pub can_be_joined: bool,
    /// By what.
    pub joined_by: JoinedBy,
    /// Everything of ours that the host answered.
    pub ours: Sums,
    /// Everything that the host billed to keys of ours.
    pub theirs: Sums,
    /// On both sides and the same.
    pub matched: u64,
    /// Answered by the host, and not on its bill.
    pub missing_on_host: u64,
    /// On its bill, and not in our log: attempts that were given up count here.
    pub missing_here: u64,
    /// Billed more than once.
    pub double: u64,
    /// On both sides with other numbers of tokens.
    pub differing: u64,
    /// What has no name on either side, and is compared by its sums alone.
    pub unjoined: Unjoined,
    /// What the rows cost that are missing here or double, in USD.
    pub unexplained_usd: f64,
    /// The first thousand of them.
    pub differences: Vec<Difference>,
    /// Whether more rows were there than are read.
    pub is_truncated: bool,
}

impl Control {
    /// Joins our log with a host's bill, from `since` to a minute ago.
    ///
    /// # Errors
    /// When host or log cannot be read.
    pub async fn reconcile_host(&self, id: &str, since: Timestamp, actor: &str) -> Result<Reconciled, HostError> {
        self.kept(id, "reconcile", actor, self.join_bill(id, since, actor)).await
    }

    async fn join_bill(&self, id: &str, since: Timestamp, actor: &str) -> Result<Reconciled, HostError> {
        let host = self.reached(id)?;
        let until = self.now().checked_sub(LAG).unwrap_or(since);
        let work = self.begin_work(&host, "reconcile");
        work.at(0, 0, "reading the decision log");
        let (ours, was_cut) = self.answered_by(&host, since, until).await?;
        let (theirs, rows_cut) = self.billed_by(&host, (since, until), &ours, &work).await?;
        let mut reconciled = reconcile(&ours, &theirs);
        reconciled.host_id = host.id.to_string();
        (reconciled.since, reconciled.until) = (since, until);
        reconciled.is_truncated = was_cut || rows_cut;
        let details = json!({
            "host_id": host.id.as_str(), "missing_on_host": reconciled.missing_on_host,
            "missing_here": reconciled.missing_here, "double": reconciled.double, "differing": reconciled.differing,
        });
        let (subject, summary) = (format!("host:{}", host.id), format!("reconciled host \"{}\"", host.id));
        self.audit_about(&[subject], actor, "host.reconcile", summary, details).await?;
        Ok(reconciled)
    }

    /// Our decisions that the host answered with success.
    async fn answered_by(
        &self,
        host: &Host,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<(Vec<Decision>, bool), HostError> {
        // Rows are read where they are filed.
        self.parts.ledger.settle().await;
        let reader = self.reader.clone();
        let filter =
            Filter { host_id: Some(host.id.to_string()), from: Some(since), to: Some(until), ..Filter::default() };
        let read = tokio::task::spawn_blocking(move || {
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let page = reader.list(&filter, cursor, PAGE).map_err(|error| error.to_string())?;
                let is_answered = |decision: &Decision| decision.upstream_status.is_some_and(|status| status < 300);
                found.extend(page.items.into_iter().filter(is_answered));
                cursor = page.next_cursor;
                if cursor.is_none() || found.len() >= MOST {
                    return Ok((found, cursor.is_some()));
                }
            }
        });
        read.await.map_err(|_| HostError::Log("a reading thread died".to_owned()))?.map_err(HostError::Log)
    }

    /// The host's rows of keys that we sent.
    async fn billed_by(
        &self,
        host: &Host,
        (since, until): (Timestamp, Timestamp),
        ours: &[Decision],
        work: &Work,
    ) -> Result<(Vec<UsageRow>, bool), HostError> {
        let client = self.parts.managed.hosts().client(host);
        let managed: BTreeSet<i64> =
            self.parts.store.remote_keys(&host.id).await?.into_iter().map(|(_, id)| id).collect();
        let known: BTreeSet<&str> =
            ours.iter().filter_map(|decision| decision.upstream_request_id.as_deref()).collect();
        // A day more on both sides: hosts count days in a time zone of their own.
        let day = |at: Timestamp, hours: i64| {
            let at = at.checked_add(jiff::SignedDuration::from_hours(hours)).unwrap_or(at);
            at.strftime("%Y-%m-%d").to_string()
        };
        let filter =
            UsageFilter { start_date: Some(day(since, -24)), end_date: Some(day(until, 24)), ..UsageFilter::default() };
        let (mut rows, mut page, mut looked_at) = (Vec::new(), 1, 0);
        work.at(0, 0, "reading the host's bill");
        loop {
            let read = client.usage(&filter, page).await.map_err(admin(host))?;
            let is_last = read.items.is_empty() || u64::from(page) * u64::from(read.page_size.max(1)) >= read.total;
            looked_at += read.items.len();
            // On newer hosts the total is an estimate.
            work.at(looked_at, looked_at.max(read.total as usize), "reading the host's bill");
            rows.extend(read.items.into_iter().filter(|row| {
                let is_managed = row.api_key_id.is_some_and(|RemoteKeyId(id)| managed.contains(&id));
                let is_within = row.created_at.is_none_or(|at| at >= since && at <= until);
                // A request of that time may have ended after it. Of later ones we look at neither side.
                is_managed && is_within || name_of(row).is_some_and(|id| known.contains(id))
            }));
            if is_last || rows.len() >= MOST {
                return Ok((rows, !is_last));
            }
            page += 1;
        }
    }
}

/// The id that the host's answer carried.
fn client_id(row: &UsageRow) -> Option<&str> {
    row.request_id.strip_prefix("client:")
}

/// The name under which a row can be found on our side.
fn name_of(row: &UsageRow) -> Option<&str> {
    client_id(row).or(Some(&*row.request_id)).filter(|name| !name.is_empty())
}

fn joined_by(theirs: &[UsageRow]) -> JoinedBy {
    if theirs.is_empty() || theirs.iter().any(|row| client_id(row).is_some()) {
        return JoinedBy::ClientRequestId;
    }
    if theirs.iter().any(|row| name_of(row).is_some()) { JoinedBy::UpstreamRequestId } else { JoinedBy::Nothing }
}

fn reconcile(ours: &[Decision], theirs: &[UsageRow]) -> Reconciled {
    let joined_by = joined_by(theirs);
    let mut tally = Reconciled {
        host_id: String::new(),
        since: Timestamp::UNIX_EPOCH,
        until: Timestamp::UNIX_EPOCH,
        can_be_joined: joined_by != JoinedBy::Nothing,
        joined_by,
        ours: Sums::default(),
        theirs: Sums::default(),
        matched: 0,
        missing_on_host: 0,
        missing_here: 0,
        double: 0,
        differing: 0,
        unjoined: Unjoined::default(),
        unexplained_usd: 0.0,
        differences: Vec::new(),
        is_truncated: false,
    };
    let mut billed: BTreeMap<&str, Vec<&UsageRow>> = BTreeMap::new();
    for row in theirs {
        tally.theirs.add_row(row);
        match name_of(row) {
            Some(name) => billed.entry(name).or_default().push(row),
            None => tally.unjoined.theirs.add_row(row),
        }
    }
    for decision in ours {
        // A host that names nothing on its bill may name answers all the same.
        if let Some(id) = decision.upstream_request_id.as_deref().filter(|_| tally.can_be_joined) {
            let rows = billed.remove(id).unwrap_or_default();
            tally.join(decision, &rows);
        } else {
            tally.ours.add_decision(decision, 0.0);
            tally.unjoined.ours.add_decision(decision, 0.0);
        }
    }
    for (id, rows) in billed {
        for row in rows {
            tally.missing_here += 1;
            tally.unexplained_usd += row.actual_cost;
            let message = format!("billed {:.6} USD for {} at {}", row.actual_cost, row.model, at(row));
            tally.list("missing_here", None, id, message);
        }
    }
    tally
}

impl Reconciled {
    fn join(&mut self, decision: &Decision, rows: &[&UsageRow]) {
        let (input, output) = (decision.usage.input, decision.usage.output);
        let cost = rows.first().map_or(0.0, |row| row.actual_cost);
        self.ours.add_decision(decision, cost);
        let host_id = decision.upstream_request_id.clone().unwrap_or_default();
        let ours = Some(decision.request_id.clone());
        let Some((first, again)) = rows.split_first() else {
            self.missing_on_host += 1;
            let message = format!("answered at {}, and not on the host's bill", decision.at);
            return self.list("missing_on_host", ours, &host_id, message);
        };
        if !again.is_empty() {
            self.double += 1;
            self.unexplained_usd += again.iter().map(|row| row.actual_cost).sum::<f64>();
            let message = format!("billed {} times", rows.len());
            return self.list("double", ours, &host_id, message);
        }
        // What we could not read is no difference.
        let differs = |ours: Option<u64>, theirs: i64| ours.is_some_and(|ours| i64::try_from(ours) != Ok(theirs));
        if differs(input, input_of(first)) || differs(output, first.output_tokens) {
            self.differing += 1;
            let number = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
            let message = format!(
                "tokens in/out: {}/{} here, {}/{} on the host",
                number(input),
                number(output),
                input_of(first),
                first.output_tokens
            );
            return self.list("differs", ours, &host_id, message);
        }
        self.matched += 1;
    }

    fn list(&mut self, kind: &'static str, request_id: Option<String>, host_request_id: &str, message: String) {
        if self.differences.len() < LISTED {
            let host_request_id = host_request_id.to_owned();
            self.differences.push(Difference { kind: kind.into(), request_id, host_request_id, message });
        }
    }
}

impl Sums {
    fn add_decision(&mut self, decision: &Decision, cost: f64) {
        let number = |tokens: Option<u64>| i64::try_from(tokens.unwrap_or_default()).unwrap_or(i64::MAX);
        self.add(number(decision.usage.input), number(decision.usage.output), cost);
    }

    fn add_row(&mut self, row: &UsageRow) {
        self.add(input_of(row), row.output_tokens, row.actual_cost);
    }

    fn add(&mut self, input: i64, output: i64, cost: f64) {
        self.requests += 1;
        self.input_tokens += u64::try_from(input).unwrap_or_default();
        self.output_tokens += u64::try_from(output).unwrap_or_default();
        self.cost_usd += cost;
    }
}

/// Hosts count cached tokens apart; our log has them inside.
fn input_of(row: &UsageRow) -> i64 {
    row.input_tokens + row.cache_read_tokens + row.cache_creation_tokens
}

fn at(row: &UsageRow) -> String {
    row.created_at.map_or("?".to_owned(), |at| at.to_string())
}
