//! One decision, told: what was asked, which routes were looked at and why, what was tried, where the
//! time went, what it cost.

use askama::Template;
use axum::extract::{Path, State};
use relay_control::decisions::{Decision, DecisionAttempt, DecisionCandidate};

use crate::fault::{Fault, PageResult};
use crate::faults;
use crate::format::{Format, Moment, NOTHING};
use crate::query::{address, path};
use crate::shell::{Section, Shell, page};
use crate::state::Console;
use crate::terms::{self, Badge, Tone};
use crate::visit::Visit;
use crate::words::{Language, words};

words! {
    /// A decision told.
    StoryWords {
        title => "Decision" / "决策";
        back => "All decisions" / "全部决策";
        asked(who, group, model) => "{who} asked group {group} for {model}." / "{who} 向分组 {group} 请求 {model}。";
        asked_for(who, model) => "{who} asked for {model}." / "{who} 请求 {model}。";
        failed_on(route, host) => "It failed; route {route} to host {host} was tried last." / "请求失败；最后尝试的是主机 {host} 的路由 {route}。";
        an_operator => "An operator" / "操作员";
        answered_by(route, host) => "Served over route {route} by host {host}." / "由主机 {host} 通过路由 {route} 提供。";
        answered_by_fallback(route, host) => "Served over route {route} by host {host}, a fallback: something better was not eligible." / "由主机 {host} 通过路由 {route} 提供；因为更优的路由当时不可用，这是降级选择。";
        answered_after(route, host, failed) => "Served over route {route} by host {host}, after route {failed}." / "路由 {failed}。之后由主机 {host} 通过路由 {route} 提供。";
        failed_as(route, what) => "{route} failed: {what}" / "{route} 失败：{what}";
        failed_with(route, what, status) => "{route} failed: {what}, {status}" / "{route} 失败：{what}，{status}";
        and_route => "; and route " / "；路由 ";
        served => "served" / "已提供服务";
        resolved_to(route, host) => "Only resolved, to route {route} on host {host}." / "仅解析：选中主机 {host} 上的路由 {route}。";
        no_route => "No host served it." / "没有主机提供服务。";
        still_open => "It has not ended yet." / "请求尚未结束。";
        double_bill => "A host that had perhaps worked was followed by another: both may bill." / "在一台可能已经执行的主机之后又尝试了另一台，两台都可能计费。";
        panicking => "Everything was open, and this request was let through all the same." / "当时所有路由均已熔断，该请求仍被放行试探。";
        times => "Where the time went" / "耗时分布";
        overhead => "Relay Manager itself" / "Relay Manager 自身";
        attempt(number, route) => "Try {number}: {route}" / "第 {number} 次尝试：{route}";
        streaming => "Streaming" / "流式输出";
        first_output => "First output" / "首个输出";
        total => "Total" / "总耗时";
        tries => "Tries" / "尝试";
        no_tries => "No host was asked." / "没有请求任何主机。";
        number => "No." / "序号";
        route => "Route" / "路由";
        host => "Host" / "主机";
        ended => "Ended" / "结果";
        class => "Class" / "错误类别";
        status => "Status" / "状态码";
        took => "Took" / "耗时";
        routes => "Routes that were looked at" / "候选路由";
        no_candidates => "No route was looked at." / "没有可考察的路由。";
        tier => "Tier" / "优先级";
        weight => "Weight" / "权重";
        verdict => "Verdict" / "结果";
        reason => "Reason" / "原因";
        stickiness => "Stickiness" / "会话粘性";
        action => "What became of the binding" / "绑定结果";
        scope => "Keyed by" / "粘性范围";
        source => "Subject found in" / "标识来源";
        sticky_key => "Sticky key" / "绑定标识";
        same_key => "Decisions of this conversation" / "该会话的全部决策";
        tokens => "Tokens and money" / "Token 与费用";
        input => "Input" / "输入";
        cached => "from cache" / "缓存命中";
        written => "written to cache" / "写入缓存";
        output => "Output" / "输出";
        reasoning => "reasoning" / "推理";
        price => "Price" / "价格";
        cost => "Cost" / "成本";
        saved => "Saved by cache" / "缓存节省";
        provenance => "Told by" / "数据来源";
        request => "Request" / "请求";
        request_id => "Request ID" / "请求 ID";
        client_id => "Client's ID" / "客户端 ID";
        host_request_id => "Host's ID" / "主机侧 ID";
        surface => "Surface" / "接口";
        stream => "Stream" / "流式";
        yes => "yes" / "是";
        no => "no" / "否";
        arrived => "Arrived" / "到达时间";
        client_status => "Status to the client" / "返回客户端的状态码";
        bytes => "Body in / out" / "请求 / 响应体";
        shadow => "Group and model on the host" / "主机侧分组与模型";
        key_source => "Gateway key" / "网关 key";
        fingerprint => "Its fingerprint" / "key 指纹";
        generation => "Generation" / "配置版本";
        in_force => "in force" / "当前生效";
        not_in_force => "no longer in force" / "已被取代";
        error => "Error" / "错误";
        explain => "In words, to copy" / "文字说明（可复制）";
        explain_hint => "Names hosts: for operators, not for customers." / "其中包含主机名，仅供运维人员使用，请勿直接转发给客户。";
        customers => "For the customer, to forward" / "转发给客户的说明（可复制）";
        customers_hint => "Names no host, route or group." / "不含主机、路由和分组名称。";
        as_json => "As JSON" / "查看 JSON";
    }
}

