//! From nothing, or from whatever there is, to a key that the gateway serves.

use jiff::SignedDuration;
use relay_domain::Clock as _;
use relay_hosts::admin::AssignSemantics;
use relay_hosts::managed::Lookup;
use relay_testkit::{AdminFault, FakeGroup, FakeKey, FakeSubscription, FakeUser, Personality};

use crate::support::{BOTH, GROUP, POOL, USER, World, builder, host_id, name};

const ASSIGN: &str = "/api/v1/admin/subscriptions/assign";

#[tokio::test]
async fn a_stranger_gets_a_user_a_subscription_and_a_key() {
    for personality in BOTH {
        let world = World::new(personality).await;
        let running = world.open().await;
        let key = running.key().await;
        world.has_one_of_each(&key);
        let (user, subscription, made) = (&world.users()[0], &world.subscriptions()[0], &world.keys()[0]);
        assert!(user.notes.starts_with("relay-manager:") && subscription.notes == user.notes);
        assert_eq!(made.name, format!("{} g1", user.notes));
        assert_eq!(user.concurrency, 100, "never left to the host");
        assert_ne!(user.password, made.key);
        assert!(matches!(running.look_up(world.clock.now()), Lookup::Ready(found) if found.secret == key.secret));
        let view = running.access.grant_view(&name()).await.unwrap().unwrap();
        assert_eq!((view.state, view.step, view.generation), ("ready", "idle", 1));
    }
}

#[tokio::test]
async fn the_key_is_the_same_whenever_it_is_derived() {
    let texts = async |personality| {
        let world = World::new(personality).await;
        world.open().await.key().await.secret.expose().to_owned()
    };
    let text = texts(Personality::S).await;
    assert_eq!(text, texts(Personality::N).await);
    assert!(text.starts_with("sk-rm-") && text.len() == 70);
}

#[tokio::test]
async fn a_groups_name_is_looked_up_and_recorded() {
    let world = World::new(Personality::N).await;
    let running = world.open().await;
    let key = running.obtain_for(USER, POOL).await.unwrap();
    assert_eq!(key.group_id, GROUP);
    assert_eq!(running.key().await.secret, key.secret);
    let asked = world.host.received().len();
    running.obtain_for(USER, POOL).await.unwrap();
    assert_eq!(world.host.received().len(), asked);
    use relay_store::Store as _;
    let known = running.store.managed_resource(&host_id(), relay_store::ResourceKind::Group, POOL).await.unwrap();
    assert_eq!(known.unwrap().remote_id, "7");
}

#[tokio::test]
async fn objects_are_known_by_name_afterwards() {
    use relay_store::{ResourceFilter, Store as _};
    let world = World::new(Personality::N).await;
    let running = world.open().await;
    let key = running.key().await;
    let known = running.store.managed_resources(&ResourceFilter::default(), None, 10).await.unwrap();
    let known: Vec<String> = known.iter().map(|it| format!("{} {} {}", it.kind, it.name, it.remote_id)).collect();
    let (subscription, made) = (world.subscriptions()[0].id, world.keys()[0].id);
    assert_eq!(
        known,
        [
            format!("user {USER} {}", key.user_id),
            format!("subscription {USER}/7 {subscription}"),
            format!("key {USER}/7#1 {made}")
        ]
    );
}

#[tokio::test]
async fn groups_of_one_user_share_the_user_and_its_login() {
    let host = builder(Personality::N).group(FakeGroup::new(9, "other")).start().await;
    let world = World::over(host);
    let running = world.open().await;
    let (one, other) = tokio::join!(running.obtain(), running.obtain_for(USER, "9"));
    assert_ne!(one.unwrap().secret, other.unwrap().secret);
    assert_eq!((world.users().len(), world.subscriptions().len(), world.keys().len()), (1, 2, 2));
    assert_eq!(world.calls("POST", "/api/v1/admin/users"), 1);
    assert_eq!(world.calls("POST", "/api/v1/auth/login"), 1);
}

#[tokio::test]
async fn however_many_ask_the_work_is_done_once() {
    let world = World::new(Personality::N).await;
    let running = world.open().await;
    let asking = (0..50).map(|_| running.obtain());
    let keys = futures_util::future::join_all(asking).await;
    let first = keys[0].as_ref().unwrap();
    assert!(keys.iter().all(|key| key.as_ref().unwrap().secret == first.secret));
    world.has_one_of_each(first);
    for call in ["/api/v1/admin/users", ASSIGN, "/api/v1/keys"] {
        assert_eq!(world.calls("POST", call), 1, "{call}");
    }
}

