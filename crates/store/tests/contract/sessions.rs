//! Promises about console sessions.

use relay_store::{ConsoleSession, NewSession, Role, SessionHash, SessionStore as _, Store, StoreError, TokenHash};

use crate::Engine;
use crate::fixture::at;

fn session(token_id: i64, secret: u8, time: i64) -> NewSession {
    NewSession { hash: SessionHash([secret; 32]), token_id, user_agent: format!("browser {secret}"), at: at(time) }
}

async fn found(store: &impl Store, secret: u8) -> Option<ConsoleSession> {
    store.session_by_hash(&SessionHash([secret; 32])).await.unwrap()
}

pub(crate) async fn a_session_is_found_by_its_hash_with_its_token_as_it_is_now<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let token = store.add_admin_token("ann", Role::Admin, &TokenHash([1; 32]), at(0)).await.unwrap();
    let id = store.add_session(&session(token.id, 1, 10)).await.unwrap();
    let known = ConsoleSession { id, token, user_agent: "browser 1".into(), created_at: at(10), last_seen_at: at(10) };
    assert_eq!(found(&store, 1).await, Some(known));
    assert_eq!(found(&store, 2).await, None);
    store.add_admin_token("ann", Role::Viewer, &TokenHash([1; 32]), at(0)).await.unwrap();
    assert_eq!(found(&store, 1).await.unwrap().token.role, Role::Viewer, "a lesser role holds at once");
}

pub(crate) async fn use_is_noted_and_never_goes_back<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let token = store.add_admin_token("ann", Role::Admin, &TokenHash([1; 32]), at(0)).await.unwrap();
    let id = store.add_session(&session(token.id, 1, 10)).await.unwrap();
    store.touch_session(id, at(30)).await.unwrap();
    store.touch_session(id, at(20)).await.unwrap();
    let seen = found(&store, 1).await.unwrap();
    assert_eq!((seen.created_at, seen.last_seen_at), (at(10), at(30)));
}

pub(crate) async fn sessions_end_one_by_one_all_at_once_and_with_their_token<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let ann = store.add_admin_token("ann", Role::Admin, &TokenHash([1; 32]), at(0)).await.unwrap();
    let vic = store.add_admin_token("vic", Role::Viewer, &TokenHash([2; 32]), at(0)).await.unwrap();
    let first = store.add_session(&session(ann.id, 1, 1)).await.unwrap();
    for (token, secret) in [(ann.id, 2), (ann.id, 3), (vic.id, 4)] {
        store.add_session(&session(token, secret, i64::from(secret))).await.unwrap();
    }
    let of = async |token| -> Vec<String> {
        store.sessions_of(token).await.unwrap().into_iter().map(|session| session.user_agent).collect()
    };
    assert_eq!(of(ann.id).await, ["browser 3", "browser 2", "browser 1"]);
    assert!(store.remove_session(first).await.unwrap());
    assert!(!store.remove_session(first).await.unwrap());
    assert_eq!(store.remove_sessions_of(ann.id).await.unwrap(), 2);
    assert!(of(ann.id).await.is_empty());
    assert!(found(&store, 4).await.is_some());
    store.remove_admin_token(vic.id).await.unwrap();
    assert_eq!(found(&store, 4).await, None);
}

pub(crate) async fn old_and_idle_sessions_are_forgotten<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let token = store.add_admin_token("ann", Role::Admin, &TokenHash([1; 32]), at(0)).await.unwrap();
    for (secret, begun, used) in [(1, 10, 900), (2, 500, 500), (3, 500, 900)] {
        let id = store.add_session(&session(token.id, secret, begun)).await.unwrap();
        store.touch_session(id, at(used)).await.unwrap();
    }
    assert_eq!(store.forget_sessions(at(100), at(800)).await.unwrap(), 2);
    assert!(found(&store, 1).await.is_none() && found(&store, 2).await.is_none() && found(&store, 3).await.is_some());
}

pub(crate) async fn a_session_needs_a_token<E: Engine>() {
    let database = E::new();
    let store = database.open().await;
    let refused = store.add_session(&session(7, 1, 0)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}
