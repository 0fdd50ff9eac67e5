//! What is wrong with the settings of a notification channel (`relay_notify::channel`), after the field's name.

use super::Line;

pub(super) const LINES: &[Line] = &[
    ("is no time zone; write it as \"Asia/Shanghai\"", "不是时区，例如 “Asia/Shanghai”"),
    ("must be a time such as \"12h\", at least \"5m\"", "应为时长，例如 “12h”，至少 “5m”"),
    ("must be at most {} lower-case letters, digits and hyphens", "最多 {0} 个小写字母、数字和连字符"),
    ("must be {\"from\": \"23:00\", \"to\": \"08:00\"}, two different times", "需同时填写开始和结束，且两个时间不同"),
    ("and password go together", "用户名和密码需同时填写"),
    ("is empty", "不能为空"),
    ("is required", "必填"),
    ("must be a number from 1 to 65535", "应为 1 到 65535 之间的数"),
    (
        "must be an address such as ops@example.com or Ops <ops@example.com>",
        "应为邮件地址，例如 ops@example.com 或 Ops <ops@example.com>",
    ),
    (
        "\"{}\" must be an address such as ops@example.com or Ops <ops@example.com>",
        "“{0}” 不是邮件地址，例如 ops@example.com 或 Ops <ops@example.com>",
    ),
    ("must be tls, starttls or none", "应为 tls、starttls 或 none"),
    ("none needs allow_private = true", "none 需要勾选内网地址"),
    ("is no kind of event", "不是事件类型"),
    ("\"{}\" is no kind of event", "“{0}” 不是事件类型"),
    ("must be info, warning or critical", "应为 info、warning 或 critical"),
    ("is not a URL", "不是 URL"),
    ("is unknown here", "是未知的设置项"),
    ("must be a list of strings", "应为字符串列表"),
    ("must be a string", "应为字符串"),
    ("must be true or false", "应为 true 或 false"),
    (
        "must begin with https://; http:// needs allow_private = true",
        "应以 https:// 开头；使用 http:// 需要勾选内网地址",
    ),
    ("must not hold a fragment", "不能含有 # 片段"),
    ("must not hold a user or password", "不能含有用户名或密码"),
    (
        "must be one of webhook, dingtalk, feishu, wecom, telegram, bark, email",
        "应为 webhook、dingtalk、feishu、wecom、telegram、bark、email 之一",
    ),
    ("must be the token of a bot, such as 123456:ABC-DEF1234", "应为机器人 token，例如 123456:ABC-DEF1234"),
    ("must be en or zh-CN", "应为 en 或 zh-CN"),
];
