//! What a support person forwards to whoever asks: what happened and what it means for them, without a name of ours or
//! of a host.

use relay_ledger::Decision;

use super::hypothetical::Hypothetical;
use crate::numbers::short_time;
use crate::words;
use crate::words::Language;

words! {
    /// A decision, or one that nobody has made, told to customers.
    Told {
        request(id, at, model, what) => "Request {id}, received {at}, asked for model {model}.\n{what}" / "请求 {id}，收到时间 {at}，模型 {model}。\n{what}";
        after(time) => " after {time}" / "，耗时 {time}";
        first_output(time) => "; its first output came after {time}" / "，首个输出 {time}";
        complete(after, first) => "It was answered in full{after}{first}." / "已完整应答{after}{first}。";
        resolved => "Only a route was asked for, and given." / "只查询了路由，并已返回。";
        open => "It is still being served." / "请求仍在处理中。";
        client_gone(after) => "The client closed the connection{after}, before the answer was complete." / "客户端在应答完成之前断开了连接{after}。";
        truncated(after) => "The upstream's answer broke off{after}; the part that came was passed on, and marked as broken off." / "上游的应答中途断开{after}；已收到的部分已转发，并标明中断。";
        idle_cut(after) => "The upstream fell silent and the answer was ended{after}; the part that came was passed on, and marked as broken off." / "上游长时间没有输出，应答被结束{after}；已收到的部分已转发，并标明中断。";
        error_in_stream(after) => "The upstream reported an error in the middle of its answer{after}." / "上游在应答过程中报错{after}。";
        interrupted => "Our server was stopped before the answer was complete." / "我们的服务器在应答完成之前停止运行。";
        answered(status, after, why) => "It was answered{status}{after}: {why}." / "请求未成功{status}{after}：{why}。";
        with_status(status) => " with status {status}" / "，状态码 {status}";
        not_served => "this key may not call that model, or it is not served under that name" / "该 key 无权调用此模型，或模型名不存在";
        own_limit => "a limit of the key or its group was reached; it may be sent again after the time in Retry-After" / "已达到该 key 或其分组的限额，请在 Retry-After 给出的时间之后重试";
        upstream_limit => "the upstreams limit requests at the moment; it may be sent again after the time in Retry-After" / "上游目前限流，请在 Retry-After 给出的时间之后重试";
        no_upstream => "no upstream could take it at that time; it may be sent again" / "当时没有可用的上游，可以重试";
        upstreams_failed => "the upstreams failed; it may be sent again" / "上游出错，可以重试";
        late => "the upstream did not answer in time; it may be sent again" / "上游没有按时应答，可以重试";
        of_client => "the request itself was refused; it needs a correction before it is sent again" / "请求本身被拒绝，需更正后再发送";
        failed => "it failed" / "请求失败";
        one_before(time) => "\nOne upstream had failed before; another one served it. That cost {time}." / "\n此前有 1 个上游失败，由另一个上游完成，因此多用 {time}。";
        several_before(number, time) => "\n{number} upstreams had failed before; another one served it. That cost {time}." / "\n此前有 {number} 个上游失败，由另一个上游完成，因此多用 {time}。";
        one_tried => "\nOne upstream was tried." / "\n共尝试了 1 个上游。";
        several_tried(number) => "\n{number} upstreams were tried." / "\n共尝试了 {number} 个上游。";
        hit => "\nIt went where its conversation was before, so that its prompt cache could be used." / "\n请求去往该会话之前所在的上游，可以使用提示词缓存。";
        rebind => "\nIts conversation had to move to another upstream, where its prompt cache begins anew." / "\n该会话迁移到了另一个上游，提示词缓存需重新建立。";
        borrow => "\nWhere its conversation is was busy: another upstream served it once, without the prompt cache." / "\n该会话所在的上游繁忙，由另一个上游临时处理，未使用提示词缓存。";
        would_be_refused(model) => "A request for model {model} would be refused: the key may not make it." / "对模型 {model} 的请求会被拒绝：该 key 无权发送。";
        cannot_be_served(model) => "A request for model {model} cannot be served at the moment." / "目前无法处理对模型 {model} 的请求。";
        cannot_be_served_before(model, at) => "A request for model {model} cannot be served at the moment before {at}." / "在 {at} 之前无法处理对模型 {model} 的请求。";
        would_be_served(model, conversation) => "A request for model {model} would be served.{conversation}" / "对模型 {model} 的请求可以处理。{conversation}";
        would_hit => " It would go on where its conversation is, with its prompt cache." / "会话在原上游继续，可以使用提示词缓存。";
        would_rebind => " Its conversation would have to move, so its prompt cache would begin anew." / "会话需要迁移，提示词缓存需重新建立。";
        would_borrow => " Where its conversation is is busy: it would be served elsewhere once, without its prompt cache." / "会话所在的上游繁忙，将由另一个上游临时处理，不使用提示词缓存。";
    }
}

