//! Why a route may not serve (`relay_routing::Exclusion`).

use super::Line;

pub(super) const LINES: &[Line] = &[
    ("the group is disabled", "分组已停用"),
    ("the host is disabled", "主机已停用"),
    ("the route is disabled", "路由已停用"),
    ("previous_response_id is not known here (any more)", "previous_response_id 在此（已）不存在"),
    ("previous_response_id was made by another host", "previous_response_id 由其他主机生成"),
    ("previous_response_id was made by another user of this host", "previous_response_id 由该主机的其他用户生成"),
    ("the host does not speak this API", "主机不支持该接口"),
    ("it was already tried in this request", "本次请求已尝试过"),
    ("it is drained (weight 0) and the conversation is not bound to it", "已排空（权重 0），且该会话未绑定在此"),
    ("it is cooling down until {}", "冷却中，至 {0}"),
    ("it is busy", "繁忙"),
    ("it is over its limit of {}", "超出 {0} 限额"),
    ("the host has no gateway_key", "主机未配置 gateway_key"),
    ("the caller sent no gateway key of its own", "调用方未携带自己的网关 key"),
    ("the consumer key has no subscription_user", "使用方 key 未设置 subscription_user"),
    ("no managed key can be had ({})", "无法取得托管 key（{0}）"),
    ("no managed key can be had until {} ({})", "在 {0} 之前无法取得托管 key（{1}）"),
    ("the gateway key cannot be decrypted", "网关 key 无法解密"),
    ("the host refuses the gateway key", "主机拒绝该网关 key"),
    ("the gateway key is limited until {}", "网关 key 限流，至 {0}"),
    // In what a plan made again differs (`explain::planned_again`).
    ("{} was {}; it is {}", "{0} 原为{1}，现为{2}"),
    ("{} was {}; it is not there", "{0} 原为{1}，现已不存在"),
    ("{} was not there", "{0} 原先不存在"),
    ("number {}", "第 {0} 位"),
    ("excluded ({})", "已排除（{0}）"),
    ("no reason recorded", "未记录原因"),
    ("it would be refused: {}", "会被拒绝：{0}"),
];
