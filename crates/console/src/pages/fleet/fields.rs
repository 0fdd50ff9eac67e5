//! The fields of hosts, groups, routes and keys in forms: how each is entered, and how it becomes the
//! field of the fleet file that the control plane reads. What is wrong with a value is said there, not here.

use relay_control::edit::Noun;
use relay_control::view::Fields;
use serde_json::{Map, Value};

use crate::changes::value_text;
use crate::form;
use crate::words::words;

words! {
    FieldWords {
        id => "ID" / "ID";
        id_hint => "Letters, digits and . _ - : @, such as tokyo-1. It cannot be changed later." / "字母、数字和 . _ - : @，例如 tokyo-1；创建后不能修改。";
        enabled => "Enabled" / "启用";
        kind => "Kind" / "类型";
        kind_hint => "sub2api: relay and admin API. openai: any OpenAI-compatible server, relay only." / "sub2api：转发与管理 API；openai：任何 OpenAI 兼容的服务，仅转发。";
        base_url => "Base URL" / "Base URL 地址";
        base_url_hint => "Scheme, host and an optional path, such as https://tokyo-1.example.com" / "协议、主机名和可选路径，例如 https://tokyo-1.example.com";
        allow_private => "May have a private or loopback address" / "允许内网或回环地址";
        gateway_key => "Gateway key" / "网关 key";
        gateway_key_hint => "Sent on routes that use the host's shared key." / "用于使用主机共享 key 的路由。";
        admin_key => "Admin key" / "管理 key";
        admin_key_hint => "Of a sub2api host: for managed access, syncing and reconciling." / "sub2api 主机的管理 key，用于托管访问、同步和对账。";
        login_email => "Or admin e-mail" / "或使用管理员邮箱";
        login_password => "Password" / "密码";
        stays => "Left blank, the stored one stays." / "留空则保留已保存的值。";
        ask_usage => "Ask for the usage of streams" / "请求流式用量";
        scope => "Sticky by" / "粘性范围";
        ttl => "A binding lives for" / "绑定有效期";
        ttl_hint => "Such as 1h: hosts keep their prompt caches for an hour." / "例如 1h：主机的提示词缓存保留一小时。";
        failback => "A moved conversation returns" / "已迁移会话的回切";
        retry_on_timeout => "Try another route after a timeout (the host may bill both)" / "超时后尝试其他路由（主机可能重复计费）";
        on_disconnect => "When a client leaves a stream" / "客户端断开时";
        drain_limit => "Read the rest for at most" / "继续读取时长";
        drain_limit_hint => "Only when the rest is read: such as 30s." / "仅在继续读取时有效，例如 30s。";
        price_ratio => "Price, as a share of the list price" / "售价相对标价的比例";
        rpm => "Requests per minute" / "每分钟请求数";
        tpm => "Tokens per minute" / "每分钟 token 数";
        tpd => "Tokens per day" / "每天 token 数";
        concurrency => "Requests at once" / "并发请求数";
        unlimited => "Blank: unlimited." / "留空表示不限。";
        budgets => "Budgets" / "额度";
        budgets_hint => "One on each line: `money 25.00 month`, or `tokens 1000000 day`." / "每行一项：`money 25.00 month` 或 `tokens 1000000 day`。";
        name => "Name" / "名称";
        group => "Group" / "分组";
        model => "Public model" / "公开模型名";
        model_hint => "A name such as gpt-5, or a prefix such as gpt-5*." / "模型名，例如 gpt-5；或前缀，例如 gpt-5*。";
        host => "Host" / "主机";
        shadow_group => "Group on the host" / "主机侧分组";
        shadow_group_hint => "Numeric ID or name; blank: the key decides." / "数字 ID 或名称；留空则由 key 决定。";
        shadow_model => "Model on the host" / "主机侧模型名";
        shadow_model_hint => "Blank: the public name." / "留空则与公开模型名相同。";
        priority => "Tier" / "优先级";
        priority_hint => "Lower is tried first." / "数值越小越优先。";
        weight => "Weight" / "权重";
        weight_hint => "Share inside the tier; 0 drains." / "层内份额；0 表示排空。";
        credential => "Key that is sent" / "所用 key";
        multiplier => "What the host charges for a unit of list price" / "主机计费倍率";
        multiplier_hint => "1.2: the host charges 20 % over the list price. Blank: 1." / "例如 1.2：主机按标价的 120% 计费；留空为 1。";
        recharge_hint => "0.5: 10 of its credit cost 5. Blank: 1." / "例如 0.5：10 单位额度实付 5；留空为 1。";
        recharge_ratio => "Money paid for a unit of its credit" / "充值比例";
        label => "Label" / "备注";
        groups => "Groups it may call" / "可调用的分组";
        groups_hint => "Separated by commas; a bare model is looked up in this order." / "用逗号分隔；只写模型名时按此顺序查找。";
        models => "Models it may call" / "可调用的模型";
        models_hint => "Separated by commas; blank: all of its groups." / "用逗号分隔；留空表示分组内全部模型。";
        allowed_ips => "Addresses it may be used from" / "允许的来源地址";
        allowed_ips_hint => "Such as 10.1.0.0/16, separated by commas; blank: anywhere." / "例如 10.1.0.0/16，用逗号分隔；留空不限。";
        expires_at => "Expires" / "到期时间";
        expires_at_hint => "Such as 2027-01-01T00:00:00Z; blank: never." / "例如 2027-01-01T00:00:00Z；留空表示永不过期。";
        subject_id => "Subject, when a request names none" / "默认粘性标识";
        subscription_user => "User on the hosts, for managed access" / "托管访问所用的主机用户";
        expose_routing => "Answers carry X-Relay-* headers" / "响应附带 X-Relay-* 头";
    }
}