/// A name and its value.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) is_code: bool,
}

/// A bar of the waterfall, in thousandths of the whole.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) tone: Tone,
    pub(crate) start: String,
    pub(crate) width: String,
    pub(crate) value: String,
}

/// One try.
#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub(crate) route: String,
    pub(crate) route_href: String,
    pub(crate) host: String,
    pub(crate) end: Badge,
    pub(crate) class: String,
    pub(crate) status: String,
    pub(crate) took: String,
}

/// A route that was looked at.
#[derive(Clone, Debug)]
pub(crate) struct CandidateLine {
    pub(crate) route: String,
    pub(crate) route_href: String,
    pub(crate) host: String,
    pub(crate) tier: i64,
    pub(crate) weight: u32,
    pub(crate) verdict: Badge,
    pub(crate) reason: String,
}

/// The page.
#[derive(Template)]
#[template(path = "decisions/story.html")]
pub(crate) struct Story {
    pub(crate) t: StoryWords,
    pub(crate) shell: Shell,
    pub(crate) request_id: String,
    pub(crate) at: Moment,
    pub(crate) verdict: Badge,
    pub(crate) sentences: Vec<String>,
    pub(crate) warnings: Vec<&'static str>,
    pub(crate) error: Option<String>,
    pub(crate) bars: Vec<Bar>,
    /// Thousandths of the whole at which output began.
    pub(crate) first_output_at: Option<String>,
    pub(crate) first_output: String,
    pub(crate) total: String,
    pub(crate) tries: Vec<Try>,
    pub(crate) candidates: Vec<CandidateLine>,
    pub(crate) sticky: Badge,
    pub(crate) sticky_facts: Vec<Fact>,
    pub(crate) same_key: Option<String>,
    pub(crate) usage: Vec<Fact>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) generation: u64,
    pub(crate) generation_text: String,
    pub(crate) text: String,
    pub(crate) customer_text: String,
    pub(crate) json: String,
}

/// `GET /decisions/{request id}`
pub(crate) async fn show(State(console): State<Console>, visit: Visit, Path(id): Path<String>) -> PageResult {
    let explained = console.control.explain(&id, None, visit.preferences.language).await?.ok_or(Fault::NotFound)?;
    let told = Told {
        decision: &explained.decision,
        published: explained.generation.as_ref().map(|record| record.summary.as_str()),
        is_in_force: explained.generation_in_force,
        text: &explained.text,
        customer_text: &explained.customer_text,
    };
    Ok(page(&Story::new(&visit, &told)))
}

/// What the story is made from.
struct Told<'a> {
    decision: &'a Decision,
    /// What its generation changed, in a line.
    published: Option<&'a str>,
    is_in_force: bool,
    text: &'a str,
    customer_text: &'a str,
}

