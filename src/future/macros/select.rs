//! How does a macro wait for the first of several futures whose output fits a pattern?
//!
//! As [`join!`](crate::join) does, by eating its branches one by one. Each step of
//! [`__select!`](crate::__select) adds a piece to each of four heaps:
//!
//! ```text
//!   let enabled = …;                        the conditions, all evaluated before any future is
//!   let future = …;                         the futures, each then pinned where it is
//!   branch(list, enabled, future, test)     the list (`future/select.rs`)
//!   { match out {                           the handlers
//!       Before(out) => { the match of the branches before it }
//!       Last(pattern) => handler,
//!   } }
//! ```
//!
//! **Testing a pattern without moving.** To learn whether an output fits, one cannot simply match: the
//! match would move parts of it into the pattern's variables, and the output is still needed whole. A
//! guard comes to the rescue. It runs when the pattern fits, but before anything is moved; this one takes
//! note, and then refuses: `match out { pattern if note_and_refuse(&mut fits) => unreachable!(), _ => {} }`.
//! Tokio needs a procedural macro here, which strips `mut` and `ref` from the pattern.
//!
//! One step takes one branch, so that 64 branches stay below the compiler's limit of 128 nested
//! expansions; that is why the three ways to write a branch repeat themselves.
//!
//! Next: `io`.

/// Waits for several futures at once, and runs the handler of the first one whose output fits its pattern.
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
/// All conditions are evaluated, then all futures. A branch whose condition is false is disabled; its
/// future is never polled. Then the futures are polled, beginning with one drawn at random. When one is
/// ready and its output fits the pattern, **the other futures are dropped**, and the handler runs in the
/// surrounding function: it may use what they had borrowed, and `?`, `break`, `return` and `.await` mean
/// what they mean there. An output that does not fit disables its branch.
///
/// In a loop, what the dropped futures had done so far counts: use futures that are cancel safe, or keep
/// them across turns with [`pin!`](crate::pin) and `&mut future`.
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
#[macro_export]
#[collapse_debuginfo(yes)]
macro_rules! select {
    ($(biased;)?) => {
        ::std::compile_error!("`select!` needs at least one branch: `pattern = future => handler`")
    };
    ($(biased;)? else => $handler:expr $(,)?) => {{ $handler }};
    (biased; $($branches:tt)+) => {
        $crate::__select!(
            {
                biased __openwork_out [] [] ($crate::future::macros::NoBranches)
                { match __openwork_out {} }
            } $($branches)+
        )
    };
    ($($branches:tt)+) => {
        $crate::__select!(
            {
                fair __openwork_out [] [] ($crate::future::macros::NoBranches)
                { match __openwork_out {} }
            } $($branches)+
        )
    };
}

