//! Promises about fleets and generations.

use relay_domain::{Fleet, Route};
use relay_store::{AuditFilter, GenerationFilter, PublishError, Store};

use crate::Engine;
use crate::engine::shared;
use crate::fixture::{as_generation, at, fleet_of, full_fleet, group, host, key, publication, route};

pub(crate) async fn a_new_store_has_the_empty_fleet_of_generation_zero<E: Engine>() {
    let database = E::new();
    let store = shared(database.open().await);
    assert_eq!(store.fleet().await.unwrap(), Fleet::default());
    assert_eq!(store.current_generation().await.unwrap(), 0);
    assert_eq!(store.fleet_at(0).await.unwrap(), Some(Fleet::default()));
    assert_eq!(store.fleet_at(1).await.unwrap(), None);
    assert_eq!(store.generations(&GenerationFilter::default(), None, 10).await.unwrap(), []);
}

pub(crate) async fn every_field_survives_publication_and_reopening<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    assert_eq!(store.publish(publication(full_fleet(), 0)).await.unwrap(), 1);
    assert_eq!(store.fleet().await.unwrap(), as_generation(full_fleet(), 1));
    database.close(store).await;
    let store = database.open().await;
    assert_eq!(store.fleet().await.unwrap(), as_generation(full_fleet(), 1));
    assert_eq!(store.fleet_at(1).await.unwrap(), Some(as_generation(full_fleet(), 1)));
    assert_eq!(store.current_generation().await.unwrap(), 1);
}

pub(crate) async fn a_publication_replaces_the_whole_fleet<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.publish(publication(full_fleet(), 0)).await.unwrap();
    let mut smaller = full_fleet();
    smaller.hosts.swap(0, 1);
    smaller.routes.remove(0);
    smaller.keys[0].groups.reverse();
    store.publish(publication(smaller.clone(), 1)).await.unwrap();
    assert_eq!(store.fleet().await.unwrap(), as_generation(smaller, 2));
    store.publish(publication(Fleet::default(), 2)).await.unwrap();
    assert_eq!(store.fleet().await.unwrap(), as_generation(Fleet::default(), 3));
}

pub(crate) async fn a_publication_based_on_an_old_generation_is_refused<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.publish(publication(fleet_of("a"), 0)).await.unwrap();
    for based_on in [0, 2] {
        let error = store.publish(publication(fleet_of("b"), based_on)).await.unwrap_err();
        assert!(matches!(error, PublishError::Conflict { based_on: b, current: 1 } if b == based_on), "{error}");
    }
    assert_eq!(store.fleet().await.unwrap(), as_generation(fleet_of("a"), 1));
    assert_eq!(store.audit(&AuditFilter::default(), None, 10).await.unwrap().len(), 1);
}

pub(crate) async fn an_inconsistent_fleet_changes_nothing<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.publish(publication(full_fleet(), 0)).await.unwrap();
    let with = |change: fn(&mut Fleet)| {
        let mut fleet = full_fleet();
        change(&mut fleet);
        fleet
    };
    for fleet in [
        with(|fleet| fleet.hosts.push(host("tokyo-1"))),
        with(|fleet| fleet.groups.push(group("gpt"))),
        with(|fleet| fleet.routes.push(route("gpt-osaka", "gpt", "osaka-1"))),
        with(|fleet| fleet.routes.push(route("lost", "gpt", "nowhere"))),
        with(|fleet| fleet.routes.push(route("lost", "nobody", "osaka-1"))),
        with(|fleet| fleet.keys.push(key("team-a", 9))),
        with(|fleet| fleet.keys.push(key("same-secret", 1))),
        with(|fleet| fleet.keys[1].groups.push(crate::fixture::group_id("nobody"))),
    ] {
        let error = store.publish(publication(fleet, 1)).await.unwrap_err();
        assert!(matches!(error, PublishError::Inconsistent { .. }), "{error:?}");
    }
    assert_eq!(store.fleet().await.unwrap(), as_generation(full_fleet(), 1));
    assert_eq!(store.generations(&GenerationFilter::default(), None, 10).await.unwrap().len(), 1);
    assert_eq!(store.audit(&AuditFilter::default(), None, 10).await.unwrap().len(), 1);
    assert_eq!(store.publish(publication(fleet_of("b"), 1)).await.unwrap(), 2, "the store goes on");
}

pub(crate) async fn a_failure_in_the_last_step_changes_nothing<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.publish(publication(full_fleet(), 0)).await.unwrap();
    database.break_publications().await;
    store.publish(publication(fleet_of("b"), 1)).await.unwrap_err();
    assert_eq!(store.fleet().await.unwrap(), as_generation(full_fleet(), 1));
    assert_eq!(store.fleet_at(2).await.unwrap(), None);
    assert_eq!(store.current_generation().await.unwrap(), 1);
    assert_eq!(store.audit(&AuditFilter::default(), None, 10).await.unwrap().len(), 1);
}

