//! The syntax of `select!`.
//!
//! As in `join.rs`, [`__select!`](crate::__select) takes its branches one by one, in a step each, which gives the
//! branch variables of its own; a last step writes all of the code:
//!
//! ```text
//!   let (a, b) = {
//!       let enabled_a = …;   let enabled_b = …;             all conditions, before any future
//!       let a = pin!(MaybeDone::new_if(enabled_a, …));      the futures, each pinned where it is
//!       let b = pin!(MaybeDone::new_if(enabled_b, …));
//!       concurrent((a, b), …).await                             an Option for each output: one of them is Some
//!   };                                                      here the futures are dropped
//!   if let Some(pattern_a) = a { handler_a } else if let Some(pattern_b) = b { handler_b } else { … }
//! ```
//!
//! The handlers are in the caller's own function, so they may `break`, `return` and `.await`; and as the futures are
//! dropped before, they may use what the futures had borrowed.
//!
//! **Testing a pattern without moving.** An output that does not fit its pattern disables its branch. A plain `match`
//! would move parts of the output into the variables of the pattern, and the handler needs the output whole. But the
//! guard of a `match` arm runs when the pattern fits and before anything is moved. This one takes note, and then
//! refuses: `match output { pattern if note_and_refuse(&mut fits) => unreachable!(), _ => {} }`. Tokio needs a
//! procedural macro here, which strips `mut` and `ref` from the pattern.
//!
//! The outputs are `ManuallyDrop`, because the handler of one branch may `.await`, and the compiler would keep the
//! outputs of all other branches for that time, to drop them afterwards: the future would grow, and would be `Send`
//! only if all of them are. They are `None`, so nothing leaks.
//!
//! A branch takes one step, so that 64 branches stay below the compiler's limit of 128 nested expansions.
//!
//! Next: `io`.

/// Waits for several futures at once, and runs the handler of the first whose output fits its pattern.
///
/// ```text
/// select! {
///     biased;                                    optional: poll in this order
///     pattern = future => handler,
///     pattern = future, if condition => handler,
///     else => handler,                           optional: runs when all branches are disabled
/// }
/// ```
///
/// First all conditions are evaluated, then all futures. A branch whose condition is false is disabled; its future is
/// never polled. Then the futures are polled, beginning with one drawn at random. When one is ready and its output
/// fits the pattern, **the other futures are dropped**, and the handler runs in the surrounding function: it may use
/// what the futures had borrowed, and `?`, `break`, `return` and `.await` mean what they mean there. An output that
/// does not fit disables its branch.
///
/// In a loop, the dropped futures lose what they had done so far unless they are cancel safe: use such futures, or
/// keep a future from turn to turn with [`pin!`](crate::pin) and `&mut future`.
///
/// ```
/// use openwork::{select, sync::mpsc};
///
/// # openwork::block_on(async {
/// let (numbers, mut receiver) = mpsc::unbounded_channel();
/// let (letters, mut other) = mpsc::unbounded_channel();
/// numbers.send(1).unwrap();
/// letters.send('a').unwrap();
/// drop((numbers, letters));
/// let mut got = Vec::new();
/// loop {
///     select! {
///         Some(number) = receiver.recv() => got.push(format!("{number}")),
///         Some(letter) = other.recv() => got.push(format!("{letter}")),
///         else => break,
///     }
/// }
/// got.sort();
/// assert_eq!(got, ["1", "a"]);
/// # });
/// ```
///
/// # Panics
///
/// If all branches are disabled and there is no `else`.
#[collapse_debuginfo(yes)]
#[macro_export]
macro_rules! select {
    ($(biased;)?) => {
        ::std::compile_error!("`select!` needs at least one branch: `pattern = future => handler`")
    };
    ($(biased;)? else => $handler:expr $(,)?) => {{ $handler }};
    (biased; $($branches:tt)+) => {
        $crate::__select!({ ($crate::future::macros::Order::Biased) } $($branches)+)
    };
    ($($branches:tt)+) => {
        $crate::__select!({ ($crate::future::macros::Order::Random) } $($branches)+)
    };
}

