//! What differs between two fleets, as a table.

use relay_control::diff::{Diff, EntryName};
use serde_json::Value;

use crate::cell::Cell;
use crate::format::{Format, NOTHING};
use crate::kit::{Head, Part, Table};
use crate::terms::{self, Badge, Tone};
use crate::words::{Language, enumerated, words};

words! {
    ChangeWords {
        what => "What" / "对象";
        change => "Change" / "变更";
        field => "Field" / "字段";
        from => "Before" / "变更前";
        to => "After" / "变更后";
        added => "added" / "新增";
        changed => "changed" / "修改";
        removed => "removed" / "删除";
        of_each(change, what) => "{change}: {what}" / "{change}：{what}";
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

/// Lines that are shown at once; of more the sum is said first.
const FEW_LINES: usize = 8;

/// What differs, as a part of a page: how much in one line, and the table, which is opened when it is long.
pub(crate) fn part(language: Language, title: &'static str, diff: &Diff, same: &'static str) -> Part {
    let (sum, table) = (sum(language, diff), table(language, diff));
    let is_long = table.rows.len() > FEW_LINES;
    let part = Part::new(title).table(table, same);
    if is_long { part.folded(sum) } else { part.hint(sum) }
}

/// `removed: 1 host, 200 routes`.
fn sum(language: Language, diff: &Diff) -> String {
    let t = ChangeWords(language);
    let of = |change: &str, nouns: &mut dyn Iterator<Item = &str>| {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for noun in nouns {
            match counts.iter_mut().find(|(known, _)| *known == noun) {
                Some((_, count)) => *count += 1,
                None => counts.push((noun, 1)),
            }
        }
        let counted: Vec<String> =
            counts.into_iter().map(|(noun, count)| terms::counted(language, noun, count)).collect();
        (!counted.is_empty()).then(|| t.of_each(change, enumerated(language, &counted)))
    };
    let told = [
        of(t.removed(), &mut diff.removed.iter().map(|entry| &*entry.noun)),
        of(t.changed(), &mut diff.changed.iter().map(|entry| &*entry.name.noun)),
        of(t.added(), &mut diff.added.iter().map(|entry| &*entry.noun)),
    ];
    told.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

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
        let more = Format(language).number(i64::try_from(left).unwrap_or(i64::MAX));
        rows.truncate(MOST_LINES);
        rows.push(vec![Cell::text(t.more(more)), nothing(), nothing(), nothing(), nothing()]);
    }
    let mut heads: Vec<Head> = [t.what(), t.change(), t.field(), t.from(), t.to()].map(Head::text).into();
    // Only what changes has fields with values.
    let columns = if diff.changed.is_empty() { 2 } else { heads.len() };
    heads.truncate(columns);
    for row in &mut rows {
        row.truncate(columns);
    }
    Table { heads, rows }
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

    #[test]
    fn many_changes_are_summed_up_and_opened_and_columns_without_a_value_are_left_out() {
        let names = |noun: &str, count: usize| {
            (0..count).map(|number| EntryName { noun: noun.into(), id: format!("{noun}-{number}") }).collect::<Vec<_>>()
        };
        let removed = [names("host", 1), names("route", 1_200)].concat();
        let diff = Diff { removed, ..Diff::default() };
        let shown = part(Language::Chinese, "", &diff, "");
        assert_eq!(shown.folded, "删除：1 台主机、1,200 条路由");
        let table = shown.table.unwrap();
        assert_eq!((table.heads.len(), table.rows[0].len(), table.rows.last().unwrap().len()), (2, 2, 2));
        let few = part(Language::English, "", &sample(), "");
        assert_eq!((few.folded.as_str(), few.hint.as_str()), ("", "removed: 1 key · changed: 1 route · added: 1 host"));
        assert_eq!(few.table.unwrap().heads.len(), 5);
    }
}
