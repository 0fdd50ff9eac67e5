//! What the client promises on every version, and what each known version does. The
//! same tests run against the doubles and against real hosts, so that a double that
//! drifts from its original is noticed.

use std::num::NonZeroU32;

use relay_domain::{AdminAccess, Secret, SecretSource, StoredSecret, Timestamp};
use relay_hosts::admin::{
    AccountFilter, AdminError, AssignSemantics, Assignment, AssignmentConflict, CustomKey, HostKey, KeyChanges,
    KeyStatus, NewKey, NewSubscription, RemoteGroupId, RemoteKeyId, RemoteSubscriptionId, RemoteUserId,
    SubscriptionFilter, SubscriptionStatus, Support, UsageFilter, UserChanges, UserClient, UserStatus, codes,
};
use relay_testkit::Personality;

use crate::world::{NOWHERE, World, key_access, made, new_user, unique};

#[track_caller]
fn code<T: std::fmt::Debug>(outcome: Result<T, AdminError>) -> String {
    let error = outcome.expect_err("it is refused");
    error.code().unwrap_or_else(|| error.as_str()).to_owned()
}

fn new_key(world: &World) -> NewKey {
    let custom_key = CustomKey::new(&Secret::new(&unique("sk-relay-test"))).expect("a custom key");
    NewKey { name: "relay".to_owned(), group: Some(world.group), custom_key: Some(custom_key) }
}

async fn log_in(world: &World, email: &str, password: &Secret) -> UserClient {
    world.admin.log_in_as(email, password).await.expect("the user can log in")
}

/// A user with a living subscription and a key of its group.
async fn keyed_user(world: &World) -> (UserClient, HostKey, Secret) {
    let (user, password, _) = world.subscribed_user().await;
    let client = log_in(world, &user.email, &password).await;
    let key = client.create_key(&new_key(world), None).await.expect("a key can be made");
    let secret = key.key.clone().expect("the key is told");
    (client, key, secret)
}

pub(crate) async fn groups_are_listed_and_found(world: &World) {
    let all = world.admin.groups().await.unwrap();
    let group = all.iter().find(|group| group.id == world.group).expect("the group is listed");
    assert!(group.takes_subscriptions());
    assert!(world.admin.active_groups().await.unwrap().iter().any(|group| group.id == world.group));
    assert_eq!(world.admin.group(world.group).await.unwrap().as_ref(), Some(group));
    let found = world.admin.find_groups_by_name(&group.name).await.unwrap();
    assert_eq!(found.iter().map(|group| group.id).collect::<Vec<_>>(), [world.group]);
    assert!(world.admin.find_groups_by_name(&unique("no-group")).await.unwrap().is_empty());
    assert_eq!(world.admin.group(RemoteGroupId(NOWHERE)).await.unwrap(), None);
    assert!(world.admin.group_keys(RemoteGroupId(NOWHERE)).await.unwrap().is_empty());
}

pub(crate) async fn a_user_is_found_by_exactly_his_address(world: &World) {
    let (user, _) = world.new_user().await;
    // The search of hosts finds this one too.
    let stranger = world.admin.create_user(&new_user(&format!("x{}", user.email))).await.unwrap();
    world.remember(stranger.id);
    for email in [user.email.clone(), user.email.to_uppercase()] {
        let found = world.admin.find_users_by_email(&email).await.unwrap();
        assert_eq!(found.iter().map(|found| found.id).collect::<Vec<_>>(), [user.id], "{email}");
    }
    assert!(world.admin.find_users_by_email("relay.example").await.unwrap().is_empty());
    assert_eq!(world.admin.user(user.id).await.unwrap().expect("there he is").email, user.email);
    assert_eq!(world.admin.user(RemoteUserId(NOWHERE)).await.unwrap(), None);
}

pub(crate) async fn an_address_is_taken_once(world: &World) {
    let (user, _) = world.new_user().await;
    assert_eq!(code(world.admin.create_user(&new_user(&user.email)).await), codes::EMAIL_EXISTS);
    let other_case = world.admin.create_user(&new_user(&user.email.to_uppercase())).await;
    let both = world.admin.find_users_by_email(&user.email).await.unwrap().len();
    match world.version {
        // The older version takes another spelling for somebody else.
        Some(Personality::S) => assert_eq!((other_case.is_ok(), both), (true, 2)),
        Some(_) => assert_eq!((code(other_case).as_str(), both), (codes::EMAIL_EXISTS, 1)),
        None => assert_eq!(both, 1 + usize::from(other_case.is_ok())),
    }
}

