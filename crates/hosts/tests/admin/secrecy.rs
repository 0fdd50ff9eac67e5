//! No secret that goes out or comes back is in an error, or in what is printed for debugging.

use std::fmt::Write as _;

use relay_domain::{Secret, Timestamp};
use relay_hosts::admin::{AdminError, CustomKey, NewKey, UserChanges};
use relay_testkit::{AdminFault, FakeKey, FakeUser, Personality};
use serde_json::{Value, json};

use crate::support::{ANN, GROUP, builder, clients, host_at, new_user, stored};

const CANARIES: &[&str] = &[
    "admin-canary-0001",
    "password-canary-0002",
    "canary-3",
    "sk-canary-key-0004",
    "sk-canary-seen-0005",
    // How the double's session and refresh tokens begin.
    "eyJhbGci",
    "rt_0",
];

/// Everything that could be printed.
#[derive(Default)]
struct Printed(String);

impl Printed {
    fn show(&mut self, value: &impl std::fmt::Debug) {
        write!(self.0, "{value:?}\n{value:#?}\n").unwrap();
    }

    fn error<T: std::fmt::Debug>(&mut self, outcome: Result<T, AdminError>) {
        let error = outcome.expect_err("the host fails");
        self.show(&error);
        write!(self.0, "{error}\n{}\n{:?}\n", error.remedy(), error.code()).unwrap();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            writeln!(self.0, "{error} {error:?}").unwrap();
            cause = error.source();
        }
    }
}

/// An answer that repeats whatever it can lay hands on. A short password looks like any word: it is known only to calls that send it.
fn babbling(status: u16, sent: &str) -> Value {
    let long = CANARIES.iter().filter(|canary| canary.len() >= 16).copied().collect::<Vec<_>>().join(" and ");
    let all = format!("{long} and {sent}");
    json!({
        "code": status, "message": format!("no: {all}"), "reason": "sk-canary-key-0004",
        "metadata": {"what": all, "password-canary-0002": "x"},
    })
}

#[tokio::test]
async fn nothing_that_can_be_printed_holds_a_secret() {
    let host = builder(Personality::N)
        .admin_key("admin-canary-0001")
        .user(FakeUser::new("root@relay.example").password("password-canary-0002").admin())
        .user(FakeUser::new("bob@relay.example").password("canary-3"))
        .start()
        .await;
    host.panel(|panel| panel.add_key(FakeKey::new(ANN.0, "sk-canary-seen-0005", Some(GROUP.0))));
    let clients = clients();
    let by_key = host_at("a", &host.base_url(), relay_domain::AdminAccess::Key(stored("admin-canary-0001")));
    let login = relay_domain::AdminAccess::Login {
        email: "root@relay.example".to_owned(),
        password: stored("password-canary-0002"),
    };
    let by_login = host_at("b", &host.base_url(), login);
    let (key_client, login_client) = (clients.of(&by_key), clients.of(&by_login));
    login_client.active_groups().await.unwrap();
    let bob = key_client.log_in_as("bob@relay.example", &Secret::new("canary-3")).await.unwrap();
    let new_user = relay_hosts::admin::NewUser { password: Secret::new("canary-3"), ..new_user("new@relay.example") };
    let custom_key = CustomKey::new(&Secret::new("sk-canary-key-0004")).unwrap();
    let new_key = NewKey { name: "n".to_owned(), group: None, custom_key: Some(custom_key) };
    let changes = UserChanges { password: Some(Secret::new("canary-3")), ..UserChanges::default() };

    let mut printed = Printed::default();
    printed.show(&(&clients, &key_client, &login_client, &bob, &new_user, &new_key, &changes));
    printed.show(&key_client.user_keys(ANN).await.unwrap());
    printed.show(&key_client.probe(None, Timestamp::UNIX_EPOCH).await.unwrap());
    for status in [400, 401, 423, 500] {
        for (method, path, sent) in [
            ("GET", "/api/v1/admin/groups/all", ""),
            ("POST", "/api/v1/admin/users", "canary-3"),
            ("PUT", "/api/v1/admin/users/*", "canary-3"),
            ("POST", "/api/v1/auth/login", "canary-3"),
            ("POST", "/api/v1/keys", "sk-canary-key-0004"),
        ] {
            host.fail(AdminFault::status(method, path, status, &babbling(status, sent)));
        }
        printed.error(key_client.active_groups().await);
        printed.error(key_client.create_user(&new_user).await);
        printed.error(key_client.update_user(ANN, &changes).await);
        printed.error(key_client.log_in_as("bob@relay.example", &Secret::new("canary-3")).await);
        printed.error(bob.create_key(&new_key, None).await);
    }
    host.kill().await;
    printed.error(key_client.active_groups().await);
    for canary in CANARIES {
        assert!(!printed.0.contains(canary), "{canary} in\n{}", printed.0);
    }
    assert!(printed.0.contains("no: "), "the host's words are shown");
}
