//! What a value may look like, and how a text becomes one. Messages say what is
//! wrong and what to write instead; where the value stood is the caller's to say.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;

/// A value as a layer gave it.
#[derive(Clone, Debug)]
pub(crate) enum Raw {
    /// From a flag or the environment: text whatever the key wants.
    Untyped(String),
    /// A string of the file.
    Text(String),
    /// An integer of the file.
    Integer(i64),
    /// `true` or `false` of the file.
    Flag(bool),
    /// Anything else of the file; nothing takes it.
    Other(&'static str),
}

/// The values a key takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// A file or directory.
    Path,
    /// Where the fleet is kept.
    Store,
    /// Where bindings are kept.
    Bindings,
    /// IP address and port.
    Address,
    /// The URL of a server.
    Url,
    /// A number of bytes.
    Size { least: u64, most: u64 },
    /// A whole number.
    Count { least: u64, most: u64 },
    /// A duration.
    Span { least: Duration, most: Duration },
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// Any text.
    Text,
    /// Words with commas between them.
    List,
}

impl fmt::Display for Raw {
    /// As it stood.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untyped(text) | Self::Text(text) => f.write_str(text),
            Self::Integer(number) => fmt::Display::fmt(number, f),
            Self::Flag(flag) => fmt::Display::fmt(flag, f),
            Self::Other(kind) => f.write_str(kind),
        }
    }
}

/// Where the fleet is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreLocation {
    /// A SQLite file.
    Sqlite(PathBuf),
}

/// Where bindings are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BindingsLocation {
    /// In this process; gone with it.
    Memory,
    /// In a SQLite file of the data directory.
    Sqlite,
}

/// What is wrong with a value, and the remedy.
pub(crate) type Complaint = String;

fn text(raw: &Raw, example: &str) -> Result<String, Complaint> {
    match raw {
        Raw::Untyped(text) | Raw::Text(text) if text.trim().is_empty() => Err(format!("is empty; write {example}")),
        Raw::Untyped(text) | Raw::Text(text) => Ok(text.trim().to_owned()),
        Raw::Integer(number) => Err(format!("{number} is a number; write text in quotes, such as {example}")),
        Raw::Flag(_) => Err(format!("is true or false; write text in quotes, such as {example}")),
        Raw::Other(kind) => Err(format!("is {kind}; write text in quotes, such as {example}")),
    }
}

pub(crate) fn path(raw: &Raw) -> Result<PathBuf, Complaint> {
    text(raw, "\"data\"").map(PathBuf::from)
}

pub(crate) fn store(raw: &Raw) -> Result<StoreLocation, Complaint> {
    let text = text(raw, "\"sqlite:data/relay.db\"")?;
    if text.starts_with("postgres:") || text.starts_with("postgresql:") {
        // The text is not repeated: it usually holds a password.
        return Err("PostgreSQL is not available in this version; write sqlite:<path>".to_owned());
    }
    let file = text.strip_prefix("sqlite:").ok_or_else(|| {
        // Nor here: an unknown scheme may be another database's.
        "is not a store; write sqlite:<path>, such as sqlite:data/relay.db".to_owned()
    })?;
    let file = file.strip_prefix("//").unwrap_or(file);
    if file.is_empty() || file.starts_with(':') || file.contains('?') {
        return Err(format!("{text:?} does not name a file; write sqlite:<path>, such as sqlite:data/relay.db"));
    }
    Ok(StoreLocation::Sqlite(PathBuf::from(file)))
}

pub(crate) fn bindings(raw: &Raw) -> Result<BindingsLocation, Complaint> {
    let text = text(raw, "\"memory\"")?;
    match text.as_str() {
        "memory" => Ok(BindingsLocation::Memory),
        "sqlite" => Ok(BindingsLocation::Sqlite),
        _ if text.starts_with("redis:") || text.starts_with("rediss:") => {
            Err("Redis is not available in this version; write memory or sqlite".to_owned())
        }
        _ => Err(format!("{text:?} is not a place for bindings; write memory or sqlite")),
    }
}

