//! `[telemetry]`: where traces go, together with the variables of OpenTelemetry.

use std::collections::BTreeMap;

use relay_traces::Settings;

use super::keys;
use super::layers::Reader;

/// What OpenTelemetry's variables begin with.
const PREFIX: &str = "OTEL_";

/// The variables among those of the environment.
pub(super) fn variables(env: &[(String, String)]) -> BTreeMap<String, String> {
    env.iter().filter(|(name, _)| name.starts_with(PREFIX)).cloned().collect()
}

/// Where traces go, if anywhere.
pub(super) fn read(reader: &mut Reader, variables: &BTreeMap<String, String>) -> Option<Settings> {
    let endpoint = reader.url(&keys::TELEMETRY_OTLP_ENDPOINT);
    let ratio = reader.optional_count(&keys::TELEMETRY_SAMPLE_PERCENT).map(|percent| percent as f64 / 100.0);
    match Settings::read(endpoint.as_deref(), ratio, |name| variables.get(name).cloned()) {
        Ok(settings) => settings,
        Err(error) => {
            reader.complain(&keys::TELEMETRY_OTLP_ENDPOINT, error.to_string());
            None
        }
    }
}
