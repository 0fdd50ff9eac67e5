//! Decisions told to people.

use relay_ledger::{Decision, DecisionCandidate};

use super::{NowPart, PlannedAgain};
use crate::numbers::short_time;
use crate::records::GenerationView;
use crate::translation::{in_chinese, label_in_chinese};
use crate::words;
use crate::words::Language;

words! {
    /// A decision, or one that nobody has made, told to operators.
    Words {
        key(id) => "Key {id}" / "使用方 key {id} ";
        an_operator => "An operator" / "操作员";
        request(id, at) => "Request {id} of {at}" / "请求 {id}，{at}";
        asked(caller, group, model, surface) => "{caller} asked group {group} for model {model} ({surface})" / "{caller}向分组 {group} 请求模型 {model}（{surface}）";
        no_group => "(none)" / "（无）";
        fleet(generation) => "The fleet was generation {generation}." / "当时的配置版本为 {generation}。";
        fleet_of(generation, at, actor) => "The fleet was generation {generation}, published {at} by {actor}." / "当时的配置版本为 {generation}，由 “{actor}” 于 {at} 发布。";
        stickiness(what) => "Stickiness: {what}." / "会话粘性：{what}。";
        of_scope(what, scope) => "{what} (scope {scope})" / "{what}（范围：{scope}）";
        of_source(what, scope, source) => "{what} (scope {scope}, subject from {source})" / "{what}（范围：{scope}，标识来自 “{source}”）";
        conversation => "conversation" / "会话";
        user => "user" / "用户";
        none => "none" / "无";
        hit => "the binding was used" / "使用了已有绑定";
        bind => "there was no binding; one was made" / "此前没有绑定，已新建";
        rebind => "the bound route was not eligible or failed: the conversation moved" / "所绑定的路由不可用或已失败，会话已迁移";
        borrow => "the bound route was busy, another served once and the binding was kept" / "所绑定的路由繁忙，由另一条路由临时服务，绑定保留";
        none_wanted => "none asked for" / "未要求粘性";
        no_binding => "no binding was used or made" / "没有使用或新建绑定";
        no_routes => "No route was looked at." / "没有考察任何路由。";
        routes => "Routes:" / "路由：";
        route(number, route, host, tier, weight, verdict) => "  {number}. {route} on {host} (tier {tier}, weight {weight}): {verdict}" / "  {number}. {route}，主机 {host}（优先级 {tier}，权重 {weight}）：{verdict}";
        excluded(reason) => "excluded: {reason}" / "已排除：{reason}";
        no_reason => "no reason recorded" / "未记录原因";
        chosen_first => "chosen first" / "首选";
        first => "first" / "首选";
        in_reserve => "in reserve" / "备选";
        tried(number, route, host, how, time) => "Try {number}: {route} on {host}: {how}, {time}" / "第 {number} 次尝试：{route}，主机 {host}：{how}，{time}";
        tried_status(how, status) => "{how}, status {status}" / "{how}，状态码 {status}";
        tried_class(how, class) => "{how}, {class}" / "{how}，{class}";
        answered => "answered" / "已应答";
        refused => "refused" / "被拒绝";
        not_sent => "not_sent" / "未发出";
        maybe_executed => "maybe_executed" / "可能已执行";
        open => "It has not ended yet." / "尚未结束。";
        interrupted => "The process ended before the request did." / "进程在请求结束之前已停止。";
        ended(how) => "It ended {how}" / "结果：{how}";
        complete => "complete" / "完成";
        resolved => "resolved" / "仅解析";
        failed => "failed" / "失败";
        truncated => "truncated" / "被截断";
        idle_cut => "idle cut" / "中途静默";
        error_in_stream => "error in stream" / "流中报错";
        client_gone => "client gone" / "客户端断开";
        over(text, route) => "{text} over {route}" / "{text}，经由 {route}";
        a_fallback(text) => "{text}, a fallback" / "{text}，为降级选择";
        to_client(text, status) => "{text}, status {status} to the client" / "{text}，返回客户端的状态码 {status}";
        after(text, time) => "{text}, after {time}" / "{text}，耗时 {time}";
        first_output(text, time) => "{text} (first output after {time})" / "{text}（首个输出 {time}）";
        full_stop => "." / "。";
        error(class) => " Error {class}." / " 错误 {class}。";
        error_said(class, message) => " Error {class}: {message}." / " 错误 {class}：{message}。";
        double_bill => " A host that had perhaps worked was followed by another: both may bill." / "在一台可能已经执行的主机之后又尝试了另一台，两台都可能计费。";
        again => "Planned again in the fleet of then" / "在当时的配置中重新选路";
        again_in(generation) => "Planned in the fleet of generation {generation}" / "在配置版本 {generation} 中选路";
        again_same(fleet) => "{fleet}: the same." / "{fleet}：结果相同。";
        again_differs(fleet) => "{fleet} it differs:" / "{fleet}，结果不同：";
        now_to(generation, route, host) => "Now (generation {generation}) it would go to {route} on {host}." / "现在（配置版本 {generation}）将去往主机 {host} 的 {route}。";
        now_nowhere(generation) => "Now (generation {generation}) no route may serve it." / "现在（配置版本 {generation}）没有可用的路由。";
        would_ask(caller, group, model, generation) => "A request of {caller} to group {group} for model {model}, now (generation {generation}):" / "{caller}现在向分组 {group} 请求模型 {model}（配置版本 {generation}）：";
        a_key(id) => "key {id}" / "使用方 key {id} ";
        some_operator => "an operator" / "操作员";
        would_go(route, host, why) => "It would go to {route} on {host}. {why}" / "将去往主机 {host} 的 {route}。{why}";
        would_not => "No route may serve it." / "没有可用的路由。";
        would_not_before(at) => "No route may serve it before {at}." / "在 {at} 之前没有可用的路由。";
        assumed_keys => "Keys that the caller brings, or that are obtained for it, are taken to be there." / "假定调用方自带的 key 或为其取得的 key 均可用。";
        bound_there(at) => "The conversation is bound there until {at}." / "会话已绑定在此，至 {at}。";
        bound_busy(route) => "The conversation is bound to {route}, which is busy: it would be back at the next turn." / "会话绑定在 {route}，但其繁忙，下一轮将返回。";
        bound_gone(route) => "The conversation was bound to {route}, and would move." / "会话曾绑定在 {route}，将会迁移。";
        not_bound => "The conversation is not bound yet; it would stay there." / "会话尚未绑定，之后会留在此处。";
        no_subject => "Nothing names a conversation: each such request is drawn by weight, the next may go elsewhere." / "没有会话标识：每个请求按权重抽取，下一个可能去往别处。";
        would_be_refused(key, model, reason) => "A request of key {key} for model {model} would be refused: {reason}." / "key {key} 对模型 {model} 的请求会被拒绝：{reason}。";
        key_removed => "key removed" / "没有这个 key";
        key_disabled => "key disabled" / "key 已停用";
        key_expired => "key expired" / "key 已过期";
        group_not_allowed => "group not allowed" / "key 无权调用该分组";
        model_not_allowed => "model not allowed" / "key 无权调用该模型";
    }
}

