//! Why managed access is not there (`managed`), and what to do.

use super::Line;

pub(super) const LINES: &[Line] = &[
    ("there is no enabled sub2api host of that id", "没有该 ID 的已启用 sub2api 主机"),
    ("everything is there, and the host's gateway does not serve the key: {}", "一切就绪，但主机网关不接受该 key：{0}"),
    ("it was asked for something else meanwhile", "期间又有了新的要求"),
    ("a fault of Relay Manager broke the work on it off", "Relay Manager 内部故障，处理中断"),
    ("add the host to the fleet with kind = \"sub2api\", or enable it", "请添加类型为 sub2api 的主机，或启用该主机"),
    ("see the server's log; it is tried again", "请查看服务器日志；会自动重试"),
    ("see the host's log of that key's requests; it is tried again", "请查看主机上该 key 的请求日志；会自动重试"),
    ("nothing: it is worked on", "无需处理：正在进行"),
    ("report what the server's log says of it; it is tried again", "请反馈服务器日志中的相关内容；会自动重试"),
    ("there is no access of user \"{}\" to group {} on host \"{}\"", "没有用户 “{0}” 对主机 “{2}” 分组 {1} 的访问"),
    ("host \"{}\", group \"{}\": {}", "主机 “{0}”，分组 “{1}”：{2}"),
    (
        "the id of group \"{}\" on host \"{}\" is not known, and the host has no admin_key or login to ask with; write the numeric id, give the host one, or record a managed resource",
        "主机 “{1}” 上分组 “{0}” 的 ID 未知，且主机没有 admin_key 或登录账号可供查询；请填写数字 ID、补充凭据，或登记托管资源",
    ),
    ("host \"{}\" has no group named \"{}\"", "主机 “{0}” 上没有名为 “{1}” 的分组"),
    (
        "host \"{}\" has {} groups named \"{}\"; write the numeric id of the one that is meant",
        "主机 “{0}” 上有 {1} 个名为 “{2}” 的分组，请填写目标分组的数字 ID",
    ),
    ("the id of the shadow group cannot be looked up: {}", "无法查询主机分组的 ID：{0}"),
    (
        "group \"{}\" of host \"{}\" is on record with \"{}\", which is no id",
        "主机 “{1}” 的分组 “{0}” 登记为 “{2}”，不是 ID",
    ),
    ("delete the managed resource; the host is asked then", "请删除登记的托管资源，之后会向主机查询"),
    ("correct shadow_group_id of the routes, or make the group", "请更正路由的 shadow_group_id，或在主机上创建该分组"),
    // Groups.
    ("host \"{}\" has no group {}", "主机 “{0}” 没有分组 {1}"),
    ("group {} (\"{}\") of host \"{}\" takes no subscriptions", "主机 “{2}” 的分组 {0}（“{1}”）不接受订阅"),
    (
        "name a subscription group, or use credential = \"host_key\" for this one",
        "请填写订阅类型的分组，或对该路由使用 credential = \"host_key\"",
    ),
    ("group {} (\"{}\") of host \"{}\" is switched off", "主机 “{2}” 的分组 {0}（“{1}”）已停用"),
    ("switch it on in the host's panel, or disable the routes", "请在主机面板中启用，或停用相关路由"),
    ("there is no key", "没有 key"),
    ("the gateway of host \"{}\" refuses the group: {}", "主机 “{0}” 的网关拒绝该分组：{1}"),
    ("see the group in the host's panel", "请在主机面板中查看该分组"),
    ("it answers without a living subscription", "没有有效订阅时也能应答"),
    // Users.
    ("user {} of host \"{}\" is switched off", "主机 “{1}” 的用户 {0} 已停用"),
    (
        "switch the user on in the host's panel, or name another subscription_user",
        "请在主机面板中启用该用户，或填写其他 subscription_user",
    ),
    (
        "subscription user \"{}\" is neither an e-mail address nor a host's id of a user",
        "订阅用户 “{0}” 既不是邮件地址，也不是主机的用户 ID",
    ),
    ("correct subscription_user", "请更正 subscription_user"),
    ("host \"{}\" has {} users with the address {}", "主机 “{0}” 有 {1} 个地址为 {2} 的用户"),
    (
        "name the user by its id on the host, or record a managed resource of type user",
        "请填写用户在主机上的 ID，或登记类型为 user 的托管资源",
    ),
    ("host \"{}\" has no user {}", "主机 “{0}” 没有用户 {1}"),
    (
        "correct subscription_user; with an e-mail address Relay Manager makes the user",
        "请更正 subscription_user；填写邮件地址时 Relay Manager 会创建用户",
    ),
    ("the address {} belongs to a deleted user of host \"{}\"", "地址 {0} 属于主机 “{1}” 上已删除的用户"),
    (
        "name another subscription_user: this version of the host never frees the address",
        "请填写其他 subscription_user：该版本的主机不会释放该地址",
    ),
    // Subscriptions.
    ("is suspended", "已暂停"),
    ("resume it", "请恢复"),
    ("has come to its end, and was not made by Relay Manager", "已到期，且不是由 Relay Manager 创建"),
    ("extend or revoke it", "请续期或撤销"),
    (
        "host \"{}\" takes every assignment and extension, and none gives a living subscription",
        "主机 “{0}” 接受了分配和续期，但订阅始终没有生效",
    ),
    (
        "see the subscription in the host's panel, and whether the host's clock is right",
        "请在主机面板中查看该订阅，并检查主机的时钟",
    ),
    ("subscription {} of group {} on host \"{}\" is suspended", "主机 “{2}” 分组 {1} 的订阅 {0} 已暂停"),
    (
        "subscription {} of group {} on host \"{}\" has come to its end, and was not made by Relay Manager",
        "主机 “{2}” 分组 {1} 的订阅 {0} 已到期，且不是由 Relay Manager 创建",
    ),
    ("subscription {} of group {} on host \"{}\" {}", "主机 “{2}” 分组 {1} 的订阅 {0} {3}"),
    ("{} in the host's panel", "{0}（在主机面板中操作）"),
    ("resume it in the host's panel", "请在主机面板中恢复"),
    ("extend or revoke it in the host's panel", "请在主机面板中续期或撤销"),
    // Keys.
    ("the user was not made by Relay Manager", "该用户不是由 Relay Manager 创建"),
    (
        "host \"{}\" says of {} new keys that they exist, and nobody has them",
        "主机 “{0}” 称 {1} 个新 key 已存在，但无人持有",
    ),
    (
        "see whether somebody deletes keys of this user on the host; the next ones are tried later",
        "请确认是否有人在主机上删除该用户的 key；稍后会尝试新的 key",
    ),
    (
        "the key in use is gone from the host, switched off or bound elsewhere; another one is obtained",
        "使用中的 key 已被主机删除、停用或改绑，正在取得新的 key",
    ),
    ("no key can be derived: {}", "无法生成 key：{0}"),
    ("report this as a bug", "请反馈该问题"),
    ("a derived key has a form that hosts do not take", "生成的 key 格式不被主机接受"),
    (
        "a key of user {} ({}) for group {} of host \"{}\" has to be made by hand: {}",
        "主机 “{3}” 分组 {2} 需要为用户 {0}（{1}）人工创建 key：{4}",
    ),
    (", then delete the old one", "，然后删除旧的"),
    (
        "make one in the host's panel, bound to that group{}; it is found and used from then on",
        "请在主机面板中创建并绑定该分组{0}；之后会自动发现并使用",
    ),
    ("no key was found", "没有找到 key"),
    ("no header can carry the key", "该 key 无法放入请求头"),
    ("an operator took the access away", "操作员已收回访问"),
    ("`relay-manager access ensure` gives it back", "可用 `relay-manager access ensure` 恢复"),
    (
        "user {} ({}) of host \"{}\" has {} keys and may have no more: {}",
        "主机 “{2}” 的用户 {0}（{1}）已有 {3} 个 key，不能再增加：{4}",
    ),
    (
        "raise the limit on the host or managed.keys_per_user, delete keys of this user that nobody needs, or give some consumer keys another subscription_user; it is tried again",
        "请提高主机上的限制或 managed.keys_per_user，删除该用户不再需要的 key，或为部分使用方 key 更换 subscription_user；会自动重试",
    ),
    ("managed.keys_per_user is {}", "managed.keys_per_user 为 {0}"),
];
