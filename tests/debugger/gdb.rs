//! How the tests run gdb: in batch, with a time-out, on a fixture program that is built with debug information.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::common::{target_folder, without_cargo_variables};

/// A gdb that runs longer has hung.
const LIMIT: &str = "300";

/// What one gdb has printed, by the command that it was given.
pub struct Session(Vec<(String, String)>);

impl Session {
    /// What this command has printed. If it was given several times: the first of them.
    #[track_caller]
    pub fn of(&self, command: &str) -> &str {
        let found = self.0.iter().find(|(given, _)| given == command);
        &found.unwrap_or_else(|| panic!("gdb did not come to `{command}`:\n{self}")).1
    }

    /// What the commands that begin so have printed, in order.
    pub fn each(&self, start: &str) -> Vec<&str> {
        let chosen = self.0.iter().filter(|(given, _)| given.starts_with(start));
        chosen.map(|(_, printed)| printed.as_str()).collect()
    }

    /// The output of a command has a line with all of these parts, in order.
    #[track_caller]
    pub fn has_line(&self, command: &str, parts: &[&str]) {
        let printed = self.of(command);
        assert!(
            printed.lines().any(|line| has_in_order(line, parts)),
            "`{command}` has no line with {parts:?}:\n{printed}"
        );
    }

    /// The output of a command has lines with these parts, one after the other.
    #[track_caller]
    pub fn has_lines(&self, command: &str, lines: &[&str]) {
        let printed = self.of(command);
        let mut rest = printed.lines();
        for part in lines {
            assert!(
                rest.any(|line| line.contains(part)),
                "`{command}` has no line with `{part}` at its place:\n{printed}"
            );
        }
    }
}

impl std::fmt::Display for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|(command, printed)| write!(f, "(gdb) {command}\n{printed}"))
    }
}

pub fn has_in_order(line: &str, parts: &[&str]) -> bool {
    let mut rest = line;
    parts.iter().all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// Whether there is a gdb that the script works with. If not the test is skipped, unless `REQUIRE_GDB=1`.
pub fn has_gdb() -> bool {
    static FOUND: OnceLock<Result<(), String>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let version = "python import gdb; print(int(gdb.VERSION.split('.')[0]) >= 13)";
        let output = Command::new("gdb").args(["-nx", "-batch", "-ex", version]).output();
        match output {
            Err(error) => Err(format!("gdb cannot be run: {error}")),
            Ok(output) if output.stdout.starts_with(b"True") => Ok(()),
            Ok(output) => Err(format!("gdb is older than 13, or has no Python: {output:?}")),
        }
    });
    match found {
        Ok(()) => true,
        Err(why) if env::var_os("REQUIRE_GDB").is_some() => panic!("{why}"),
        Err(why) => {
            eprintln!("skipped: {why}");
            false
        }
    }
}

/// How a fixture is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    Debug,
    /// With DWARF 5; the others have DWARF 4.
    Release,
    FatLto,
    /// With the debug information in files of its own.
    Split,
    /// Without debug information.
    Bare,
}

/// An example, built by cargo now: so it is that of the sources as they are.
pub fn build(name: &str, build: Build) -> PathBuf {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    without_cargo_variables(&mut cargo);
    // The debug build is that of `cargo test`, unless its debug information was turned off.
    let folder = match build {
        Build::Debug => target_folder(),
        _ => target_folder().join("debugger").join(format!("{build:?}")),
    };
    cargo.args(["build", "--quiet", "--offline", "--example", name, "--target-dir"]).arg(&folder);
    let profile = match build {
        Build::Release | Build::FatLto => "release",
        _ => "debug",
    };
    if profile == "release" {
        cargo.arg("--release").env("CARGO_PROFILE_RELEASE_DEBUG", "2");
    }
    match build {
        Build::Debug => cargo.env("CARGO_PROFILE_DEV_DEBUG", "2"),
        Build::Release => cargo.env("RUSTFLAGS", "-C dwarf-version=5"),
        Build::FatLto => cargo.env("CARGO_PROFILE_RELEASE_LTO", "fat"),
        Build::Split => cargo.envs([
            ("CARGO_PROFILE_DEV_DEBUG", "2"),
            ("CARGO_PROFILE_DEV_SPLIT_DEBUGINFO", "unpacked"),
        ]),
        Build::Bare => cargo.env("CARGO_PROFILE_DEV_DEBUG", "0"),
    };
    assert!(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    folder.join(profile).join("examples").join(name)
}

/// The fixture of these tests.
pub fn fixture() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build("debugger_fixture", Build::Debug))
}

/// Runs gdb on a program with these arguments.
pub fn run(program: &Path, arguments: &[&str], commands: &[&str]) -> Session {
    let mut gdb = start(program, commands);
    gdb.arg("--args").arg(program).args(arguments);
    output(gdb, commands)
}

/// Runs gdb on a process, which runs on when gdb ends.
pub fn on_process(program: &Path, process: u32, commands: &[&str]) -> Session {
    let mut gdb = start(program, commands);
    gdb.arg(program).arg("-p").arg(process.to_string());
    output(gdb, commands)
}

/// Runs gdb on a core file.
pub fn on_core(program: &Path, core: &Path, commands: &[&str]) -> Session {
    let mut gdb = start(program, commands);
    gdb.arg(program).arg(core);
    output(gdb, commands)
}

fn start(program: &Path, commands: &[&str]) -> Command {
    let mut gdb = Command::new("timeout");
    gdb.args(["--kill-after=5", LIMIT, "gdb", "-nx", "-batch"]);
    let folder = program.ancestors().find(|folder| folder.ends_with("target")).unwrap();
    gdb.args(["-iex", &format!("add-auto-load-safe-path {}", folder.display())]);
    gdb.args(["-iex", "set debuginfod enabled off", "-iex", "set width 0"]);
    for command in commands {
        gdb.args(["-ex", &format!("echo \\n=== {command}\\n"), "-ex", command]);
    }
    gdb
}

fn output(gdb: Command, commands: &[&str]) -> Session {
    // Both in one stream, so that an error comes behind its command.
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(gdb.get_program()).args(gdb.get_args());
    shell.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    // One arena keeps a core file small.
    shell.envs([("RUST_BACKTRACE", "0"), ("MALLOC_ARENA_MAX", "1")]);
    let output = shell.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_ne!(output.status.code(), Some(124), "gdb hangs:\n{printed}");
    let mut parts = printed.split("\n=== ").skip(1);
    let session = commands.iter().map_while(|command| {
        let (_, printed) = parts.next()?.split_once('\n')?;
        Some((command.to_string(), printed.to_string()))
    });
    Session(session.collect())
}

/// The place in the fixture's source of the line with this remark, such as `tests/debugger/fixture.rs:12`.
#[track_caller]
pub fn here(remark: &str) -> String {
    format!("tests/debugger/fixture.rs:{}", line_of(include_str!("fixture.rs"), remark))
}

#[track_caller]
pub fn line_of(source: &str, remark: &str) -> usize {
    let ends = format!("// HERE {remark}");
    let found = source.lines().position(|line| line.ends_with(&ends));
    found.unwrap_or_else(|| panic!("no line of the fixture ends with `{ends}`")) + 1
}
