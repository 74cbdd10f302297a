//! One side of the comparison: a subject, and the futures that are in flight on it.

use crate::steps::{Action, Random, Sequence, Step};
use std::cell::{Cell, RefCell};
use std::fmt::{self, Debug};
use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// A primitive, with its handles and its operations.
pub trait Subject: Sized + 'static {
    fn new(random: &mut Random) -> Self;

    fn operate(&mut self, step: Step) -> Operation;

    /// Calls the function where the primitive can be used: within its runtime, if it needs one.
    fn enter<R>(&mut self, function: impl FnOnce(&mut Self) -> R) -> R {
        function(self)
    }
}

/// What an operation is: its text, and its answer or the future of the answer.
pub enum Operation {
    Done(String),
    Future(String, InFlight),
}

pub type InFlight = Pin<Box<dyn Future<Output = String>>>;

/// An operation that is done.
pub fn done(text: impl Into<String>, answer: impl Debug) -> Operation {
    Operation::Done(format!("{}: {answer:?}", text.into()))
}

/// An operation that waits.
pub fn waits<T: Debug>(
    text: impl Into<String>,
    future: impl Future<Output = T> + 'static,
) -> Operation {
    Operation::Future(text.into(), Box::pin(async { format!("{:?}", future.await) }))
}

/// What happened in a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The operation, and its answer.
    pub text: String,
    /// Whether it has panicked: then the sequence ends.
    pub panicked: bool,
    /// The wakes and drops, in order.
    pub events: Vec<Event>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// The first wake of a future after its last poll, by the waker of that poll.
    Woken { future: usize },
    /// A wake that has no effect: the future was woken already, was polled with another waker since, is ready, or is
    /// dropped.
    Redundant { future: usize, waker: usize },
    /// A value, or a future of a task.
    Dropped(u32),
}

thread_local! {
    static EVENTS: RefCell<Vec<Event>> = const { RefCell::new(Vec::new()) };
    static ALIVE: Cell<usize> = const { Cell::new(0) };
}

/// The panic of a task.
pub const ON_PURPOSE: &str = "on purpose";

/// Reports what happens, for the record of this step.
pub fn emit(event: Event) {
    EVENTS.with_borrow_mut(|events| events.push(event));
}

/// How many values there are on this thread.
pub fn alive() -> usize {
    ALIVE.get()
}

/// A value to be sent. It reports when it is dropped.
pub struct Value(pub u32);

impl Value {
    pub fn new(number: u32) -> Value {
        ALIVE.set(ALIVE.get() + 1);
        Value(number)
    }
}

impl Clone for Value {
    fn clone(&self) -> Value {
        Value::new(self.0)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
        emit(Event::Dropped(self.0));
    }
}

impl Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A waker that reports its wakes. Which of them have an effect is found at the end of the step.
struct Reporter(Event);

impl Wake for Reporter {
    fn wake(self: Arc<Self>) {
        emit(self.0);
    }
}

struct Flight {
    id: usize,
    future: InFlight,
    text: String,
    wakers: [Waker; 2],
    /// The waker of the last poll, and whether it was woken since.
    waker: usize,
    woken: bool,
}

/// The most futures in flight. A step that would start another polls one of these instead.
const MOST_FLIGHTS: usize = 12;

struct Side<S> {
    subject: S,
    flights: Vec<Flight>,
    started: usize,
}

/// A side, whatever its subject.
pub trait Steps {
    fn step(&mut self, step: Step) -> Record;

    /// Drops the futures that are in flight, and the subject.
    fn end(self: Box<Self>) -> Record;
}

/// A side before the first step.
pub fn begin<S: Subject>(sequence: &Sequence) -> Box<dyn Steps> {
    EVENTS.take();
    let subject = S::new(&mut Random(sequence.parameters));
    Box::new(Side { subject, flights: Vec::new(), started: 0 })
}

impl<S: Subject> Steps for Side<S> {
    fn step(&mut self, step: Step) -> Record {
        let mut record = record(|| self.carry_out(step));
        for event in &mut record.events {
            if let Event::Redundant { future: id, waker } = *event
                && let Some(flight) = self.flights.iter_mut().find(|flight| flight.id == id)
                && flight.waker == waker
                && !mem::replace(&mut flight.woken, true)
            {
                *event = Event::Woken { future: id };
            }
        }
        record
    }

    fn end(mut self: Box<Self>) -> Record {
        record(|| {
            let flights = mem::take(&mut self.flights);
            self.subject.enter(|_| drop(flights));
            drop(self);
            "drop what is left".to_owned()
        })
    }
}

fn record(step: impl FnOnce() -> String) -> Record {
    let text = catch_unwind(AssertUnwindSafe(step));
    let panicked = text.is_err();
    let text = text.unwrap_or_else(|_| "panic".to_owned());
    Record { text, panicked, events: EVENTS.take() }
}

