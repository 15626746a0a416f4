//! Which test shows which rule of a server: RFC 5905, 7822, 8633, 9109 and 9769, and what implementations have got wrong.
//!
//! A rule without a test that is named here is not kept on purpose. Rules of clients alone have their tests with the clients, and those of NTS come with it.

use super::Rule;

/// Each rule, and the names of its tests.
pub const RULES: &[Rule] = &[
    (
        "era: the 64 bits are of a window around now, zero is unset, differences are modular",
        &[
            "era_1_begins_in_2036_without_a_seam",
            "era_one_begins_in_february_2036_and_reads_back",
            "differences_cross_the_era",
        ],
    ),
    (
        "the answer's mode follows from the request's: 3 to 4, 1 to 2, 0 of version 1 to 4 unless it comes from port 123; no other is answered",
        &[
            "clients_of_versions_1_to_4_are_answered_in_their_version_and_in_server_mode",
            "symmetric_peers_of_versions_1_to_4_are_answered_in_passive_mode",
            "mode_0_is_a_client_of_version_1_unless_it_comes_from_port_123",
            "answers_and_broadcasts_are_never_answered",
            "windows_is_answered_in_its_own_version_and_mode",
        ],
    ),
    (
        "the version is echoed, up to 4",
        &[
            "clients_of_versions_1_to_4_are_answered_in_their_version_and_in_server_mode",
            "control_and_private_modes_and_other_versions_are_malformed_by_name",
        ],
    ),
    (
        "the poll interval is the longer of the client's and that of the rate limit",
        &[
            "the_poll_interval_is_echoed_but_not_below_our_shortest",
            "a_server_with_a_rate_limit_asks_for_a_poll_interval_that_stays_within_it",
        ],
    ),
    ("no answer is longer than its request", &["no_octets_panic_and_no_answer_is_longer_than_its_request"]),
    (
        "the answer comes from the address that was asked, and none goes to a broadcast",
        &["the_answer_comes_from_the_address_that_was_asked", "requests_to_a_broadcast_address_are_not_answered"],
    ),
    (
        "the origin is the client's transmit timestamp, bit by bit",
        &["the_origin_is_the_clients_transmit_timestamp_bit_by_bit"],
    ),
    (
        "the stamps of one exchange differ; the lowest bit of a receive stamp is 1 and of a transmit stamp 0",
        &[
            "the_stamps_of_one_exchange_all_differ_and_none_is_zero",
            "a_receive_stamp_that_two_answers_have_belongs_to_neither",
        ],
    ),
    (
        "interleaved: origin is an earlier receive stamp, and the request's own two differ; the answer has when the one before left",
        &[
            "the_next_answer_has_the_true_departure_of_the_one_before",
            "what_is_not_known_or_not_asked_for_rightly_is_answered_in_basic_mode",
            "in_interleaved_mode_the_next_answer_says_when_the_one_before_left",
            "chronyd_in_interleaved_mode_is_answered_so",
        ],
    ),
    (
        "interleaved: what is remembered follows slews of the clock, and does not outlive a step",
        &[
            "a_departure_that_is_remembered_is_right_after_the_hosts_clock_was_slewed",
            "what_was_stamped_before_a_step_of_our_clock_is_forgotten",
        ],
    ),
    (
        "interleaved: forged requests flush nobody's state",
        &["forged_requests_take_nothing_from_those_who_have_come_back"],
    ),
    (
        "a card's receive stamp is of the preamble: it is moved to the trailer by the frame's length and the link's speed",
        &[
            "the_stamp_is_moved_from_the_beginning_of_the_frame_to_its_end",
            "without_a_speed_nothing_is_added_and_the_error_is_that_of_the_slowest_link",
        ],
    ),
    (
        "a card's transmit stamp that is late or silent delays nothing; the kernel's counts until it comes",
        &[
            "the_cards_stamp_comes_after_the_kernels_and_nobody_waits_for_it",
            "a_better_stamp_that_comes_later_counts_and_its_error_is_covered",
        ],
    ),
    (
        "a kiss is of stratum 0 and leap 3, and its time is none",
        &["an_order_carries_no_time_and_returns_the_origin", "who_may_not_ask_is_told_or_gets_no_answer"],
    ),
    (
        "extension fields and MACs are told apart by their lengths; unknown fields are not echoed",
        &[
            "a_request_with_extension_fields_or_a_mac_gets_a_plain_answer",
            "version_3_has_no_extension_fields",
            "a_mac_of_20_or_24_octets_follows_the_header_or_the_extension_fields",
            "the_last_extension_field_without_a_mac_has_at_least_28_octets",
            "four_zero_octets_are_a_crypto_nak_and_four_others_are_nothing",
            "ms_sntp_is_version_3_with_20_or_72_octets_and_a_zero_digest",
        ],
    ),
    (
        "the rate limit is a bucket per address, or /64, that leaks at random; kisses are few; the table is bounded and cannot be flushed",
        &[
            "a_burst_is_answered_and_then_one_each_interval",
            "who_is_flooded_in_his_name_still_gets_answers_and_is_told",
            "the_addresses_of_one_network_of_ipv6_are_one_client",
            "a_flood_from_forged_addresses_does_not_make_it_forget_its_clients",
            "who_asks_too_often_is_told_so_now_and_then_and_is_never_cut_off",
        ],
    ),
    (
        "modes 6 and 7 get no answer from elsewhere",
        &[
            "control_and_private_modes_and_other_versions_are_malformed_by_name",
            "modes_6_and_7_are_refused_as_what_they_are_at_any_length",
        ],
    ),
    (
        "the root distance covers the bound and grows with age; what nobody renews or is beyond its bound is not served as right",
        &[
            "the_root_dispersion_grows_with_age",
            "the_root_distance_is_never_below_the_bound_at_either_stamp",
            "a_snapshot_that_nobody_renews_is_not_served_after_4_s",
            "an_unbounded_snapshot_or_a_bound_beyond_16_s_is_not_served",
        ],
    ),
    (
        "leap: what is served says it; never leap 3 with a stratum; none while it is smeared, which the reference ID says",
        &[
            "stratum_reference_id_leap_and_precision_are_those_of_the_server",
            "a_leap_indicator_of_unknown_is_never_sent_with_a_stratum",
            "through_a_smeared_leap_second_all_stamps_of_an_answer_run_on_and_none_announces_it",
        ],
    ),
    (
        "the reference ID is the server's; a stratum of 16 is sent as 0",
        &[
            "stratum_reference_id_leap_and_precision_are_those_of_the_server",
            "stratum_16_is_sent_as_0",
            "unsynchronised_states_say_leap_3_and_stratum_0",
        ],
    ),
    (
        "nothing is mobilised by a packet: answers, broadcasts and passive peers leave no trace",
        &["answers_and_broadcasts_are_never_answered", "who_never_asks_for_it_leaves_no_trace"],
    ),
];
