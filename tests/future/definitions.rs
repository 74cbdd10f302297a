//! The combinators against their definitions: a random script says when each future is ready and with what, and when
//! a combinator is ready, and with what, must follow from the script alone.
//!
//! A step of the script makes some futures ready and wakes those that wait; sometimes it wakes one that is not ready.
//! The combinator is polled only if its own waker was called.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use openwork::future::{join, join_all, race, try_join, try_join_all};
use openwork::{join, select, try_join};

use crate::common::{Random, Wakes, for_seeds};

/// `Err` in a `try_` form; a refuted pattern in a `select!`.
type Output = Result<usize, usize>;

/// How many futures a script has at most, and how many steps.
const MOST: usize = 5;
const STEPS: usize = 6;

struct Branch {
    /// The step at which it is ready; `None`: never.
    ready_at: Option<usize>,
    output: Output,
    waker: Option<Waker>,
    is_done: bool,
    drops: usize,
}

/// The futures of a script, and the step that it has come to.
#[derive(Clone)]
struct Script(Rc<RefCell<(usize, Vec<Branch>)>>);

impl Script {
    fn new(random: &mut Random, branches: usize) -> Script {
        let branches = (0..branches).map(|number| Branch {
            ready_at: (random.below(4) > 0).then(|| random.below(STEPS)),
            output: if random.below(4) > 0 { Ok(number) } else { Err(number) },
            waker: None,
            is_done: false,
            drops: 0,
        });
        Script(Rc::new(RefCell::new((0, branches.collect()))))
    }

    fn len(&self) -> usize {
        self.0.borrow().1.len()
    }

    fn future(&self, number: usize) -> Scripted {
        Scripted { script: self.clone(), number }
    }

    fn futures(&self) -> Vec<Scripted> {
        (0..self.len()).map(|number| self.future(number)).collect()
    }

    fn output(&self, number: usize) -> Output {
        self.0.borrow().1[number].output
    }

    fn ready_at(&self, number: usize) -> Option<usize> {
        self.0.borrow().1[number].ready_at
    }

    /// Begins a step, and calls the wakers of what is ready now, and sometimes another.
    fn begin(&self, step: usize, random: &mut Random) {
        let mut state = self.0.borrow_mut();
        state.0 = step;
        let mut wakers: Vec<_> = state
            .1
            .iter_mut()
            .filter(|branch| branch.ready_at == Some(step) || random.below(8) == 0)
            .filter_map(|branch| branch.waker.take())
            .collect();
        drop(state);
        while !wakers.is_empty() {
            wakers.swap_remove(random.below(wakers.len())).wake();
        }
    }

    /// Plays the script to a combinator. Returns its output, and the step.
    fn play<F: Future>(&self, random: &mut Random, combinator: F) -> Option<(usize, F::Output)> {
        let mut combinator = Box::pin(combinator);
        let wakes = Wakes::new();
        let mut ended = None;
        for step in 0..STEPS {
            self.begin(step, random);
            if step > 0 && wakes.take() == 0 {
                continue;
            }
            if let Poll::Ready(output) = wakes.poll(combinator.as_mut()) {
                ended = Some((step, output));
                break;
            }
        }
        drop(combinator);
        // Each future was dropped, once.
        assert!(self.0.borrow().1.iter().all(|branch| branch.drops == 1));
        ended
    }
}

struct Scripted {
    script: Script,
    number: usize,
}

impl Future for Scripted {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        let (step, branches) = &mut *self.script.0.borrow_mut();
        let branch = &mut branches[self.number];
        assert!(!branch.is_done, "polled after it was done");
        if branch.ready_at.is_some_and(|at| at <= *step) {
            branch.is_done = true;
            return Poll::Ready(branch.output);
        }
        branch.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.script.0.borrow_mut().1[self.number].drops += 1;
    }
}

// ---- the definitions ----

/// A join is ready with the last of them.
fn joined(script: &Script) -> Option<(usize, Vec<Output>)> {
    let last = (0..script.len()).map(|number| script.ready_at(number)).collect::<Option<Vec<_>>>();
    last.map(|at| {
        (at.into_iter().max().unwrap(), (0..script.len()).map(|n| script.output(n)).collect())
    })
}

/// A `try_join` is ready with the first error; without one, with the last value. Of errors in the same step it is any.
fn assert_try_joined(script: &Script, found: Option<(usize, Result<Vec<usize>, usize>)>) {
    let errors = (0..script.len()).filter(|n| script.output(*n).is_err());
    match errors.filter_map(|number| script.ready_at(number)).min() {
        Some(first) => {
            let (step, output) = found.expect("an error ends it");
            let error = output.unwrap_err();
            assert_eq!((step, script.ready_at(error)), (first, Some(first)));
            assert_eq!(script.output(error), Err(error));
        }
        None => {
            let all = joined(script);
            assert_eq!(
                found.map(|(step, output)| (
                    step,
                    output.map(|it| it.into_iter().map(Ok).collect::<Vec<Output>>())
                )),
                all.map(|(step, outputs)| (step, Ok(outputs)))
            );
        }
    }
}

/// Of these branches the first that is ready, and for which `fits` holds, is chosen: of several in one step the first
/// of them if it is biased, else any. Returns the step, and those that may be chosen.
fn chosen(script: &Script, fits: impl Fn(usize) -> bool) -> Option<(usize, Vec<usize>)> {
    let ready = |number: &usize| script.ready_at(*number).filter(|_| fits(*number));
    let first = (0..script.len()).filter_map(|number| ready(&number)).min()?;
    Some((first, (0..script.len()).filter(|number| ready(number) == Some(first)).collect()))
}

