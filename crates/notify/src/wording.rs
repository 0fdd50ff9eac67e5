//! Every word that is told, in every language. A flat list on purpose: whoever
//! translates needs no other file.

use crate::{Kind, Language, Severity};

/// What a kind of event is called, and what to do.
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) remedy: &'static str,
}

/// The words around the facts.
pub(crate) struct Labels {
    pub(crate) since: &'static str,
    pub(crate) until: &'static str,
    pub(crate) lasted: &'static str,
    pub(crate) remedy: &'static str,
    pub(crate) recovered: &'static str,
    severities: [&'static str; 3],
    pub(crate) colon: &'static str,
    /// Day, hour, minute, second.
    pub(crate) units: [&'static str; 4],
}

impl Labels {
    pub(crate) fn severity(&self, severity: Severity) -> &'static str {
        match severity {
            Severity::Info => self.severities[0],
            Severity::Warning => self.severities[1],
            Severity::Critical => self.severities[2],
        }
    }
}

const ENGLISH: Labels = Labels {
    since: "Since",
    until: "Until",
    lasted: "Lasted",
    remedy: "What to do",
    recovered: "RECOVERED",
    severities: ["INFO", "WARNING", "CRITICAL"],
    colon: ": ",
    units: ["d", "h", "m", "s"],
};

const CHINESE: Labels = Labels {
    since: "开始时间",
    until: "恢复时间",
    lasted: "持续",
    remedy: "处理建议",
    recovered: "恢复",
    severities: ["提示", "警告", "严重"],
    colon: "：",
    units: ["天", "小时", "分钟", "秒"],
};

pub(crate) fn labels(language: Language) -> &'static Labels {
    match language {
        Language::English => &ENGLISH,
        Language::Chinese => &CHINESE,
    }
}

pub(crate) fn words(kind: Kind, language: Language) -> Words {
    match language {
        Language::English => english(kind),
        Language::Chinese => chinese(kind),
    }
}

fn english(kind: Kind) -> Words {
    let (title, remedy) = match kind {
        Kind::HostDown => (
            "Host is down",
            "requests go to other hosts by themselves. Look at `relay-manager health --troubled` and at the host itself; once it is repaired, `relay-manager health --clear --host HOST` lets it serve at once.",
        ),
        Kind::CredentialDead => (
            "A key is refused",
            "the host no longer takes this key. Check on the host that the key and its subscription are valid, put the new key into the fleet file and apply it.",
        ),
        Kind::BalanceLow => ("Balance is low", "top up the account on the host, or drain its routes (weight = 0)."),
        Kind::PriceChanged => (
            "A price has changed",
            "compare it with what you charge, then change the priority of the route or your price.",
        ),
        Kind::SubscriptionExpiring => ("A subscription expires soon", "renew it on the host before it ends."),
        Kind::KeyExpiring => (
            "A consumer key expires soon",
            "extend expires_at of the key and apply, or tell its consumer to change to another one.",
        ),
        Kind::AccountsUnavailable => (
            "No account of a group can be used",
            "requests to this group of the host fail. Look at the accounts on the host: log them in again, wait for their limits, or drain the routes to it.",
        ),
        Kind::KeyLost => (
            "A managed key is gone from its host",
            "another key is obtained by itself. If nobody deleted it on purpose, look at who may change keys on the host.",
        ),
        Kind::KeyToDelete => (
            "A key on a host is no longer used",
            "it was made by hand, so nobody else may delete it: delete it in the host's panel.",
        ),
        Kind::Drift => (
            "A route does not fit its host",
            "the host does not offer the model, or redirects. Check base_url, shadow_model and shadow_group_id of the route, and apply the correction.",
        ),
        Kind::LogStalled => (
            "The decision log cannot be written",
            "requests may be refused (log.on_stall). Look at disk space and at the permissions of data/log.",
        ),
        Kind::PanicMode => (
            "No route of a model is well",
            "all its routes are left alone, and only one request a second is tried. Look at `relay-manager health --troubled`; add a host, or repair one.",
        ),
        Kind::BudgetReached => (
            "A budget runs out",
            "requests of this key or group are refused from its limit on, until it begins anew. Raise the budget, or leave it at that.",
        ),
        Kind::Test => ("Test message", "nothing; notifications to this channel arrive."),
    };
    Words { title, remedy }
}

