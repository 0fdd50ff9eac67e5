//! What the status page shows, and for how long it is remembered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use askama::Template;
use relay_control::Control;
use relay_control::public_status::{ModelStatus, PublicQuery, PublicStatus, SPANS, State, Tally};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::assets::{self, AssetUrls};
use crate::format::{Format, Moment, NOTHING};
use crate::pages::fleet::listed::natural;
use crate::process::StatusPage;
use crate::query::address;
use crate::words::{Language, words};

words! {
    StatusWords {
        title => "Service status" / "服务状态";
        all_well => "All models are served." / "全部模型正常服务。";
        no_fault => "No fault is known." / "未发现问题。";
        some_degraded => "Some models are served with difficulty." / "部分模型服务不稳定。";
        some_down => "Some models cannot be served." / "部分模型暂时无法服务。";
        nothing => "Nothing is offered yet." / "暂未提供任何模型。";
        operational => "operational" / "正常";
        degraded => "degraded" / "不稳定";
        down => "down" / "故障";
        availability => "Availability" / "可用率";
        day => "24 hours" / "24 小时";
        week => "7 days" / "7 天";
        month => "30 days" / "30 天";
        quarter => "90 days" / "90 天";
        first_output => "Time to first token" / "首字延迟";
        of_half(value) => "median {value}" / "半数请求 {value} 以内";
        of_most(value) => "95th percentile {value}" / "95% 请求 {value} 以内";
        of_model(share) => "served in 24 hours: {share}" / "24 小时可用率：{share}";
        of_group(number, share) => "models: {number}; served in 24 hours: {share}" / "{number} 个模型，24 小时可用率：{share}";
        all_groups => "All groups" / "全部分组";
        no_requests => "no requests" / "无请求";
        not_measured => "not measured lately" / "近期样本中无请求";
        days_ago(days) => "{days} days ago" / "{days} 天前";
        hours_ago => "24 hours ago" / "24 小时前";
        today => "now" / "现在";
        as_of => "As of" / "截至";
        how => "Availability is the share of requests that were answered whole, of those that could be. Requests that were wrong by themselves, over their own limits, or ended by who sent them do not count. A gray bar is a time without requests. The time to first token is of the newest 3,000 requests of all models, of the last 24 hours at most. All times are UTC." / "可用率为完整应答的请求占应被应答请求的比例。请求本身有误、超出自身限额或被发送方中断的不计入。灰色条表示该时段无请求。首字延迟取自全部模型最近 3,000 个请求（最多 24 小时）。时间均为 UTC。";
        as_json => "As JSON" / "JSON 格式";
    }
}

/// How long an answer is shown to everybody.
const FRESH: Duration = Duration::from_secs(30);

/// Looks at the record for the public.
pub(crate) struct Board {
    control: Arc<Control>,
    page: StatusPage,
    /// Held by the one who looks; everybody else waits for it.
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// When somebody looked last, whether or not anything was seen.
    looked: Option<Instant>,
    status: Option<Arc<PublicStatus>>,
}

impl Board {
    pub(crate) fn new(control: Arc<Control>, page: StatusPage) -> Self {
        Self { control, page, seen: Arc::default() }
    }

    pub(crate) fn settings(&self) -> &StatusPage {
        &self.page
    }

    /// How everything is, at most half a minute ago; older when the log cannot be read, and `None` when it never could.
    ///
    /// Of many who ask at once one looks. Dropping the future gives up the waiting alone: a look that has begun goes on
    /// and is remembered, or strangers who ask and leave could have one read the log after the other.
    pub(crate) async fn look(&self) -> Option<Arc<PublicStatus>> {
        let mut seen = Arc::clone(&self.seen).lock_owned().await;
        if seen.looked.is_some_and(|at| at.elapsed() < FRESH) {
            return seen.status.clone();
        }
        let query = PublicQuery { groups: self.page.groups.clone(), days: self.page.days };
        let control = Arc::clone(&self.control);
        let look = tokio::spawn(async move {
            match control.public_status(query).await {
                Ok(status) => seen.status = Some(Arc::new(status)),
                Err(error) => tracing::warn!(%error, "the status page shows what was read last"),
            }
            seen.looked = Some(Instant::now());
            seen.status.clone()
        });
        look.await.unwrap_or_default()
    }
}

/// A bar of a strip.
#[derive(Clone, Debug)]
pub(crate) struct BarView {
    /// `good`, `warning`, `bad` or `quiet`.
    pub(crate) tone: &'static str,
    pub(crate) x: usize,
    pub(crate) told: String,
}

