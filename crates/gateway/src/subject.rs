//! The subject ladder (spec §4): which conversation or user a request belongs
//! to, and which rung told us.

use std::borrow::Cow;

use relay_domain::{ConsumerKey, Scope};
use relay_http1::Fields;

use crate::surface::Envelope;

/// Headers that name a conversation, strongest first.
const CONVERSATION_HEADERS: [(&str, &str); 11] = [
    ("x-relay-conversation", "header:x-relay-conversation"),
    ("session_id", "header:session_id"),
    ("session-id", "header:session-id"),
    ("conversation_id", "header:conversation_id"),
    ("conversation-id", "header:conversation-id"),
    ("thread-id", "header:thread-id"),
    ("x-session-affinity", "header:x-session-affinity"),
    ("x-session-id", "header:x-session-id"),
    ("x-conversation-id", "header:x-conversation-id"),
    ("x-opencode-session", "header:x-opencode-session"),
    ("x-claude-code-session-id", "header:x-claude-code-session-id"),
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
    fields: &'a Fields,
    envelope: &'a Envelope,
    key: &'a ConsumerKey,
) -> Option<Subject<'a>> {
    match scope {
        Scope::None => None,
        Scope::User => key_subject(key).or_else(|| Some(Subject::new(key.id.as_str(), "key"))),
        Scope::Conversation => from_fields(fields)
            .or_else(|| Some(Subject::new(envelope.prompt_cache_key.as_deref()?, "body:prompt_cache_key")))
            .or_else(|| Some(Subject::new(envelope.metadata_session.as_deref()?, "body:metadata.user_id")))
            .or_else(|| {
                let hash = u128::from_be_bytes(envelope.stable_prefix?);
                Some(Subject::new(format!("{hash:032x}"), "body:stable_prefix"))
            })
            .or_else(|| key_subject(key)),
    }
}

/// One pass over the few fields of a request costs less than a look-up for each rung.
fn from_fields(fields: &Fields) -> Option<Subject<'_>> {
    let named = fields.iter().filter_map(|(name, value)| {
        let rung = CONVERSATION_HEADERS.iter().position(|(header, _)| header.as_bytes().eq_ignore_ascii_case(name))?;
        let value = std::str::from_utf8(value).ok()?.trim();
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
    use relay_domain::{KeyHash, KeyId};

    use super::*;

    fn key(subject_id: Option<&str>) -> ConsumerKey {
        ConsumerKey {
            subject_id: subject_id.map(Into::into),
            ..ConsumerKey::new(KeyId::new("team-a").unwrap(), KeyHash([0; 32]))
        }
    }

    #[test]
    fn every_rung_yields_to_the_one_above_it() {
        let key = key(Some("team"));
        let mut envelope = Envelope::default();
        let source =
            |envelope: &Envelope| subject(Scope::Conversation, &Fields::default(), envelope, &key).unwrap().source;
        assert_eq!(source(&envelope), "key:subject_id");
        envelope.stable_prefix = Some([7; 16]);
        assert_eq!(source(&envelope), "body:stable_prefix");
        envelope.metadata_session = Some("s".into());
        assert_eq!(source(&envelope), "body:metadata.user_id");
        envelope.prompt_cache_key = Some("p".into());
        assert_eq!(source(&envelope), "body:prompt_cache_key");
        let mut pairs = Vec::new();
        for (name, expected) in CONVERSATION_HEADERS.iter().rev() {
            pairs.push((*name, " c1 "));
            let fields = Fields::from_pairs(pairs.clone());
            let found = subject(Scope::Conversation, &fields, &envelope, &key).unwrap();
            assert_eq!((found.source, &*found.id), (*expected, "c1"));
        }
    }

    #[test]
    fn blank_headers_name_nobody() {
        let fields = Fields::from_pairs([("session_id", "  ")]);
        assert_eq!(subject(Scope::Conversation, &fields, &Envelope::default(), &key(None)), None);
    }

    #[test]
    fn scope_user_ignores_conversations() {
        let fields = Fields::from_pairs([("x-relay-conversation", "c1")]);
        let envelope = Envelope::default();
        let id = |key: &ConsumerKey| subject(Scope::User, &fields, &envelope, key).map(|s| s.id.into_owned());
        assert_eq!(id(&key(Some("team"))), Some("team".into()));
        assert_eq!(id(&key(None)), Some("team-a".into()));
        assert_eq!(subject(Scope::None, &fields, &envelope, &key(None)), None);
    }
}
