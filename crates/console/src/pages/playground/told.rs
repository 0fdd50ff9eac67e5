//! The plan beside the answer: of a request that was sent, or of one that nobody has sent.

use relay_control::decisions::Decision;
use relay_control::explain::Hypothetical;

use crate::format::NOTHING;
use crate::pages::decisions::story::{self, CandidateLine, Fact, StoryWords, Try};
use crate::query::path;
use crate::terms::{self, Badge, Tone};
use crate::visit::Visit;
use crate::words::words;

words! {
    /// What is told of a plan.
    ToldWords {
        story => "The whole story of this decision" / "查看该决策的完整记录";
        would_go(route, host) => "It would go over route {route} to host {host}." / "将经由路由 {route} 到达主机 {host}。";
        would_fall_back => "That is a fallback: something better is not eligible." / "这是降级选择：更优的路由当前不可用。";
        nowhere => "No route may serve it." / "没有可用的路由。";
        retry(at) => "The soonest may serve again at {at}." / "最早的路由将于 {at} 恢复。";
        refused(why) => "It would be refused before any route is looked at: {why}." / "在选路之前就会被拒绝：{why}。";
        bound(route, at) => "Bound to {route} until {at}." / "已绑定到 {route}，有效期至 {at}。";
        first_output => "First output" / "首个输出";
        total => "Total" / "总耗时";
        overhead => "Relay Manager itself" / "Relay Manager 自身";
        input => "Input tokens" / "输入 token";
        cached => "from cache" / "缓存命中";
        output => "Output tokens" / "输出 token";
        price => "Price" / "价格";
        cost => "Cost" / "成本";
        status => "Status" / "状态码";
        stickiness => "Stickiness" / "会话粘性";
        explained => "In words" / "文字说明";
    }
}

/// What stands beside the answer.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) t: ToldWords,
    /// Words of the tables of a decision.
    pub(crate) s: StoryWords,
    /// The page of the decision; none when nothing was sent.
    pub(crate) href: Option<String>,
    pub(crate) request_id: String,
    pub(crate) verdict: Badge,
    pub(crate) sentences: Vec<String>,
    pub(crate) warnings: Vec<String>,
    pub(crate) error: Option<String>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) sticky: Badge,
    pub(crate) tries: Vec<Try>,
    pub(crate) candidates: Vec<CandidateLine>,
    /// The plan in words, to copy.
    pub(crate) text: Option<String>,
    /// It has not ended: there is more to be told.
    pub(crate) is_open: bool,
}

impl Told {
    /// Of a request that was sent.
    pub(crate) fn of_decision(visit: &Visit, decision: &Decision) -> Self {
        let (language, format) = (visit.preferences.language, visit.format());
        let (t, s) = (ToldWords(language), StoryWords(language));
        let tokens = |tokens: Option<u64>| Some(format.number(i64::try_from(tokens?).unwrap_or(i64::MAX)));
        let money = |nanos: Option<i64>| nanos.map(|nanos| format.money(nanos));
        let usage = &decision.usage;
        let facts = [
            (t.first_output(), decision.first_output_us.map(|us| format.micros(us))),
            (t.total(), decision.latency_us.map(|us| format.micros(us))),
            (t.overhead(), decision.overhead_us.map(|us| format.micros(us))),
            (t.input(), tokens(usage.input)),
            (t.cached(), tokens(usage.cached_input)),
            (t.output(), tokens(usage.output)),
            (t.price(), money(decision.price_nanos)),
            (t.cost(), money(decision.cost_nanos)),
            (t.status(), decision.client_status.map(|status| status.to_string())),
        ];
        let facts = facts.into_iter().map(|(name, value)| Fact {
            name,
            value: value.unwrap_or_else(|| NOTHING.to_owned()),
            is_code: false,
        });
        Self {
            t,
            s,
            href: Some(path("/decisions", &decision.request_id)),
            request_id: decision.request_id.clone(),
            verdict: terms::verdict_badge(language, &decision.verdict),
            sentences: story::sentences(s, decision),
            warnings: story::warnings(s, decision).into_iter().map(str::to_owned).collect(),
            error: story::error(language, decision),
            facts: facts.collect(),
            sticky: terms::sticky_badge(language, &decision.sticky_action),
            tries: story::tries(language, format, decision),
            candidates: story::candidates(language, &decision.candidates, story::served(decision)),
            text: None,
            is_open: decision.verdict == "open",
        }
    }

    /// Of one that nobody has sent.
    pub(crate) fn of_question(visit: &Visit, found: &Hypothetical) -> Self {
        let (language, format) = (visit.preferences.language, visit.format());
        let (t, s) = (ToldWords(language), StoryWords(language));
        let mut sentences = Vec::new();
        let mut warnings = Vec::new();
        match (&found.refused, &found.route_id, &found.host_id) {
            (Some(reason), ..) => warnings.push(t.refused(terms::refusal(language, reason))),
            (None, Some(route), Some(host)) => sentences.push(t.would_go(route, host)),
            _ => warnings.push(t.nowhere().to_owned()),
        }
        if let Some(at) = found.retry_at.filter(|_| found.route_id.is_none()) {
            warnings.push(t.retry(format.moment(at).text));
        }
        if found.fallback_used && found.route_id.is_some() {
            sentences.push(t.would_fall_back().to_owned());
        }
        let bound = found.binding.as_ref();
        sentences.extend(bound.map(|bound| t.bound(&bound.route_id, format.moment(bound.expires_at).text)));
        Self {
            t,
            s,
            href: None,
            request_id: String::new(),
            verdict: match found.route_id {
                Some(_) => terms::verdict_badge(language, "resolved"),
                None => Badge::new(Tone::Bad, terms::verdict(language, "failed")),
            },
            sentences,
            warnings,
            error: None,
            facts: Vec::new(),
            sticky: terms::sticky_badge(language, found.sticky_action),
            tries: Vec::new(),
            candidates: story::candidates(language, &found.candidates, None),
            text: Some(found.text.clone()),
            is_open: false,
        }
    }
}

#[cfg(test)]
pub(super) fn sample_questions() -> Vec<Hypothetical> {
    use relay_control::explain::BindingPart;

    use crate::pages::rendering::{HOSTILE, decisions, now};
    let hostile = || HOSTILE.to_owned();
    let served = Hypothetical {
        generation: 7,
        key_id: Some(hostile()),
        logical_group_id: hostile(),
        public_model: hostile(),
        scope: "conversation",
        sticky_key: Some(hostile()),
        binding: Some(BindingPart {
            route_id: hostile(),
            host_id: hostile(),
            bound_at: now(),
            expires_at: now(),
            moved: false,
            state: "counts",
        }),
        refused: None,
        route_id: Some(hostile()),
        host_id: Some(hostile()),
        sticky_action: "hit",
        fallback_used: true,
        candidates: decisions()[0].candidates.clone(),
        retry_at: None,
        text: hostile(),
        customer_text: hostile(),
    };
    let nowhere =
        Hypothetical { route_id: None, host_id: None, retry_at: Some(now()), binding: None, ..served.clone() };
    let refused = Hypothetical { refused: Some("key_disabled"), candidates: Vec::new(), ..nowhere.clone() };
    vec![served, nowhere, refused]
}