impl Story {
    fn new(visit: &Visit, told: &Told<'_>) -> Self {
        let language = visit.preferences.language;
        let (t, format) = (StoryWords(language), visit.format());
        let decision = told.decision;
        let (bars, whole) = waterfall(t, format, decision);
        let state = if told.is_in_force { t.in_force() } else { t.not_in_force() };
        let published = told.published.map(|summary| format!(" · {}", faults::said(language, summary)));
        Self {
            t,
            shell: visit.shell(Section::Decisions),
            request_id: decision.request_id.clone(),
            at: format.moment(decision.at),
            verdict: terms::verdict_badge(language, &decision.verdict),
            sentences: sentences(t, decision),
            warnings: warnings(t, decision),
            error: error(language, decision),
            bars,
            first_output_at: decision.first_output_us.map(|us| thousandths(us, whole)),
            first_output: format.optional_micros(decision.first_output_us),
            total: format.optional_micros(decision.latency_us),
            tries: tries(language, format, decision),
            candidates: candidates(language, &decision.candidates, served(decision)),
            sticky: terms::sticky_badge(language, &decision.sticky_action),
            sticky_facts: sticky_facts(t, language, decision),
            same_key: decision.sticky_key.as_deref().map(|key| address("/decisions", [("sticky_key", key)])),
            usage: usage(t, format, decision),
            facts: facts(t, language, format, decision),
            generation: decision.generation,
            generation_text: format!("{state}{}", published.unwrap_or_default()),
            text: told.text.to_owned(),
            customer_text: told.customer_text.to_owned(),
            json: path("/api/v1/decisions", &decision.request_id),
        }
    }
}

pub(crate) fn sentences(t: StoryWords, decision: &Decision) -> Vec<String> {
    let who = decision.consumer.as_deref().unwrap_or_else(|| t.an_operator());
    let asked = match decision.logical_group_id.as_str() {
        "" => t.asked_for(who, &decision.public_model),
        group => t.asked(who, group, &decision.public_model),
    };
    let served = match (&decision.route_id, &decision.host_id) {
        _ if decision.verdict == "open" => t.still_open().to_owned(),
        (Some(route), Some(host)) if decision.verdict == "resolved" => t.resolved_to(route, host),
        (Some(route), Some(host)) if decision.verdict == "failed" => t.failed_on(route, host),
        (Some(route), Some(host)) => answered(t, decision, route, host),
        _ => t.no_route().to_owned(),
    };
    vec![asked, served]
}

/// Which route served, and why not one before it.
fn answered(t: StoryWords, decision: &Decision, route: &str, host: &str) -> String {
    let before = decision.attempts.split_last().map(|(_, before)| before).unwrap_or_default();
    let failures: Vec<String> = before.iter().map(|attempt| failure(t, attempt)).collect();
    match failures.as_slice() {
        [] if decision.fallback_used => t.answered_by_fallback(route, host),
        [] => t.answered_by(route, host),
        failures => t.answered_after(route, host, failures.join(t.and_route())),
    }
}

fn failure(t: StoryWords, attempt: &DecisionAttempt) -> String {
    let what = attempt.class.clone().unwrap_or_else(|| terms::end(t.0, &attempt.end).into_owned());
    match attempt.status {
        Some(status) => t.failed_with(&attempt.route_id, what, status),
        None => t.failed_as(&attempt.route_id, what),
    }
}

/// The route that served.
pub(crate) fn served(decision: &Decision) -> Option<&str> {
    let has_answered = decision.attempts.last().is_some_and(|attempt| attempt.end == "answered");
    decision.route_id.as_deref().filter(|_| has_answered && decision.verdict != "failed")
}

pub(crate) fn warnings(t: StoryWords, decision: &Decision) -> Vec<&'static str> {
    let double = decision.possible_double_bill.then(|| t.double_bill());
    let panicking = decision.panic.then(|| t.panicking());
    double.into_iter().chain(panicking).collect()
}

pub(crate) fn error(language: Language, decision: &Decision) -> Option<String> {
    let class = decision.error_class.as_deref()?;
    Some(match decision.error_message.as_deref() {
        Some(message) => format!("{class}: {}", faults::said(language, message)),
        None => class.to_owned(),
    })
}

fn thousandths(us: u64, whole: u64) -> String {
    format!("{:.1}", us as f64 * 1_000.0 / whole.max(1) as f64)
}