/// The steps: what is to be written stands in braces, and the branches that are left behind it.
#[doc(hidden)]
#[collapse_debuginfo(yes)]
#[macro_export]
macro_rules! __select {
    // No branch is left, and there is no `else`.
    ({ $($before:tt)+ }) => {
        $crate::__select!({ $($before)+ } else => {
            $crate::future::macros::all_branches_are_disabled()
        })
    };
    // No branch is left but `else`.
    (
        { $order:tt $({
            $enabled:ident = $condition:expr;
            $future:ident = $expression:expr;
            $output:ident: $pattern:pat => $handler:block
        })+ }
        else => $else:block $(,)?
    ) => {{
        let ($($output,)+) = {
            $(let $enabled = $condition;)+
            $(
                let $future = $expression;
                let $future = ::std::pin::pin!(
                    $crate::future::macros::MaybeDone::new_if($enabled, $future)
                );
            )+
            $crate::future::macros::concurrent::<true, _, _, _>(($($future,)+), |($($future,)+), __openwork_cx| {
                $(let mut $output = ::std::option::Option::None;)+
                let __openwork_polled = $crate::future::macros::poll_select(
                    __openwork_cx,
                    &mut $order,
                    [$(::std::stringify!($output)),+].len(),
                    |mut __openwork_number, __openwork_cx| {
                        $(
                            if __openwork_number == 0 {
                                return $future.as_mut().poll(__openwork_cx, $crate::__test!($pattern, $output));
                            }
                            __openwork_number -= 1;
                        )+
                        ::std::unreachable!()
                    },
                );
                __openwork_polled.map(|_| ($(::std::mem::ManuallyDrop::new($output),)+))
            })
            .await
        };
        $(if let ::std::option::Option::Some($pattern) = ::std::mem::ManuallyDrop::into_inner($output)
            $handler
        else)+ $else
    }};
    ($before:tt else => $else:expr $(,)?) => {
        $crate::__select!($before else => { $else })
    };
    ($before:tt else => $handler:expr, $($rest:tt)+) => {
        ::std::compile_error!("`select!`: `else` must be the last branch, and there can be only one")
    };
    ($before:tt else $($rest:tt)*) => {
        ::std::compile_error!("`select!`: this should be `else => handler`, as the last branch")
    };
    ($before:tt let $($rest:tt)*) => {
        ::std::compile_error!(
            "`select!`: a branch begins with its pattern, without `let`: `pattern = future => handler`"
        )
    };
    ($before:tt biased; $($rest:tt)*) => {
        ::std::compile_error!("`select!`: `biased;` must stand before all branches")
    };

    // One branch, whose handler is a block with a comma behind it.
    (
        { $($before:tt)+ }
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block, $($rest:tt)*
    ) => {
        $crate::__select!({
            $($before)+
            {
                __openwork_enabled = true $(&& $condition)?;
                __openwork_future = $future;
                __openwork_output: $pattern => $handler
            }
        } $($rest)*)
    };
    // The same without a comma.
    (
        { $($before:tt)+ }
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block $($rest:tt)*
    ) => {
        $crate::__select!({
            $($before)+
            {
                __openwork_enabled = true $(&& $condition)?;
                __openwork_future = $future;
                __openwork_output: $pattern => $handler
            }
        } $($rest)*)
    };
    // One branch, whose handler is another expression: then a comma, unless it is the last branch.
    (
        { $($before:tt)+ }
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:expr $(, $($rest:tt)*)?
    ) => {
        $crate::__select!({
            $($before)+
            {
                __openwork_enabled = true $(&& $condition)?;
                __openwork_future = $future;
                __openwork_output: $pattern => { $handler }
            }
        } $($($rest)*)?)
    };

    // No branch: what is wrong?
    ($before:tt $pattern:pat = $future:expr $(, if $condition:expr)? => $($rest:tt)*) => {
        ::std::compile_error!(::std::concat!(
            "`select!`: the handler of `", ::std::stringify!($pattern = $future),
            "` must be a block, or an expression with a comma behind it"
        ))
    };
    ($before:tt $pattern:pat = $future:expr $(, $($rest:tt)*)?) => {
        ::std::compile_error!(::std::concat!(
            "`select!`: `", ::std::stringify!($pattern = $future),
            "` needs a handler: `=> handler`, or `, if condition => handler`"
        ))
    };
    ($before:tt $pattern:pat => $($rest:tt)*) => {
        ::std::compile_error!(::std::concat!(
            "`select!`: `", ::std::stringify!($pattern), " => …` has no future: a branch is \
             `pattern = future => handler`"
        ))
    };
    ($before:tt $a:tt $b:tt $c:tt $d:tt $($rest:tt)+) => {
        ::std::compile_error!(::std::concat!(
            "`select!`: a branch is `pattern = future => handler`, or `pattern = future, if condition \
             => handler`; this one begins with `", ::std::stringify!($a $b $c $d), "`"
        ))
    };
    ($before:tt $($rest:tt)*) => {
        ::std::compile_error!(::std::concat!(
            "`select!`: a branch is `pattern = future => handler`, or `pattern = future, if condition \
             => handler`; this one is `", ::std::stringify!($($rest)*), "`"
        ))
    };
}

/// The closure that looks at an output: if it fits the pattern, it stores the output and ends the wait.
#[doc(hidden)]
#[collapse_debuginfo(yes)]
#[macro_export]
macro_rules! __test {
    ($pattern:pat, $chosen:ident) => {
        |mut __openwork_output| {
            let mut __openwork_fits = false;
            // The output type of a future such as `pending()` may be inferred from nothing. This assignment lets the
            // compiler choose any type, as it does in Tokio's expansion.
            #[allow(unused_assignments, unreachable_code, clippy::diverging_sub_expression)]
            if false {
                __openwork_output = ::std::unreachable!();
            }
            #[allow(unused_variables, unused_mut, unreachable_patterns, unreachable_code)]
            match __openwork_output {
                $pattern if $crate::future::macros::note_and_refuse(&mut __openwork_fits) => {
                    ::std::unreachable!()
                }
                _ => {}
            }
            #[allow(unreachable_code)]
            if __openwork_fits {
                $chosen = ::std::option::Option::Some(__openwork_output);
                ::std::ops::ControlFlow::Break(())
            } else {
                ::std::ops::ControlFlow::Continue(())
            }
        }
    };
}
