//! What a change would have done to recent traffic: the decision log, planned again in two worlds.
//!
//! A *world* is a fleet with what is assumed of its hosts. Each decision of a
//! window is planned in both, by `relay-routing` as the gateway does it, with the
//! recorded sticky key and seed; what differs is the blast radius (spec §8).
//! `plan` compares the fleet in force with the one to come, `simulate` the fleet
//! in force with itself after a host has failed or slowed down.
//!
//! Memory is bounded by the conversations that live at one time, not by the length of the window.
//!
//! Assumed: the change is made when the window begins. Bindings that existed then
//! are carried into both worlds, as the first turn of each conversation tells; from
//! there each world binds for itself. Hosts are well unless said otherwise, and a
//! request takes as long on one host as it did on another. Limits, and what
//! `previous_response_id` holds fast, are not replayed.
//!
//! The answer is a function of the log's window and the two fleets. Nothing here
//! reads a clock but the caller's bound on the time that it takes.

mod follow;
mod lane;
mod load;
mod report;
mod tally;
#[cfg(test)]
mod tests;
mod world;

use std::collections::BTreeMap;

use relay_domain::Timestamp;
use relay_ledger::Passage;
use relay_pricing::PriceTable;
use relay_routing::{BindingState, Exclusion, StickyInput, StickyKey};
use rustc_hash::FxHashMap;

use follow::Followed;
pub(crate) use lane::{Keys, Lane, Refusal};
pub use report::{
    BlastRadius, Broken, Change, Conversations, Cost, Covered, Fidelity, Flow, HostConversations, HostTraffic, Latency,
    OverCapacity, Refused, Traffic,
};
pub use tally::Capacity;
use tally::{Ended, Tally};
pub use world::{Troubles, UnknownHost, World};

/// From so many conversations on, those that have ended are forgotten.
const MANY_CONVERSATIONS: usize = 65_536;

/// What the log's texts are known by: lanes are found without comparing four of them.
type Symbol = u32;

