//! How does one await a future again and again, until it is ready?
//!
//! One lends it: `&mut future` is a future too, if the future cannot move. So it is pinned first, in the
//! variable where it lies. Std's `pin!` is an expression; this one is a statement, as in Tokio, and leaves
//! the name as it was.
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
///     // Still not over; it goes on in the next turn.
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
