//! What is wrong with a setting of a channel, as its form says it: of what was entered, in the form's words.

use relay_control::notifications::Wrong;

use crate::words::{Language, words};

words! {
    ToldWords {
        missing => "Fill this in." / "请填写此项。";
        fixed => "This cannot be changed; add another channel." / "此项不能修改，请新增另一个渠道。";
        id(most) => "Use lower-case letters, digits and hyphens only, {most} at most." / "只能使用小写字母、数字和连字符，最多 {most} 个。";
        repeat => "Enter a time such as 12h, 5m at least." / "请填写时长，例如 12h，至少 5m。";
        zone => "Enter a time zone such as Asia/Shanghai." / "请填写时区，例如 Asia/Shanghai。";
        quiet_hours => "Enter two different times, such as 23:00 and 08:00." / "请填写两个不同的时间，例如 23:00 和 08:00。";
        url => "Enter a URL that begins with https://." / "请填写以 https:// 开头的 URL。";
        http => "Begin it with https://, or tick “The server has a private address, or speaks plain HTTP”." / "请以 https:// 开头，或勾选“服务器使用内网地址或明文 HTTP”。";
        userinfo => "Leave user:password@ out." / "请去掉 user:password@。";
        fragment => "Leave out the # and what is after it." / "请去掉 # 及之后的部分。";
        plain => "To send without encryption, tick “The server has a private address, or speaks plain HTTP”." / "如需不加密发送，请勾选“服务器使用内网地址或明文 HTTP”。";
        port => "Enter a number from 1 to 65535." / "请填写 1 到 65535 之间的数。";
        login => "Enter the user name and the password, or neither." / "请同时填写用户名和密码，或都不填。";
        address(text) => "“{text}” is no address; enter one such as ops@example.com or Ops <ops@example.com>." / "“{text}” 不是邮件地址，请填写例如 ops@example.com 或 Ops <ops@example.com>。";
        bot_token => "Enter the token of a bot, such as 123456:ABC-DEF1234." / "请填写机器人 token，例如 123456:ABC-DEF1234。";
    }
}

/// What is wrong, at the field.
pub(super) fn at_field(language: Language, wrong: &Wrong) -> String {
    let t = ToldWords(language);
    match wrong {
        Wrong::Id(most) => t.id(most),
        Wrong::Address(text) => t.address(text),
        Wrong::Missing | Wrong::Empty => t.missing().to_owned(),
        Wrong::Fixed => t.fixed().to_owned(),
        Wrong::Repeat => t.repeat().to_owned(),
        Wrong::Zone => t.zone().to_owned(),
        Wrong::QuietHours => t.quiet_hours().to_owned(),
        Wrong::Url => t.url().to_owned(),
        Wrong::Http => t.http().to_owned(),
        Wrong::Userinfo => t.userinfo().to_owned(),
        Wrong::Fragment => t.fragment().to_owned(),
        Wrong::Plain => t.plain().to_owned(),
        Wrong::Port => t.port().to_owned(),
        Wrong::Login => t.login().to_owned(),
        Wrong::BotToken => t.bot_token().to_owned(),
        // The form sends texts and lists where they belong, and the words that it lets choose from.
        Wrong::Text
        | Wrong::Flag
        | Wrong::Texts
        | Wrong::Unknown
        | Wrong::Service
        | Wrong::Language(_)
        | Wrong::Severity(_)
        | Wrong::Event(_)
        | Wrong::Encryption => wrong.to_string(),
    }
}
