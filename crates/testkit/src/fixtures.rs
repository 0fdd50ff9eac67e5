//! A minimal fleet file (spec §8) for fake hosts.
//!
//! Written as text on purpose: a fixture that used the product's own types could not notice that they stopped reading what operators write.

use std::fmt::Write as _;

use crate::host::FakeHost;

/// Where a secret of the fleet file comes from. The fixture writes no secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// `{ env = "NAME" }`
    Env(String),
    /// `{ file = "PATH" }`
    File(String),
}

impl SecretSource {
    fn toml(&self) -> String {
        match self {
            Self::Env(name) => format!("{{ env = {} }}", quoted(name)),
            Self::File(path) => format!("{{ file = {} }}", quoted(path)),
        }
    }
}

/// One route of the fixture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteFixture {
    /// The fake host's name.
    pub host_id: String,
    /// The public name of the model.
    pub public_model: String,
    /// The name on the host; empty means the public one.
    pub shadow_model: String,
    /// Lower is tried first.
    pub priority: u32,
    /// Inside the tier.
    pub weight: u32,
}

/// Builds the text of a fleet file: hosts, one group, routes, keys.
#[derive(Clone, Debug)]
pub struct FleetFixture {
    group: String,
    group_settings: String,
    hosts: String,
    routes: Vec<RouteFixture>,
    shadow_group: String,
    credential: String,
    keys: String,
}

impl Default for FleetFixture {
    fn default() -> Self {
        Self::new("gpt")
    }
}

impl FleetFixture {
    /// A fleet with one logical group that sticks by conversation.
    pub fn new(logical_group_id: &str) -> Self {
        Self {
            group: logical_group_id.to_owned(),
            group_settings: "sticky = { scope = \"conversation\", ttl = \"1h\" }\n".to_owned(),
            hosts: String::new(),
            routes: Vec::new(),
            shadow_group: "1".to_owned(),
            credential: "host_key".to_owned(),
            keys: String::new(),
        }
    }

