//! A decision as it is read: an intent with its outcome, as one JSON object.

use jiff::Timestamp;
use rusqlite::Row;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::codec::Kind;
use crate::day::Day;

/// An intent joined with its outcome. Fields of the outcome are absent while there is none.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "independent columns of the log, not one state")]
pub struct Decision {
    /// Number of the intent among its writer's, without gaps.
    pub seq: u64,
    /// Name of the segment that holds it.
    pub segment: String,
    /// Id of the writer.
    pub writer: String,
    /// When the request arrived.
    #[serde(serialize_with = "microseconds")]
    pub at: Timestamp,
    /// Our id of the request.
    pub request_id: String,
    /// The client's id of it.
    #[schema(required)]
    pub client_request_id: Option<String>,
    /// The host's id of it.
    #[schema(required)]
    pub upstream_request_id: Option<String>,
    /// The fleet generation used.
    pub generation: u64,
    /// What was called.
    pub surface: String,
    /// The consumer's key id.
    #[schema(required)]
    pub consumer: Option<String>,
    /// The logical group.
    pub logical_group_id: String,
    /// The model as asked for.
    pub public_model: String,
    /// `user`, `conversation` or `none`.
    pub scope: String,
    /// The binding's key.
    #[schema(required)]
    pub sticky_key: Option<String>,
    /// What kind of subject it stands for.
    #[schema(required)]
    pub sticky_type: Option<String>,
    /// Where the subject was found.
    #[schema(required)]
    pub sticky_source: Option<String>,
    /// Whether a binding was used: as planned, or finally once there is an outcome.
    pub sticky_hit: bool,
    /// What became of the binding: as planned, or finally once there is an outcome.
    pub sticky_action: String,
    /// The route finally used; the one chosen first while there is no outcome.
    #[schema(required)]
    pub route_id: Option<String>,
    /// Its host.
    #[schema(required)]
    pub host_id: Option<String>,
    /// The group on that host.
    #[schema(required)]
    pub shadow_group_id: Option<String>,
    /// The model on the host.
    #[schema(required)]
    pub shadow_model: Option<String>,
    /// The route that the plan put first.
    #[schema(required)]
    pub planned_route_id: Option<String>,
    /// Whether a lesser route served, or was chosen, because better ones could not.
    pub fallback_used: bool,
    /// Whether a stream was asked for.
    pub stream: bool,
    /// The action's user key.
    #[schema(required)]
    pub user_key: Option<String>,
    /// The action's conversation key.
    #[schema(required)]
    pub conversation_key: Option<String>,
    /// The seed of the plan.
    pub seed: u64,
    /// A [`crate::Verdict`], or `open` while the request is served.
    pub verdict: String,
    /// When it ended.
    #[serde(serialize_with = "optional_microseconds")]
    #[schema(required)]
    pub ended_at: Option<Timestamp>,
    /// The class of the error.
    #[schema(required)]
    pub error_class: Option<String>,
    /// The error in words.
    #[schema(required)]
    pub error_message: Option<String>,
    /// The status the client got.
    #[schema(required)]
    pub client_status: Option<u16>,
    /// The status the last host answered with.
    #[schema(required)]
    pub upstream_status: Option<u16>,
    /// Arrival to end, in microseconds.
    #[schema(required)]
    pub latency_us: Option<u64>,
    /// Arrival to first output, in microseconds.
    #[schema(required)]
    pub first_output_us: Option<u64>,
    /// Our own part, in microseconds.
    #[schema(required)]
    pub overhead_us: Option<u64>,
    /// Bytes of the request's body.
    #[schema(required)]
    pub request_bytes: Option<u64>,
    /// Bytes of the answer's body.
    #[schema(required)]
    pub response_bytes: Option<u64>,
    /// Tokens; each absent when unknown.
    pub usage: DecisionUsage,
    /// What the consumer pays, in billionths of the currency unit.
    #[schema(required)]
    pub price_nanos: Option<i64>,
    /// What the host takes, likewise.
    #[schema(required)]
    pub cost_nanos: Option<i64>,
    /// How much more that would have been without the host's prompt cache, likewise.
    #[schema(required)]
    pub cache_saved_nanos: Option<i64>,
    /// Where the gateway key came from.
    #[schema(required)]
    pub key_source: Option<String>,
    /// Its fingerprint.
    #[schema(required)]
    pub key_fingerprint: Option<String>,
    /// A retry followed an attempt that may have been executed.
    pub possible_double_bill: bool,
    /// Let through although everything was open.
    pub panic: bool,
    /// What the plan looked at.
    pub candidates: Vec<DecisionCandidate>,
    /// What was tried.
    pub attempts: Vec<DecisionAttempt>,
}

/// Tokens as the host counted them.
#[derive(Clone, Debug, Default, Serialize, PartialEq, Eq, ToSchema)]
pub struct DecisionUsage {
    /// All input tokens.
    #[schema(required)]
    pub input: Option<u64>,
    /// … read from a cache.
    #[schema(required)]
    pub cached_input: Option<u64>,
    /// … written to a cache.
    #[schema(required)]
    pub cache_write: Option<u64>,
    /// Output tokens.
    #[schema(required)]
    pub output: Option<u64>,
    /// … spent on reasoning.
    #[schema(required)]
    pub reasoning: Option<u64>,
    /// `host`, `partial` or `estimated`.
    #[schema(required)]
    pub provenance: Option<String>,
}

/// One route that the plan looked at.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct DecisionCandidate {
    /// The route.
    pub route_id: String,
    /// Its host.
    pub host_id: String,
    /// Its priority.
    pub tier: i64,
    /// Its weight.
    pub weight: u32,
    /// `first`, `next` or `excluded`.
    pub verdict: String,
    /// Why it was excluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
}

