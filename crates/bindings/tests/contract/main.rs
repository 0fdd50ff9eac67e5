//! What every binding store promises, run for every engine.
//!
//! A promise is a function generic over [`Engine`]; `contract!` makes it a test
//! of each engine. Time is the tests' own: no engine may look at a clock.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bindings;
mod engine;
mod fixture;
mod listing;
mod responses;
mod sqlite;

use engine::Engine;

macro_rules! contract {
    ($engine:ident: $($subject:ident { $($promise:ident)* })*) => {
        $(mod $subject {
            $(#[tokio::test]
            async fn $promise() {
                crate::$subject::$promise::<crate::engine::$engine>().await;
            })*
        })*
    };
}

macro_rules! contract_of {
    ($engine:ident) => {
        contract! { $engine:
            bindings {
                a_binding_is_found_until_it_expires
                what_has_expired_by_the_callers_clock_is_not_there
                a_put_replaces_what_is_there
                parallel_first_requests_bind_once
                an_expired_binding_is_no_obstacle_to_a_new_one
                a_touch_refreshes_and_never_shortens
                a_touch_does_not_bring_back_what_is_gone_or_moved
                the_least_recently_used_go_first_when_the_table_is_full
                a_large_table_stays_within_its_bound
                a_sweep_removes_what_has_expired
            }
            listing {
                pages_cover_every_live_binding_once_in_order
                a_page_survives_changes_between_pages
                each_field_filters_a_listing
                each_field_filters_a_purge
                an_empty_filter_purges_all
            }
            responses {
                a_response_is_known_to_its_consumer_for_an_hour
                a_newer_owner_replaces_the_older
                a_purge_of_bindings_keeps_response_owners
                response_owners_are_bounded
            }
        }
    };
}

mod in_memory {
    contract_of! { Memory }
}

mod in_sqlite {
    contract_of! { Sqlite }
}