pub(crate) async fn a_user_is_made_as_asked_and_changed(world: &World) {
    let (user, _) = world.new_user().await;
    let stored = world.admin.user(user.id).await.unwrap().expect("there he is");
    assert_eq!((stored.concurrency, stored.status, stored.role.as_str()), (Some(3), UserStatus::Active, "user"));
    assert_eq!(stored.notes, "made by a test of Relay Manager");
    let changes =
        UserChanges { notes: Some("changed".to_owned()), concurrency: NonZeroU32::new(9), ..UserChanges::default() };
    for _ in 0..2 {
        let changed = world.admin.update_user(user.id, &changes).await.unwrap();
        assert_eq!((changed.notes.as_str(), changed.concurrency), ("changed", Some(9)));
    }
    let stored = world.admin.user(user.id).await.unwrap().expect("there he is");
    assert_eq!((stored.email, stored.status, stored.concurrency), (user.email, UserStatus::Active, Some(9)));
    let nobody = world.admin.update_user(RemoteUserId(NOWHERE), &changes).await;
    assert_eq!(code(nobody), codes::USER_NOT_FOUND);
}

pub(crate) async fn a_subscription_is_assigned_once(world: &World) {
    let (user, _) = world.new_user().await;
    assert!(world.admin.user_subscriptions(user.id).await.unwrap().is_empty());
    let wanted = world.subscription_of(user.id);
    let first = made(world.admin.assign(&wanted).await.unwrap());
    let now = Timestamp::now();
    assert!(first.is_live_at(now), "{first:?}");
    assert_eq!((first.user_id, first.group_id, first.notes.as_str()), (user.id, world.group, wanted.notes.as_str()));

    let again = world.admin.assign(&wanted).await.unwrap();
    let longer = NewSubscription { validity_days: 31, ..wanted.clone() };
    let longer = world.admin.assign(&longer).await.unwrap();
    let renamed = NewSubscription { notes: "others".to_owned(), ..wanted };
    let renamed = world.admin.assign(&renamed).await.unwrap();
    match world.version {
        Some(Personality::S) => {
            for outcome in [again, longer, renamed] {
                assert_eq!(outcome, Assignment::Exists(AssignmentConflict::AlreadyExists));
            }
        }
        Some(_) => {
            assert_eq!(made(again).id, first.id);
            assert_eq!(longer, Assignment::Exists(AssignmentConflict::ValidityDays));
            assert_eq!(renamed, Assignment::Exists(AssignmentConflict::Notes));
        }
        None => {}
    }
    let all = world.admin.user_subscriptions(user.id).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!((all[0].id, all[0].expires_at), (first.id, first.expires_at));
    assert_eq!(world.admin.subscription(first.id).await.unwrap().map(|found| found.id), Some(first.id));
    let filter =
        SubscriptionFilter { user: Some(user.id), group: Some(world.group), status: Some(SubscriptionStatus::Active) };
    assert_eq!(world.admin.subscriptions(&filter).await.unwrap().len(), 1);
}

pub(crate) async fn what_assigning_does_is_learned(world: &World) {
    let (user, _, first) = world.subscribed_user().await;
    let again = world.admin.assign(&world.subscription_of(user.id)).await.unwrap();
    let mut capabilities = world.capabilities.clone();
    assert_eq!(capabilities.assign, AssignSemantics::Unknown);
    capabilities.learn_assign(Some(&first), &again, Timestamp::now());
    match world.version {
        Some(Personality::S) => assert_eq!(capabilities.assign, AssignSemantics::Refuses),
        Some(_) => assert_eq!(capabilities.assign, AssignSemantics::Returns),
        None => assert_ne!(capabilities.assign, AssignSemantics::Unknown),
    }
}

pub(crate) async fn what_cannot_be_assigned_is_told_apart(world: &World) {
    let (user, _) = world.new_user().await;
    let wanted = world.subscription_of(user.id);
    let nowhere = NewSubscription { group_id: RemoteGroupId(NOWHERE), ..wanted.clone() };
    assert_eq!(code(world.admin.assign(&nowhere).await), codes::GROUP_NOT_FOUND);
    if let Some(group_id) = world.standard_group {
        let standard = NewSubscription { group_id, ..wanted.clone() };
        assert_eq!(code(world.admin.assign(&standard).await), codes::GROUP_NOT_SUBSCRIPTION_TYPE);
    }
    let nobody = NewSubscription { user_id: RemoteUserId(NOWHERE), ..wanted };
    let error = world.admin.assign(&nobody).await.expect_err("nobody is subscribed");
    // No version says that the user is unknown.
    assert!(matches!(&error, AdminError::HostFault(refusal) if refusal.status == 500), "{error}");
    assert!(error.may_have_happened());
    assert!(world.admin.user_subscriptions(RemoteUserId(NOWHERE)).await.unwrap().is_empty());
}

