//! What came of asking a host: its capabilities, what differs on it with remedies, its bill joined with our log.

use relay_control::hosts::{HostCapabilities, HostOutcome as Came, Reconciled, Synced};

use serde_json::Value;

use super::trial;
use crate::cell::Cell;
use crate::changes::value_text;
use crate::faults;
use crate::kit::{Head, Part, Table};
use crate::query::path;
use crate::terms;
use crate::visit::Visit;
use crate::words::{Language, words};

words! {
    ResultWords {
        capabilities => "What it can do" / "主机能力";
        capability => "Capability" / "能力";
        found => "Found" / "探测结果";
        never_probed => "It was never probed." / "尚未探测。";
        what => "What" / "项目";
        subject => "Of what" / "对象";
        synced => "Synced" / "同步结果";
        seen => "Seen" / "已读取";
        seen_of(groups, models, subscriptions, keys) => "{groups} groups, {models} models, {subscriptions} subscriptions, {keys} keys" / "{groups} 个分组，{models} 个模型，{subscriptions} 个订阅，{keys} 个 key";
        ensured => "Ensured anew" / "重新建立的访问";
        problems => "Could not be read" / "未能读取";
        drift => "What differs" / "差异";
        message => "Message" / "说明";
        remedy => "What to do" / "处理建议";
        no_drift => "Nothing differs from what is meant to be." / "与预期一致，没有差异。";
        reconciled => "Reconciled" / "对账结果";
        side => "Side" / "来源";
        ours => "our log" / "本地日志";
        theirs => "the host's bill" / "主机账单";
        requests => "Requests" / "请求数";
        input => "Input" / "输入";
        output => "Output" / "输出";
        cost => "Cost (USD)" / "成本（USD）";
        matched => "The same on both sides" / "两边一致";
        missing_on_host => "Missing on the host" / "主机账单缺失";
        missing_here => "Missing here" / "本地日志缺失";
        double => "Billed twice" / "重复计费";
        differing => "Other token counts" / "Token 数不一致";
        unexplained => "Not explained (USD)" / "无法解释的费用（USD）";
        not_joinable => "This host names requests in a way that cannot be joined with our log." / "该主机的请求标识无法与本地日志关联。";
        truncated => "There were more rows than are read." / "记录过多，仅读取了一部分。";
        differences => "Differences" / "差异明细";
        no_differences => "Every row is on both sides." / "所有记录两边都有。";
        request => "Request" / "请求";
        looked => "Tests, syncs and reconciliations" / "测试、同步与对账";
        failed => "It failed" / "执行失败";
        probed_short => "probed" / "已探测";
        drift_short(number) => "{number} differences" / "{number} 处差异";
        no_drift_short => "nothing differs" / "没有差异";
        unexplained_short(usd) => "{usd} USD not explained" / "{usd} USD 无法解释";
    }
}

impl ResultWords {
    /// In a few words.
    pub(super) fn in_short(self, came: &Came) -> String {
        match came {
            Came::Tried(trial) => trial::in_short(self.0, trial),
            Came::Probed(_) => self.probed_short().to_owned(),
            Came::Synced(found) if found.drift.is_empty() => self.no_drift_short().to_owned(),
            Came::Synced(found) => self.drift_short(found.drift.len()),
            Came::Reconciled(found) => self.unexplained_short(format!("{:.4}", found.unexplained_usd)),
            Came::Failed(_) => self.failed().to_owned(),
        }
    }
}

/// All of it.
pub(super) fn parts(visit: &Visit, came: &Came) -> Vec<Part> {
    let language = visit.preferences.language;
    match came {
        Came::Tried(found) => vec![trial::part(language, found)],
        Came::Probed(found) => vec![capabilities(language, found)],
        Came::Synced(found) => synced(visit, found),
        Came::Reconciled(found) => reconciled(visit, found),
        Came::Failed(why) => vec![Part::new(ResultWords(language).failed()).hint(faults::said(language, why))],
    }
}

pub(super) fn capabilities(language: Language, found: &HostCapabilities) -> Part {
    let t = ResultWords(language);
    let document = found.capabilities.as_ref().and_then(|found| serde_json::to_value(found).ok());
    let fields = document.as_ref().and_then(serde_json::Value::as_object);
    let rows = fields.into_iter().flatten().map(|(name, value)| {
        vec![Cell::code(name.as_str()).note(terms::capability(language, name)), capability(language, name, value)]
    });
    let table = Table { heads: [t.capability(), t.found()].map(Head::text).into(), rows: rows.collect() };
    Part::new(t.capabilities()).table(table, t.never_probed())
}

/// What was found of one.
fn capability(language: Language, name: &str, value: &Value) -> Cell {
    match (name, value) {
        ("obstacle", Value::Object(obstacle)) => {
            let text = |name: &str| obstacle.get(name).and_then(Value::as_str).unwrap_or_default();
            Cell::text(faults::with_remedy(language, text("message"), text("remedy")))
        }
        ("self_service", Value::Object(service)) => {
            let barriers = service.get("barriers").and_then(Value::as_array).into_iter().flatten();
            let barriers = barriers.filter_map(Value::as_str).map(|word| terms::barrier(language, word));
            let possible = service.get("possible").and_then(Value::as_str).unwrap_or_default();
            Cell::text(terms::support(language, possible)).note(barriers.collect::<Vec<_>>().join(" · "))
        }
        ("probed_at" | "version" | "page_cap", value) => Cell::code(value_text(value)),
        (_, Value::String(word)) => Cell::text(terms::support(language, word)),
        (_, value) => Cell::text(value_text(value)),
    }
}

