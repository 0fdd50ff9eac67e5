//! A thousand users in five groups, over a host that loses answers and fails, and a process that dies
//! three times: in the end one of each, and nothing was done twice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use relay_control::managed::Policy;
use relay_domain::Clock as _;
use relay_hosts::managed::{Lookup, ManagedKeys as _, Wanted};
use relay_store::{AccessStore as _, GrantFilter, GrantName};
use relay_testkit::{AdminFault, FakeGroup, Personality};

use crate::support::{WINDOW, World, builder, host_id};

const CRASHES: usize = 3;
const JOBS: usize = 16;
const USERS: usize = 1_000;
const GROUPS: [i64; 5] = [7, 10, 11, 12, 13];

/// Work that is left is taken up as work ends; looking for more all the time costs a fifth of the run.
const POLL: Duration = Duration::from_millis(200);

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
    let world = World { policy: Policy { jobs: JOBS, poll: POLL, ..world.policy }, ..world };
    // The host counts as it always does, in the short minutes that the client knows of.
    world.host.panel(|panel| panel.limits.window = jiff::SignedDuration::try_from(WINDOW).unwrap());
    faults(&world);
    let names = names();
    let all = GrantFilter::default();
    let total = names.len() as u64;
    let shown = AtomicU64::new(0);

    // Three processes die with their work under way; the fourth ends it.
    for dies_at in [total / 5, total / 2, total * 4 / 5, u64::MAX] {
        let running = world.open().await;
        running.store.ask_for_grants(&names, false, world.clock.now()).await.unwrap();
        loop {
            let counts = running.store.grant_counts(&all).await.unwrap();
            assert_eq!(counts.total(), total);
            assert!(counts.ready >= shown.load(Ordering::Relaxed), "progress goes one way");
            shown.store(counts.ready, Ordering::Relaxed);
            if counts.ready == total || counts.ready >= dies_at {
                break;
            }
            assert!(started.elapsed() < LIMIT, "{counts:?} after {:?}", started.elapsed());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if dies_at == u64::MAX {
            for name in &names {
                let group = name.group_id.to_string();
                let wanted = Wanted { host: &name.host, user: &name.user, group: &group };
                assert!(matches!(running.access.look_up(wanted, world.clock.now()), Lookup::Ready(_)), "{name}");
            }
        }
        running.crash().await;
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
    no_write_was_repeated_after_it_succeeded(&world);
    eprintln!(
        "{} grants in {:?}; {} calls, {} of them writes",
        names.len(),
        started.elapsed(),
        world.host.received().len(),
        world.writes().len()
    );
}

/// A write is sent again only when it was not done: one in twenty was answered with 500, and a process may have died before
/// its calls arrived. One whose answer was lost, one in ten, is looked up and found.
fn no_write_was_repeated_after_it_succeeded(world: &World) {
    for path in ["/api/v1/admin/users", "/api/v1/admin/subscriptions/assign", "/api/v1/keys"] {
        let mut sent: HashMap<Vec<u8>, usize> = HashMap::new();
        let received = world.host.received();
        let writes = received.iter().filter(|request| request.method == "POST" && request.path() == path);
        let mut calls = 0;
        for request in writes {
            calls += 1;
            // Names of keys are the same for every group, and passwords are in no other body.
            let who = request.bearer().unwrap_or_default().as_bytes();
            *sent.entry([who, b" ", &*request.body].concat()).or_default() += 1;
        }
        let repeated: usize = sent.values().map(|count| count - 1).sum();
        let not_done = calls / 20 + 1 + CRASHES * JOBS;
        assert!(repeated <= not_done, "{path}: {repeated} of {calls} repeated, {not_done} may have been");
    }
}