    /// For `hosts`: each with its gateway key, one tier, equal weights, one public model of the same name on the host.
    pub fn for_hosts<'a>(hosts: impl IntoIterator<Item = (&'a FakeHost, SecretSource)>, public_model: &str) -> Self {
        let mut fleet = Self::default();
        for (host, key) in hosts {
            fleet = fleet.host(host, Some(&key)).route(host.name(), public_model);
        }
        fleet
    }

    /// Adds a host of kind `sub2api`; its id is the fake host's name.
    #[must_use]
    pub fn host(self, host: &FakeHost, gateway_key: Option<&SecretSource>) -> Self {
        self.host_at(host.name(), "sub2api", &host.base_url(), gateway_key, None)
    }

    /// Adds any host.
    #[must_use]
    pub fn host_at(
        mut self,
        host_id: &str,
        kind: &str,
        base_url: &str,
        gateway_key: Option<&SecretSource>,
        admin_key: Option<&SecretSource>,
    ) -> Self {
        let (id, kind, url) = (quoted(host_id), quoted(kind), quoted(base_url));
        // Writing to a String cannot fail.
        let _ = write!(self.hosts, "[[host]]\nhost_id = {id}\nkind = {kind}\nbase_url = {url}\nallow_private = true\n");
        for (name, secret) in [("admin_key", admin_key), ("gateway_key", gateway_key)] {
            if let Some(secret) = secret {
                let _ = writeln!(self.hosts, "{name} = {}", secret.toml());
            }
        }
        self.hosts.push('\n');
        self
    }

    /// Adds a route of priority 1 and weight 100 to a model of the same name.
    #[must_use]
    pub fn route(self, host_id: &str, public_model: &str) -> Self {
        self.route_with(RouteFixture {
            host_id: host_id.to_owned(),
            public_model: public_model.to_owned(),
            shadow_model: String::new(),
            priority: 1,
            weight: 100,
        })
    }

    /// Adds a route. Its id is `<group>-<host>` for the first route of a host, with `-2`, `-3` … for further ones.
    #[must_use]
    pub fn route_with(mut self, route: RouteFixture) -> Self {
        self.routes.push(route);
        self
    }

    /// The shadow group of all routes; `"1"` unless set.
    #[must_use]
    pub fn shadow_group(mut self, group: &str) -> Self {
        group.clone_into(&mut self.shadow_group);
        self
    }

    /// The credential mode of all routes; `"host_key"` unless set.
    #[must_use]
    pub fn credential(mut self, mode: &str) -> Self {
        mode.clone_into(&mut self.credential);
        self
    }

    /// Replaces the group's settings by these TOML lines.
    #[must_use]
    pub fn group_settings(mut self, toml: &str) -> Self {
        self.group_settings = format!("{}\n", toml.trim_end());
        self
    }

    /// Adds a consumer key. Without a secret one is generated and shown once by `apply`.
    #[must_use]
    pub fn key(mut self, key_id: &str, secret: Option<&SecretSource>) -> Self {
        let _ = write!(self.keys, "[[key]]\nkey_id = {}\n", quoted(key_id));
        if let Some(secret) = secret {
            let _ = writeln!(self.keys, "secret = {}", secret.toml());
        }
        let group = quoted(&self.group);
        let _ = write!(self.keys, "logical_groups = [{group}]\nsubject_id = {}\n\n", quoted(key_id));
        self
    }

    /// The fleet file.
    pub fn toml(&self) -> String {
        let group = quoted(&self.group);
        let mut text = self.hosts.clone();
        let _ = write!(text, "[[group]]\nlogical_group_id = {group}\n{}\n", self.group_settings);
        for (index, route) in self.routes.iter().enumerate() {
            let before = self.routes[..index].iter().filter(|other| other.host_id == route.host_id).count();
            let suffix = if before == 0 { String::new() } else { format!("-{}", before + 1) };
            let id = quoted(&format!("{}-{}{suffix}", self.group, route.host_id));
            let shadow_model = if route.shadow_model.is_empty() { &route.public_model } else { &route.shadow_model };
            let _ = write!(
                text,
                "[[route]]\nroute_id = {id}\nlogical_group_id = {group}\npublic_model = {}\nshadow_host_id = {}\n\
                 shadow_group_id = {}\nshadow_model = {}\npriority = {}\nweight = {}\ncredential = {}\n\n",
                quoted(&route.public_model),
                quoted(&route.host_id),
                quoted(&self.shadow_group),
                quoted(shadow_model),
                route.priority,
                route.weight,
                quoted(&self.credential),
            );
        }
        text.push_str(&self.keys);
        text
    }
}

/// A TOML basic string. JSON's escapes are a subset of TOML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fleet_file_is_toml_with_all_its_parts() {
        let secret = SecretSource::Env("KEY".to_owned());
        let fleet = FleetFixture::new("gpt")
            .host_at(
                "tokyo",
                "sub2api",
                "http://127.0.0.1:1",
                Some(&secret),
                Some(&SecretSource::File("C:\\a \"b\"".to_owned())),
            )
            .host_at("paris", "openai", "http://127.0.0.1:2", None, None)
            .route("tokyo", "gpt-5")
            .route_with(RouteFixture {
                host_id: "tokyo".to_owned(),
                public_model: "gpt-5-mini".to_owned(),
                shadow_model: "mini".to_owned(),
                priority: 2,
                weight: 0,
            })
            .key("team-a", Some(&secret))
            .key("team-b", None);
        let parsed: toml::Table = fleet.toml().parse().expect("the fixture is TOML");
        assert_eq!(parsed["host"].as_array().map(Vec::len), Some(2));
        assert_eq!(parsed["host"][0]["admin_key"]["file"].as_str(), Some("C:\\a \"b\""));
        assert_eq!(parsed["host"][1]["allow_private"].as_bool(), Some(true));
        assert_eq!(parsed["route"][0]["shadow_model"].as_str(), Some("gpt-5"));
        assert_eq!(parsed["route"][1]["route_id"].as_str(), Some("gpt-tokyo-2"));
        assert_eq!(parsed["group"][0]["sticky"]["scope"].as_str(), Some("conversation"));
        assert_eq!(parsed["key"][0]["secret"]["env"].as_str(), Some("KEY"));
        assert!(parsed["key"][1].get("secret").is_none());
    }
}