impl<S: Subject> Side<S> {
    fn carry_out(&mut self, step: Step) -> String {
        let is_full = self.flights.len() == MOST_FLIGHTS;
        match step.action {
            Action::Poll if !self.flights.is_empty() => self.poll(step.which, 0),
            Action::PollElsewhere if !self.flights.is_empty() => self.poll(step.which, 1),
            Action::Drop if !self.flights.is_empty() => self.drop_flight(step.which),
            _ if is_full => self.poll(step.which, 0),
            _ => self.operate(step),
        }
    }

    fn operate(&mut self, step: Step) -> String {
        let (text, future) = match self.subject.enter(|subject| subject.operate(step)) {
            Operation::Done(text) => return text,
            Operation::Future(text, future) => (text, future),
        };
        let id = self.started;
        self.started += 1;
        let waker = |waker| Waker::from(Arc::new(Reporter(Event::Redundant { future: id, waker })));
        let wakers = [waker(0), waker(1)];
        self.flights.push(Flight { id, future, text, wakers, waker: 0, woken: false });
        match step.action {
            Action::Start => format!("{}, as future {id}", self.flights.last().unwrap().text),
            _ => self.poll(self.flights.len() - 1, 0),
        }
    }

    fn poll(&mut self, which: usize, waker: usize) -> String {
        let index = which % self.flights.len();
        let Flight { id, future, text, wakers, .. } = &mut self.flights[index];
        let context = &mut Context::from_waker(&wakers[waker]);
        let answer = self.subject.enter(|_| future.as_mut().poll(context));
        let text = format!("{text}, future {id}, waker {waker}: {answer:?}");
        (self.flights[index].waker, self.flights[index].woken) = (waker, false);
        if answer.is_ready() {
            self.drop_flight(index);
        }
        text
    }

    fn drop_flight(&mut self, which: usize) -> String {
        let flight = self.flights.remove(which % self.flights.len());
        let text = format!("future {}, dropped", flight.id);
        self.subject.enter(|_| drop(flight));
        text
    }
}

/// Returns an element by a random number, if there are any.
pub fn choose<T>(all: &[T], which: usize) -> Option<&T> {
    all.get(which % all.len().max(1))
}

/// The same, and removes it.
pub fn take_one<T>(all: &mut Vec<T>, which: usize) -> Option<T> {
    (!all.is_empty()).then(|| all.swap_remove(which % all.len()))
}

/// A handle that a future borrows while it is in flight. Meanwhile no other operation can use it.
pub struct Handle<T>(Rc<RefCell<Option<T>>>);

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Handle(self.0.clone())
    }
}

impl<T: 'static> Handle<T> {
    pub fn new(handle: T) -> Self {
        Handle(Rc::new(RefCell::new(Some(handle))))
    }

    /// None if the handle was taken or is borrowed.
    pub fn take(&self) -> Option<T> {
        self.0.try_borrow_mut().ok()?.take()
    }

    /// Whether a future in flight uses the handle, or a clone of this.
    pub fn is_shared(&self) -> bool {
        Rc::strong_count(&self.0) > 1
    }

    /// Puts another one in its place, unless it is borrowed.
    pub fn replace(&self, handle: T) -> bool {
        self.0.try_borrow_mut().is_ok_and(|mut old| {
            *old = Some(handle);
            true
        })
    }

    /// None if the handle was taken or is borrowed.
    pub fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.0.try_borrow_mut().ok()?.as_mut().map(use_it)
    }

    /// A future that borrows the handle from its first poll until it is ready or dropped.
    #[expect(clippy::await_holding_refcell_ref, reason = "the other operations use `try_borrow`")]
    pub async fn borrowed_by<R>(self, future: impl AsyncFnOnce(&mut T) -> R) -> Option<R> {
        let mut handle = self.0.try_borrow_mut().ok()?;
        Some(future(handle.as_mut()?).await)
    }

    /// A future that borrows the handle during each poll only.
    pub async fn polled_by<R>(
        self,
        mut poll: impl FnMut(&mut T, &mut Context<'_>) -> Poll<R>,
    ) -> Option<R> {
        poll_fn(|cx| match self.with(|handle| poll(handle, cx)) {
            Some(answer) => answer.map(Some),
            None => Poll::Ready(None),
        })
        .await
    }
}

/// Pending once, without a wake. An operation that has got something keeps it until it is polled again.
pub async fn pause() {
    let mut is_paused = false;
    poll_fn(|_| match mem::replace(&mut is_paused, true) {
        false => Poll::Pending,
        true => Poll::Ready(()),
    })
    .await;
}
