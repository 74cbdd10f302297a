//! The example `http_get`, and a server in Python.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::common::{ends, example};
use crate::server::{peer, python};

#[test]
fn pages_of_a_server_in_python_are_fetched_by_name() {
    let mut http_get = example("http_get");
    ends(move || {
        let mut server = python("pages.py", &[]);
        // It ends with its input, which ends with us.
        let mut server = server.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let url = format!("http://localhost:{}", port.trim());
        let urls = ["web_clients.py", "pages.py", "missing"].map(|page| format!("{url}/{page}"));
        let said = peer(http_get.args(urls).arg("gopher://localhost/old"));
        drop(server.stdin.take());
        server.wait().unwrap();

        let size = |name| {
            let path = format!("{}/tests/peers/{name}", env!("CARGO_MANIFEST_DIR"));
            fs::metadata(path).unwrap().len()
        };
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines[0], format!("/web_clients.py: 200 OK, {} bytes", size("web_clients.py")));
        assert_eq!(lines[1], format!("/pages.py: 200 OK, {} bytes", size("pages.py")));
        assert!(lines[2].starts_with("/missing: 404 File not found, "), "{said}");
        assert_eq!(lines[3], "/old: failed: not an http:// address");
    });
}
