//! What stands around every page: navigation, language, colors, who is logged in.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderValue, StatusCode};
use relay_control::access::Role;

use crate::assets::{self, AssetUrls};
use crate::faults;
use crate::preferences::{Preferences, Theme};
use crate::terms;
use crate::visit::Visit;
use crate::words::{Language, words};

words! {
    /// Words around every page.
    ShellWords {
        product => "Relay Manager" / "Relay Manager";
        skip => "Skip to content" / "跳到正文";
        menu => "Menu" / "菜单";
        navigation => "Main" / "主导航";
        watch => "Watch" / "观测";
        fleet => "Fleet" / "资源";
        records => "Records" / "记录";
        overview => "Overview" / "概览";
        map => "Fleet map" / "流量拓扑";
        decisions => "Decisions" / "决策";
        playground => "Playground" / "调试台";
        settings => "Settings" / "系统设置";
        health => "Health" / "健康状态";
        usage => "Usage and money" / "用量与费用";
        hosts => "Hosts" / "主机";
        groups => "Groups" / "分组";
        routes => "Routes" / "路由";
        keys => "Keys" / "使用方 key";
        bindings => "Bindings" / "会话绑定";
        generations => "Generations" / "配置版本";
        events => "Events" / "事件";
        notifications => "Notifications" / "通知";
        audit => "Audit" / "审计";
        tokens => "Tokens" / "管理 token";
        account => "Sessions" / "登录会话";
        language => "Language" / "语言";
        theme => "Colors" / "配色";
        system => "System" / "跟随系统";
        light => "Light" / "浅色";
        dark => "Dark" / "深色";
        ok => "OK" / "确定";
        log_out => "Log out" / "退出登录";
        copy => "Copy" / "复制";
        copied => "Copied" / "已复制";
        failed_to_refresh => "The server does not answer; what you see is the last state." / "服务器无响应，当前显示的是最后一次的状态。";
        dismiss => "Dismiss" / "关闭";
        first_run => "To the first request" / "完成首次请求";
        warnings => "Warnings" / "警告";
        older => "Older" / "下一页";
        newest => "Newest" / "回到最新";
        next => "Next" / "下一页";
        first_page => "First page" / "第一页";
        done_cleared => "Cool-downs were cleared." / "已清除冷却。";
        done_rolled_back => "The generation was published again." / "已重新发布该版本。";
        done_purged => "Bindings were removed." / "绑定已删除。";
        done_tested => "The test message was delivered." / "测试消息已送达。";
        done_ended => "Other sessions were ended." / "其他会话已全部退出。";
        done_logged_out => "You are logged out." / "您已退出登录。";
        done_saved => "Saved, and in force." / "已保存并生效。";
        done_deleted => "Deleted." / "已删除。";
        done_nothing => "Nothing differed, so nothing was changed." / "没有差异，未做任何更改。";
    }
}

/// Where a page is in the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Overview,
    Map,
    Decisions,
    Playground,
    Health,
    Usage,
    Hosts,
    Groups,
    Routes,
    Keys,
    Bindings,
    Generations,
    Events,
    Notifications,
    Audit,
    Tokens,
    Account,
    Settings,
    /// In no section, such as the page of an error.
    Elsewhere,
}

/// A link of the navigation.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) href: &'static str,
    pub(crate) text: &'static str,
    pub(crate) is_here: bool,
}

/// A heading of the navigation with its links.
#[derive(Clone, Debug)]
pub(crate) struct NavPart {
    pub(crate) title: &'static str,
    pub(crate) links: Vec<Link>,
}

/// Who is logged in, as it is shown.
#[derive(Clone, Debug)]
pub(crate) struct Me {
    pub(crate) name: String,
    pub(crate) role: String,
}

/// Everything around a page's own content.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    pub(crate) t: ShellWords,
    pub(crate) language: Language,
    pub(crate) theme: Theme,
    pub(crate) assets: AssetUrls,
    /// Absent on the login page.
    pub(crate) me: Option<Me>,
    pub(crate) form_token: String,
    pub(crate) here: String,
    pub(crate) nav: Vec<NavPart>,
    /// What was just done.
    pub(crate) notice: Option<&'static str>,
    role: Option<Role>,
}

