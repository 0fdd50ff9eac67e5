//! Limits and budgets of keys and groups, as clients meet them.

use relay_domain::{Amount, Budget, Limits, Money, Period, Ratio, RouteCost};
use relay_testkit::{Gate, Reply, Usage};
use tokio::task::JoinSet;

use crate::rig::{MODEL, OTHER_KEY, Rig, Setup, counted, request};

/// A rig whose one host answers with this usage, and whose `team-a` has these limits.
async fn limited(limits: Limits) -> Rig {
    let rig = Setup::hosts(1).fleet(move |fleet| fleet.keys[0].limits = limits).start().await;
    let usage = Usage { input: 800_000, cached: 500_000, output: 10_000, reasoning: 4_000 };
    rig.hosts[0].default_reply(Reply::chat("hello").usage(usage));
    rig
}

fn seconds(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).expect("is a number of seconds")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_clients_at_once_exactly_the_limit_gets_through() {
    let rig = limited(Limits { rpm: Some(100), ..Limits::default() }).await;
    let clients: Vec<_> = (0..64)
        .map(|client| {
            let calls: Vec<_> = (0..4).map(|turn| rig.say(&format!("{client}-{turn}"))).collect();
            tokio::spawn(async move {
                let mut answers = Vec::new();
                for call in calls {
                    answers.push(call.send().await);
                }
                answers
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for client in clients {
        for mut answer in client.await.expect("does not panic") {
            statuses.push(answer.status);
            assert_eq!(answer.header("x-ratelimit-limit-requests"), Some("100"));
            if answer.status == 429 {
                let wait = seconds(answer.header("retry-after"));
                assert!((1..=60).contains(&wait), "{wait}");
                assert_eq!(answer.header("x-ratelimit-remaining-requests"), Some("0"));
                assert!(answer.header("x-ratelimit-reset-requests").is_some());
                assert_eq!(answer.error_code().await, "rate_limit_exceeded");
            }
        }
    }
    let count = |status: u16| statuses.iter().filter(|other| **other == status).count();
    assert_eq!((count(200), count(429)), (100, 156));
    assert_eq!(rig.calls(), [100]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_clients_at_once_no_more_than_the_concurrency_are_in_flight() {
    let rig = limited(Limits { concurrency: Some(8), ..Limits::default() }).await;
    let gate = Gate::new();
    rig.hosts[0].default_reply(Reply::stream().gate(&gate).text("held"));
    let mut clients: JoinSet<_> =
        (0..64).map(|client| rig.say(&format!("{client}"))).map(|call| async { call.send().await.status }).collect();
    // Those who are too many wait in vain, and are refused.
    for _ in 0..56 {
        assert_eq!(clients.join_next().await.expect("is there").expect("does not panic"), 429);
    }
    assert_eq!(rig.calls(), [8]);
    gate.open();
    assert_eq!(clients.join_all().await, [200; 8]);
    assert_eq!(rig.calls(), [8]);
}

#[tokio::test]
async fn what_is_left_is_told_with_each_answer_and_the_hosts_own_is_not() {
    let rig = limited(Limits { rpm: Some(2), tpm: Some(10_000_000), ..Limits::default() }).await;
    let first = rig.say("one").send().await;
    assert_eq!(first.header("x-ratelimit-remaining-requests"), Some("1"));
    rig.decision(&first.request_id()).await;
    let second = rig.say("two").send().await;
    assert_eq!(second.header("x-ratelimit-remaining-requests"), Some("0"));
    // The first answer's 810,000 are counted, whatever was estimated.
    let left = seconds(second.header("x-ratelimit-remaining-tokens"));
    assert!((9_189_000..=9_190_000).contains(&left), "{left}");
    assert_eq!(second.headers.get_all("x-ratelimit-limit-requests").iter().count(), 1);
    // Another key is none of its business.
    let other = rig.say("three").key(OTHER_KEY).send().await;
    assert_eq!((other.status, other.header("x-ratelimit-limit-requests")), (200, None));
}

#[tokio::test]
async fn a_request_over_the_concurrency_is_served_when_another_ends() {
    let rig = limited(Limits { concurrency: Some(1), ..Limits::default() }).await;
    let gate = Gate::new();
    rig.hosts[0].script(Reply::stream().gate(&gate).text("held"));
    let first = rig.say("one").spawn();
    rig.hosts[0].wait_received(1).await;
    let second = rig.say("two").spawn();
    gate.open();
    assert_eq!(first.await.expect("does not panic").status, 200);
    assert_eq!(second.await.expect("does not panic").status, 200);
}

#[tokio::test]
async fn a_request_that_waits_in_vain_is_told_when_to_come_back() {
    let rig = limited(Limits { concurrency: Some(1), ..Limits::default() }).await;
    let gate = Gate::new();
    rig.hosts[0].script(Reply::stream().gate(&gate).text("held"));
    let first = rig.say("one").spawn();
    rig.hosts[0].wait_received(1).await;
    let mut refused = rig.say("two").send().await;
    assert_eq!((refused.status, seconds(refused.header("retry-after"))), (429, 1));
    assert_eq!(refused.header("x-ratelimit-limit-concurrency"), Some("1"));
    assert_eq!(refused.error_code().await, "concurrency_limit_exceeded");
    gate.open();
    first.await.expect("does not panic");
    assert_eq!(rig.say("three").send().await.status, 200);
}

#[tokio::test]
async fn a_client_that_goes_away_gives_its_place_back() {
    let rig = limited(Limits { concurrency: Some(1), ..Limits::default() }).await;
    rig.hosts[0].script(Reply::silence());
    let first = rig.say("one").spawn();
    rig.hosts[0].wait_received(1).await;
    first.abort();
    assert_eq!(rig.say("two").send().await.status, 200);
}

#[tokio::test]
async fn a_groups_limit_holds_for_all_its_keys_together() {
    let group = Limits { rpm: Some(2), ..Limits::default() };
    let rig = Setup::hosts(1)
        .fleet(|fleet| {
            fleet.groups[0].limits = group;
            fleet.keys[0].limits.rpm = Some(10);
        })
        .start()
        .await;
    assert_eq!(rig.say("one").send().await.status, 200);
    assert_eq!(rig.say("two").key(OTHER_KEY).send().await.status, 200);
    for _ in 0..3 {
        assert_eq!(rig.say("three").send().await.status, 429);
    }
    // What the group refused did not count against the key: 10 less the one that was served.
    let refused = rig.say("four").send().await;
    assert_eq!(refused.header("x-ratelimit-limit-requests"), Some("2"));
    let decision = rig.decision(&refused.request_id()).await;
    assert_eq!(decision.error_class.as_deref(), Some("rate_limited"));
    assert_eq!((decision.client_status, &*decision.logical_group_id), (Some(429), "gpt"));
}

#[tokio::test]
async fn a_budget_in_tokens_ends_with_its_period_and_says_so() {
    let budget = Budget { amount: Amount::Tokens(1_000_000), period: Period::Day };
    let rig = limited(Limits { budgets: vec![budget], ..Limits::default() }).await;
    // Each takes 810,000: the second one is let in, and spends more than was left.
    for _ in 0..2 {
        assert_eq!(rig.say("hello").send().await.status, 200);
    }
    let mut refused = rig.say("more").send().await;
    assert_eq!(refused.status, 429);
    // The rig's clock stands at 08:00.
    assert_eq!(seconds(refused.header("retry-after")), 16 * 3_600);
    assert_eq!(refused.header("x-should-retry"), Some("false"));
    assert_eq!(refused.header("x-ratelimit-limit-budget"), Some("1000000"));
    assert_eq!(refused.error_code().await, "budget_exhausted");
    rig.clock.advance(jiff::SignedDuration::from_hours(16));
    assert_eq!(rig.say("tomorrow").send().await.status, 200);
}

#[tokio::test]
async fn a_budget_in_money_counts_what_the_consumer_pays() {
    // 300,000 plain at 1.25, 500,000 cached at 0.125, 10,000 out at 10: 0.5375; half of it is 0.26875.
    let budget = Budget { amount: Amount::Money(Money::from_nanos(268_750_000)), period: Period::Month };
    let rig = Setup::hosts(1)
        .fleet(move |fleet| {
            fleet.keys[0].limits.budgets = vec![budget];
            fleet.groups[0].price_ratio = Ratio::from_millionths(500_000);
            let tenth = Ratio::from_millionths(100_000);
            fleet.routes[0].cost = RouteCost { multiplier: Ratio::from_millionths(2_000_000), recharge_ratio: tenth };
        })
        .start()
        .await;
    let usage = Usage { input: 800_000, cached: 500_000, output: 10_000, reasoning: 4_000 };
    rig.hosts[0].default_reply(Reply::chat("hello").usage(usage));
    let answer = rig.chat(counted("one")).send().await;
    let decision = rig.decision(&answer.request_id()).await;
    assert_eq!(decision.price_nanos, Some(268_750_000));
    assert_eq!(decision.cost_nanos, Some(107_500_000));
    // 500,000 × (1.25 − 0.125), at a fifth.
    assert_eq!(decision.cache_saved_nanos, Some(112_500_000));
    assert_eq!(rig.say("two").send().await.status, 429);
}

#[tokio::test]
async fn a_budgeted_answer_has_its_outcome_on_disk_before_it_ends() {
    let budget = Budget { amount: Amount::Tokens(u64::MAX), period: Period::Day };
    let rig = limited(Limits { budgets: vec![budget], ..Limits::default() }).await;
    for body in [request("whole", false), counted("streamed")] {
        let written = rig.ledger.stats().written;
        let mut answer = rig.chat(body).send().await;
        answer.text().await;
        // Its intent and its outcome: nobody asked the log to hurry.
        assert_eq!(rig.ledger.stats().written, written + 2);
    }
}

#[tokio::test]
async fn a_model_without_a_price_has_none_and_is_not_free() {
    let rig = Setup::hosts(1)
        .fleet(|fleet| fleet.routes[0].public_model = relay_domain::ModelPattern::Exact("house-model".into()))
        .start()
        .await;
    let body = request("hello", false).replace("gpt-5", "house-model");
    let answer = rig.chat(body).send().await;
    let decision = rig.decision(&answer.request_id()).await;
    assert!(decision.usage.input.is_some());
    assert_eq!((decision.price_nanos, decision.cost_nanos), (None, None));
}

/// `tpd` is a budget of tokens by another name: whoever tells operators of budgets hears of it.
#[tokio::test]
async fn tokens_of_a_day_that_run_out_are_told_as_a_budget() {
    let rig = limited(Limits { tpd: Some(100), ..Limits::default() }).await;
    rig.hosts[0].default_reply(Reply::chat("x").usage(Usage { input: 90, cached: 0, output: 5, reasoning: 0 }));
    assert!(rig.gateway.budgets_used(90).is_empty());
    let answer = rig.chat(counted("one")).send().await;
    rig.decision(&answer.request_id()).await;
    let told: Vec<_> =
        rig.gateway.budgets_used(90).into_iter().map(|used| (used.of, used.id, used.used.tokens)).collect();
    assert_eq!(told, [("key", "team-a".to_owned(), 95)]);
}

/// A restart would otherwise double every rate.
#[tokio::test]
async fn rates_of_the_last_minute_go_over_to_the_next_process() {
    let limits = || Limits { rpm: Some(2), ..Limits::default() };
    let before = limited(limits()).await;
    assert_eq!(before.say("one").send().await.status, 200);
    assert_eq!(before.say("two").send().await.status, 200);
    let after = limited(limits()).await;
    after.gateway.take_over_limits(&before.gateway.carry_limits());
    assert_eq!(after.say("three").send().await.status, 429);
}

/// The tokens of a request in flight may be fewer than were reserved for it: whoever is refused for them may come back.
#[tokio::test]
async fn a_budget_that_is_only_reserved_is_not_told_as_spent() {
    let budget = Budget { amount: Amount::Tokens(1_000), period: Period::Day };
    let rig = limited(Limits { budgets: vec![budget], ..Limits::default() }).await;
    let gate = Gate::new();
    rig.hosts[0].script(Reply::stream().gate(&gate).text("held").usage(Usage {
        input: 9,
        cached: 0,
        output: 1,
        reasoning: 0,
    }));
    let first = rig.say(&"some words ".repeat(500)).spawn();
    rig.hosts[0].wait_received(1).await;
    let mut refused = rig.say("two").send().await;
    assert_eq!((refused.status, seconds(refused.header("retry-after"))), (429, 1));
    assert_eq!((refused.header("x-should-retry"), refused.header("x-ratelimit-remaining-budget")), (None, None));
    assert_eq!(refused.error_code().await, "rate_limit_exceeded");
    let decision = rig.decision(&refused.request_id()).await;
    assert_eq!((decision.error_class.as_deref(), &*decision.public_model), (Some("rate_limited"), MODEL));
    gate.open();
    first.await.expect("does not panic");
    assert_eq!(rig.say("three").send().await.status, 200);
}

#[tokio::test]
async fn a_file_in_a_body_reserves_what_an_image_takes_and_not_its_bytes() {
    let budget = Budget { amount: Amount::Tokens(100_000), period: Period::Day };
    let rig = limited(Limits { budgets: vec![budget], ..Limits::default() }).await;
    let gate = Gate::new();
    rig.hosts[0].script(Reply::stream().gate(&gate).text("held"));
    let first = rig.say(&format!("data:image/png;base64,{}", "iVBORw0KGgo".repeat(100_000))).spawn();
    rig.hosts[0].wait_received(1).await;
    assert_eq!(rig.say("two").send().await.status, 200, "a megabyte of image is no 275,000 tokens");
    gate.open();
    assert_eq!(first.await.expect("does not panic").status, 200);
}

#[tokio::test]
async fn counting_tokens_takes_none_of_the_minutes() {
    let rig = limited(Limits { tpm: Some(2_000), ..Limits::default() }).await;
    let long = "some words ".repeat(2_000);
    let body = format!(
        r#"{{"model":"{MODEL}","messages":[{{"role":"user","content":"{long}"}}],"input":"{long}","contents":[]}}"#
    );
    for path in ["/v1/messages/count_tokens", "/v1/responses/input_tokens", "/v1beta/models/gpt-5:countTokens"] {
        for _ in 0..2 {
            let answer = rig.call("POST", path).body(body.clone()).send().await;
            assert_eq!(answer.status, 200, "{path}");
            rig.decision(&answer.request_id()).await;
        }
    }
    let answer = rig.say("now in earnest").send().await;
    let left = seconds(answer.header("x-ratelimit-remaining-tokens"));
    assert!((1_900..2_000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_refusal_names_the_limit_that_refuses() {
    let limit = |concurrency| Limits { concurrency: Some(concurrency), ..Limits::default() };
    let rig = Setup::hosts(1)
        .fleet(move |fleet| (fleet.keys[0].limits, fleet.groups[0].limits) = (limit(1), limit(2)))
        .start()
        .await;
    let gate = Gate::new();
    rig.hosts[0].default_reply(Reply::stream().gate(&gate).text("held"));
    let others: Vec<_> = (0..2).map(|_| rig.say("x").key(OTHER_KEY).spawn()).collect();
    rig.hosts[0].wait_received(2).await;
    let refused = rig.say("mine").send().await;
    assert_eq!((refused.status, refused.header("x-ratelimit-limit-concurrency")), (429, Some("2")));
    gate.open();
    for other in others {
        other.await.expect("does not panic");
    }
}
