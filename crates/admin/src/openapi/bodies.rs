//! Bodies that are a variation of another: what a change may name is what the
//! entry has, and so its schema is made of the entry's. And answers that may be
//! a plan instead.

use relay_control::fleet_document::schema::{GroupEntry, HostEntry, KeyEntry, RouteEntry};
use relay_control::notifications::schema::ChannelSettings;
use relay_control::publication::{Applied, Planned};
use serde::Serialize;
use utoipa::openapi::{Object, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Names a variation of `$entry`, made by `$vary`.
macro_rules! variation {
    ($(#[$doc:meta])* $name:ident of $entry:ty, $about:literal, $vary:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let vary: fn(&mut Object) = $vary;
                varied::<$entry>($about, vary)
            }
        }

        impl ToSchema for $name {
            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                <$entry>::schemas(schemas);
            }
        }
    };
}

variation! {
    /// Makes a key.
    NewKeyBody of KeyEntry, "The fields of a new key.", |entry| entry.required.retain(|name| name != "key_id")
}

variation! {
    /// Changes a host.
    HostPatch of HostEntry, "The fields of a host that change; its id cannot.", patch
}

variation! {
    /// Changes a group.
    GroupPatch of GroupEntry, "The fields of a group that change; its id cannot.", patch
}

variation! {
    /// Changes a route.
    RoutePatch of RouteEntry, "The fields of a route that change; its id cannot.", patch
}

variation! {
    /// Changes a key.
    KeyPatch of KeyEntry, "The fields of a key that change; its id cannot.", patch
}

variation! {
    /// Changes a channel.
    ChannelPatch of ChannelSettings, "The settings that change.", |settings| {
        patch(settings);
        settings.properties.shift_remove("id");
    }
}

/// What became of an entry, or would.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, clippy::large_enum_variant, reason = "describes what `entries` answers; never made")]
pub(crate) enum Changed<T> {
    /// The entry.
    Entry(T),
    /// With `dry_run`: the plan.
    Plan(Planned),
}

/// What went with an entry, or would.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, clippy::large_enum_variant, reason = "describes what `entries` answers; never made")]
pub(crate) enum Removed {
    /// What went.
    Applied(Applied),
    /// With `dry_run`: the plan.
    Plan(Planned),
}

/// The entry's schema with another description, varied.
fn varied<T: PartialSchema>(about: &str, vary: fn(&mut Object)) -> RefOr<Schema> {
    let mut schema = T::schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        object.description = Some(about.to_owned());
        vary(object);
    }
    schema
}

/// Nothing has to be named.
fn patch(entry: &mut Object) {
    entry.required.clear();
}
