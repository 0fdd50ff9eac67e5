//! `[[host]]`.

use relay_domain::{AdminAccess, BaseUrl, BaseUrlError, Host, HostId, HostKind, StoredSecret};
use relay_hosts::address::is_special;

use super::entry::Entry;
use super::secrets::{self, Use, Written};
use super::{Declared, Reading, Wrong};

/// Reads one host; `None` when a fault was noted that leaves nothing to build.
pub(super) fn read(mut entry: Entry<'_>, reading: &Reading<'_>, declared: &Declared<'_>) -> Option<Host> {
    let id = super::id(&mut entry, "host_id", HostId::new);
    let kind = entry.choice("kind", HostKind::Sub2api, &[("sub2api", HostKind::Sub2api), ("openai", HostKind::OpenAi)]);
    let base_url = base_url(&mut entry);
    let allow_private = entry.flag("allow_private", false);
    let enabled = entry.flag("enabled", true);
    if let Some(base_url) = base_url.as_ref().filter(|_| !allow_private) {
        refuse_private_literal(&mut entry, base_url);
    }
    let current = id.as_ref().and_then(|id| declared.current_hosts.get(id.as_str()).copied());
    let admin = admin_access(&mut entry, reading, kind, current);
    let kept = current.and_then(|host| host.gateway_key.clone());
    let gateway_key = secret(&mut entry, "gateway_key", reading, Use::Header, kept);
    let ask_usage = entry.flag("ask_usage", true);
    entry.refuse_unknown();
    Some(Host { id: id?, kind, base_url: base_url?, allow_private, enabled, admin, gateway_key, ask_usage })
}

fn base_url(entry: &mut Entry<'_>) -> Option<BaseUrl> {
    let text = entry.required_text("base_url")?;
    let url = BaseUrl::parse(text);
    url.map_err(|error| {
        // What stands before an @ may be a password.
        let shown = if error == BaseUrlError::Userinfo { String::new() } else { text.to_owned() };
        entry.fault("base_url", Wrong::BaseUrl(shown, error));
    })
    .ok()
}

/// What a name resolves to is checked at connect time; an address written
/// out, in any notation, can be refused here (spec §10).
fn refuse_private_literal(entry: &mut Entry<'_>, base_url: &BaseUrl) {
    let is_private = match url::Url::parse(&base_url.to_string()).ok().as_ref().and_then(url::Url::host) {
        Some(url::Host::Ipv4(address)) => is_special(address.into()),
        Some(url::Host::Ipv6(address)) => is_special(address.into()),
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    };
    if is_private {
        entry.fault("base_url", Wrong::PrivateAddress(base_url.to_string()));
    }
}

fn admin_access(
    entry: &mut Entry<'_>,
    reading: &Reading<'_>,
    kind: HostKind,
    current: Option<&Host>,
) -> Option<AdminAccess> {
    let kept_key = current.and_then(|host| match &host.admin {
        Some(AdminAccess::Key(secret)) => Some(secret.clone()),
        _ => None,
    });
    let has_login = entry.value("login").is_some();
    if kind == HostKind::OpenAi {
        for field in ["admin_key", "login"] {
            if entry.value(field).is_some() {
                entry.fault(field, Wrong::NoAdminApi);
            }
        }
        return None;
    }
    let key = secret(entry, "admin_key", reading, Use::Header, kept_key);
    if !has_login {
        return key.map(AdminAccess::Key);
    }
    if entry.value("admin_key").is_some() {
        entry.fault("login", Wrong::TwoAccesses);
    }
    let kept_password = current.and_then(|host| match &host.admin {
        Some(AdminAccess::Login { password, .. }) => Some(password.clone()),
        _ => None,
    });
    let mut login = entry.table("login", "{ email = \"…\", password = { env = \"…\" } }")?;
    let email = login.required_text("email");
    if login.value("password").is_none() {
        login.fault("password", Wrong::Missing("{ env = \"NAME\" }"));
    }
    let password = secret(&mut login, "password", reading, Use::Body, kept_password);
    login.refuse_unknown();
    Some(AdminAccess::Login { email: email?.to_owned(), password: password? })
}

fn secret(
    entry: &mut Entry<'_>,
    field: &'static str,
    reading: &Reading<'_>,
    used: Use,
    kept: Option<StoredSecret>,
) -> Option<StoredSecret> {
    match secrets::read(entry, field, reading.resolver, used) {
        Written::Given(secret) => Some(secret),
        Written::Absent | Written::Faulty => None,
        Written::Keep => {
            if kept.is_none() {
                entry.fault(field, Wrong::NothingKept);
            }
            kept
        }
    }
}
