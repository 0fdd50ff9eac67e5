//! The list of cases, in the order in which a person would try them.

/// Calls `$run!` with every case.
macro_rules! with_cases {
    ($run:ident) => {
        $run! {
            what_the_host_can_do_is_found_out
            a_probe_changes_nothing
            a_probe_with_a_wrong_key_says_what_is_in_the_way
            terms_are_read_where_there_are_any
            a_wrong_admin_key_is_a_credential_error
            a_login_is_an_access_too
            groups_are_listed_and_found
            a_user_is_found_by_exactly_his_address
            an_address_is_taken_once
            a_user_is_made_as_asked_and_changed
            a_wrong_password_is_a_credential_error
            a_new_password_counts_for_the_next_login
            a_subscription_is_assigned_once
            what_assigning_does_is_learned
            what_cannot_be_assigned_is_told_apart
            a_subscription_is_extended_by_days
            a_revoked_subscription_is_gone_and_can_be_assigned_anew
            a_key_needs_a_living_subscription
            a_creation_with_a_custom_key_can_be_repeated
            a_key_is_served_while_it_is_active
            a_deleted_key_is_refused_and_its_text_may_stay_taken
            a_key_without_its_subscription_shows_no_access
            a_key_is_bound_to_another_group_where_hosts_can
            a_disabled_user_is_refused_everywhere
            what_a_key_costs_is_told_where_hosts_can
            a_key_of_a_standard_group_shows_the_balance_of_its_user
            records_can_be_read
        }
    };
}
pub(crate) use with_cases;
