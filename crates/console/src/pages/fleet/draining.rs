//! A countdown while a route or a host drains: the conversations that are left on it.

use relay_control::binding_list::{BindingFilter, BindingView};
use relay_control::page::PageRequest;
use relay_domain::{Host, HostId, Route, RouteId, Timestamp};

use crate::cell::Cell;
use crate::kit::Part;
use crate::state::Console;
use crate::visit::Visit;
use crate::words::words;

words! {
    DrainWords {
        title => "Draining" / "正在排空";
        left => "Live conversations left" / "剩余活跃会话";
        last_used => "Last used" / "最近使用";
        ends => "The last one runs out" / "最后一个会话到期";
        unless_used => "unless it is used again" / "期间再次使用会顺延";
        going => "New conversations go elsewhere; these stay until they end, so that their prompt caches serve them to the last." / "新会话已转到其他路由；这些会话保留到自然结束，提示词缓存一直可用。";
        gone => "Nothing is held here any more: it can be disabled or deleted, and no conversation breaks." / "这里已没有任何会话，可以停用或删除，不会中断会话。";
    }
}

/// Bindings of a page, and pages counted at most.
const PAGE: usize = 1_000;
const PAGES: usize = 5;

/// What is held somewhere.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub(crate) conversations: usize,
    /// There are more than were counted.
    pub(crate) is_more: bool,
    last_used: Option<Timestamp>,
    last_ends: Option<Timestamp>,
}

impl Held {
    /// What the bindings that match hold.
    pub(crate) async fn of(console: &Console, filter: &BindingFilter) -> Self {
        let mut held = Self::default();
        let mut request = PageRequest { limit: PAGE, cursor: None };
        for _ in 0..PAGES {
            let page = console.control.bindings(filter, &request).await;
            page.items.iter().for_each(|binding| held.add(binding));
            request.cursor = page.next_cursor.and_then(|next| next.parse().ok());
            if request.cursor.is_none() {
                break;
            }
        }
        held.is_more = request.cursor.is_some();
        held
    }

    /// What a route holds.
    pub(crate) async fn of_route(console: &Console, id: &str) -> Self {
        Self::of(console, &BindingFilter { route_id: RouteId::new(id).ok(), ..BindingFilter::default() }).await
    }

    /// What a host holds.
    pub(crate) async fn of_host(console: &Console, id: &str) -> Self {
        Self::of(console, &BindingFilter { host_id: HostId::new(id).ok(), ..BindingFilter::default() }).await
    }

    fn add(&mut self, binding: &BindingView) {
        self.conversations += 1;
        self.last_used = self.last_used.max(Some(binding.last_used_at));
        self.last_ends = self.last_ends.max(Some(binding.expires_at));
    }

    /// How many, as far as they were counted.
    pub(crate) fn told(&self, visit: &Visit) -> String {
        let more = if self.is_more { "+" } else { "" };
        format!("{}{more}", visit.format().number(i64::try_from(self.conversations).unwrap_or(i64::MAX)))
    }
}

/// Something that drains.
#[derive(Clone, Debug)]
pub(super) struct Draining(Held);

/// A host drains when none of its enabled routes takes new conversations.
pub(super) fn is_draining(host: &Host, routes: &[&Route]) -> bool {
    let mut own = routes.iter().filter(|route| route.enabled && route.host == host.id).peekable();
    host.enabled && own.peek().is_some() && own.all(|route| route.weight == 0)
}

pub(super) async fn of_host(console: &Console, host: &Host, routes: &[&Route]) -> Option<Draining> {
    if !is_draining(host, routes) {
        return None;
    }
    Some(Draining(Held::of_host(console, host.id.as_str()).await))
}

impl Draining {
    pub(super) fn new(held: Held) -> Self {
        Self(held)
    }

    /// The countdown, on the page at this address.
    pub(super) fn part(self, visit: &Visit, page: &str) -> Part {
        let t = DrainWords(visit.preferences.language);
        let held = self.0;
        let mut facts = vec![(t.left(), Cell::count(held.told(visit)))];
        if let (Some(used), Some(ends)) = (held.last_used, held.last_ends) {
            facts.push((t.last_used(), Cell::when(visit, used)));
            facts.push((t.ends(), Cell::when(visit, ends).note(t.unless_used())));
        }
        let hint = if held.conversations == 0 { t.gone() } else { t.going() };
        Part::new(t.title()).hint(hint).facts(facts).live_every(page, "2s")
    }

    #[cfg(test)]
    pub(super) fn sample() -> Self {
        let now = Some(crate::pages::rendering::now());
        Self(Held { conversations: 7, is_more: true, last_used: now, last_ends: now })
    }
}
