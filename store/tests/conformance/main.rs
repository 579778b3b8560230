//! The contract of a backend, as one list of cases: each runs against each database.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod given;
mod idempotency;
mod keys;
mod log;
mod newer;
mod postgres;
mod streams;
mod tokens;
mod uniqueness;
mod view;

/// Defines a test of each case for each backend.
macro_rules! conformance {
    ($($area:ident: $($case:ident),+;)+) => {
        mod sqlite {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $case() {
                    let database = crate::given::Database::sqlite().await;
                    crate::$area::$case(&database).await;
                    database.close().await;
                }
            )+)+
        }

        mod postgres_backend {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $case() {
                    let database = crate::given::Database::postgres().await;
                    crate::$area::$case(&database).await;
                    database.close().await;
                }
            )+)+
        }
    };
}

conformance! {
    streams:
        events_come_back_with_their_envelopes,
        an_empty_stream_is_the_default,
        of_many_writers_of_one_sequence_exactly_one_wins,
        a_stream_has_no_holes,
        nothing_of_a_refused_append_stays,
        a_known_stream_equals_its_full_fold,
        the_stock_loader_reads_what_we_wrote,
        the_framework_runs_over_our_repository;
    uniqueness:
        of_64_parallel_uploads_of_the_same_bytes_exactly_one_wins,
        other_accounts_may_hold_the_same_bytes,
        disabling_frees_the_bytes,
        replacing_frees_the_old_bytes_and_takes_the_new,
        replacing_by_bytes_held_elsewhere_names_the_holder,
        the_image_limit_holds_under_concurrency,
        an_accounts_own_limit_goes_before_the_servers;
    idempotency:
        a_key_is_taken_once_and_remembers_what_it_led_to,
        of_many_parallel_uses_of_a_key_exactly_one_wins,
        a_key_is_forgotten_after_a_day;
    keys:
        a_key_works_until_it_is_revoked,
        accounts_are_listed_oldest_first,
        an_accounts_name_and_status_are_known_at_once,
        a_key_and_its_tokens_end_when_it_expires,
        the_use_of_a_key_is_noted_once_a_minute,
        an_actor_is_called_what_its_key_is_also_after_that_was_revoked,
        neither_events_nor_tables_hold_a_verifier_in_clear,
        verifiers_of_another_key_are_not_kept,
        a_key_of_an_old_event_works_by_the_verifiers_in_it,
        another_master_key_is_refused_and_none_is_not_made_again,
        the_master_key_is_rotated_under_open_stores,
        keys_issued_during_a_rotation_work_after_it,
        the_token_secret_is_made_once_and_replaced_on_demand;
    tokens:
        a_family_lives_until_it_is_ended,
        a_revoked_key_has_no_families,
        a_family_ends_in_time_and_its_row_goes,
        each_refresh_spends_its_token,
        a_lost_answer_may_be_asked_for_again_for_a_while,
        of_many_parallel_refreshes_all_get_the_same_successor,
        a_key_has_so_many_families_and_the_oldest_ends,
        a_family_says_by_which_secret_tokens_are_signed;
    log:
        the_log_is_dense_and_keeps_the_order_of_each_stream,
        the_chain_follows_from_the_events,
        the_log_is_read_in_pages,
        an_account_has_a_log_of_its_own,
        a_sleeping_reader_is_woken;
    newer:
        an_event_that_only_a_newer_program_knows_is_shown_and_folded_past,
        an_account_with_such_an_event_has_its_keys_refused,
        an_image_with_such_an_event_is_not_shown,
        unknown_scopes_are_kept_and_grant_nothing,
        a_log_with_such_events_can_be_imported;
    view:
        rows_and_checkpoint_move_together,
        a_checkpoint_moves_alone_and_is_forgotten,
        a_row_never_goes_back,
        lists_are_newest_first_and_paged,
        lists_are_filtered_turned_and_resumed,
        a_public_link_finds_its_image,
        only_a_master_that_an_image_shows_is_one,
        a_writer_waits_until_its_write_is_visible,
        a_newer_version_starts_over;
}
