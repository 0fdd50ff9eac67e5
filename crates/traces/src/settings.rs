//! Where spans go and which requests are traced: by our own configuration, else by the
//! variables that every OpenTelemetry program reads.

use std::time::Duration;

use http::uri::InvalidUri;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// Where a collector takes traces, below its base (OTLP/HTTP).
const PATH: &str = "/v1/traces";

/// Time for one batch (the standard's default).
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Where spans go and which requests are traced.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where batches are posted.
    pub endpoint: Uri,
    /// What the collector wants to see besides, such as a key; their values are not shown by `Debug`.
    pub headers: HeaderMap,
    /// What is said of this process.
    pub resource: Vec<(String, String)>,
    /// The share of requests that are traced, from 0 to 1, where no client says.
    pub ratio: f64,
    /// A client that sends a `traceparent` decides for its trace.
    pub follows_parent: bool,
    /// Time for one batch.
    pub time_limit: Duration,
}

/// A setting that cannot be used. Values are not repeated: they may hold a key.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The endpoint is no URL.
    #[error("{name} is not a URL such as http://127.0.0.1:4318")]
    Endpoint {
        /// Who said so.
        name: &'static str,
        /// Why.
        source: Option<InvalidUri>,
    },
    /// A protocol or exporter that is not spoken.
    #[error("{name}={value} is not spoken; {instead}")]
    Unspoken {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What to do.
        instead: &'static str,
    },
    /// The header list cannot be read.
    #[error("{0} is not a list of headers such as name=value,other=value")]
    Headers(&'static str),
    /// A number is none.
    #[error("{0} is not a number that can be used")]
    Number(&'static str),
    /// An unknown sampler.
    #[error(
        "OTEL_TRACES_SAMPLER={0} is not known; write parentbased_traceidratio, traceidratio, always_on or always_off"
    )]
    Sampler(String),
}

/// The name that `[telemetry]` has for the endpoint.
const OWN_ENDPOINT: &str = "telemetry.otlp_endpoint";

impl Settings {
    /// Reads them. `endpoint` and `ratio` are our own configuration's, and win; `variable` looks a
    /// variable of the environment up. `None` when nobody wants traces.
    ///
    /// # Errors
    /// See [`SettingsError`]; only when somebody wants traces.
    pub fn read(
        endpoint: Option<&str>,
        ratio: Option<f64>,
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Option<Self>, SettingsError> {
        let variable = |name| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if variable("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        match variable("OTEL_TRACES_EXPORTER").as_deref() {
            Some("none") if endpoint.is_none() => return Ok(None),
            Some("none" | "otlp") | None => {}
            Some(other) => {
                return Err(unspoken("OTEL_TRACES_EXPORTER", other, "write otlp or none"));
            }
        }
        let Some(endpoint) = find_endpoint(endpoint, &variable)? else { return Ok(None) };
        for name in ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"] {
            if let Some(protocol) = variable(name).filter(|protocol| protocol != "http/protobuf") {
                return Err(unspoken(name, &protocol, "write http/protobuf, which collectors take on port 4318"));
            }
        }
        let (ratio, follows_parent) = match ratio {
            Some(ratio) => (ratio, true),
            None => sampler(&variable)?,
        };
        let limit = first(&variable, ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"]);
        let time_limit = match limit {
            Some((name, text)) => Duration::from_millis(text.parse().map_err(|_| SettingsError::Number(name))?),
            None => TIME_LIMIT,
        };
        let headers = first(&variable, ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]);
        Ok(Some(Self {
            endpoint,
            headers: headers.map_or_else(|| Ok(HeaderMap::new()), |(name, text)| read_headers(name, &text))?,
            resource: resource(&variable),
            ratio,
            follows_parent,
            time_limit,
        }))
    }
}

fn unspoken(name: &'static str, value: &str, instead: &'static str) -> SettingsError {
    SettingsError::Unspoken { name, value: value.to_owned(), instead }
}