/// What became of a request.
pub(super) fn told(decision: &Decision, language: Language) -> String {
    let t = Told(language);
    let what = what_happened(t, decision);
    let at = format_args!("{:.0}", decision.at);
    let mut text = t.request(&decision.request_id, at, &decision.public_model, what);
    text.push_str(&tries(t, decision));
    text.push_str(match decision.sticky_action.as_str() {
        _ if decision.verdict == "failed" => "",
        "hit" => t.hit(),
        "rebind" => t.rebind(),
        "borrow" => t.borrow(),
        _ => "",
    });
    text
}

/// What would become of one.
pub(super) fn would(told: &Hypothetical, language: Language) -> String {
    let (t, model) = (Told(language), &told.public_model);
    match (&told.route_id, told.retry_at) {
        (None, Some(at)) => return t.cannot_be_served_before(model, format_args!("{at:.0}")),
        (None, None) => return t.cannot_be_served(model),
        (Some(_), _) => {}
    }
    let conversation = match told.sticky_action {
        "hit" => t.would_hit(),
        "rebind" => t.would_rebind(),
        "borrow" => t.would_borrow(),
        _ => "",
    };
    t.would_be_served(model, conversation)
}

/// That one would be refused, whatever routes there are.
pub(super) fn would_be_refused(model: &str, language: Language) -> String {
    Told(language).would_be_refused(model)
}

fn what_happened(t: Told, decision: &Decision) -> String {
    let after = decision.latency_us.map(|us| t.after(short_time(us))).unwrap_or_default();
    let first = decision.first_output_us.map(|us| t.first_output(short_time(us))).unwrap_or_default();
    match decision.verdict.as_str() {
        "complete" => t.complete(after, first),
        "resolved" => t.resolved().to_owned(),
        "open" => t.open().to_owned(),
        "client_gone" => t.client_gone(after),
        "truncated" => t.truncated(after),
        "idle_cut" => t.idle_cut(after),
        "error_in_stream" => t.error_in_stream(after),
        "interrupted" => t.interrupted().to_owned(),
        _ => refusal(t, decision, &after),
    }
}

/// By the status that the client has before it anyway.
fn refusal(t: Told, decision: &Decision, after: &str) -> String {
    let was_sent = !decision.attempts.is_empty();
    let why = match (decision.client_status, decision.error_class.as_deref()) {
        (_, Some("model_not_found")) => t.not_served(),
        (Some(429), _) if !was_sent => t.own_limit(),
        (Some(429), _) => t.upstream_limit(),
        (Some(503), _) => t.no_upstream(),
        (Some(502), _) => t.upstreams_failed(),
        (Some(504), _) => t.late(),
        (Some(status), _) if (400..500).contains(&status) => t.of_client(),
        _ => t.failed(),
    };
    let status = decision.client_status.map(|status| t.with_status(status)).unwrap_or_default();
    t.answered(status, after, why)
}

fn tries(t: Told, decision: &Decision) -> String {
    let is_failure = |end: &str| end != "answered";
    let failures = decision.attempts.iter().filter(|attempt| is_failure(&attempt.end));
    let (failed, lost) = failures.fold((0, 0), |(failed, lost), attempt| (failed + 1, lost + attempt.us));
    match (failed, failed < decision.attempts.len()) {
        (0, _) => String::new(),
        (1, true) => t.one_before(short_time(lost)),
        (failed, true) => t.several_before(failed, short_time(lost)),
        (1, false) => t.one_tried().to_owned(),
        (failed, false) => t.several_tried(failed),
    }
}
