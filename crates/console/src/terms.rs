//! The product's fixed words (verdicts, states, reasons) as people read them, and how grave they
//! are. A word that is not here, such as one of a later version, is shown as it is.

use std::borrow::Cow;

use crate::words::Language;

/// A word on the wire, and in each language.
type Table = &'static [(&'static str, &'static str, &'static str)];

fn look_up(table: Table, language: Language, word: &str) -> Cow<'static, str> {
    match table.iter().find(|(known, ..)| *known == word) {
        Some((_, english, chinese)) => Cow::Borrowed(match language {
            Language::English => english,
            Language::Chinese => chinese,
        }),
        None => Cow::Owned(word.to_owned()),
    }
}

macro_rules! terms {
    ($($(#[$doc:meta])* $name:ident { $($word:literal => $english:literal / $chinese:literal;)* })*) => {
        $(
            $(#[$doc])*
            pub(crate) fn $name(language: Language, word: &str) -> Cow<'static, str> {
                look_up(&[$(($word, $english, $chinese)),*], language, word)
            }
        )*
    };
}

terms! {
    /// Roles.
    role {
        "admin" => "administrator" / "管理员";
        "operator" => "operator" / "操作员";
        "viewer" => "viewer" / "只读用户";
    }

    /// How a request ended.
    verdict {
        "complete" => "complete" / "完成";
        "resolved" => "resolved only" / "仅解析";
        "failed" => "failed" / "失败";
        "truncated" => "cut" / "被截断";
        "idle_cut" => "went silent" / "中途静默";
        "error_in_stream" => "error in stream" / "流中报错";
        "client_gone" => "client left" / "客户端断开";
        "interrupted" => "interrupted" / "进程中断";
        "open" => "in flight" / "进行中";
    }

    /// What became of a binding.
    sticky {
        "hit" => "hit" / "命中";
        "bind" => "bound" / "新绑定";
        "rebind" => "moved" / "已迁移";
        "borrow" => "borrowed" / "临时借用";
        "none" => "none" / "无";
    }

    /// What stickiness is keyed by.
    scope {
        "conversation" => "conversation" / "会话";
        "user" => "user" / "用户";
        "none" => "none" / "无";
    }

    /// How an attempt ended.
    end {
        "answered" => "answered" / "已应答";
        "refused" => "refused" / "被拒绝";
        "not_sent" => "not sent" / "未发出";
        "maybe_executed" => "perhaps executed" / "可能已执行";
    }

    /// What the plan made of a route.
    candidate {
        "first" => "chosen first" / "首选";
        "next" => "in reserve" / "备选";
        "excluded" => "excluded" / "已排除";
    }

    /// State of a breaker.
    breaker {
        "closed" => "well" / "正常";
        "open" => "open" / "已熔断";
        "half_open" => "half-open" / "试探恢复";
    }

    /// What opened a breaker.
    opened_by {
        "consecutive" => "failures in a row" / "连续失败";
        "rate" => "too many failures" / "失败率过高";
        "together" => "all its routes failed together" / "所有路由同时失败";
    }

    /// Why a credential cools down.
    cooling {
        "rate_limited" => "rate-limited" / "触发限流";
        "quota" => "quota used up" / "额度用尽";
        "refused" => "key refused" / "key 被拒绝";
        "address_banned" => "our address is refused" / "本机地址被拒绝";
    }

    /// What does not fit a route's configuration.
    flag {
        "misconfigured" => "misconfigured" / "配置有误";
        "drift" => "differs from the host" / "与主机不一致";
    }

    /// Severity of an event.
    severity {
        "info" => "info" / "提示";
        "warning" => "warning" / "警告";
        "critical" => "critical" / "严重";
    }

    /// State of a delivery.
    delivery {
        "pending" => "to be sent" / "待发送";
        "delivered" => "delivered" / "已送达";
        "failed" => "failed" / "失败";
        "superseded" => "overtaken" / "已被取代";
    }

    /// Phase of a notification.
    phase {
        "firing" => "begins" / "触发";
        "recovered" => "is over" / "恢复";
        "test" => "test" / "测试";
    }

    /// Where a gateway key came from.
    credential {
        "host_key" => "the host's shared key" / "主机共享 key";
        "managed" => "managed access" / "托管访问";
        "caller" => "the caller's own key" / "调用方自带 key";
    }

    /// A noun of the fleet.
    noun {
        "host" => "host" / "主机";
        "group" => "group" / "分组";
        "route" => "route" / "路由";
        "key" => "key" / "key";
    }
}

/// The color of a badge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Warning,
    Bad,
    Quiet,
}

impl Tone {
    /// The class in the style sheet.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}

impl std::fmt::Display for Tone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A fixed word with its color.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Badge {
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

impl Badge {
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// The badge of a verdict.
pub(crate) fn verdict_badge(language: Language, word: &str) -> Badge {
    let tone = match word {
        "complete" => Tone::Good,
        "failed" | "truncated" | "idle_cut" | "error_in_stream" | "interrupted" => Tone::Bad,
        _ => Tone::Quiet,
    };
    Badge::new(tone, verdict(language, word))
}

/// The badge of a breaker's state.
pub(crate) fn breaker_badge(language: Language, word: &str) -> Badge {
    let tone = match word {
        "closed" => Tone::Good,
        "half_open" => Tone::Warning,
        _ => Tone::Bad,
    };
    Badge::new(tone, breaker(language, word))
}

/// The badge of what became of a binding.
pub(crate) fn sticky_badge(language: Language, word: &str) -> Badge {
    let tone = match word {
        "hit" => Tone::Good,
        "rebind" | "borrow" => Tone::Warning,
        _ => Tone::Quiet,
    };
    Badge::new(tone, sticky(language, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_words_are_translated_and_others_shown_as_they_are() {
        assert_eq!(verdict(Language::Chinese, "complete"), "完成");
        assert_eq!(verdict(Language::English, "truncated"), "cut");
        assert_eq!(verdict(Language::Chinese, "vanished"), "vanished");
        assert_eq!(verdict_badge(Language::English, "failed").tone, Tone::Bad);
    }
}