/// How a field is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Words with commas between them.
    List,
    Secret,
    /// One budget a line.
    Budgets,
}

type Label = fn(FieldWords) -> &'static str;

/// A field of a noun.
#[derive(Clone, Copy)]
pub(crate) struct Spec {
    /// Its name in the fleet file; inside a table after a dot.
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    pub(crate) label: Label,
    pub(crate) hint: Option<Label>,
}

const fn spec(path: &'static str, kind: Kind, label: Label) -> Spec {
    Spec { path, kind, label, hint: None }
}

const fn hinted(path: &'static str, kind: Kind, label: Label, hint: Label) -> Spec {
    Spec { path, kind, label, hint: Some(hint) }
}

const HOST: &[Spec] = &[
    hinted("host_id", Kind::Text, FieldWords::id, FieldWords::id_hint),
    hinted("kind", Kind::Choice(&["sub2api", "openai"]), FieldWords::kind, FieldWords::kind_hint),
    hinted("base_url", Kind::Text, FieldWords::base_url, FieldWords::base_url_hint),
    spec("allow_private", Kind::Flag, FieldWords::allow_private),
    spec("enabled", Kind::Flag, FieldWords::enabled),
    hinted("gateway_key", Kind::Secret, FieldWords::gateway_key, FieldWords::gateway_key_hint),
    hinted("admin_key", Kind::Secret, FieldWords::admin_key, FieldWords::admin_key_hint),
    spec("login.email", Kind::Text, FieldWords::login_email),
    spec("login.password", Kind::Secret, FieldWords::login_password),
    spec("ask_usage", Kind::Flag, FieldWords::ask_usage),
];

const LIMITS: [Spec; 5] = [
    hinted("limits.rpm", Kind::Number, FieldWords::rpm, FieldWords::unlimited),
    hinted("limits.tpm", Kind::Number, FieldWords::tpm, FieldWords::unlimited),
    hinted("limits.tpd", Kind::Number, FieldWords::tpd, FieldWords::unlimited),
    hinted("limits.concurrency", Kind::Number, FieldWords::concurrency, FieldWords::unlimited),
    hinted("budgets", Kind::Budgets, FieldWords::budgets, FieldWords::budgets_hint),
];

const GROUP: &[Spec] = &[
    hinted("logical_group_id", Kind::Text, FieldWords::id, FieldWords::id_hint),
    spec("enabled", Kind::Flag, FieldWords::enabled),
    spec("sticky.scope", Kind::Choice(&["conversation", "user", "none"]), FieldWords::scope),
    hinted("sticky.ttl", Kind::Text, FieldWords::ttl, FieldWords::ttl_hint),
    spec("failback", Kind::Choice(&["idle", "ttl", "never"]), FieldWords::failback),
    spec("retry_on_timeout", Kind::Flag, FieldWords::retry_on_timeout),
    spec("on_disconnect", Kind::Choice(&["drop", "drain"]), FieldWords::on_disconnect),
    hinted("drain_limit", Kind::Text, FieldWords::drain_limit, FieldWords::drain_limit_hint),
    spec("price_ratio", Kind::Text, FieldWords::price_ratio),
    LIMITS[0],
    LIMITS[1],
    LIMITS[2],
    LIMITS[3],
    LIMITS[4],
];

