//! Our own webhook: the event as JSON with its text, signed (docs/notifications.md).

use relay_domain::Secret;
use serde_json::json;
use url::Url;

use super::{Answer, HttpRequest, HttpService, Notice, Outcome, by_status, excerpt};
use crate::fields::Fields;
use crate::signature;

/// A receiver of the operator's.
#[derive(Clone)]
pub struct Webhook {
    url: Url,
    secret: Secret,
}

redacted!(Webhook);

impl Webhook {
    pub(crate) fn read(fields: &mut Fields, allow_private: bool) -> Self {
        Self { url: fields.url("url", None, allow_private), secret: fields.secret("secret") }
    }
}

impl HttpService for Webhook {
    /// The request.
    fn request(&self, notice: Notice<'_>) -> HttpRequest {
        let Notice { id, event, message, now } = notice;
        let body = json!({
            "delivery_id": id,
            "kind": event.kind,
            "phase": event.phase,
            "severity": event.severity,
            "subject": event.subject,
            "facts": event.facts,
            "since": event.since,
            "at": event.at,
            "title": message.title,
            "text": message.body,
        });
        let body = body.to_string();
        let signature = signature::webhook(now.as_second(), body.as_bytes(), self.secret.expose());
        let headers = vec![("x-relay-signature", signature), ("x-relay-delivery", id.to_string())];
        HttpRequest { url: self.url.clone(), headers, body }
    }

    /// Any 2xx is well. A receiver that is being deployed answers 404 or 403 for
    /// a while, so only what says "never" ends the retries.
    fn judge(&self, answer: &Answer<'_>) -> Outcome {
        match answer.status {
            300..=399 | 410 => by_status(answer).unwrap_or(Outcome::Delivered),
            200..=299 => Outcome::Delivered,
            status => {
                let reason = format!("HTTP {status}: {}", excerpt(answer.body));
                Outcome::Retry { reason, after: answer.retry_after }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channels::Target;
    use crate::channels::samples::{target, wire, with_notice};
    use crate::{Language, Phase};

    fn webhook() -> Webhook {
        let settings = json!({"type": "webhook", "url": "https://ops.example/hook?team=1", "secret": "whsec-1"});
        let Target::Webhook(webhook) = target(settings) else { panic!("a webhook") };
        webhook
    }

    #[test]
    fn the_request_holds_the_event_and_is_signed() {
        let request = with_notice(Phase::Recovered, Language::English, |notice| webhook().request(notice));
        insta::assert_snapshot!(wire(&request));
        let (_, signature) = &request.headers[0];
        assert_eq!(*signature, signature::webhook(1_795_665_906, request.body.as_bytes(), "whsec-1"));
    }

    #[test]
    fn a_receiver_that_is_not_there_yet_is_tried_again() {
        let judge = |status| webhook().judge(&Answer { status, retry_after: None, body: b"no" });
        assert_eq!(judge(204), Outcome::Delivered);
        for status in [400, 403, 404, 429, 500, 503] {
            assert!(matches!(judge(status), Outcome::Retry { .. }), "{status}");
        }
        for status in [301, 308, 410] {
            assert!(matches!(judge(status), Outcome::Refused { .. }), "{status}");
        }
    }
}