/// A model.
#[derive(Clone, Debug)]
pub(crate) struct ModelView {
    /// Names its parts in the page.
    pub(crate) number: usize,
    pub(crate) model: String,
    pub(crate) tone: &'static str,
    pub(crate) state: &'static str,
    /// Name and value of each span.
    pub(crate) spans: Vec<(&'static str, String)>,
    pub(crate) first_output: Option<(String, String)>,
    pub(crate) bars: Vec<BarView>,
    pub(crate) width: usize,
    /// The strip in words, for whoever does not see it.
    pub(crate) strip: String,
}

/// A group, or a model without its strip.
#[derive(Clone, Debug)]
pub(crate) struct LineView {
    pub(crate) name: String,
    /// Empty for a model.
    pub(crate) href: String,
    pub(crate) note: String,
    pub(crate) tone: &'static str,
    pub(crate) state: &'static str,
}

/// The page.
#[derive(Template)]
#[template(path = "status.html")]
pub(crate) struct StatusPageContent {
    pub(crate) t: StatusWords,
    pub(crate) language: Language,
    pub(crate) assets: AssetUrls,
    pub(crate) title: String,
    pub(crate) tone: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) at: Moment,
    /// The groups alone, where all of their models are too many for one page.
    pub(crate) index: Vec<LineView>,
    /// Name of a group, and its models.
    pub(crate) groups: Vec<(String, Vec<ModelView>)>,
    /// The models of the group that is asked for that are too many to have a strip each.
    pub(crate) rest: Vec<LineView>,
    /// Whether this is one group of several.
    pub(crate) is_group: bool,
    /// What the left end of a strip is.
    pub(crate) since: String,
}

/// Models with a strip each on one page, at some 7 KiB.
const STRIPS: usize = 30;

/// Of a bar, and the room it takes.
const BAR: usize = 8;
const STEP: usize = 11;

impl StatusPageContent {
    /// All groups, or one of them; `None` when that is not shown.
    pub(super) fn new(
        language: Language,
        page: &StatusPage,
        status: &PublicStatus,
        group: Option<&str>,
    ) -> Option<Self> {
        let t = StatusWords(language);
        let models = of_group(status, group);
        if group.is_some() && models.is_empty() {
            return None;
        }
        let is_index = group.is_none() && models.len() > STRIPS;
        let index = if is_index {
            models.chunk_by(|a, b| a.group == b.group).map(|models| line(t, models)).collect()
        } else {
            Vec::new()
        };
        let (strips, rest) = models.split_at(if is_index { 0 } else { models.len().min(STRIPS) });
        let rest = if is_index { &[] } else { rest };
        let known = spans_known(status);
        let mut groups: Vec<(String, Vec<ModelView>)> = Vec::new();
        for (number, model) in strips.iter().enumerate() {
            let view = view(language, page.days, number, (model, known));
            match groups.last_mut().filter(|(group, _)| *group == model.group) {
                Some((_, models)) => models.push(view),
                None => groups.push((model.group.clone(), vec![view])),
            }
        }
        let state = models.iter().map(|model| model.state).max().unwrap_or(status.state);
        let summary = match state {
            _ if models.is_empty() => t.nothing(),
            State::Operational if models.iter().any(|model| is_untold(model)) => t.no_fault(),
            State::Operational => t.all_well(),
            State::Degraded => t.some_degraded(),
            State::Down => t.some_down(),
        };
        Some(Self {
            t,
            language,
            assets: assets::urls(),
            title: page.title.clone().unwrap_or_else(|| t.title().to_owned()),
            tone: match state {
                _ if models.is_empty() => "quiet",
                State::Operational if models.iter().any(|model| is_untold(model)) => "quiet",
                state => tone(state),
            },
            summary,
            at: Format(language).moment(status.at),
            index,
            groups,
            rest: rest
                .iter()
                .map(|model| LineView { name: model.model.clone(), href: String::new(), ..line(t, &[model]) })
                .collect(),
            is_group: group.is_some(),
            since: if page.days <= 1 { t.hours_ago().to_owned() } else { t.days_ago(page.days) },
        })
    }
}

/// The models that are shown, those of one group alone if one is asked for.
fn of_group<'s>(status: &'s PublicStatus, group: Option<&str>) -> Vec<&'s ModelStatus> {
    let mut models: Vec<_> =
        status.models.iter().filter(|model| group.is_none_or(|group| model.group == group)).collect();
    models.sort_by(|a, b| natural(&a.group, &b.group).then_with(|| natural(&a.model, &b.model)));
    models
}

/// Whether nothing but that no fault is known speaks for it: there were no requests in a day.
fn is_untold(model: &ModelStatus) -> bool {
    model.state == State::Operational && model.availability[0].all() == 0
}

