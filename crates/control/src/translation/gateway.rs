//! What the gateway tells clients whose request it refuses or that fails: a decision keeps it, and its page shows it.

use super::Line;

pub(super) const LINES: &[Line] = &[
    (
        "The request body is compressed; send it without Content-Encoding.",
        "请求体经过压缩，请去掉 Content-Encoding 后发送。",
    ),
    ("The upstream did not answer with a stream.", "上游没有以流的形式应答。"),
    ("The relay is shutting down; try again.", "服务正在关闭，请重试。"),
    ("The relay is shutting down; the answer is incomplete.", "服务正在关闭，应答不完整。"),
    ("The relay has a fault and could not serve the request.", "服务内部故障，无法处理该请求。"),
    ("The server has no room for another request now; try again.", "服务器暂时没有余量，请重试。"),
    ("The decision log cannot be written; try again.", "决策日志无法写入，请重试。"),
    ("The limit of requests per minute is reached.", "已达到每分钟请求数上限。"),
    ("The limit of tokens per minute is reached.", "已达到每分钟 token 上限。"),
    ("The limit of tokens per day is reached.", "已达到每日 token 上限。"),
    ("Too many requests are in flight.", "并发请求过多。"),
    ("The budget for this {} is spent.", "本{0}的预算已用完。"),
    ("Requests in flight may use what is left of the budget for this {}.", "进行中的请求可能用完本{0}预算的剩余部分。"),
    ("The budget for this day is spent.", "今日预算已用完。"),
    ("The budget for this week is spent.", "本周预算已用完。"),
    ("The budget for this month is spent.", "本月预算已用完。"),
    ("{} Try again in {}.", "{0}请在 {1} 后重试。"),
    ("The model `{}` does not exist or you do not have access to it.", "模型 `{0}` 不存在，或无权使用。"),
    ("The upstream refused the request ({}).", "上游拒绝了请求（{0}）。"),
    ("The upstream host failed to serve the request.", "上游主机未能处理该请求。"),
    ("No route can serve this model now ({}).", "目前没有可用于该模型的路由（{0}）。"),
    ("The response was interrupted and is incomplete.", "应答中断，内容不完整。"),
    (
        "Previous response with id '{}' not found: no host here keeps it any more. Send the whole input instead.",
        "找不到 ID 为 “{0}” 的上一个应答：已没有主机保留它，请发送完整输入。",
    ),
    (
        "Response with id '{}' not found: no host here keeps it any more.",
        "找不到 ID 为 “{0}” 的应答：已没有主机保留它。",
    ),
    ("The request body is not valid JSON: {}", "请求体不是有效的 JSON：{0}"),
    ("The request body must be a JSON object.", "请求体应为 JSON 对象。"),
    ("The request body is not the form that its Content-Type says.", "请求体不是 Content-Type 所声明的表单。"),
    ("The request body names `{}` twice; send it once.", "请求体重复出现 `{0}`，只能出现一次。"),
    ("You must provide a model parameter.", "必须提供 model 参数。"),
    ("`model` must be a non-empty string.", "`model` 应为非空字符串。"),
    (
        "Responses in the background are not available to a key with a budget; leave `background` out.",
        "设有预算的密钥不能使用后台应答；请去掉 `background`。",
    ),
    (
        "`model` must have {} bytes at most; see GET /v1/models for the names.",
        "`model` 最多 {0} 字节；名称见 GET /v1/models。",
    ),
    ("`stream` must be true or false.", "`stream` 应为 true 或 false。"),
];
