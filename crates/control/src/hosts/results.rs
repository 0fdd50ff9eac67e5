//! What came of work on hosts: the last of each kind is kept in the store, so that whoever asked for it finds it later,
//! after a restart too.

use relay_domain::{HostId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{HostCapabilities, HostError, HostTrial, Reconciled, Synced};
use crate::Control;
use crate::page::{Key, Page, PageRequest};

/// What came last of one kind of work on a host. Holds no secret.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct HostResult {
    /// `try`, `probe`, `sync` or `reconcile`.
    pub work: String,
    /// When it had ended.
    pub at: Timestamp,
    /// Who asked for it.
    pub actor: String,
    /// Why nothing came of it; `null` when something did.
    #[schema(required)]
    pub failed: Option<String>,
    /// What came of it, as the call that does the work answers it; `null` when it failed.
    pub result: Value,
}

/// The same, read.
#[derive(Clone, Debug)]
pub enum HostOutcome {
    /// Of `try`.
    Tried(HostTrial),
    /// Of `probe`.
    Probed(HostCapabilities),
    /// Of `sync`.
    Synced(Synced),
    /// Of `reconcile`.
    Reconciled(Reconciled),
    /// Nothing, and why.
    Failed(String),
}

impl HostResult {
    /// What came of it; `None` when another version wrote what this one cannot read.
    pub fn outcome(&self) -> Option<HostOutcome> {
        fn read<T: DeserializeOwned>(result: &Value) -> Option<T> {
            T::deserialize(result).ok()
        }
        if let Some(why) = &self.failed {
            return Some(HostOutcome::Failed(why.clone()));
        }
        match self.work.as_str() {
            "try" => read(&self.result).map(HostOutcome::Tried),
            "probe" => read(&self.result).map(HostOutcome::Probed),
            "sync" => read(&self.result).map(HostOutcome::Synced),
            "reconcile" => read(&self.result).map(HostOutcome::Reconciled),
            _ => None,
        }
    }
}

impl Control {
    /// What came last of each kind of work on a host, by kind; `work` narrows to one.
    ///
    /// # Errors
    /// When there is no such host, or the store fails.
    pub async fn host_results(
        &self,
        id: &str,
        work: Option<&str>,
        request: &PageRequest<Key<String>>,
    ) -> Result<Page<HostResult>, HostError> {
        let unknown = || HostError::Unknown(id.to_owned());
        let host = HostId::new(id).map_err(|_| unknown())?;
        self.snapshot().host(id).ok_or_else(unknown)?;
        let kept = self.parts.store.host_results(&host).await?.into_iter();
        let found = kept.filter(|kept| work.is_none_or(|work| work == kept.work) && request.is_ahead(&kept.work));
        let told = found.map(|kept| HostResult {
            failed: kept.document["failed"].as_str().map(str::to_owned),
            result: kept.document.get("result").cloned().unwrap_or_default(),
            work: kept.work,
            at: kept.at,
            actor: kept.actor,
        });
        Ok(Page::of(told.collect(), request.limit, |result| Key(&result.work).to_string()))
    }

    /// Does work on a host, and keeps what comes of it. When that cannot be kept, it is answered all the same.
    pub(super) async fn kept<T: Serialize>(
        &self,
        id: &str,
        work: &'static str,
        actor: &str,
        doing: impl Future<Output = Result<T, HostError>>,
    ) -> Result<T, HostError> {
        let done = doing.await;
        let (Ok(host), false) = (HostId::new(id), matches!(done, Err(HostError::Unknown(_)))) else { return done };
        let document = match &done {
            Ok(result) => json!({ "result": serde_json::to_value(result).unwrap_or_default() }),
            Err(error) => json!({ "failed": error.to_string() }),
        };
        let (work, actor) = (work.to_owned(), actor.to_owned());
        let result = relay_store::HostResult { host, work, at: self.now(), actor, document };
        if let Err(error) = self.parts.store.put_host_result(&result).await {
            tracing::warn!(host = %result.host, work = result.work, %error, "what came of work on a host is not kept");
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::TrialFault;
    use super::*;

    fn kept(work: &str, result: Value) -> Option<HostOutcome> {
        let (work, actor) = (work.to_owned(), "olga".to_owned());
        HostResult { work, at: Timestamp::UNIX_EPOCH, actor, failed: None, result }.outcome()
    }

    #[test]
    fn a_trial_is_kept_with_its_models_or_what_is_wrong() {
        let took = Duration::from_millis(70);
        for models in [Ok(vec!["gpt-5".to_owned()]), Err(TrialFault::Refused(502, "no".into())), Err(TrialFault::Late)]
        {
            let trial = HostTrial { took, models };
            let read = kept("try", json!(trial));
            assert!(matches!(&read, Some(HostOutcome::Tried(found)) if *found == trial), "{read:?}");
        }
        let told = json!(HostTrial { took, models: Err(TrialFault::KeyRefused(401)) });
        assert_eq!(told, json!({ "took_ms": 70, "models": null, "fault": { "key_refused": 401 } }));
    }

    #[test]
    fn what_another_version_wrote_is_no_outcome() {
        assert!(kept("sync", json!({ "of": "another version" })).is_none());
        assert!(kept("later", Value::Null).is_none());
    }
}