const ROUTE: &[Spec] = &[
    hinted("route_id", Kind::Text, FieldWords::id, FieldWords::id_hint),
    spec("name", Kind::Text, FieldWords::name),
    spec("logical_group_id", Kind::Text, FieldWords::group),
    hinted("public_model", Kind::Text, FieldWords::model, FieldWords::model_hint),
    spec("shadow_host_id", Kind::Text, FieldWords::host),
    hinted("shadow_group_id", Kind::Text, FieldWords::shadow_group, FieldWords::shadow_group_hint),
    hinted("shadow_model", Kind::Text, FieldWords::shadow_model, FieldWords::shadow_model_hint),
    hinted("priority", Kind::Number, FieldWords::priority, FieldWords::priority_hint),
    hinted("weight", Kind::Number, FieldWords::weight, FieldWords::weight_hint),
    spec("credential", Kind::Choice(&["host_key", "managed", "caller"]), FieldWords::credential),
    spec("enabled", Kind::Flag, FieldWords::enabled),
    hinted("cost.multiplier", Kind::Text, FieldWords::multiplier, FieldWords::multiplier_hint),
    hinted("cost.recharge_ratio", Kind::Text, FieldWords::recharge_ratio, FieldWords::recharge_hint),
];

const KEY: &[Spec] = &[
    hinted("key_id", Kind::Text, FieldWords::id, FieldWords::id_hint),
    spec("label", Kind::Text, FieldWords::label),
    hinted("logical_groups", Kind::List, FieldWords::groups, FieldWords::groups_hint),
    hinted("models", Kind::List, FieldWords::models, FieldWords::models_hint),
    hinted("allowed_ips", Kind::List, FieldWords::allowed_ips, FieldWords::allowed_ips_hint),
    spec("enabled", Kind::Flag, FieldWords::enabled),
    hinted("expires_at", Kind::Text, FieldWords::expires_at, FieldWords::expires_at_hint),
    spec("subject_id", Kind::Text, FieldWords::subject_id),
    spec("subscription_user", Kind::Text, FieldWords::subscription_user),
    spec("expose_routing", Kind::Flag, FieldWords::expose_routing),
    LIMITS[0],
    LIMITS[1],
    LIMITS[2],
    LIMITS[3],
    LIMITS[4],
];

/// The fields of a noun, in the order of the form; the first one names the entry.
pub(crate) fn specs(noun: Noun) -> &'static [Spec] {
    match noun {
        Noun::Host => HOST,
        Noun::Group => GROUP,
        Noun::Route => ROUTE,
        Noun::Key => KEY,
    }
}

impl Spec {
    /// Whether a new entry has it ticked.
    fn is_on_by_default(&self) -> bool {
        matches!(self.path, "enabled" | "ask_usage" | "retry_on_timeout")
    }

    /// What the form shows of an entry; secrets never.
    pub(crate) fn shown(&self, entry: Option<&Fields>) -> String {
        let Some(entry) = entry else {
            return match self.kind {
                Kind::Flag if self.is_on_by_default() => "1".to_owned(),
                _ => String::new(),
            };
        };
        match (self.kind, self.value(entry)) {
            (Kind::Secret, _) | (_, None | Some(Value::Null)) => String::new(),
            (Kind::Flag, Some(value)) => if value == true { "1" } else { "" }.to_owned(),
            (Kind::Budgets, Some(value)) => budget_lines(value),
            (_, Some(value)) => value_text(value),
        }
    }

    fn value<'e>(&self, entry: &'e Fields) -> Option<&'e Value> {
        let value = self.path.split('.').try_fold(None, |table: Option<&Value>, name| match table {
            None => entry.get(name).map(Some),
            Some(table) => table.get(name).map(Some),
        });
        value.flatten()
    }

    /// Whether the entry has a value of it; of a secret it shows where that came from.
    pub(super) fn is_stored(&self, entry: &Fields) -> bool {
        self.value(entry).is_some_and(|value| !value.is_null())
    }

    /// What was entered, as the fleet file has it; `Null` for what was left out.
    fn entered(&self, form: &form::Fields) -> Value {
        let text = form.text(self.path);
        match (self.kind, text) {
            (Kind::Flag, text) => Value::Bool(text.is_some()),
            (_, None) => Value::Null,
            // What is no number goes on as it is, to be refused by name.
            (Kind::Number, Some(text)) => text.parse::<u64>().map_or(Value::String(text), Value::from),
            (Kind::List, Some(text)) => form::listed(&text).collect(),
            (Kind::Budgets, Some(text)) => budgets(&text),
            (_, Some(text)) => Value::String(text),
        }
    }
}