pub(crate) async fn a_subscription_is_extended_by_days(world: &World) {
    let (_, _, subscription) = world.subscribed_user().await;
    let end = subscription.expires_at.expect("an end");
    let extended = world.admin.extend(subscription.id, 2, None).await.unwrap();
    let days = |end: Timestamp, later: Timestamp| later.duration_since(end).as_hours();
    assert_eq!(days(end, extended.expires_at.expect("an end")), 48);
    let nowhere = world.admin.extend(RemoteSubscriptionId(NOWHERE), 1, None).await;
    assert_eq!(code(nowhere), codes::SUBSCRIPTION_NOT_FOUND);
    let Some(once) = world.capabilities.idempotency_key(&unique("extend")) else { return };
    for _ in 0..2 {
        let extended = world.admin.extend(subscription.id, 1, Some(&once)).await.unwrap();
        assert_eq!(days(end, extended.expires_at.expect("an end")), 72, "the repetition is the same write");
    }
    let other = world.admin.extend(subscription.id, 5, Some(&once)).await;
    assert_eq!(code(other), codes::IDEMPOTENCY_KEY_CONFLICT);
}

pub(crate) async fn a_revoked_subscription_is_gone_and_can_be_assigned_anew(world: &World) {
    let (user, _, subscription) = world.subscribed_user().await;
    assert!(world.admin.revoke(subscription.id).await.unwrap());
    assert!(!world.admin.revoke(subscription.id).await.unwrap());
    assert_eq!(world.admin.subscription(subscription.id).await.unwrap(), None);
    assert!(world.admin.user_subscriptions(user.id).await.unwrap().is_empty());
    let filter = SubscriptionFilter { user: Some(user.id), ..SubscriptionFilter::default() };
    let kept = world.admin.subscriptions(&filter).await.unwrap();
    match world.version {
        Some(Personality::S) => assert!(kept.is_empty()),
        Some(_) => assert_eq!(kept[0].status, SubscriptionStatus::Revoked),
        None => assert!(kept.iter().all(|kept| kept.status != SubscriptionStatus::Active)),
    }
    assert_eq!(world.capabilities.soft_revoke == Support::Yes, !kept.is_empty());
    let anew = made(world.admin.assign(&world.subscription_of(user.id)).await.unwrap());
    assert_ne!(anew.id, subscription.id);
    assert!(anew.is_live_at(Timestamp::now()));
}

pub(crate) async fn a_key_needs_a_living_subscription(world: &World) {
    let (user, password) = world.new_user().await;
    let client = log_in(world, &user.email, &password).await;
    assert_eq!(client.me().await.unwrap().id, user.id);
    assert_eq!(code(client.create_key(&new_key(world), None).await), codes::GROUP_NOT_ALLOWED);
    let nowhere = NewKey { group: Some(RemoteGroupId(NOWHERE)), ..new_key(world) };
    assert_eq!(code(client.create_key(&nowhere, None).await), codes::GROUP_NOT_FOUND);
    assert!(client.keys().await.unwrap().is_empty());
    made(world.admin.assign(&world.subscription_of(user.id)).await.unwrap());
    client.create_key(&new_key(world), None).await.unwrap();
    client.log_out().await.unwrap();
}

pub(crate) async fn a_creation_with_a_custom_key_can_be_repeated(world: &World) {
    let (user, password, _) = world.subscribed_user().await;
    let client = log_in(world, &user.email, &password).await;
    let new = new_key(world);
    let made = client.create_key(&new, None).await.unwrap();
    assert_eq!(made.key.as_ref(), new.custom_key.as_ref().map(CustomKey::secret));
    assert_eq!((made.user_id, made.group_id, made.status), (user.id, Some(world.group), KeyStatus::Active));
    assert_eq!(code(client.create_key(&new, None).await), codes::API_KEY_EXISTS);
    // Who has it is what an administrator sees.
    let seen = world.admin.user_keys(user.id).await.unwrap();
    assert_eq!(seen.iter().map(|key| key.id).collect::<Vec<_>>(), [made.id]);
    assert_eq!(seen[0].key, made.key);
    assert!(seen[0].is_usable_at(Timestamp::now()));
    assert!(world.admin.group_keys(world.group).await.unwrap().iter().any(|key| key.id == made.id));
    let Some(once) = world.capabilities.idempotency_key(&unique("key")) else { return };
    let unnamed = NewKey { custom_key: None, ..new };
    let first = client.create_key(&unnamed, Some(&once)).await.unwrap();
    let second = client.create_key(&unnamed, Some(&once)).await.unwrap();
    assert_eq!((first.id, first.key), (second.id, second.key));
}

