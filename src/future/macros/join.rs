//! The syntax of `join!` and `try_join!`.
//!
//! [`__join!`](crate::__join) takes the futures off its input one by one, in a step each, and then writes all of the
//! code in one last step:
//!
//! ```text
//!   let a = pin!(MaybeDone::new(a));                 each future is pinned where it is
//!   let b = pin!(MaybeDone::new(b));
//!   concurrent((a, b), move |(a, b), cx| {
//!       let poll = |number, cx| { if number == 0 { return a.poll(cx, keep) }
//!                                 if number == 1 { return b.poll(cx, keep) } … };
//!       poll_each(cx, order, 2, poll)                then (a.take(), b.take())
//!   }).await
//! ```
//!
//! The steps are there for the names. A variable that a macro writes is visible only to the same step of the same
//! macro (*hygiene*), so the variable `__openwork_future` that one step adds is not the variable of the next step,
//! nor one of the caller's. Hygiene is for variables only: where the caller has a constant, a static or a unit struct
//! `future`, the pattern of `let future` means that one. So every name that a macro binds begins with `__openwork_`.
//!
//! As each future is a `let`, a temporary in its expression, as in `&mut ready(1)`, lives until the end of the block.
//!
//! Next: `select.rs`.

/// Waits for several futures at once, and returns all outputs as a tuple.
///
/// Each poll begins one future further than the poll before it, so that no future can starve the others; with
/// `biased;` in front it always polls in the order in which the futures are written.
///
/// Cancel safe if all the futures are.
///
/// ```
/// # openwork::block_on(async {
/// let (number, word) = openwork::join!(async { 1 }, async { "two" });
/// assert_eq!((number, word), (1, "two"));
/// # });
/// ```
#[collapse_debuginfo(yes)]
#[macro_export]
macro_rules! join {
    ($(biased;)?) => { ::std::future::ready(()).await };
    (biased; $($future:expr),+ $(,)?) => {{
        let ::std::result::Result::Ok(__openwork_outputs) =
            $crate::__join!({ keep ($crate::future::macros::Order::Biased) } $($future,)+);
        __openwork_outputs
    }};
    ($($future:expr),+ $(,)?) => {{
        let ::std::result::Result::Ok(__openwork_outputs) =
            $crate::__join!({ keep ($crate::future::macros::Order::Rotating(0)) } $($future,)+);
        __openwork_outputs
    }};
    ($($other:tt)*) => {
        ::std::compile_error!("`join!` takes futures with commas between them: `join!(a, b)`")
    };
}

/// Waits for several futures at once, until all have returned a value or one has returned an error.
///
/// Returns `Ok` with a tuple of the values, or the first error; the other futures are then dropped. The order of the
/// polls is that of [`join!`](crate::join), `biased;` included.
///
/// Cancel safe if all the futures are.
///
/// ```
/// # openwork::block_on(async {
/// let two = async { "2".parse::<u8>().map_err(|error| error.to_string()) };
/// assert_eq!(openwork::try_join!(async { Ok::<_, String>(1) }, two), Ok((1, 2)));
/// # });
/// ```
#[collapse_debuginfo(yes)]
#[macro_export]
macro_rules! try_join {
    ($(biased;)?) => { ::std::future::ready(::std::result::Result::Ok(())).await };
    (biased; $($future:expr),+ $(,)?) => {
        $crate::__join!({ keep_value ($crate::future::macros::Order::Biased) } $($future,)+)
    };
    ($($future:expr),+ $(,)?) => {
        $crate::__join!({ keep_value ($crate::future::macros::Order::Rotating(0)) } $($future,)+)
    };
    ($($other:tt)*) => {
        ::std::compile_error!("`try_join!` takes futures with commas between them: `try_join!(a, b)`")
    };
}

/// The steps: what is to be written stands in braces, and the futures that are left behind it.
#[doc(hidden)]
#[collapse_debuginfo(yes)]
#[macro_export]
macro_rules! __join {
    ({ $judge:ident $order:tt $($before:tt)* } $future:expr, $($rest:tt)*) => {
        $crate::__join!({ $judge $order $($before)* [__openwork_future = $future] } $($rest)*)
    };
    ({ $judge:ident $order:tt $([$name:ident = $future:expr])+ }) => {{
        $(
            let $name = $future;
            let $name = ::std::pin::pin!($crate::future::macros::MaybeDone::new($name));
        )+
        let mut __openwork_order = $order;
        $crate::future::macros::concurrent::<false, _, _, _>(($($name,)+), move |($($name,)+), __openwork_cx| {
            let __openwork_polled = $crate::future::macros::poll_each(
                __openwork_cx,
                &mut __openwork_order,
                [$(::std::stringify!($name)),+].len(),
                |mut __openwork_number, __openwork_cx| {
                    $(
                        if __openwork_number == 0 {
                            return $name.as_mut().poll(__openwork_cx, $crate::future::macros::$judge);
                        }
                        __openwork_number -= 1;
                    )+
                    ::std::unreachable!()
                },
            );
            __openwork_polled.map(|__openwork_ended| match __openwork_ended {
                ::std::ops::ControlFlow::Continue(()) => {
                    ::std::result::Result::Ok(($($name.as_mut().take(),)+))
                }
                ::std::ops::ControlFlow::Break(__openwork_end) => {
                    ::std::result::Result::Err(__openwork_end)
                }
            })
        })
        .await
    }};
}
