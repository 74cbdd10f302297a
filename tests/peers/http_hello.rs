//! The example `http_hello`, and clients in Python, by hand and by the library: see `web_clients.py`.

use std::thread;
use std::time::{Duration, Instant};

use crate::common::{ends, example};
use crate::server::{Server, peer, python};

/// The law of that name in `web_clients.py`, for a fresh server.
fn holds(law: &'static str) -> Server {
    example("http_hello");
    ends(move || {
        let server = Server::start("http_hello");
        assert_eq!(peer(&mut python("web_clients.py", &[&server.address, law])), "yes\n");
        server
    })
}

#[test]
fn a_hundred_requests_of_all_kinds_go_through_one_connection() {
    holds("keep_alive");
}

#[test]
fn the_connection_ends_after_the_answer_if_the_request_says_so() {
    holds("asks_to_close");
}

#[test]
fn requests_that_do_not_wait_for_answers_are_answered_in_order() {
    holds("pipelining");
}

#[test]
fn it_does_not_matter_where_the_network_cuts_a_request() {
    holds("cut_anywhere");
}

#[test]
fn a_client_that_takes_for_ever_is_cut_off_and_the_others_do_not_notice() {
    holds("slow");
}

#[test]
fn what_is_broken_or_too_large_is_refused_with_a_status() {
    holds("broken");
}

#[test]
fn a_client_that_never_reads_is_cut_off_and_costs_little() {
    let server = holds("never_reads");
    assert!(server.most_memory() < 64 * 1024, "{} KB", server.most_memory());
}

#[test]
fn forty_at_once_are_all_served() {
    holds("load");
}

#[test]
fn clients_that_vanish_leave_no_descriptor_behind() {
    example("http_hello");
    ends(|| {
        let server = Server::start("http_hello");
        let before = server.descriptors();
        assert_eq!(peer(&mut python("web_clients.py", &[&server.address, "gone"])), "yes\n");
        // The server learns of the last of them a little later.
        let begin = Instant::now();
        while server.descriptors() > before {
            assert!(begin.elapsed() < Duration::from_secs(20), "{}", server.descriptors());
            thread::yield_now();
        }
    });
}
