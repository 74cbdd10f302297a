//! Bridging with sync code.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use openwork::runtime::{Builder, Handle, Runtime};
use openwork::sync::{mpsc, oneshot};
use openwork::time::sleep;

use crate::common::ends;
use crate::mini;

struct BlockingClient {
    inner: mini::Client,
    rt: Runtime,
}

impl BlockingClient {
    fn connect(address: SocketAddr) -> mini::Result<BlockingClient> {
        let rt = Builder::new_current_thread().enable_all().build()?;
        let inner = rt.block_on(mini::connect(address))?;
        Ok(BlockingClient { inner, rt })
    }

    fn get(&mut self, key: &str) -> mini::Result<Option<Bytes>> {
        self.rt.block_on(self.inner.get(key))
    }

    fn set(&mut self, key: &str, value: Bytes) -> mini::Result<()> {
        self.rt.block_on(self.inner.set(key, value))
    }
}

#[test]
fn a_blocking_client_has_a_runtime_of_its_own() {
    ends(|| {
        let server = Runtime::new().unwrap();
        let address = server.block_on(mini::start());
        let mut client = BlockingClient::connect(address).unwrap();
        client.set("key", "value".into()).unwrap();
        assert_eq!(client.get("key").unwrap().unwrap(), "value");
    });
}

async fn my_bg_task(i: u64) -> u64 {
    let millis = 10 - i;
    sleep(Duration::from_millis(millis)).await;
    i
}

#[test]
fn tasks_run_in_the_background_of_a_program_that_blocks() {
    ends(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut handles = Vec::with_capacity(10);
        for i in 0..10 {
            handles.push(runtime.spawn(my_bg_task(i)));
        }
        std::thread::sleep(Duration::from_millis(1));
        for (i, handle) in handles.into_iter().enumerate() {
            assert_eq!(runtime.block_on(handle).unwrap(), i as u64);
        }
    });
}

struct Task {
    name: String,
    done: oneshot::Sender<String>,
}

#[derive(Clone)]
struct TaskSpawner {
    spawn: mpsc::Sender<Task>,
}

impl TaskSpawner {
    fn new() -> TaskSpawner {
        let (send, mut recv) = mpsc::channel(16);
        let rt = Builder::new_current_thread().enable_all().build().unwrap();
        std::thread::spawn(move || {
            rt.block_on(async move {
                while let Some(task) = recv.recv().await {
                    openwork::spawn(handle_task(task));
                }
            });
        });
        TaskSpawner { spawn: send }
    }

    fn spawn_task(&self, task: Task) {
        match self.spawn.blocking_send(task) {
            Ok(()) => {}
            Err(_) => panic!("The shared runtime has shut down."),
        }
    }
}

async fn handle_task(task: Task) {
    task.done.send(format!("Got task {}", task.name)).unwrap();
}

#[test]
fn a_thread_with_a_runtime_receives_messages() {
    ends(|| {
        let spawner = TaskSpawner::new();
        for n in 0..10 {
            let (done, result) = oneshot::channel();
            spawner.clone().spawn_task(Task { name: n.to_string(), done });
            assert_eq!(result.blocking_recv().unwrap(), format!("Got task {n}"));
        }
    });
}

#[test]
fn blocking_work_comes_back_to_async_code_by_a_handle() {
    ends(|| {
        Runtime::new().unwrap().block_on(async {
            let handle = Handle::current();
            let (tx, mut rx) = mpsc::channel(1);
            let blocking = openwork::task::spawn_blocking(move || {
                tx.blocking_send("from a blocking thread").unwrap();
                handle.block_on(async {
                    sleep(Duration::from_millis(1)).await;
                    4
                })
            });
            assert_eq!(rx.recv().await, Some("from a blocking thread"));
            assert_eq!(blocking.await.unwrap(), 4);
        });
    });
}