pub(crate) fn address(raw: &Raw) -> Result<SocketAddr, Complaint> {
    let text = text(raw, "\"127.0.0.1:8787\"")?;
    text.parse().map_err(|_| {
        let port = text.strip_prefix(':').or_else(|| text.strip_prefix("*:")).unwrap_or(&text);
        if port.parse::<u16>().is_ok() {
            return format!(
                "{text:?} has no address; write 127.0.0.1:{port} for this machine, 0.0.0.0:{port} for every one"
            );
        }
        if text.parse::<std::net::IpAddr>().is_ok() {
            return format!("{text:?} has no port; write it as 127.0.0.1:8787 or [::1]:8787");
        }
        format!("{text:?} is not an address; write an IP address and a port, such as 127.0.0.1:8787")
    })
}

pub(crate) fn url(raw: &Raw) -> Result<String, Complaint> {
    let text = text(raw, "\"http://127.0.0.1:4318\"")?;
    let is_url = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    // The text is not repeated: it may hold a password.
    if is_url { Ok(text) } else { Err("is not a URL; write it as http://127.0.0.1:4318".to_owned()) }
}

pub(crate) fn flag(raw: &Raw) -> Result<bool, Complaint> {
    let remedy = "write true or false, without quotes";
    match raw {
        Raw::Flag(flag) => Ok(*flag),
        Raw::Untyped(text) => {
            text.trim().parse().map_err(|_| format!("{:?} is neither; write true or false", text.trim()))
        }
        Raw::Text(text) => Err(format!("{text:?} is text; {remedy}")),
        Raw::Integer(number) => Err(format!("{number} is a number; {remedy}")),
        Raw::Other(kind) => Err(format!("is {kind}; {remedy}")),
    }
}

pub(crate) fn line(raw: &Raw) -> Result<String, Complaint> {
    text(raw, "\"Status\"")
}

pub(crate) fn list(raw: &Raw) -> Result<Vec<String>, Complaint> {
    let text = text(raw, "\"gpt, claude\"")?;
    Ok(text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

pub(crate) fn choice(raw: &Raw, words: &'static [&'static str]) -> Result<&'static str, Complaint> {
    let text = text(raw, &format!("\"{}\"", words[0]))?;
    words
        .iter()
        .find(|word| **word == text)
        .copied()
        .ok_or_else(|| format!("{text:?} is not a choice; write {}", words.join(" or ")))
}

pub(crate) fn count(raw: &Raw, least: u64, most: u64) -> Result<u64, Complaint> {
    let range = format!("write a whole number from {least} to {most}");
    let number = match raw {
        Raw::Integer(number) => i128::from(*number),
        Raw::Untyped(text) => {
            text.trim().parse().map_err(|_| format!("{:?} is not a whole number; {range}", text.trim()))?
        }
        Raw::Text(text) if text.trim().parse::<u64>().is_ok() => {
            return Err(format!("{text:?} is text; write the number without quotes: {}", text.trim()));
        }
        Raw::Text(text) => return Err(format!("{text:?} is text; {range}")),
        Raw::Flag(_) => return Err(format!("is true or false; {range}")),
        Raw::Other(kind) => return Err(format!("is {kind}; {range}")),
    };
    u64::try_from(number)
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("{number} is out of range; {range}"))
}

pub(crate) fn size(raw: &Raw, least: u64, most: u64) -> Result<u64, Complaint> {
    let range = format!("write a size from {} to {}, such as \"64MiB\"", show_size(least), show_size(most));
    let (bytes, shown) = if let Raw::Integer(number) = raw {
        (u64::try_from(*number).ok(), number.to_string())
    } else {
        let text = text(raw, "\"64MiB\"")?;
        let size: ByteSize = text.parse().map_err(|_| format!("{text:?} is not a size; {range}"))?;
        (Some(size.as_u64()), format!("{text:?}"))
    };
    bytes.filter(|bytes| (least..=most).contains(bytes)).ok_or_else(|| format!("{shown} is out of range; {range}"))
}

