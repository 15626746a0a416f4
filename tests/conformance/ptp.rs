//! Which test shows which fact of IEEE 1588-2019 that implementations get wrong.

use super::Rule;

/// Each fact, and the names of its tests.
pub const RULES: &[Rule] = &[
    (
        "1: part A compares one grandmaster by its ways first, else priority1, class, accuracy, variance, priority2, identity as unsigned octets",
        &[
            "one_grandmaster_is_compared_by_its_ways_before_anything_else",
            "different_grandmasters_compare_by_priority1_class_accuracy_variance_priority2_identity_in_this_order",
            "identities_compare_as_unsigned_octets",
            "the_comparison_is_antisymmetric_over_all_pairs",
            "the_comparison_is_transitive_over_all_triples",
        ],
    ),
    (
        "2: part B: steps that differ by more than one decide; by one, receiver and sender of the farther set; equal steps, the senders and then the receiving port",
        &[
            "steps_removed_that_differ_by_more_than_one_decide",
            "steps_removed_that_differ_by_one_compare_receiver_and_sender_of_the_farther_one",
            "equal_steps_compare_the_whole_port_identity_of_the_senders_and_then_the_receiving_port",
        ],
    ),
    (
        "3: a class of 127 and less never becomes slave; a better way only by topology is PASSIVE; who hears nobody listens",
        &[
            "a_clock_of_class_127_and_below_never_becomes_a_slave",
            "a_second_way_to_the_same_grandmaster_is_passive_only_by_topology",
            "a_port_that_may_be_master_listens_for_a_timeout_and_is_master_then",
        ],
    ),
    (
        "4: G.8275: class, accuracy, variance, priority2, localPriority; of class 127 and less then the way; never priority1",
        &[
            "by_g8275_class_accuracy_variance_priority2_local_priority_and_identity_decide_in_this_order_and_priority1_never",
            "by_g8275_traceable_grandmasters_that_are_equal_are_compared_by_the_way_and_others_by_identity",
        ],
    ),
    (
        "5: two Announce in four intervals qualify, the first not counted; 255 steps are refused; newer by sequenceId modulo 2^16; the last one counts; the table is bounded",
        &[
            "two_announce_within_four_intervals_qualify_the_creating_one_not_counted",
            "two_announce_at_the_two_ends_of_the_window_qualify_but_not_beyond_it",
            "an_announce_with_255_steps_removed_is_refused",
            "an_announce_is_newer_by_its_sequence_id_modulo_2_to_the_16",
            "only_the_most_recent_announce_of_a_master_is_compared",
            "a_flood_of_worse_masters_displaces_nobody",
        ],
    ),
    (
        "6: alternateMasterFlag keeps an Announce out of the comparison",
        &[
            "an_announce_with_the_alternate_master_flag_never_enters_the_table",
            "sync_with_the_alternate_master_flag_is_not_used",
        ],
    ),
    (
        "7: PRE_MASTER waits stepsRemoved + 1 announce intervals by M3, and not at all by M1 and M2",
        &[
            "who_hands_time_on_waits_in_pre_master_for_one_interval_more_than_there_are_clocks_before_it",
            "a_grandmaster_passes_pre_master_without_waiting",
        ],
    ),
    (
        "8: the announce receipt timeout is random by up to an interval; a slave-only port then listens, and another is master",
        &[
            "the_announce_receipt_timeout_is_a_random_time_between_three_and_four_intervals",
            "a_parent_that_falls_silent_is_lost_and_the_port_listens",
            "a_passive_port_is_silent_and_takes_over_when_the_better_one_is_gone",
        ],
    ),
    (
        "9: major version 2, any minor, the domain and all twelve bits of sdoId; nothing of our own clock; the minor that is sent can be set",
        &[
            "another_major_version_is_counted_and_remembered",
            "the_minor_version_is_ignored_on_receipt",
            "another_domain_is_refused_and_the_last_one_remembered",
            "all_twelve_bits_of_the_sdo_id_must_match",
            "own_messages_that_come_back_are_discarded",
            "a_port_of_a_higher_number_and_our_own_echo_change_nothing",
            "the_minor_version_of_what_is_sent_is_configurable",
        ],
    ),
    (
        "10: messageLength holds the body and the TLVs, and no more than the datagram; pad behind it is tolerated, and sent with UDP/IPv6",
        &[
            "message_length_below_the_body_is_refused_for_every_type",
            "every_truncation_of_every_message_is_an_error",
            "pad_beyond_message_length_is_tolerated",
            "padding_behind_a_message_is_tolerated",
            "a_slave_of_ptp4l_over_udp6_adds_two_octets_to_its_messages",
        ],
    ),
    (
        "11: TLVs are walked to the last, of even length, unknown ones left alone; of the parent's Announce PATH_TRACE, ALTERNATE_TIME_OFFSET and 0x4000 to 0x7FFF are handed on, within a frame",
        &[
            "tlvs_are_walked_to_the_last_one_and_unknown_ones_are_kept",
            "a_bad_tlv_anywhere_refuses_the_message",
            "a_boundary_clock_hands_on_path_trace_alternate_time_offset_and_4000_to_7fff_and_nothing_else",
            "what_does_not_fit_is_left_out_as_a_whole_and_a_path_that_does_not_fit_ends",
        ],
    ),
    (
        "12: Sync and Follow_Up pair by sequenceId in either order, corrections add up, a one-step Sync clears what waits, and two-step is a matter of each message",
        &[
            "a_sync_and_its_follow_up_make_a_pair",
            "follow_up_before_sync_still_pairs",
            "the_corrections_of_sync_and_follow_up_add_up",
            "a_one_step_sync_is_complete_and_clears_what_waits",
            "two_step_is_a_matter_of_each_message",
            "what_was_recorded_of_a_master_is_not_used_while_it_is_heard_itself",
        ],
    ),
    (
        "13: Sync, Follow_Up and Delay_Resp are of the parent's port",
        &["sync_follow_up_and_delay_resp_must_come_from_the_parent_port_not_from_its_grandmaster_or_clock"],
    ),
    (
        "14: a Delay_Resp names our port and one of several outstanding requests",
        &[
            "a_delay_resp_must_name_our_own_port_identity",
            "several_requests_may_be_outstanding_and_answered_in_any_order",
            "a_response_with_another_sequence_id_answers_nothing",
        ],
    ),
    (
        "15: a master copies correction, sequenceId and requester into Delay_Resp, with its interval or 0x7F",
        &[
            "delay_resp_copies_the_correction_and_puts_the_rest_of_t4_below_a_nanosecond_into_it",
            "delay_resp_echoes_the_request_and_carries_its_correction",
            "delay_resp_to_a_unicast_request_is_unicast_with_interval_0x7f",
        ],
    ),
    (
        "16: the master's logMinDelayReqInterval is honoured, not where unstated, and limited where absurd; so is that of Sync",
        &[
            "the_interval_of_the_master_is_honoured_but_not_when_unstated",
            "an_absurd_interval_of_the_master_is_limited_and_counted",
            "the_sync_interval_is_told_when_it_changes_and_never_when_unstated",
        ],
    ),
    (
        "17: Delay_Req are spaced at random, uniformly up to twice the interval, with logMessageInterval 0x7F",
        &[
            "the_spacing_is_uniform_between_zero_and_twice_the_interval",
            "requests_are_never_sent_at_a_fixed_period",
            "delay_req_has_interval_0x7f_and_the_asymmetry_subtracted",
        ],
    ),
    (
        "18: delayAsymmetry is added to what comes and subtracted from what goes; latencies are of the stamps",
        &[
            "the_delay_asymmetry_is_added_to_sync_and_subtracted_from_delay_req",
            "with_the_asymmetry_configured_the_offset_of_an_asymmetric_path_comes_out_right",
            "ingress_latency_is_subtracted_from_t2_and_egress_latency_added_to_t3",
            "corrections_are_subtracted_and_the_asymmetry_cancels",
        ],
    ),
    (
        "19: peer delay: requester, sequenceIds and sender of both halves agree; two that answer are a fault and no average",
        &[
            "an_answer_to_another_requester_or_to_no_request_or_a_second_one_is_not_used",
            "a_follow_up_of_another_than_the_answer_completes_nothing",
            "two_that_answer_one_request_are_a_fault_and_no_average",
            "two_neighbours_on_one_link_are_a_fault_and_nothing_is_believed_of_it",
        ],
    ),
    (
        "20: a correction may be negative, has 2^-16 ns, and is dropped where it is too big for its field or for the limit",
        &[
            "a_negative_correction_is_legal_and_kept_to_a_65536th_of_a_nanosecond",
            "a_correction_that_is_too_big_is_dropped",
            "a_correction_of_more_than_ten_seconds_on_either_side_is_dropped",
        ],
    ),
    (
        "21: sequenceId counts for each type of message, and wraps",
        &[
            "announce_and_sync_are_sent_at_their_intervals_with_a_sequence_id_each",
            "the_sequence_id_of_sync_wraps",
            "sync_follow_up_announce_and_delay_req_go_through_a_round_of_sequence_ids_without_the_loss_of_one",
            "pdelay_req_go_through_a_round_of_sequence_ids_without_the_loss_of_one",
        ],
    ),
    (
        "22: the state decides what is processed: event messages in UNCALIBRATED and SLAVE, Delay_Req in MASTER; PASSIVE hears Announce",
        &[
            "event_messages_are_processed_only_in_uncalibrated_and_slave",
            "a_delay_req_is_answered_by_a_master_only",
            "a_passive_port_is_silent_and_takes_over_when_the_better_one_is_gone",
        ],
    ),
    (
        "23: SLAVE only by the lock, back by a step, which throws halves away",
        &[
            "uncalibrated_becomes_slave_only_on_servo_lock_and_goes_back_without_it",
            "a_step_of_the_clock_takes_the_port_back_and_flushes_pairs_and_outstanding_requests",
        ],
    ),
    (
        "24: currentUtcOffset counts with its flag; a boundary clock hands its parent's time properties on, a grandmaster its own; no 37 is built in",
        &[
            "current_utc_offset_counts_only_with_its_valid_flag",
            "the_time_is_sent_on_in_the_parents_timescale",
            "without_tai_the_timescale_is_arb",
            "tai_without_a_utc_offset_is_never_followed",
        ],
    ),
    (
        "25: a leap second: announced near it only, the offset and UTC leap together, nobody is listened to at the instant",
        &[
            "what_is_announced_long_before_is_served_as_a_warning_on_the_last_day_only",
            "nobody_misses_an_announcement_in_the_morning",
            "a_warning_that_is_taken_back_in_time_is_gone",
            "an_inserted_second_changes_the_offset_at_midnight",
            "utc_and_tai_minus_utc_leap_together",
            "near_the_leap_second_nobody_is_listened_to",
            "a_leap_second_that_nobody_announced_is_believed_in_the_first_hour_of_a_month_only",
        ],
    ),
    (
        "26: a grandmaster is 0 steps removed, with its own data; a slave one more than it heard",
        &[
            "a_clock_better_than_all_that_it_hears_is_grandmaster_on_every_port",
            "the_port_that_hears_the_best_master_is_slave_and_the_others_hand_its_time_on",
        ],
    ),
    (
        "27: an Announce that has passed us is thrown away, and we put ourselves to the end of the path as long as it fits",
        &[
            "an_announce_that_has_passed_us_is_thrown_away_where_the_path_is_traced",
            "a_clock_that_traces_the_path_puts_itself_to_its_end_and_begins_one_where_there_is_none",
            "what_does_not_fit_is_left_out_as_a_whole_and_a_path_that_does_not_fit_ends",
            "a_path_is_traced_from_ptp4l_through_us_to_ptp4l_and_what_has_passed_us_is_refused",
        ],
    ),
    (
        "28: management: wildcards, hops, errors by the book, and nothing is set but by the owner of this machine",
        &[
            "a_get_of_a_port_is_answered_by_each_that_is_meant_in_its_own_name",
            "a_response_repeats_the_request_and_says_how_far_it_came",
            "messages_go_on_while_they_have_hops_left_and_not_if_they_are_ours",
            "what_is_refused_says_why_by_the_book",
            "pmc_reads_all_data_sets_of_a_slave_by_its_socket_and_only_the_owner_sets_anything",
        ],
    ),
    (
        "29: unicast negotiation: grants of no more than was asked for and allowed, for who has a place, cancels both ways; of a slave renewals before the end, refusals, nobody but its masters",
        &[
            "what_is_asked_for_is_granted_capped_and_sent",
            "a_full_table_refuses_newcomers_and_keeps_who_is_in_it",
            "a_full_table_refuses_and_a_place_is_free_when_somebody_cancels",
            "who_is_no_master_grants_nothing_and_cancels_what_it_had_granted",
            "a_refusal_and_a_grant_without_a_request_change_nothing",
            "a_contract_is_renewed_when_half_of_it_is_over_and_three_times_at_most",
            "who_refuses_or_is_silent_is_asked_ever_more_rarely",
            "what_a_master_cancels_is_acknowledged_and_asked_for_again",
            "only_what_was_asked_for_is_used_and_only_from_its_masters_address_and_identity",
        ],
    ),
    (
        "30: unicastFlag is set on what goes to one alone",
        &[
            "delay_req_go_to_the_parent_only_and_not_before_it_has_granted_answers",
            "sync_has_its_follow_up_to_the_same_client_and_both_state_no_interval",
            "delay_resp_to_a_unicast_request_is_unicast_with_interval_0x7f",
        ],
    ),
    (
        "31: clockIdentity is the EUI-48 and two octets, one for the clock",
        &["a_clock_identity_is_the_eui_48_followed_by_two_octets"],
    ),
    (
        "32: a slave-only port never sends Announce or Sync",
        &[
            "a_slave_only_port_is_figure_31_and_never_becomes_master",
            "a_slave_only_port_answers_no_delay_req_and_sends_nothing_but_delay_req",
        ],
    ),
    (
        "33: groups, ports, hop limits, priorities: tshark finds no fault, and Pdelay goes to its own group",
        &[
            "a_slave_of_ptp4l_with_peer_delay_over_udp4",
            "a_slave_of_ptp4l_with_peer_delay_over_udp6",
            "a_slave_of_ptp4l_with_peer_delay_over_ethernet",
            "an_event_message_on_the_general_channel_is_refused",
            "what_is_sent_carries_the_hops_the_dscp_and_the_priority_that_were_asked_for",
        ],
    ),
    (
        "34: a transmit stamp is that of this very message",
        &["stamps_find_their_messages_in_any_order_and_however_late", "keys_survive_a_failed_send"],
    ),
    ("the state machine is figures 30 and 31", &["the_state_machine_is_figure_30"]),
];
