//! Users of a host (sub2api-host-api.md §2.2).

use std::num::NonZeroU32;

use relay_domain::{Secret, Timestamp};
use serde::{Deserialize, Serialize};

use super::call::{Call, Identity};
use super::client::AdminClient;
use super::codes;
use super::error::AdminError;
use super::groups::found;
use super::id::{RemoteGroupId, RemoteUserId};
use super::paging::or_default;

const USERS: &str = "/api/v1/admin/users";

/// A user.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct User {
    /// The host's id.
    pub id: RemoteUserId,
    /// As it was given; older hosts tell upper from lower case when logging in.
    #[serde(default, deserialize_with = "or_default")]
    pub email: String,
    /// A display name.
    #[serde(default, deserialize_with = "or_default")]
    pub username: String,
    /// An administrator's notes, where the call shows them.
    #[serde(default, deserialize_with = "or_default")]
    pub notes: String,
    /// `user` or `admin`.
    #[serde(default, deserialize_with = "or_default")]
    pub role: String,
    /// USD.
    #[serde(default)]
    pub balance: Option<f64>,
    /// Requests at once over all keys; 0 or less is no limit. Older hosts show 0 right after a creation without one, and mean 5.
    #[serde(default)]
    pub concurrency: Option<i64>,
    /// Whether the user is served.
    #[serde(default, deserialize_with = "or_default")]
    pub status: UserStatus,
    /// Exclusive groups open to the user.
    #[serde(default, deserialize_with = "or_default")]
    pub allowed_groups: Vec<RemoteGroupId>,
    /// `simple` where the host checks neither subscriptions nor money; only told to a user himself.
    #[serde(default)]
    pub run_mode: Option<String>,
    /// Since when.
    #[serde(default)]
    pub created_at: Option<Timestamp>,
}

/// Whether a user is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    /// Yes.
    Active,
    /// No: keys and logins are refused.
    Disabled,
    /// A word we do not know, or none. Not to be sent.
    #[default]
    #[serde(other)]
    Other,
}

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The address; it need not exist.
    pub email: String,
    /// At least 6 characters. Keep it: it is what keys are made with.
    pub password: Secret,
    /// A display name; may be empty.
    pub username: String,
    /// An administrator's notes: the place for an ownership tag.
    pub notes: String,
    /// Requests at once. Never left to the host: without one it is 5 on older hosts and unlimited on newer ones.
    pub concurrency: NonZeroU32,
}

/// What to change of a user; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct UserChanges {
    /// Ends all sessions of the user on newer hosts.
    pub password: Option<Secret>,
    /// Notes.
    pub notes: Option<String>,
    /// Requests at once.
    pub concurrency: Option<NonZeroU32>,
    /// Switches the user on or off.
    pub status: Option<UserStatus>,
    /// Replaces the exclusive groups open to the user.
    pub allowed_groups: Option<Vec<RemoteGroupId>>,
}

#[derive(Serialize)]
struct CreateBody<'a> {
    email: &'a str,
    password: &'a str,
    username: &'a str,
    notes: &'a str,
    concurrency: NonZeroU32,
}

#[derive(Serialize)]
struct UpdateBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<NonZeroU32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<UserStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_groups: Option<&'a [RemoteGroupId]>,
}

impl AdminClient {
    /// One user.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn user(&self, id: RemoteUserId) -> Result<Option<User>, AdminError> {
        let call = Call::get(Identity::Admin, format!("{USERS}/{id}"));
        found(self.data(&call).await, codes::USER_NOT_FOUND)
    }

    /// The users with exactly this e-mail address, in whatever case: hosts have
    /// no exact look-up, their search also finds strangers, and older ones can
    /// hold two spellings of one address.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn find_users_by_email(&self, email: &str) -> Result<Vec<User>, AdminError> {
        let email = email.trim().to_lowercase();
        let call = || {
            // What the search would drag along; hosts that do not know the parameter ignore it.
            let call = Call::get(Identity::Admin, USERS).query("include_subscriptions", Some(false));
            call.query("search", Some(&email))
        };
        let mut users = self.all(call, |user: &User| user.id).await?;
        users.retain(|user| user.email.trim().to_lowercase() == email);
        Ok(users)
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`codes::EMAIL_EXISTS`] when the address is taken: by somebody who was quicker, or, on older
    /// hosts, by a deleted user, who is in no list. See [`AdminError`] for the rest.
    pub async fn create_user(&self, user: &NewUser) -> Result<User, AdminError> {
        let body = CreateBody {
            email: &user.email,
            password: user.password.expose(),
            username: &user.username,
            notes: &user.notes,
            concurrency: user.concurrency,
        };
        self.data(&Call::post(Identity::Admin, USERS, &body).hides(&user.password)).await
    }

    /// Changes a user. Repeating it changes nothing more.
    ///
    /// # Errors
    /// [`codes::USER_NOT_FOUND`]; see [`AdminError`] for the rest.
    pub async fn update_user(&self, id: RemoteUserId, changes: &UserChanges) -> Result<User, AdminError> {
        if changes.status == Some(UserStatus::Other) {
            return Err(AdminError::Unsendable("a user can be made active or disabled"));
        }
        let body = UpdateBody {
            password: changes.password.as_ref().map(Secret::expose),
            notes: changes.notes.as_deref(),
            concurrency: changes.concurrency,
            status: changes.status,
            allowed_groups: changes.allowed_groups.as_deref(),
        };
        let mut call = Call::put(Identity::Admin, format!("{USERS}/{id}"), &body);
        if let Some(password) = &changes.password {
            call = call.hides(password);
        }
        self.data(&call).await
    }
}