/// How many of the spans say something of their own: none is longer than the record goes back.
fn spans_known(status: &PublicStatus) -> usize {
    let all = |span: usize| -> i64 { status.models.iter().map(|model| model.availability[span].all()).sum() };
    (1..SPANS.len()).rev().find(|span| all(*span) > all(span - 1)).map_or(1, |span| span + 1)
}

/// Some models of a group in one line, as well as the worst of them.
fn line(t: StatusWords, models: &[&ModelStatus]) -> LineView {
    let name = models.first().map(|model| model.group.clone()).unwrap_or_default();
    let state = models.iter().map(|model| model.state).max().unwrap_or(State::Operational);
    let day = models.iter().fold(Tally::default(), |sum, model| plus(sum, model.availability[0]));
    let note = match models {
        [model] if is_untold(model) => String::new(),
        [_] => t.of_model(share(t, day)),
        _ => t.of_group(models.len(), share(t, day)),
    };
    LineView {
        href: address("/status", [("group", name.as_str())]),
        name,
        note,
        tone: if models.iter().all(|model| is_untold(model)) { "quiet" } else { tone(state) },
        state: if models.iter().all(|model| is_untold(model)) { t.no_requests() } else { state_word(t, state) },
    }
}

fn plus(sum: Tally, more: Tally) -> Tally {
    Tally { served: sum.served + more.served, lost: sum.lost + more.lost }
}

fn state_word(t: StatusWords, state: State) -> &'static str {
    match state {
        State::Operational => t.operational(),
        State::Degraded => t.degraded(),
        State::Down => t.down(),
    }
}

fn tone(state: State) -> &'static str {
    match state {
        State::Operational => "good",
        State::Degraded => "warning",
        State::Down => "bad",
    }
}

fn view(language: Language, days: u16, number: usize, (model, known): (&ModelStatus, usize)) -> ModelView {
    let (t, format) = (StatusWords(language), Format(language));
    let names = [t.day(), t.week(), t.month(), t.quarter()];
    let bars = model.bars.iter().enumerate().map(|(position, bar)| BarView {
        tone: bar_tone(bar.tally),
        x: position * STEP,
        told: {
            let text = format.moment(bar.at).text;
            let when = if days <= 1 { text.as_str() } else { text.get(..10).unwrap_or(&text) };
            format!("{when}: {}", share(t, bar.tally))
        },
    });
    let bars: Vec<BarView> = bars.collect();
    let spans = model.availability.into_iter().enumerate();
    let spans = spans.map(|(span, tally)| if span < known { share(t, tally) } else { NOTHING.to_owned() });
    let whole = model.bars.iter().fold(Tally::default(), |sum, bar| plus(sum, bar.tally));
    ModelView {
        number,
        model: model.model.clone(),
        tone: if is_untold(model) { "quiet" } else { tone(model.state) },
        state: if is_untold(model) { t.no_requests() } else { state_word(t, model.state) },
        spans: names.into_iter().zip(spans).collect(),
        first_output: model.first_output_us.map(|(half, most)| (format.micros(half), format.micros(most))),
        width: (bars.len() * STEP).saturating_sub(STEP - BAR),
        bars,
        strip: format!("{} {}", t.availability(), share(t, whole)),
    }
}

/// A bar is as bad as the share that was lost.
fn bar_tone(tally: Tally) -> &'static str {
    match tally.per_100_000() {
        None => "quiet",
        Some(99_500..) => "good",
        Some(95_000..99_500) => "warning",
        Some(_) => "bad",
    }
}

/// `99.95 %`, never rounded up.
fn share(t: StatusWords, tally: Tally) -> String {
    match tally.per_100_000() {
        None => t.no_requests().to_owned(),
        Some(100_000) => "100 %".to_owned(),
        Some(share) => format!("{}.{:02} %", share / 1_000, share % 1_000 / 10),
    }
}

/// The same for programs: every model, with its history where they are not too many.
pub(super) fn json_of(page: &StatusPage, status: &PublicStatus, group: Option<&str>) -> Option<Value> {
    let models = of_group(status, group);
    if group.is_some() && models.is_empty() {
        return None;
    }
    let has_history = group.is_some() || models.len() <= STRIPS;
    let percent = |tally: Tally| tally.per_100_000().map(|share| share as f64 / 1_000.0);
    let told = models.iter().map(|model| {
        let spans = SPANS.into_iter().zip(model.availability);
        let availability: serde_json::Map<String, Value> =
            spans.map(|(days, tally)| (format!("{days}d"), json!(percent(tally)))).collect();
        let first_output =
            model.first_output_us.map(|(half, most)| json!({ "p50": half / 1_000, "p95": most / 1_000 }));
        let bars = model.bars.iter().map(|bar| json!({ "at": bar.at, "availability_percent": percent(bar.tally) }));
        let mut told = json!({
            "logical_group_id": model.group,
            "public_model": model.model,
            "state": model.state.as_str(),
            "availability_percent": availability,
            "time_to_first_token_ms": first_output,
        });
        if has_history {
            told["history"] = bars.collect();
        }
        told
    });
    Some(json!({
        "title": page.title,
        "state": status.state.as_str(),
        "at": status.at,
        "history_step": if page.days <= 1 { "1h" } else { "1d" },
        "models": told.collect::<Vec<_>>(),
    }))
}

