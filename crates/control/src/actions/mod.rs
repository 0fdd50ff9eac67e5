//! The three actions (spec §3): resolve a route, and send the operator's
//! probe over it.
//!
//! An action is parsed first ([`ResolveRequest::parse`], [`ForwardRequest::parse`]:
//! all faults at once), then run by a method of [`Control`]. Everything that
//! gets past parsing leaves a decision in the log, refusals included.

mod answer;
mod error;
mod input;
mod key;
mod probe;
mod record;
mod resolution;
pub mod schema;
mod shadow_group;
mod walk;

use relay_ledger::Verdict;

pub use answer::{Forward, Proxied, Resolved, Routed, SelectedRoute};
pub use error::{ActionError, RouteReason};
pub use input::{FieldFault, ForwardRequest, InvalidRequest, Message, RequestedKey, ResolveRequest};

use crate::Control;
use probe::fingerprint;
use record::{Call, Ended};
use resolution::{Keys, locate};

impl Control {
    /// `resolve-route`: the route a request gets, bound at once. No host is called.
    ///
    /// # Errors
    /// See [`ActionError`]. A future that is dropped may have bound the subject.
    pub async fn resolve_route(&self, request: &ResolveRequest) -> Result<Resolved, ActionError> {
        let call = Call::new(self, request, "resolve_route");
        let snapshot = self.snapshot();
        let pool = match locate(&snapshot, request) {
            Ok(pool) => pool,
            Err(error) => return Err(call.refuse(call.unlocated(snapshot.generation()), None, error).await),
        };
        let keys = Keys::Configured(&snapshot);
        let mut resolution = self.plan_request(&snapshot, pool, request, keys, call.at).await;
        self.bind_first(&mut resolution, request, keys, call.at).await;
        let Some((route, host)) = resolution.route() else {
            let error = resolution.no_eligible_route();
            return Err(call.refuse(call.planned(&resolution), Some(&resolution), error).await);
        };
        let shadow_group_id = match self.known_shadow_group(route, host).await {
            Ok(group) => group,
            Err(error) => return Err(call.refuse(call.planned(&resolution), Some(&resolution), error).await),
        };
        let ticket = call.open(call.planned(&resolution)).await?;
        ticket.committed().await.map_err(|_| ActionError::LogUnavailable)?;
        let ended = Ended {
            verdict: Some(Verdict::Resolved),
            client_status: 200,
            shadow_group_id: Some(shadow_group_id.clone()),
            ..Ended::default()
        };
        call.close(&ticket, Some(&resolution), ended).await?;
        resolution.answer(self.backend(), request, &shadow_group_id).ok_or_else(|| resolution.no_eligible_route())
    }

    /// `proxy-route-chat-completions`: resolves, then sends the probe.
    ///
    /// # Errors
    /// See [`ActionError`]; a forward that failed is an answer, not an error.
    /// Dropping the future closes the connection to the host.
    pub async fn proxy_route_chat_completions(&self, request: &ForwardRequest) -> Result<Proxied, ActionError> {
        self.probe(request, "proxy_route").await
    }

    /// `route-chat-completions`: the same with another shape of answer.
    ///
    /// # Errors
    /// As [`Control::proxy_route_chat_completions`].
    pub async fn route_chat_completions(&self, request: &ForwardRequest) -> Result<Routed, ActionError> {
        self.probe(request, "route_chat").await.map(Routed::from)
    }

    async fn probe(&self, request: &ForwardRequest, surface: &'static str) -> Result<Proxied, ActionError> {
        let resolve = &request.resolve;
        let call = Call::new(self, resolve, surface);
        let snapshot = self.snapshot();
        let pool = match locate(&snapshot, resolve) {
            Ok(pool) => pool,
            Err(error) => return Err(call.refuse(call.unlocated(snapshot.generation()), None, error).await),
        };
        let mut resolution = self.plan_request(&snapshot, pool, resolve, Keys::Requested, call.at).await;
        if !request.failover {
            self.bind_first(&mut resolution, resolve, Keys::Requested, call.at).await;
        }
        if resolution.plan.candidates.is_empty() {
            let error = resolution.no_eligible_route();
            return Err(call.refuse(call.planned(&resolution), Some(&resolution), error).await);
        }
        let ticket = call.open(call.planned(&resolution)).await?;
        // The intent reaches the disk while the host works (spec §7).
        let committed = async { ticket.committed().await.map_err(|_| ActionError::LogUnavailable) };
        let walk = async { Ok(self.walk(request, &mut resolution).await) };
        let ((), walked) = tokio::try_join!(committed, walk)?;
        let walked = match walked {
            Ok(walked) => walked,
            Err(error) => {
                let ended = Ended {
                    error_class: Some(error.code()),
                    error_message: Some(error.to_string()),
                    client_status: error.status(),
                    ..Ended::default()
                };
                call.close(&ticket, Some(&resolution), ended).await?;
                return Err(error);
            }
        };
        let last = walked.last;
        let ended = Ended {
            verdict: Some(if last.forward.ok { Verdict::Complete } else { Verdict::Failed }),
            error_class: last.forward.error_class,
            error_message: last.forward.error_message.clone(),
            client_status: 200,
            shadow_group_id: Some(last.forward.shadow_group_id.clone()),
            upstream_status: last.forward.upstream_status,
            upstream_request_id: last.upstream_request_id,
            first_output_us: None,
            request_bytes: last.request_bytes,
            response_bytes: last.response_bytes,
            usage: last.usage,
            key_source: last.forward.effective_gateway_key_source,
            key_fingerprint: fingerprint(&last.forward),
            possible_double_bill: walked.possible_double_bill,
            attempts: walked.attempts.clone(),
        };
        call.close(&ticket, Some(&resolution), ended).await?;
        let answer = resolution.answer(self.backend(), resolve, &last.forward.shadow_group_id);
        let resolve = answer.ok_or_else(|| resolution.no_eligible_route())?;
        Ok(Proxied { resolve, forward: last.forward, attempts: request.failover.then_some(walked.attempts) })
    }
}