fn first(
    variable: &impl Fn(&'static str) -> Option<String>,
    names: [&'static str; 2],
) -> Option<(&'static str, String)> {
    names.into_iter().find_map(|name| Some((name, variable(name)?)))
}

/// Ours and the general one are a base; the one for traces alone is whole.
fn find_endpoint(
    own: Option<&str>,
    variable: &impl Fn(&'static str) -> Option<String>,
) -> Result<Option<Uri>, SettingsError> {
    const FOR_TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const FOR_ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let below = |base: &str| format!("{}{PATH}", base.trim_end_matches('/'));
    let (name, text) = match own {
        Some(base) => (OWN_ENDPOINT, below(base)),
        None => match variable(FOR_TRACES) {
            Some(whole) => (FOR_TRACES, whole),
            None => match variable(FOR_ALL) {
                Some(base) => (FOR_ALL, below(&base)),
                None => return Ok(None),
            },
        },
    };
    let uri: Uri = text.parse().map_err(|source| SettingsError::Endpoint { name, source: Some(source) })?;
    let is_usable = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if is_usable { Ok(Some(uri)) } else { Err(SettingsError::Endpoint { name, source: None }) }
}

/// The share, and whether clients decide for their traces.
fn sampler(variable: &impl Fn(&'static str) -> Option<String>) -> Result<(f64, bool), SettingsError> {
    const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";
    let Some(name) = variable("OTEL_TRACES_SAMPLER") else { return Ok((1.0, true)) };
    let (follows_parent, base) = match name.strip_prefix("parentbased_") {
        Some(base) => (true, base),
        None => (false, name.as_str()),
    };
    let ratio = match base {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => match variable(ARGUMENT) {
            Some(text) => text.parse().map_err(|_| SettingsError::Number(ARGUMENT))?,
            None => 1.0,
        },
        _ => return Err(SettingsError::Sampler(name)),
    };
    if (0.0..=1.0).contains(&ratio) { Ok((ratio, follows_parent)) } else { Err(SettingsError::Number(ARGUMENT)) }
}

fn read_headers(name: &'static str, text: &str) -> Result<HeaderMap, SettingsError> {
    let mut headers = HeaderMap::new();
    for (key, value) in pairs(text) {
        let key = HeaderName::try_from(key).map_err(|_| SettingsError::Headers(name))?;
        let mut value = HeaderValue::try_from(value).map_err(|_| SettingsError::Headers(name))?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    if headers.is_empty() { Err(SettingsError::Headers(name)) } else { Ok(headers) }
}

fn resource(variable: &impl Fn(&'static str) -> Option<String>) -> Vec<(String, String)> {
    const NAME: &str = "service.name";
    let mut resource = pairs(&variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default());
    if let Some(name) = variable("OTEL_SERVICE_NAME") {
        resource.retain(|(key, _)| key != NAME);
        resource.insert(0, (NAME.to_owned(), name));
    }
    for (key, value) in [(NAME, "relay-manager"), ("service.version", env!("CARGO_PKG_VERSION"))] {
        if resource.iter().all(|(known, _)| known != key) {
            resource.push((key.to_owned(), value.to_owned()));
        }
    }
    resource
}

/// `key=value,key=value`, values percent-encoded, as both lists are written.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_owned(), decoded(value.trim()))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok()).flatten();
        if let Some(byte) = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(own: Option<&str>, ratio: Option<f64>, env: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let variable =
            |name: &'static str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Settings::read(own, ratio, variable).map_err(|error| error.to_string())
    }

    fn endpoint(own: Option<&str>, env: &[(&str, &str)]) -> Option<String> {
        read(own, None, env).expect("can be used").map(|settings| settings.endpoint.to_string())
    }

    const GENERAL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");

    #[test]
    fn nobody_is_traced_unless_somebody_says_where_to() {
        assert_eq!(endpoint(None, &[]), None);
        assert_eq!(endpoint(None, &[("OTEL_SERVICE_NAME", "relay")]), None);
        assert_eq!(endpoint(None, &[GENERAL, ("OTEL_SDK_DISABLED", "true")]), None);
        assert_eq!(endpoint(None, &[GENERAL, ("OTEL_TRACES_EXPORTER", "none")]), None);
    }

    #[test]
    fn our_own_endpoint_wins_over_that_for_traces_and_that_over_the_general_one() {
        let for_traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://traces.example/in");
        assert_eq!(endpoint(None, &[GENERAL]).as_deref(), Some("http://collector:4318/v1/traces"));
        assert_eq!(endpoint(None, &[GENERAL, for_traces]).as_deref(), Some("https://traces.example/in"));
        assert_eq!(
            endpoint(Some("http://127.0.0.1:4318"), &[GENERAL, for_traces]).as_deref(),
            Some("http://127.0.0.1:4318/v1/traces")
        );
    }

    #[test]
    fn the_sampler_is_ours_or_that_of_the_environment() {
        let sampled = |ratio, env: &[(&'static str, &'static str)]| {
            let env = [&[GENERAL], env].concat();
            read(None, ratio, &env).map(|settings| settings.map(|settings| (settings.ratio, settings.follows_parent)))
        };
        assert_eq!(sampled(None, &[]), Ok(Some((1.0, true))));
        let tenth = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0.1")];
        assert_eq!(sampled(None, &tenth), Ok(Some((0.1, false))));
        assert_eq!(sampled(Some(0.5), &tenth), Ok(Some((0.5, true))));
        assert_eq!(sampled(None, &[("OTEL_TRACES_SAMPLER", "parentbased_always_off")]), Ok(Some((0.0, true))));
        assert!(sampled(None, &[("OTEL_TRACES_SAMPLER", "jaeger_remote")]).is_err());
        assert!(sampled(None, &[tenth[0], ("OTEL_TRACES_SAMPLER_ARG", "2")]).is_err());
    }

    #[test]
    fn headers_and_resource_are_read_as_they_are_written() {
        let env = [
            GENERAL,
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b, authorization=Bearer%20c"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=other"),
            ("OTEL_SERVICE_NAME", "relay"),
        ];
        let settings = read(None, None, &env).expect("can be used").expect("is wanted");
        assert_eq!(settings.headers["authorization"], "Bearer c");
        assert_eq!(settings.headers["x-key"], "a b");
        assert!(!format!("{settings:?}").contains("Bearer c"), "{settings:?}");
        let resource: Vec<_> = settings.resource.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(resource[..2], [("service.name", "relay"), ("deployment.environment.name", "test")]);
        assert_eq!(resource[2].0, "service.version");
    }

    #[test]
    fn what_cannot_be_used_is_told_without_its_value() {
        for (env, told) in [
            (("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"), "OTEL_EXPORTER_OTLP_ENDPOINT is not a URL"),
            (("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:secret@collector"), "is not a URL"),
        ] {
            let error = read(None, None, &[env]).expect_err("cannot be used");
            assert!(error.contains(told) && !error.contains("secret"), "{error}");
        }
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "nothing"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ] {
            let error = read(None, None, &[GENERAL, (name, value)]).expect_err("cannot be used");
            assert!(error.starts_with(name), "{error}");
        }
    }
}
