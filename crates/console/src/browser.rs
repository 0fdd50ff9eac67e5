//! A browser by its name, version and system, from what it says of itself. What says something else is an unknown one:
//! the pages show the whole text beside it.

use crate::words::{Language, words};

words! {
    BrowserWords {
        on(browser, system) => "{browser} on {system}" / "{browser} · {system}";
        unknown => "unknown browser" / "未知浏览器";
    }
}

/// Tokens before a version, and whose they are. Browsers name those that they want to be taken for, too: the first one here counts.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Version/", "Safari"),
];

/// Words of systems; Android says Linux, and iPhones Mac OS X, after their own.
const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// `Chrome 156 on Linux`, as far as it is said.
pub(crate) fn named(language: Language, user_agent: &str) -> String {
    let t = BrowserWords(language);
    let versioned = |(token, name): &(&str, &str)| {
        let (_, rest) = user_agent.split_once(token)?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        Some(format!("{name} {}", &rest[..digits]).trim_end().to_owned())
    };
    let browser = BROWSERS.iter().find_map(versioned);
    let system = SYSTEMS.iter().find(|(word, _)| user_agent.contains(word)).map(|(_, name)| *name);
    match (browser, system) {
        (Some(browser), Some(system)) => t.on(browser, system),
        (Some(browser), None) => browser,
        (None, Some(system)) => t.on(t.unknown(), system),
        (None, None) => t.unknown().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_named_by_what_they_are_and_not_by_what_they_resemble() {
        let check = |said: &str, expected: &str| assert_eq!(named(Language::English, said), expected, "{said}");
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        check(
            &format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} Chrome/156.0.0.0 Safari/537.36"),
            "Chrome 156 on Linux",
        );
        check(
            &format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} HeadlessChrome/156.0.0.0 Safari/537.36"),
            "Chrome 156 on Linux",
        );
        check(
            &format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {webkit} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"),
            "Edge 140 on Windows",
        );
        check(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0",
            "Firefox 145 on macOS",
        );
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
            "Safari 19 on iOS",
        );
        check("curl/8.5.0", "unknown browser");
        check("", "unknown browser");
        check("Chrome/", "Chrome");
        assert_eq!(named(Language::Chinese, "Linux Chrome/156.0"), "Chrome 156 · Linux");
    }
}
