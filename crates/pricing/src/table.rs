//! The table: which rates a model has on a day. List prices ship with the
//! product (`prices.toml` beside this crate's manifest); an operator's own
//! table goes before them, model by model.

use std::collections::HashMap;
use std::str::FromStr;

use relay_domain::{DecimalError, ModelPattern, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::rates::{Rate, Rates};

/// The list prices that ship with the product.
const LIST_PRICES: &str = include_str!("../prices.toml");

/// One line of the table, as it is written: rates for a million tokens, as decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PriceEntry)]
pub struct Entry {
    /// A model's name, or a prefix such as `gpt-5*`. A date behind an exact name
    /// (`-2025-08-07`, `-20250929`) belongs to it.
    pub model: String,
    /// Input tokens.
    pub input: String,
    /// Input tokens read from a prompt cache; left out: as other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cached_input: Option<String>,
    /// Input tokens written to a prompt cache; left out: as other input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cache_write: Option<String>,
    /// Output tokens.
    pub output: String,
    /// The line is for requests with more input tokens than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub above_input: Option<u64>,
    /// From this day (UTC); left out: ever since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub from: Option<String>,
    /// Where the rates were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub source: Option<String>,
    /// The day of what was read there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub checked: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    price: Vec<Entry>,
}

/// Why a text is no price table.
#[derive(Debug, thiserror::Error)]
pub enum PriceFault {
    /// It is not TOML, or has other fields.
    #[error("is no price table: {0}")]
    Form(#[source] Box<toml::de::Error>),
    /// A value cannot be read.
    #[error("price of \"{model}\": {field} {reason}")]
    Value {
        /// Whose.
        model: String,
        /// Which.
        field: &'static str,
        /// Why.
        reason: String,
    },
}

#[derive(Clone, Debug)]
struct Line {
    from: Timestamp,
    above_input: u64,
    rates: Rates,
    entry: Entry,
}

/// The lines of one origin, found by name without a walk: it is asked at every request's end.
#[derive(Clone, Debug, Default)]
struct Layer {
    exact: HashMap<String, Vec<Line>>,
    /// Longest first.
    prefixes: Vec<(String, Vec<Line>)>,
}

/// The rates of models, by date.
#[derive(Clone, Debug, Default)]
pub struct PriceTable {
    own: Layer,
    list: Layer,
}

impl PriceTable {
    /// The list prices that ship with the product.
    pub fn list() -> Self {
        let list = read(LIST_PRICES).expect("the table in the binary is read by this crate's tests");
        Self { own: Layer::default(), list }
    }

    /// The list prices, with an operator's table (TOML, the same form) before them.
    ///
    /// # Errors
    /// The first fault of the table.
    pub fn with_own(text: &str) -> Result<Self, PriceFault> {
        Ok(Self { own: read(text)?, ..Self::list() })
    }

    /// The rates of the first of `models` that the table knows, for a request of so many input tokens.
    pub fn rates(&self, models: &[&str], input_tokens: u64, at: Timestamp) -> Option<Rates> {
        let known = |model: &&str| {
            let mut layers = [&self.own, &self.list].into_iter();
            layers.find_map(|layer| layer.rates(model, input_tokens, at))
        };
        models.iter().find_map(known)
    }

    /// Every line by model and date, the operator's own first, with whether it is one of those.
    pub fn entries(&self) -> impl Iterator<Item = (&Entry, bool)> {
        let own = self.own.lines().into_iter().map(|line| (&line.entry, true));
        own.chain(self.list.lines().into_iter().map(|line| (&line.entry, false)))
    }
}

impl Layer {
    fn rates(&self, model: &str, input_tokens: u64, at: Timestamp) -> Option<Rates> {
        // Of those that fit, the line for the most tokens, then the newest.
        let best = |lines: &[Line]| {
            let fits = lines.iter().filter(|line| line.fits(input_tokens, at));
            fits.max_by_key(|line| (line.above_input, line.from)).map(|line| line.rates)
        };
        let exact = |name: &str| self.exact.get(name).and_then(|lines| best(lines));
        let mut prefixes = self.prefixes.iter().filter(|(prefix, _)| model.starts_with(prefix.as_str()));
        // A name all of whose lines are for other days or longer prompts leaves it to what comes after it.
        let named = exact(model).or_else(|| exact(undated(model)?));
        named.or_else(|| prefixes.find_map(|(_, lines)| best(lines)))
    }

    fn lines(&self) -> Vec<&Line> {
        let prefixes = self.prefixes.iter().flat_map(|(_, lines)| lines);
        let mut lines: Vec<&Line> = self.exact.values().flatten().chain(prefixes).collect();
        lines.sort_by(|a, b| (&a.entry.model, a.above_input, a.from).cmp(&(&b.entry.model, b.above_input, b.from)));
        lines
    }
}

impl Line {
    fn fits(&self, input_tokens: u64, at: Timestamp) -> bool {
        self.from <= at && (self.above_input == 0 || input_tokens > self.above_input)
    }
}

/// A model's name without the date behind it.
fn undated(model: &str) -> Option<&str> {
    [11, 9].into_iter().find_map(|length| {
        let (name, date) = model.split_at_checked(model.len().checked_sub(length)?)?;
        let date = date.strip_prefix('-')?;
        let is_date = date.bytes().enumerate().all(|(at, byte)| match (length, at) {
            (11, 4 | 7) => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        is_date.then_some(name)
    })
}

fn read(text: &str) -> Result<Layer, PriceFault> {
    let file: File = toml::from_str(text).map_err(|error| PriceFault::Form(Box::new(error)))?;
    let mut exact: HashMap<String, Vec<Line>> = HashMap::new();
    let mut prefixes: HashMap<String, Vec<Line>> = HashMap::new();
    for entry in file.price {
        let (pattern, line) = line(entry)?;
        let lines = match pattern {
            ModelPattern::Exact(name) => exact.entry(name).or_default(),
            ModelPattern::Prefix(prefix) => prefixes.entry(prefix).or_default(),
        };
        if lines.iter().any(|other| (other.from, other.above_input) == (line.from, line.above_input)) {
            let (model, reason) = (line.entry.model, "is that of another line for the same prompts".to_owned());
            return Err(PriceFault::Value { model, field: "from", reason });
        }
        lines.push(line);
    }
    let mut prefixes: Vec<_> = prefixes.into_iter().collect();
    prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    Ok(Layer { exact, prefixes })
}

fn line(entry: Entry) -> Result<(ModelPattern, Line), PriceFault> {
    let fault = |field, reason: String| PriceFault::Value { model: entry.model.clone(), field, reason };
    let rate = |field, text: &str| {
        Rate::from_str(text.trim()).map_err(|error: DecimalError| {
            fault(field, format!("\"{text}\" {error}; write decimals for a million tokens, such as \"1.25\""))
        })
    };
    let input = rate("input", &entry.input)?;
    let or_input = |field, text: &Option<String>| text.as_deref().map_or(Ok(input), |text| rate(field, text));
    let rates = Rates {
        input,
        cached_input: or_input("cached_input", &entry.cached_input)?,
        cache_write: or_input("cache_write", &entry.cache_write)?,
        output: rate("output", &entry.output)?,
    };
    let pattern = ModelPattern::parse(&entry.model).map_err(|error| fault("model", error.to_string()))?;
    let from = match &entry.from {
        None => Timestamp::MIN,
        Some(day) => format!("{}T00:00:00Z", day.trim())
            .parse()
            .map_err(|_| fault("from", format!("\"{day}\" is no day such as 2026-10-07")))?,
    };
    Ok((pattern, Line { from, above_input: entry.above_input.unwrap_or(0), rates, entry }))
}

#[cfg(test)]
mod tests {
    use relay_domain::Money;

    use super::*;
    use crate::Tokens;

    fn at(day: &str) -> Timestamp {
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    fn input_price(table: &PriceTable, model: &str, tokens: u64, day: &str) -> Option<String> {
        let rates = table.rates(&[model], tokens, at(day))?;
        Some(rates.worth(Tokens { input: 1_000_000, ..Tokens::default() }, &[]).total.to_string())
    }

    #[test]
    fn every_line_that_ships_is_read_and_says_where_it_is_from() {
        let table = PriceTable::list();
        assert!(table.entries().count() > 20);
        for (entry, is_own) in table.entries() {
            let checked = entry.checked.as_deref().unwrap_or_default();
            assert!(format!("{checked}T00:00:00Z").parse::<Timestamp>().is_ok(), "{} checked {checked:?}", entry.model);
            assert!(!is_own && entry.source.as_deref().is_some_and(|source| !source.is_empty()), "{}", entry.model);
        }
        for model in ["gpt-5", "gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-pro"] {
            let rates = table.rates(&[model], 0, at("2026-11-26")).unwrap();
            let one = Tokens { input: 1_000, cached_input: 1_000, output: 0, cache_write: 0 };
            assert!(rates.worth(one, &[]).cache_saved > Money::ZERO, "{model}");
        }
    }

    #[test]
    fn no_line_that_ships_hides_another_and_a_cache_read_is_never_dearer_than_input() {
        let table = PriceTable::list();
        let mut seen = std::collections::HashSet::new();
        for (entry, _) in table.entries() {
            let hidden = !seen.insert((&entry.model, entry.above_input, &entry.from));
            assert!(!hidden, "{} above {:?} from {:?} is there twice", entry.model, entry.above_input, entry.from);
            let rate = |text: &str| text.parse::<Rate>().unwrap().0;
            let input = rate(&entry.input);
            let cached_input = entry.cached_input.as_deref().map_or(input, rate);
            let cache_write = entry.cache_write.as_deref().map_or(input, rate);
            assert!(cached_input <= input && input <= cache_write, "{}", entry.model);
        }
    }

    #[test]
    fn a_long_prompt_and_an_announced_change_have_lines_that_ship() {
        let table = PriceTable::list();
        let price = |model, tokens, day| input_price(&table, model, tokens, day);
        assert_eq!(price("gpt-6-sol", 272_000, "2026-11-26").as_deref(), Some("2"));
        assert_eq!(price("gpt-6-sol", 272_001, "2026-11-26").as_deref(), Some("4"));
        assert_eq!(price("gemini-3.8-flash", 0, "2026-12-31").as_deref(), Some("0.75"));
        assert_eq!(price("gemini-3.8-flash", 0, "2027-01-01").as_deref(), Some("1.5"));
        // Its date is a price of its own, not the newer model's.
        assert_eq!(price("gpt-4o-2024-05-13", 0, "2026-11-26").as_deref(), Some("5"));
    }

    #[test]
    fn a_date_behind_a_name_belongs_to_it_and_another_name_does_not() {
        let table = PriceTable::list();
        let price = |model: &str| input_price(&table, model, 0, "2026-11-26");
        assert_eq!(price("gpt-5-2025-08-07"), price("gpt-5"));
        assert_eq!(price("claude-sonnet-4-5-20250929"), price("claude-sonnet-4-5"));
        assert_ne!(price("gpt-5-mini"), price("gpt-5"));
        assert_eq!(price("gpt-5-of-our-own"), None);
        assert_eq!(price("unheard-of"), None);
    }

    #[test]
    fn the_newest_line_of_a_day_holds_and_long_prompts_have_their_own() {
        let table = PriceTable::with_own(
            r#"
            [[price]]
            model = "house-*"
            input = "1"
            output = "2"
            [[price]]
            model = "house-*"
            from = "2026-10-07"
            input = "0.5"
            output = "1"
            [[price]]
            model = "house-*"
            above_input = 200000
            input = "4"
            output = "8"
            [[price]]
            model = "gpt-5"
            input = "9.999999"
            output = "10"
            "#,
        )
        .unwrap();
        assert_eq!(input_price(&table, "house-1", 0, "2026-10-06").as_deref(), Some("1"));
        assert_eq!(input_price(&table, "house-1", 0, "2026-10-07").as_deref(), Some("0.5"));
        assert_eq!(input_price(&table, "house-1", 200_000, "2026-10-07").as_deref(), Some("0.5"));
        assert_eq!(input_price(&table, "house-1", 200_001, "2026-10-07").as_deref(), Some("4"));
        // An operator's own price goes before the list's.
        assert_eq!(input_price(&table, "gpt-5", 0, "2026-10-07").as_deref(), Some("9.999999"));
        assert!(table.rates(&["unheard-of", "gpt-5"], 0, at("2026-10-07")).is_some());
    }

    #[test]
    fn a_line_that_does_not_fit_hides_none_that_does() {
        let table = PriceTable::with_own(
            r#"
            [[price]]
            model = "gpt-5"
            input = "3"
            output = "4"
            [[price]]
            model = "gpt-5-2025-08-07"
            from = "2027-01-01"
            input = "5"
            output = "6"
            [[price]]
            model = "gpt-4o-2024-08-06"
            above_input = 100000
            input = "7"
            output = "8"
            "#,
        )
        .unwrap();
        let dated = |day| input_price(&table, "gpt-5-2025-08-07", 0, day);
        assert_eq!(dated("2026-11-26").as_deref(), Some("3"), "the own line of the name without its date");
        assert_eq!(dated("2027-01-01").as_deref(), Some("5"));
        // What the own table says nothing of is in the list, under the same name or without its date.
        let short = input_price(&table, "gpt-4o-2024-08-06", 0, "2026-11-26");
        assert_eq!(short, input_price(&PriceTable::list(), "gpt-4o-2024-08-06", 0, "2026-11-26"));
        assert!(short.is_some());
        assert_eq!(input_price(&table, "gpt-4o-2024-08-06", 100_001, "2026-11-26").as_deref(), Some("7"));
    }

    #[test]
    fn a_fault_names_the_model_and_the_field() {
        let fault = |text: &str| PriceTable::with_own(text).unwrap_err().to_string();
        let text = fault("[[price]]\nmodel = \"m\"\ninput = \"1,5\"\noutput = \"2\"\n");
        assert!(text.starts_with("price of \"m\": input \"1,5\" is not a decimal number"), "{text}");
        assert!(fault("[[price]]\nmodel = \"m\"\ninput = \"1\"\noutput = \"2\"\nfrom = \"soon\"\n").contains("from"));
        assert!(fault("[[price]]\nmodel = \"m\"\nin = \"1\"\n").contains("unknown field"));
        let line = "[[price]]\nmodel = \"m\"\ninput = \"1\"\noutput = \"2\"\n";
        let text = fault(&format!("{line}{line}"));
        assert_eq!(text, "price of \"m\": from is that of another line for the same prompts");
    }
}
