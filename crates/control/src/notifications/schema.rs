//! Notification channels for the API's description (ADR 0012). `relay-notify`
//! reads their settings by hand, and notes all faults at once.

use utoipa::ToSchema;

/// A channel's settings. Which of them a type needs is in docs/notifications.md.
#[derive(Debug, ToSchema)]
pub struct ChannelSettings {
    /// At most 64 lower-case letters, digits and hyphens.
    #[schema(example = "ops")]
    pub id: String,
    /// The service.
    pub r#type: ChannelType,
    /// Whether anything is sent; `true` when left out.
    pub enabled: Option<bool>,
    /// Whether its server may have a private address.
    pub allow_private: Option<bool>,
    /// `en` or `zh-CN`.
    pub language: Option<String>,
    /// Kinds of events it is told of; all when left out.
    #[schema(example = json!(["host_down", "panic_mode"]))]
    pub events: Option<Vec<String>>,
    /// `info`, `warning` or `critical`: what matters less is not told.
    pub min_severity: Option<String>,
    /// How often it is told again while something lasts; at least `5m`.
    #[schema(example = "12h")]
    pub repeat: Option<String>,
    /// The zone of `quiet_hours`; UTC when left out.
    #[schema(example = "Asia/Shanghai")]
    pub time_zone: Option<String>,
    /// When only what is critical is told.
    pub quiet_hours: Option<QuietHours>,
    /// `webhook`, `dingtalk`, `feishu`, `wecom`: where to post. Secret: shown without its path.
    pub url: Option<String>,
    /// `webhook`: what messages are signed with; `dingtalk`, `feishu`: the robot's secret. Never shown.
    pub secret: Option<String>,
    /// `telegram`: the bot's token. Never shown.
    pub bot_token: Option<String>,
    /// `telegram`: the chat.
    pub chat_id: Option<String>,
    /// `telegram`, `bark`: another server than the public one.
    pub base_url: Option<String>,
    /// `bark`: the device. Never shown.
    pub device_key: Option<String>,
    /// `email`: the mail server.
    pub smtp_host: Option<String>,
    /// `email`: its port; by `tls` when left out.
    #[schema(minimum = 1, maximum = 65535)]
    pub smtp_port: Option<u16>,
    /// `email`: TLS.
    pub tls: Option<String>,
    /// `email`: login.
    pub username: Option<String>,
    /// `email`: password. Never shown.
    pub password: Option<String>,
    /// `email`: the sender.
    pub from: Option<String>,
    /// `email`: the recipients.
    pub to: Option<Vec<String>>,
}

/// A channel as it is shown: its settings, of each secret only that it is there.
#[derive(Debug, ToSchema)]
pub struct Channel {
    /// At most 64 lower-case letters, digits and hyphens.
    #[schema(example = "ops")]
    pub id: String,
    /// The service.
    pub r#type: ChannelType,
    /// Whether anything is sent.
    pub enabled: bool,
    /// Whether its server may have a private address.
    #[schema(nullable = false)]
    pub allow_private: Option<bool>,
    /// `en` or `zh-CN`.
    #[schema(nullable = false)]
    pub language: Option<String>,
    /// Kinds of events it is told of; all when left out.
    #[schema(example = json!(["host_down", "panic_mode"]))]
    #[schema(nullable = false)]
    pub events: Option<Vec<String>>,
    /// `info`, `warning` or `critical`: what matters less is not told.
    #[schema(nullable = false)]
    pub min_severity: Option<String>,
    /// How often it is told again while something lasts; at least `5m`.
    #[schema(example = "12h")]
    #[schema(nullable = false)]
    pub repeat: Option<String>,
    /// The zone of `quiet_hours`; UTC when left out.
    #[schema(example = "Asia/Shanghai")]
    #[schema(nullable = false)]
    pub time_zone: Option<String>,
    /// When only what is critical is told.
    #[schema(nullable = false)]
    pub quiet_hours: Option<QuietHours>,
    /// `webhook`, `dingtalk`, `feishu`, `wecom`: where to post. Secret: shown without its path.
    #[schema(nullable = false)]
    pub url: Option<String>,
    /// `webhook`: what messages are signed with; `dingtalk`, `feishu`: the robot's secret. Never shown.
    #[schema(nullable = false)]
    pub secret: Option<String>,
    /// `telegram`: the bot's token. Never shown.
    #[schema(nullable = false)]
    pub bot_token: Option<String>,
    /// `telegram`: the chat.
    #[schema(nullable = false)]
    pub chat_id: Option<String>,
    /// `telegram`, `bark`: another server than the public one.
    #[schema(nullable = false)]
    pub base_url: Option<String>,
    /// `bark`: the device. Never shown.
    #[schema(nullable = false)]
    pub device_key: Option<String>,
    /// `email`: the mail server.
    #[schema(nullable = false)]
    pub smtp_host: Option<String>,
    /// `email`: its port; by `tls` when left out.
    #[schema(minimum = 1, maximum = 65535)]
    #[schema(nullable = false)]
    pub smtp_port: Option<u16>,
    /// `email`: TLS.
    #[schema(nullable = false)]
    pub tls: Option<String>,
    /// `email`: login.
    #[schema(nullable = false)]
    pub username: Option<String>,
    /// `email`: password. Never shown.
    #[schema(nullable = false)]
    pub password: Option<String>,
    /// `email`: the sender.
    #[schema(nullable = false)]
    pub from: Option<String>,
    /// `email`: the recipients.
    #[schema(nullable = false)]
    pub to: Option<Vec<String>>,
    /// When it was made.
    pub created_at: relay_domain::Timestamp,
    /// When it was last changed.
    pub updated_at: relay_domain::Timestamp,
}

/// A service that carries messages.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
pub enum ChannelType {
    /// Our own format, signed.
    Webhook,
    /// A group robot of DingTalk.
    DingTalk,
    /// A group bot of Feishu, or Lark.
    Feishu,
    /// A group robot of WeCom.
    WeCom,
    /// A Telegram bot.
    Telegram,
    /// The Bark app on iOS.
    Bark,
    /// E-mail over SMTP.
    Email,
}

/// Hours in which only what is critical is told.
#[derive(Debug, ToSchema)]
pub struct QuietHours {
    /// Their beginning.
    #[schema(example = "23:00")]
    pub from: String,
    /// Their end; before the beginning when they pass midnight.
    #[schema(example = "08:00")]
    pub to: String,
}
