//! What the keys of the configuration decide, in Chinese; in English they say it themselves. A test of the binary,
//! which knows the keys, finds those that are missing.

/// The meaning of a key; `None` when there is no such key.
pub fn meaning(key: &str) -> Option<&'static str> {
    let meaning = match key {
        "data_dir" => {
            "服务器保存全部数据的目录：数据库、绑定、决策日志、主密钥。首次启动时创建，仅所有者可读，同一时间只能由一个服务器使用。"
        }
        "store" => "资源配置的存放位置：sqlite:<路径>。",
        "bindings" => "会话绑定的存放位置：“memory”，或用 “sqlite” 使其在重启后保留。",
        "fleet" => "`serve` 在开始监听前应用的资源配置文件。",
        "prices" => "自定义价格表（TOML），启动时读取，优先于内置的标价。",
        "gateway.listen" => "网关的监听地址。端口 0 表示任选空闲端口，见 listening.json。",
        "gateway.max_body" => "请求体的最大尺寸，超出返回 413。",
        "gateway.max_buffered" => "全部请求与响应体合计可用的内存，超出返回 503 和 Retry-After。",
        "gateway.max_connections" => "客户端连接数上限，超出返回 503 和 Retry-After。",
        "admin.listen" => "控制台、管理 API 和 /readyz 的监听地址。端口 0 表示任选空闲端口。",
        "status_page.enabled" => "是否启用公开状态页：/status 和 /status.json，无需登录。",
        "status_page.listen" => "状态页的独立监听地址，该地址不提供其他任何内容。端口 0 表示任选空闲端口。",
        "status_page.title" => "状态页的标题。",
        "status_page.groups" => "状态页展示的分组，例如 `gpt, claude`。",
        "status_page.days" => "状态条的天数；1 表示按小时显示。",
        "timeouts.connect" => "与主机建立连接的时限，包含 DNS 和 TLS。",
        "timeouts.first_output" => "主机给出首个实际输出的时限，心跳和注释不算。",
        "timeouts.idle" => "流开始后允许的最长静默时间。",
        "timeouts.status_commit" => "尚无路由应答时，向流式客户端先返回 200 和保活注释之前的等待时间。",
        "timeouts.attempts" => "路由确定之前用于连接和错误应答的时间预算，之后不再发起新的尝试。",
        "timeouts.client_stall" => "客户端不读取已就绪应答的最长时间。",
        "timeouts.shutdown_grace" => "收到 SIGTERM 后，进行中的请求可继续的时间。",
        "retry.attempts" => "单个请求的最多尝试次数。",
        "retry.budget_percent" => "进行中的重试占进行中请求的比例上限，至少为三个。",
        "breaker.consecutive_failures" => "连续失败多少次后路由熔断。",
        "breaker.failure_percent" => "窗口内失败比例达到多少时熔断。",
        "breaker.minimum_requests" => "窗口内请求少于此数时不计算失败比例。",
        "breaker.window" => "计算失败比例的时间窗口。",
        "breaker.first_open" => "尚未学到恢复时间时，首次熔断的时长。",
        "breaker.longest_open" => "熔断时长加倍的上限。",
        "probe.mode" => {
            "如何探测空闲路由：“models” 查询模型列表，“completion” 另外发送一个 token 的补全，“off” 不探测。使用中的路由从不探测。"
        }
        "probe.idle" => "路由空闲多久后探测，也是两次探测之间的间隔。",
        "probe.completions_per_day" => "probe.mode 为 “completion” 时，全部路由每天（UTC）用于探测的补全次数。",
        "managed.wait" => "使用托管访问的路由上，请求等待尚未取得的网关 key 的时间；请求转往别处后，取得过程仍会继续。",
        "managed.validity_days" => "分配和续期订阅的天数。主机会比较重复分配的天数，请尽量不要修改。",
        "managed.renew_ahead" => "订阅到期前多久续期。",
        "managed.overlap" => "更换后的旧 key 在主机上继续有效的时间，供进行中的请求和其他进程使用。",
        "managed.user_concurrency" => "由 Relay Manager 创建的用户在其主机上全部 key 合计的并发请求数。",
        "managed.keys_per_user" => {
            "一个用户在其主机上的 key 数量上限，0 表示不限。达到上限后不再创建，改用已有的 key，或由 `access show` 给出处理建议。"
        }
        "managed.jobs" => "除请求正在等待的之外，同时处理的授权数：续期、更换、首批 key。",
        "managed.watch" => "多久查看一次主机给出的配额、余额和价格。",
        "managed.low_percent" => "配额剩余百分之多少时发出余量不足事件。",
        "telemetry.otlp_endpoint" => {
            "追踪数据的去向：接收基于 HTTP 的 OTLP 的 OpenTelemetry 采集器的根地址，会附加 /v1/traces。"
        }
        "telemetry.sample_percent" => "客户端未说明是否记录追踪时，采样的百分比。",
        "telemetry.access_log" => "是否在进程日志中为每个结束的请求写一行，决策日志之外另记。",
        "log.retention" => "决策日志按天删除的期限，小时汇总会保留。",
        "log.on_stall" => "日志一秒内无法写入时：“refuse” 以 503 拒绝请求，“continue” 继续服务并统计缺失。",
        _ => return None,
    };
    Some(meaning)
}