/// Tries follow each other; output streams from the first of it to the end. What is left is ours.
fn waterfall(t: StoryWords, format: Format, decision: &Decision) -> (Vec<Bar>, u64) {
    let tried: u64 = decision.attempts.iter().map(|attempt| attempt.us).sum();
    let overhead = decision.overhead_us.unwrap_or(0);
    let whole = decision.latency_us.unwrap_or(0).max(tried + overhead).max(1);
    let mut bars = Vec::new();
    let mut bar = |name: String, tone, start: u64, length: u64| {
        let (start_at, width) = (thousandths(start, whole), thousandths(length.max(whole / 250), whole));
        bars.push(Bar { name, tone, start: start_at, width, value: format.micros(length) });
    };
    if decision.overhead_us.is_some() {
        bar(t.overhead().to_owned(), Tone::Quiet, 0, overhead);
    }
    let mut start = overhead;
    for (position, attempt) in decision.attempts.iter().enumerate() {
        let tone = if attempt.end == "answered" && attempt.class.is_none() { Tone::Good } else { Tone::Bad };
        bar(t.attempt(position + 1, &attempt.route_id), tone, start, attempt.us);
        start += attempt.us;
    }
    if let (Some(first), Some(end), true) = (decision.first_output_us, decision.latency_us, decision.stream) {
        bar(t.streaming().to_owned(), Tone::Good, first, end.saturating_sub(first));
    }
    (bars, whole)
}

pub(crate) fn tries(language: Language, format: Format, decision: &Decision) -> Vec<Try> {
    let told = decision.attempts.iter().map(|attempt| Try {
        route: attempt.route_id.clone(),
        route_href: path("/routes", &attempt.route_id),
        host: attempt.host_id.clone(),
        end: Badge::new(
            if attempt.end == "answered" && attempt.class.is_none() { Tone::Good } else { Tone::Bad },
            terms::end(language, &attempt.end),
        ),
        class: attempt.class.clone().unwrap_or_else(|| NOTHING.to_owned()),
        status: attempt.status.map_or_else(|| NOTHING.to_owned(), |status| status.to_string()),
        took: format.micros(attempt.us),
    });
    told.collect()
}

/// The routes of a plan, with the one that served.
pub(crate) fn candidates(
    language: Language,
    candidates: &[DecisionCandidate],
    served: Option<&str>,
) -> Vec<CandidateLine> {
    let lines = candidates.iter().map(|candidate| CandidateLine {
        route: candidate.route_id.clone(),
        route_href: path("/routes", &candidate.route_id),
        host: candidate.host_id.clone(),
        tier: candidate.tier,
        weight: candidate.weight,
        verdict: match candidate.verdict.as_str() {
            _ if served == Some(&candidate.route_id) => Badge::new(Tone::Good, StoryWords(language).served()),
            // Another had to serve in its place.
            "first" if served.is_some() => Badge::new(Tone::Warning, terms::candidate(language, "first")),
            "first" => Badge::new(Tone::Good, terms::candidate(language, "first")),
            "excluded" => Badge::new(Tone::Warning, terms::candidate(language, "excluded")),
            other => Badge::new(Tone::Quiet, terms::candidate(language, other)),
        },
        reason: candidate.reason.as_deref().map(|reason| faults::said(language, reason)).unwrap_or_default(),
    });
    lines.collect()
}

/// Whether any of the routes has something against it.
pub(crate) fn has_reasons(lines: &[CandidateLine]) -> bool {
    lines.iter().any(|line| !line.reason.is_empty())
}

