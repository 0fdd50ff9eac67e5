//! A thousand users in five groups, over a host that loses answers and fails, and a process that dies
//! three times: in the end one of each, nothing done twice, and never a call more than the host allows.
//!
//! What a host allows in a minute is here allowed in [`MINUTE`], and the client paces itself by the same minute, so every
//! ratio of calls to window is the real one and only the waiting is short. That no window is overrun does not hang on how
//! quick the machine is: the pace gives out at most 30 turns and 180 a minute, and what was given a turn in one window and
//! arrives in the next is at most one call for each of the [`JOBS`], 226 together where 240 are allowed (`exempt_admins`
//! is off, so that all of ours are counted as one user's). The real minute is in the unit tests of `hosts::admin::pace`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use relay_control::managed::Policy;
use relay_domain::Clock as _;
use relay_hosts::managed::{Lookup, ManagedKeys as _, Wanted};
use relay_store::{AccessStore as _, GrantFilter, GrantName};
use relay_testkit::{AdminFault, FakeGroup, Personality};

use crate::support::{World, builder, host_id};

/// What a minute of calls is, for the host and for the client.
const MINUTE: Duration = Duration::from_millis(200);
const JOBS: usize = 16;
const USERS: usize = 1_000;
const GROUPS: [i64; 5] = [7, 10, 11, 12, 13];

/// Work that is left is taken up as work ends; looking for more all the time costs a fifth of the run.
const POLL: Duration = Duration::from_millis(200);

/// Changes of records that are waited for between two looks at how far it is.
const BETWEEN_LOOKS: u64 = 20;

/// The whole run takes this long at most; it is a fraction of it on an idle machine.
const LIMIT: Duration = Duration::from_mins(9);

/// The calls that get lost or fail: every write on the way, and the reads between them.
const CALLS: [(&str, &str); 8] = [
    ("GET", "/api/v1/admin/users"),
    ("POST", "/api/v1/admin/users"),
    ("GET", "/api/v1/admin/users/*/subscriptions"),
    ("POST", "/api/v1/admin/subscriptions/assign"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/keys"),
    ("GET", "/api/v1/admin/users/*/api-keys"),
    ("GET", "/v1/usage"),
];

fn names() -> Vec<GrantName> {
    let user = |index: usize| -> Arc<str> { format!("user-{index}@relay.example").into() };
    let of = |index: usize| GROUPS.map(|group_id| GrantName { host: host_id(), user: user(index), group_id });
    (0..USERS).flat_map(of).collect()
}

/// Lost in ten, and failing in twenty, counted over all calls so that a run is the same whatever its order.
fn faults(world: &World) {
    for (method, path) in CALLS {
        world.host.fail(AdminFault::lost_answer(method, path).one_in(10));
        world.host.fail(AdminFault::internal_error(method, path).one_in(20));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_users_in_five_groups_have_one_of_each_after_faults_and_crashes() {
    let started = Instant::now();
    let mut host = builder(Personality::N);
    for group in &GROUPS[1..] {
        host = host.group(FakeGroup::new(*group, &format!("group-{group}")));
    }
    let world = World::over(host.start().await);
    let world = World { policy: Policy { jobs: JOBS, poll: POLL, ..world.policy }, window: MINUTE, ..world };
    world.host.panel(|panel| {
        panel.limits.window = jiff::SignedDuration::try_from(MINUTE).unwrap();
        panel.limits.exempt_admins = false;
    });
    faults(&world);
    let names = names();
    let all = GrantFilter::default();
    let total = names.len() as u64;
    let mut shown = 0;

    // Three processes die with their work under way; the fourth ends it.
    for dies_at in [total / 5, total / 2, total * 4 / 5, u64::MAX] {
        let running = world.open().await;
        running.store.ask_for_grants(&names, false, world.clock.now()).await.unwrap();
        let mut changes = running.access.changes();
        loop {
            let seen = *changes.borrow();
            let counts = running.store.grant_counts(&all).await.unwrap();
            assert_eq!(counts.total(), total);
            assert!(counts.ready >= shown, "progress goes one way");
            shown = counts.ready;
            if counts.ready == total || counts.ready >= dies_at {
                break;
            }
            // Each grant that is not ready changes at least once more; counting after every change would cost more than the work.
            let wanted = seen + BETWEEN_LOOKS.min(total - shown);
            let changed = changes.wait_for(|changes| *changes >= wanted);
            let changed = tokio::time::timeout_at((started + LIMIT).into(), changed).await;
            changed.unwrap_or_else(|_| panic!("{counts:?} after {:?}", started.elapsed())).unwrap();
        }
        if dies_at == u64::MAX {
            for name in &names {
                let group = name.group_id.to_string();
                let wanted = Wanted { host: &name.host, user: &name.user, group: &group };
                assert!(matches!(running.access.look_up(wanted, world.clock.now()), Lookup::Ready(_)), "{name}");
            }
        }
        running.crash().await;
        // What was under way at the host comes to its end before anybody looks at it.
        world.host.wait_in_flight(0).await;
    }

    let (users, subscriptions, keys) = (world.users(), world.subscriptions(), world.keys());
    assert_eq!((users.len(), subscriptions.len(), keys.len()), (USERS, names.len(), names.len()));
    let emails: HashSet<&str> = users.iter().map(|user| user.email.as_str()).collect();
    assert_eq!(emails.len(), USERS);
    let pairs: HashSet<(i64, i64)> = subscriptions.iter().map(|row| (row.user_id, row.group_id)).collect();
    let bound: HashSet<(i64, Option<i64>)> = keys.iter().map(|row| (row.user_id, row.group_id)).collect();
    assert_eq!((pairs.len(), bound.len()), (names.len(), names.len()), "one of each, no orphan");
    let now = world.clock.now();
    assert!(subscriptions.iter().all(|row| row.status == "active" && row.expires_at > now));
    assert!(keys.iter().all(|row| row.status == "active"));
    nothing_that_was_done_was_asked_for_again(&world);
    assert_eq!(world.host.panel(|panel| panel.limits.refused), 0, "no call was over the host's limits");
    eprintln!(
        "{} grants in {:?}; {} calls, {} of them writes",
        names.len(),
        started.elapsed(),
        world.host.received().len(),
        world.writes().len()
    );
}

/// Exactly: once the host has made a user, a subscription or a key, no call comes that would make the same one, also when the answer
/// was lost or the process died before it could write it down. It is looked up and found. What failed is asked for until it is done.
fn nothing_that_was_done_was_asked_for_again(world: &World) {
    let makings = world.host.panel(|panel| panel.makings.clone());
    let mut done = HashSet::new();
    for making in &makings {
        assert!(!done.contains(making.what.as_str()), "{} was there, and was asked for again", making.what);
        if making.done {
            done.insert(making.what.as_str());
        }
    }
    let of = |kind: &str| done.iter().filter(|what| what.starts_with(kind)).count();
    let all = USERS * GROUPS.len();
    assert_eq!((of("user "), of("subscription "), of("key ")), (USERS, all, all));
    assert!(makings.len() > done.len(), "some failed, as they should");
}