/// The steps.
#[doc(hidden)]
#[macro_export]
#[collapse_debuginfo(yes)]
macro_rules! __select {
    // No branch left.
    ({ $($heaps:tt)* }) => {
        $crate::__select!({ $($heaps)* } else => $crate::future::macros::all_branches_are_out())
    };
    (
        { $order:ident $out:ident [$($conditions:tt)*] [$($futures:tt)*] $list:tt $handlers:tt }
        else => $handler:expr $(,)?
    ) => {{
        $($conditions)*
        let __openwork_chosen = {
            $($futures)*
            $crate::future::macros::SelectList::$order($list).await
        };
        match __openwork_chosen {
            ::std::option::Option::Some(mut $out) => $handlers
            ::std::option::Option::None => $handler,
        }
    }};
    ($heaps:tt else => $handler:expr, $($rest:tt)+) => {
        ::std::compile_error!("`select!`: `else` must be the last branch, and there can be only one")
    };
    ($heaps:tt else $($rest:tt)*) => {
        ::std::compile_error!("`select!`: this should be `else => handler`, as the last branch")
    };
    ($heaps:tt let $($rest:tt)*) => {
        ::std::compile_error!(
            "`select!`: a branch begins with its pattern, without `let`: `pattern = future => handler`"
        )
    };
    ($heaps:tt biased; $($rest:tt)*) => {
        ::std::compile_error!("`select!`: `biased;` must stand before all branches")
    };

    // One branch, with a handler in braces and a comma.
    (
        { $order:ident $out:ident [$($conditions:tt)*] [$($futures:tt)*] $list:tt $handlers:tt }
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block, $($rest:tt)*
    ) => {
        $crate::__select!({
            $order $out
            [$($conditions)* let __openwork_enabled = true $(&& $condition)?;]
            [
                $($futures)*
                let __openwork_future = $future;
                let __openwork_future = ::std::pin::pin!(
                    $crate::future::macros::candidate(__openwork_future)
                );
            ]
            ($crate::future::macros::branch(
                $list, __openwork_enabled, __openwork_future, $crate::__test!($pattern)
            ))
            { match $out {
                $crate::future::macros::Outcome::Before(mut $out) => $handlers
                $crate::future::macros::Outcome::Last($pattern) => $handler
                #[allow(unreachable_patterns)]
                $crate::future::macros::Outcome::Last(_) => ::std::unreachable!(),
            } }
        } $($rest)*)
    };
    // The same without a comma.
    (
        { $order:ident $out:ident [$($conditions:tt)*] [$($futures:tt)*] $list:tt $handlers:tt }
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block $($rest:tt)*
    ) => {
        $crate::__select!({
            $order $out
            [$($conditions)* let __openwork_enabled = true $(&& $condition)?;]
            [
                $($futures)*
                let __openwork_future = $future;
                let __openwork_future = ::std::pin::pin!(
                    $crate::future::macros::candidate(__openwork_future)
                );
            ]
            ($crate::future::macros::branch(
                $list, __openwork_enabled, __openwork_future, $crate::__test!($pattern)
            ))
            { match $out {
                $crate::future::macros::Outcome::Before(mut $out) => $handlers
                $crate::future::macros::Outcome::Last($pattern) => $handler
                #[allow(unreachable_patterns)]
                $crate::future::macros::Outcome::Last(_) => ::std::unreachable!(),
            } }
        } $($rest)*)
    };
    // One branch with another expression: then a comma, unless it is the last.
    (
        { $order:ident $out:ident [$($conditions:tt)*] [$($futures:tt)*] $list:tt $handlers:tt }
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:expr $(, $($rest:tt)*)?
    ) => {
        $crate::__select!({
            $order $out
            [$($conditions)* let __openwork_enabled = true $(&& $condition)?;]
            [
                $($futures)*
                let __openwork_future = $future;
                let __openwork_future = ::std::pin::pin!(
                    $crate::future::macros::candidate(__openwork_future)
                );
            ]
            ($crate::future::macros::branch(
                $list, __openwork_enabled, __openwork_future, $crate::__test!($pattern)
            ))
            { match $out {
                $crate::future::macros::Outcome::Before(mut $out) => $handlers
                $crate::future::macros::Outcome::Last($pattern) => $handler,
                #[allow(unreachable_patterns)]
                $crate::future::macros::Outcome::Last(_) => ::std::unreachable!(),
            } }
        } $($($rest)*)?)
    };

    // Nothing that fits: what is wrong?
    ($heaps:tt $pattern:pat = $future:expr $(, if $condition:expr)? => $($rest:tt)*) => {
        ::std::compile_error!(::std::concat!(
            "`select!`: the handler of `", ::std::stringify!($pattern = $future),
            "` must be a block, or an expression with a comma behind it"
        ))
    };
    ($heaps:tt $pattern:pat = $future:expr $(, $($rest:tt)*)?) => {
        ::std::compile_error!(::std::concat!(
            "`select!`: `", ::std::stringify!($pattern = $future),
            "` needs a handler: `=> handler`, or `, if condition => handler`"
        ))
    };
    ($heaps:tt $pattern:pat => $($rest:tt)*) => {
        ::std::compile_error!(::std::concat!(
            "`select!`: `", ::std::stringify!($pattern), " => …` has no future: a branch is \
             `pattern = future => handler`"
        ))
    };
    ($heaps:tt $a:tt $b:tt $c:tt $d:tt $($rest:tt)+) => {
        ::std::compile_error!(::std::concat!(
            "`select!`: a branch is `pattern = future => handler`, or `pattern = future, if condition \
             => handler`; this one begins with `", ::std::stringify!($a $b $c $d), "`"
        ))
    };
    ($heaps:tt $($rest:tt)*) => {
        ::std::compile_error!(::std::concat!(
            "`select!`: a branch is `pattern = future => handler`, or `pattern = future, if condition \
             => handler`; this one is `", ::std::stringify!($($rest)*), "`"
        ))
    };
}

/// A closure that gives its argument back if the pattern fits.
#[doc(hidden)]
#[macro_export]
#[collapse_debuginfo(yes)]
macro_rules! __test {
    ($pattern:pat) => {
        |mut __openwork_output| {
            let mut __openwork_fits = false;
            // For a future of which nothing says what it gives, such as `pending()`: by this the compiler knows
            // that any type will do, as it does in Tokio's expansion.
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
            return __openwork_fits.then_some(__openwork_output);
        }
    };
}
