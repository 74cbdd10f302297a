//! The programs of `examples/`.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::process::interruptible;

/// A command that runs an example. The examples are built first if need be: a single test program, named
/// on the command line of `cargo test`, builds none.
pub fn example(name: &str) -> Command {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo.args(["build", "--quiet", "--offline", "--examples", "--target-dir"]);
        cargo.arg(target_folder());
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        without_cargo_variables(&mut cargo);
        assert!(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
        profile_folder().join("examples")
    });
    let mut command = Command::new(folder.join(name));
    interruptible(&mut command);
    // The example does not see the variables that are set for the tests.
    command.stdin(Stdio::null()).env("RUST_BACKTRACE", "0");
    command.env_remove("OPENWORK_TEST_ALONE").env_remove("OPENWORK_SHUFFLE");
    command
}

/// Where cargo puts what it builds: `target`, unless it was told otherwise.
pub fn target_folder() -> PathBuf {
    let mut folder = profile_folder();
    folder.pop();
    folder
}

/// Such as `target/debug`: this program is `target/debug/deps/…`.
fn profile_folder() -> PathBuf {
    let mut folder = env::current_exe().unwrap();
    folder.pop();
    folder.pop();
    folder
}

/// Keeps from a command what cargo tells this test of its own package. Build scripts of other packages would
/// take it for a change, and they and all that depends on them would be built anew, now and the next time.
pub fn without_cargo_variables(command: &mut Command) {
    let told = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_CRATE_", "CARGO_BIN_"];
    for (name, _) in env::vars_os() {
        if told.iter().any(|start| name.to_string_lossy().starts_with(start)) {
            command.env_remove(name);
        }
    }
}
