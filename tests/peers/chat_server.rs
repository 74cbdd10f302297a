//! The example `chat_server`, and clients in Python: see `chat.py`.

use crate::common::{ends, example};
use crate::server::{Server, peer, python};

#[test]
fn clients_receive_each_others_lines_and_only_the_one_that_misbehaves_is_dropped() {
    example("chat_server");
    ends(|| {
        let server = Server::start("chat_server");
        assert_eq!(peer(&mut python("chat.py", &[&server.address])), "yes\n");
        // It says why it has dropped two of them.
        let said = [server.say(), server.say()];
        assert!(said.iter().all(|line| line.contains("is lost")), "{said:?}");
    });
}
