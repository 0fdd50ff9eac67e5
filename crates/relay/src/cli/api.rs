//! Which server a command talks to, and lists as that server gives them.

use relay_domain::Secret;
use serde_json::{Value, json};

use super::nouns::Noun;
use crate::client::{Client, ClientError, with_query};

/// How to reach a running server.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Api {
    /// Admin API of the server
    #[arg(long, value_name = "URL", env = "RELAY_MANAGER_SERVER", default_value = "http://127.0.0.1:8788")]
    server: String,
    /// Admin token
    #[arg(long, value_name = "TOKEN", env = "RELAY_MANAGER_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl Api {
    /// A client of that server.
    pub(crate) fn client(self) -> Result<Client, ClientError> {
        let token = self.token.as_deref().map(Secret::new).filter(|token| !token.expose().is_empty());
        Client::new(&self.server, token)
    }
}

/// Which part of a list to show.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Page {
    /// Most entries to show
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: Option<u32>,
    /// Go on where an earlier list ended: its next_cursor
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// Entries shown when nobody says how many.
const DEFAULT_LIMIT: u32 = 50;

/// Entries a server gives at most at once.
const MOST_AT_ONCE: usize = 500;

/// `{"items", "next_cursor"}` of a list.
pub(crate) struct List {
    /// The entries.
    pub(crate) items: Vec<Value>,
    /// Where to go on; null at the end.
    pub(crate) next_cursor: Value,
}

impl List {
    /// As the server would have written it.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "items": self.items, "next_cursor": self.next_cursor })
    }

    /// The line below a table that is not the whole list.
    pub(crate) fn more(&self) -> String {
        match self.next_cursor.as_str() {
            Some(cursor) => format!("\n\nthere is more: --cursor {cursor}"),
            None => String::new(),
        }
    }
}

impl Client {
    /// The whole of a list, with what its first page says beside the entries.
    pub(crate) async fn all(&self, path: &str, query: &[(&str, Option<String>)]) -> Result<Value, ClientError> {
        self.all_of(&["items"], path, query).await
    }

    /// The same of a list whose entries are in these members.
    pub(crate) async fn all_of(
        &self,
        members: &[&str],
        path: &str,
        query: &[(&str, Option<String>)],
    ) -> Result<Value, ClientError> {
        let mut query = query.to_vec();
        query.push(("limit", Some(MOST_AT_ONCE.to_string())));
        let mut whole = self.get(&with_query(path, &query)).await?;
        query.push(("cursor", None));
        while let Some(cursor) = whole["next_cursor"].as_str() {
            if let Some((_, last)) = query.last_mut() {
                *last = Some(cursor.to_owned());
            }
            let mut page = self.get(&with_query(path, &query)).await?;
            for name in members {
                if let (Value::Array(entries), Value::Array(more)) = (&mut whole[name], page[name].take()) {
                    entries.extend(more);
                }
            }
            whole["next_cursor"] = page["next_cursor"].take();
        }
        Ok(whole)
    }

    /// Fails when the fleet has no such entry: a list that is empty for it would look as if all were well.
    pub(crate) async fn must_have(&self, noun: &Noun, id: Option<&str>) -> Result<(), ClientError> {
        let Some(id) = id else { return Ok(()) };
        self.get(&noun.entry(id)).await.map(drop)
    }

    /// One page of a list. The server gives what it found in a short time, which
    /// may be less than asked for, so this asks on until the page is full.
    pub(crate) async fn page(
        &self,
        path: &str,
        page: &Page,
        filters: &[(&str, Option<String>)],
    ) -> Result<List, ClientError> {
        let limit = page.limit.unwrap_or(DEFAULT_LIMIT) as usize;
        let mut list = List { items: Vec::new(), next_cursor: page.cursor.clone().map_or(Value::Null, Value::String) };
        loop {
            let mut query = filters.to_vec();
            query.push(("limit", Some((limit - list.items.len()).min(MOST_AT_ONCE).to_string())));
            query.push(("cursor", list.next_cursor.as_str().map(str::to_owned)));
            let mut answer = self.get(&with_query(path, &query)).await?;
            if let Value::Array(items) = answer["items"].take() {
                list.items.extend(items);
            }
            list.next_cursor = answer["next_cursor"].take();
            if list.items.len() >= limit || list.next_cursor.is_null() {
                return Ok(list);
            }
        }
    }
}
