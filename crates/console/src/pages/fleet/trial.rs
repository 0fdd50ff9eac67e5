//! What came of trying a host, with what to do about it.

use relay_control::hosts::{HostTrial, TrialFault};

use crate::cell::Cell;
use crate::faults;
use crate::format::Format;
use crate::kit::{Head, Part, Table};
use crate::words::{Language, words};

words! {
    TrialWords {
        well => "The host is reached and takes the key" / "主机可达，key 有效";
        not_well => "The host cannot be used yet" / "主机暂时无法使用";
        took => "Answered within" / "响应时间";
        models => "Models that the key may use" / "key 可用的模型";
        model => "Model" / "模型";
        wrong => "What is wrong" / "问题";
        remedy => "What to do" / "处理建议";
        models_short(number) => "models: {number}" / "{number} 个模型";
        private => "Its address is private or loopback." / "主机地址是内网或回环地址。";
        private_remedy => "Tick “May have a private or loopback address” if that is meant." / "如果确实如此，请勾选“允许内网或回环地址”。";
        nothing_listens => "Nothing listens there: the connection was refused." / "该地址没有服务在监听：连接被拒绝。";
        nothing_listens_remedy => "See that the host is running, and that the port of the base URL is its own." / "请确认主机正在运行，并且 Base URL 的端口正确。";
        unknown_name => "The name in the base URL cannot be found (DNS)." / "无法解析 Base URL 中的域名（DNS）。";
        unknown_name_remedy => "Check how it is written; if it is right, see that this machine can look names up." / "请检查拼写；如果拼写无误，请确认本机能够解析域名。";
        not_tls => "The port does not speak https: it answers in plain HTTP, or as another service." / "该端口不支持 https，返回的是普通 HTTP 或其他协议。";
        not_tls_remedy => "Write http:// in the base URL, or the port that speaks https, usually 443." / "请将 Base URL 改为 http://，或改用支持 https 的端口（通常为 443）。";
        certificate(why) => "Its certificate is not trusted: {why}." / "不信任该主机的证书：{why}。";
        certificate_remedy => "Use the name that the certificate was issued for; renew it if it has expired; an authority of your own must be among this machine’s trusted ones." / "请使用证书对应的域名；证书过期请更新；自建 CA 须加入本机的受信任列表。";
        unreachable(why) => "No connection: {why}." / "无法建立连接：{why}。";
        unreachable_remedy => "Check scheme, name and port of the base URL, and that this machine is let through: try curl from here." / "请检查 Base URL 的协议、主机名和端口，并确认本机可以访问：可在本机用 curl 测试。";
        broken(why) => "The connection broke, or what came is not HTTP: {why}." / "连接中断，或返回内容不是 HTTP：{why}。";
        broken_remedy => "Check scheme (http or https) and port of the base URL." / "请检查 Base URL 的协议（http 或 https）和端口。";
        late => "It did not answer within 10 seconds." / "10 秒内没有响应。";
        late_remedy => "See whether the host is overloaded, or whether a firewall swallows the connection." / "请确认主机是否过载，或防火墙是否丢弃了连接。";
        no_key => "It has no gateway key, or one with characters that cannot be sent." / "没有网关 key，或 key 中含有无法发送的字符。";
        no_key_remedy => "Make an API key on the host and enter it here; for a server that wants none, enter any word." / "请在主机上创建 API key 并填写；如果该服务不需要 key，可任意填写一个词。";
        key_refused(status) => "The host answers, and refuses the key ({status})." / "主机有响应，但拒绝了该 key（{status}）。";
        key_refused_remedy => "Copy the key anew from the host: it may be cut, disabled, expired, or bound to another address or group." / "请从主机重新复制 key：它可能不完整、已停用、已过期，或限制了来源地址或分组。";
        redirected(status) => "It sends elsewhere ({status}), which is not followed." / "主机返回重定向（{status}），系统不会跟随。";
        redirected_remedy => "Enter the address that it sends to, usually https:// or another name." / "请填写重定向后的地址，通常是 https:// 或另一个域名。";
        refused(status) => "The host answers {status}." / "主机返回 {status}。";
        refused_words(status, words) => "The host answers {status}: {words}" / "主机返回 {status}：{words}";
        refused_remedy => "404: the base URL may lack or have too much of a path (it ends before /v1). 429 or 5xx: try again, or look at the host’s own log." / "404：Base URL 的路径可能缺少或多余（应止于 /v1 之前）；429 或 5xx：请重试，或查看主机自身的日志。";
        no_list => "What it answers is no list of models: this seems to be another service." / "返回内容不是模型列表，可能是其他服务。";
        no_list_remedy => "The base URL is that of the API, not of a web page before it." / "Base URL 应为 API 的地址，而不是网页地址。";
        no_models => "Its list of models is empty: the key may use nothing." / "模型列表为空，该 key 无可用模型。";
        no_models_remedy => "Give the key a group with accounts on the host." / "请在主机上为该 key 分配带有账号的分组。";
    }
}

