//! The subject ladder (spec §4): which conversation or user a request belongs
//! to, and which rung told us.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use relay_domain::{ConsumerKey, Scope};

use crate::envelope::Envelope;

/// Headers that name a conversation, strongest first.
const CONVERSATION_HEADERS: [(HeaderName, &str); 11] = [
    (HeaderName::from_static("x-relay-conversation"), "header:x-relay-conversation"),
    (HeaderName::from_static("session_id"), "header:session_id"),
    (HeaderName::from_static("session-id"), "header:session-id"),
    (HeaderName::from_static("conversation_id"), "header:conversation_id"),
    (HeaderName::from_static("conversation-id"), "header:conversation-id"),
    (HeaderName::from_static("thread-id"), "header:thread-id"),
    (HeaderName::from_static("x-session-affinity"), "header:x-session-affinity"),
    (HeaderName::from_static("x-session-id"), "header:x-session-id"),
    (HeaderName::from_static("x-conversation-id"), "header:x-conversation-id"),
    (HeaderName::from_static("x-opencode-session"), "header:x-opencode-session"),
    (HeaderName::from_static("x-claude-code-session-id"), "header:x-claude-code-session-id"),
];

/// A subject and the rung that named it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) source: &'static str,
}

impl<'a> Subject<'a> {
    fn new(id: impl Into<Cow<'a, str>>, source: &'static str) -> Self {
        Self { id: id.into(), source }
    }
}

/// The first rung that is present; `None` for scope `none`, or when nothing
/// names a subject: such a request is weighed by itself.
///
/// With scope `user` a conversation's id must not split the user, so only the
/// key's own `subject_id` (or the key itself) counts.
pub(crate) fn subject<'a>(
    scope: Scope,
    headers: &'a HeaderMap,
    envelope: &'a Envelope,
    key: &'a ConsumerKey,
) -> Option<Subject<'a>> {
    match scope {
        Scope::None => None,
        Scope::User => key_subject(key).or_else(|| Some(Subject::new(key.id.as_str(), "key"))),
        Scope::Conversation => from_headers(headers)
            .or_else(|| Some(Subject::new(envelope.prompt_cache_key.as_deref()?, "body:prompt_cache_key")))
            .or_else(|| Some(Subject::new(envelope.metadata_session.as_deref()?, "body:metadata.user_id")))
            .or_else(|| {
                let hash = u128::from_be_bytes(envelope.stable_prefix?);
                Some(Subject::new(format!("{hash:032x}"), "body:stable_prefix"))
            })
            .or_else(|| key_subject(key)),
    }
}

/// One pass over the few headers of a request costs less than a look-up for each rung.
fn from_headers(headers: &HeaderMap) -> Option<Subject<'_>> {
    let named = headers.iter().filter_map(|(name, value)| {
        let rung = CONVERSATION_HEADERS.iter().position(|(header, _)| header == name)?;
        let value = value.to_str().ok()?.trim();
        (!value.is_empty()).then_some((rung, value))
    });
    let (rung, value) = named.min_by_key(|(rung, _)| *rung)?;
    Some(Subject::new(value, CONVERSATION_HEADERS[rung].1))
}

fn key_subject(key: &ConsumerKey) -> Option<Subject<'_>> {
    Some(Subject::new(key.subject_id.as_deref()?, "key:subject_id"))
}

#[cfg(test)]
mod tests {
    use relay_domain::{KeyHash, KeyId, Limits, SecretSource};

    use super::*;

    fn key(subject_id: Option<&str>) -> ConsumerKey {
        ConsumerKey {
            id: KeyId::new("team-a").unwrap(),
            hash: KeyHash([0; 32]),
            source: SecretSource::Value,
            enabled: true,
            expires_at: None,
            groups: vec![],
            subject_id: subject_id.map(Into::into),
            subscription_user: None,
            expose_routing: false,
            limits: Limits::default(),
        }
    }

    #[test]
    fn every_rung_yields_to_the_one_above_it() {
        let key = key(Some("team"));
        let mut envelope = Envelope::default();
        let mut headers = HeaderMap::new();
        let source = |headers: &HeaderMap, envelope: &Envelope| {
            subject(Scope::Conversation, headers, envelope, &key).unwrap().source
        };
        assert_eq!(source(&headers, &envelope), "key:subject_id");
        envelope.stable_prefix = Some([7; 16]);
        assert_eq!(source(&headers, &envelope), "body:stable_prefix");
        envelope.metadata_session = Some("s".into());
        assert_eq!(source(&headers, &envelope), "body:metadata.user_id");
        envelope.prompt_cache_key = Some("p".into());
        assert_eq!(source(&headers, &envelope), "body:prompt_cache_key");
        for (name, expected) in CONVERSATION_HEADERS.iter().rev() {
            headers.insert(name, " c1 ".parse().unwrap());
            let found = subject(Scope::Conversation, &headers, &envelope, &key).unwrap();
            assert_eq!((found.source, &*found.id), (*expected, "c1"));
        }
    }

    #[test]
    fn blank_headers_name_nobody() {
        let mut headers = HeaderMap::new();
        headers.insert("session_id", "  ".parse().unwrap());
        assert_eq!(subject(Scope::Conversation, &headers, &Envelope::default(), &key(None)), None);
    }

    #[test]
    fn scope_user_ignores_conversations() {
        let mut headers = HeaderMap::new();
        headers.insert("x-relay-conversation", "c1".parse().unwrap());
        let envelope = Envelope::default();
        let id = |key: &ConsumerKey| subject(Scope::User, &headers, &envelope, key).map(|s| s.id.into_owned());
        assert_eq!(id(&key(Some("team"))), Some("team".into()));
        assert_eq!(id(&key(None)), Some("team-a".into()));
        assert_eq!(subject(Scope::None, &headers, &envelope, &key(None)), None);
    }
}
