//! Lists are read to their end, and a cut one is never taken for whole.

use relay_hosts::admin::AdminError;
use relay_testkit::{AdminFault, FakeKey, FakeUser, Personality};
use serde_json::json;

use crate::support::{ANN, ANN_EMAIL, builder, calls, client};

#[tokio::test]
async fn a_user_is_found_behind_pages_of_strangers() {
    for personality in [Personality::S, Personality::N] {
        // Every stranger's address holds Ann's, so the host's search finds them all, newest first.
        let host = (0..250)
            .fold(builder(personality), |host, number| host.user(FakeUser::new(&format!("{number}{ANN_EMAIL}"))));
        let host = host.start().await;
        let found = client(&host).find_users_by_email("ANN@relay.example").await.unwrap();
        assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [ANN]);
        assert_eq!(calls(&host, "/api/v1/admin/users"), 3);
    }
}

#[tokio::test]
async fn all_keys_of_a_user_are_read() {
    let host = builder(Personality::S).start().await;
    host.panel(|panel| {
        for number in 0..205 {
            panel.add_key(FakeKey::new(ANN.0, &format!("sk-number-{number}"), None));
        }
    });
    assert_eq!(client(&host).user_keys(ANN).await.unwrap().len(), 205);
}

#[tokio::test]
async fn an_entry_that_moves_to_the_next_page_is_listed_once() {
    let host = builder(Personality::N).start().await;
    let page = |ids: &[i64]| {
        let items: Vec<_> = ids.iter().map(|id| json!({"id": id, "name": "g"})).collect();
        json!({"code": 0, "data": {"items": items, "total": 4}})
    };
    for ids in [[1, 2], [2, 3]] {
        host.fail(AdminFault::status("GET", "/api/v1/admin/groups", 200, &page(&ids)));
    }
    let groups = client(&host).groups().await.unwrap();
    assert_eq!(groups.iter().map(|group| group.id.0).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn a_host_that_always_shows_the_same_page_is_an_error() {
    let host = builder(Personality::N).start().await;
    let page = json!({"code": 0, "data": {"items": [{"id": 1, "name": "g"}], "total": 5000}});
    host.fail(AdminFault::status("GET", "/api/v1/admin/groups", 200, &page).always());
    assert!(matches!(client(&host).groups().await, Err(AdminError::Endless { items: 1 })));
    assert_eq!(calls(&host, "/api/v1/admin/groups"), 2);
}