/// A replay under way.
pub struct Replay<'w> {
    worlds: [&'w World; 2],
    end: Timestamp,
    symbols: FxHashMap<Box<str>, Symbol>,
    lane_at: FxHashMap<[Symbol; 4], u32>,
    lanes: Vec<[Result<Lane<'w>, Refusal>; 2]>,
    conversations: FxHashMap<StickyKey, Conversation>,
    /// At this number of conversations those that have ended are looked for.
    forget_at: usize,
    tally: Tally<'w>,
    decisions: u64,
    not_planned: u64,
    seen: Option<(Timestamp, Timestamp)>,
}

/// A conversation in both worlds.
struct Conversation {
    lane: u32,
    bound: [Followed; 2],
    /// What the prompt cache saved at its last turn in the first world, in billionths of the unit.
    cache_saved: i64,
}

impl<'w> Replay<'w> {
    /// A replay of a window that ends at `end`, in the fleet in force and in the other one.
    pub fn new(worlds: [&'w World; 2], prices: &'w PriceTable, capacities: &'w [Capacity], end: Timestamp) -> Self {
        Self {
            worlds,
            end,
            symbols: FxHashMap::default(),
            lane_at: FxHashMap::default(),
            lanes: Vec::new(),
            conversations: FxHashMap::default(),
            forget_at: MANY_CONVERSATIONS,
            tally: Tally::new(worlds, prices, capacities),
            decisions: 0,
            not_planned: 0,
            seen: None,
        }
    }

    /// Decisions taken in so far.
    pub fn decisions(&self) -> u64 {
        self.decisions
    }

    /// Takes in the next decision, in the order of their arrival.
    pub fn pass(&mut self, passage: &Passage<'_>) {
        self.decisions += 1;
        let (oldest, newest) = self.seen.unwrap_or((passage.at, passage.at));
        self.seen = Some((oldest.min(passage.at), newest.max(passage.at)));
        let is_unplanned = passage.seed == 0 && passage.planned_route_id.is_none();
        if is_unplanned && passage.consumer.is_some() && !passage.logical_group_id.is_empty() {
            self.not_planned += 1;
            return;
        }
        if self.conversations.len() >= self.forget_at {
            self.forget(passage.at);
        }
        let lane = self.lane(passage);
        if let Some(key) = passage.sticky_key.and_then(|key| key.parse::<StickyKey>().ok()) {
            let ended = self.turn(key, lane, passage);
            let saved = self.tally.add(passage, ended);
            if let Some(conversation) = self.conversations.get_mut(&key) {
                conversation.cache_saved = saved;
            }
        } else {
            let ended = [0, 1].map(|side| self.draw(side, lane, passage));
            self.tally.add(passage, ended);
        }
    }

    /// What it has come to. `covered` says which window it was; the counts in it are filled in here.
    pub fn finish(self, covered: Covered) -> BlastRadius {
        let covered = Covered { decisions: self.decisions, not_planned: self.not_planned, seen: self.seen, ..covered };
        let conversations = self.conversations();
        self.tally.report(covered, conversations)
    }

    fn lane(&mut self, passage: &Passage<'_>) -> u32 {
        let consumer = passage.consumer.map_or(0, |consumer| 1 + self.symbol(consumer));
        let at = [
            consumer,
            self.symbol(passage.logical_group_id),
            self.symbol(passage.public_model),
            self.symbol(passage.surface),
        ];
        if let Some(lane) = self.lane_at.get(&at) {
            return *lane;
        }
        let lane = self.lanes.len() as u32;
        self.lanes.push(self.worlds.map(|world| Lane::find(&world.snapshot, passage, self.end)));
        self.lane_at.insert(at, lane);
        lane
    }

    fn symbol(&mut self, text: &str) -> Symbol {
        if let Some(symbol) = self.symbols.get(text) {
            return *symbol;
        }
        let symbol = self.symbols.len() as Symbol;
        self.symbols.insert(text.into(), symbol);
        symbol
    }

    /// A request without a conversation.
    fn draw(&self, side: usize, lane: u32, passage: &Passage<'_>) -> Ended {
        let lane = self.lanes[lane as usize][side].as_ref().map_err(|refusal| *refusal)?;
        // What was refused for want of a model had no seed.
        let seed = if passage.seed == 0 { passage.seq } else { passage.seed };
        lane.plan(self.worlds[side], &lane.keys(), None, seed, passage.at).first().ok_or(Refusal::NoEligibleRoute)
    }

    /// A turn of a conversation.
    fn turn(&mut self, key: StickyKey, lane: u32, passage: &Passage<'_>) -> [Ended; 2] {
        let (worlds, lanes) = (self.worlds, &self.lanes[lane as usize]);
        let conversation = self.conversations.entry(key).or_insert_with(|| Conversation {
            lane,
            bound: carried(worlds, lanes, key, passage),
            cache_saved: 0,
        });
        if conversation.lane != lane {
            conversation.lane = lane;
            conversation.bound.iter_mut().for_each(Followed::recheck);
        }
        let bound = &mut conversation.bound;
        [0, 1].map(|side: usize| {
            let lane = lanes[side].as_ref().map_err(|refusal| *refusal)?;
            bound[side].turn(worlds[side], lane, key, passage.at).ok_or(Refusal::NoEligibleRoute)
        })
    }

    /// Forgets conversations whose bindings have run out in both worlds: a later turn of one begins anew anyway.
    fn forget(&mut self, now: Timestamp) {
        let lanes = &self.lanes;
        self.conversations.retain(|_, conversation| {
            let lanes = &lanes[conversation.lane as usize];
            let lives = |side: usize| {
                lanes[side].as_ref().is_ok_and(|lane| conversation.bound[side].alive(lane, now).is_some())
            };
            lives(0) || lives(1)
        });
        self.forget_at = MANY_CONVERSATIONS.max(2 * self.conversations.len());
    }

    /// What becomes of the conversations that are bound at the end in the first world.
    fn conversations(&self) -> Conversations {
        let mut all = Conversations::default();
        let mut hosts: BTreeMap<&str, (u64, BTreeMap<&'static str, u64>)> = BTreeMap::new();
        for (key, conversation) in &self.conversations {
            let [Ok(before), after] = &self.lanes[conversation.lane as usize] else { continue };
            let Some(route) = conversation.bound[0].alive(before, self.end) else { continue };
            let host = hosts.entry(self.tally.host_name(route)).or_default();
            host.0 += 1;
            all.bound += 1;
            let broken = match after {
                Ok(after) => self.breaks(*key, conversation, before, after),
                Err(refusal) => Some(refusal.as_str()),
            };
            match broken {
                None => all.kept += 1,
                Some(reason) => {
                    *host.1.entry(reason).or_default() += 1;
                    all.broken += 1;
                    all.cache_lost_nanos = all.cache_lost_nanos.saturating_add(conversation.cache_saved.max(0));
                }
            }
        }
        all.hosts = hosts.into_iter().map(|(host, (bound, reasons))| of_host(host, bound, reasons)).collect();
        all
    }

    /// Why a conversation bound in the first world cannot stay if the second begins now.
    fn breaks(
        &self,
        key: StickyKey,
        conversation: &Conversation,
        before: &Lane<'_>,
        after: &Lane<'_>,
    ) -> Option<&'static str> {
        let binding = conversation.bound[0].binding(self.worlds[0], before)?;
        let sticky = StickyInput { key, binding: Some(&binding) };
        let plan = after.plan(self.worlds[1], &after.keys(), Some(sticky), 0, self.end);
        let Some(bound) = plan.binding.route() else { return Some("route_removed") };
        match plan.reason(bound) {
            Some(Exclusion::CoolingDown { .. }) => Some("host_down"),
            Some(reason) => Some(reason.as_str()),
            // Fail-back would return it in either world: that is no fault of the change.
            None => None,
        }
    }
}

/// The binding that a conversation brought into the window, as its first turn tells.
fn carried(
    worlds: [&World; 2],
    lanes: &[Result<Lane<'_>, Refusal>; 2],
    key: StickyKey,
    passage: &Passage<'_>,
) -> [Followed; 2] {
    let (Some(route_id), true) = (passage.planned_route_id, passage.sticky_hit) else {
        return <[Followed; 2]>::default();
    };
    let routes = worlds.map(|world| {
        let index = world.snapshot.route_by_id(route_id)?;
        // A route that leads to another host now is not what was bound.
        let host = &world.snapshot.route(index).route.host;
        passage.planned_host_id.is_none_or(|bound| host.as_str() == bound).then_some(index)
    });
    let home = match &lanes[0] {
        Ok(lane) => {
            let plan = lane.plan(worlds[0], &lane.keys(), Some(StickyInput { key, binding: None }), 0, passage.at);
            debug_assert_eq!(plan.binding, BindingState::Absent);
            plan.home
        }
        Err(_) => None,
    };
    let moved = routes[0].is_none() || home != routes[0];
    routes.map(|route| route.map_or_else(Followed::default, |route| Followed::carried(route, moved, passage.at)))
}

fn of_host(host: &str, bound: u64, reasons: BTreeMap<&'static str, u64>) -> HostConversations {
    let mut reasons: Vec<Broken> = reasons
        .into_iter()
        .map(|(reason, conversations)| Broken { reason: reason.to_owned(), conversations })
        .collect();
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.conversations));
    let broken = reasons.iter().map(|reason| reason.conversations).sum();
    HostConversations { host_id: host.to_owned(), bound, broken, reasons }
}
