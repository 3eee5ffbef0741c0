//! The embedded store: its log, its index, its directory and its disk.

mod a_data_directory_is_guarded;
mod a_full_disk_refuses_and_recovers;
mod acked_survives_a_kill;
mod damage_is_refused_where_it_is_read;
mod log_is_the_truth;
mod what_is_old_goes;
mod cost;
