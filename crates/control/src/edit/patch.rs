//! JSON merge patch (RFC 7396) over the fields of the fleet file.
//!
//! Two rules of our own, so that an entry can be read, changed and sent back whole: what is given as
//! it is shown changes nothing (a secret is shown as its origin), and a stored secret is one
//! thing, which a patch replaces and never reaches into.

use serde_json::Value;

use crate::fleet_document::SECRET_FIELDS;
use crate::view::Fields;

/// Takes from a patch what says the same as `shown`.
pub(super) fn without_what_is_shown(patch: &mut Fields, shown: &Fields) {
    patch.retain(|name, value| {
        let Some(shown) = shown.get(name) else { return true };
        if let (Value::Object(inner), Value::Object(shown), false) = (&mut *value, shown, is_secret(name)) {
            without_what_is_shown(inner, shown);
            return !inner.is_empty();
        }
        value != shown
    });
}

/// Lays a patch over an entry: `null` takes a field away, a table is merged, anything else replaces.
pub(super) fn merge(target: &mut Fields, patch: &Fields) {
    for (name, value) in patch {
        let Value::Object(inner) = value else {
            if value.is_null() {
                target.shift_remove(name);
            } else {
                target.insert(name.clone(), value.clone());
            }
            continue;
        };
        let place = target.entry(name.clone()).or_insert(Value::Null);
        if !place.is_object() || is_secret(name) {
            *place = Value::Object(Fields::new());
        }
        if let Value::Object(fields) = place {
            merge(fields, inner);
        }
    }
}

fn is_secret(field: &str) -> bool {
    SECRET_FIELDS.contains(&field)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        match value {
            Value::Object(fields) => fields,
            other => panic!("{other}"),
        }
    }

    fn check(target: Value, patch: Value, expected: &Value) {
        let mut target = fields(target);
        merge(&mut target, &fields(patch));
        assert_eq!(Value::Object(target), *expected);
    }

    /// The examples of RFC 7396, appendix A, that have an object on both sides.
    #[test]
    fn a_patch_is_laid_over_as_the_rfc_says() {
        check(json!({"a": "b"}), json!({"a": "c"}), &json!({"a": "c"}));
        check(json!({"a": "b"}), json!({"b": "c"}), &json!({"a": "b", "b": "c"}));
        check(json!({"a": "b", "b": "c"}), json!({"a": null}), &json!({"b": "c"}));
        check(json!({"a": ["b"]}), json!({"a": "c"}), &json!({"a": "c"}));
        check(json!({"a": "c"}), json!({"a": ["b"]}), &json!({"a": ["b"]}));
        check(json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), &json!({"a": {"b": "d"}}));
        check(json!({"a": [{"b": "c"}]}), json!({"a": [1]}), &json!({"a": [1]}));
        check(json!({"e": null}), json!({"a": 1}), &json!({"e": null, "a": 1}));
        check(json!({}), json!({"a": {"bb": {"ccc": null}}}), &json!({"a": {"bb": {}}}));
    }

    #[test]
    fn a_stored_secret_is_replaced_as_a_whole() {
        let (kept, reference) = (json!({"keep": true}), json!({"env": "KEY", "value": "sk-1"}));
        check(json!({"gateway_key": kept}), json!({"gateway_key": reference}), &json!({"gateway_key": reference}));
        let login = json!({"login": {"email": "a", "password": kept}});
        check(login, json!({"login": {"email": "b"}}), &json!({"login": {"email": "b", "password": kept}}));
    }

    #[test]
    fn what_is_given_as_it_is_shown_is_no_change() {
        let left = |patch: Value| {
            let shown =
                json!({"id": "a", "gateway_key": {"env": "K"}, "login": {"email": "a", "password": {"env": "P"}}});
            let mut patch = fields(patch);
            without_what_is_shown(&mut patch, &fields(shown));
            Value::Object(patch)
        };
        let same = json!({"id": "a", "gateway_key": {"env": "K"}, "login": {"email": "a", "password": {"env": "P"}}});
        assert_eq!(left(same), json!({}));
        let inner = json!({"login": {"email": "b", "password": {"env": "P"}}, "x": 1});
        assert_eq!(left(inner), json!({"login": {"email": "b"}, "x": 1}));
        let fresh = json!({"gateway_key": {"env": "K", "value": "sk-new"}});
        assert_eq!(left(fresh.clone()), fresh, "another value of the same origin");
    }
}
