//! What the linter says (`fleet_document::lint`), and what it says it of.

use super::Line;

pub(super) const LINES: &[Line] = &[
    ("host \"{}\"", "主机 “{0}”"),
    ("group \"{}\"", "分组 “{0}”"),
    ("group \"{}\", model \"{}\"", "分组 “{0}” 的模型 “{1}”"),
    ("route \"{}\"", "路由 “{0}”"),
    ("key \"{}\"", "使用方 key “{0}”"),
    ("the fleet is empty", "尚无任何资源"),
    ("nothing will be served", "不会提供任何服务"),
    ("add [[host]], [[group]], [[route]] and [[key]]", "请添加 [[host]]、[[group]]、[[route]] 和 [[key]]"),
    (
        "{} is given by value; { env = \"…\" } or { file = \"…\" } keeps it out of the document",
        "{0} 直接写了取值；使用 { env = \"…\" } 或 { file = \"…\" } 可避免写入文件",
    ),
    ("put it into a variable or a file, and write the reference", "放入环境变量或文件，并改写为引用"),
    (
        "base_url is http://, so keys and prompts cross the network in clear",
        "base_url 使用 http://，key 和提示词会在网络上明文传输",
    ),
    (
        "use https://, or allow_private = true if the host is on a private network",
        "请使用 https://；主机位于内网时设置 allow_private = true",
    ),
    ("it has no route, so every request to it is refused", "没有路由，发往它的请求都会被拒绝"),
    ("add a [[route]] to it, or remove it", "添加路由，或删除该分组"),
    ("no key may call it", "没有可以调用它的 key"),
    ("name it in the logical_groups of a key, or remove it", "写入某个 key 的 logical_groups，或删除该分组"),
    ("sticky.ttl {} is longer than the {} for which hosts keep theirs", "sticky.ttl {0} 长于主机保留的 {1}"),
    (
        "use 1h: afterwards the prompt cache that a binding points at is gone",
        "请使用 1h：之后绑定所指的提示词缓存已失效",
    ),
    ("host \"{}\" is disabled, so the route serves nothing", "主机 “{0}” 已停用，该路由无法提供服务"),
    ("enable the host, or disable the route as well", "启用主机，或同时停用该路由"),
    ("group \"{}\" is disabled, so the route serves nothing", "分组 “{0}” 已停用，该路由无法提供服务"),
    ("enable the group, or disable the route as well", "启用分组，或同时停用该路由"),
    (
        "no live key may call \"{}\" of group \"{}\", so it serves nobody",
        "没有有效的 key 可以调用分组 “{1}” 的 “{0}”，因此无人使用",
    ),
    (
        "add the model to the models of a key, renew the key, or remove the route",
        "把模型加入某个 key 的 models、续期该 key，或删除路由",
    ),
    (
        "it is managed, and no key that may call it has a subscription_user",
        "使用托管访问，但可调用它的 key 都未设置 subscription_user",
    ),
    (
        "give a key its subscription_user, or use another credential",
        "为 key 设置 subscription_user，或改用其他凭据方式",
    ),
    ("no enabled route on an enabled host serves it", "没有启用的主机上的启用路由提供该模型"),
    ("enable one of its routes and its host, or remove the model", "启用其中一条路由及其主机，或删除该模型"),
    ("every route has weight 0, so no new conversation is served", "所有路由权重均为 0，无法服务新会话"),
    ("give one of them a weight above 0", "将其中一条的权重设为大于 0"),
    (
        "its tiers have one host, \"{}\"; when it fails nothing else serves the model",
        "所有优先级只有一台主机 “{0}”，它发生故障时没有其他主机提供该模型",
    ),
    ("add a route on another host", "在其他主机上添加路由"),
    (
        "tier {} has one host, \"{}\"; when it fails all of its traffic goes a tier down",
        "优先级 {0} 只有一台主机 “{1}”，它发生故障时全部流量会降到下一级",
    ),
    (
        "nothing, if that is meant; else add a route on another host to this tier",
        "如果这是有意的，无需处理；否则在该级为其他主机添加路由",
    ),
    (
        "group \"{}\" has managed routes, and the key has no subscription_user",
        "分组 “{0}” 有托管路由，而该 key 未设置 subscription_user",
    ),
    (
        "give the key the host user whose subscription pays, or take the group from it",
        "为 key 设置付费订阅所属的主机用户，或从中移除该分组",
    ),
    ("it expired at {}", "已于 {0} 过期"),
    ("give it another expires_at, or remove it", "设置新的 expires_at，或删除它"),
    ("it expires soon, at {}", "即将于 {0} 过期"),
    ("tell its owner, or give it another expires_at", "通知其使用者，或设置新的 expires_at"),
    // What hosts have shown (`catalog`).
    (
        "host \"{}\" showed {} models in group {}, and \"{}\" is none of them",
        "主机 “{0}” 的分组 {2} 列出了 {1} 个模型，其中没有 “{3}”",
    ),
    (
        "correct shadow_model, or add the model on the host and look again with `host sync`",
        "请更正主机侧模型名，或在主机上添加该模型后重新同步",
    ),
];
