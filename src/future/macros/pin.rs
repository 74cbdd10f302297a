//! The syntax of `pin!`.
//!
//! A future can be awaited by reference (`&mut future`), again and again until it is ready, if it cannot move. So it is
//! pinned first, in the variable where it is. Std's `pin!` is an expression; this one is a statement, as in Tokio, and
//! keeps the name of the variable.
//!
//! Next: `join.rs`.

/// Pins values where they are, so that they can be awaited by reference.
///
/// ```
/// use openwork::{pin, time::{Duration, sleep, timeout}};
///
/// # openwork::block_on(async {
/// let long = sleep(Duration::from_millis(5));
/// pin!(long);
/// while timeout(Duration::from_millis(1), &mut long).await.is_err() {
///     // Not ready yet: the sleep goes on in the next turn of the loop.
/// }
/// # });
/// ```
///
/// `pin! { let long = sleep(…); }` does both in one.
#[macro_export]
macro_rules! pin {
    ($($name:ident),+ $(,)?) => { $(
        #[allow(unused_mut)]
        let mut $name = ::std::pin::pin!($name);
    )+ };
    ($(let $name:ident = $value:expr;)+) => { $(
        #[allow(unused_mut)]
        let mut $name = ::std::pin::pin!($value);
    )+ };
    ($($other:tt)*) => {
        ::std::compile_error!(
            "`pin!` takes the names of variables, `pin!(a, b)`, or statements, `pin! { let a = f(); }`"
        )
    };
}
