//! What differs between two fleets, as a table.

use relay_control::diff::{Diff, EntryName};
use serde_json::Value;

use crate::cell::Cell;
use crate::format::NOTHING;
use crate::kit::{Head, Table};
use crate::terms::{self, Badge, Tone};
use crate::words::{Language, words};

words! {
    ChangeWords {
        what => "What" / "对象";
        change => "Change" / "变更";
        field => "Field" / "字段";
        from => "Before" / "变更前";
        to => "After" / "变更后";
        added => "added" / "新增";
        changed => "changed" / "修改";
        removed => "removed" / "移除";
        yes => "yes" / "是";
        no => "no" / "否";
        stored => "stored" / "已保存";
        variable(name) => "variable {name}" / "环境变量 {name}";
        secret_file(path) => "file {path}" / "文件 {path}";
        more(count) => "and {count} more" / "另有 {count} 项";
    }
}

/// Lines shown at most. A first fleet may have ten thousand entries.
const MOST_LINES: usize = 200;

/// A line for each field that differs, and for each entry that comes or goes; of many the first.
pub(crate) fn table(language: Language, diff: &Diff) -> Table {
    let t = ChangeWords(language);
    let name = |entry: &EntryName| Cell::text(&entry.id).note(terms::noun(language, &entry.noun));
    let whole = |entry: &EntryName, tone, text| {
        let nothing = || Cell::text(NOTHING);
        vec![name(entry), Cell::badge(Badge::new(tone, text)), nothing(), nothing(), nothing()]
    };
    let mut rows: Vec<Vec<Cell>> = diff.removed.iter().map(|entry| whole(entry, Tone::Bad, t.removed())).collect();
    for entry in &diff.changed {
        let fields = entry.fields.iter().map(|field| {
            let badge = Cell::badge(Badge::new(Tone::Warning, t.changed()));
            let value = |value: &Value| Cell::code(value_text(value));
            vec![name(&entry.name), badge, Cell::code(&field.field), value(&field.from), value(&field.to)]
        });
        rows.extend(fields);
    }
    rows.extend(diff.added.iter().map(|entry| whole(entry, Tone::Good, t.added())));
    let left = rows.len().saturating_sub(MOST_LINES);
    if left > 0 {
        let nothing = || Cell::text(NOTHING);
        rows.truncate(MOST_LINES);
        rows.push(vec![Cell::text(t.more(left)), nothing(), nothing(), nothing(), nothing()]);
    }
    let heads = [t.what(), t.change(), t.field(), t.from(), t.to()].map(Head::text);
    Table { heads: heads.into(), rows }
}

/// A value as people read it: text without quotes, nothing as a dash.
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::Null => NOTHING.to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(value_text).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// A setting's value: yes or no in words, where a secret comes from, and else as the fleet file has it.
pub(crate) fn value_cell(language: Language, value: &Value) -> Cell {
    let t = ChangeWords(language);
    match value {
        Value::Null => Cell::text(NOTHING),
        Value::Bool(true) => Cell::text(t.yes()),
        Value::Bool(false) => Cell::text(t.no()),
        Value::String(text) if text == "stored" => Cell::text(t.stored()),
        Value::Object(origin) => match (&origin.get("env"), &origin.get("file")) {
            (Some(name), _) => Cell::text(t.variable(value_text(name))),
            (_, Some(path)) => Cell::text(t.secret_file(value_text(path))),
            _ => Cell::code(value_text(value)),
        },
        _ => Cell::code(value_text(value)),
    }
}

#[cfg(test)]
pub(crate) fn sample() -> Diff {
    use relay_control::diff::{ChangedEntry, FieldChange};
    let name = |noun: &str| EntryName { noun: noun.into(), id: crate::pages::rendering::HOSTILE.into() };
    let field = FieldChange { field: "weight".into(), from: 1.into(), to: crate::pages::rendering::HOSTILE.into() };
    Diff {
        added: vec![name("host")],
        changed: vec![ChangedEntry { name: name("route"), fields: vec![field] }],
        removed: vec![name("key")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_changes_the_first_are_shown_and_the_rest_counted() {
        let name = |number: usize| EntryName { noun: "route".into(), id: format!("r-{number}") };
        let added = (0..MOST_LINES + 3).map(name).collect();
        let rows = table(Language::English, &Diff { added, ..Diff::default() }).rows;
        assert_eq!(rows.len(), MOST_LINES + 1);
        assert!(format!("{:?}", rows[MOST_LINES]).contains("and 3 more"));
    }
}
