//! The settings of a host, group, route or key as a table: each field as the fleet file names it and as its form calls it.

use relay_control::edit::Noun;
use relay_control::view::Fields;
use serde_json::Value;

use super::fields::{self, FieldWords, Kind, budget_lines, specs};
use crate::cell::Cell;
use crate::changes::{value_cell, value_text};
use crate::kit::{Head, Table};
use crate::terms;
use crate::words::{Language, words};

words! {
    SettingWords {
        field => "Field" / "字段";
        value => "Value" / "取值";
        secret => "Secret" / "密钥";
        origin => "Made by" / "创建方式";
        login => "Administrator's login" / "管理员登录";
        previous => "The secret before is good until" / "旧密钥有效期至";
    }
}

/// A row for each field; the fields of a table inside, such as `limits`, have theirs.
pub(super) fn field_table(language: Language, noun: Noun, fields: &Fields) -> Table {
    let t = SettingWords(language);
    let row = |path: &str, value: &Value| {
        vec![Cell::field(label(language, noun, path), path), told(language, noun, path, value)]
    };
    let rows = fields.iter().flat_map(|(name, value)| match value {
        Value::Object(table) if is_table(noun, name) => {
            table.iter().map(|(inner, value)| row(&format!("{name}.{inner}"), value)).collect()
        }
        value => vec![row(name, value)],
    });
    Table { heads: [t.field(), t.value()].map(Head::text).into(), rows: rows.collect() }
}

fn spec(noun: Noun, path: &str) -> Option<&'static fields::Spec> {
    specs(noun).iter().find(|spec| spec.path == path)
}

/// Whether a field is a table of fields, and not one that says where a secret comes from.
fn is_table(noun: Noun, name: &str) -> bool {
    specs(noun).iter().any(|spec| spec.path.split_once('.').is_some_and(|(table, _)| table == name))
}

fn label(language: Language, noun: Noun, path: &str) -> &'static str {
    let t = SettingWords(language);
    match (spec(noun, path), path) {
        (Some(spec), _) => (spec.label)(FieldWords(language)),
        (None, "secret") => t.secret(),
        (None, "origin") => t.origin(),
        (None, "login") => t.login(),
        (None, "previous_secret_until") => t.previous(),
        (None, _) => "",
    }
}

fn told(language: Language, noun: Noun, path: &str, value: &Value) -> Cell {
    let kind = spec(noun, path).map(|spec| spec.kind);
    match (kind, value) {
        (Some(Kind::Choice(_)), Value::String(word)) => Cell::text(terms::choice(language, path, word)),
        (None, Value::String(word)) if path == "origin" => Cell::text(terms::choice(language, path, word)),
        (Some(Kind::Budgets), budgets) => Cell::code(budget_lines(budgets).replace('\n', ", ")),
        (Some(Kind::Text | Kind::Number | Kind::List), value) if !value.is_null() => Cell::code(value_text(value)),
        (_, value) => value_cell(language, value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_of_tables_have_rows_and_words_instead_of_json() {
        let fields = json!({
            "logical_group_id": "stored", "enabled": false, "sticky": { "scope": "user", "ttl": "1h" }, "failback": "idle",
            "limits": { "rpm": 60 }, "budgets": [{ "money": "25.00", "period": "month" }], "drain_limit": null,
        });
        let Value::Object(fields) = fields else { unreachable!("it is one") };
        let told = format!("{:?}", field_table(Language::Chinese, Noun::Group, &fields).rows);
        for text in [
            "粘性范围",
            "\"用户\"",
            "sticky.ttl",
            "\"1h\"",
            "空闲 10 分钟后",
            "\"否\"",
            "limits.rpm",
            "money 25.00 month",
            "\"stored\"",
        ] {
            assert!(told.contains(text), "{text}: {told}");
        }
        let host = json!({ "gateway_key": "stored", "admin_key": { "env": "TOKYO" }, "login": { "email": "a@b.c", "password": { "file": "/x" } } });
        let Value::Object(host) = host else { unreachable!("it is one") };
        let told = format!("{:?}", field_table(Language::Chinese, Noun::Host, &host).rows);
        for text in ["已保存", "环境变量 TOKYO", "login.password", "文件 /x"] {
            assert!(told.contains(text), "{text}: {told}");
        }
    }

    #[test]
    fn a_field_is_told_by_its_label_and_its_name_below_and_once_where_both_are_the_same() {
        let fields = json!({ "host_id": "tokyo", "enabled": true, "login": null });
        let Value::Object(fields) = fields else { unreachable!("it is one") };
        let rows = field_table(Language::English, Noun::Host, &fields).rows;
        let mut told: Vec<String> = rows.iter().map(|row| format!("{:?}", row[0].body)).collect();
        told.sort();
        assert_eq!(
            told,
            [
                r#"Field { label: "Administrator's login", path: "login" }"#,
                r#"Field { label: "ID", path: "host_id" }"#,
                r#"Text("Enabled")"#,
            ]
        );
    }
}
