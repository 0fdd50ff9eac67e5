//! E-mail over SMTP: a plain text message to a few people.

use std::time::SystemTime;

use lettre::message::{Mailbox, Message as Mail, SinglePart};
use relay_domain::Secret;

use super::{Notice, Outcome};
use crate::Wrong;
use crate::fields::Fields;

/// Who sends, by which server, to whom.
#[derive(Clone)]
pub struct Email {
    /// The SMTP server's name; its certificate must be for it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// User and password.
    pub login: Option<(String, Secret)>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

redacted!(Email);

/// How a connection to an SMTP server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// TLS by `STARTTLS`, without which nothing is sent.
    StartTls,
    /// None: for a relay on a private network.
    None,
}

impl Security {
    /// The port that servers have for it.
    fn port(self) -> u16 {
        match self {
            Self::Tls => 465,
            Self::StartTls => 587,
            Self::None => 25,
        }
    }
}

impl Email {
    pub(crate) fn read(fields: &mut Fields, allow_private: bool) -> Self {
        let host = fields.required("smtp_host");
        let security = fields.parsed("tls", |text| match text {
            "tls" => Ok(Security::Tls),
            "starttls" => Ok(Security::StartTls),
            "none" if allow_private => Ok(Security::None),
            "none" => Err(Wrong::Plain),
            _ => Err(Wrong::Encryption),
        });
        let security = security.unwrap_or(Security::Tls);
        let port = fields.take("smtp_port").and_then(|port| {
            let number = port.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
            if number.is_none() {
                fields.fault("smtp_port", Wrong::Port);
            }
            number
        });
        let login = match (fields.text("username"), fields.text("password")) {
            (Some(user), Some(password)) => Some((user, Secret::new(&password))),
            (None, None) => None,
            _ => {
                fields.fault("username", Wrong::Login);
                None
            }
        };
        let from = read_from(fields);
        let to = read_to(fields);
        Self { host, port: port.unwrap_or(security.port()), security, login, from, to }
    }

    /// The message. Its id stays the same over retries, so that a mailbox can
    /// tell the second copy of one whose first answer was lost.
    ///
    /// # Errors
    /// When the texts make no message.
    pub fn mail(&self, notice: Notice<'_>) -> Result<Mail, Outcome> {
        let Notice { id, event, message, now } = notice;
        let stamp = event.at.as_microsecond();
        let mut mail = Mail::builder()
            .from(self.from.clone())
            .subject(&message.title)
            .date(SystemTime::from(now))
            .message_id(Some(format!("<relay-manager.{id}.{stamp}@{}>", self.from.email.domain())));
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        // As a part, so that `MIME-Version` is set, without which a reader may show Base64 as it is.
        let text = SinglePart::plain(message.body.clone());
        mail.singlepart(text).map_err(|error| Outcome::refused(format!("no message can be made: {error}")))
    }
}

/// A place for what could not be read, beside its fault.
fn nobody() -> Mailbox {
    "nobody@invalid.invalid".parse().expect("it is an address")
}

fn read_from(fields: &mut Fields) -> Mailbox {
    let text = fields.required("from");
    if text.is_empty() {
        return nobody();
    }
    text.parse().unwrap_or_else(|_| {
        fields.fault("from", Wrong::Address(text));
        nobody()
    })
}

fn read_to(fields: &mut Fields) -> Vec<Mailbox> {
    let Some(texts) = fields.texts("to") else {
        fields.fault("to", Wrong::Missing);
        return Vec::new();
    };
    if texts.is_empty() {
        fields.fault("to", Wrong::Empty);
    }
    let mut to = Vec::new();
    for text in texts {
        match text.parse() {
            Ok(mailbox) => to.push(mailbox),
            Err(_) => fields.fault("to", Wrong::Address(text)),
        }
    }
    to
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::channels::Target;
    use crate::channels::samples::{target, with_notice};
    use crate::{Language, Phase};

    fn email() -> Email {
        let settings = json!({
            "type": "email", "smtp_host": "smtp.example.com", "username": "relay", "password": "canary",
            "from": "Relay Manager <relay@example.com>", "to": ["ops@example.com", "Ann <ann@example.com>"],
        });
        let Target::Email(email) = target(settings) else { panic!("e-mail") };
        email
    }

    #[test]
    fn the_message_is_plain_text_for_everybody() {
        let mail = |language| {
            let mail = with_notice(Phase::Firing, language, |notice| email().mail(notice).unwrap());
            String::from_utf8(mail.formatted()).unwrap().replace("\r\n", "\n")
        };
        insta::assert_snapshot!("english", mail(Language::English));
        insta::assert_snapshot!("chinese", mail(Language::Chinese));
    }

    #[test]
    fn a_title_from_elsewhere_adds_no_header() {
        let mail = with_notice(Phase::Firing, Language::English, |notice| {
            let message = crate::Message { title: "x\r\nBcc: all@example.com".into(), ..notice.message.clone() };
            email().mail(Notice { message: &message, ..notice }).map(|mail| mail.formatted())
        });
        let text = mail.map(|mail| String::from_utf8(mail).unwrap()).unwrap_or_default();
        assert!(!text.contains("\nBcc:"), "{text}");
    }

    #[test]
    fn ports_follow_the_protection_and_none_is_for_private_networks() {
        assert_eq!((email().port, email().security), (465, Security::Tls));
        assert_eq!([Security::StartTls.port(), Security::None.port()], [587, 25]);
        let mut fields = Fields::new([("tls".to_owned(), json!("none"))].into_iter().collect());
        Email::read(&mut fields, false);
        let faults = fields.finish().unwrap_err();
        assert!(faults.iter().any(|fault| fault.wrong == Wrong::Plain), "{faults:?}");
    }
}
