//! The gateway from the outside: one list of scenarios, run against the real binary of every host.
//!
//! `cargo test -p dormouse-system-tests --test scenarios server::` runs one host's; the names read
//! `host::group::what_must_hold`. Every scenario starts what it needs (a gateway with its own records,
//! a scripted upstream or a real llama.cpp server) on free loopback ports, and ends it.
#![expect(clippy::cognitive_complexity, reason = "every assertion counts as a branch")]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failed expectation is a failed test"
)]

use std::future::Future;

use crate::{host::Host, stage::Stage};

mod agents;
mod answers;
mod budgets;
mod client;
mod conversations;
mod correlation;
mod disconnects;
mod endless;
mod hands;
mod hermes;
mod host;
mod identity;
mod limits;
mod llama;
mod malformed;
mod older;
mod operations;
mod patience;
mod reloads;
mod runs;
mod sdk;
mod sse;
mod stage;
mod state;
mod stores;
mod streamed_disconnects;
mod successors;
mod tenants;
mod tools;
mod unnoticed;
mod upstream_errors;
mod weather;
mod workers;

/// One test for each scenario of each group on a host.
macro_rules! play {
    ($host:ident: $($group:ident { $($scenario:ident,)* })*) => {
        $(mod $group {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                crate::play(crate::host::Host::$host, crate::$group::$scenario).await;
            })*
        })*
    };
}

/// What must hold on every host.
macro_rules! everywhere {
    ($host:ident) => {
        play! {
            $host:
            answers {
                a_whole_answer_arrives,
                a_streamed_answer_arrives,
                pieces_are_seen_as_they_come,
                usage_is_streamed_only_to_those_who_ask,
                what_need_not_change_passes_untouched,
                a_stream_that_need_not_change_passes_untouched,
                a_default_model_answers_those_who_name_none,
                the_upstream_gets_its_own_credential_and_headers_only,
            }
            tools {
                parallel_tool_calls_reach_the_caller,
                streamed_tool_calls_add_up,
                tool_results_reach_the_model,
                response_formats_reach_the_model,
            }
            operations {
                embeddings_come_in_the_encoding_asked_for_and_are_paid_for,
                text_completions_arrive_whole_and_streamed,
                moderations_say_who_judges,
            }
            identity {
                without_a_valid_key_nothing_is_answered,
                a_key_is_taken_as_bearer_and_as_x_api_key,
                a_key_works_until_it_is_revoked,
                only_administrators_make_and_see_keys,
                tenants_do_not_see_each_others_receipts,
            }
            state {
                models_are_those_of_the_upstream,
                it_is_alive_whatever_it_depends_on,
                it_is_ready_when_everything_is_there,
                it_is_not_ready_without_its_upstream,
                metrics_can_be_scraped,
                every_error_is_in_the_catalogue,
                unknown_paths_and_methods_are_errors_too,
            }
            malformed {
                a_wrong_field_is_named,
                what_is_no_json_is_refused,
                a_request_without_any_model_is_refused,
                a_key_for_nobody_is_refused,
            }
            upstream_errors {
                each_upstream_status_has_one_answer,
                a_rate_limit_keeps_its_retry_after,
                an_upstream_that_is_not_there_is_502,
                nonsense_from_the_upstream_is_502,
                an_answer_that_breaks_off_ends_in_an_error_and_done,
                an_error_within_a_stream_is_passed_on,
                the_upstreams_credential_is_never_told,
            }
            patience {
                headers_come_within_a_second_of_silence,
                silence_within_an_answer_is_filled_with_comments,
                a_failure_after_the_headers_is_an_event,
                an_upstream_that_never_begins_is_given_up,
                an_upstream_that_stops_within_its_answer_is_given_up,
                a_request_has_an_end,
            }
            limits {
                a_body_over_the_limit_is_refused,
                a_body_without_a_length_is_measured_too,
            }
            budgets {
                a_receipt_says_what_an_answer_cost,
                over_budget_says_how_much_is_left,
                a_call_that_the_upstream_refuses_costs_nothing,
                a_budget_is_never_passed,
                a_budget_is_never_passed_by_two_gateways,
                a_killed_gateway_loses_no_money,
                without_its_store_nobody_is_admitted,
            }
            conversations {
                gateways_of_one_store_continue_one_another,
                of_two_at_once_the_second_is_refused_by_any_gateway,
                conversations_are_begun_listed_and_forgotten,
                an_archived_conversation_points_to_its_successor,
                without_a_session_nothing_is_kept,
            }
            tenants {
                what_holds_differs_from_tenant_to_tenant,
                a_rate_limit_is_never_passed,
                files_are_kept_and_named_in_requests,
            }
            correlation {
                a_correlation_id_comes_back_and_is_written_down,
                every_answer_has_a_correlation_id,
                an_id_that_would_spoil_the_log_is_replaced,
            }
            agents {
                they_are_asked_by_name,
                their_sessions_go_on_at_any_gateway,
                they_have_hands_of_their_own,
            }
            hands {
                a_program_is_written_run_mended_and_reported,
                without_a_sandbox_model_and_caller_are_told,
            }
            runs {
                a_background_response_can_be_read_again_at_another_gateway,
                a_background_response_is_answered_with_tools,
            }
            llama {
                it_answers_whole,
                it_answers_in_a_stream,
                it_calls_tools,
                it_is_told_of_tools_in_words,
                it_keeps_to_a_schema,
                t_32_an_older_one_is_counted_for_by_its_prompts,
                its_models_are_listed,
                its_words_about_a_full_context_are_kept,
            }
            sdk {
                answers_are_those_of_llamas_own_endpoints,
                the_anthropic_sdk_works,
                the_openai_sdk_works,
                the_openai_sdk_keeps_and_continues_responses,
                the_sdks_hear_every_dialect_alike,
                the_sdks_hear_the_steps_of_a_run,
                the_mcp_sdk_works,
            }
            weather {
                a_real_model_reads_what_its_calls_gave,
                a_real_server_reads_what_its_calls_gave,
            }
            hermes {
                one_does_a_task,
                one_works_with_a_real_model,
            }
        }
    };
}