/// The fields of a form. For a new entry what was left out is left out; for a change it is as if it had never
/// been set (`null`), but for a secret, which stays.
pub(crate) fn read(noun: Noun, form: &form::Fields, is_new: bool) -> Fields {
    let mut fields = Fields::new();
    for (position, spec) in specs(noun).iter().enumerate() {
        let value = spec.entered(form);
        let is_left_out = value.is_null() && (is_new || spec.kind == Kind::Secret);
        if is_left_out || (position == 0 && !is_new) {
            continue;
        }
        match spec.path.split_once('.') {
            None => drop(fields.insert(spec.path.to_owned(), value)),
            Some((table, name)) => {
                let table = fields.entry(table).or_insert_with(|| Value::Object(Map::new()));
                if let Value::Object(table) = table {
                    table.insert(name.to_owned(), value);
                }
            }
        }
    }
    if fields.get("login").is_some_and(|login| login["email"].is_null()) {
        fields.insert("login".to_owned(), Value::Null);
    }
    if fields.get("on_disconnect").is_some_and(|choice| choice == "drop") && !is_new {
        fields.insert("drain_limit".to_owned(), Value::Null);
    }
    if is_new {
        fields.retain(|_, value| !value.is_null());
    }
    fields
}

/// `money 25.00 month` for each.
pub(super) fn budget_lines(budgets: &Value) -> String {
    let line = |budget: &Value| {
        let period = budget["period"].as_str().unwrap_or_default();
        match (&budget["money"], &budget["tokens"]) {
            (Value::Null, tokens) => format!("tokens {} {period}", value_text(tokens)),
            (money, _) => format!("money {} {period}", value_text(money)),
        }
    };
    budgets.as_array().into_iter().flatten().map(line).collect::<Vec<_>>().join("\n")
}

/// What is no budget goes on as text, to be refused by name.
fn budgets(text: &str) -> Value {
    let budget = |line: &str| -> Option<Value> {
        let mut words = line.split_whitespace();
        let (what, amount, period) = (words.next()?, words.next()?, words.next()?);
        let amount = match what {
            "tokens" => Value::from(amount.parse::<u64>().ok()?),
            "money" => Value::from(amount),
            _ => return None,
        };
        let fields = [(what.to_owned(), amount), ("period".to_owned(), Value::from(period))];
        words.next().is_none().then(|| Value::Object(fields.into_iter().collect()))
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(budget).collect::<Option<Vec<Value>>>().map_or_else(|| Value::from(text), Value::Array)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn form(text: &str) -> form::Fields {
        form::Fields::parse(text.as_bytes())
    }

    #[test]
    fn a_new_entry_has_what_was_entered_and_nothing_else() {
        let fields = read(
            Noun::Route,
            &form("route_id=r&weight=20&priority=&cost.multiplier=0.8&enabled=1&public_model=gpt-5"),
            true,
        );
        let expected = json!({
            "route_id": "r", "public_model": "gpt-5", "weight": 20, "enabled": true, "cost": { "multiplier": "0.8" },
        });
        assert_eq!(Value::Object(fields), expected);
    }

    #[test]
    fn a_change_resets_what_was_emptied_and_leaves_secrets_and_the_id_alone() {
        let fields = read(Noun::Host, &form("host_id=h&base_url=https://h.example&gateway_key=&enabled="), false);
        assert_eq!((&fields["enabled"], &fields["kind"]), (&json!(false), &Value::Null));
        assert!(!fields.contains_key("gateway_key") && !fields.contains_key("host_id"));
        assert_eq!(fields["login"], Value::Null, "no e-mail, no login");
    }

    #[test]
    fn budgets_and_lists_read_back_as_they_are_written() {
        let budgets_of = |text: &str| read(Noun::Key, &form(&format!("budgets={text}")), false)["budgets"].clone();
        let written = budgets_of("money+25.00+month%0Atokens+1000+day");
        assert_eq!(written, json!([{"money": "25.00", "period": "month"}, {"tokens": 1000, "period": "day"}]));
        assert_eq!(budget_lines(&written), "money 25.00 month\ntokens 1000 day");
        assert_eq!(budgets_of("a+lot"), json!("a lot"), "refused by who reads it");
        let models = read(Noun::Key, &form("models=gpt-5,+o3%0Agpt-5-mini,"), false)["models"].clone();
        assert_eq!(models, json!(["gpt-5", "o3", "gpt-5-mini"]));
    }

    #[test]
    fn an_entry_is_shown_in_the_fields_it_came_from() {
        let entry = json!({ "sticky": { "scope": "user" }, "enabled": false, "limits": {}, "logical_group_id": "g" });
        let entry = entry.as_object().cloned().unwrap();
        let shown = |path: &str| GROUP.iter().find(|spec| spec.path == path).map(|spec| spec.shown(Some(&entry)));
        assert_eq!(shown("sticky.scope").as_deref(), Some("user"));
        assert_eq!((shown("enabled").as_deref(), shown("limits.rpm").as_deref()), (Some(""), Some("")));
    }
}