impl Words {
    fn scope(self, word: &str) -> &str {
        match word {
            "conversation" => self.conversation(),
            "user" => self.user(),
            "none" => self.none(),
            other => other,
        }
    }

    /// Whoever published, by the label of their token.
    fn who(self, label: &str) -> &str {
        match self.0 {
            Language::English => label,
            Language::Chinese => label_in_chinese(label),
        }
    }

    /// A reason on record, which is in English.
    fn reason(self, reason: &str) -> String {
        match self.0 {
            Language::English => reason.to_owned(),
            Language::Chinese => in_chinese(reason),
        }
    }

    fn verdict(self, candidate: &DecisionCandidate, first: &'static str) -> String {
        match candidate.verdict.as_str() {
            "excluded" => match candidate.reason.as_deref() {
                Some(reason) => self.excluded(self.reason(reason)),
                None => self.excluded(self.no_reason()),
            },
            "first" => first.to_owned(),
            _ => self.in_reserve().to_owned(),
        }
    }

    /// How an attempt ended, as the log has it; a later version's word as it is.
    fn end(self, end: &str) -> &str {
        match end {
            "answered" => self.answered(),
            "refused" => self.refused(),
            "not_sent" => self.not_sent(),
            "maybe_executed" => self.maybe_executed(),
            other => other,
        }
    }

    fn outcome(self, verdict: &str) -> String {
        match verdict {
            "complete" => self.complete(),
            "resolved" => self.resolved(),
            "failed" => self.failed(),
            "truncated" => self.truncated(),
            "idle_cut" => self.idle_cut(),
            "error_in_stream" => self.error_in_stream(),
            "client_gone" => self.client_gone(),
            other => return other.replace('_', " "),
        }
        .to_owned()
    }

    /// Why a key is refused before any route is looked at.
    pub(super) fn refusal(self, reason: &str) -> String {
        match reason {
            "key_removed" => self.key_removed(),
            "key_disabled" => self.key_disabled(),
            "key_expired" => self.key_expired(),
            "group_not_allowed" => self.group_not_allowed(),
            "model_not_allowed" => self.model_not_allowed(),
            other => return other.replace('_', " "),
        }
        .to_owned()
    }