#[tokio::test]
async fn who_stops_waiting_does_not_stop_the_work() {
    let world = World::new(Personality::N).await;
    let gate = relay_testkit::Gate::new();
    world.host.fail(AdminFault::hold_before("POST", "/api/v1/keys", &gate));
    let running = world.open().await;
    use relay_hosts::managed::{ManagedKeys as _, Unobtainable, Wanted};
    let group = GROUP.to_string();
    let (host, soon) = (host_id(), std::time::Duration::from_millis(300));
    let wanted = Wanted { host: &host, user: USER, group: &group };
    assert_eq!(running.access.obtain(wanted, soon).await.unwrap_err(), Unobtainable::NotInTime);
    gate.open();
    let key = running.key().await;
    world.has_one_of_each(&key);
    assert_eq!(world.calls("POST", "/api/v1/keys"), 1);
}

#[tokio::test]
async fn an_operators_own_user_and_subscription_are_used_and_not_changed() {
    for personality in BOTH {
        let host = builder(personality).user(FakeUser::new("Team-A@relay.example")).start().await;
        let user = host.panel(|panel| panel.users[1].id);
        host.panel(|panel| {
            let row =
                FakeSubscription { notes: "by hand".into(), ..FakeSubscription::new(user, GROUP, panel.now(), 90) };
            panel.add_subscription(row);
            panel.add_key(FakeKey::new(user, "sk-made-by-hand-0123456789", Some(GROUP)));
        });
        let world = World::over(host);
        let running = world.open().await;
        let before = (world.users(), world.subscriptions(), world.keys());
        let key = running.key().await;
        assert_eq!(key.secret.expose(), "sk-made-by-hand-0123456789");
        assert_eq!((world.users(), world.subscriptions(), world.keys()), before);
        assert!(world.writes().is_empty(), "{:?}", world.writes());
    }
}

#[tokio::test]
async fn what_is_made_on_a_host_is_on_record_once() {
    for personality in BOTH {
        let world = World::new(personality).await;
        let running = world.open().await;
        running.key().await;
        running.key().await;
        assert_eq!(running.events().await, ["access_granted"]);
    }
}

#[tokio::test]
async fn a_repeated_assignment_that_conflicts_is_read_instead() {
    // Another process of ours, or the same before a crash, was quicker; then an operator extended it.
    for personality in BOTH {
        let world = World::new(personality).await;
        world.host.fail(AdminFault::overtaken("POST", ASSIGN));
        let running = world.open().await;
        let key = running.key().await;
        world.has_one_of_each(&key);
        world.host.panel(|panel| panel.subscriptions[0].expires_at += SignedDuration::from_hours(24 * 90));
        assert_eq!(world.calls("POST", ASSIGN), 1);
    }
}

#[tokio::test]
async fn an_assignment_that_the_host_calls_another_is_read_instead() {
    // The row appears between the look and the assignment, with other days and notes: the second kind of 409.
    let world = World::new(Personality::N).await;
    let gate = relay_testkit::Gate::new();
    world.host.fail(AdminFault::hold_before("POST", ASSIGN, &gate));
    let running = world.open().await;
    let obtaining = running.obtain();
    let meddling = async {
        gate.reached().await;
        world.host.panel(|panel| {
            let user = panel.users[1].id;
            panel.add_subscription(FakeSubscription::new(user, GROUP, panel.now(), 90));
        });
        gate.open();
    };
    let (key, ()) = tokio::join!(obtaining, meddling);
    world.has_one_of_each(&key.unwrap());
    let view = running.access.grant_view(&name()).await.unwrap().unwrap();
    assert!(!view.subscription_made, "it is somebody else's");
}

/// A grant of ours whose subscription came to its end on the host.
async fn expired(personality: Personality, stored_status: &str) -> World {
    let world = World::new(personality).await;
    let running = world.open().await;
    running.key().await;
    running.crash().await;
    world.pass(SignedDuration::from_hours(24 * 100));
    world.host.panel(|panel| stored_status.clone_into(&mut panel.subscriptions[0].status));
    world
}

#[tokio::test]
async fn an_expired_subscription_of_ours_lives_again() {
    for personality in BOTH {
        for status in ["active", "expired"] {
            let world = expired(personality, status).await;
            let running = world.open().await;
            let key = running.key().await;
            world.has_one_of_each(&key);
            let left = world.subscriptions()[0].expires_at.duration_since(world.clock.now()).as_hours() / 24;
            assert!((29..=31).contains(&left), "{personality:?} {status}: {left} days");
            let learned = running.access.hosts().recorded(&host_id()).await.unwrap().unwrap().assign;
            let expected =
                if personality == Personality::S { AssignSemantics::Refuses } else { AssignSemantics::Renews };
            assert_eq!(learned, expected);
        }
    }
}

#[tokio::test]
async fn an_expired_subscription_of_somebody_else_is_left_alone() {
    for personality in BOTH {
        let world = expired(personality, "active").await;
        world.host.panel(|panel| panel.subscriptions[0].notes = "by hand".into());
        let running = world.open().await;
        let before = world.subscriptions();
        assert_eq!(running.refused().await, ("subscription", "subscription_not_ours".into()));
        assert_eq!(world.subscriptions(), before);
    }
}

