//! Trying a consumer's key: what an operator sends in its name goes on record under the operator's.

use relay_store::StoreError;
use serde_json::json;

use crate::Control;

impl Control {
    /// Puts on record that `actor` is about to send a chat as the consumer `key_id`: it counts against that key's
    /// limits, and costs what any request does.
    ///
    /// # Errors
    /// When the store fails; then nothing should be sent.
    pub async fn record_chat(
        &self,
        key_id: &str,
        public_model: &str,
        request_id: &str,
        actor: &str,
    ) -> Result<(), StoreError> {
        let subjects = [format!("key:{key_id}")];
        let summary = format!("sent a chat as key \"{key_id}\" for model \"{public_model}\"");
        let details = json!({ "key_id": key_id, "public_model": public_model, "request_id": request_id });
        self.audit_about(&subjects, actor, "playground.chat", summary, details).await
    }
}
