//! The example `chat_server`, and guests in Python: see `chat.py`.

use crate::common::{ends, example};
use crate::server::{Server, peer, python};

#[test]
fn guests_hear_each_other_and_who_misbehaves_goes_alone() {
    example("chat_server");
    ends(|| {
        let server = Server::start("chat_server");
        assert_eq!(peer(&mut python("chat.py", &[&server.address])), "yes\n");
        // It tells why it has parted with two of them.
        let said = [server.say(), server.say()];
        assert!(said.iter().all(|line| line.contains("is lost")), "{said:?}");
    });
}
