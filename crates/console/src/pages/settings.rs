//! What the process is and how it is configured. Read-only: the configuration is the process's, read when it starts.

mod meanings;

use askama::Template;
use axum::extract::State;
use relay_control::status::{FleetCounts, Health};

pub use self::meanings::meaning as setting_meaning;
use crate::cell::Cell;
use crate::fault::PageResult;
use crate::format::NOTHING;
use crate::kit::{Head, Part, Table};
use crate::process::{Inventory, Origin, Setting};
use crate::shell::{Section, Shell, page};
use crate::state::Console;
use crate::terms::{self, Badge, Tone};
use crate::visit::Visit;
use crate::words::{Language, enumerated, words};

words! {
    SettingsWords {
        title => "Settings" / "系统设置";
        yours => "How you see this console" / "显示偏好";
        yours_hint => "Kept in this browser." / "仅保存在当前浏览器中。";
        process => "Process" / "进程";
        version => "Version" / "版本";
        platform => "Platform" / "平台";
        node => "Machine" / "主机名";
        process_id => "Process number" / "进程号";
        processors => "Processors" / "处理器数";
        started => "Running since" / "启动时间";
        memory => "Memory" / "内存占用";
        files => "Open files" / "打开的文件数";
        generation => "Generation in force" / "当前配置版本";
        state => "State" / "状态";
        ok => "serving" / "正常服务";
        failing => "not serving" / "无法服务";
        fleet => "Fleet" / "资源";
        listeners => "Listeners" / "监听地址";
        gateway => "Gateway" / "网关";
        admin => "Console and API" / "控制台与 API";
        status_page => "Public status page" / "公开状态页";
        status_off => "off" / "未启用";
        status_on_admin => "on the console's listener alone" / "仅在控制台监听地址上";
        data => "Data" / "数据";
        what => "What" / "内容";
        path => "Path" / "路径";
        size => "Size" / "大小";
        data_dir => "Data directory" / "数据目录";
        free => "Free there" / "剩余空间";
        store => "Database" / "数据库";
        log => "Decision log" / "决策日志";
        bindings => "Bindings" / "会话绑定";
        configuration => "Configuration" / "配置";
        how(file) => "Read when the process starts, from {file}, then the environment, then flags; the last one wins. To change a value, change it there and run `relay-manager restart`: no request is dropped. Secrets are not part of it." / "启动时依次读取 {file}、环境变量和命令行参数，后者优先。修改后执行 `relay-manager restart` 即可生效，不会中断请求。此处不含任何密钥。";
        how_without_file => "Read when the process starts, from the environment, then flags; the last one wins. To change a value, change it there and run `relay-manager restart`: no request is dropped. Secrets are not part of it." / "启动时依次读取环境变量和命令行参数，后者优先。修改后执行 `relay-manager restart` 即可生效，不会中断请求。此处不含任何密钥。";
        key => "Key" / "配置项";
        value => "Value" / "取值";
        from => "From" / "来源";
        unset => "not set" / "未设置";
        by_default => "default" / "默认值";
        file => "file" / "配置文件";
        environment => "environment" / "环境变量";
        flag => "flag" / "命令行";
        default_is(value) => "default: {value}" / "默认值：{value}";
        licences => "Licences" / "许可证";
        licences_hint => "Relay Manager is under Apache-2.0. Of others, this console ships htmx, under the licence below." / "Relay Manager 采用 Apache-2.0 许可。控制台内置的第三方组件为 htmx，许可证如下。";
    }
}

/// Of the one script that is not ours.
const HTMX_LICENCE: &str = include_str!("../../assets/htmx.LICENSE");

/// The page.
#[derive(Template)]
#[template(path = "settings.html")]
pub(crate) struct SettingsPage {
    pub(crate) t: SettingsWords,
    pub(crate) shell: Shell,
    pub(crate) parts: Vec<Part>,
}