#[tokio::test]
async fn a_suspended_subscription_is_not_resumed() {
    for personality in BOTH {
        let world = expired(personality, "suspended").await;
        let running = world.open().await;
        assert_eq!(running.refused().await, ("subscription", "subscription_suspended".into()));
        assert_eq!(world.subscriptions()[0].status, "suspended");
        assert_eq!(running.events().await, ["access_refused", "access_granted"], "newest first");
    }
}

#[tokio::test]
async fn a_subscription_that_was_taken_away_on_the_host_is_assigned_again() {
    for personality in BOTH {
        let world = World::new(personality).await;
        let running = world.open().await;
        let key = running.key().await;
        running.crash().await;
        world.host.panel(|panel| match personality {
            Personality::S => panel.subscriptions.clear(),
            _ => panel.subscriptions[0].revoked_at = Some(panel.now()),
        });
        world.pass(SignedDuration::from_hours(24 * 29));
        let running = world.open().await;
        running
            .until("renewed", |view| view.expires_at > Some(world.clock.now() + SignedDuration::from_hours(24 * 8)))
            .await;
        let again = running.key().await;
        world.has_one_of_each(&again);
        assert_eq!(again.secret, key.secret);
    }
}

#[tokio::test]
async fn the_address_of_a_deleted_user_is_reported() {
    let host = builder(Personality::S).user(FakeUser::new(USER)).start().await;
    host.panel(|panel| panel.users[1].deleted = true);
    let world = World::over(host);
    let running = world.open().await;
    assert_eq!(running.refused().await, ("user", "user_deleted".into()));
}

#[tokio::test]
async fn two_spellings_of_one_address_are_not_guessed_between() {
    let host =
        builder(Personality::S).user(FakeUser::new(USER)).user(FakeUser::new("TEAM-A@relay.example")).start().await;
    let world = World::over(host);
    let running = world.open().await;
    assert_eq!(running.refused().await, ("user", "user_ambiguous".into()));
    assert!(world.writes().is_empty());
}

#[tokio::test]
async fn a_disabled_user_is_not_switched_on() {
    let host = builder(Personality::N).user(FakeUser { active: false, ..FakeUser::new(USER) }).start().await;
    let world = World::over(host);
    let running = world.open().await;
    assert_eq!(running.refused().await, ("user", "user_disabled".into()));
    assert!(world.writes().is_empty());
}

#[tokio::test]
async fn a_group_that_cannot_serve_is_reported_and_nothing_is_made() {
    let cases: [(&str, fn(&mut FakeGroup), &str); 3] = [
        ("7", |group| group.active = false, "group_inactive"),
        ("7", |group| group.deleted = true, "group_missing"),
        ("8", |_| {}, "group_takes_no_subscriptions"),
    ];
    for personality in BOTH {
        for (group, change, code) in cases {
            let world = World::new(personality).await;
            world.host.panel(|panel| change(&mut panel.groups[0]));
            let running = world.open().await;
            let error = running.obtain_for(USER, group).await.expect_err(code);
            assert!(format!("{error:?}").contains("Group"), "{error:?}");
            let name = relay_store::GrantName { group_id: group.parse().unwrap(), ..name() };
            let view = running.access.grant_view(&name).await.unwrap().unwrap();
            assert_eq!(view.problem.unwrap().code, code);
            assert!(world.writes().is_empty(), "{:?}", world.writes());
        }
    }
}

#[tokio::test]
async fn a_user_whose_password_was_changed_gets_ours_back() {
    for personality in BOTH {
        let world = World::new(personality).await;
        let running = world.open().await;
        running.key().await;
        world.host.panel(|panel| {
            panel.users[1].password = "somebody-else".into();
            panel.users[1].password_version += 1;
            panel.keys[0].status = "inactive".into();
        });
        running.crash().await;
        world.pass(SignedDuration::from_hours(24 * 24));
        let running = world.open().await;
        running.until("exchanged", |view| view.generation == 2).await;
        let key = running.key().await;
        assert_eq!(world.keys().iter().filter(|key| key.status == "active").count(), 1);
        assert!(world.keys().iter().any(|row| row.key == key.secret.expose()));
    }
}

#[tokio::test]
async fn a_host_of_the_fleet_has_to_let_us_in() {
    let world = World::new(Personality::N).await;
    world.host.panel(|panel| panel.admin_key = Some("admin-another".into()));
    let running = world.open().await;
    assert_eq!(running.refused().await, ("no_access", "credential".into()));
    world.host.panel(|panel| {
        panel.admin_key = Some(crate::support::ADMIN_KEY.into());
        panel.compliance_pending = true;
    });
    running.crash().await;
    world.pass(SignedDuration::from_hours(1));
    let running = world.open().await;
    running.until("looked at again", |view| view.problem.as_ref().is_some_and(|it| it.code == "compliance")).await;
    assert!(world.host.panel(|panel| panel.compliance_pending), "only a person accepts");
}