/// What is wrong, and what to do about it.
pub(crate) fn told(language: Language, fault: &TrialFault) -> (String, &'static str) {
    let t = TrialWords(language);
    match fault {
        TrialFault::PrivateAddress => (t.private().to_owned(), t.private_remedy()),
        TrialFault::NothingListens => (t.nothing_listens().to_owned(), t.nothing_listens_remedy()),
        TrialFault::UnknownName => (t.unknown_name().to_owned(), t.unknown_name_remedy()),
        TrialFault::NotTls => (t.not_tls().to_owned(), t.not_tls_remedy()),
        TrialFault::Certificate(why) => (t.certificate(faults::said(language, why)), t.certificate_remedy()),
        TrialFault::Unreachable(why) => (t.unreachable(faults::said(language, why)), t.unreachable_remedy()),
        TrialFault::Broken(why) => (t.broken(faults::said(language, why)), t.broken_remedy()),
        TrialFault::Late => (t.late().to_owned(), t.late_remedy()),
        TrialFault::NoKey => (t.no_key().to_owned(), t.no_key_remedy()),
        TrialFault::KeyRefused(status) => (t.key_refused(status), t.key_refused_remedy()),
        TrialFault::Redirected(status) => (t.redirected(status), t.redirected_remedy()),
        TrialFault::Refused(status, words) if words.is_empty() => (t.refused(status), t.refused_remedy()),
        TrialFault::Refused(status, words) => (t.refused_words(status, words), t.refused_remedy()),
        TrialFault::NoList => (t.no_list().to_owned(), t.no_list_remedy()),
        TrialFault::NoModels => (t.no_models().to_owned(), t.no_models_remedy()),
    }
}

/// The field of a host that it is about.
pub(crate) fn field(fault: &TrialFault) -> &'static str {
    match fault {
        TrialFault::NoKey | TrialFault::KeyRefused(_) | TrialFault::NoModels => "gateway_key",
        _ => "base_url",
    }
}

/// Both sentences in one line.
pub(crate) fn joined(language: Language, wrong: &str, remedy: &str) -> String {
    match language {
        Language::English => format!("{wrong} {remedy}"),
        Language::Chinese => format!("{wrong}{remedy}"),
    }
}

/// In a few words.
pub(super) fn in_short(language: Language, trial: &HostTrial) -> String {
    let t = TrialWords(language);
    match &trial.models {
        Ok(models) => t.models_short(models.len()),
        Err(_) => t.not_well().to_owned(),
    }
}

/// All of it.
pub(super) fn part(language: Language, trial: &HostTrial) -> Part {
    let t = TrialWords(language);
    let took = Format(language).micros(u64::try_from(trial.took.as_micros()).unwrap_or(u64::MAX));
    match &trial.models {
        Ok(models) => {
            let rows = models.iter().map(|model| vec![Cell::code(model)]).collect();
            Part::new(t.well())
                .facts(vec![(t.took(), Cell::text(took)), (t.models(), Cell::text(models.len().to_string()))])
                .table(Table { heads: vec![Head::text(t.model())], rows }, "")
        }
        Err(fault) => {
            let (wrong, remedy) = told(language, fault);
            Part::new(t.not_well()).facts(vec![(t.wrong(), Cell::text(wrong)), (t.remedy(), Cell::text(remedy))])
        }
    }
}
