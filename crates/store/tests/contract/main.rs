//! What every store promises, run for every engine.
//!
//! A promise is a function generic over [`Engine`]; `contract!` makes it a test
//! of each engine. What only one engine can be asked is in that engine's file.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod access;
mod engine;
mod fixture;
mod fleets;
mod hosts;
mod notifications;
mod records;
mod secrecy;
mod sessions;
mod sqlite;

use engine::Engine;

macro_rules! contract {
    ($engine:ident: $($subject:ident { $($promise:ident)* })*) => {
        $(mod $subject {
            $(#[tokio::test]
            async fn $promise() {
                crate::$subject::$promise::<crate::$engine::Database>().await;
            })*
        })*
    };
}

mod on_sqlite {
    contract! { sqlite:
        fleets {
            a_new_store_has_the_empty_fleet_of_generation_zero
            every_field_survives_publication_and_reopening
            a_publication_replaces_the_whole_fleet
            a_publication_based_on_an_old_generation_is_refused
            an_inconsistent_fleet_changes_nothing
            a_failure_in_the_last_step_changes_nothing
            of_concurrent_publishers_exactly_one_wins
            generations_are_listed_newest_first_in_pages
            an_old_generation_can_be_read_whole
            forgotten_fleets_leave_their_records
            a_reader_never_sees_half_a_publication
            ten_thousand_routes_are_published_and_read_back
        }
        records {
            a_managed_resource_is_known_by_host_kind_and_name
            recording_again_updates_and_keeps_the_number
            managed_resources_are_filtered_and_paged
            a_managed_resource_outlives_its_host
            the_audit_trail_is_paged_newest_first
            the_audit_trail_is_filtered
            a_publication_is_audited_with_its_diff
            admin_tokens_are_found_by_hash_and_revoked
            adding_a_known_token_again_updates_it
            settings_are_set_and_overwritten
            a_store_answers_a_ping
            everything_survives_reopening
        }
        access {
            every_field_of_a_grant_survives
            grants_are_asked_for_once_and_revived_only_on_demand
            what_is_asked_for_meanwhile_outlives_a_write
            a_rotation_asks_for_one_more_issue_however_often_it_is_asked_for
            due_grants_come_longest_waiting_first
            a_grant_its_keys_and_its_objects_are_written_as_one
            grants_are_counted_by_state
            a_user_keeps_the_password_that_is_wanted
            the_last_word_about_a_quota_is_kept
            no_secret_of_managed_access_is_readable_at_rest
        }
        hosts {
            the_last_probe_of_a_host_is_kept
            objects_of_a_host_keep_when_they_were_first_seen
            the_last_result_of_each_kind_of_work_on_a_host_is_kept
            an_observation_is_added_when_it_differs_and_told_with_the_one_before
            events_are_listed_newest_first_by_kind_host_and_gravity
        }
        notifications {
            a_channel_is_kept_with_its_secrets_and_never_twice
            an_updated_channel_keeps_its_id_type_and_date
            a_channels_secrets_are_not_readable_at_rest
            of_an_incident_the_latest_message_alone_is_sent
            a_forgotten_incident_is_gone_and_its_message_withdrawn
            nothing_is_kept_for_a_channel_that_is_gone
            messages_are_due_in_their_order_and_until_they_end
            a_channel_with_many_messages_hides_no_others
            a_message_superseded_on_its_way_is_not_sent_again
            the_log_is_filtered_and_paged_newest_first
            only_what_was_finished_is_forgotten
        }
        sessions {
            a_session_is_found_by_its_hash_with_its_token_as_it_is_now
            use_is_noted_and_never_goes_back
            sessions_end_one_by_one_all_at_once_and_with_their_token
            old_and_idle_sessions_are_forgotten
            a_session_needs_a_token
        }
        secrecy {
            no_secret_is_readable_at_rest
            opening_again_applies_no_migration_twice
            another_master_key_is_refused_at_open
            a_rotated_master_key_opens_with_the_previous_one_at_hand
            a_store_opens_once_for_many_at_the_same_time
        }
    }
}