pub(crate) fn span(raw: &Raw, least: Duration, most: Duration) -> Result<Duration, Complaint> {
    let range = format!("write a duration from {} to {}", show_span(least), show_span(most));
    let text = match raw {
        Raw::Integer(number) => {
            return Err(format!("{number} has no unit; write it as \"{number}s\" or \"{number}m\""));
        }
        _ => text(raw, "\"30s\"")?,
    };
    if text != "0" && text.parse::<u64>().is_ok() {
        return Err(format!("{text:?} has no unit; write it as {text}s or {text}m"));
    }
    let span = humantime::parse_duration(&text)
        .map_err(|_| format!("{text:?} is not a duration; {range}, such as \"30s\", \"5m\", \"1h 30m\""))?;
    if (least..=most).contains(&span) { Ok(span) } else { Err(format!("{text:?} is out of range; {range}")) }
}

pub(crate) fn show_span(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        _ if span.is_zero() => "0s".to_owned(),
        _ if seconds >= 86_400 && seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ => humantime::format_duration(span).to_string(),
    }
}

pub(crate) fn show_size(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_024 => (1, "B"),
        1_024..1_048_576 => (1 << 10, "KiB"),
        1_048_576..1_073_741_824 => (1 << 20, "MiB"),
        _ => (1 << 30, "GiB"),
    };
    format!("{}{name}", bytes / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn untyped(text: &str) -> Raw {
        Raw::Untyped(text.to_owned())
    }

    #[test]
    fn a_store_is_a_sqlite_file() {
        let sqlite = |path: &str| Ok(StoreLocation::Sqlite(PathBuf::from(path)));
        assert_eq!(store(&untyped("sqlite:data/relay.db")), sqlite("data/relay.db"));
        assert_eq!(store(&untyped("sqlite:///var/lib/relay.db")), sqlite("/var/lib/relay.db"));
        assert!(store(&untyped("sqlite::memory:")).is_err());
        assert!(store(&untyped("mysql://root:hunter2@db")).is_err_and(|complaint| !complaint.contains("hunter2")));
    }

    #[test]
    fn a_refused_postgres_url_does_not_show_its_password() {
        let complaint = store(&untyped("postgres://relay:hunter2@db/relay")).unwrap_err();
        assert_eq!(complaint, "PostgreSQL is not available in this version; write sqlite:<path>");
    }

    #[test]
    fn a_missing_unit_address_or_port_is_told_apart() {
        let span = |raw: &Raw| span(raw, Duration::from_secs(1), Duration::from_mins(1)).unwrap_err();
        assert_eq!(span(&Raw::Integer(30)), "30 has no unit; write it as \"30s\" or \"30m\"");
        assert_eq!(span(&untyped("30")), "\"30\" has no unit; write it as 30s or 30m");
        assert_eq!(span(&untyped("2m")), "\"2m\" is out of range; write a duration from 1s to 1m");
        assert!(address(&untyped(":8787")).unwrap_err().contains("127.0.0.1:8787 for this machine"));
        assert!(address(&untyped("::1")).unwrap_err().contains("has no port"));
        assert!(address(&untyped("localhost:1")).unwrap_err().contains("IP address and a port"));
    }

    #[test]
    fn sizes_are_bytes_or_carry_a_unit() {
        let size = |raw: &Raw| size(raw, 1 << 10, 1 << 30);
        assert_eq!(size(&untyped("64MiB")), Ok(64 << 20));
        assert_eq!(size(&Raw::Integer(2048)), Ok(2048));
        assert_eq!(
            size(&Raw::Integer(1)).unwrap_err(),
            "1 is out of range; write a size from 1KiB to 1GiB, such as \"64MiB\""
        );
        assert!(size(&Raw::Integer(-1)).is_err());
    }
}
