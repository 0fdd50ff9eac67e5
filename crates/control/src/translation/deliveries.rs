//! Why a notification was not delivered (`relay_notify`). A service's own words stay as they are.

use super::Line;

pub(super) const LINES: &[Line] = &[
    ("the channel is disabled", "渠道已停用"),
    ("the channel is gone", "渠道已删除"),
    ("the channel cannot be read: {}", "无法读取渠道：{0}"),
    ("the event is not one that this version knows", "当前版本无法识别该事件"),
    ("given up after {} attempts: {}", "尝试 {0} 次后放弃：{1}"),
    (
        "the address is private; set allow_private = true on the channel to allow it",
        "地址为内网地址；如需允许，请勾选该渠道的内网地址",
    ),
    (
        "not sent: the channel has had its 20 messages of this minute; test it again in a minute",
        "未发送：该渠道这一分钟的 20 条消息已发满；请一分钟后再测试",
    ),
    ("no answer within {} s", "{0} 秒内没有应答"),
    ("no request can be made: {}", "无法生成请求：{0}"),
    ("the answer was not read: {}", "未能读取应答：{0}"),
    ("{} has no address", "{0} 没有对应的地址"),
    ("HTTP {}: redirects are not followed", "HTTP {0}：不跟随重定向"),
    ("the answer is not the service's: {}", "应答不是来自该服务：{0}"),
    ("code {}: {}", "错误码 {0}：{1}"),
    ("an object", "对象"),
    ("no message can be made: {}", "无法生成邮件：{0}"),
    ("the answer is not Telegram's", "应答不是来自 Telegram"),
    ("too many", "过于频繁"),
];