/// `GET /settings`
pub(crate) async fn show(State(console): State<Console>, visit: Visit) -> PageResult {
    let (inventory, health) = tokio::join!((console.process.inventory)(), console.control.health());
    let status_page = console.process.status_page.is_some();
    Ok(page(&SettingsPage::new(&visit, &inventory, &health, status_page)))
}

impl SettingsPage {
    fn new(visit: &Visit, inventory: &Inventory, health: &Health, has_status_page: bool) -> Self {
        let language = visit.preferences.language;
        let t = SettingsWords(language);
        Self {
            t,
            shell: visit.shell(Section::Settings),
            parts: vec![
                Part::new(t.process()).facts(process(visit, inventory, health)),
                Part::new(t.listeners()).facts(listeners(t, inventory, has_status_page)),
                Part::new(t.data()).facts(data(visit, inventory)).table(files(visit, inventory), ""),
                configuration(language, inventory),
                Part::new(t.licences()).hint(t.licences_hint()).code("licence", HTMX_LICENCE.to_owned()),
            ],
        }
    }
}

fn process(visit: &Visit, inventory: &Inventory, health: &Health) -> Vec<(&'static str, Cell)> {
    let (t, format) = (SettingsWords(visit.preferences.language), visit.format());
    let number = |number: u64| format.number(i64::try_from(number).unwrap_or(i64::MAX));
    let or_nothing = |text: Option<String>| Cell::text(text.unwrap_or_else(|| NOTHING.to_owned()));
    let state = match health.reasons.first() {
        None => Cell::badge(Badge::new(Tone::Good, t.ok())),
        Some(reason) => Cell::badge(Badge::new(Tone::Bad, t.failing())).note(reason.as_str()),
    };
    let FleetCounts { hosts, groups, routes, keys } = health.fleet;
    let fleet = [("host", hosts), ("group", groups), ("route", routes), ("key", keys)];
    let fleet = fleet.map(|(noun, count)| terms::counted(visit.preferences.language, noun, count));
    let generation = match health.generation {
        // Nothing has been published yet.
        0 => Cell::text(NOTHING),
        number => Cell::link(format!("/generations/{number}"), number.to_string()),
    };
    vec![
        (t.state(), state),
        (t.version(), Cell::code(inventory.version)),
        (t.generation(), generation),
        (t.fleet(), Cell::text(enumerated(visit.preferences.language, &fleet))),
        (t.started(), Cell::when(visit, inventory.started_at)),
        (t.node(), Cell::code(inventory.node.clone().unwrap_or_default())),
        (t.platform(), Cell::code(&inventory.platform)),
        (t.processors(), Cell::text(inventory.processors.to_string())),
        (t.process_id(), Cell::text(inventory.process_id.to_string())),
        (t.memory(), or_nothing(inventory.resident_bytes.map(|bytes| format.bytes(bytes)))),
        (t.files(), or_nothing(inventory.open_files.map(number))),
    ]
}

fn listeners(t: SettingsWords, inventory: &Inventory, has_status_page: bool) -> Vec<(&'static str, Cell)> {
    let name = |what: &str| match what {
        "gateway" => t.gateway(),
        "admin" => t.admin(),
        _ => t.status_page(),
    };
    let mut facts: Vec<_> =
        inventory.listeners.iter().map(|(what, address)| (name(what), Cell::code(address.as_str()))).collect();
    match (has_status_page, inventory.listeners.iter().any(|(what, _)| *what == "status_page")) {
        (false, _) => facts.push((t.status_page(), Cell::text(t.status_off()))),
        (true, false) => facts.push((t.status_page(), Cell::link("/status", "/status").note(t.status_on_admin()))),
        (true, true) => {}
    }
    facts
}

fn data(visit: &Visit, inventory: &Inventory) -> Vec<(&'static str, Cell)> {
    let (t, format) = (SettingsWords(visit.preferences.language), visit.format());
    let free = inventory.free_bytes.map_or_else(|| NOTHING.to_owned(), |bytes| format.bytes(bytes));
    vec![(t.data_dir(), Cell::code(inventory.data_dir.as_str())), (t.free(), Cell::text(free))]
}