    /// The lines of routes that were looked at.
    pub(super) fn candidates(self, candidates: &[DecisionCandidate], first: &'static str) -> Vec<String> {
        let line = |(at, candidate): (usize, &DecisionCandidate)| {
            let verdict = self.verdict(candidate, first);
            let (tier, weight) = (candidate.tier, candidate.weight);
            self.route(at + 1, &candidate.route_id, &candidate.host_id, tier, weight, verdict)
        };
        candidates.iter().enumerate().map(line).collect()
    }
}

/// Sentences in the order in which it was decided, a line each.
pub(super) fn for_operators(
    decision: &Decision,
    generation: Option<&GenerationView>,
    again: Option<&PlannedAgain>,
    now: Option<&NowPart>,
    language: Language,
) -> String {
    let t = Words(language);
    let caller = decision.consumer.as_deref().map_or_else(|| t.an_operator().to_owned(), |key| t.key(key));
    let group = if decision.logical_group_id.is_empty() { t.no_group() } else { &decision.logical_group_id };
    let mut lines = vec![
        t.request(&decision.request_id, format_args!("{:.3}", decision.at)),
        t.asked(caller, group, &decision.public_model, &decision.surface),
        match generation {
            Some(record) => t.fleet_of(decision.generation, format_args!("{:.0}", record.at), t.who(&record.actor)),
            None => t.fleet(decision.generation),
        },
        t.stickiness(sticky_words(t, decision)),
    ];
    if decision.candidates.is_empty() {
        lines.push(t.no_routes().to_owned());
    } else {
        lines.push(t.routes().to_owned());
    }
    lines.extend(t.candidates(&decision.candidates, t.chosen_first()));
    for (position, attempt) in decision.attempts.iter().enumerate() {
        let mut how = t.end(&attempt.end).to_owned();
        if let Some(class) = &attempt.class {
            how = t.tried_class(how, class);
        }
        if let Some(status) = attempt.status {
            how = t.tried_status(how, status);
        }
        lines.push(t.tried(position + 1, &attempt.route_id, &attempt.host_id, how, short_time(attempt.us)));
    }
    lines.push(end_words(t, decision));
    if let Some(again) = again {
        lines.extend(again_words(t, decision, again));
    }
    lines.extend(now.map(|now| now_words(t, now)));
    lines.join("\n")
}

fn again_words(t: Words, decision: &Decision, again: &PlannedAgain) -> Vec<String> {
    let fleet =
        if again.generation == decision.generation { t.again().to_owned() } else { t.again_in(again.generation) };
    if again.same {
        return vec![t.again_same(fleet)];
    }
    let differences = again.differences.iter().map(|difference| format!("  {}", t.reason(difference)));
    std::iter::once(t.again_differs(fleet)).chain(differences).collect()
}

fn now_words(t: Words, now: &NowPart) -> String {
    match (&now.route_id, &now.host_id) {
        (Some(route), Some(host)) => t.now_to(now.generation, route, host),
        _ => t.now_nowhere(now.generation),
    }
}

fn sticky_words(t: Words, decision: &Decision) -> String {
    let what = match decision.sticky_action.as_str() {
        "hit" => t.hit(),
        "bind" => t.bind(),
        "rebind" => t.rebind(),
        "borrow" => t.borrow(),
        _ if decision.scope == "none" => t.none_wanted(),
        _ => t.no_binding(),
    };
    match &decision.sticky_source {
        Some(source) => t.of_source(what, t.scope(&decision.scope), source),
        None => t.of_scope(what, t.scope(&decision.scope)),
    }
}

fn end_words(t: Words, decision: &Decision) -> String {
    let mut text = match decision.verdict.as_str() {
        "open" => return t.open().to_owned(),
        "interrupted" => return t.interrupted().to_owned(),
        verdict => t.ended(t.outcome(verdict)),
    };
    if let Some(route) = decision.route_id.as_deref().filter(|_| decision.verdict != "resolved") {
        text = t.over(text, route);
    }
    if decision.fallback_used {
        text = t.a_fallback(text);
    }
    if let Some(status) = decision.client_status {
        text = t.to_client(text, status);
    }
    if let Some(latency) = decision.latency_us {
        text = t.after(text, short_time(latency));
    }
    if let Some(first) = decision.first_output_us {
        text = t.first_output(text, short_time(first));
    }
    text.push_str(t.full_stop());
    match (&decision.error_class, &decision.error_message) {
        (Some(class), Some(message)) => text.push_str(&t.error_said(class, message)),
        (Some(class), None) => text.push_str(&t.error(class)),
        (None, _) => {}
    }
    if decision.possible_double_bill {
        text.push_str(t.double_bill());
    }
    text
}