#[cfg(test)]
pub(super) fn samples(language: Language) -> Vec<String> {
    use relay_control::public_status::Bar;

    use crate::pages::rendering::{HOSTILE, now, render};
    let page = StatusPage { title: Some(HOSTILE.into()), groups: vec![HOSTILE.into()], days: 90 };
    let tally = |served, lost| Tally { served, lost };
    let model = |state, tally| ModelStatus {
        group: HOSTILE.into(),
        model: HOSTILE.into(),
        state,
        availability: [tally; SPANS.len()],
        first_output_us: Some((400_000, 2_000_000)),
        bars: vec![Bar { at: now(), tally }; 90],
    };
    let models = vec![
        model(State::Operational, tally(9_999, 1)),
        model(State::Degraded, tally(96, 4)),
        ModelStatus { first_output_us: None, ..model(State::Down, tally(1, 9)) },
        model(State::Operational, Tally::default()),
    ];
    let full = PublicStatus { at: now(), state: State::Down, models };
    let empty = PublicStatus { at: now(), state: State::Operational, models: Vec::new() };
    let untitled = StatusPage { title: None, groups: Vec::new(), days: 1 };
    let many = PublicStatus { models: full.models.iter().cycle().take(STRIPS + 2).cloned().collect(), ..full.clone() };
    [
        (&page, &full, None),
        (&untitled, &full, None),
        (&untitled, &empty, None),
        (&page, &many, None),
        (&page, &many, Some(HOSTILE)),
    ]
    .into_iter()
    .filter_map(|(page, status, group)| StatusPageContent::new(language, page, status, group))
    .map(|content| render(&content))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(models: &[&str], availability: [Tally; SPANS.len()]) -> StatusPageContent {
        let model = |model: &&str| ModelStatus {
            group: "gpt".into(),
            model: (*model).into(),
            state: State::Operational,
            availability,
            first_output_us: None,
            bars: Vec::new(),
        };
        let now = crate::pages::rendering::now();
        let models = models.iter().map(model).collect();
        let status = PublicStatus { at: now, state: State::Operational, models };
        let page = StatusPage { title: None, groups: Vec::new(), days: 90 };
        StatusPageContent::new(Language::English, &page, &status, None).unwrap()
    }

    fn told(availability: [Tally; SPANS.len()]) -> StatusPageContent {
        page_of(&["gpt-5"], availability)
    }

    #[test]
    fn models_stand_in_the_order_that_people_count_in() {
        let page = page_of(&["model-10", "model-2"], [Tally::default(); SPANS.len()]);
        let names: Vec<&str> = page.groups[0].1.iter().map(|model| model.model.as_str()).collect();
        assert_eq!(names, ["model-2", "model-10"]);
    }

    #[test]
    fn spans_that_are_longer_than_the_record_are_left_out() {
        let tally = |served| Tally { served, lost: 0 };
        let page = told([tally(5), tally(9), tally(9), tally(9)]);
        let spans: Vec<&str> = page.groups[0].1[0].spans.iter().map(|(_, share)| share.as_str()).collect();
        assert_eq!(spans, ["100 %", "100 %", NOTHING, NOTHING]);
        assert_eq!((page.summary, page.tone), ("All models are served.", "good"));
    }

    #[test]
    fn what_nobody_asked_for_is_not_said_to_be_served() {
        let page = told([Tally::default(); SPANS.len()]);
        assert_eq!((page.summary, page.tone), ("No fault is known.", "quiet"));
        let model = &page.groups[0].1[0];
        assert_eq!((model.state, model.tone, model.spans[1].1.as_str()), ("no requests", "quiet", NOTHING));
    }

    #[test]
    fn a_share_is_never_rounded_up_and_a_bar_is_as_bad_as_it() {
        let t = StatusWords(Language::English);
        for (served, lost, text, tone) in [
            (1, 0, "100 %", "good"),
            (99_999, 1, "99.99 %", "good"),
            (994, 6, "99.40 %", "warning"),
            (949, 51, "94.90 %", "bad"),
            (0, 3, "0.00 %", "bad"),
            (0, 0, "no requests", "quiet"),
        ] {
            let tally = Tally { served, lost };
            assert_eq!((share(t, tally).as_str(), bar_tone(tally)), (text, tone));
        }
    }
}
