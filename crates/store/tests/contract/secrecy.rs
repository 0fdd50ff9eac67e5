//! Promises about secrets at rest and about opening.

use relay_domain::Secret;
use relay_store::{OpenError, Role, Store, generate_admin_token, generate_consumer_key};

use crate::Engine;
use crate::engine::{keyring, master};
use crate::fixture::{CANARIES, as_generation, at, fleet_of, full_fleet, key, publication};

pub(crate) async fn no_secret_is_readable_at_rest<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let (consumer_key, token) = (generate_consumer_key(), generate_admin_token());
    let mut fleet = full_fleet();
    fleet
        .keys
        .push(relay_domain::ConsumerKey { hash: keyring(1).hash_key(consumer_key.expose()), ..key("generated", 0) });
    store.publish(publication(fleet, 0)).await.unwrap();
    store.publish(publication(fleet_of("a"), 1)).await.unwrap();
    let hash = keyring(1).hash_admin_token(token.expose());
    store.add_admin_token("ops", Role::Admin, &hash, at(0)).await.unwrap();

    let planted: Vec<Secret> = CANARIES.iter().map(|canary| Secret::new(canary)).chain([consumer_key, token]).collect();
    let check = async |when: &str| {
        let bytes = database.bytes_at_rest().await;
        assert!(find(&bytes, b"tokyo-1"), "{when}: the search finds what is there");
        for (n, secret) in planted.iter().enumerate() {
            assert!(!find(&bytes, secret.expose().as_bytes()), "{when}: secret {n} is readable");
        }
    };
    check("while open").await;
    database.close(store).await;
    check("when closed").await;
}

fn find(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

pub(crate) async fn opening_again_applies_no_migration_twice<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.publish(publication(fleet_of("a"), 0)).await.unwrap();
    for _ in 0..3 {
        let store = database.open().await;
        assert_eq!(store.fleet().await.unwrap(), as_generation(fleet_of("a"), 1));
    }
}

pub(crate) async fn another_master_key_is_refused_at_open<E: Engine>() {
    let database = E::new();
    database.close(database.open().await).await;
    let error = database.open_with(keyring(2)).await.expect_err("the wrong key is refused");
    let OpenError::WrongMasterKey { sealed_with, given, .. } = &error else { panic!("{error:?}") };
    assert_eq!((sealed_with.as_str(), given.as_str()), (keyring(1).key_id(), keyring(2).key_id()));
    assert!(error.to_string().contains("RELAY_MANAGER_MASTER_KEY"), "the remedy is named: {error}");
    database.open().await;
}

pub(crate) async fn a_rotated_master_key_opens_with_the_previous_one_at_hand<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    store.publish(publication(full_fleet(), 0)).await.unwrap();
    database.close(store).await;
    let store = database.open_with(keyring(2).with_previous(&master(1))).await.unwrap();
    assert_eq!(store.fleet().await.unwrap(), as_generation(full_fleet(), 1));
}

pub(crate) async fn a_store_opens_once_for_many_at_the_same_time<E: Engine>() {
    let database = std::sync::Arc::new(E::new());
    let openers: Vec<_> = (0..8)
        .map(|_| {
            let database = std::sync::Arc::clone(&database);
            tokio::spawn(async move { database.open_with(keyring(1)).await.map(drop) })
        })
        .collect();
    for opener in openers {
        opener.await.unwrap().expect("each of them opens");
    }
}
