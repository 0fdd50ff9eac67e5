//! TOML text as the JSON values that a document is made of.
//!
//! Goes from what the parser borrows from the text to JSON in one step: a fleet
//! of ten thousand routes is applied every so often beside a busy gateway.

use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Faults, Wrong, whole_document_fault};

/// Parses a whole text.
///
/// # Errors
/// One fault with line and column when it is not TOML.
pub(super) fn parse(text: &str) -> Result<Map<String, Value>, Faults> {
    let table = DeTable::parse(text).map_err(|error| not_toml(text, error.span(), error.message()))?;
    json_of_table(table.into_inner()).map_err(|wrong| not_toml(text, Some(wrong.span()), wrong.get_ref()))
}

fn not_toml(text: &str, span: Option<Range<usize>>, message: &str) -> Faults {
    let before = span.map_or("", |span| text.get(..span.start).unwrap_or(text));
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let place = format!("line {line}, column {column}");
    whole_document_fault(place, Wrong::NotToml(message.to_owned()))
}

fn json_of_table(table: DeTable<'_>) -> Result<Map<String, Value>, Spanned<&'static str>> {
    table.into_iter().map(|(name, value)| Ok((name.into_inner().into_owned(), json_of(value)?))).collect()
}

fn json_of(value: Spanned<DeValue<'_>>) -> Result<Value, Spanned<&'static str>> {
    let span = value.span();
    Ok(match value.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| Spanned::new(span, "the number is too large"))?
            .into(),
        DeValue::Float(number) => {
            number.as_str().parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
        }
        DeValue::Boolean(flag) => Value::Bool(flag),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(items) => Value::Array(items.into_iter().map(json_of).collect::<Result<_, _>>()?),
        DeValue::Table(fields) => Value::Object(json_of_table(fields)?),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_value_comes_through() {
        let text = "a = \"x\\n\"\nb = 1_000\nc = 0xff\nd = 1.5\ne = true\nf = 2026-01-02T03:04:05Z\ng = [1, [2]]\n[h]\ni.j = 'k'\n[[l]]\nm = -7\n";
        let value = Value::Object(parse(text).unwrap());
        let expected = json!({
            "a": "x\n", "b": 1000, "c": 255, "d": 1.5, "e": true, "f": "2026-01-02T03:04:05Z", "g": [1, [2]],
            "h": {"i": {"j": "k"}}, "l": [{"m": -7}],
        });
        assert_eq!(value, expected);
    }

    #[test]
    fn a_number_beyond_64_bits_is_a_fault_with_its_place() {
        let faults = parse("[[route]]\npriority = 9223372036854775808\n").unwrap_err().into_kept();
        assert_eq!(
            (faults[0].path.as_str(), faults[0].message().as_str()),
            ("line 2, column 12", "is not TOML: the number is too large")
        );
    }
}