mod server {
    everywhere!(Server);
    play! {
        Server:
        streamed_disconnects {
            a_request_before_its_first_byte,
            a_request_between_headers_and_first_byte,
            a_request_within_its_answer,
            a_real_model_stops_working,
        }
        disconnects {
            before_the_first_byte,
            within_the_answer,
        }
        endless {
            an_endless_body_is_cut_off,
        }
        stores {
            four_gateways_on_redis_never_pass_a_budget,
            four_gateways_on_postgres_never_pass_a_budget,
            a_redis_that_dies_leaves_nothing_half_done,
            a_postgres_that_dies_leaves_nothing_half_done,
            gateways_on_redis_continue_one_another,
            gateways_on_postgres_continue_one_another,
            gateways_on_dynamodb_continue_one_another,
            of_two_at_once_the_second_is_refused_on_redis,
            of_two_at_once_the_second_is_refused_on_postgres,
            of_two_at_once_the_second_is_refused_on_dynamodb,
        }
        reloads {
            agents_change_when_their_files_are_read_again,
        }
        successors {
            a_killed_gateway_is_succeeded_by_another,
            a_killed_run_goes_on_and_repeats_nothing,
            a_killed_run_goes_on_from_redis,
            a_killed_run_goes_on_from_postgres,
            the_files_of_a_killed_run_go_with_it,
        }
        workers {
            when_all_workers_are_busy_the_next_is_told_at_once,
            a_client_that_leaves_frees_its_worker,
        }
    }
}

mod lambda {
    everywhere!(Lambda);
    play! {
        Lambda:
        successors {
            a_function_hands_its_run_over_before_its_time_is_over,
        }
        unnoticed {
            a_whole_request_runs_to_its_end,
            a_streamed_request_runs_to_its_end,
        }
    }
}

mod spin {
    everywhere!(Spin);
    play! {
        Spin:
        streamed_disconnects {
            a_request_before_its_first_byte,
            a_request_between_headers_and_first_byte,
            a_request_within_its_answer,
            a_real_model_stops_working,
        }
        endless {
            an_endless_body_is_cut_off,
        }
        stores {
            four_gateways_on_redis_never_pass_a_budget,
            a_redis_that_dies_leaves_nothing_half_done,
            gateways_on_redis_continue_one_another,
            of_two_at_once_the_second_is_refused_on_redis,
        }
        successors {
            a_killed_gateway_is_succeeded_by_another,
            a_killed_run_goes_on_and_repeats_nothing,
            a_killed_run_goes_on_from_redis,
        }
        unnoticed {
            a_whole_request_runs_to_its_end,
        }
    }
}

async fn play<F: Future<Output = ()>>(host: Host, scenario: impl FnOnce(Stage) -> F) {
    scenario(Stage::on(host).await).await;
}