fn synced(visit: &Visit, found: &Synced) -> Vec<Part> {
    let language = visit.preferences.language;
    let t = ResultWords(language);
    let said = |text: &str| Cell::text(faults::said(language, text));
    let drift = found.drift.iter().map(|drift| {
        vec![said(&drift.subject).note(terms::drift(language, &drift.kind)), said(&drift.message), said(&drift.remedy)]
    });
    let drift = Table { heads: [t.subject(), t.message(), t.remedy()].map(Head::text).into(), rows: drift.collect() };
    let seen = t.seen_of(found.groups, found.models, found.subscriptions, found.keys);
    let mut facts = vec![(t.seen(), Cell::text(seen)), (t.ensured(), Cell::text(found.ensured.to_string()))];
    facts.extend(found.problems.iter().map(|problem| (t.problems(), said(problem))));
    vec![Part::new(t.synced()).facts(facts), Part::new(t.drift()).table(drift, t.no_drift())]
}

fn reconciled(visit: &Visit, found: &Reconciled) -> Vec<Part> {
    let (language, format) = (visit.preferences.language, visit.format());
    let t = ResultWords(language);
    let number = |number: u64| format.number(i64::try_from(number).unwrap_or(i64::MAX));
    let side = |name: &str, sums: &relay_control::hosts::Sums| {
        let mut row = vec![Cell::text(name)];
        row.extend([sums.requests, sums.input_tokens, sums.output_tokens].map(|value| Cell::number(number(value))));
        row.push(Cell::number(format!("{:.4}", sums.cost_usd)));
        row
    };
    let mut heads = vec![Head::text(t.side())];
    heads.extend([t.requests(), t.input(), t.output(), t.cost()].map(Head::number));
    let sides = Table { heads, rows: vec![side(t.ours(), &found.ours), side(t.theirs(), &found.theirs)] };
    let counts = [
        (t.matched(), found.matched),
        (t.missing_on_host(), found.missing_on_host),
        (t.missing_here(), found.missing_here),
        (t.double(), found.double),
        (t.differing(), found.differing),
    ];
    let mut facts: Vec<_> = counts.into_iter().map(|(name, count)| (name, Cell::text(number(count)))).collect();
    facts.push((t.unexplained(), Cell::text(format!("{:.4}", found.unexplained_usd))));
    let hint = match (found.can_be_joined, found.is_truncated) {
        (false, _) => t.not_joinable(),
        (true, true) => t.truncated(),
        (true, false) => "",
    };
    let rows = found.differences.iter().take(200).map(|difference| {
        let ours = difference.request_id.as_deref();
        vec![
            Cell::text(terms::difference(language, &difference.kind)),
            ours.map_or_else(|| Cell::text(""), |id| Cell::link(path("/decisions", id), id))
                .note(&difference.host_request_id),
            Cell::text(faults::said(language, &difference.message)),
        ]
    });
    let rows = Table { heads: [t.what(), t.request(), t.message()].map(Head::text).into(), rows: rows.collect() };
    vec![
        Part::new(t.reconciled()).hint(hint).table(sides, "").facts(facts),
        Part::new(t.differences()).table(rows, t.no_differences()),
    ]
}

/// One of each kind.
#[cfg(test)]
pub(super) fn sample() -> Vec<relay_control::hosts::HostResult> {
    use relay_control::hosts::{Difference, Drift, HostResult, HostTrial, JoinedBy, Sums, TrialFault, Unjoined};
    use serde_json::json;

    use crate::pages::rendering::{HOSTILE, now};
    let drift = Drift {
        kind: "group_missing".into(),
        subject: HOSTILE.into(),
        message: HOSTILE.into(),
        remedy: HOSTILE.into(),
        desired: serde_json::Value::Null,
        recorded: serde_json::Value::Null,
        observed: serde_json::Value::Null,
    };
    let found = Synced {
        host_id: "tokyo".into(),
        at: now(),
        groups: 1,
        models: 2,
        subscriptions: 3,
        keys: 4,
        drift: vec![drift],
        ensured: 1,
        problems: vec![HOSTILE.into()],
    };
    let difference = Difference {
        kind: "double".into(),
        request_id: Some(HOSTILE.into()),
        host_request_id: HOSTILE.into(),
        message: HOSTILE.into(),
    };
    let joined = Reconciled {
        host_id: "tokyo".into(),
        since: now(),
        until: now(),
        can_be_joined: true,
        joined_by: JoinedBy::ClientRequestId,
        unjoined: Unjoined::default(),
        ours: Sums::default(),
        theirs: Sums::default(),
        matched: 1,
        missing_on_host: 0,
        missing_here: 0,
        double: 1,
        differing: 0,
        unexplained_usd: 0.5,
        differences: vec![difference],
        is_truncated: true,
    };
    let kept = |work: &str, failed: Option<&str>, result| {
        let (work, failed) = (work.to_owned(), failed.map(str::to_owned));
        HostResult { work, at: now(), actor: HOSTILE.into(), failed, result }
    };
    let tried = |models| json!(HostTrial { took: std::time::Duration::from_millis(70), models });
    vec![
        kept("try", None, tried(Ok(vec![HOSTILE.into()]))),
        kept("try", None, tried(Err(TrialFault::Refused(502, HOSTILE.into())))),
        kept("probe", None, json!(HostCapabilities { host_id: "tokyo".into(), capabilities: None })),
        kept("sync", None, json!(found)),
        kept("reconcile", None, json!(joined)),
        kept("sync", Some(HOSTILE), serde_json::Value::Null),
    ]
}