pub(crate) async fn a_key_is_served_while_it_is_active(world: &World) {
    let (client, key, secret) = keyed_user(world).await;
    assert!(world.admin.key_usage(&secret).await.unwrap().shows_access());
    assert!(!world.admin.key_models(&secret).await.unwrap().is_empty());
    let status = |status| KeyChanges { status: Some(status), ..KeyChanges::default() };
    client.update_key(key.id, &status(KeyStatus::Inactive)).await.unwrap();
    assert_eq!(code(world.admin.key_models(&secret).await), "API_KEY_DISABLED");
    let changed = client.update_key(key.id, &status(KeyStatus::Active)).await.unwrap();
    assert_eq!((changed.id, changed.status), (key.id, KeyStatus::Active));
    assert!(!world.admin.key_models(&secret).await.unwrap().is_empty());
    let nowhere = client.update_key(RemoteKeyId(NOWHERE), &status(KeyStatus::Active)).await;
    assert_eq!(code(nowhere), codes::API_KEY_NOT_FOUND);
}

pub(crate) async fn a_deleted_key_is_refused_and_its_text_may_stay_taken(world: &World) {
    let (client, key, secret) = keyed_user(world).await;
    assert!(client.delete_key(key.id).await.unwrap());
    assert!(!client.delete_key(key.id).await.unwrap());
    assert_eq!(code(world.admin.key_models(&secret).await), codes::INVALID_API_KEY);
    assert!(world.admin.user_keys(key.user_id).await.unwrap().is_empty());
    let custom_key = Some(CustomKey::new(&secret).expect("a custom key"));
    let again = client.create_key(&NewKey { custom_key, ..new_key(world) }, None).await;
    match world.version {
        Some(Personality::S) => assert_eq!(code(again), codes::API_KEY_EXISTS),
        Some(_) => assert_ne!(again.expect("it is free again").id, key.id),
        None => {}
    }
}

pub(crate) async fn a_key_without_its_subscription_shows_no_access(world: &World) {
    let (user, password, subscription) = world.subscribed_user().await;
    let client = log_in(world, &user.email, &password).await;
    let key = client.create_key(&new_key(world), None).await.unwrap();
    let secret = key.key.expect("the key is told");
    assert!(world.admin.revoke(subscription.id).await.unwrap());
    assert_eq!(code(world.admin.key_models(&secret).await), codes::SUBSCRIPTION_NOT_FOUND);
    match world.admin.key_usage(&secret).await {
        Ok(usage) => assert!(!usage.shows_access(), "{usage:?}"),
        Err(error) => assert_eq!(error.code(), Some(codes::SUBSCRIPTION_NOT_FOUND)),
    }
    made(world.admin.assign(&world.subscription_of(user.id)).await.unwrap());
    assert!(world.admin.key_usage(&secret).await.unwrap().shows_access());
}

pub(crate) async fn a_key_is_bound_to_another_group_where_hosts_can(world: &World) {
    let (user, password, _) = world.subscribed_user().await;
    let client = log_in(world, &user.email, &password).await;
    let spare = NewKey { group: None, ..new_key(world) };
    let spare = client.create_key(&spare, None).await.unwrap();
    assert_eq!(spare.group_id, None);
    let bound = world.admin.rebind_key(spare.id, Some(world.group)).await;
    if world.capabilities.key_rebind == Support::No {
        assert!(matches!(bound, Err(AdminError::NoRoute { .. })), "{bound:?}");
        return;
    }
    let bound = bound.unwrap();
    assert_eq!((bound.id, bound.group_id, &bound.key), (spare.id, Some(world.group), &spare.key));
    let secret = bound.key.expect("the key is told");
    assert!(world.admin.key_usage(&secret).await.unwrap().shows_access());
    assert_eq!(world.admin.rebind_key(spare.id, None).await.unwrap().group_id, None);
    let nowhere = world.admin.rebind_key(spare.id, Some(RemoteGroupId(NOWHERE))).await;
    assert_eq!(code(nowhere), codes::GROUP_NOT_FOUND);
    let no_key = world.admin.rebind_key(RemoteKeyId(NOWHERE), Some(world.group)).await;
    assert_eq!(code(no_key), codes::API_KEY_NOT_FOUND);
    let (other, password) = world.new_user().await;
    let other = log_in(world, &other.email, &password).await;
    let unsubscribed = other.create_key(&NewKey { group: None, ..new_key(world) }, None).await.unwrap();
    let refused = world.admin.rebind_key(unsubscribed.id, Some(world.group)).await;
    assert_eq!(code(refused), codes::SUBSCRIPTION_REQUIRED);
}