fn chinese(kind: Kind) -> Words {
    let (title, remedy) = match kind {
        Kind::HostDown => (
            "主机不可用",
            "请求已自动转到其他主机。请查看 `relay-manager health --troubled` 并检查该主机；修复后可用 `relay-manager health --clear --host HOST` 立即恢复使用。",
        ),
        Kind::CredentialDead => (
            "密钥被拒绝",
            "主机不再接受该密钥。请在主机上确认密钥和订阅是否有效，将新密钥写入 fleet 文件并执行 apply。",
        ),
        Kind::BalanceLow => ("余额不足", "请在主机上充值，或将其路由的 weight 设为 0 以停止接收新会话。"),
        Kind::PriceChanged => ("价格变动", "请与您的售价比较，然后调整路由优先级或售价。"),
        Kind::SubscriptionExpiring => ("订阅即将到期", "请在到期前到主机上续订。"),
        Kind::KeyExpiring => ("客户密钥即将到期", "请延长该密钥的 expires_at 并执行 apply，或通知客户更换密钥。"),
        Kind::AccountsUnavailable => (
            "分组没有可用账号",
            "发往该主机此分组的请求会失败。请检查主机上的账号：重新登录、等待限额恢复，或停止向其路由分配新会话。",
        ),
        Kind::KeyLost => {
            ("托管密钥已从主机上消失", "系统会自动获取新密钥。如果不是有意删除，请检查主机上谁有权修改密钥。")
        }
        Kind::KeyToDelete => ("主机上有不再使用的密钥", "该密钥是手工创建的，系统不会代为删除：请在主机面板中删除。"),
        Kind::Drift => (
            "路由与主机不符",
            "主机不提供该模型，或返回重定向。请检查路由的 base_url、shadow_model 和 shadow_group_id，更正后执行 apply。",
        ),
        Kind::LogStalled => {
            ("决策日志无法写入", "请求可能被拒绝（log.on_stall）。请检查磁盘空间以及 data/log 的权限。")
        }
        Kind::PanicMode => (
            "某个模型没有可用路由",
            "其所有路由都处于熔断状态，每秒只放行一个请求。请查看 `relay-manager health --troubled`，增加或修复主机。",
        ),
        Kind::BudgetReached => {
            ("预算即将或已经用尽", "达到上限后，该密钥或分组的请求在新周期开始前会被拒绝。请提高预算，或保持现状。")
        }
        Kind::Test => ("测试消息", "无需处理；此通知渠道工作正常。"),
    };
    Words { title, remedy }
}

/// A fact's name for people; one that nobody translated is shown as it is.
pub(crate) fn fact(name: &str, language: Language) -> &str {
    let Some((_, english, chinese)) = FACTS.iter().find(|(known, ..)| *known == name) else { return name };
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

const FACTS: &[(&str, &str, &str)] = &[
    ("class", "Kind of failure", "故障类型"),
    ("opened_by", "Left alone because", "熔断原因"),
    ("expected_back", "Tried again at", "预计重试"),
    ("host_id", "Host", "主机"),
    ("routes", "Routes", "路由"),
    ("credential", "Key", "密钥"),
    ("reason", "Reason", "原因"),
    ("flag", "Flag", "标记"),
    ("logical_group_id", "Group", "分组"),
    ("public_model", "Model", "模型"),
    ("expires_at", "Expires at", "到期时间"),
    ("error", "Error", "错误"),
    ("message", "Message", "消息"),
    ("refused", "Requests refused", "被拒绝的请求数"),
    ("balance", "Balance", "余额"),
    ("price", "Price", "价格"),
    ("price_before", "Price before", "原价格"),
    ("limit", "Limit", "上限"),
    ("used", "Used", "已用"),
    ("period", "Period", "周期"),
    ("ends_at", "Begins anew at", "新周期开始"),
    ("left_usd", "Left (USD)", "剩余（美元）"),
    ("total", "Accounts", "账号数"),
    ("rate_limited", "Of them limited", "其中受限"),
    ("fingerprint", "Fingerprint", "指纹"),
    ("since", "Was so since", "此前自"),
];
