//! Why something is not done that was asked for: names that are taken or gone, changes over somebody else's.

use super::Line;

pub(super) const LINES: &[Line] = &[
    ("there is no host \"{}\"", "没有名为 “{0}” 的主机"),
    (
        "there is a host \"{}\" already; choose another {}, or change that one",
        "已存在名为 “{0}” 的主机，请更换 {1}，或修改已有的",
    ),
    (
        "host \"{}\" has been changed since it was read; read it again and repeat the change on that",
        "主机“{0}” 在打开之后已被他人修改，请重新打开后再次修改",
    ),
    ("there is no group \"{}\"", "没有名为 “{0}” 的分组"),
    (
        "there is a group \"{}\" already; choose another {}, or change that one",
        "已存在名为 “{0}” 的分组，请更换 {1}，或修改已有的",
    ),
    (
        "group \"{}\" has been changed since it was read; read it again and repeat the change on that",
        "分组“{0}” 在打开之后已被他人修改，请重新打开后再次修改",
    ),
    ("there is no route \"{}\"", "没有名为 “{0}” 的路由"),
    (
        "there is a route \"{}\" already; choose another {}, or change that one",
        "已存在名为 “{0}” 的路由，请更换 {1}，或修改已有的",
    ),
    (
        "route \"{}\" has been changed since it was read; read it again and repeat the change on that",
        "路由“{0}” 在打开之后已被他人修改，请重新打开后再次修改",
    ),
    ("there is no key \"{}\"", "没有名为 “{0}” 的 key"),
    (
        "there is a key \"{}\" already; choose another {}, or change that one",
        "已存在名为 “{0}” 的 key，请更换 {1}，或修改已有的",
    ),
    (
        "key \"{}\" has been changed since it was read; read it again and repeat the change on that",
        "key “{0}” 在打开之后已被他人修改，请重新打开后再次修改",
    ),
    ("group \"{}\" has no route for model \"{}\"", "分组 “{0}” 没有模型 “{1}” 的路由"),
    ("no group of key \"{}\" has a route for model \"{}\"", "key “{0}” 的分组中没有模型 “{1}” 的路由"),
    ("name a group or a key", "请填写分组或 key"),
    (
        "group \"{}\" is referred to by {}; remove that first, or pass cascade=true",
        "分组 “{0}” 仍被引用：{1}；请先删除引用",
    ),
    (
        "host \"{}\" is referred to by {}; remove that first, or pass cascade=true",
        "主机 “{0}” 仍被引用：{1}；请先删除引用",
    ),
    (
        "the secret of key \"{}\" comes from {}; change it there and apply the fleet file again",
        "key “{0}” 的密钥来自 {1}，请在该处修改后重新应用资源配置文件",
    ),
    // Tokens, generations, channels.
    ("must be 1 to {} characters without line breaks", "应为 1 到 {0} 个字符，且不含换行"),
    (
        "there is a token \"{}\" already; the audit trail tells people apart by it, so choose another label",
        "已存在备注名为 “{0}” 的 token；审计以此区分操作者，请更换备注名",
    ),
    ("there is no token {}", "没有编号为 {0} 的 token"),
    ("token {} is the last one of an admin; make another first", "token {0} 是最后一个管理员 token，请先创建另一个"),
    ("there is no generation {}", "没有版本 {0}"),
    ("the fleet of generation {} is forgotten; only its record is left", "版本 {0} 的完整配置已清理，仅保留发布记录"),
    (
        "the fleet is of generation {} by now; look at what it changed and repeat this on top of it",
        "当前配置已是版本 {0}，请查看其变更后重新操作",
    ),
    ("there is a notification channel \"{}\" already", "已存在名为 “{0}” 的通知渠道"),
    ("there is no notification channel \"{}\"", "没有名为 “{0}” 的通知渠道"),
    (
        "the notification channel has been changed since it was read; read it again and repeat the change on that",
        "该通知渠道在打开之后已被他人修改，请重新打开后再次修改",
    ),
    ("the decision log cannot be written", "决策日志无法写入"),
    ("there is no binding \"{}\"", "没有会话绑定 “{0}”"),
    ("cannot be changed; add another channel", "不能修改，请新增另一个渠道"),
    (
        "the notification channel has been changed since it was read; read it again and repeat the change on that",
        "该通知渠道在打开之后已被他人修改，请重新打开后再次修改",
    ),
    (
        "the {} has been changed since it was read; read it again and repeat the change on that",
        "{0} 在打开之后已被他人修改，请重新打开后再次修改",
    ),
    ("the change has {} faults", "该变更有 {0} 处错误"),
    ("{} more", "另外 {0} 项"),
    ("variable {}", "环境变量 {0}"),
    ("file {}", "文件 {0}"),
    ("managed resource", "托管资源"),
    // Lists, the log and the store.
    ("the decision log cannot be read", "无法读取决策日志"),
    ("the decision log cannot be read: {}", "无法读取决策日志：{0}"),
    ("the decision log was not read to the end", "决策日志未能读到末尾"),
    ("the store is unavailable", "数据库不可用"),
    ("{} in the store cannot be read: {}", "无法读取数据库中的 {0}：{1}"),
    ("the stored secret {} cannot be decrypted", "已保存的密钥 {0} 无法解密"),
    (
        "the fleet has moved on: the change is based on generation {}, the current one is {}",
        "配置已更新：该变更基于版本 {0}，当前为版本 {1}",
    ),
    ("the fleet is inconsistent: {}", "配置不一致：{0}"),
];
