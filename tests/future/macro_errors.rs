//! The error messages of the macros: a syntax error causes one message, which says what to write.
//!
//! The compiler runs on a snippet that has the macros' own files as modules. Nothing else of the crate is compiled:
//! a syntax error is reported before the compiler looks for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The errors that the compiler has for these uses of macros, without their details.
fn errors_of<'a>(name: &str, usages: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let macros = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/future/macros");
    let modules = ["pin", "join", "select"]
        .map(|name| format!("#[path = {:?}] mod {name};\n", macros.join(format!("{name}.rs"))));
    let known = "fn f() {}\n".to_owned();
    let functions = usages.into_iter().enumerate();
    let functions = functions.map(|(n, usage)| format!("async fn f{n}() {{ crate::{usage}; }}\n"));
    let source: String = modules.into_iter().chain([known]).chain(functions).collect();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("macros_errors");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(format!("{name}.rs"));
    fs::write(&file, source).unwrap();
    let mut compiler = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
    compiler.args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "-o"]);
    let output = compiler.arg(file.with_extension("rmeta")).arg(&file).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let errors = said.lines().filter(|line| line.starts_with("error"));
    errors.filter(|line| !line.contains("aborting")).map(str::to_owned).collect()
}

/// Each use has exactly this one error.
fn assert_errors(name: &str, table: &[(&str, &str)]) {
    let expected: Vec<_> = table.iter().map(|(_, error)| format!("error: {error}")).collect();
    assert_eq!(errors_of(name, table.iter().map(|(usage, _)| *usage)), expected, "{table:#?}");
}

const A_BRANCH: &str = "`select!`: a branch is `pattern = future => handler`, or \
    `pattern = future, if condition => handler`; this one";

#[test]
fn select_without_a_branch() {
    let message = "`select!` needs at least one branch: `pattern = future => handler`";
    assert_errors("select_empty", &[("select! {}", message), ("select! { biased; }", message)]);
}

#[test]
fn select_without_a_handler() {
    let needs =
        "`select!`: `x = f()` needs a handler: `=> handler`, or `, if condition => handler`";
    let block = "`select!`: the handler of `x = f()` must be a block, or an expression with a comma \
                 behind it";
    assert_errors(
        "select_handler",
        &[
            ("select! { x = f() }", needs),
            ("select! { x = f(), y = g() => y }", needs),
            ("select! { x = f(), if true }", needs),
            ("select! { x = f(), else => 5 }", needs),
            ("select! { x = f() => }", block),
            ("select! { x = f() => h() y = g() => y }", block),
            ("select! { x = f() => x; y = g() => y }", block),
        ],
    );
}

#[test]
fn select_without_a_pattern_or_a_future() {
    let future = |pattern: &str| {
        format!(
            "`select!`: `{pattern} => …` has no future: a branch is `pattern = future => handler`"
        )
    };
    assert_errors(
        "select_pattern",
        &[
            ("select! { x => 1 }", &future("x")),
            ("select! { Some(x) => x }", &future("Some(x)")),
            ("select! { y = g() => y, f() => 1 }", &future("f()")),
            ("select! { rx.recv() => 1 }", &format!("{A_BRANCH} begins with `rx.recv()`")),
            ("select! { x = => 1 }", &format!("{A_BRANCH} is `x = => 1`")),
            ("select! { x == f() => 1 }", &format!("{A_BRANCH} begins with `x == f()`")),
            ("select! { x: u8 = f() => 1 }", &format!("{A_BRANCH} begins with `x: u8 =`")),
            ("select! { x = f() if y => 1 }", &format!("{A_BRANCH} begins with `x = f()`")),
            ("select! { x = f() -> 1 }", &format!("{A_BRANCH} begins with `x = f()`")),
            ("select! { , }", &format!("{A_BRANCH} is `,`")),
            (
                "select! { let x = f() => 1 }",
                "`select!`: a branch begins with its pattern, without `let`: \
                 `pattern = future => handler`",
            ),
        ],
    );
}

#[test]
fn select_with_else_or_biased_in_the_wrong_place() {
    let last = "`select!`: `else` must be the last branch, and there can be only one";
    let else_ = "`select!`: this should be `else => handler`, as the last branch";
    let biased = "`select!`: `biased;` must stand before all branches";
    assert_errors(
        "select_else",
        &[
            ("select! { else => 1, x = f() => x }", last),
            ("select! { x = f() => x, else => 1, else => 2 }", last),
            ("select! { x = f() => x, else }", else_),
            ("select! { x = f() => x, else if y => 1 }", else_),
            ("select! { x = f() => x, biased; }", biased),
            ("select! { x = f() => {} biased; y = g() => y }", biased),
            ("select! { biased, x = f() => x }", &format!("{A_BRANCH} begins with `biased, x =`")),
        ],
    );
}

#[test]
fn join_with_something_else_than_commas() {
    let join = "`join!` takes futures with commas between them: `join!(a, b)`";
    let try_join = "`try_join!` takes futures with commas between them: `try_join!(a, b)`";
    assert_errors(
        "join",
        &[
            ("join!(a b)", join),
            ("join!(a; b)", join),
            ("join!(,)", join),
            ("join!(x = a => b)", join),
            ("try_join!(a b)", try_join),
            ("try_join!(a, , b)", try_join),
        ],
    );
}

#[test]
fn pin_of_what_has_no_name() {
    let pin = "`pin!` takes the names of variables, `pin!(a, b)`, or statements, \
               `pin! { let a = f(); }`";
    assert_errors("pin", &[("pin!(a.b)", pin), ("pin!(&mut a)", pin), ("pin!()", pin)]);
}

/// If the snippets were broken in another way, the tests above would fail too. Here the only errors are that the rest
/// of the crate is missing.
#[test]
fn correct_syntax_causes_no_error_of_a_macro() {
    let right = [
        "select! { Some(x) = f(), if true => x, y = f() => { 1 } else => 0 }",
        "join!(biased; f(), f())",
        "try_join!(f(),)",
    ];
    let errors = errors_of("right", right);
    let missing = "error[E0433]: cannot find `future` in";
    assert!(!errors.is_empty() && errors.iter().all(|e| e.starts_with(missing)), "{errors:?}");
    assert!(errors_of("right_pin", ["pin! { let x = 5; }"]).is_empty());
}