// ---- join ----

#[test]
fn a_join_is_ready_with_the_last_and_in_order() {
    for_seeds(2000, |random| {
        let script = Script::new(random, 2);
        let all = join(script.future(0), script.future(1));
        let found = script.play(random, all);
        assert_eq!(found.map(|(step, (a, b))| (step, vec![a, b])), joined(&script));

        let script = Script::new(random, 3);
        let [a, b, c] = [0, 1, 2].map(|number| script.future(number));
        let found = match random.below(2) {
            0 => script.play(random, async { join!(a, b, c) }),
            _ => script.play(random, async { join!(biased; a, b, c) }),
        };
        assert_eq!(found.map(|(step, (a, b, c))| (step, vec![a, b, c])), joined(&script));

        let branches = 1 + random.below(MOST);
        let script = Script::new(random, branches);
        let all = join_all(script.futures());
        assert_eq!(script.play(random, all), joined(&script));
    });
}

#[test]
fn a_try_join_is_ready_with_the_first_error_or_the_last_value() {
    for_seeds(2000, |random| {
        let script = Script::new(random, 2);
        let all = try_join(script.future(0), script.future(1));
        let found = script.play(random, all);
        assert_try_joined(&script, found.map(|(step, it)| (step, it.map(|(a, b)| vec![a, b]))));

        let script = Script::new(random, 3);
        let [a, b, c] = [0, 1, 2].map(|number| script.future(number));
        let found = match random.below(2) {
            0 => script.play(random, async { try_join!(a, b, c) }),
            _ => script.play(random, async { try_join!(biased; a, b, c) }),
        };
        let found = found.map(|(step, it)| (step, it.map(|(a, b, c)| vec![a, b, c])));
        assert_try_joined(&script, found);

        let branches = 1 + random.below(MOST);
        let script = Script::new(random, branches);
        let all = try_join_all(script.futures());
        let found = script.play(random, all);
        assert_try_joined(&script, found);
    });
}

// ---- select ----

#[test]
fn a_race_is_ready_with_the_first() {
    for_seeds(2000, |random| {
        let script = Script::new(random, 2);
        let first = race(script.future(0), script.future(1));
        let found = script.play(random, first);
        match chosen(&script, |_| true) {
            None => assert_eq!(found, None),
            Some((at, may_be)) => {
                let (step, output) = found.unwrap();
                assert_eq!(step, at);
                assert!(may_be.iter().any(|number| script.output(*number) == output));
            }
        }
    });
}

/// The branch that was chosen, or `None` for `else`.
type Choice = Option<usize>;

#[test]
fn a_select_chooses_the_first_branch_that_fits_its_pattern() {
    for_seeds(4000, |random| {
        let script = Script::new(random, 3);
        let [a, b, c] = [0, 1, 2].map(|number| script.future(number));
        let enabled = [(); 3].map(|()| random.below(4) > 0);
        let is_biased = random.below(2) == 0;
        let found: Option<(usize, Choice)> = if is_biased {
            script.play(random, async {
                select! {
                    biased;
                    Ok(number) = a, if enabled[0] => Some(number),
                    Ok(number) = b, if enabled[1] => Some(number),
                    Ok(number) = c, if enabled[2] => Some(number),
                    else => None,
                }
            })
        } else {
            script.play(random, async {
                select! {
                    Ok(number) = a, if enabled[0] => Some(number),
                    Ok(number) = b, if enabled[1] => Some(number),
                    Ok(number) = c, if enabled[2] => Some(number),
                    else => None,
                }
            })
        };
        let fits = |number: usize| enabled[number] && script.output(number).is_ok();
        match chosen(&script, fits) {
            Some((at, may_be)) => {
                let (step, choice) = found.unwrap();
                let choice = choice.expect("a branch fits");
                assert_eq!(step, at);
                assert!(may_be.contains(&choice) && (!is_biased || choice == may_be[0]));
            }
            None => {
                // `else`, once all are disabled: the last by its output.
                let of_enabled = (0..3).filter(|number| enabled[*number]);
                let at =
                    of_enabled.map(|number| script.ready_at(number)).collect::<Option<Vec<_>>>();
                let at = at.map(|at| at.into_iter().max().unwrap_or(0));
                assert_eq!(found, at.map(|step| (step, None)));
            }
        }
    });
}

/// Of the branches that are ready at once each is chosen sometimes, unless it is biased.
#[test]
fn without_bias_each_branch_that_is_ready_is_chosen_as_often() {
    let chosen = RefCell::new([0; 3]);
    for_seeds(3000, |random| {
        let script = Script::new(random, 3);
        for branch in &mut script.0.borrow_mut().1 {
            branch.ready_at = Some(0);
        }
        let choice = pin!(async {
            select! {
                it = script.future(0) => it,
                it = script.future(1) => it,
                it = script.future(2) => it,
            }
        });
        let Poll::Ready(Ok(number) | Err(number)) = Wakes::new().poll(choice) else {
            panic!("all are ready")
        };
        chosen.borrow_mut()[number] += 1;
    });
    let chosen = chosen.into_inner();
    // 1,000 of each are expected, with a standard deviation of 26.
    assert!(chosen.iter().all(|count| (850..1150).contains(count)), "{chosen:?}");
}
