//! What a gateway does as a process of its own; a module a property, in one program since each takes long to link. They run
//! side by side: each starts its own gateways, on free ports and in a directory of its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod process;
mod peer;
mod websocket;
mod caller;
mod a_gateway_is_ready_while_messages_arrive;
mod everybody_sees_the_same;
mod unread_is_what_others_wrote_since;
mod a_peer_sees_what_is_read;
mod a_peer_sees_who_types;
mod an_id_keeps_its_answer;
mod a_login_begins_where_it_says;
mod a_later_client_is_served;
mod a_group_has_roles;
mod a_group_is_served;
mod a_body_is_copied_twice;
mod a_drain_loses_nothing;
mod what_was_taken_is_answered_first;
mod a_data_directory_is_guarded;
mod what_a_gateway_lacks_is_named;
mod who_is_away_is_told;
mod who_reads_the_output_stops_nothing;
mod a_hangup_reads_keys_again;
mod devices_are_seen_and_ended;
mod a_directory_of_an_earlier_release_is_opened;
mod a_full_disk_refuses_and_recovers;
mod a_damaged_directory_is_named;
mod a_copy_that_is_put_back_begins_anew;
mod hostile_peers_lose_only_themselves;
mod a_websocket_is_a_client_like_another;
mod a_browser_speaks_json;
mod a_poll_misses_nothing;
mod a_page_is_there_to_try_out;
mod tls_is_spoken_on_the_same_port;
mod business_systems_call;
