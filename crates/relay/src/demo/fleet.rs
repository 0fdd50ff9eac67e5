//! The demo's cast: two simulated hosts and the fleet in front of them.

use std::time::Duration;

use relay_domain::Secret;
use relay_testkit::{FakeHost, Reply};

/// The logical group.
pub(super) const GROUP: &str = "demo";

/// The public model that the traffic asks for.
pub(super) const MODEL: &str = "gpt-5";

/// Between the words of an answer: slow enough to see it stream.
const PACE: Duration = Duration::from_millis(40);

/// Starts the hosts on free ports of loopback.
pub(super) async fn start_hosts() -> Vec<FakeHost> {
    let host = |name| {
        FakeHost::builder().name(name).key(gateway_key(name)).pace(PACE).default_reply(Reply::small_talk()).start()
    };
    vec![host("tokyo").await, host("osaka").await]
}

/// The hosts are simulated, so their keys are no secrets.
fn gateway_key(name: &str) -> &'static str {
    if name == "tokyo" { "sk-demo-tokyo" } else { "sk-demo-osaka" }
}

/// The fleet file that the demo applies.
pub(super) fn document(hosts: &[FakeHost], consumer_key: &Secret) -> String {
    let entry = |host: &FakeHost| {
        format!(
            r#"
[[host]]
host_id = "{name}"
kind = "sub2api"
base_url = "{base_url}"
allow_private = true
gateway_key = "{key}"
"#,
            name = host.name(),
            base_url = host.base_url(),
            key = gateway_key(host.name()),
        )
    };
    let hosts: String = hosts.iter().map(entry).collect();
    format!(
        r#"{hosts}
[[group]]
logical_group_id = "{GROUP}"
sticky = {{ scope = "conversation", ttl = "1h" }}

# Two routes share the first tier 60 : 40, a third waits below it.
[[route]]
route_id = "gpt-5-tokyo"
logical_group_id = "{GROUP}"
public_model = "{MODEL}"
shadow_host_id = "tokyo"
shadow_group_id = "1"
shadow_model = "gpt-5-2025-08-07"
priority = 1
weight = 60
credential = "host_key"

[[route]]
route_id = "gpt-5-osaka"
logical_group_id = "{GROUP}"
public_model = "{MODEL}"
shadow_host_id = "osaka"
shadow_group_id = "1"
shadow_model = "gpt-5-pool"
priority = 1
weight = 40
credential = "host_key"

[[route]]
route_id = "gpt-5-spare"
logical_group_id = "{GROUP}"
public_model = "{MODEL}"
shadow_host_id = "osaka"
shadow_group_id = "2"
shadow_model = "gpt-5-spare"
priority = 2
weight = 100
credential = "host_key"

[[route]]
route_id = "mini-osaka"
logical_group_id = "{GROUP}"
public_model = "gpt-5-mini"
shadow_host_id = "osaka"
shadow_group_id = "1"
priority = 1
weight = 100
credential = "host_key"

[[key]]
key_id = "demo"
secret = "{key}"
logical_groups = ["{GROUP}"]
expose_routing = true
"#,
        key = consumer_key.expose(),
    )
}
