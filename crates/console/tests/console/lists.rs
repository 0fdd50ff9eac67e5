//! Lists of the fleet and the pages of one of its things, when there are many: what is looked for is found, and what is decided by stands first.

use std::fmt::Write as _;

use crate::support::{ADMIN, Console, FLEET};

/// A fleet with 60 hosts, and 24 routes to the first one.
fn large() -> String {
    let mut fleet = FLEET.to_owned();
    for number in 0..60 {
        let _ = writeln!(
            fleet,
            "[[host]]\nhost_id = \"edge-{number}\"\nkind = \"openai\"\nbase_url = \"https://edge.example\"\ngateway_key = \"sk-edge\""
        );
    }
    for number in 0..24 {
        let _ = writeln!(
            fleet,
            "[[route]]\nroute_id = \"m-{number}\"\nlogical_group_id = \"gpt\"\npublic_model = \"m-{number}\"\nshadow_host_id = \"edge-0\"\npriority = 1"
        );
    }
    fleet
}

#[track_caller]
fn assert_order(page: &str, texts: &[&str]) {
    let places: Vec<Option<usize>> = texts.iter().map(|text| page.find(text)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{texts:?} {places:?} {page}");
}

#[tokio::test]
async fn hosts_are_counted_found_by_a_part_of_their_id_and_stand_in_the_order_of_their_numbers() {
    let console = Console::start().await;
    console.publish(&large()).await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = browser.get("/hosts").await.ok();
    assert!(page.contains("62 hosts") && !page.contains("First page"), "{page}");
    assert_order(&page, &[">edge-2<", ">edge-10<", ">edge-49<", "rel=\"next\">Next<"]);
    assert!(!page.contains(">edge-50<"), "{page}");
    let page = browser.get("/hosts?cursor=edge-49").await.ok();
    assert_order(&page, &[">edge-50<", ">tokyo<", "href=\"/hosts\">First page<"]);
    let page = browser.get("/hosts?id=TOK").await.ok();
    assert!(page.contains("1 host<") && page.contains(">tokyo<") && !page.contains(">osaka<"), "{page}");
    assert!(browser.get("/hosts?id=nowhere").await.ok().contains("Nothing matches."));
    let page = browser.get("/groups").await.ok();
    assert!(page.contains("title=\"gpt-5, gpt-5-mini, m-0,") && page.contains(">26 models</span>"), "{page}");
}

#[tokio::test]
async fn the_page_of_a_host_ends_with_some_of_its_routes_and_the_way_to_all() {
    let console = Console::start().await;
    console.publish(&large()).await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = browser.get("/hosts/edge-0").await.ok();
    assert_order(
        &page,
        &["Settings</h2>", "Routes</h2>", "href=\"/routes?shadow_host_id=edge-0\">All 24 routes<", ">m-0<"],
    );
    assert_eq!(page.matches("href=\"/routes/m-").count(), 20);
    assert!(!page.contains("href=\"/hosts/edge-0\">edge-0<"), "the host is not said again in each line");
    let page = browser.get("/routes?shadow_host_id=edge-0").await.ok();
    assert_eq!(page.matches("href=\"/routes/m-").count(), 24);
}

#[tokio::test]
async fn of_a_deletion_the_effect_comes_first_and_a_long_list_of_what_goes_is_summed_up_and_folded() {
    let console = Console::start().await;
    console.publish(&large()).await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = browser.get("/hosts/edge-0/act/delete").await.ok();
    assert_order(
        &page,
        &[
            "What it does to recent traffic</h2>",
            "What will change</h2>",
            "<summary>removed: 1 host, 24 routes</summary>",
        ],
    );
    assert!(!page.contains(">Before</th>"), "nothing has a value before or after");
    let page = browser.get("/hosts/edge-1/act/delete").await.ok();
    assert!(page.contains("removed: 1 host</p>") && !page.contains("<details class=\"fold\">"), "{page}");
    browser.headers[1].1 = "zh-CN".to_owned();
    let page = browser.get("/keys/team-a/act/delete").await.ok();
    assert!(page.contains("<title>删除 key team-a") && page.contains("删除：1 个 key"), "{page}");
}

#[tokio::test]
async fn the_page_of_health_shows_what_is_not_well_and_counts_the_rest() {
    let console = Console::start().await;
    console.publish(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = browser.get("/health").await.ok();
    assert!(page.contains("Nothing is wrong with 2 hosts and 3 routes.") && !page.contains(">gpt-tokyo<"), "{page}");
    let page = browser.get("/health?all=1").await.ok();
    assert!(
        page.contains(">gpt-tokyo<") && page.contains(">osaka<") && !page.contains("Nothing is wrong with"),
        "{page}"
    );
}

#[tokio::test]
async fn an_entry_of_the_audit_trail_leads_to_its_generation_and_keeps_its_long_details_folded() {
    let console = Console::start().await;
    console.publish(&large()).await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = browser.get("/audit/1").await.ok();
    assert_order(&page, &["href=\"/generations/1\">What it changed<", "<summary>As JSON, "]);
}

#[tokio::test]
async fn a_group_to_draw_is_chosen_above_the_map() {
    let console = Console::start().await;
    console.publish(FLEET).await;
    let mut browser = console.logged_in(ADMIN).await;
    let page = browser.get("/map?group=gpt").await.ok();
    assert!(page.contains("<option value=\"gpt\" selected>gpt</option>"), "{page}");
}