impl Shell {
    pub(crate) fn new(visit: &Visit, section: Section) -> Self {
        let language = visit.preferences.language;
        let access = &visit.session.access;
        let role = terms::role(language, access.role.as_str()).into_owned();
        Self {
            me: Some(Me { name: faults::who(language, &access.actor).to_owned(), role }),
            form_token: visit.form_token.clone(),
            nav: navigation(ShellWords(language), section, access.role),
            role: Some(access.role),
            ..Self::bare(visit.preferences, &visit.here)
        }
    }

    /// For those who are not logged in.
    pub(crate) fn bare(preferences: Preferences, here: &str) -> Self {
        let t = ShellWords(preferences.language);
        let query = here.split_once('?').map_or("", |(_, query)| query);
        let done = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done");
        Self {
            t,
            language: preferences.language,
            theme: preferences.theme,
            assets: assets::urls(),
            me: None,
            form_token: String::new(),
            here: here.to_owned(),
            nav: Vec::new(),
            notice: done.and_then(|(_, done)| t.done(&done)),
            role: None,
        }
    }

    /// Whether buttons of operators are shown.
    pub(crate) fn may_operate(&self) -> bool {
        self.role.is_some_and(|role| role.covers(Role::Operator))
    }

    /// Whether buttons of admins are shown.
    pub(crate) fn may_administer(&self) -> bool {
        self.role.is_some_and(|role| role.covers(Role::Admin))
    }
}

impl ShellWords {
    /// What the `done` parameter of an address says: fixed words, so that a link cannot put its own on a page.
    fn done(self, what: &str) -> Option<&'static str> {
        Some(match what {
            "cleared" => self.done_cleared(),
            "rolled-back" => self.done_rolled_back(),
            "purged" => self.done_purged(),
            "tested" => self.done_tested(),
            "ended" => self.done_ended(),
            "logged-out" => self.done_logged_out(),
            "saved" => self.done_saved(),
            "deleted" => self.done_deleted(),
            "nothing" => self.done_nothing(),
            _ => return None,
        })
    }
}

fn navigation(t: ShellWords, here: Section, role: Role) -> Vec<NavPart> {
    let link = |section, href, text| Link { href, text, is_here: section == here };
    let mut records = vec![
        link(Section::Events, "/events", t.events()),
        link(Section::Notifications, "/notifications", t.notifications()),
        link(Section::Audit, "/audit", t.audit()),
    ];
    if role.covers(Role::Admin) {
        records.push(link(Section::Tokens, "/tokens", t.tokens()));
    }
    records.push(link(Section::Account, "/account", t.account()));
    records.push(link(Section::Settings, "/settings", t.settings()));
    vec![
        NavPart {
            title: t.watch(),
            links: vec![
                link(Section::Overview, "/", t.overview()),
                link(Section::Map, "/map", t.map()),
                link(Section::Decisions, "/decisions", t.decisions()),
                link(Section::Playground, "/playground", t.playground()),
                link(Section::Health, "/health", t.health()),
                link(Section::Usage, "/usage", t.usage()),
            ],
        },
        NavPart {
            title: t.fleet(),
            links: vec![
                link(Section::Hosts, "/hosts", t.hosts()),
                link(Section::Groups, "/groups", t.groups()),
                link(Section::Routes, "/routes", t.routes()),
                link(Section::Keys, "/keys", t.keys()),
                link(Section::Bindings, "/bindings", t.bindings()),
                link(Section::Generations, "/generations", t.generations()),
            ],
        },
        NavPart { title: t.records(), links: records },
    ]
}

/// A rendered template as an answer.
pub(crate) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => {
            let mut response = Html(html).into_response();
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "a page was not rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// After a form: look there.
pub(crate) fn see_other(path: &str) -> Response {
    let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response()
}