pub(crate) async fn of_concurrent_publishers_exactly_one_wins<E: Engine>() {
    let database = E::new();
    // Two stores on one database, as two processes have them.
    let stores = [database.open().await, database.open().await];
    let publishers: Vec<_> = (0..16)
        .map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move { store.publish(publication(fleet_of(&format!("host-{n}")), 0)).await })
        })
        .collect();
    let mut winners = Vec::new();
    for (n, publisher) in publishers.into_iter().enumerate() {
        match publisher.await.unwrap() {
            Ok(generation) => winners.push((n, generation)),
            Err(PublishError::Conflict { based_on: 0, current: 1 }) => {}
            Err(error) => panic!("publisher {n}: {error:?}"),
        }
    }
    let [(winner, 1)] = winners[..] else { panic!("one winner, not {winners:?}") };
    assert_eq!(stores[1].fleet().await.unwrap(), as_generation(fleet_of(&format!("host-{winner}")), 1));
}

pub(crate) async fn generations_are_listed_newest_first_in_pages<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    for based_on in 0..5 {
        store.publish(publication(fleet_of("a"), based_on)).await.unwrap();
    }
    let page = async |before| {
        let page = store.generations(&GenerationFilter::default(), before, 2).await.unwrap();
        page.into_iter().map(|record| record.number).collect::<Vec<_>>()
    };
    assert_eq!(page(None).await, [5, 4]);
    assert_eq!(page(Some(4)).await, [3, 2]);
    assert_eq!(page(Some(2)).await, [1]);
    assert_eq!(page(Some(1)).await, [0_u64; 0]);
    let first = &store.generations(&GenerationFilter::default(), Some(2), 1).await.unwrap()[0];
    assert_eq!((first.at, first.actor.as_str(), first.summary.as_str()), (at(0), "ops", "change of 0"));
    assert_eq!(store.generation_diff(1).await.unwrap(), Some(serde_json::json!({"added": [0]})));
    assert_eq!(store.generation_diff(9).await.unwrap(), None);
}

pub(crate) async fn an_old_generation_can_be_read_whole<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.publish(publication(full_fleet(), 0)).await.unwrap();
    store.publish(publication(fleet_of("b"), 1)).await.unwrap();
    assert_eq!(store.fleet_at(1).await.unwrap(), Some(as_generation(full_fleet(), 1)));
    assert_eq!(store.fleet_at(2).await.unwrap(), Some(as_generation(fleet_of("b"), 2)));
    assert_eq!(store.fleet_at(3).await.unwrap(), None);
    assert_eq!(store.fleet_at(u64::MAX).await.unwrap(), None);
}

pub(crate) async fn forgotten_fleets_leave_their_records<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    for (based_on, fleet) in [fleet_of("a"), fleet_of("b"), full_fleet(), full_fleet()].into_iter().enumerate() {
        store.publish(publication(fleet, based_on as u64)).await.unwrap();
    }
    assert_eq!(store.forget_fleets(at(1)).await.unwrap(), 1);
    assert_eq!(store.fleet_at(1).await.unwrap(), None);
    assert_eq!(store.fleet_at(2).await.unwrap(), Some(as_generation(fleet_of("b"), 2)));
    assert_eq!(store.forget_fleets(at(1_000)).await.unwrap(), 2, "the current one stays");
    for generation in 1..4 {
        assert_eq!(store.fleet_at(generation).await.unwrap(), None);
    }
    assert_eq!(store.fleet().await.unwrap(), as_generation(full_fleet(), 4));
    assert_eq!(store.forget_fleets(at(1_000)).await.unwrap(), 0);
    assert_eq!(store.generations(&GenerationFilter::default(), None, 10).await.unwrap().len(), 4);
    assert_eq!(store.publish(publication(fleet_of("b"), 4)).await.unwrap(), 5, "the store goes on");
}

pub(crate) async fn a_reader_never_sees_half_a_publication<E: Engine>() {
    // Host and route have the generation's number in their names: a fleet put
    // together from two generations would show.
    let fleet_numbered = |n: u64| Fleet {
        hosts: vec![host(&format!("host-{n}"))],
        groups: vec![group("gpt")],
        routes: vec![route(&format!("route-{n}"), "gpt", &format!("host-{n}"))],
        ..Fleet::default()
    };
    let database = E::new();
    let store = database.open().await;
    let writer = store.clone();
    let publisher = tokio::spawn(async move {
        for based_on in 0..30 {
            writer.publish(publication(fleet_numbered(based_on + 1), based_on)).await.unwrap();
        }
    });
    loop {
        let fleet = store.fleet().await.unwrap();
        if fleet.generation > 0 {
            assert_eq!(fleet, as_generation(fleet_numbered(fleet.generation), fleet.generation));
        }
        if fleet.generation == 30 {
            break;
        }
    }
    publisher.await.unwrap();
}

pub(crate) async fn ten_thousand_routes_are_published_and_read_back<E: Engine>() {
    let routes = |n| Route { weight: n, ..route(&format!("route-{n}"), "gpt", "host-1") };
    let fleet = Fleet {
        hosts: vec![host("host-1")],
        groups: vec![group("gpt")],
        routes: (0..10_000).map(routes).collect(),
        ..Fleet::default()
    };
    let database = E::new();
    let store = database.open().await;
    store.publish(publication(fleet.clone(), 0)).await.unwrap();
    let read = store.fleet().await.unwrap();
    assert!(read == as_generation(fleet, 1), "10,000 routes in their order");
}