pub(crate) async fn a_disabled_user_is_refused_everywhere(world: &World) {
    let (client, key, secret) = keyed_user(world).await;
    let user = client.me().await.unwrap();
    let off = UserChanges { status: Some(UserStatus::Disabled), ..UserChanges::default() };
    world.admin.update_user(user.id, &off).await.unwrap();
    assert_eq!(code(world.admin.key_models(&secret).await), "USER_INACTIVE");
    let refused = client.keys().await.expect_err("his session is refused");
    assert!(matches!(refused, AdminError::Credential(_)), "{refused}");
    assert!(world.admin.user_keys(user.id).await.unwrap().iter().any(|found| found.id == key.id));
}

pub(crate) async fn a_wrong_password_is_a_credential_error(world: &World) {
    let (user, password) = world.new_user().await;
    let wrong = world.admin.log_in_as(&user.email, &Secret::new("not the password")).await;
    let error = wrong.expect_err("it is refused");
    assert!(matches!(error, AdminError::Credential(_)), "{error}");
    assert_eq!(error.code(), Some(codes::INVALID_CREDENTIALS));
    let off = UserChanges { status: Some(UserStatus::Disabled), ..UserChanges::default() };
    world.admin.update_user(user.id, &off).await.unwrap();
    assert_eq!(code(world.admin.log_in_as(&user.email, &password).await), codes::USER_NOT_ACTIVE);
}

pub(crate) async fn a_new_password_counts_for_the_next_login(world: &World) {
    let (user, old) = world.new_user().await;
    let client = log_in(world, &user.email, &old).await;
    let password = Secret::new(&unique("password"));
    let changes = UserChanges { password: Some(password.clone()), ..UserChanges::default() };
    world.admin.update_user(user.id, &changes).await.unwrap();
    let with_old_session = client.keys().await;
    match world.version {
        // The newer version ends the session, and the old password opens no other.
        Some(Personality::N) => assert_eq!(code(with_old_session), codes::INVALID_CREDENTIALS),
        Some(_) => assert!(with_old_session.unwrap().is_empty()),
        None => {}
    }
    assert_eq!(code(world.admin.log_in_as(&user.email, &old).await), codes::INVALID_CREDENTIALS);
    assert_eq!(log_in(world, &user.email, &password).await.me().await.unwrap().id, user.id);
}

pub(crate) async fn a_wrong_admin_key_is_a_credential_error(world: &World) {
    let wrong = world.client_with(Some(key_access("admin-wrong")));
    let error = wrong.groups().await.expect_err("it is refused");
    assert_eq!((error.as_str(), error.code()), ("credential", Some(codes::INVALID_ADMIN_KEY)));
    let none = world.client_with(None);
    assert!(matches!(none.groups().await, Err(AdminError::NoAccess)));
    none.public_settings().await.expect("what everybody may see");
}

pub(crate) async fn a_login_is_an_access_too(world: &World) {
    let Some((email, password)) = world.admin_login.clone() else { return };
    let password = StoredSecret { secret: password, source: SecretSource::Value };
    let client = world.client_with(Some(AdminAccess::Login { email, password }));
    assert!(client.group(world.group).await.unwrap().is_some());
    let probed = client.probe(None, Timestamp::now()).await.unwrap();
    assert_eq!(probed.obstacle, None);
    let (user, password) = world.new_user().await;
    let password = StoredSecret { secret: password, source: SecretSource::Value };
    let no_admin = world.client_with(Some(AdminAccess::Login { email: user.email, password }));
    let error = no_admin.groups().await.expect_err("he is no administrator");
    assert_eq!((error.as_str(), error.code()), ("credential", Some(codes::FORBIDDEN)));
}

