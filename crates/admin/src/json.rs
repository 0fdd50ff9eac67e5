//! JSON of a body, and what `serde_json` passes over: members that are given twice, of which the last would count
//! silently.

use std::collections::HashSet;
use std::fmt::{self, Write as _};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::faults::{self, MAX_FAULTS};

/// The value, and the place of each member that is given again: `slow[0].host_id`; of so many, as long, as are told.
///
/// # Errors
/// It is not JSON.
pub(crate) fn read(text: &[u8]) -> Result<(Value, Vec<String>), serde_json::Error> {
    let mut noted = Noted::default();
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = Node(&mut noted).deserialize(&mut json)?;
    json.end()?;
    Ok((value, noted.twice))
}

#[derive(Default)]
struct Noted {
    /// Where the reading is.
    place: String,
    twice: Vec<String>,
}

impl Noted {
    /// Whether it is told that there are more of them.
    fn is_full(&self) -> bool {
        self.twice.len() > MAX_FAULTS
    }
}

/// Builds what `Value` itself would, numbers and order alike.
struct Node<'n>(&'n mut Noted);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let (noted, mut read) = (self.0, Vec::new());
        let outside = noted.place.len();
        loop {
            let _ = write!(noted.place, "[{}]", read.len());
            let item = items.next_element_seed(Node(noted))?;
            noted.place.truncate(outside);
            match item {
                Some(item) => read.push(item),
                None => return Ok(Value::Array(read)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let (noted, mut read, mut again) = (self.0, Map::new(), HashSet::new());
        let outside = noted.place.len();
        while let Some(name) = members.next_key::<String>()? {
            if outside > 0 {
                noted.place.push('.');
            }
            noted.place.push_str(&name);
            if !noted.is_full() && read.contains_key(&name) && again.insert(name.clone()) {
                noted.twice.push(faults::place(&noted.place));
            }
            let value = members.next_value_seed(Node(noted))?;
            noted.place.truncate(outside);
            read.insert(name, value);
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_twice_is_named_with_its_place() {
        let text = br#"{"a": 1, "b": [{"c": {"d": 1, "d": 2, "d": 3}}, {"c": 1}], "e": {"a": 1}, "a": 2, "b": []}"#;
        assert_eq!(read(text).unwrap().1, ["b[0].c.d", "a", "b"]);
    }

    #[test]
    fn each_is_named_once_and_no_more_than_are_told() {
        let name = "n".repeat(100_000);
        let again = r#""b": 1, "c": 1, "#.repeat(1000);
        let (_, twice) = read(format!("{{\"{name}\": {{{again} \"d\": 1}}}}").as_bytes()).unwrap();
        let cut = format!("{}…", &name[..200]);
        assert_eq!(twice, [cut.clone(), cut]);
        let many: Vec<String> = (0..1000).map(|n| format!("\"{n}\": 1, \"{n}\": 2")).collect();
        let (_, twice) = read(format!("{{{}}}", many.join(", ")).as_bytes()).unwrap();
        assert_eq!(twice.len(), MAX_FAULTS + 1);
    }

    #[test]
    fn everything_else_is_as_serde_json_reads_it() {
        for text in [
            r#"{"z":[1,-2,18446744073709551615,9007199254740993,1.5,1e300,-0.0,-0,123456789012345678901234567890],"a":null}"#,
            r#"{"b":true,"a":"\u00e9\ud83d\ude00\n","":{},"c":[[],{}]}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            "5",
        ] {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read(text.as_bytes()).unwrap().0.to_string(), value.to_string());
        }
        for text in ["", "{", "[1,]", "{}x", "\"\\ud83d\"", &"[".repeat(200)] {
            let error = serde_json::from_str::<Value>(text).unwrap_err();
            assert_eq!(read(text.as_bytes()).unwrap_err().to_string(), error.to_string());
        }
    }
}
