//! Makes one system call of a program fail: the k-th of its kind.
//!
//! The kernel can ask a supervisor before it makes a system call (a seccomp filter that answers `USER_NOTIF`). Here the
//! supervisor is a thread of the same process. It lets each call go on, counts the calls of the kind that is armed, and
//! answers the chosen one with an error: the kernel then does not make that call. So each occurrence is counted once
//! for the whole program, on whichever thread it is, and whether it comes from libc, from rustix or from std.
//!
//! A filter holds for the thread that installs it and for the threads that this one starts. The supervisor and the test
//! are outside of it.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::{fs, io, mem, thread};

use super::calls::{CALLS, Call};

/// One system call fails.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub call: &'static Call,
    pub errno: i32,
    /// The first of its kind is 1.
    pub occurrence: usize,
}

/// What the supervisor and the program share.
#[derive(Default)]
pub struct Injector(Mutex<Armed>);

#[derive(Default)]
struct Armed {
    fault: Option<Fault>,
    /// Calls of its kind until now.
    seen: usize,
}

impl Injector {
    fn lock(&self) -> MutexGuard<'_, Armed> {
        self.0.lock().unwrap()
    }

    /// From now on the calls count.
    pub fn arm(&self, fault: Fault) {
        *self.lock() = Armed { fault: Some(fault), seen: 0 };
    }

    /// From now on no call fails. Returns how many calls of the kind there were.
    pub fn disarm(&self) -> usize {
        mem::take(&mut *self.lock()).seen
    }

    /// The error for this call, if it is the chosen one.
    fn error_for(&self, asked: &libc::seccomp_data) -> Option<i32> {
        let mut armed = self.lock();
        let fault = armed.fault?;
        if !fault.call.is(asked) {
            return None;
        }
        armed.seen += 1;
        (armed.seen == fault.occurrence).then_some(fault.errno)
    }

    /// Runs `program` on a thread whose system calls are supervised, like those of all threads that it starts.
    pub fn supervise<T: Send + 'static>(
        self: &Arc<Self>,
        program: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<thread::JoinHandle<T>> {
        let (send, listener) = mpsc::channel();
        let injector = self.clone();
        thread::spawn(move || {
            if let Ok(listener) = listener.recv() {
                injector.answer(&listener);
            }
        });
        let (report, installed) = mpsc::channel();
        let thread = thread::spawn(move || {
            let filter = install_filter();
            let result = filter.map(|listener| send.send(listener).unwrap());
            let is_installed = result.is_ok();
            report.send(result).unwrap();
            is_installed.then(program)
        });
        installed.recv().unwrap()?;
        Ok(thread::spawn(|| thread.join().unwrap().expect("there is a filter")))
    }

    /// Answers what the kernel asks, until no thread is under the filter.
    fn answer(&self, listener: &OwnedFd) {
        loop {
            // SAFETY: all its fields are integers. The kernel demands zeroes.
            let mut asked: libc::seccomp_notif = unsafe { mem::zeroed() };
            let listener = listener.as_raw_fd();
            // SAFETY: this request fills a `seccomp_notif`.
            if unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_RECV, &mut asked) } != 0 {
                match io::Error::last_os_error().raw_os_error() {
                    // The thread that asked has got a signal, and asks again.
                    Some(libc::EINTR | libc::ENOENT) => continue,
                    _ => return,
                }
            }
            let error = self.error_for(&asked.data);
            let mut answer = libc::seccomp_notif_resp {
                id: asked.id,
                val: 0,
                error: -error.unwrap_or(0),
                flags: if error.is_some() {
                    0
                } else {
                    libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32
                },
            };
            // An error: the thread has got a signal meanwhile, and asks again.
            // SAFETY: this request reads a `seccomp_notif_resp`.
            let _ = unsafe { libc::ioctl(listener, libc::SECCOMP_IOCTL_NOTIF_SEND, &mut answer) };
        }
    }
}

impl Call {
    fn is(&self, asked: &libc::seccomp_data) -> bool {
        let is_of_kind = || {
            let link = fs::read_link(format!("/proc/self/fd/{}", asked.args[0] as i32));
            link.is_ok_and(|link| link.to_string_lossy().starts_with(self.on))
        };
        self.number == asked.nr.into() && (self.on.is_empty() || is_of_kind())
    }
}

/// From now on the kernel asks before each of the [`CALLS`] of this thread. Returns where it asks.
fn install_filter() -> io::Result<OwnedFd> {
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const JUMP_IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    let step = |code: u32, jt: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf: 0, k };

    let mut steps = vec![step(LOAD, 0, mem::offset_of!(libc::seccomp_data, nr) as u32)];
    for (n, call) in CALLS.iter().enumerate() {
        // Over the other comparisons, and over the answer to all other calls.
        steps.push(step(JUMP_IF_EQUAL, (CALLS.len() - n) as u8, call.number as u32));
    }
    steps.push(step(RETURN, 0, libc::SECCOMP_RET_ALLOW));
    steps.push(step(RETURN, 0, libc::SECCOMP_RET_USER_NOTIF));
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    // SAFETY: the first call has no pointers. The second reads the program, which lives until it has returned.
    let listener = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    if listener < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and no other owner knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(listener as i32) })
}