fn files(visit: &Visit, inventory: &Inventory) -> Table {
    let (t, format) = (SettingsWords(visit.preferences.language), visit.format());
    let name = |what: &str| match what {
        "store" => t.store(),
        "log" => t.log(),
        _ => t.bindings(),
    };
    let stored = inventory.stored.iter().filter(|stored| stored.bytes > 0);
    let rows = stored.map(|stored| {
        vec![Cell::text(name(stored.what)), Cell::code(stored.path.as_str()), Cell::number(format.bytes(stored.bytes))]
    });
    Table { heads: vec![Head::text(t.what()), Head::text(t.path()), Head::number(t.size())], rows: rows.collect() }
}

fn configuration(language: Language, inventory: &Inventory) -> Part {
    let t = SettingsWords(language);
    let row = |setting: &Setting| {
        let meaning = match language {
            Language::English => setting.meaning,
            Language::Chinese => meanings::meaning(setting.key).unwrap_or(setting.meaning),
        };
        let value = match &setting.value {
            Some(value) => Cell::code(value.as_str()),
            None => Cell::quiet(t.unset()),
        };
        let (from, note) = match &setting.origin {
            Origin::Default => (t.by_default(), String::new()),
            Origin::File(place) => (t.file(), place.clone()),
            Origin::Environment(name) => (t.environment(), name.clone()),
            Origin::Flag(flag) => (t.flag(), (*flag).to_owned()),
        };
        let is_default = setting.origin == Origin::Default;
        let value = match setting.default.filter(|_| !is_default) {
            Some(default) => value.note(t.default_is(default)),
            None => value,
        };
        let tone = if is_default { Tone::Quiet } else { Tone::Good };
        vec![Cell::code(setting.key).note(meaning), value, Cell::badge(Badge::new(tone, from)).note(note)]
    };
    let heads = [t.key(), t.value(), t.from()].map(Head::text).into();
    let how = inventory.config_file.as_deref().map_or_else(|| t.how_without_file().to_owned(), |file| t.how(file));
    let table = Table { heads, rows: inventory.settings.iter().map(row).collect() };
    Part::new(t.configuration()).hint(how).stacked(table)
}

#[cfg(test)]
pub(crate) fn samples(language: Language) -> Vec<String> {
    use crate::pages::rendering::{HOSTILE, now, render, visit};
    use crate::process::Stored;
    let hostile = || HOSTILE.to_owned();
    let setting = |origin, value: Option<&str>| Setting {
        key: "gateway.listen",
        value: value.map(str::to_owned),
        default: Some("127.0.0.1:8787"),
        origin,
        variable: hostile(),
        flag: Some("--gateway-listen"),
        meaning: "Address of the gateway.",
    };
    let inventory = Inventory {
        version: "0.1.0",
        platform: hostile(),
        node: Some(hostile()),
        process_id: 1,
        processors: 2,
        started_at: now(),
        resident_bytes: Some(1 << 25),
        open_files: Some(40),
        data_dir: hostile(),
        free_bytes: Some(1 << 35),
        config_file: Some(hostile()),
        stored: vec![Stored { what: "log", path: hostile(), bytes: 1 << 30 }],
        listeners: vec![("gateway", hostile()), ("status_page", hostile())],
        settings: vec![
            setting(Origin::Default, None),
            setting(Origin::File(hostile()), Some(HOSTILE)),
            setting(Origin::Environment(hostile()), Some(HOSTILE)),
            setting(Origin::Flag("--gateway-listen"), Some(HOSTILE)),
        ],
    };
    let health = |reasons: Vec<String>| Health {
        status: "ok",
        reasons,
        generation: 7,
        backend: "memory",
        fleet: FleetCounts { hosts: 1, groups: 1, routes: 1, keys: 1 },
        log: relay_ledger::LedgerStats::default(),
    };
    let visit = visit(language);
    vec![
        render(&SettingsPage::new(&visit, &inventory, &health(vec![hostile()]), true)),
        render(&SettingsPage::new(&visit, &Inventory::default(), &health(Vec::new()), false)),
    ]
}