fn sticky_facts(t: StoryWords, language: Language, decision: &Decision) -> Vec<Fact> {
    let fact = |name, value: Option<&str>, is_code| Some(Fact { name, value: value?.to_owned(), is_code });
    let scope = terms::scope(language, &decision.scope);
    [
        fact(t.scope(), Some(&scope), false),
        fact(t.source(), decision.sticky_source.as_deref(), true),
        fact(t.sticky_key(), decision.sticky_key.as_deref(), true),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn usage(t: StoryWords, format: Format, decision: &Decision) -> Vec<Fact> {
    let number = |tokens: Option<u64>| Some(format.number(i64::try_from(tokens?).unwrap_or(i64::MAX)));
    let money = |nanos: Option<i64>| nanos.map(|nanos| format.money(nanos));
    let usage = &decision.usage;
    let told = [
        (t.input(), number(usage.input)),
        (t.cached(), number(usage.cached_input)),
        (t.written(), number(usage.cache_write)),
        (t.output(), number(usage.output)),
        (t.reasoning(), number(usage.reasoning)),
        (t.price(), money(decision.price_nanos)),
        (t.cost(), money(decision.cost_nanos)),
        (t.saved(), money(decision.cache_saved_nanos)),
        (t.provenance(), usage.provenance.as_deref().map(|word| terms::provenance(t.0, word).into_owned())),
    ];
    let told = told.into_iter();
    told.map(|(name, value)| Fact { name, value: value.unwrap_or_else(|| NOTHING.to_owned()), is_code: false })
        .collect()
}

fn facts(t: StoryWords, language: Language, format: Format, decision: &Decision) -> Vec<Fact> {
    let joined = |parts: [Option<&str>; 2]| {
        let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(" / "))
    };
    let bytes = |bytes: Option<u64>| bytes.map_or_else(|| NOTHING.to_owned(), |bytes| format.bytes(bytes));
    let told = [
        (t.request_id(), Some(decision.request_id.clone()), true),
        (t.client_id(), decision.client_request_id.clone(), true),
        (t.host_request_id(), decision.upstream_request_id.clone(), true),
        (t.surface(), Some(decision.surface.clone()), true),
        (t.stream(), Some(if decision.stream { t.yes() } else { t.no() }.to_owned()), false),
        (t.client_status(), decision.client_status.map(|status| status.to_string()), false),
        (t.bytes(), Some(format!("{} / {}", bytes(decision.request_bytes), bytes(decision.response_bytes))), false),
        (t.shadow(), joined([decision.shadow_group_id.as_deref(), decision.shadow_model.as_deref()]), true),
        (
            t.key_source(),
            decision.key_source.as_deref().map(|source| terms::credential(language, source).into_owned()),
            false,
        ),
        (t.fingerprint(), decision.key_fingerprint.clone(), true),
    ];
    told.into_iter().filter_map(|(name, value, is_code)| Some(Fact { name, value: value?, is_code })).collect()
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    let visit = crate::pages::rendering::visit(language);
    let text = format!("{} explained", crate::pages::rendering::HOSTILE);
    let decisions = crate::pages::rendering::decisions();
    let told = decisions.iter().map(|decision| Told {
        decision,
        published: Some("1 added"),
        is_in_force: true,
        text: &text,
        customer_text: &text,
    });
    told.map(|told| crate::pages::rendering::render(&Story::new(&visit, &told))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::rendering::decisions;

    /// The plan put gpt-osaka first; it answered 503, and gpt-tokyo served.
    fn after_a_failure() -> Decision {
        let mut decision = decisions().swap_remove(0);
        for (position, route) in ["gpt-osaka", "gpt-tokyo"].into_iter().enumerate() {
            decision.candidates[position].route_id = route.into();
            decision.attempts[position].route_id = route.into();
        }
        decision.candidates.truncate(2);
        decision.route_id = Some("gpt-tokyo".into());
        decision.host_id = Some("tokyo".into());
        decision
    }

    #[test]
    fn what_served_after_a_failure_is_told_with_the_failure() {
        let told = |language| sentences(StoryWords(language), &after_a_failure()).pop().unwrap_or_default();
        assert_eq!(
            told(Language::English),
            "Served over route gpt-tokyo by host tokyo, after route gpt-osaka failed: gateway_5xx, 503."
        );
        assert_eq!(
            told(Language::Chinese),
            "路由 gpt-osaka 失败：gateway_5xx，503。之后由主机 tokyo 通过路由 gpt-tokyo 提供。"
        );
    }

    #[test]
    fn without_a_try_before_it_a_fallback_is_one_for_want_of_something_better() {
        let mut decision = after_a_failure();
        decision.attempts.remove(0);
        let told = sentences(StoryWords(Language::English), &decision).pop().unwrap_or_default();
        assert!(told.ends_with("a fallback: something better was not eligible."), "{told}");
    }

    #[test]
    fn the_route_that_served_is_marked_and_reasons_stand_only_where_there_are_some() {
        let decision = after_a_failure();
        let badges = |served| candidates(Language::English, &decision.candidates, served).into_iter();
        let told: Vec<Badge> = badges(served(&decision)).map(|line| line.verdict).collect();
        assert_eq!(told, [Badge::new(Tone::Warning, "chosen first"), Badge::new(Tone::Good, "served")]);
        assert!(!has_reasons(&badges(None).collect::<Vec<_>>()));
        let failed = Decision { verdict: "failed".into(), ..decision.clone() };
        assert_eq!(served(&failed), None);
    }
}