pub(crate) async fn what_the_host_can_do_is_found_out(world: &World) {
    let found = &world.capabilities;
    assert_eq!(found.obstacle, None);
    assert!(found.version.is_some());
    assert_eq!(found.self_service.possible, Support::Yes);
    let (expected, page_cap) = match world.version {
        Some(Personality::S) => (Support::No, 100),
        Some(_) => (Support::Yes, 1000),
        None => return,
    };
    for (name, support) in [
        ("compliance_gate", found.compliance_gate),
        ("refresh_tokens", found.refresh_tokens),
        ("soft_revoke", found.soft_revoke),
        ("key_rebind", found.key_rebind),
        ("idempotency", found.idempotency),
        ("key_billing", found.key_billing),
        ("ops", found.ops),
        ("capacity_summary", found.capacity_summary),
    ] {
        assert_eq!(support, expected, "{name}");
    }
    assert_eq!((found.admin_key_creation, found.page_cap), (Support::No, Some(page_cap)));
}

pub(crate) async fn a_probe_changes_nothing(world: &World) {
    let (user, _, subscription) = world.subscribed_user().await;
    world.admin.probe(None, Timestamp::now()).await.unwrap();
    assert_eq!(world.admin.user_subscriptions(user.id).await.unwrap()[0].expires_at, subscription.expires_at);
    assert!(world.admin.user_keys(user.id).await.unwrap().is_empty());
}

pub(crate) async fn a_probe_with_a_wrong_key_says_what_is_in_the_way(world: &World) {
    let wrong = world.client_with(Some(key_access("admin-wrong")));
    let found = wrong.probe(None, Timestamp::now()).await.unwrap();
    let obstacle = found.obstacle.expect("an obstacle");
    assert_eq!(obstacle.label, "credential");
    assert!(obstacle.remedy.contains("admin_key"), "{}", obstacle.remedy);
    // Routes are found all the same; what takes the access is not known.
    assert_eq!((found.key_rebind, found.page_cap), (world.capabilities.key_rebind, None));
    assert_eq!(found.idempotency, Support::Unknown);
}

pub(crate) async fn what_a_key_costs_is_told_where_hosts_can(world: &World) {
    let (_, _, secret) = keyed_user(world).await;
    let billing = world.admin.key_billing(&secret).await;
    if world.capabilities.key_billing == Support::No {
        assert!(matches!(billing, Err(AdminError::NoRoute { .. })), "{billing:?}");
        return;
    }
    assert!(billing.unwrap().effective_rate_multiplier.is_some_and(|multiplier| multiplier > 0.0));
    let probed = world.admin.probe(Some(&secret), Timestamp::now()).await.unwrap();
    assert_eq!((probed.key_billing, probed.simple_mode), (Support::Yes, Support::No));
}

pub(crate) async fn a_key_of_a_standard_group_shows_the_balance_of_its_user(world: &World) {
    let Some(group) = world.standard_group else { return };
    let (user, password) = world.new_user().await;
    let client = log_in(world, &user.email, &password).await;
    let new = NewKey { group: Some(group), ..new_key(world) };
    let secret = client.create_key(&new, None).await.unwrap().key.expect("the key is told");
    let usage = world.admin.key_usage(&secret).await;
    match world.version {
        // Without money the older one does not even tell that there is none.
        Some(Personality::S) => assert!(usage.is_err(), "{usage:?}"),
        Some(_) => assert_eq!(usage.unwrap().remaining, Some(0.0)),
        None => {}
    }
}

pub(crate) async fn records_can_be_read(world: &World) {
    world.admin.accounts(&AccountFilter::default()).await.unwrap();
    let (user, _) = world.new_user().await;
    let filter = UsageFilter { user: Some(user.id), ..UsageFilter::default() };
    assert!(world.admin.usage(&filter, 1).await.unwrap().items.is_empty());
    assert_eq!(world.admin.usage_of_request(&unique("no-request")).await.unwrap(), None);
    if world.capabilities.ops.is_yes() {
        world.admin.ops_concurrency(None).await.unwrap();
        world.admin.ops_availability(Some(world.group)).await.unwrap();
    }
    if world.capabilities.capacity_summary.is_yes() {
        let capacities = world.admin.group_capacities().await.unwrap();
        assert!(capacities.iter().any(|capacity| capacity.group_id == world.group));
    }
}

pub(crate) async fn terms_are_read_where_there_are_any(world: &World) {
    let compliance = world.admin.compliance().await.unwrap();
    assert_eq!(compliance.is_some(), world.capabilities.compliance_gate.is_yes());
    // A host that waits for a person lets none of these tests get this far.
    assert!(compliance.is_none_or(|compliance| !compliance.required));
}