/// One try at one host.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq, ToSchema)]
pub struct DecisionAttempt {
    /// The route.
    pub route_id: String,
    /// Its host.
    pub host_id: String,
    /// `not_sent`, `refused`, `maybe_executed` or `answered`.
    pub end: String,
    /// The class of the error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub class: Option<String>,
    /// The status the host answered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub status: Option<u16>,
    /// How long it took, in microseconds.
    pub us: u64,
}

/// The columns of a joined row, in the order [`Decision::from_row`] reads them.
pub(crate) fn columns() -> String {
    let of =
        |alias: &str, kind: Kind| -> Vec<String> { kind.columns().map(|column| format!("{alias}.{column}")).collect() };
    [of("i", Kind::Intent), of("o", Kind::Outcome)].concat().join(", ")
}

/// Where a joined row comes from, and what a missing outcome means.
pub(crate) struct Origin<'s> {
    pub(crate) day: Day,
    pub(crate) segment: &'s str,
    pub(crate) writer: &'s str,
    /// `open` or `interrupted`.
    pub(crate) without_outcome: &'static str,
}

impl Decision {
    pub(crate) fn from_row(row: &Row<'_>, origin: &Origin<'_>) -> rusqlite::Result<Self> {
        const O: usize = Kind::Intent.width();
        let ended = row.get::<_, Option<i64>>(O + 2)?;
        let planned_route_id: Option<String> = row.get(17)?;
        let either = |outcome: usize, intent: usize| -> rusqlite::Result<Option<String>> {
            match row.get(O + outcome)? {
                Some(value) => Ok(Some(value)),
                None if ended.is_none() => row.get(intent),
                None => Ok(None),
            }
        };
        Ok(Self {
            seq: unsigned(row.get(0)?),
            segment: origin.segment.to_owned(),
            writer: origin.writer.to_owned(),
            at: timestamp(row.get(2)?),
            request_id: row.get(3)?,
            client_request_id: row.get(5)?,
            upstream_request_id: row.get(O + 26)?,
            generation: unsigned(row.get(6)?),
            surface: row.get(7)?,
            consumer: row.get(8)?,
            logical_group_id: row.get(9)?,
            public_model: row.get(10)?,
            scope: row.get(11)?,
            sticky_key: row.get(12)?,
            sticky_type: row.get(13)?,
            sticky_source: row.get(14)?,
            sticky_hit: row.get::<_, Option<bool>>(O + 29)?.map_or_else(|| row.get(15), Ok)?,
            sticky_action: either(9, 16)?.unwrap_or_default(),
            route_id: either(6, 17)?,
            host_id: either(7, 18)?,
            shadow_group_id: either(8, 19)?,
            shadow_model: either(31, 20)?,
            planned_route_id,
            fallback_used: row.get::<_, Option<bool>>(O + 30)?.map_or_else(|| row.get(21), Ok)?,
            stream: row.get(22)?,
            user_key: row.get(23)?,
            conversation_key: row.get(24)?,
            seed: unsigned(row.get(25)?),
            verdict: row.get::<_, Option<String>>(O + 3)?.unwrap_or_else(|| origin.without_outcome.to_owned()),
            ended_at: ended.map(timestamp),
            error_class: row.get(O + 4)?,
            error_message: row.get(O + 5)?,
            client_status: row.get(O + 10)?,
            upstream_status: row.get(O + 11)?,
            latency_us: optional_unsigned(row, O + 12)?,
            first_output_us: optional_unsigned(row, O + 13)?,
            overhead_us: optional_unsigned(row, O + 14)?,
            request_bytes: optional_unsigned(row, O + 15)?,
            response_bytes: optional_unsigned(row, O + 16)?,
            usage: DecisionUsage {
                input: optional_unsigned(row, O + 17)?,
                cached_input: optional_unsigned(row, O + 18)?,
                cache_write: optional_unsigned(row, O + 19)?,
                output: optional_unsigned(row, O + 20)?,
                reasoning: optional_unsigned(row, O + 21)?,
                provenance: row.get(O + 22)?,
            },
            price_nanos: row.get(O + 33)?,
            cost_nanos: row.get(O + 34)?,
            cache_saved_nanos: row.get(O + 35)?,
            key_source: row.get(O + 24)?,
            key_fingerprint: row.get(O + 25)?,
            possible_double_bill: row.get::<_, Option<bool>>(O + 27)?.unwrap_or(false),
            panic: row.get::<_, Option<bool>>(O + 28)?.unwrap_or(false),
            candidates: json(row, 26)?,
            attempts: json(row, O + 32)?,
        })
    }

    /// The segment's day, to page on from here.
    pub(crate) fn key(&self, origin: &Origin<'_>) -> (Day, u64) {
        (origin.day, self.seq)
    }
}

fn json<T: for<'d> Deserialize<'d>>(row: &Row<'_>, at: usize) -> rusqlite::Result<Vec<T>> {
    match row.get_ref(at)?.as_str_or_null()? {
        Some(text) => serde_json::from_str(text).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(error))
        }),
        None => Ok(Vec::new()),
    }
}

fn unsigned(value: i64) -> u64 {
    value as u64
}

fn optional_unsigned(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(at)?.map(unsigned))
}

pub(crate) fn timestamp(microseconds: i64) -> Timestamp {
    Timestamp::from_microsecond(microseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn microseconds<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.6}"))
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn optional_microseconds<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => microseconds(at, serializer),
        None => serializer.serialize_none(),
    }
}
