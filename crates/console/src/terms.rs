//! The product's fixed words (verdicts, states, reasons) as people read them, and how grave they
//! are. A word that is not here, such as one of a later version, is shown as it is.

use std::borrow::Cow;

use crate::format::Format;
use crate::words::Language;

/// A word on the wire, and in each language.
type Table = &'static [(&'static str, &'static str, &'static str)];

fn look_up(table: Table, language: Language, word: &str) -> Cow<'static, str> {
    match table.iter().find(|(known, ..)| *known == word) {
        Some((_, english, chinese)) => Cow::Borrowed(match language {
            Language::English => english,
            Language::Chinese => chinese,
        }),
        None => Cow::Owned(word.to_owned()),
    }
}

macro_rules! terms {
    ($($(#[$doc:meta])* $name:ident { $($word:literal => $english:literal / $chinese:literal;)* })*) => {
        $(
            $(#[$doc])*
            pub(crate) fn $name(language: Language, word: &str) -> Cow<'static, str> {
                look_up(&[$(($word, $english, $chinese)),*], language, word)
            }
        )*
    };
}

terms! {
    /// Roles.
    role {
        "admin" => "administrator" / "管理员";
        "operator" => "operator" / "操作员";
        "viewer" => "viewer" / "只读用户";
    }

    /// How a request ended.
    verdict {
        "complete" => "complete" / "完成";
        "resolved" => "resolved only" / "仅解析";
        "failed" => "failed" / "失败";
        "truncated" => "cut" / "被截断";
        "idle_cut" => "went silent" / "中途静默";
        "error_in_stream" => "error in stream" / "流中报错";
        "client_gone" => "client left" / "客户端断开";
        "interrupted" => "interrupted" / "进程中断";
        "open" => "in flight" / "进行中";
    }

    /// What became of a binding.
    sticky {
        "hit" => "hit" / "命中";
        "bind" => "bound" / "新绑定";
        "rebind" => "moved" / "已迁移";
        "borrow" => "borrowed" / "临时借用";
        "none" => "none" / "无";
    }

    /// What stickiness is keyed by.
    scope {
        "conversation" => "conversation" / "会话";
        "user" => "user" / "用户";
        "none" => "none" / "无";
    }

    /// How an attempt ended.
    end {
        "answered" => "answered" / "已应答";
        "refused" => "refused" / "被拒绝";
        "not_sent" => "not sent" / "未发出";
        "maybe_executed" => "perhaps executed" / "可能已执行";
    }

    /// What the plan made of a route.
    candidate {
        "first" => "chosen first" / "首选";
        "next" => "in reserve" / "备选";
        "excluded" => "excluded" / "已排除";
    }

    /// Why a key is refused before any route is looked at.
    refusal {
        "key_removed" => "there is no such key" / "没有这个 key";
        "key_disabled" => "the key is disabled" / "key 已停用";
        "key_expired" => "the key has expired" / "key 已过期";
        "group_not_allowed" => "the key may not call this group" / "key 无权调用该分组";
        "model_not_allowed" => "the key may not call this model" / "key 无权调用该模型";
        "no_such_group" => "there is no such group" / "没有这个分组";
        "no_route_for_model" => "no route is for this model" / "没有该模型的路由";
        "no_eligible_route" => "no route may serve it" / "没有可用的路由";
    }

    /// State of a breaker.
    breaker {
        "closed" => "well" / "正常";
        "open" => "open" / "已熔断";
        "half_open" => "half-open" / "试探恢复";
    }

    /// Why conversations break, or routes serve nothing.
    breaks {
        "key_removed" => "key removed" / "key 已删除";
        "route_removed" => "route removed" / "路由已移除";
        "route_disabled" => "route disabled" / "路由已停用";
        "host_disabled" => "host disabled" / "主机已停用";
        "group_disabled" => "group disabled" / "分组已停用";
        "host_down" => "host down" / "主机故障";
        "no_key" => "no live key may call it" / "没有可用的 key 可以调用";
        "no_subscription_user" => "no key says whose subscription pays" / "没有 key 指定订阅用户";
    }

    /// What opened a breaker.
    opened_by {
        "consecutive" => "failures in a row" / "连续失败";
        "rate" => "too many failures" / "失败率过高";
        "together" => "all its routes failed together" / "所有路由同时失败";
    }

    /// Why a credential cools down.
    cooling {
        "rate_limited" => "rate-limited" / "触发限流";
        "quota" => "quota used up" / "额度用尽";
        "refused" => "key refused" / "key 被拒绝";
        "address_banned" => "our address is refused" / "本机地址被拒绝";
    }

    /// What does not fit a route's configuration.
    flag {
        "misconfigured" => "misconfigured" / "配置有误";
        "drift" => "differs from the host" / "与主机不一致";
    }

    /// Severity of an event.
    severity {
        "info" => "info" / "提示";
        "warning" => "warning" / "警告";
        "critical" => "critical" / "严重";
    }

    /// A kind of event that channels are told of.
    event {
        "host_down" => "a host is down" / "主机不可用";
        "credential_dead" => "a host refuses a key" / "主机拒绝 key";
        "balance_low" => "money on a host runs low" / "主机余额不足";
        "price_changed" => "a host changed a price" / "主机价格变动";
        "subscription_expiring" => "a subscription ends soon" / "订阅即将到期";
        "key_expiring" => "a consumer key ends soon" / "使用方 key 即将到期";
        "drift" => "a route does not fit its host" / "路由与主机不一致";
        "log_stalled" => "the decision log is not written" / "决策日志写入停滞";
        "panic_mode" => "a model has no route left" / "模型无可用路由";
        "accounts_unavailable" => "no account of a group can be used" / "分组无可用账号";
        "key_lost" => "a managed key is gone" / "托管 key 丢失";
        "key_to_delete" => "a key is to be deleted" / "有 key 待删除";
        "budget_reached" => "a budget is used up, or nearly" / "预算即将或已经用尽";
        "price_change" => "a price has changed" / "价格变动";
        "quota_low" => "a quota runs low" / "额度不足";
        "access_granted" => "access has a key" / "访问已获得 key";
        "access_refused" => "access cannot be had" / "无法取得访问";
        "test" => "test message" / "测试消息";
    }

    /// In what a host differs from what is meant to be there.
    drift {
        "empty_answer" => "empty answer" / "返回为空";
        "group_unknown" => "group unknown" / "分组未知";
        "group_missing" => "group missing" / "分组缺失";
        "group_renamed" => "group renamed" / "分组更名";
        "group_inactive" => "group switched off" / "分组停用";
        "group_takes_no_subscriptions" => "takes no subscriptions" / "不接受订阅";
        "model_spelling" => "other spelling" / "模型写法不同";
        "model_missing" => "model missing" / "模型缺失";
        "subscription_missing" => "subscription missing" / "订阅缺失";
        "subscription_not_live" => "subscription does not live" / "订阅失效";
        "subscription_end_changed" => "end was changed" / "到期时间变更";
        "key_missing" => "key missing" / "key 缺失";
        "key_unusable" => "key not served" / "key 不可用";
        "orphan_subscription" => "subscription on no record" / "订阅未登记";
        "orphan_key" => "key on no record" / "key 未登记";
    }

    /// In what a host's bill differs from our log.
    difference {
        "missing_here" => "missing here" / "本地缺失";
        "missing_on_host" => "missing on the host" / "主机缺失";
        "double" => "billed twice" / "重复计费";
        "differs" => "other token counts" / "Token 数不一致";
    }

    /// What was seen on a host.
    observation {
        "multiplier" => "declared multiplier" / "声明倍率";
        "effective_multiplier" => "multiplier that is paid" / "实际倍率";
        "balance" => "balance" / "余额";
        "capacity" => "capacity" / "容量";
        "availability" => "accounts that can be used" / "账号可用性";
        "key_quota" => "quota of a key" / "key 额度";
    }

    /// State of a delivery.
    delivery {
        "pending" => "to be sent" / "待发送";
        "delivered" => "delivered" / "已送达";
        "failed" => "failed" / "失败";
        "superseded" => "overtaken" / "已被取代";
    }

    /// Phase of a notification.
    phase {
        "firing" => "begins" / "触发";
        "recovered" => "is over" / "恢复";
        "test" => "test" / "测试";
    }

    /// Where a gateway key came from.
    credential {
        "host_key" => "the host's shared key" / "主机共享 key";
        "managed" => "managed access" / "托管访问";
        "caller" => "the caller's own key" / "调用方自带 key";
    }

    /// When a moved conversation returns.
    failback {
        "idle" => "after 10 idle minutes" / "空闲 10 分钟后";
        "ttl" => "when the move is as old as a binding lives" / "迁移满一个绑定有效期后";
        "never" => "not before its binding ends" / "绑定到期之前不回切";
    }

    /// What becomes of a stream whose client has left.
    on_disconnect {
        "drop" => "end the request" / "中断对主机的请求";
        "drain" => "read the rest, for the usage at its end" / "继续读取，以记录末尾的用量";
    }

    /// Where a consumer key was made.
    origin {
        "file" => "fleet file" / "资源配置文件";
        "api" => "console or API" / "控制台或 API";
    }

    /// How mail goes to its server.
    encryption {
        "tls" => "TLS from the start" / "直接使用 TLS";
        "starttls" => "STARTTLS" / "STARTTLS 升级";
        "none" => "none" / "不加密";
    }

    /// How idle routes are probed.
    probing {
        "models" => "by asking for models" / "查询模型列表";
        "completion" => "by asking for models, and for a completion" / "查询模型列表并发送补全";
        "off" => "off" / "不探测";
    }

    /// Who counted the tokens.
    provenance {
        "host" => "the host" / "主机";
        "partial" => "the host, before it broke off" / "主机（中断之前）";
        "estimated" => "an estimate, in part or whole: the client left before the host told" / "部分或全部为估算：客户端在主机给出用量之前离开";
    }

    /// Whether a host can do something; what assigning a subscription does that is there already.
    support {
        "yes" => "yes" / "可以";
        "no" => "no" / "不可以";
        "unknown" => "not found out" / "未知";
        "refuses" => "refuses" / "拒绝";
        "returns" => "returns it as it is" / "原样返回";
        "renews" => "renews it when expired" / "过期时续期";
    }

    /// What a host may be able to do.
    capability {
        "probed_at" => "when it was found out" / "探测时间";
        "version" => "what it calls its version" / "自称的版本";
        "obstacle" => "why its admin API lets us do nothing" / "管理 API 不可用的原因";
        "compliance_gate" => "an administrator has to accept terms first" / "需由管理员先接受合规条款";
        "refresh_tokens" => "sessions are renewed without a password" / "无需密码即可续期登录";
        "soft_revoke" => "revoked subscriptions can be restored" / "撤销的订阅可以恢复";
        "key_rebind" => "a key can be bound to another group" / "key 可以改绑到其他分组";
        "admin_key_creation" => "an administrator can make keys for users" / "管理员可以为用户创建 key";
        "idempotency" => "a repeated write is the same write" / "重复的写入只生效一次";
        "key_billing" => "a key can tell its multipliers" / "可以通过 key 查询倍率";
        "ops" => "live load and availability" / "实时负载与可用性";
        "capacity_summary" => "capacity in use, per group" / "各分组已用的容量";
        "simple_mode" => "neither subscriptions nor money are checked" / "不检查订阅和余额";
        "page_cap" => "largest page of a list" / "列表每页的最大项数";
        "assign" => "what assigning does to an existing subscription" / "再次分配已有订阅时的行为";
        "self_service" => "users can log in and make keys" / "用户可以登录并创建 key";
    }

    /// What keeps us from acting on a host.
    barrier {
        "compliance" => "terms to accept" / "待接受的合规条款";
        "two_factor" => "two-factor login" / "两步验证";
        "captcha" => "login captcha" / "登录验证码";
        "backend_mode" => "backend mode" / "后台模式";
        "session_binding" => "sessions bound to an address" / "会话绑定地址";
        "step_up" => "two-factor confirmation" / "两步验证确认";
    }

    /// An action of the audit trail.
    action {
        "publish" => "fleet published" / "发布配置";
        "fleet.edit" => "fleet changed" / "修改配置";
        "generations.rollback" => "generation published again" / "回退版本";
        "hosts.create" => "host created" / "新建主机";
        "hosts.update" => "host changed" / "修改主机";
        "hosts.delete" => "host deleted" / "删除主机";
        "hosts.drain" => "host drained" / "排空主机";
        "host.probe" => "host probed" / "探测主机";
        "host.sync" => "host synced" / "同步主机";
        "host.reconcile" => "host reconciled" / "主机对账";
        "groups.create" => "group created" / "新建分组";
        "groups.update" => "group changed" / "修改分组";
        "groups.delete" => "group deleted" / "删除分组";
        "routes.create" => "route created" / "新建路由";
        "routes.update" => "route changed" / "修改路由";
        "routes.delete" => "route deleted" / "删除路由";
        "keys.create" => "key created" / "新建 key";
        "keys.update" => "key changed" / "修改 key";
        "keys.delete" => "key deleted" / "删除 key";
        "keys.rotate" => "key rotated" / "轮换 key";
        "access.ensure" => "access asked for" / "申请访问";
        "access.ensure_fleet" => "access asked for" / "申请访问";
        "access.revoke" => "access revoked" / "撤销访问";
        "access.rotate" => "access keys rotated" / "轮换访问 key";
        "managed_resources.create" => "managed record created" / "新建托管记录";
        "managed_resources.delete" => "managed record deleted" / "删除托管记录";
        "notification_channels.create" => "channel created" / "新建通知渠道";
        "notification_channels.update" => "channel changed" / "修改通知渠道";
        "notification_channels.delete" => "channel deleted" / "删除通知渠道";
        "notification_channels.test" => "channel tested" / "测试通知渠道";
        "tokens.create" => "token created" / "新建 token";
        "tokens.delete" => "token revoked" / "吊销 token";
        "bindings.purge" => "bindings removed" / "移除绑定";
        "health.clear_cooldowns" => "cool-downs cleared" / "清除冷却";
        "playground.chat" => "playground chat" / "调试台对话";
        "console.log_in" => "login" / "登录";
        "console.log_out_everywhere" => "logged out everywhere" / "退出全部会话";
    }

    /// A noun of the fleet.
    noun {
        "host" => "host" / "主机";
        "group" => "group" / "分组";
        "route" => "route" / "路由";
        "key" => "key" / "key";
    }
}

/// A noun of the fleet after a verb. Chinese writes no space between the two, but one before Latin letters: `新建 key`.
pub(crate) fn object(language: Language, word: &str) -> String {
    let noun = noun(language, word);
    let is_apart = language == Language::Chinese && noun.starts_with(|c: char| c.is_ascii());
    if is_apart { format!(" {noun}") } else { noun.into_owned() }
}

/// So many of a noun of the fleet: `200 routes`, `200 条路由`.
pub(crate) fn counted(language: Language, word: &str, count: usize) -> String {
    let number = Format(language).number(i64::try_from(count).unwrap_or(i64::MAX));
    let noun = noun(language, word);
    match (language, word) {
        (Language::English, _) if count == 1 => format!("{number} {noun}"),
        (Language::English, _) => format!("{number} {noun}s"),
        (Language::Chinese, "host") => format!("{number} 台{noun}"),
        (Language::Chinese, "route") => format!("{number} 条{noun}"),
        (Language::Chinese, "key") => format!("{number} 个 {noun}"),
        (Language::Chinese, _) => format!("{number} 个{noun}"),
    }
}

/// A word that a field of a form is one of; names of products stay.
pub(crate) fn choice(language: Language, field: &str, word: &str) -> Cow<'static, str> {
    match field {
        "sticky.scope" => scope(language, word),
        "failback" => failback(language, word),
        "on_disconnect" => on_disconnect(language, word),
        "credential" => credential(language, word),
        "tls" => encryption(language, word),
        "origin" => origin(language, word),
        "min_severity" => severity(language, word),
        _ => Cow::Owned(word.to_owned()),
    }
}

/// The choices of a field: word, text, and whether it is the one that is chosen.
pub(crate) fn choices(
    language: Language,
    field: &str,
    words: &[&'static str],
    chosen: &str,
) -> Vec<(&'static str, Cow<'static, str>, bool)> {
    words.iter().map(|word| (*word, choice(language, field, word), *word == chosen)).collect()
}

/// The color of a badge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Warning,
    Bad,
    Quiet,
}

impl Tone {
    /// The class in the style sheet.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}

impl std::fmt::Display for Tone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A fixed word with its color.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Badge {
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

impl Badge {
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// The badge of a verdict.
pub(crate) fn verdict_badge(language: Language, word: &str) -> Badge {
    let tone = match word {
        "complete" => Tone::Good,
        "failed" | "truncated" | "idle_cut" | "error_in_stream" | "interrupted" => Tone::Bad,
        _ => Tone::Quiet,
    };
    Badge::new(tone, verdict(language, word))
}

/// The badge of a breaker's state.
pub(crate) fn breaker_badge(language: Language, word: &str) -> Badge {
    let tone = match word {
        "closed" => Tone::Good,
        "half_open" => Tone::Warning,
        _ => Tone::Bad,
    };
    Badge::new(tone, breaker(language, word))
}

/// The badge of what no request and no probe has tried: nothing is known of it.
pub(crate) fn untried_badge(language: Language) -> Badge {
    Badge::new(
        Tone::Quiet,
        match language {
            Language::English => "not tried yet",
            Language::Chinese => "尚无请求",
        },
    )
}

/// The badge of what became of a binding.
pub(crate) fn sticky_badge(language: Language, word: &str) -> Badge {
    let tone = match word {
        "hit" => Tone::Good,
        "rebind" | "borrow" => Tone::Warning,
        _ => Tone::Quiet,
    };
    Badge::new(tone, sticky(language, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_are_translated_and_others_shown_as_they_are() {
        assert_eq!(verdict(Language::Chinese, "complete"), "完成");
        assert_eq!(verdict(Language::English, "truncated"), "cut");
        assert_eq!(verdict(Language::Chinese, "vanished"), "vanished");
        assert_eq!(counted(Language::English, "host", 1), "1 host");
        assert_eq!(counted(Language::English, "route", 10_200), "10,200 routes");
        assert_eq!(
            (object(Language::Chinese, "key"), object(Language::Chinese, "host")),
            (" key".into(), "主机".into())
        );
        assert_eq!(counted(Language::Chinese, "key", 2), "2 个 key");
        assert_eq!(verdict_badge(Language::English, "failed").tone, Tone::Bad);
    }
}
