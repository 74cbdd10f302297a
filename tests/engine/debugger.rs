//! What a debugger's script needs is in the program, under its plain name.

use std::process::Command;

unsafe extern "C" {
    static OPENWORK_LAYOUT_VERSION: u32;
}

#[test]
fn the_layouts_version_is_a_symbol_without_mangling() {
    // SAFETY: the crate defines it, as a `u32`.
    assert_eq!(unsafe { OPENWORK_LAYOUT_VERSION }, 1);
}

/// The example does not name the symbols, so it is the crate that keeps them in the program.
#[test]
fn every_program_has_the_roots() {
    let program = crate::common::example("tour");
    let nm = Command::new("nm").arg("-C").arg(program.get_program()).output();
    // `nm` comes with every linker that Rust uses on Linux; elsewhere it may be missing.
    let Ok(nm) = nm else { return };
    let symbols = String::from_utf8_lossy(&nm.stdout);
    assert!(symbols.contains(" OPENWORK_LAYOUT_VERSION\n"), "no version");
    assert!(symbols.contains("openwork::engine::scheduler::RUNTIMES"), "no root");
}
