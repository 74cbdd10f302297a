//! The example `udp_echo`, and clients that do not use this library.

use crate::common::{ends, example};
use crate::server::{Server, peer, python};

#[test]
fn each_datagram_comes_back_whole_to_the_one_who_sent_it() {
    example("udp_echo");
    ends(|| {
        let server = Server::start("udp_echo");
        assert_eq!(peer(&mut python("echo.py", &["udp", &server.address])), "yes\n");
    });
}
