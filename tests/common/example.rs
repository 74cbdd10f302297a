//! The programs of `examples/`.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A command that runs an example. The examples are built first if need be: a single test file, named
/// on the command line of `cargo test`, builds none.
pub fn example(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        // target/debug/deps/this
        let mut target = env::current_exe().unwrap();
        target.pop();
        target.pop();
        let examples = target.join("examples");
        target.pop();
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["build", "--quiet", "--offline", "--examples", "--target-dir"]).arg(target);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        // What cargo tells this test of its own package, build scripts of others would take for a
        // change: they and all that hangs on them would be built anew, now and the next time.
        let told = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_CRATE_", "CARGO_BIN_"];
        for (name, _) in env::vars_os() {
            if told.iter().any(|start| name.to_string_lossy().starts_with(start)) {
                cargo.env_remove(name);
            }
        }
        assert!(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
        examples
    });
    let mut command = Command::new(folder.join(name));
    // What the one who runs the tests may have set is not for the example.
    command.stdin(Stdio::null()).env("RUST_BACKTRACE", "0").env_remove("OPENWORK_TEST_ALONE");
    command
}
