//! How does a macro make one future of several, and a tuple of their outputs?
//!
//! By eating its arguments one by one. Each step of [`__join!`](crate::__join) takes a future off the
//! front, and adds one piece to each of four heaps; when nothing is left, it puts them together:
//!
//! ```text
//!   let future = a;  let future = b;         the futures, evaluated in order, each then pinned where it is
//!   with(with(empty(), future), future)      the list (`future/join.rs`)
//!   (((), output), output)                   the pattern that its output is taken apart by
//!   output, output,                          the tuple
//! ```
//!
//! All futures may have one name: a local name that a macro writes is visible only to the same step of it
//! (*hygiene*), so each step's `future` is another variable, and none of them can be a variable of the caller.
//! But hygiene is for variables only. Where the caller has a constant, a static or a unit struct `future`, the
//! pattern of `let future` means that one. So every name that a macro binds begins with `__openwork_`, which the
//! pictures leave out.
//!
//! As each future is a `let`, a temporary in its expression, as in `&mut ready(1)`, lives until the end of the
//! block.
//!
//! Next: `select.rs`, where the steps take more.

/// Waits for several futures at once, and gives all their outputs as a tuple.
///
/// Begins one future further at each poll, so that none can shut the others out; with `biased;` in front
/// it always polls in the order in which they are written.
///
/// Cancel safe if all the futures are.
///
/// ```
/// # openwork::block_on(async {
/// let (number, word) = openwork::join!(async { 1 }, async { "two" });
/// assert_eq!((number, word), (1, "two"));
/// # });
/// ```
#[macro_export]
#[collapse_debuginfo(yes)]
macro_rules! join {
    ($(biased;)?) => { ::std::future::ready(()).await };
    (biased; $($future:expr),+ $(,)?) => {
        $crate::__join!({ KeepAll biased [] ($crate::future::macros::empty()) () [] } $($future,)+)
    };
    ($($future:expr),+ $(,)?) => {
        $crate::__join!({ KeepAll fair [] ($crate::future::macros::empty()) () [] } $($future,)+)
    };
    ($($other:tt)*) => {
        ::std::compile_error!("`join!` takes futures with commas between them: `join!(a, b)`")
    };
}

/// Waits for several futures at once: for the values of all of them, or for the first error.
///
/// Gives `Ok` with a tuple, or the error as soon as there is one; the other futures are then dropped. In
/// turns or `biased;` as [`join!`](crate::join).
///
/// Cancel safe if all the futures are.
///
/// ```
/// # openwork::block_on(async {
/// let two = async { "2".parse::<u8>().map_err(|error| error.to_string()) };
/// assert_eq!(openwork::try_join!(async { Ok::<_, String>(1) }, two), Ok((1, 2)));
/// # });
/// ```
#[macro_export]
#[collapse_debuginfo(yes)]
macro_rules! try_join {
    ($(biased;)?) => { ::std::future::ready(::std::result::Result::Ok(())).await };
    (biased; $($future:expr),+ $(,)?) => {
        $crate::__join!({ StopAtError biased [] ($crate::future::macros::try_empty()) () [] } $($future,)+)
    };
    ($($future:expr),+ $(,)?) => {
        $crate::__join!({ StopAtError fair [] ($crate::future::macros::try_empty()) () [] } $($future,)+)
    };
    ($($other:tt)*) => {
        ::std::compile_error!("`try_join!` takes futures with commas between them: `try_join!(a, b)`")
    };
}

/// The steps.
#[doc(hidden)]
#[macro_export]
#[collapse_debuginfo(yes)]
macro_rules! __join {
    // One future.
    (
        { $rule:ident $order:ident [$($futures:tt)*] $list:tt $pattern:tt [$($outputs:tt)*] }
        $future:expr, $($rest:tt)*
    ) => {
        $crate::__join!({
            $rule $order
            [
                $($futures)*
                let __openwork_future = $future;
                let __openwork_future = ::std::pin::pin!(
                    $crate::future::macros::slot::<_, $crate::future::macros::$rule>(__openwork_future)
                );
            ]
            ($crate::future::macros::with($list, $crate::future::macros::Held(__openwork_future)))
            ($pattern, __openwork_output)
            [$($outputs)* __openwork_output,]
        } $($rest)*)
    };
    // None left.
    ({ KeepAll $order:ident [$($futures:tt)*] $list:tt $pattern:tt [$($outputs:tt)*] }) => {{
        let ::std::result::Result::Ok($pattern) = {
            $($futures)*
            $crate::future::macros::JoinList::$order($list).await
        };
        ($($outputs)*)
    }};
    ({ StopAtError $order:ident [$($futures:tt)*] $list:tt $pattern:tt [$($outputs:tt)*] }) => {{
        let __openwork_result = {
            $($futures)*
            $crate::future::macros::JoinList::$order($list).await
        };
        ::std::result::Result::map(__openwork_result, |$pattern| ($($outputs)*))
    }};
}
